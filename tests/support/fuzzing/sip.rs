//! Sends what a stranger could to the SIP redirect server, as a datagram and as a stream, and writes every response to it.
//!
//! An input is a message as it comes. What must hold: a sender that is none of the connection's sources is not verified; a response is one
//! message, whose lines are ours and those of its request that it must bring back; what a stream is cut into is cut the same way again.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method};
use jackfield_domain::tenant::connection::Connection;
use jackfield_providers::provider::{Provider, Raw, Reply};
use jackfield_providers::sip::LISTENER;
use jackfield_providers::sip::message::{MESSAGE_BYTES_MAX, Message, length_in_stream};

use super::stage::{STRANGER, Stage, connection};
use super::webhooks::{can_be_kept, keeps_the_secret};

/// The lines of a response, in our spelling; a line of another name is somebody else's.
const OURS: [&str; 7] = ["Via", "From", "To", "Call-ID", "CSeq", "Contact", "Content-Length"];
/// Those that come once, whatever the request had.
const ONCE: [&str; 5] = ["From", "To", "Call-ID", "CSeq", "Content-Length"];
/// The tag of our side; the listener derives it from the transaction.
const TAG: &str = "0a1b2c3d";

/// What came of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It cannot be read, and gets no answer.
    Nothing,
    /// It can be answered, but asks nothing of the provider.
    Plain,
    /// It asks where a call goes, and was told in every way.
    Answered,
}

/// The redirect server's side of a connection.
pub struct Switch {
    provider: &'static dyn Provider,
    connection: Connection,
    stage: Stage,
}

impl Switch {
    /// One that only networks may ask from which nobody here comes.
    pub fn new() -> anyhow::Result<Self> {
        let provider = jackfield_providers::provider::provider("sip").ok_or_else(|| anyhow::anyhow!("there is no sip"))?;
        let options = [("sources", "10.0.0.0/8 2001:db8::/32"), ("gateway", "gw.example"), ("queues", "queues.example"), ("country", "US")];
        let connection = connection("acme-sip", "sip", None, &options)?;
        provider.check_connection(&connection)?;
        Ok(Self { provider, connection, stage: Stage::new()? })
    }

    /// Takes a message as far as it comes. A promise that does not hold is a panic.
    pub fn hear(&self, bytes: &[u8]) -> Came {
        is_cut_alike(bytes);
        let bytes = Bytes::copy_from_slice(bytes);
        let asked = self.ask(&bytes);
        let Some(message) = Message::read(&bytes) else {
            assert!(!asked, "what is no message was answered");
            return Came::Nothing;
        };
        let seen = SocketAddr::new(STRANGER, 40_000);
        assert_eq!(message.reply_to(seen).ip(), seen.ip(), "an answer goes where nobody asked from");
        for (code, phrase) in [(100, "Trying"), (200, "OK"), (481, "Call/Transaction Does Not Exist")] {
            is_one_message(&message.response(code, phrase, seen, TAG, &[]), 0);
        }
        if asked { Came::Answered } else { Came::Plain }
    }

    /// Walks the provider; true where it was answered.
    fn ask(&self, body: &Bytes) -> bool {
        let Self { provider, connection, stage } = self;
        let headers = HeaderMap::new();
        let method = Method::POST;
        let raw = Raw { method: &method, tail: "invite", path_and_query: LISTENER, headers: &headers, body, peer: Some(STRANGER), now: 0 };
        match provider.verify(&raw, connection) {
            Ok(verified) => panic!("a stranger may ask: {verified:?}"),
            Err(unverified) => keeps_the_secret(&unverified, connection),
        }
        let (Ok(glance), Ok(parsed)) = (provider.glance(&raw, connection), provider.parse(&raw, connection)) else { return false };
        can_be_kept(&parsed);
        let Some(message) = Message::read(body) else { panic!("what is no message was read") };
        stage.replies(*provider, connection, (&glance, &parsed), |reply: &Reply| {
            // What is acknowledged over HTTP is nothing here.
            if reply.content_type.is_empty() {
                let response = message.response(reply.status, "Told", SocketAddr::new(STRANGER, 5_060), TAG, &reply.headers);
                is_one_message(&response, reply.headers.len());
            }
        });
        true
    }
}

/// A message in a stream ends where it ends, whatever comes after it.
fn is_cut_alike(bytes: &[u8]) {
    let Ok(Some(length)) = length_in_stream(bytes) else { return };
    assert!(length <= bytes.len() && length <= MESSAGE_BYTES_MAX, "{length} of {} bytes", bytes.len());
    assert_eq!(length_in_stream(bytes.get(..length).unwrap_or_default()), Ok(Some(length)), "the same message alone is another");
    let more = length_in_stream(bytes.get(..length.saturating_sub(1)).unwrap_or_default());
    assert_ne!(more, Ok(Some(length)), "a message is whole before it has come");
}

/// A response is one message, and every line of it is ours or the continuation of one that was brought back.
fn is_one_message(response: &Bytes, contacts: usize) {
    let shown = || String::from_utf8_lossy(response);
    assert_eq!(length_in_stream(response), Ok(Some(response.len())), "not one message: {:?}", shown());
    let Ok(text) = std::str::from_utf8(response) else { panic!("not text: {:?}", shown()) };
    let Some(head) = text.strip_suffix("\r\n\r\n") else { panic!("no empty line at its end: {:?}", shown()) };
    let mut lines = head.split("\r\n");
    assert!(lines.next().is_some_and(|line| line.starts_with("SIP/2.0 ")), "no status line: {:?}", shown());
    let mut names = Vec::new();
    for line in lines {
        assert!(!line.contains(['\r', '\n']), "a line end inside a line: {:?}", shown());
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let name = line.split_once(':').map_or("", |(name, _)| name);
        assert!(OURS.contains(&name), "a line that is not ours: {line:?} in {:?}", shown());
        names.push(name);
    }
    let count = |wanted: &str| names.iter().filter(|name| **name == wanted).count();
    for name in ONCE {
        assert_eq!(count(name), 1, "{name} in {:?}", shown());
    }
    assert_eq!(count("Contact"), contacts, "contacts in {:?}", shown());
}
