//! Renders a transfer: to another flow by asking ourselves again, to everybody else by `Dial`.
//!
//! Targets in series ring one at a time: the host dials the next when one comes back, by its own rule and for every provider alike.
//! Only targets in parallel stand in one `Dial`. A whisper or the question whether to accept is a document of its own, which the
//! provider fetches for the target's leg.

use jackfield_domain::contact::decision::{Ringing, SipTarget, Target, Transfer};
use jackfield_domain::fallback::Inability;
use jackfield_domain::tenant::address::AddressKind;

use super::markup::Attribute;
use super::{Page, cannot, whisper};
use crate::provider::Place;

/// Longest that all headers of a SIP target may be at Twilio, as they are written into its URI.
const SIP_HEADERS_BYTES_MAX: usize = 1_024;

impl Page<'_> {
    pub(super) fn transfer(&mut self, transfer: &Transfer) -> Result<(), Inability> {
        if let Some(Target::Flow(_)) = transfer.targets.first() {
            let url = self.hook(Place::Main, "transfer")?;
            self.redirect(&url);
            return Ok(());
        }
        let ringing = match transfer.ringing {
            Ringing::Series => transfer.targets.get(..1).unwrap_or_default(),
            Ringing::Parallel => &transfer.targets,
        };
        self.dial_begin(transfer)?;
        for (leg, target) in ringing.iter().enumerate() {
            let document = self.target_document(transfer, leg)?;
            self.target(target, document.as_deref())?;
        }
        self.markup.end();
        Ok(())
    }

    fn dial_begin(&mut self, transfer: &Transfer) -> Result<(), Inability> {
        // Without a contact nothing can come back, and the call ends after the talk.
        let action = match self.scene {
            Some(_) if !self.alone => Some(self.hook(Place::Dialled, "transfer")?),
            _ => None,
        };
        let timeout = transfer.ring_timeout_ms.map(|ring| self.within(ring, self.dialect.ring_seconds, "lets a target ring"));
        let limit = transfer.talk_limit_ms.map(|talk| self.within(talk, self.dialect.talk_seconds, "lets two talk"));
        let entry = self.scene.and_then(|scene| scene.entry).filter(|entry| entry.kind == AddressKind::Number);
        let caller_id = transfer.caller_id.as_deref().or_else(|| entry.map(|entry| entry.value()));
        let mut attributes: Vec<Attribute<'_>> = Vec::new();
        if let Some(action) = &action {
            attributes.extend([("action", action.as_str()), ("method", "POST")]);
        }
        attributes.extend(timeout.as_deref().map(|timeout| ("timeout", timeout)));
        attributes.extend(limit.as_deref().map(|limit| ("timeLimit", limit)));
        attributes.extend(caller_id.map(|caller_id| ("callerId", caller_id)));
        // A caller whose call was not answered yet keeps hearing it ring.
        attributes.push(("answerOnBridge", "true"));
        self.markup.begin("Dial", &attributes);
        Ok(())
    }

    /// Whole seconds within what the provider takes; what is beyond is told, but not that a moment became a second.
    fn within(&mut self, ms: u64, (least, most): (u64, u64), does: &str) -> String {
        let asked = ms.div_ceil(1_000).max(1);
        let taken = asked.clamp(least, most);
        if taken != asked {
            let who = self.dialect.called;
            self.note("transfer", &format!("{who} {does} for {least} to {most} seconds, so it becomes {taken}"));
        }
        taken.to_string()
    }

    /// The URL of what the target hears first, where it hears anything.
    fn target_document(&self, transfer: &Transfer, leg: usize) -> Result<Option<String>, Inability> {
        if transfer.whisper.is_none() && !transfer.screening {
            return Ok(None);
        }
        let leg = u8::try_from(leg).map_err(|_| cannot("transfer", "there are too many targets"))?;
        if self.alone {
            return Ok(None);
        }
        whisper::first_words(self.dialect, transfer, leg, self.scene_for("transfer")?)?;
        self.hook(Place::Whisper { leg }, "transfer").map(Some)
    }

    fn target(&mut self, target: &Target, document: Option<&str>) -> Result<(), Inability> {
        let mut attributes: Vec<Attribute<'_>> = Vec::new();
        if let Some(url) = document {
            attributes.extend([("url", url), ("method", "POST")]);
        }
        match target {
            Target::Number(number) => self.markup.leaf("Number", &attributes, number),
            Target::Sip(sip) => self.markup.leaf("Sip", &attributes, &sip_uri(sip, self.dialect.called)?),
            Target::Person(name) => {
                let scene = self.scene_for("transfer")?;
                let Some(person) = scene.directory.people.get(name) else {
                    return Err(cannot("transfer", "the tenant has no such person"));
                };
                let raw = person.address.raw.as_str();
                match (&person.address.e164, raw.split_once(':')) {
                    (Some(number), _) => self.markup.leaf("Number", &attributes, number),
                    (None, Some(("sip" | "sips", _))) => self.markup.leaf("Sip", &attributes, raw),
                    (None, Some(("client", identity))) if self.dialect.has_clients => self.markup.leaf("Client", &attributes, identity),
                    _ if self.dialect.has_clients => {
                        let who = self.dialect.called;
                        return Err(cannot("transfer", format!("the person has neither a number nor a SIP address nor a {who} client")));
                    }
                    _ => return Err(cannot("transfer", "the person has neither a number nor a SIP address")),
                }
            }
            Target::Flow(_) => return Err(cannot("transfer", "a flow is the only target")),
            Target::Other(extension) => {
                return Err(cannot("transfer", format!("{} has no target of kind {:?}", self.dialect.called, extension.kind)));
            }
        }
        Ok(())
    }
}

/// TwiML takes a SIP target's headers in the URI's query.
fn sip_uri(sip: &SipTarget, who: &str) -> Result<String, Inability> {
    let headers = form_urlencoded::Serializer::new(String::new()).extend_pairs(&sip.headers).finish().replace('+', "%20");
    if headers.len() > SIP_HEADERS_BYTES_MAX {
        return Err(cannot("transfer", format!("the SIP headers are longer than the 1,024 bytes that {who} takes")));
    }
    let separator = match (headers.is_empty(), sip.uri.contains('?')) {
        (true, _) => "",
        (false, true) => "&",
        (false, false) => "?",
    };
    Ok(format!("{}{separator}{headers}", sip.uri))
}
