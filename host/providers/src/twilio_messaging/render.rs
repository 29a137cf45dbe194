//! Renders a draft as messages, or says what of it cannot be done in a conversation.
//!
//! The provider renders decisions through [`document`], vetting tries drafts with the same function. Whatever would be said is a message of
//! its own, so that the customer reads it in the order in which a caller would hear it; a question is one message with its choices, because
//! the answer is the next thing that is written.

use jackfield_domain::contact::decision::{Action, Choice, Collect, Draft, Prompt, PromptContent, SendMessage};
use jackfield_domain::contact::open::LEAVE_QUEUE;
use jackfield_domain::fallback::Inability;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::address::{Channel, e164};

use super::abilities;
use crate::provider::Scene;
use crate::twilio::render::{Document, Markup, bounded, pieces, plain};

/// Longest text of one message at Twilio.
const TEXT_CHARS_MAX: usize = 1_600;
/// Most files of one SMS at Twilio; WhatsApp takes one.
const MEDIA_MAX: usize = 10;
/// As sentences name the provider.
const CALLED: &str = "Twilio";
/// Nothing is written, and Twilio is content.
const NOTHING: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>";

/// One message of a reply.
#[derive(Debug, Default)]
struct Written {
    text: String,
    media: Vec<String>,
}

/// Renders a draft; without a scene there is no contact.
pub(super) fn document(draft: &Draft, scene: Option<&Scene<'_>>) -> Result<Document, Inability> {
    let mut reply = ReplyInWork { scene, messages: Vec::new(), notes: Vec::new() };
    draft.actions.iter().try_for_each(|action| reply.action(action))?;
    let ReplyInWork { messages, notes, .. } = reply;
    if messages.is_empty() {
        return Ok(Document { body: NOTHING.to_vec(), notes });
    }
    let mut markup = Markup::new("Response");
    for Written { text, media } in &messages {
        if media.is_empty() {
            markup.leaf("Message", &[], text);
            continue;
        }
        markup.begin("Message", &[]);
        if !text.is_empty() {
            markup.leaf("Body", &[], text);
        }
        media.iter().for_each(|url| markup.leaf("Media", &[], url));
        markup.end();
    }
    Ok(Document { body: bounded(markup.finish(), CALLED)?, notes })
}

fn cannot(action: &str, why: impl Into<String>) -> Inability {
    Inability { action: action.to_owned(), why: why.into(), code: Code::CannotRender }
}

/// A reply that is being written.
struct ReplyInWork<'a> {
    scene: Option<&'a Scene<'a>>,
    messages: Vec<Written>,
    notes: Vec<String>,
}

impl ReplyInWork<'_> {
    fn note(&mut self, action: &str, sentence: &str) {
        let note = format!("{action}: {sentence}");
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn action(&mut self, action: &Action) -> Result<(), Inability> {
        let name = action.name();
        match action {
            // The host's own way out of a queue, of which there is none here: a conversation goes on as it was.
            Action::Other(extension) if extension.kind == LEAVE_QUEUE => Err(cannot(name, "there is no queue to leave")),
            _ if abilities::cannot(name).is_some() => Err(cannot(name, abilities::cannot(name).unwrap_or_default())),
            Action::Say(prompt) => {
                let message = self.spoken(std::slice::from_ref(prompt), name)?;
                self.write(message, name);
                Ok(())
            }
            Action::Play(play) => {
                if play.times > 1 {
                    self.note(name, "a file is sent once, however often it should be played");
                }
                self.write(Written { text: String::new(), media: vec![play.url.clone()] }, name);
                Ok(())
            }
            Action::Collect(collect) => self.question(collect, &[], name),
            Action::Menu(menu) => self.question(&menu.collect, &menu.choices, name),
            Action::SendMessage(message) => self.send(message),
            // Attributes and the language stay with us, keeping silent is no message, and neither is an end.
            _ => Ok(()),
        }
    }

    fn question(&mut self, collect: &Collect, choices: &[Choice], action: &str) -> Result<(), Inability> {
        if self.scene.is_none_or(|scene| scene.alone) {
            return Err(cannot(action, "nobody is here to whom the answer could come"));
        }
        if collect.sensitive {
            self.note(action, "what is written stays on the customer's device and in Twilio's log");
        }
        let mut message = self.spoken(&collect.prompts, action)?;
        append(&mut message.text, &numbered(choices));
        if message.text.is_empty() && message.media.is_empty() {
            return Err(cannot(action, "there is nothing to ask with: a conversation needs a prompt or choices"));
        }
        self.write(message, action);
        Ok(())
    }

    fn send(&mut self, message: &SendMessage) -> Result<(), Inability> {
        let name = "send-message";
        if message.template.is_some() {
            return Err(cannot(name, "Twilio's answer to a message takes no template"));
        }
        if let Some(to) = &message.to {
            let theirs = self.scene.and_then(|scene| scene.caller.e164.clone().or_else(|| e164(&scene.caller.raw)));
            if theirs.is_none() || e164(to) != theirs {
                return Err(cannot(name, "only the customer who wrote can be answered; a message to another number needs an outbox"));
            }
        }
        if let Some(channel) = &message.channel
            && self.channel().is_none_or(|own| own.as_str() != channel)
        {
            return Err(cannot(name, "a message is answered on the channel on which it came"));
        }
        if message.reply_to.is_some() {
            self.note(name, "the message that it answers is not quoted");
        }
        if !message.choices.is_empty() {
            self.note(name, "the choices are numbered text, and what is answered comes back as text");
        }
        let mut text = message.text.trim().to_owned();
        append(&mut text, &numbered(&message.choices));
        self.write(Written { text, media: message.media.clone() }, name);
        Ok(())
    }

    fn channel(&self) -> Option<Channel> {
        self.scene.and_then(|scene| scene.entry).map(|entry| entry.channel)
    }

    /// Prompts as one message: their words, each on a line of its own, and their files.
    fn spoken(&self, prompts: &[Prompt], action: &str) -> Result<Written, Inability> {
        let mut message = Written::default();
        for prompt in prompts {
            match &prompt.content {
                PromptContent::Text(text) => append(&mut message.text, text.trim()),
                PromptContent::Ssml(ssml) => append(&mut message.text, &plain(ssml, CALLED).map_err(|why| cannot(action, why))?),
                PromptContent::Audio(url) => message.media.push(url.clone()),
                PromptContent::Other(extension) => {
                    return Err(cannot(action, format!("a message has no prompt of kind {:?}", extension.kind)));
                }
            }
        }
        Ok(message)
    }

    /// Cuts what is too much for one message into several: files go with the last of them, so that they follow what is said of them.
    fn write(&mut self, message: Written, action: &str) {
        let texts: Vec<String> = pieces(&message.text, TEXT_CHARS_MAX).into_iter().map(|piece| piece.trim().to_owned()).collect();
        if texts.len() > 1 {
            self.note(action, "a message has at most 1,600 characters, so the text becomes several");
        }
        let most = if self.channel() == Some(Channel::Whatsapp) { 1 } else { MEDIA_MAX };
        if message.media.len() > most {
            self.note(action, "there are more files than one message has, so they become several");
        }
        let mut files = message.media.chunks(most).map(<[String]>::to_vec);
        let mut written: Vec<Written> = texts.into_iter().map(|text| Written { text, media: Vec::new() }).collect();
        if let Some(last) = written.last_mut() {
            last.media = files.next().unwrap_or_default();
        }
        self.messages.extend(written);
        self.messages.extend(files.map(|media| Written { text: String::new(), media }));
    }
}

/// A choice to a line, by the key that chooses it; one without a key goes by its number.
fn numbered(choices: &[Choice]) -> String {
    let line = |(at, choice): (usize, &Choice)| {
        let key = if choice.key.is_empty() { (at + 1).to_string() } else { choice.key.clone() };
        let label = if choice.label.is_empty() { &choice.value } else { &choice.label };
        format!("{key}. {label}")
    };
    choices.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
}
