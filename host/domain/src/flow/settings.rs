//! Merges and checks settings: platform, tenant, subtenant and flow, the nearest winning.
//!
//! The admin API merges when a release is made, so that a running call never waits for it and a release stays what it was.
//! Objects merge by name, anything else replaces (RFC 7396 without removal by null: a null is a value here).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema;
use crate::contact::Moment;

/// Largest settings of one level: a large prompt library belongs elsewhere.
pub const SETTINGS_BYTES_MAX: usize = 48 * 1024;
/// Deepest nesting, so that no later walk over settings needs to think about its stack.
pub const SETTINGS_DEPTH_MAX: usize = 32;

/// One write of a level's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingsRevision {
    /// From 1.
    pub revision: u32,
    /// A JSON object.
    pub value: Value,
    /// When.
    pub written: Moment,
    /// By whom.
    pub by: String,
}

/// Why settings are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSettings {
    /// Not an object.
    #[error("settings must be a JSON object")]
    NotAnObject,
    /// Too large.
    #[error("settings are {0} bytes; at most {SETTINGS_BYTES_MAX}")]
    TooLarge(usize),
    /// Too deep.
    #[error("settings are nested deeper than {SETTINGS_DEPTH_MAX}")]
    TooDeep,
    /// The plugin's schema refuses them.
    #[error("the plugin's settings schema refuses {pointer}: {why}")]
    Schema {
        /// JSON Pointer of the value.
        pointer: String,
        /// What the validator says.
        why: String,
    },
    /// The plugin's schema is none.
    #[error("the plugin's settings schema is not a JSON Schema: {0}")]
    NoSchema(String),
}

/// Checks what a person wrote, before it is stored.
pub fn check(value: &Value) -> Result<(), BadSettings> {
    if !value.is_object() {
        return Err(BadSettings::NotAnObject);
    }
    if depth(value) > SETTINGS_DEPTH_MAX {
        return Err(BadSettings::TooDeep);
    }
    let bytes = value.to_string().len();
    if bytes > SETTINGS_BYTES_MAX { Err(BadSettings::TooLarge(bytes)) } else { Ok(()) }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(items) => 1 + items.values().map(depth).max().unwrap_or(0),
        _ => 1,
    }
}

/// Merges levels, the last winning.
pub fn merge<'a>(levels: impl IntoIterator<Item = &'a Value>) -> Value {
    let mut merged = Value::Object(Map::new());
    for level in levels {
        lay_over(&mut merged, level);
    }
    merged
}

fn lay_over(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                lay_over(below.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}

/// Checks merged settings against what the plugin declares. An empty schema accepts anything.
pub fn check_schema(schema: &str, settings: &Value) -> Result<(), BadSettings> {
    schema::check(schema, settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_nearest_level_wins_and_objects_merge() {
        let merged = merge([&json!({"a": 1, "o": {"x": 1, "y": [1, 2]}}), &json!({"o": {"y": [3]}, "b": null})]);
        assert_eq!(merged, json!({"a": 1, "b": null, "o": {"x": 1, "y": [3]}}));
    }

    #[test]
    fn a_schema_refuses_by_name() {
        let schema = r#"{"type":"object","properties":{"queue":{"type":"string"}},"required":["queue"]}"#;
        assert!(check_schema(schema, &json!({"queue": "sales"})).is_ok());
        let refusal = check_schema(schema, &json!({"queue": 1})).unwrap_err().to_string();
        assert!(refusal.contains("/queue"), "{refusal}");
        assert!(check_schema("{", &json!({})).is_err());
        assert!(check_schema("", &json!({})).is_ok());
    }

    #[test]
    fn settings_that_are_no_object_or_too_deep_are_refused() {
        assert_eq!(check(&json!([])), Err(BadSettings::NotAnObject));
        let mut deep = json!({});
        for _ in 0..SETTINGS_DEPTH_MAX {
            deep = json!({ "a": deep });
        }
        assert_eq!(check(&deep), Err(BadSettings::TooDeep));
    }
}
