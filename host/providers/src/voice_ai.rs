//! Reads a draft as what a voice-AI platform can be told in one answer: words, attributes, and one last action.
//!
//! Vapi and Retell render with it. Such a platform runs speech and model itself and asks us seldom, so nothing that waits for the
//! customer can be done through it. What cannot be done is one table for binding and rendering, so that the two cannot differ.
//!
//! It must not know a wire format: what is told goes out in the provider's own words.

use std::borrow::Cow;

use jackfield_domain::contact::decision::{Action, Draft, Prompt, PromptContent};
use jackfield_domain::contact::persona::Persona;
use jackfield_domain::fallback::Inability;
use jackfield_domain::refusal::Code;

/// What is told.
#[derive(Debug, Default)]
pub(crate) struct Told<'a> {
    /// What is said before the last action, in order.
    pub(crate) said: Vec<&'a str>,
    /// Every attribute that is set to something; the last value of a name counts.
    pub(crate) attributes: Vec<(&'a str, &'a str)>,
    /// What the decision comes to, where it does.
    pub(crate) last: Option<&'a Action>,
    /// What is done in a lesser way.
    pub(crate) notes: Notes,
}

impl<'a> Told<'a> {
    /// The words as one text.
    pub(crate) fn words(&self) -> Cow<'a, str> {
        joined(&self.said)
    }
}

/// Several texts as one, with spaces between them.
pub(crate) fn joined<'a>(texts: &[&'a str]) -> Cow<'a, str> {
    match texts {
        [] => Cow::Borrowed(""),
        [text] => Cow::Borrowed(text),
        texts => Cow::Owned(texts.join(" ")),
    }
}

/// Sentences, each once.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<String>);

impl Notes {
    pub(crate) fn add(&mut self, action: &str, sentence: &str) {
        let note = [action, ": ", sentence].concat();
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    pub(crate) fn add_if(&mut self, asked: bool, action: &str, sentence: &str) {
        if asked {
            self.add(action, sentence);
        }
    }

    pub(crate) fn into_sentences(self) -> Vec<String> {
        self.0
    }
}

/// Reads a draft.
pub(crate) fn told(draft: &Draft) -> Result<Told<'_>, Inability> {
    let mut told = Told::default();
    for action in &draft.actions {
        if let Some((code, why)) = impossible(action.name()) {
            return Err(Inability { code, ..cannot(action.name(), why) });
        }
        match action {
            Action::Say(prompt) => {
                told.said.push(words(prompt)?);
                let styled = prompt.voice.is_some() || prompt.language.is_some();
                told.notes.add_if(styled, "say", "the assistant's own voice says it, in its own language");
            }
            Action::SetAttributes(pairs) => {
                for (name, value) in pairs {
                    told.attributes.retain(|(known, _)| known != name);
                    // An empty value removes a name.
                    if !value.is_empty() {
                        told.attributes.push((name, value));
                    }
                }
            }
            Action::Pause(_) => told.notes.add("pause", "the platform begins to speak when it is ready, so the pause is left out"),
            // The contact keeps it; the persona names its own.
            Action::SetLanguage(_) => {}
            last => told.last = Some(last),
        }
    }
    Ok(told)
}

/// What no such platform does for us, by the action's name: the code and why.
pub(crate) fn impossible(action: &str) -> Option<(Code, &'static str)> {
    let why = match action {
        "send-message" | "callback" => return Some((Code::NeedsOutbox, "it needs an outbox, and there is none yet")),
        "play" => "the platform speaks words, and plays no file of yours",
        "send-digits" => "the platform presses no keys for us",
        "collect" | "menu" | "ask-consent" => {
            "the platform's model leads the conversation and brings no answer back; put the question into a persona's instructions"
        }
        "continue" | "wake-after" => "the platform does not come back to ask",
        "conference" => "the platform joins no conference",
        "voicemail" => "the platform takes no voice messages for us; a persona can ask for one",
        "record-audio" => "recording is a setting of the assistant at the platform",
        "other" => "the platform knows no actions beside the contract's",
        _ => return None,
    };
    Some((Code::CannotRender, why))
}

pub(crate) fn cannot(action: &str, why: impl Into<String>) -> Inability {
    Inability { action: action.to_owned(), why: why.into(), code: Code::CannotRender }
}

fn words(prompt: &Prompt) -> Result<&str, Inability> {
    match &prompt.content {
        PromptContent::Text(text) => Ok(text),
        PromptContent::Ssml(_) => Err(cannot("say", "the platform takes plain words and no SSML")),
        PromptContent::Audio(_) => Err(cannot("say", "the platform speaks words, and plays no file of yours")),
        PromptContent::Other(extension) => Err(cannot("say", format!("the platform says nothing of kind {:?}", extension.kind))),
    }
}

/// What of a persona no such platform takes over from an answer.
pub(crate) fn note_persona(persona: &Persona, notes: &mut Notes) {
    notes.add_if(!persona.hints.is_empty(), "converse", "the words that the recogniser should expect are left out");
    notes.add_if(!persona.fields.is_empty(), "converse", "nothing comes back of the fields; the platform's own analysis can find them");
    notes.add_if(persona.escalation.is_some(), "converse", "the platform watches for no words of escalation; say it in the instructions");
    notes.add_if(!persona.knowledge.is_empty(), "converse", "knowledge bases are the platform's own and are left out");
}
