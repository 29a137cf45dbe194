//! Reads JSON from providers without ever failing for a member that is missing, null, of another type, unknown or in another order.
//!
//! Whatever a provider adds, leaves out or spells otherwise next year, a call that can be answered is answered: a member is what it should
//! be, or it is not there. Only a body that is no JSON at all, or nothing but a list or a number, is turned away.

mod halves;
mod value;

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use serde::Serialize;

use crate::provider::{Raw, Reply, Unreadable};

pub(crate) use value::Json;

/// Deeper than any provider's body; serde_json itself stops at 128.
const KEYS_MAX: usize = 64;
/// Longest name or value of what is handed on.
const TEXT_BYTES_MAX: usize = 4_096;
/// Most answers are smaller, so that they are written without growing.
const REPLY_BYTES: usize = 512;

/// The object that a POST carries. Providers are not agreed on the content type of JSON, and some send none: it is not asked for.
pub(crate) fn object<'a>(raw: &Raw<'a>) -> Result<Json<'a>, Unreadable> {
    if raw.method != Method::POST {
        return Err(Unreadable::WrongMethod("POST"));
    }
    parse(raw.body)
}

/// An object. An empty body is an empty one.
pub(crate) fn parse(body: &Bytes) -> Result<Json<'_>, Unreadable> {
    if body.is_empty() {
        return Ok(Json::Object(Vec::new()));
    }
    // Text is checked as a whole, which is faster than string by string.
    let text = std::str::from_utf8(body).ok();
    let read = text.and_then(|text| serde_json::from_str::<Json<'_>>(text).ok());
    let mended = || serde_json::from_str::<Json<'_>>(&halves::replaced(text?)?).ok().map(Json::detached);
    match read.or_else(mended) {
        Some(value) if value.is_object() => Ok(value),
        Some(_) => Err(Unreadable::Malformed("the body is JSON, but not an object")),
        None => Err(Unreadable::Malformed("the body is not JSON")),
    }
}

/// The text at a place such as `/call/id`: a string that is not empty, or a number or truth as it is written.
pub(crate) fn text<'v>(value: &'v Json<'_>, place: &str) -> Option<Cow<'v, str>> {
    written(value.at(place)?)
}

/// The same, for whoever keeps it.
pub(crate) fn owned(value: &Json<'_>, place: &str) -> Option<String> {
    text(value, place).map(Cow::into_owned)
}

/// The first of several places that has a text.
pub(crate) fn first<'v>(value: &'v Json<'_>, places: &[&str]) -> Option<Cow<'v, str>> {
    places.iter().find_map(|place| text(value, place))
}

/// A value as text, where it is a plain one.
pub(crate) fn written<'v>(value: &'v Json<'_>) -> Option<Cow<'v, str>> {
    match value {
        Json::Text(text) if !text.is_empty() => Some(Cow::Borrowed(text)),
        Json::Number(number) => Some(Cow::Owned(number.to_string())),
        Json::Truth(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        _ => None,
    }
}

/// A value written again, its members in order of their names.
pub(crate) fn written_again(value: &Json<'_>) -> String {
    String::from_utf8(bytes(value)).unwrap_or_default()
}

/// A whole number at a place, also where it is written as text.
pub(crate) fn whole(value: &Json<'_>, place: &str) -> Option<u64> {
    match value.at(place)? {
        Json::Number(number) => {
            let rounded = || number.as_f64().filter(|number| (0.0..9e15).contains(number)).map(|number| number as u64);
            number.as_u64().or_else(rounded)
        }
        Json::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The plain members of an object at a place, bounded and in order of their names.
pub(crate) fn plain<'v>(value: &'v Json<'_>, place: &str) -> impl Iterator<Item = (&'v str, Cow<'v, str>)> {
    let members = value.at(place).map_or(&[][..], Json::members);
    let pairs = members.iter().filter_map(|(name, value)| Some((name.as_ref(), written(value)?)));
    pairs.filter(|(name, value)| name.len() <= TEXT_BYTES_MAX && value.len() <= TEXT_BYTES_MAX).take(KEYS_MAX)
}

/// The same, for whoever keeps them.
pub(crate) fn pairs(value: &Json<'_>, place: &str) -> Vec<(String, String)> {
    plain(value, place).map(|(name, value)| (name.to_owned(), value.into_owned())).collect()
}

/// Those that begin with `x-` in any case, as headers are handed on.
pub(crate) fn headers(value: &Json<'_>, place: &str) -> Vec<(String, String)> {
    let own = plain(value, place).map(|(name, value)| (name.to_ascii_lowercase(), value));
    own.filter(|(name, _)| name.starts_with("x-")).map(|(name, value)| (name, value.into_owned())).collect()
}

/// Bytes that are the same for the same value, however its members were ordered, spaced or escaped. A client may write its body anew for
/// a retry - a map has no order in most languages - so the bytes that arrived would not do.
pub(crate) fn material(value: &Json<'_>, body: &Bytes) -> Vec<u8> {
    let mut material = Vec::with_capacity(body.len() + body.len() / 2);
    identify(value, &mut material);
    material
}

/// Each kind has a letter and each text and list its length: nothing needs an escape, and no two values have the same bytes.
fn identify(value: &Json<'_>, material: &mut Vec<u8>) {
    let sized = |material: &mut Vec<u8>, kind: u8, length: usize| {
        material.push(kind);
        material.extend_from_slice(&(length as u64).to_be_bytes());
    };
    match value {
        Json::Null => material.push(b'n'),
        Json::Truth(truth) => material.extend_from_slice(&[b'b', u8::from(*truth)]),
        Json::Number(number) => {
            let written = number.to_string();
            sized(material, b'd', written.len());
            material.extend_from_slice(written.as_bytes());
        }
        Json::Text(text) => {
            sized(material, b't', text.len());
            material.extend_from_slice(text.as_bytes());
        }
        Json::List(items) => {
            sized(material, b'l', items.len());
            items.iter().for_each(|item| identify(item, material));
        }
        Json::Object(members) => {
            sized(material, b'o', members.len());
            for (name, value) in members {
                sized(material, b't', name.len());
                material.extend_from_slice(name.as_bytes());
                identify(value, material);
            }
        }
    }
}

/// What is sent as JSON.
pub(crate) fn reply(answer: &impl Serialize) -> Reply {
    Reply::ok("application/json", bytes(answer))
}

/// An answer as it is written.
pub(crate) fn bytes(answer: &impl Serialize) -> Vec<u8> {
    let mut body = Vec::with_capacity(REPLY_BYTES);
    // Answers have texts for names and no type that refuses to be written, so there is no other arm.
    let _written = serde_json::to_writer(&mut body, answer);
    body
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> Json<'_> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_member_is_what_it_should_be_or_it_is_not_there() {
        let value =
            json!({"a": {"b": "x", "n": 7, "t": true, "none": null, "list": [1], "empty": ""}, "late": "12", "big": 1.5e3}).to_string();
        let value = read(&value);
        for (place, expected) in [("/a/b", Some("x")), ("/a/n", Some("7")), ("/a/t", Some("true")), ("/a/none", None), ("/a/list", None)] {
            assert_eq!(text(&value, place).as_deref(), expected, "{place}");
        }
        assert_eq!((text(&value, "/a/empty"), text(&value, "/a/b/c"), text(&value, "/nothing")), (None, None, None));
        assert_eq!(text(&value, "/a/list/0").as_deref(), Some("1"));
        assert_eq!((whole(&value, "/late"), whole(&value, "/big"), whole(&value, "/a/b")), (Some(12), Some(1_500), None));
        assert_eq!(pairs(&value, "/a"), [("b", "x"), ("n", "7"), ("t", "true")].map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert!(pairs(&value, "/late").is_empty());
    }

    #[test]
    fn order_and_space_make_no_other_event() {
        let identity = |text: &'static str| material(&parse(&Bytes::from_static(text.as_bytes())).unwrap(), &Bytes::new());
        assert_eq!(identity("{\"a\": 1, \"b\": {\"d\": 2, \"c\": 3}}"), identity("{\"b\":{\"c\":3,\"d\":2},\"a\":1}"));
        assert_eq!(identity("{\"a\": \"\\u0062/\"}"), identity("{\"a\":\"b\\/\"}"));
        for other in ["{\"a\": 2}", "{\"a\": \"1\"}", "{\"a\": [1]}", "{\"a\": 1, \"b\": null}", "{\"b\": 1}", "{\"a\": 1.0}", "{}"] {
            assert_ne!(identity("{\"a\": 1}"), identity(other), "{other}");
        }
        for bad in ["[]", "7", "{", "\"text\"", "{}{}"] {
            assert!(parse(&Bytes::from_static(bad.as_bytes())).is_err(), "{bad}");
        }
        assert!(parse(&Bytes::from_static(b"{\"a\":\"\xff\"}")).is_err());
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let plain = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,8}|[\"\\\\\n]{1,3}".prop_map(Value::from),
        ];
        plain.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec(("[a-c\"]{0,2}", inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_reads_and_writes_what_serde_json_does(value in any_value(), repeated in proptest::collection::vec("[a-c]{1,2}", 0..8)) {
            let text = value.to_string();
            prop_assert_eq!(serde_json::to_string(&read(&text)).unwrap(), text);
            // Names that come twice, in any order.
            let members: Vec<String> = repeated.iter().enumerate().map(|(at, name)| format!("\"{name}\":{at}")).collect();
            let text = format!("{{{}}}", members.join(","));
            let theirs: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(serde_json::to_string(&read(&text)).unwrap(), theirs.to_string());
        }
    }
}
