//! Reads SIP messages with a library's parser, and writes the responses that a redirect server gives (RFC 3261, 8.2.6).
//!
//! The provider reads who is called with it, the server's listener which transaction a message belongs to. A message that cannot be read
//! is none: it gets no answer, because an answer would have nowhere to go.

use std::net::SocketAddr;

use bytes::Bytes;
use ezk_sip_types::header::headers::Headers;
use ezk_sip_types::header::typed::{CSeq, FromTo, Via};
use ezk_sip_types::msg::{Line, MessageLine, PullParser};
use ezk_sip_types::parse::Parse as _;
use ezk_sip_types::print::AppendCtx as _;
use ezk_sip_types::uri::SipUri;
use ezk_sip_types::{Method, Name};

/// Longest message: what fits into a datagram.
pub const MESSAGE_BYTES_MAX: usize = 65_507;
/// Most lines of headers.
const LINES_MAX: usize = 128;
/// Longest value of a header that is handed on.
const VALUE_BYTES_MAX: usize = 1_024;
/// What a message begins with whose length cannot be told.
const LENGTH_HEADERS: [&str; 2] = ["content-length", "l"];

/// A request.
#[derive(Debug, Clone)]
pub struct Message {
    method: Method,
    headers: Headers,
    user: Option<String>,
    domain: Option<String>,
}

impl Message {
    /// Reads a request; none where it is a response, or nothing that could be answered.
    pub fn read(bytes: &Bytes) -> Option<Self> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return None;
        }
        let mut first = None;
        let mut headers = Headers::new();
        for (at, line) in PullParser::new(bytes, 0).enumerate() {
            let line = std::str::from_utf8(line.ok()?).ok()?;
            if at == 0 {
                let (rest, line) = MessageLine::parse(bytes)(line).ok()?;
                first = rest.is_empty().then_some(line);
                first.as_ref()?;
            } else {
                let (_, line) = Line::parse(bytes, line).ok()?;
                headers.insert(line.name, line.value);
            }
            if at > LINES_MAX {
                return None;
            }
        }
        let MessageLine::Request(request) = first? else { return None };
        let (user, domain) = ends_of(&request.uri);
        let message = Self { method: request.method, headers, user, domain };
        message.branch().is_some().then_some(message)
    }

    /// Its method, in capitals.
    pub fn method(&self) -> Option<&'static str> {
        let known =
            ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "SUBSCRIBE", "NOTIFY", "INFO", "MESSAGE", "UPDATE", "PRACK", "REFER"];
        known.into_iter().find(|known| *known == self.method.to_string())
    }

    /// Who is called: the user of the request URI.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Where: its host, without a port.
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// The call's id.
    pub fn call_id(&self) -> Option<&str> {
        self.value(Name::CALL_ID)
    }

    /// The number of the request within its call.
    pub fn sequence(&self) -> Option<u32> {
        self.headers.get::<CSeq>(Name::CSEQ).ok().map(|sequence| sequence.cseq)
    }

    /// What makes two messages one transaction (RFC 3261, 17.2.3): branch, sender and number. An ACK and a CANCEL have their INVITE's.
    pub fn transaction(&self) -> Option<String> {
        let via = self.headers.get::<Via>(Name::VIA).ok()?;
        Some(format!("{}|{:?}|{}|{}", self.branch()?, via.sent_by, self.call_id()?, self.sequence()?))
    }

    /// True inside a dialogue, which nobody can have with a redirect server.
    pub fn is_in_dialogue(&self) -> bool {
        self.headers.get::<FromTo>(Name::TO).is_ok_and(|to| to.tag.is_some())
    }

    /// The caller's address, as `sip:user@host`.
    pub fn from_uri(&self) -> Option<String> {
        let from = self.headers.get::<FromTo>(Name::FROM).ok()?;
        match ends_of(&from.uri.uri) {
            (Some(user), Some(domain)) => Some(format!("sip:{user}@{domain}")),
            (None, Some(domain)) => Some(format!("sip:{domain}")),
            _ => None,
        }
    }

    /// The name that the caller's side gave, never verified.
    pub fn from_name(&self) -> Option<String> {
        let from = self.headers.get::<FromTo>(Name::FROM).ok()?;
        from.uri.name.as_ref().map(|name| name.trim_matches('"').chars().take(200).collect()).filter(|name: &String| !name.is_empty())
    }

    /// Who forwarded the call (RFC 5806).
    pub fn diversion(&self) -> Option<String> {
        let value = self.named("diversion")?;
        let inside = value.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(value, |(uri, _)| uri);
        Some(inside.to_owned())
    }

    /// Headers that begin with X-, in lower case.
    pub fn own_headers(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let lower = self.headers.iter().map(|(name, value)| (name.as_print_str().to_ascii_lowercase(), value));
        let own = lower.filter(|(name, value)| name.starts_with("x-") && name.len() <= 64 && value.len() <= VALUE_BYTES_MAX);
        own.map(|(name, value)| (name, unfolded(value)))
    }

    /// Where the response goes over UDP (RFC 3581): to where the request came from, and to the port that the sender named unless it asks
    /// for the one it sent from.
    pub fn reply_to(&self, came_from: SocketAddr) -> SocketAddr {
        let via = self.headers.get::<Via>(Name::VIA).ok();
        let wants_rport = self.value(Name::VIA).is_some_and(|via| via.split(';').skip(1).any(|part| is_parameter(part, "rport")));
        match via.filter(|_| !wants_rport) {
            Some(via) => SocketAddr::new(came_from.ip(), via.sent_by.port.unwrap_or(5_060)),
            None => came_from,
        }
    }

    /// A response to it: its vias, parties, id and number come back as they came, with a tag of ours where a dialogue could begin.
    pub fn response(&self, code: u16, phrase: &str, came_from: SocketAddr, tag: &str, own: &[(String, String)]) -> Bytes {
        let mut text = format!("SIP/2.0 {code} {phrase}\r\n");
        for (at, via) in self.headers.get_raw(&Name::VIA).enumerate() {
            let via = unfolded(via);
            let via = if at == 0 { seen_from(&via, came_from) } else { via };
            text.push_str(&format!("Via: {via}\r\n"));
        }
        for (name, written) in [(Name::FROM, "From"), (Name::TO, "To"), (Name::CALL_ID, "Call-ID"), (Name::CSEQ, "CSeq")] {
            let value = self.value(name).map(unfolded).unwrap_or_default();
            let tagged = written == "To" && code > 100 && !self.is_in_dialogue();
            text.push_str(&format!("{written}: {value}{}\r\n", if tagged { format!(";tag={tag}") } else { String::new() }));
        }
        for (name, value) in own {
            text.push_str(&format!("{}: {value}\r\n", titled(name)));
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        Bytes::from(text)
    }

    fn value(&self, name: Name) -> Option<&str> {
        self.headers.get_raw(&name).next().map(|value| value.trim())
    }

    fn named(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.as_print_str().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    fn branch(&self) -> Option<String> {
        self.headers.get::<Via>(Name::VIA).ok()?.params.get_val("branch").map(ToString::to_string)
    }
}

/// How many bytes the first message in a stream has; none while more must come, an error where it never will be one.
pub fn length_in_stream(bytes: &[u8]) -> Result<Option<usize>, TooLong> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > MESSAGE_BYTES_MAX { Err(TooLong) } else { Ok(None) };
    };
    let head = bytes.get(..end).unwrap_or_default();
    let text = std::str::from_utf8(head).map_err(|_| TooLong)?;
    let named = text.split("\r\n").filter_map(|line| line.split_once(':'));
    let length =
        named.filter(|(name, _)| LENGTH_HEADERS.iter().any(|known| name.trim().eq_ignore_ascii_case(known))).map(|(_, value)| value);
    let body: usize = match length.last() {
        Some(length) => length.trim().parse().map_err(|_| TooLong)?,
        None => 0,
    };
    let whole = end.saturating_add(4).saturating_add(body);
    match whole {
        whole if whole > MESSAGE_BYTES_MAX => Err(TooLong),
        whole if whole > bytes.len() => Ok(None),
        whole => Ok(Some(whole)),
    }
}

/// A message in a stream is longer than any that is taken, or says of its length what cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message in the stream has no length that is taken")]
pub struct TooLong;

fn ends_of(uri: &SipUri) -> (Option<String>, Option<String>) {
    let written = uri.default_print_ctx().to_string();
    let after = written.split_once(':').map_or("", |(_, rest)| rest);
    // Parameters of the user, such as a number's context, and a password say nothing of who it is.
    let user = after.split_once('@').map(|(user, _)| user.split([';', ':']).next().unwrap_or_default().to_owned());
    (user.filter(|user| !user.is_empty()), Some(uri.host_port.host.to_string()).filter(|host| !host.is_empty()))
}

/// A value on one line: a header may go on in the next one (RFC 3261, 7.3.1), and what goes back should not.
fn unfolded(value: &str) -> String {
    value.split(['\r', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn is_parameter(part: &str, name: &str) -> bool {
    part.split('=').next().is_some_and(|given| given.trim().eq_ignore_ascii_case(name))
}

/// The topmost via with where the request was seen to come from (RFC 3261, 18.2.1; RFC 3581, 4).
fn seen_from(via: &str, came_from: SocketAddr) -> String {
    // Several vias may stand in one line; only the first of them is the sender's.
    let (first, others) = via.split_once(',').map_or((via, ""), |(first, others)| (first, others));
    let mut parts: Vec<String> =
        first.split(';').map(|part| part.trim().to_owned()).filter(|part| !is_parameter(part, "received")).collect();
    let mut asks_for_port = false;
    for part in parts.iter_mut().skip(1) {
        if is_parameter(part, "rport") {
            *part = format!("rport={}", came_from.port());
            asks_for_port = true;
        }
    }
    let sender = parts.first().and_then(|first| first.rsplit(' ').next()).unwrap_or_default();
    let host = sender.rsplit_once(':').map_or(sender, |(host, _)| host);
    if asks_for_port || host != came_from.ip().to_string() {
        parts.push(format!("received={}", came_from.ip()));
    }
    let first = parts.join(";");
    if others.is_empty() { first } else { format!("{first},{others}") }
}

fn titled(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
            format!("{}{rest}", first.to_ascii_uppercase())
        })
        .collect::<Vec<_>>()
        .join("-")
}
