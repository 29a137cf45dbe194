//! Reads recorded requests for the tests of providers, and makes what they are asked with.

use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jackfield_domain::contact::decision::{Choice, Collect, Prompt, PromptContent};
use jackfield_domain::contact::persona::BargeIn;
use jackfield_domain::contact::{Endpoint, Moment};
use jackfield_domain::id::ContactId;
use jackfield_domain::tenant::address::Address;
use jackfield_domain::tenant::connection::{Connection, NamedSecret, Secret};
use jackfield_domain::tenant::directory::Directory;
use serde_json::{Value, json};

use crate::provider::{Place, Provider, Raw, Scene};

fn folder(provider: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(provider)
}

pub(crate) fn read(provider: &str, name: &str) -> String {
    let path = folder(provider).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of every recorded request.
pub(crate) fn cases(provider: &str, least: usize) -> Vec<String> {
    let entries = std::fs::read_dir(folder(provider)).unwrap().map(|entry| entry.unwrap());
    let requests = entries.filter(|entry| entry.path().join("request.txt").exists());
    let mut cases: Vec<String> = requests.map(|entry| entry.file_name().into_string().unwrap()).collect();
    cases.sort();
    assert!(cases.len() >= least, "only {} cases", cases.len());
    cases
}

/// A request as it is kept in a fixture: request line, headers, an empty line, the body byte for byte.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) now: Moment,
}

impl Request {
    pub(crate) fn read(provider: &str, case: &str) -> Self {
        let text = read(provider, &format!("{case}/request.txt"));
        let (head, body) = text.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
        let mut request = Self::post(target, body.as_bytes());
        request.method = method.parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        };
        request.headers = lines.map(header).collect();
        request
    }

    /// A form for that target.
    pub(crate) fn post(target: &str, body: &[u8]) -> Self {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        Self {
            method: Method::POST,
            target: target.to_owned(),
            headers: [(http::header::CONTENT_TYPE, form)].into_iter().collect(),
            body: Bytes::copy_from_slice(body),
            now: 0,
        }
    }

    pub(crate) fn raw(&self) -> Raw<'_> {
        let path = self.target.split('?').next().unwrap();
        let tail = path.strip_prefix("/hooks/").unwrap().split_once('/').unwrap().1;
        let Self { method, target, headers, body, now } = self;
        // Its own listener has no path.
        let target = if tail == "invite" { crate::sip::LISTENER } else { target };
        Raw { method, tail, path_and_query: target, headers, body, peer: None, now: *now }
    }

    pub(crate) fn header(&mut self, name: &'static str, value: &str) {
        self.headers.insert(name, value.parse().unwrap());
    }

    /// The status that a stranger would get, if any.
    pub(crate) fn status(&self, provider: &dyn Provider, connection: &Connection) -> Option<u16> {
        let raw = self.raw();
        let read = provider.glance(&raw, connection).and_then(|_| provider.parse(&raw, connection));
        read.err().map(|error| error.status())
    }
}

/// Compares what is read with what the case says.
pub(crate) fn assert_read(provider: &dyn Provider, connection: &Connection, case: &str) {
    let request = Request::read(provider.name(), case);
    let expected: Value = serde_json::from_str(&read(provider.name(), &format!("{case}/expected.json"))).unwrap();
    let glance = provider.glance(&request.raw(), connection).unwrap_or_else(|error| panic!("{case}: {error}"));
    let seen = json!({
        "address": glance.addresses.first().map(ToString::to_string),
        "account": glance.account,
        "place": glance.step.map(|step| place_name(step.place)),
    });
    assert_eq!(seen, expected["glance"], "{case}: at a glance");
    let parsed = provider.parse(&request.raw(), connection).unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(serde_json::to_value(&parsed.arrival).unwrap(), expected["arrival"], "{case}: the arrival");
    assert_eq!(serde_json::to_value(&parsed.heard).unwrap(), expected["heard"], "{case}: what was heard");
    assert_eq!(json!(parsed.ignored), expected["ignored"], "{case}: ignored");
    assert_eq!(json!(parsed.sensitive_possible), expected["sensitive_possible"], "{case}: sensitive");
}

pub(crate) fn place_name(place: Place) -> &'static str {
    match place {
        Place::Main => "main",
        Place::Answered => "answered",
        Place::Dialled => "dialled",
        Place::QueueLeft => "queue-left",
        Place::Recorded => "recorded",
        Place::ConferenceLeft => "conference-left",
        Place::SpeakerEnded => "speaker-ended",
        Place::QueueWait => "queue-wait",
        Place::Whisper { .. } => "whisper",
        Place::Screened { .. } => "screened",
    }
}

pub(crate) fn connection(id: &str, provider: &str, account: &str, secret: &str) -> Connection {
    Connection {
        id: id.parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        provider: provider.to_owned(),
        account: Some(account.to_owned()),
        public_url: "https://hooks.example".to_owned(),
        secrets: vec![named("2026-11", secret)],
        unbound: None,
        speaker_url: None,
        voice: None,
        options: std::collections::BTreeMap::new(),
        created: 0,
    }
}

pub(crate) fn named(name: &str, secret: &str) -> NamedSecret {
    NamedSecret { name: name.to_owned(), secret: Secret::new(secret.to_owned()), added: 0 }
}

/// Owns what a scene borrows.
pub(crate) struct Stage {
    pub(crate) connection: Connection,
    pub(crate) directory: Directory,
    pub(crate) caller: Endpoint,
    pub(crate) entry: Address,
}

impl Stage {
    pub(crate) fn new(connection: Connection, entry: &str) -> Self {
        let caller = Endpoint { raw: "+14155550100".to_owned(), e164: Some("+14155550100".to_owned()) };
        let directory = Directory { tenant: Some("acme".parse().unwrap()), zone: "UTC".to_owned(), ..Directory::default() };
        Self { connection, directory, caller, entry: entry.parse().unwrap() }
    }

    pub(crate) fn scene(&self) -> Scene<'_> {
        const CONTACT: [u8; 16] = [0x01, 0x98, 0x7c, 0x6e, 0x4a, 0x00, 0x71, 0x23, 0x81, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
        Scene {
            connection: &self.connection,
            contact: ContactId::from_bytes(CONTACT),
            turn: 2,
            place: Place::Main,
            language: "en-US",
            entry: Some(&self.entry),
            caller: &self.caller,
            directory: &self.directory,
            asked: "",
            ran: None,
            now: 0,
            alone: false,
        }
    }
}

pub(crate) fn ssml(text: &str) -> Prompt {
    Prompt { content: PromptContent::Ssml(text.to_owned()), language: None, voice: None }
}

pub(crate) fn question(prompts: Vec<Prompt>) -> Collect {
    Collect {
        tag: "c".to_owned(),
        prompts,
        dtmf: true,
        speech: true,
        min_digits: 1,
        max_digits: 8,
        terminator: None,
        first_timeout_ms: 5_000,
        inter_digit_timeout_ms: 0,
        barge_in: BargeIn::Any,
        hints: Vec::new(),
        minimum_confidence: None,
        attempts: 2,
        no_input: Vec::new(),
        no_match: Vec::new(),
        low_confidence: Vec::new(),
        sensitive: false,
        extras: Vec::new(),
    }
}

pub(crate) fn choice(key: &str, label: &str) -> Choice {
    Choice { key: key.to_owned(), label: label.to_owned(), value: label.to_owned(), phrases: Vec::new() }
}
