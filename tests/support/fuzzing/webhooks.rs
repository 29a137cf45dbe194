//! Posts what a stranger could to the webhooks of providers, by the syntax of their bodies, and answers it as if it were theirs.
//!
//! An input is a request as fixtures keep it - request line, headers, an empty line, the body - so every recorded request is a seed. The
//! connection in its path chooses the provider; a provider that can be set up in several ways is asked in each of them.
//!
//! What must hold: no stranger is verified, whatever the request; what is read can be kept in the record; and what is replied to it is
//! valid for the provider.

use std::net::IpAddr;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jackfield_domain::contact::Arrival;
use jackfield_domain::contact::open::Heard;
use jackfield_domain::tenant::connection::Connection;
use jackfield_providers::provider::{Parsed, Provider, Raw, Reply, Unverified};
use jackfield_providers::{connect, kamailio, native, retell, telnyx, twilio, twilio_messaging, vapi};
use serde_json::Value;

use super::recorded::split;
use super::stage::{STRANGER, Stage, connection};
use crate::twiml::Twiml;

/// Providers whose bodies are forms.
pub const FORM: [&str; 3] = [twilio::NAME, telnyx::NAME, twilio_messaging::NAME];
/// Providers whose bodies are JSON.
pub const JSON: [&str; 5] = ["amazon-connect", "kamailio", "native", "retell", "vapi"];

/// What no input knows. Telnyx' is a public key, that of the first test of RFC 8032 (7.1): to find a signature by it is to break Ed25519.
const SECRET: &str = "5d0e-nobody-who-sends-anything-here-knows-this-3b91";
const TELNYX_KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
/// When everything comes: the time that recorded signatures tell, so that one is refused for its signature and not for its age.
pub const NOW_MS: u64 = 1_795_212_000_000;
/// A document of that many bytes is more than any provider takes.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// Elements of TwiML that somebody here renders; none of the decisions has SSML.
const VERBS: &str = "Response Say Play Pause Gather Enqueue Leave Dial Number Sip Client Conference Connect ConversationRelay Parameter \
                     Record Redirect Hangup Reject Start Recording Task Message Body Media";

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It is no request, or its path leads to no connection.
    Nothing,
    /// A bare refusal.
    Unread,
    /// It was read, and expects no answer.
    Ignored,
    /// It was read, and answered in every way.
    Answered,
}

/// A connection to be: its id, provider, secret and options.
type SetUp = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// A connection, and from where it is asked.
struct Door {
    provider: &'static dyn Provider,
    connection: Connection,
    peer: Option<IpAddr>,
}

/// Where the requests of one syntax come in.
pub struct Webhooks {
    doors: Vec<Door>,
    stage: Stage,
}

/// A request.
struct Request {
    method: Method,
    target: PathAndQuery,
    headers: HeaderMap,
    body: Bytes,
}

impl Webhooks {
    /// Those whose bodies are forms.
    pub fn form() -> anyhow::Result<Self> {
        Self::of(&[
            ("acme-twilio", twilio::NAME, SECRET, &[]),
            ("acme-telnyx", telnyx::NAME, TELNYX_KEY, &[]),
            ("acme-messages", twilio_messaging::NAME, SECRET, &[]),
        ])
    }

    /// Those whose bodies are JSON.
    pub fn json() -> anyhow::Result<Self> {
        Self::of(&[
            ("acme-connect", connect::NAME, SECRET, &[]),
            ("acme-connect", connect::NAME, SECRET, &[("reply", "json"), ("extras", "none")]),
            ("acme-connect", connect::NAME, SECRET, &[("reply", "nested"), ("on_failure", "error"), ("ends", "reported")]),
            ("acme-kamailio", kamailio::NAME, SECRET, &[("gateway", "gw.example"), ("queues", "queues.example"), ("country", "US")]),
            ("acme-native", native::NAME, SECRET, &[("trusted_peers", "192.0.2.0/24")]),
            ("acme-native", native::NAME, SECRET, &[("auth", "signature"), ("channel", "chat")]),
            ("acme-retell", retell::NAME, SECRET, &[("agent_id", "agent_1")]),
            ("acme-vapi", vapi::NAME, SECRET, &[("assistant_id", "assistant_1")]),
            ("acme-vapi", vapi::NAME, SECRET, &[("auth", "hmac"), ("hmac_timestamp_header", "x-vapi-timestamp")]),
            ("acme-vapi", vapi::NAME, SECRET, &[("auth", "bearer")]),
        ])
    }

    fn of(all: &[SetUp]) -> anyhow::Result<Self> {
        let mut doors = Vec::new();
        for (id, name, secret, options) in all {
            let provider = jackfield_providers::provider::provider(name).ok_or_else(|| anyhow::anyhow!("there is no {name}"))?;
            let connection = connection(id, name, Some(secret), options)?;
            provider.check_connection(&connection)?;
            doors.push(Door { provider, connection, peer: Some(STRANGER) });
        }
        Ok(Self { doors, stage: Stage::new()? })
    }

    /// Takes a request as far as it comes. A promise that does not hold is a panic.
    pub fn take(&self, bytes: &[u8]) -> Came {
        let Some(request) = Request::read(bytes) else { return Came::Nothing };
        let Some((id, tail)) = request.target.path().strip_prefix("/hooks/").and_then(|path| path.split_once('/')) else {
            return Came::Nothing;
        };
        let doors = self.doors.iter().filter(|door| door.connection.id.as_str() == id);
        // Which of several ways to set a provider up decides nothing about how far a request comes.
        doors.fold(Came::Nothing, |_, door| self.knock(door, &request, tail))
    }

    fn knock(&self, door: &Door, request: &Request, tail: &str) -> Came {
        let Door { provider, connection, peer } = door;
        let Request { method, target, headers, body } = request;
        let raw = Raw { method, tail, path_and_query: target.as_str(), headers, body, peer: *peer, now: NOW_MS };
        let glance = provider.glance(&raw, connection);
        match provider.verify(&raw, connection) {
            Ok(verified) => panic!("a stranger was taken for {}: {verified:?}", connection.provider),
            Err(unverified) => keeps_the_secret(&unverified, connection),
        }
        let glance = match glance {
            Ok(glance) => glance,
            Err(why) => {
                judge(&provider.refuse(why.status()));
                return Came::Unread;
            }
        };
        let parsed = match provider.parse(&raw, connection) {
            Ok(parsed) => parsed,
            Err(why) => {
                judge(&provider.refuse(why.status()));
                return Came::Unread;
            }
        };
        can_be_kept(&parsed);
        self.stage.replies(*provider, connection, (&glance, &parsed), judge);
        if parsed.ignored { Came::Ignored } else { Came::Answered }
    }
}

impl Request {
    /// A request that the server's HTTP would let through; none where it would not.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (head, body) = split(bytes)?;
        let mut lines = std::str::from_utf8(head).ok()?.split('\n');
        let (method, target) = lines.next()?.split_once(' ')?;
        let mut headers = HeaderMap::new();
        for line in lines {
            let Some((name, value)) = line.split_once(": ") else { continue };
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
                headers.append(name, value);
            }
        }
        Some(Self { method: method.parse().ok()?, target: target.parse().ok()?, headers, body: Bytes::copy_from_slice(body) })
    }
}

/// A refusal is shown to whoever sets a connection up, and stands in the log.
pub(super) fn keeps_the_secret(unverified: &Unverified, connection: &Connection) {
    let shown = format!("{unverified:?}");
    for secret in &connection.secrets {
        assert!(!shown.contains(secret.secret.reveal()), "a refusal tells the secret: {shown}");
    }
}

/// What is read is kept: as JSON, and under the provider's id of the contact.
pub(super) fn can_be_kept(parsed: &Parsed) {
    let Parsed { arrival, heard, .. } = parsed;
    let id = &arrival.provider_contact;
    assert!(id.bytes().all(|byte| byte.is_ascii_graphic()), "an id with spaces becomes part of a key: {id:?}");
    assert!(parsed.ignored || !id.is_empty(), "an event of no contact: {parsed:?}");
    let again = |value: Value| serde_json::from_value::<(Arrival, Heard)>(value).ok();
    let kept = serde_json::to_value((arrival, heard)).ok().and_then(again);
    assert_eq!(kept.as_ref(), Some(&(arrival.clone(), heard.clone())), "what was read is another thing once it was kept");
}

/// What is replied is valid for the provider.
fn judge(reply: &Reply) {
    let body = || String::from_utf8_lossy(&reply.body);
    assert!((200..600).contains(&reply.status), "no status: {reply:?}");
    assert!(reply.body.len() <= DOCUMENT_BYTES_MAX, "a document of {} bytes", reply.body.len());
    for (name, value) in &reply.headers {
        assert!(name.parse::<HeaderName>().is_ok() && value.parse::<HeaderValue>().is_ok(), "no header: {name:?}: {value:?}");
    }
    match reply.content_type {
        "" => assert!(reply.body.is_empty(), "a body without a type: {}", body()),
        "application/json" => {
            let object = serde_json::from_slice::<Value>(&reply.body).is_ok_and(|value| value.is_object());
            assert!(object, "no JSON object: {}", body());
        }
        "text/xml; charset=utf-8" => {
            let document = match Twiml::parse(&reply.body) {
                Ok(document) => document,
                Err(error) => panic!("{error}: {}", body()),
            };
            let roots = document.elements.iter().filter(|element| !element.path.contains('/'));
            assert_eq!(roots.map(|root| root.path.as_str()).collect::<Vec<_>>(), ["Response"], "another root: {}", body());
            for element in &document.elements {
                let known = VERBS.split_whitespace().any(|verb| verb == element.name());
                assert!(known, "an element that nobody renders came from text: {:?}", element.path);
            }
        }
        other => panic!("a reply of type {other:?}"),
    }
}
