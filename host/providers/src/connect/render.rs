//! Writes a draft as the map that a flow reads at `$.External`: the plugin's attributes as they are, and what is to be done under
//! `decision_`.
//!
//! Flat strings are the rule, because a block that expects a string map refuses anything else, and a flow can branch on nothing else. A
//! key that begins with `decision_` is ours: an attribute of that name is left out, so that a plugin cannot say one thing and do another.

use std::borrow::Cow;

use jackfield_domain::contact::decision::{
    Action, Choice, Collect, Converse, Draft, Enqueue, Prompt, PromptContent, Recording, Ringing, Target, Transfer, Voicemail,
};
use jackfield_domain::fallback::{AnsweredBy, Inability, last_words};
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::connection::Connection;

use super::NAME;
use super::written::{Greeting, Written, inside_speak, seconds};
use crate::provider::{Place, Ran, Scene, Step};

/// A block fails above 32 KB; what stands around the map in the nested form needs some of it.
const REPLY_BYTES_MAX: usize = 32 * 1_024 - 256;
/// What is ours.
pub(super) const PREFIX: &str = "decision_";

fn cannot(action: &str, why: impl Into<String>) -> Inability {
    Inability { action: action.to_owned(), why: why.into(), code: Code::CannotRender }
}

/// The code of what went wrong, where something did.
pub(super) fn error_code(ran: &Ran<'_>) -> String {
    let failed = ran.attempts.iter().find_map(|attempt| attempt.failure.as_ref()).map(|failure| failure.code().to_owned());
    ran.barred.map(str::to_owned).or(failed).unwrap_or_else(|| "no-answer".to_owned())
}

/// Writes a draft, or says what of it Connect cannot do. Gives back the answer and what is done in a lesser way.
pub(super) fn write<'a>(
    draft: &'a Draft,
    connection: &'a Connection,
    scene: Option<&'a Scene<'a>>,
) -> Result<(Vec<u8>, Vec<String>), Inability> {
    let written = Written {
        attributes: Vec::new(),
        ours: Vec::with_capacity(16),
        greeting: None,
        choices: &[],
        is_somebodys: scene.is_some(),
        failed: None,
        notes: Vec::new(),
    };
    let mut page = Page { written, connection, scene, done: "none", place: None, said: Vec::new() };
    draft.actions.iter().try_for_each(|action| page.action(action))?;
    page.finish();
    page.tell_what_ran(draft.reason == last_words().reason);
    let body = page.written.body(connection.option(super::REPLY));
    if body.len() > REPLY_BYTES_MAX {
        return Err(cannot("decision", format!("its answer has {} bytes, and a block takes 32,768", body.len())));
    }
    Ok((body, page.written.notes))
}

/// An answer that is being written.
struct Page<'a> {
    written: Written<'a>,
    connection: &'a Connection,
    scene: Option<&'a Scene<'a>>,
    done: &'static str,
    /// Where the flow comes back to, if it does.
    place: Option<Place>,
    said: Vec<&'a Prompt>,
}

impl<'a> Page<'a> {
    /// What a flow may branch on: which release answered, and whether it was the plugin.
    fn tell_what_ran(&mut self, is_last_words: bool) {
        let written = &mut self.written;
        let Some(ran) = self.scene.and_then(|scene| scene.ran) else {
            if self.scene.is_none() {
                // What leaves while nobody can look anything up says nothing of whose the address is.
                let error = if is_last_words { "unavailable" } else { "unbound-address" };
                written.is_somebodys |= is_last_words;
                written.failed = is_last_words.then(|| error.to_owned());
                written.put("decision_fallback", "true");
                written.put("decision_error", error);
            }
            return;
        };
        written.put("decision_answered_by", ran.answered_by.as_str());
        if let Some(release) = ran.release {
            written.put("decision_version", release.to_string());
        }
        if !matches!(ran.answered_by, AnsweredBy::Plugin | AnsweredBy::LastGood) {
            let code = error_code(&ran);
            written.put("decision_fallback", "true");
            written.put("decision_error", code.clone());
            written.failed = Some(code);
        }
    }

    fn finish(&mut self) {
        let action = self.done;
        self.written.put("decision_action", action);
        self.speak();
        if let (Some(scene), Some(place)) = (self.scene.filter(|scene| !scene.alone), self.place) {
            let step = Step { contact: scene.contact, turn: scene.turn, place };
            self.written.put("decision_step", step.to_string());
        }
    }

    /// Everything that is to be said, as one text for one block. One part in SSML makes all of it SSML.
    fn speak(&mut self) {
        let is_ssml = self.said.iter().any(|prompt| matches!(prompt.content, PromptContent::Ssml(_)));
        let texts: Vec<Cow<'a, str>> = self
            .said
            .iter()
            .filter_map(|prompt| match &prompt.content {
                PromptContent::Text(text) if is_ssml => Some(quick_xml::escape::escape(text.as_str())),
                PromptContent::Text(text) => Some(Cow::Borrowed(text.as_str())),
                PromptContent::Ssml(ssml) => Some(Cow::Borrowed(inside_speak(ssml))),
                _ => None,
            })
            .collect();
        let voice = self.said.iter().find_map(|prompt| prompt.voice.as_deref());
        let language = self.said.iter().find_map(|prompt| prompt.language.as_deref());
        if !texts.is_empty() {
            let said = match <[Cow<'a, str>; 1]>::try_from(texts) {
                Ok([text]) => text,
                Err(texts) => Cow::Owned(texts.join(" ")),
            };
            self.written.greeting = Some(Greeting { text: said.clone(), voice });
            self.written.put("decision_prompt", if is_ssml { Cow::Owned(format!("<speak>{said}</speak>")) } else { said });
            self.written.put("decision_prompt_type", if is_ssml { "ssml" } else { "text" });
        }
        if let Some(voice) = voice {
            self.written.put("decision_prompt_voice", voice);
        }
        if let Some(language) = language {
            self.written.put("decision_prompt_language", language);
        }
    }

    fn prompts(&mut self, prompts: &'a [Prompt], action: &str) {
        for prompt in prompts {
            if let PromptContent::Audio(url) = &prompt.content {
                self.audio(url, action);
            }
            self.said.push(prompt);
        }
    }

    fn audio(&mut self, url: &'a str, action: &str) {
        if self.written.ours.iter().any(|(name, _)| name == "decision_prompt_audio") {
            self.written.note(action, "one recording can be named; the first is");
        } else {
            self.written.put("decision_prompt_audio", url);
        }
    }

    fn comes_back(&mut self, place: Place, action: &str) -> Result<(), Inability> {
        match self.scene {
            Some(scene) if !scene.alone => {
                self.place = Some(place);
                Ok(())
            }
            _ => Err(cannot(action, "nobody is there to whom the flow could come back with what comes of it")),
        }
    }

    /// Where the flow goes on by itself, unless somebody is there to whom it can tell what came of it.
    fn may_come_back(&mut self, place: Place, action: &str) {
        match self.scene {
            Some(scene) if !scene.alone => self.place = Some(place),
            Some(_) => self.written.note(action, "the flow comes back to nobody with what comes of it"),
            None => {}
        }
    }

    fn action(&mut self, action: &'a Action) -> Result<(), Inability> {
        let name = action.name();
        match action {
            Action::Keep => self.done = "keep",
            Action::Say(prompt) => self.prompts(std::slice::from_ref(prompt), name),
            Action::Play(play) => self.audio(&play.url, name),
            Action::Pause(ms) => {
                self.written.put("decision_pause_ms", ms.to_string());
                self.written.note(name, "the flow must wait");
            }
            Action::SetLanguage(language) => self.written.put("decision_language", language),
            Action::SetAttributes(pairs) => self.attributes(pairs, name),
            Action::Collect(collect) => self.ask(collect, &[], name)?,
            Action::Menu(menu) => self.ask(&menu.collect, &menu.choices, name)?,
            Action::AskConsent(ask) => {
                self.comes_back(Place::Answered, name)?;
                self.done = "get_input";
                self.prompts(&ask.prompts, name);
                self.written.put("decision_max_digits", "1");
                self.written.put("decision_accept_key", &ask.accept_key);
                self.written.put("decision_timeout_s", seconds(ask.timeout_ms));
            }
            Action::Continue(_) => {
                self.comes_back(Place::Main, name)?;
                self.done = "continue";
            }
            Action::WakeAfter(wake) => {
                self.comes_back(Place::Main, name)?;
                self.done = "wait";
                self.written.put("decision_wait_s", seconds(wake.after_ms));
            }
            Action::Enqueue(enqueue) => self.enqueue(enqueue),
            Action::Transfer(transfer) => self.transfer(transfer)?,
            Action::Converse(converse) => self.converse(converse),
            Action::Callback(callback) => {
                self.done = "callback";
                let number = callback.number.as_deref().or_else(|| self.scene?.caller.e164.as_deref());
                let number = number.ok_or_else(|| cannot(name, "the caller's number is not known, and it names none"))?;
                self.written.put("decision_callback_number", number);
                self.queue(&callback.queue);
            }
            Action::RecordAudio(policy) => {
                let recording = match policy.recording {
                    Recording::On => "on",
                    Recording::Off => "off",
                    Recording::Pause => "pause",
                    Recording::Resume => "resume",
                };
                self.written.put("decision_recording", recording);
                self.prompts(policy.announcement.as_slice(), name);
            }
            Action::HangUp(_) => self.done = "disconnect",
            Action::Reject(reason) => {
                self.done = "disconnect";
                self.written.put("decision_reject_reason", reason);
            }
            Action::SendMessage(_) => {
                return Err(Inability { code: Code::NeedsOutbox, ..cannot(name, "it needs an outbox, and there is none yet") });
            }
            Action::Voicemail(voicemail) => self.voicemail(voicemail)?,
            Action::SendDigits(_) | Action::Conference(_) => {
                return Err(cannot(name, "Connect has no block that does it"));
            }
            Action::Other(extension) => return Err(cannot(name, format!("{:?} means nothing to a flow", extension.kind))),
        }
        Ok(())
    }

    fn voicemail(&mut self, voicemail: &'a Voicemail) -> Result<(), Inability> {
        let flow = self.connection.option(super::VOICEMAIL_FLOW);
        let flow = flow.ok_or_else(|| cannot("voicemail", "the connection has no option voicemail_flow"))?;
        self.done = "transfer_to_flow";
        self.prompts(&voicemail.prompts, "voicemail");
        self.written.put("decision_flow", flow);
        self.written.put("decision_maximum_length_s", seconds(voicemail.max_length_ms));
        Ok(())
    }

    fn attributes(&mut self, pairs: &'a [(String, String)], action: &str) {
        for (name, value) in pairs {
            if name.starts_with(PREFIX) {
                self.written.note(action, "names that begin with decision_ are the host's, and such attributes are kept but not told");
                continue;
            }
            self.written.attributes.retain(|(known, _)| *known != name.as_str());
            // An empty one removes it from the contact; a flow keeps what it was told, so it is told that it is empty.
            self.written.attributes.push((name, value));
        }
    }

    fn ask(&mut self, collect: &'a Collect, choices: &'a [Choice], action: &str) -> Result<(), Inability> {
        self.comes_back(Place::Answered, action)?;
        self.done = "get_input";
        self.prompts(&collect.prompts, action);
        let longest = choices.iter().map(|choice| choice.key.len()).max().unwrap_or(collect.max_digits as usize);
        self.written.put("decision_max_digits", longest.max(1).to_string());
        self.written.put("decision_timeout_s", seconds(collect.first_timeout_ms));
        self.written.put("decision_input", if collect.speech { "dtmf speech" } else { "dtmf" });
        if let Some(terminator) = &collect.terminator {
            self.written.put("decision_terminator", terminator);
        }
        if collect.sensitive {
            self.written.put("decision_sensitive", "true");
            self.written.note(action, "the flow must store what is entered encrypted");
        }
        for (at, choice) in choices.iter().enumerate() {
            self.written.put(format!("decision_menu_{}_key", at + 1), &choice.key);
            self.written.put(format!("decision_menu_{}_label", at + 1), &choice.label);
            self.written.put(format!("decision_menu_{}_value", at + 1), &choice.value);
        }
        if !choices.is_empty() {
            self.written.put("decision_menu_count", choices.len().to_string());
            self.written.choices = choices;
        }
        Ok(())
    }

    /// What Connect calls the queue; where nobody said, its own name.
    fn queue(&mut self, name: &'a str) {
        let known = self.scene.and_then(|scene| scene.directory.queues.get(name));
        let id = known.and_then(|queue| queue.provider_ids.get(NAME)).map_or(name, String::as_str);
        self.written.put("decision_queue", id);
        self.written.put("decision_queue_name", name);
    }

    fn enqueue(&mut self, enqueue: &'a Enqueue) {
        self.done = "transfer_to_queue";
        self.queue(&enqueue.queue);
        if let Some(priority) = enqueue.priority {
            self.written.put("decision_priority", priority.to_string());
        }
        if let Some(wait) = enqueue.maximum_wait_ms {
            self.written.put("decision_maximum_wait_s", seconds(wait));
        }
        for (at, skill) in enqueue.skills.iter().enumerate() {
            self.written.put(format!("decision_skill_{}", at + 1), format!("{} >= {}", skill.name, skill.level));
        }
        self.may_come_back(Place::QueueLeft, "enqueue");
        if enqueue.notify || enqueue.announce_every_ms.is_some() || enqueue.hold_music.is_some() {
            self.written.note("enqueue", "what is heard in the queue is the customer queue flow's");
        }
    }

    fn transfer(&mut self, transfer: &'a Transfer) -> Result<(), Inability> {
        let action = "transfer";
        if let Some(Target::Flow(flow)) = transfer.targets.first() {
            self.comes_back(Place::Main, action)?;
            self.done = "continue";
            self.written.put("decision_next_flow", flow);
            return Ok(());
        }
        for (at, target) in transfer.targets.iter().enumerate() {
            let suffix = if at == 0 { String::new() } else { format!("_{}", at + 1) };
            let (done, key, value) = self.target(target)?;
            if at == 0 {
                self.done = done;
            }
            self.written.put(format!("decision_{key}{suffix}"), value);
        }
        if transfer.targets.len() > 1 {
            self.written.note(action, "the flow must try the targets one after the other");
        }
        if let Some(caller_id) = &transfer.caller_id {
            self.written.put("decision_caller_id", caller_id);
        }
        if let Some(timeout) = transfer.ring_timeout_ms {
            self.written.put("decision_ring_timeout_s", seconds(timeout));
        }
        if transfer.talk_limit_ms.is_some() || transfer.warm || transfer.ringing == Ringing::Parallel {
            self.written.note(action, "how long they talk, whether they are announced and whether they ring at once is the flow's");
        }
        if transfer.whisper.is_some() || transfer.screening {
            self.written.note(action, "what an agent hears first is the whisper flow's");
        }
        self.may_come_back(Place::Dialled, action);
        Ok(())
    }

    fn target(&self, target: &'a Target) -> Result<(&'static str, &'static str, &'a str), Inability> {
        let raw = match target {
            Target::Number(number) => return Ok(("transfer_to_number", "number", number)),
            Target::Person(name) => {
                let person = self.scene.and_then(|scene| scene.directory.people.get(name));
                let person = person.ok_or_else(|| cannot("transfer", "nobody knows the person here"))?;
                match &person.address.e164 {
                    Some(number) => return Ok(("transfer_to_number", "number", number)),
                    None => person.address.raw.as_str(),
                }
            }
            Target::Sip(_) => {
                return Err(cannot("transfer", "Connect transfers to numbers, queues, agents and flows, but not to SIP addresses"));
            }
            Target::Flow(_) | Target::Other(_) => return Err(cannot("transfer", "it is no target that a flow knows")),
        };
        if raw.contains(":contact-flow/") || raw.contains("/contact-flow/") {
            Ok(("transfer_to_flow", "flow", raw))
        } else if raw.starts_with("arn:") {
            Ok(("transfer_to_agent", "agent", raw))
        } else {
            Err(cannot("transfer", "the person is reached at a SIP address, and Connect calls none"))
        }
    }

    fn converse(&mut self, converse: &'a Converse) {
        self.done = "converse";
        let persona = &converse.persona;
        self.written.put("decision_ai_instructions", &persona.instructions);
        for (name, value) in
            [("decision_ai_greeting", &persona.greeting), ("decision_ai_voice", &persona.voice), ("decision_ai_model", &persona.model)]
        {
            if let Some(value) = value {
                self.written.put(name, value);
            }
        }
        self.written.put("decision_ai_language", &persona.language);
        self.may_come_back(Place::SpeakerEnded, "converse");
    }
}
