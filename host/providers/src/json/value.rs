//! Holds JSON whose texts stay in the body that they were read from.
//!
//! A webhook's body is read once, looked at and dropped. `serde_json::Value` copies every name and every text of it and keeps a tree for
//! each object; here a text is copied only where it has an escape, and an object is one list in order of its names.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Number;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    /// Nothing.
    Null,
    /// True or false.
    Truth(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Json<'a>>),
    /// An object: in order of the names, and of a name that came twice the last value.
    Object(Vec<Member<'a>>),
}

/// As many as most objects have.
const MEMBERS: usize = 8;

/// A name and its value.
pub(crate) type Member<'a> = (Cow<'a, str>, Json<'a>);

impl<'a> Json<'a> {
    /// The member of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.named(name.as_bytes())
    }

    fn named(&self, name: &[u8]) -> Option<&Self> {
        self.members().iter().find(|(known, _)| known.as_bytes() == name).map(|(_, value)| value)
    }

    /// What stands at a place such as `/call/id`; of a list the item of that number.
    pub(crate) fn at(&self, place: &str) -> Option<&Self> {
        place.as_bytes().split(|byte| *byte == b'/').skip(1).try_fold(self, |value, name| match value {
            Self::List(items) => items.get(std::str::from_utf8(name).ok()?.parse::<usize>().ok()?),
            _ => value.named(name),
        })
    }

    /// The members of an object; none of anything else.
    pub(crate) fn members(&self) -> &[Member<'a>] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// A text.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// True or false.
    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Truth(truth) => Some(*truth),
            _ => None,
        }
    }

    /// A number.
    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            _ => None,
        }
    }

    /// With texts of its own, for a body that is dropped first.
    pub(crate) fn detached(self) -> Json<'static> {
        match self {
            Self::Null => Json::Null,
            Self::Truth(truth) => Json::Truth(truth),
            Self::Number(number) => Json::Number(number),
            Self::Text(text) => Json::Text(Cow::Owned(text.into_owned())),
            Self::List(items) => Json::List(items.into_iter().map(Json::detached).collect()),
            Self::Object(members) => {
                Json::Object(members.into_iter().map(|(name, value)| (Cow::Owned(name.into_owned()), value.detached())).collect())
            }
        }
    }

    /// True of an object.
    pub(crate) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }
}

/// A name that is copied only where it has an escape.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(ReadName)
    }
}

struct ReadName;

impl<'de> Visitor<'de> for ReadName {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReadJson)
    }
}

struct ReadJson;

impl<'de> Visitor<'de> for ReadJson {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Json::Truth(truth))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut given: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = given.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut given: A) -> Result<Self::Value, A::Error> {
        // Nothing is set aside for empty ones: a body may be a list of thousands.
        let Some((Name(name), value)) = given.next_entry()? else { return Ok(Json::Object(Vec::new())) };
        let mut members: Vec<Member<'de>> = Vec::with_capacity(MEMBERS);
        members.push((name, value));
        while let Some((Name(name), value)) = given.next_entry()? {
            members.push((name, value));
        }
        Ok(Json::Object(in_order(members)))
    }
}

/// In order of the names, each once. Most bodies are in some other order, but small.
fn in_order(mut members: Vec<Member<'_>>) -> Vec<Member<'_>> {
    let is_in_order = members.is_sorted_by(|(one, _), (next, _)| one < next);
    if !is_in_order {
        // Equal names keep their order, and of those the last is first from behind.
        members.reverse();
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        members.dedup_by(|(later, _), (kept, _)| later == kept);
    }
    members
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Truth(truth) => serializer.serialize_bool(*truth),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}
