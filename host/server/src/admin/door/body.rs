//! Reads a JSON body strictly: what is not understood is refused and never dropped.
//!
//! Handlers take a [`Body`]. A misspelt field that is silently ignored becomes a call that goes astray at night, so unknown fields,
//! keys that stand twice, other content types, too much and too deep are all refused with the place at which they stand.
//!
//! Unknown fields are found by writing the typed value back and comparing names: the nouns of the domain are read from the store
//! too, where a field of a newer version must not break an older host, so they cannot refuse them by themselves.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use jackfield_domain::refusal::{Code, Refusal};
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::problem::Problem;

/// Default routes of many languages are the largest bodies; settings are bounded lower.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Settings go 32 deep and stand in a body; nothing else comes near.
const DEPTH_MAX: usize = 64;
/// A body of that size takes a second on a bad line.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two parts of a body on the worst line; whoever stops sending holds memory and a place.
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// A body that comes faster than it is read would hold its thread for tens of milliseconds; after so much of it others have their turn.
const UNPAUSED_BYTES_MAX: usize = 256 * 1024;
/// Of a body that is refused for its size, this much is still read and thrown away, so that the sender gets to read the answer
/// instead of a closed connection.
const DRAINED_BYTES_MAX: usize = 128 * 1024 * 1024;

/// A JSON body that was understood completely.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Serialize> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        check_type(request.headers(), "application/json")?;
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body, BODY_BYTES_MAX, PATIENCE).await?;
        Ok(Self(parse(&bytes)?))
    }
}

/// Checks the content type; JSON may say that it is UTF-8, which it always is.
pub(crate) fn check_type(headers: &HeaderMap, wanted: &str) -> Result<(), Refusal> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = given.split(';').map(str::trim);
    let is_wanted = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(wanted));
    let is_utf8 = parts.all(|part| part.is_empty() || part.replace('"', "").eq_ignore_ascii_case("charset=utf-8"));
    if is_wanted && is_utf8 {
        return Ok(());
    }
    let given: String = given.chars().take(80).collect();
    Err(Refusal::new(Code::WrongContentType, format!("this route takes {wanted}, not {given:?}")).at("content-type"))
}

/// Reads a whole body, at most so many bytes and in that time.
pub(crate) async fn read(headers: &HeaderMap, body: axum::body::Body, bytes_max: usize, patience: Duration) -> Result<Bytes, Refusal> {
    let too_large = || Refusal::new(Code::TooLarge, format!("the body is larger than {bytes_max} bytes")).at("body");
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    // As much as was announced, at once: growing by doubling would hold it twice. What nobody sends takes no memory.
    let room = announced.and_then(|bytes| usize::try_from(bytes).ok()).filter(|bytes| *bytes <= bytes_max);
    let mut whole = BytesMut::with_capacity(room.unwrap_or(0));
    let mut is_over = announced.is_some_and(|announced| announced > bytes_max as u64);
    let mut body = body;
    let reading = async {
        let (mut seen, mut paused_at) = (0_usize, 0);
        loop {
            let Ok(frame) = tokio::time::timeout(PAUSE_MAX, body.frame()).await else {
                return Err(
                    Refusal::new(Code::BadRequest, format!("nothing more of the body came for {} s", PAUSE_MAX.as_secs())).at("body")
                );
            };
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|_| Refusal::new(Code::BadRequest, "the body ended before it was complete").at("body"))?;
            let Ok(data) = frame.into_data() else { continue };
            seen = seen.saturating_add(data.len());
            if seen - paused_at > UNPAUSED_BYTES_MAX {
                paused_at = seen;
                tokio::task::yield_now().await;
            }
            is_over = is_over || seen > bytes_max;
            if !is_over {
                whole.extend_from_slice(&data);
            } else if seen > DRAINED_BYTES_MAX {
                break;
            }
        }
        Ok(())
    };
    match tokio::time::timeout(patience, reading).await {
        _ if is_over => Err(too_large()),
        Ok(Ok(())) => Ok(whole.freeze()),
        Ok(Err(refusal)) => Err(refusal),
        Err(_) => Err(Refusal::new(Code::BadRequest, format!("the body was not complete after {} s", patience.as_secs())).at("body")),
    }
}

/// Parses JSON into a type, or says what is wrong and where.
pub(crate) fn parse<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, Refusal> {
    let value = strict(bytes)?;
    let typed: T = serde_path_to_error::deserialize(&value).map_err(|error| {
        let path = error.path().to_string();
        let refusal = Refusal::new(Code::Invalid, error.into_inner().to_string());
        if path == "." { refusal } else { refusal.at(path) }
    })?;
    let back = serde_json::to_value(&typed).map_err(|e| Refusal::new(Code::Invalid, e.to_string()))?;
    match unknown(&value, &back, "") {
        Some(path) => Err(Refusal::new(Code::Invalid, format!("unknown field {path}; nothing was changed")).at(path)),
        None => Ok(typed),
    }
}

/// Parses JSON without a type: no key twice, not too deep.
fn strict(bytes: &[u8]) -> Result<Value, Refusal> {
    let bad = |detail: String| Refusal::new(Code::BadRequest, detail).at("body");
    if bytes.is_empty() {
        return Err(bad("the body is empty; this route takes a JSON object".to_owned()));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| bad(format!("the body is not UTF-8 at byte {}", e.valid_up_to())))?;
    let found = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Place { found: &found, above: None, depth: 0 }.deserialize(&mut deserializer);
    match parsed.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(value) => Ok(value),
        Err(error) => Err(found.take().unwrap_or_else(|| bad(format!("the body is not JSON: {error}")))),
    }
}

/// One step from a value to the one in it.
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// Where a value stands; the chain lies on the stack of the parse.
#[derive(Clone, Copy)]
struct Place<'a> {
    found: &'a RefCell<Option<Refusal>>,
    above: Option<(&'a Place<'a>, &'a Step<'a>)>,
    depth: usize,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((place, step)) = self.above else { return Ok(()) };
        write!(f, "{place}")?;
        match step {
            Step::Key(key) if place.above.is_none() => f.write_str(key),
            Step::Key(key) => write!(f, ".{key}"),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

impl<'a> Place<'a> {
    fn inside(&'a self, step: &'a Step<'a>) -> Place<'a> {
        Place { found: self.found, above: Some((self, step)), depth: self.depth + 1 }
    }

    fn refuse<E: serde::de::Error>(&self, detail: String) -> E {
        let refusal = Refusal::new(Code::BadRequest, detail);
        *self.found.borrow_mut() = Some(refusal.at(self.to_string()));
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.depth > DEPTH_MAX {
            return Err(self.refuse(format!("the body is nested deeper than {DEPTH_MAX}")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(self.inside(&Step::Index(all.len())))? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let step = Step::Key(&key);
            let place = self.inside(&step);
            if all.contains_key(&key) {
                return Err(place.refuse(format!("the key {key:?} stands twice; which one is meant?")));
            }
            let value = entries.next_value_seed(place)?;
            all.insert(key, value);
        }
        Ok(Value::Object(all))
    }
}

/// The first name in `given` that the type did not take. A null may be absent from what was written back.
fn unknown(given: &Value, taken: &Value, path: &str) -> Option<String> {
    match (given, taken) {
        (Value::Object(given), Value::Object(taken)) => given.iter().find_map(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match taken.get(name) {
                Some(taken) => unknown(value, taken, &path),
                None if value.is_null() => None,
                None => Some(path),
            }
        }),
        (Value::Array(given), Value::Array(taken)) => {
            given.iter().zip(taken).enumerate().find_map(|(at, (given, taken))| unknown(given, taken, &format!("{path}[{at}]")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_domain::contact::decision::Draft;
    use serde::Deserialize;

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Thing {
        name: String,
        #[serde(default)]
        inner: Option<Box<Thing>>,
    }

    fn refusal(bytes: &[u8]) -> Refusal {
        parse::<Thing>(bytes).unwrap_err()
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_where_it_stands() {
        let refusal = refusal(br#"{"name":"a","inner":{"name":"b","name":"c"}}"#);
        assert_eq!((refusal.code, refusal.at.as_deref()), (Code::BadRequest, Some("inner.name")));
    }

    #[test]
    fn an_unknown_field_is_refused_by_name_at_any_depth() {
        assert!(refusal(br#"{"name":"a","nmae":"b"}"#).detail.contains("nmae"));
        let draft = br#"{"reason":"","actions":[{"do":"say","with":{"content":{"text":"hi"},"langauge":"en"}}]}"#;
        let refusal = parse::<Draft>(draft).unwrap_err();
        assert_eq!(refusal.at.as_deref(), Some("actions[0].with.langauge"));
        let draft = br#"{"reason":"","actions":[{"do":"say","with":{"content":{"text":"hi"},"language":null}}]}"#;
        assert!(parse::<Draft>(draft).is_ok());
    }

    #[test]
    fn bytes_that_are_no_json_get_a_clear_answer() {
        for (bytes, word) in [
            (&b""[..], "empty"),
            (b"{\"name\":\"a\"", "EOF"),
            (b"{\"name\":\"a\"}x", "trailing"),
            (b"{\"name\":\"\xff\"}", "UTF-8"),
            (b"{\"name\":\"\\ud800\"}", "not JSON"),
            (b"{\"name\":\"a\0\"}", "control character"),
        ] {
            let refusal = refusal(bytes);
            assert_eq!(refusal.code, Code::BadRequest, "{refusal:?}");
            assert!(refusal.detail.contains(word), "{refusal:?}");
        }
        assert_eq!(refusal(b"{\"name\":1}").at.as_deref(), Some("name"));
        assert_eq!(refusal(b"[]").code, Code::Invalid);
    }

    #[test]
    fn a_body_that_is_too_deep_is_refused_before_anything_recurses_over_it() {
        let deep = format!("{}1{}", "[".repeat(DEPTH_MAX + 2), "]".repeat(DEPTH_MAX + 2));
        assert!(refusal(deep.as_bytes()).detail.contains("deeper"));
        let endless = "[".repeat(100_000);
        assert!(refusal(endless.as_bytes()).detail.contains("deeper"));
    }

    async fn take(kind: &str, body: axum::body::Body) -> Result<Body<Thing>, Problem> {
        let request = Request::builder().header(header::CONTENT_TYPE, kind).body(body).unwrap();
        Body::from_request(request, &()).await
    }

    fn code(result: Result<Body<Thing>, Problem>) -> Code {
        match result {
            Err(Problem::Refused(refusal)) => refusal.code,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn only_json_of_a_bounded_size_is_read() {
        let sound = r#"{"name":"a"}"#;
        assert!(take("application/json; charset=\"UTF-8\"", sound.into()).await.is_ok());
        for kind in ["text/plain", "application/json; charset=latin1", "", "application/jsonx"] {
            assert_eq!(code(take(kind, sound.into()).await), Code::WrongContentType, "{kind}");
        }
        let large = format!("{{\"name\":\"{}\"}}", "a".repeat(BODY_BYTES_MAX));
        assert_eq!(code(take("application/json", large.into()).await), Code::TooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_stops_is_not_waited_for() {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
        sender.send(Bytes::from_static(b"{\"name\"")).await.unwrap();
        let body = axum::body::Body::new(Halting(receiver));
        let refusal = read(&HeaderMap::new(), body, BODY_BYTES_MAX, PATIENCE * 100).await.unwrap_err();
        assert_eq!((refusal.code, refusal.at.as_deref()), (Code::BadRequest, Some("body")));
        assert!(refusal.detail.contains("nothing more"), "{refusal}");
        drop(sender);
    }

    /// A body that comes as somebody sends it.
    struct Halting(tokio::sync::mpsc::Receiver<Bytes>);

    impl axum::body::HttpBody for Halting {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, std::convert::Infallible>>> {
            self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| Ok(http_body::Frame::data(chunk))))
        }
    }
}
