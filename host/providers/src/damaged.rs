//! Damages recorded JSON bodies for the tests of providers: members that are missing, null or of another type.

use serde_json::{Value, json};

/// The ways in which a member can be damaged.
pub(crate) const WAYS: usize = 8;

/// The JSON pointer of every member of every depth.
pub(crate) fn places(value: &Value) -> Vec<String> {
    let below = |name: String, value: &Value| {
        let deeper = places(value).into_iter().map(|place| format!("/{name}{place}")).collect::<Vec<String>>();
        std::iter::once(format!("/{name}")).chain(deeper)
    };
    match value {
        Value::Object(members) => members.iter().flat_map(|(name, value)| below(name.clone(), value)).collect(),
        Value::Array(values) => values.iter().enumerate().flat_map(|(at, value)| below(at.to_string(), value)).collect(),
        _ => Vec::new(),
    }
}

/// Damages one member, where it is still there.
pub(crate) fn damage(body: &mut Value, place: &str, way: usize) {
    let (parent, name) = place.rsplit_once('/').unwrap();
    if way == 0 {
        if let Some(members) = body.pointer_mut(parent).and_then(Value::as_object_mut) {
            members.remove(name);
        }
        return;
    }
    if let Some(value) = body.pointer_mut(place) {
        *value = [Value::Null, json!(7), json!(true), json!([]), json!({"other": 1}), json!("text"), json!(1.5)][way - 1].clone();
    }
}
