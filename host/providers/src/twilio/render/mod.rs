//! Renders a draft as TwiML, or says what of it cannot be done.
//!
//! The provider renders decisions through [`document`], vetting tries drafts with the same function. A page knows where it will be
//! heard: the contact's own document, the wait in a queue, which takes few verbs, or nobody's, where no contact exists and nothing can
//! come back. URLs carry a step token and nothing else about the contact.

mod alone;
mod away;
mod dial;
mod markup;
mod question;
mod speech;
mod ssml;
mod wait;
mod whisper;

use jackfield_domain::contact::decision::{Action, Draft, Recording, RecordingPolicy};
use jackfield_domain::contact::persona::BargeIn;
use jackfield_domain::fallback::Inability;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::connection::Connection;

use self::markup::Attribute;
use super::dialect::Dialect;
use super::parse::Hook;
use crate::provider::{Place, Scene, Step};
use crate::token::PARAMETER;

pub(crate) use alone::{HOSTING, alone};
pub(crate) use markup::Markup;
pub(crate) use speech::pieces;
pub(crate) use ssml::plain;
pub(crate) use whisper::whisper;

/// Twilio drops a call whose document is larger (error 11750).
const DOCUMENT_BYTES_MAX: usize = 65_536;
/// Longest `wake-after`: a pause keeps the line busy and silent, and nobody stays on it for longer.
const WAKE_MS_MAX: u64 = 600_000;

/// A document and what in it is done in a lesser way than asked.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) body: Vec<u8>,
    pub(crate) notes: Vec<String>,
}

/// Renders a draft; without a scene there is no contact.
pub(crate) fn document(
    dialect: &Dialect,
    draft: &Draft,
    connection: &Connection,
    scene: Option<&Scene<'_>>,
) -> Result<Document, Inability> {
    let mut page = Page::new(dialect, connection, scene);
    let who = dialect.called;
    let in_queue = scene.is_some_and(|scene| scene.place == Place::QueueWait);
    if in_queue {
        page.wait(&draft.actions)?;
    } else {
        draft.actions.iter().try_for_each(|action| page.action(action))?;
        if draft.actions.last().is_some_and(|action| !action.is_last()) {
            page.note("decision", &format!("nothing follows the last action, so {who} ends the call after it"));
        }
    }
    let Page { markup, notes, .. } = page;
    let body = bounded(markup.finish(), who)?;
    Ok(Document { body, notes })
}

pub(crate) fn bounded(body: Vec<u8>, who: &str) -> Result<Vec<u8>, Inability> {
    if body.len() > DOCUMENT_BYTES_MAX {
        let why = format!("its document has {} bytes, and {who} takes 65,536", body.len());
        return Err(cannot("decision", why));
    }
    Ok(body)
}

/// The document that ends a call.
pub(crate) fn hang_up() -> Vec<u8> {
    let mut markup = Markup::new("Response");
    markup.empty("Hangup", &[]);
    markup.finish()
}

fn cannot(action: &str, why: impl Into<String>) -> Inability {
    Inability { action: action.to_owned(), why: why.into(), code: Code::CannotRender }
}

/// Whole seconds, rounded up: TwiML counts in them, and a customer who is given less time than was meant loses the call.
fn seconds(ms: u64) -> String {
    ms.div_ceil(1_000).max(1).to_string()
}

/// A document that is being written.
struct Page<'a> {
    markup: Markup,
    dialect: &'a Dialect,
    connection: &'a Connection,
    scene: Option<&'a Scene<'a>>,
    /// In force for what follows; the provider's own default where none is known.
    language: Option<String>,
    notes: Vec<String>,
    /// True once anything takes time, so that a wait document cannot spin.
    audible: bool,
    /// True where nothing may come back, because a host elsewhere gives the document out.
    alone: bool,
}

impl<'a> Page<'a> {
    fn new(dialect: &'a Dialect, connection: &'a Connection, scene: Option<&'a Scene<'a>>) -> Self {
        Self {
            markup: Markup::new("Response"),
            dialect,
            connection,
            scene,
            language: scene.map(|scene| scene.language.to_owned()).filter(|language| !language.is_empty()),
            notes: Vec::new(),
            audible: false,
            alone: false,
        }
    }

    fn note(&mut self, action: &str, sentence: &str) {
        let note = format!("{action}: {sentence}");
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn scene_for(&self, action: &str) -> Result<&'a Scene<'a>, Inability> {
        self.scene.ok_or_else(|| cannot(action, "no contact exists here to which its outcome could come back"))
    }

    /// The URL under which the provider comes back to this contact's step.
    fn hook(&self, place: Place, action: &str) -> Result<String, Inability> {
        if self.alone {
            return Err(cannot(action, "what comes of it would have to come back, and nobody is there"));
        }
        let scene = self.scene_for(action)?;
        let step = Step { contact: scene.contact, turn: scene.turn, place };
        let Connection { public_url, id, .. } = self.connection;
        Ok(format!("{public_url}/hooks/{id}/{}?{PARAMETER}={step}", Hook::tail(place)))
    }

    fn redirect(&mut self, url: &str) {
        self.markup.leaf("Redirect", &[("method", "POST")], url);
    }

    fn pause(&mut self, ms: u64) {
        self.audible = true;
        self.markup.empty("Pause", &[("length", &seconds(ms))]);
    }

    fn action(&mut self, action: &Action) -> Result<(), Inability> {
        let (name, who) = (action.name(), self.dialect.called);
        match action {
            Action::Keep => {
                Err(cannot(name, format!("{who} ends a call whose answer is empty; keep works only while the customer waits in a queue")))
            }
            Action::Say(_)
            | Action::Play(_)
            | Action::Pause(_)
            | Action::SendDigits(_)
            | Action::SetLanguage(_)
            | Action::SetAttributes(_)
            | Action::HangUp(_) => self.simple(action),
            Action::Collect(collect) => self.collect(collect, &[], name),
            Action::Menu(menu) => self.collect(&menu.collect, &menu.choices, name),
            Action::Continue(_) => {
                let url = self.hook(Place::Main, name)?;
                self.redirect(&url);
                Ok(())
            }
            Action::WakeAfter(wake) if wake.after_ms > WAKE_MS_MAX => {
                Err(cannot(name, format!("{who} would keep the line silent for that long; ten minutes are the most")))
            }
            Action::WakeAfter(wake) => {
                let url = self.hook(Place::Main, name)?;
                self.pause(wake.after_ms);
                self.redirect(&url);
                Ok(())
            }
            Action::AskConsent(ask) => self.ask_consent(ask),
            Action::Enqueue(enqueue) => self.enqueue(enqueue),
            Action::Transfer(transfer) => self.transfer(transfer),
            Action::Conference(conference) => self.conference(conference),
            Action::Converse(converse) => self.converse(converse),
            Action::Voicemail(voicemail) => self.voicemail(voicemail),
            Action::RecordAudio(policy) => self.record_audio(policy),
            Action::Reject(reason) => {
                self.reject(reason);
                Ok(())
            }
            Action::SendMessage(_) | Action::Callback(_) => {
                Err(Inability { code: Code::NeedsOutbox, ..cannot(name, "it needs an outbox, and there is none yet") })
            }
            Action::Other(extension) => Err(cannot(name, format!("{:?} means nothing outside a queue", extension.kind))),
        }
    }

    /// What needs nothing to come back, and so works everywhere.
    fn simple(&mut self, action: &Action) -> Result<(), Inability> {
        let who = self.dialect.called;
        match action {
            Action::Say(prompt) => return self.prompt(prompt, action.name()),
            Action::Play(play) => {
                if play.barge_in != BargeIn::None {
                    self.note("play", &format!("{who} plays it to the end; put it into a collect to have it cut short"));
                }
                self.audible = true;
                self.markup.leaf("Play", &[("loop", &play.times.to_string())], &play.url);
            }
            Action::Pause(ms) => self.pause(*ms),
            Action::SendDigits(keys) => {
                if keys.bytes().any(|key| matches!(key, b'A'..=b'D')) {
                    return Err(cannot(action.name(), format!("{who} sends the keys 0-9, * and #, and w, but not A-D")));
                }
                self.audible = true;
                self.markup.empty("Play", &[("digits", keys)]);
            }
            Action::SetLanguage(language) => self.language = Some(language.clone()),
            Action::HangUp(_) => self.markup.empty("Hangup", &[]),
            // Attributes stay with us.
            _ => {}
        }
        Ok(())
    }

    fn record_audio(&mut self, policy: &RecordingPolicy) -> Result<(), Inability> {
        let scene = self.scene_for("record-audio")?;
        match policy.recording {
            Recording::On => {
                if let Some(announcement) = &policy.announcement {
                    self.prompt(announcement, "record-audio")?;
                }
                let channels: Attribute<'_> = ("channels", if policy.separate_channels { "dual" } else { "mono" });
                self.markup.begin("Start", &[]);
                self.markup.empty("Recording", &[channels]);
                self.markup.end();
                Ok(())
            }
            // In the first turn nothing is being recorded yet, so there is nothing to end.
            Recording::Off if scene.turn <= 1 => Ok(()),
            Recording::Off | Recording::Pause | Recording::Resume => {
                let who = self.dialect.called;
                Err(cannot(
                    "record-audio",
                    format!("an answer can begin a recording, but only {who}'s REST API ends, halts or resumes one"),
                ))
            }
        }
    }

    fn reject(&mut self, reason: &str) {
        // Once a call is answered there is nothing left to reject.
        if self.scene.is_some_and(|scene| scene.turn > 1) {
            self.note("reject", "the call is answered already, so it is hung up");
            self.markup.empty("Hangup", &[]);
            return;
        }
        let known = if reason == "busy" { "busy" } else { "rejected" };
        if known != reason {
            self.note("reject", "there are only busy and rejected; this becomes rejected");
        }
        self.markup.empty("Reject", &[("reason", known)]);
    }
}

#[cfg(test)]
mod tests;
