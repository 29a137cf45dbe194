//! Renders a draft as the answer to what Vapi asked: who speaks, what a tool says, where a call goes.
//!
//! The provider renders decisions through [`answer`], vetting tries drafts with the same function. What was asked decides the form: a
//! call that rings takes an assistant, a destination or a last sentence; a tool takes words; a transfer takes a destination.
//! A draft that is only tried, and one without a contact, is taken for the answer to a call that rings.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jackfield_domain::contact::decision::{Action, Draft, Enqueue, Target, Transfer};
use jackfield_domain::fallback::Inability;
use jackfield_domain::tenant::address::{AddressKind, e164};
use jackfield_domain::tenant::connection::Connection;
use serde::Serialize;

use super::assistant::{Assistant, assistant};
use super::parse::{TOOL_CALLS, TRANSFER};
use super::{ASSISTANT_ID, NAME};
use crate::provider::Scene;
use crate::voice_ai::{Told, cannot, told};

/// What is said where a decision ends the call without a word: Vapi ends none in silence.
const GOODBYE: &str = "We cannot take your call right now. Goodbye.";
/// What a tool answers where the decision says nothing: an empty result lets a model guess.
const DONE: &str = "done";
/// What the other tools of one message hear.
const ONE_AT_A_TIME: &str = "only one tool is answered at a time; call this one again";
/// Vapi's own word for the number that was dialled.
const DIALLED: &str = "{{phoneNumber.number}}";

/// What Vapi is answered.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(super) enum Answer<'a> {
    /// An assistant for one call.
    Assistant { assistant: Assistant<'a> },
    /// One that is saved at Vapi.
    Saved {
        assistant_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        assistant_overrides: Option<Overrides<'a>>,
    },
    /// Where the call goes.
    Destination { destination: Destination<'a> },
    /// A sentence, after which the call ends.
    Error { error: Cow<'a, str> },
    /// What tools answer.
    Results { results: Vec<ToolResult> },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Overrides<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    first_message: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    variable_values: BTreeMap<&'a str, &'a str>,
}

/// A number or a SIP address.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Destination<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    caller_id: Option<&'a str>,
    message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sip_headers: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sip_uri: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    tool_call_id: String,
}

/// The answer, and what of the draft it does in a lesser way.
pub(super) fn answer<'a>(
    draft: &'a Draft,
    connection: &'a Connection,
    scene: Option<&'a Scene<'a>>,
) -> Result<(Answer<'a>, Vec<String>), Inability> {
    let mut page = Page { told: told(draft)?, connection, scene };
    let asked = scene.map_or("", |scene| scene.asked);
    let answer = match asked.strip_prefix(TOOL_CALLS).and_then(|rest| rest.strip_prefix(':')) {
        Some(calls) => page.tool_results(calls)?,
        None if asked == TRANSFER => page.transfer_destination()?,
        None => page.assistant_request()?,
    };
    Ok((answer, page.told.notes.into_sentences()))
}

struct Page<'a> {
    told: Told<'a>,
    connection: &'a Connection,
    scene: Option<&'a Scene<'a>>,
}

impl<'a> Page<'a> {
    fn scene_for(&self, action: &str) -> Result<&'a Scene<'a>, Inability> {
        self.scene.ok_or_else(|| cannot(action, "no contact exists here to which its outcome could come back"))
    }

    fn assistant_request(&mut self) -> Result<Answer<'a>, Inability> {
        match self.told.last {
            Some(Action::Converse(converse)) => {
                let scene = self.scene_for("converse")?;
                let assistant = assistant(converse, self.told.words(), scene.alone, &mut self.told.notes)?;
                Ok(Answer::Assistant { assistant })
            }
            Some(Action::HangUp(_)) => Ok(self.last_sentence()),
            Some(Action::Reject(_)) => {
                self.told.notes.add("reject", "Vapi refuses no call; it answers with a spoken sentence and ends it");
                Ok(self.last_sentence())
            }
            Some(Action::Keep) => match self.connection.option(ASSISTANT_ID) {
                Some(assistant_id) => Ok(Answer::Saved { assistant_id, assistant_overrides: None }),
                None => Err(cannot("keep", "Vapi must be told who answers; the connection has no option assistant_id")),
            },
            Some(action) => self.destination(action),
            None => self.own_assistant(),
        }
    }

    /// Nothing follows what was said and set: the assistant that the connection names goes on, or else the call ends with the words.
    fn own_assistant(&mut self) -> Result<Answer<'a>, Inability> {
        let said = self.told.words();
        if let Some(assistant_id) = self.connection.option(ASSISTANT_ID).filter(|_| said.is_empty() || !self.told.attributes.is_empty()) {
            let variable_values = self.told.attributes.iter().copied().collect();
            let overrides = Overrides { first_message: Some(said).filter(|said| !said.is_empty()), variable_values };
            return Ok(Answer::Saved { assistant_id, assistant_overrides: Some(overrides) });
        }
        if said.is_empty() {
            let why = "nothing says who answers: end with a converse, a transfer or a hang-up, or set the option assistant_id";
            return Err(cannot("decision", why));
        }
        self.told.notes.add("decision", "nothing follows the last action, so Vapi ends the call after it");
        Ok(self.last_sentence())
    }

    fn last_sentence(&self) -> Answer<'a> {
        let said = self.told.words();
        Answer::Error { error: if said.is_empty() { Cow::Borrowed(GOODBYE) } else { said } }
    }

    fn transfer_destination(&mut self) -> Result<Answer<'a>, Inability> {
        match self.told.last {
            Some(action @ (Action::Transfer(_) | Action::Enqueue(_))) => self.destination(action),
            Some(Action::Converse(_)) => Err(cannot("converse", "Vapi asks where a call goes, and its assistant stays as it is")),
            _ => {
                self.told.notes.add("decision", "Vapi asks where a call goes; its assistant says the words, and the call goes on");
                Ok(self.last_sentence())
            }
        }
    }

    fn tool_results(&mut self, calls: &str) -> Result<Answer<'a>, Inability> {
        match self.told.last {
            Some(action @ (Action::Converse(_) | Action::Transfer(_) | Action::Enqueue(_))) => {
                let why = "a tool of Vapi's assistant is answered with words; where a call goes is decided when Vapi asks for it";
                return Err(cannot(action.name(), why));
            }
            Some(Action::HangUp(_) | Action::Reject(_)) => {
                self.told.notes.add("hang-up", "a tool's answer ends no call; Vapi's assistant gets the words and goes on");
            }
            _ => {}
        }
        let said = self.told.words();
        // Vapi cannot read a result that has more than one line.
        let said = if said.is_empty() { DONE.to_owned() } else { said.replace("\r\n", " ").replace(['\n', '\r'], " ") };
        let calls: Vec<(String, String)> = serde_json::from_str(calls).unwrap_or_default();
        let results = calls.into_iter().enumerate().map(|(at, (tool_call_id, name))| {
            let (result, error) = if at == 0 { (Some(said.clone()), None) } else { (None, Some(ONE_AT_A_TIME)) };
            ToolResult { error, name, result, tool_call_id }
        });
        Ok(Answer::Results { results: results.collect() })
    }

    fn destination(&mut self, action: &'a Action) -> Result<Answer<'a>, Inability> {
        let destination = match action {
            Action::Transfer(transfer) => self.transfer(transfer)?,
            Action::Enqueue(enqueue) => self.queue(enqueue)?,
            other => return Err(cannot(other.name(), "Vapi has no answer that does it")),
        };
        // Without a text Vapi says a sentence of its own; with an empty one it says nothing.
        Ok(Answer::Destination { destination: Destination { message: self.told.words(), ..destination } })
    }

    fn transfer(&mut self, transfer: &'a Transfer) -> Result<Destination<'a>, Inability> {
        let Some(target) = transfer.targets.first() else { return Err(cannot("transfer", "it has no target")) };
        let caller_id = transfer.caller_id.as_deref();
        let destination = match target {
            Target::Number(number) => self.number(Cow::Borrowed(number), caller_id),
            Target::Sip(target) => {
                let sip_headers = target.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                Destination { sip_headers, ..sip(&target.uri, caller_id) }
            }
            Target::Person(name) => {
                let scene = self.scene_for("transfer")?;
                let person = scene.directory.people.get(name).ok_or_else(|| cannot("transfer", "the tenant has no such person"))?;
                let spelt = person.address.e164.as_deref().unwrap_or(&person.address.raw);
                let reached = self.at(spelt, caller_id);
                reached.ok_or_else(|| cannot("transfer", "the person has neither a number nor a SIP address"))?
            }
            Target::Flow(_) => return Err(cannot("transfer", "Vapi does not come back to ask another flow")),
            Target::Other(extension) => return Err(cannot("transfer", format!("Vapi has no target of kind {:?}", extension.kind))),
        };
        let notes = &mut self.told.notes;
        notes.add_if(transfer.targets.len() > 1, "transfer", "only the first target is called: Vapi does not tell that it did not answer");
        let timed = transfer.ring_timeout_ms.is_some() || transfer.talk_limit_ms.is_some();
        notes.add_if(timed, "transfer", "how long it rings and how long the two may talk is left to Vapi");
        let prepared = transfer.whisper.is_some() || transfer.screening || transfer.warm;
        notes.add_if(prepared, "transfer", "the target is connected at once: nothing is said to it, and it is not asked");
        Ok(destination)
    }

    fn queue(&mut self, enqueue: &Enqueue) -> Result<Destination<'a>, Inability> {
        let scene = self.scene_for("enqueue")?;
        let named = scene.directory.queues.get(&enqueue.queue).and_then(|queue| queue.provider_ids.get(NAME));
        let reached = named.and_then(|spelt| self.at(spelt, None));
        let why = "Vapi has no queues: give the queue a provider id for vapi, a number in E.164 or a SIP address";
        let destination = reached.ok_or_else(|| cannot("enqueue", why))?;
        self.told.notes.add("enqueue", "the call goes to the queue's own number, which alone says how its callers wait");
        Ok(destination)
    }

    fn at(&self, spelt: &'a str, caller_id: Option<&'a str>) -> Option<Destination<'a>> {
        match spelt.split_once(':') {
            Some(("sip" | "sips", _)) => Some(sip(spelt, caller_id)),
            _ => e164(spelt).map(|number| self.number(Cow::Owned(number), caller_id)),
        }
    }

    fn number(&self, number: Cow<'a, str>, caller_id: Option<&'a str>) -> Destination<'a> {
        let entry = self.scene.and_then(|scene| scene.entry).filter(|entry| entry.kind == AddressKind::Number);
        let caller_id = caller_id.or_else(|| entry.map(|_| DIALLED));
        Destination { kind: "number", number: Some(number), caller_id, ..Destination::default() }
    }
}

fn sip<'a>(uri: &'a str, caller_id: Option<&'a str>) -> Destination<'a> {
    Destination { kind: "sip", sip_uri: Some(uri), caller_id, ..Destination::default() }
}
