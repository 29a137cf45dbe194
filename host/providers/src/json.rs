//! Reads JSON from providers without ever failing for a member that is missing, null, of another type, unknown or in another order.
//!
//! Whatever a provider adds, leaves out or spells otherwise next year, a call that can be answered is answered: a member is what it should
//! be, or it is not there. Only a body that is no JSON at all, or nothing but a list or a number, is turned away.

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use crate::provider::{Raw, Unreadable};

/// Deeper than any provider's body; serde_json itself stops at 128.
const KEYS_MAX: usize = 64;
/// Longest name or value of what is handed on.
const TEXT_BYTES_MAX: usize = 4_096;

/// The object that a POST carries. Providers are not agreed on the content type of JSON, and some send none: it is not asked for.
pub(crate) fn object(raw: &Raw<'_>) -> Result<Value, Unreadable> {
    if raw.method != Method::POST {
        return Err(Unreadable::WrongMethod("POST"));
    }
    parse(raw.body)
}

/// An object. An empty body is an empty one.
pub(crate) fn parse(body: &Bytes) -> Result<Value, Unreadable> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(value) if value.is_object() => Ok(value),
        Ok(_) => Err(Unreadable::Malformed("the body is JSON, but not an object")),
        Err(_) => Err(Unreadable::Malformed("the body is not JSON")),
    }
}

/// The text at a JSON pointer: a string that is not empty, or a number or truth as it is written.
pub(crate) fn text(value: &Value, pointer: &str) -> Option<String> {
    written(value.pointer(pointer)?)
}

/// The first of several places that has a text.
pub(crate) fn first(value: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| text(value, pointer))
}

/// A value as text, where it is a plain one.
pub(crate) fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// A whole number at a pointer, also where it is written as text.
pub(crate) fn whole(value: &Value, pointer: &str) -> Option<u64> {
    let found = value.pointer(pointer)?;
    found
        .as_u64()
        .or_else(|| found.as_f64().filter(|number| (0.0..9e15).contains(number)).map(|number| number as u64))
        .or_else(|| found.as_str()?.trim().parse().ok())
}

/// The plain members of an object at a pointer, bounded and in order of their names.
pub(crate) fn plain(value: &Value, pointer: &str) -> Vec<(String, String)> {
    let members = value.pointer(pointer).and_then(Value::as_object);
    let pairs = members.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), written(value)?)));
    pairs.filter(|(name, value)| name.len() <= TEXT_BYTES_MAX && value.len() <= TEXT_BYTES_MAX).take(KEYS_MAX).collect()
}

/// Bytes that are the same for the same value, however its members were ordered or spaced: serde_json keeps objects sorted.
pub(crate) fn canonical(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_is_what_it_should_be_or_it_is_not_there() {
        let value = json!({"a": {"b": "x", "n": 7, "t": true, "none": null, "list": [1], "empty": ""}, "late": "12", "big": 1.5e3});
        for (pointer, expected) in [("/a/b", Some("x")), ("/a/n", Some("7")), ("/a/t", Some("true")), ("/a/none", None), ("/a/list", None)]
        {
            assert_eq!(text(&value, pointer).as_deref(), expected, "{pointer}");
        }
        assert_eq!((text(&value, "/a/empty"), text(&value, "/a/b/c"), text(&value, "/nothing")), (None, None, None));
        assert_eq!((whole(&value, "/late"), whole(&value, "/big"), whole(&value, "/a/b")), (Some(12), Some(1_500), None));
        assert_eq!(plain(&value, "/a"), [("b", "x"), ("n", "7"), ("t", "true")].map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert!(plain(&value, "/late").is_empty());
    }

    #[test]
    fn order_and_space_make_no_other_event() {
        let one = parse(&Bytes::from_static(b"{\"a\": 1, \"b\": {\"d\": 2, \"c\": 3}}")).unwrap();
        let other = parse(&Bytes::from_static(b"{\"b\":{\"c\":3,\"d\":2},\"a\":1}")).unwrap();
        assert_eq!(canonical(&one), canonical(&other));
        for bad in ["[]", "7", "{", "\"text\"", "{}{}"] {
            assert!(parse(&Bytes::from_static(bad.as_bytes())).is_err(), "{bad}");
        }
    }
}
