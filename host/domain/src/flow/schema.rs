//! Checks settings against the schema that a plugin declares, at a cost that the plugin's author cannot choose.
//!
//! Uploads, settings and releases are checked through it. A schema is a stranger's program, and the host runs it outside every
//! sandbox: fourteen hundred bytes that double by reference twenty times took 37 s and 6 GB, six kilobytes of patterns 13 s and 2 GB.
//! So a schema is counted before anything is made of it, with every reference followed, and what counts too far is refused by name.
//! What is left is a tree of known size, and the work is at most that size times the size of the settings.
//!
//! It must not fetch anything: a reference leads to a place in the same document or nowhere.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::settings::BadSettings;

/// Most values of a schema, with what it refers to counted as often as it is referred to: the largest schema of a plugin that ships
/// has about a hundred.
const VALUES_MAX: usize = 5_000;
/// Most patterns: each becomes a machine of its own.
const PATTERNS_MAX: usize = 100;
/// Largest machine of one pattern, in bytes: a telephone number's takes about a thousand.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// Most values of a schema times values of the settings: about 30 ms.
const STEPS_MAX: usize = 1_000_000;
/// With more than that a refusal is not explained: the explanation keeps every way that failed, at about a kilobyte each.
const STEPS_EXPLAINED_MAX: usize = 50_000;
/// Dialects in which `$id` alone begins a new document, and references mean what is counted here.
const DIALECTS: [&str; 4] = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
];
/// Words whose work grows with every level on which they stand, or that lead where no count can follow.
const REFUSED: [&str; 7] =
    ["unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$anchor"];

fn refuse(why: impl Into<String>) -> BadSettings {
    BadSettings::NoSchema(why.into())
}

/// Checks merged settings against what the plugin declares. An empty schema accepts anything.
pub(super) fn check(schema: &str, settings: &Value) -> Result<(), BadSettings> {
    if schema.trim().is_empty() {
        return Ok(());
    }
    let schema: Value = serde_json::from_str(schema).map_err(|error| refuse(error.to_string()))?;
    let steps = measure(&schema)?.saturating_mul(count(settings));
    let validator = validator(&schema)?;
    if steps > STEPS_MAX {
        return Err(refuse(format!("checking these settings against it would take {steps} steps; at most {STEPS_MAX}")));
    }
    if validator.is_valid(settings) {
        return Ok(());
    }
    let found = if steps > STEPS_EXPLAINED_MAX { None } else { validator.iter_errors(settings).next() };
    Err(match found {
        Some(error) => BadSettings::Schema { pointer: format!("{:?}", error.instance_path().to_string()), why: error.to_string() },
        None => BadSettings::Schema { pointer: "\"\"".to_owned(), why: "they do not fit, and are too large to say where".to_owned() },
    })
}

/// Patterns are matched in time that grows with the text alone, and formats say something without being checked: `regex` is one, and
/// its patterns would be the settings' own.
fn validator(schema: &Value) -> Result<Validator, BadSettings> {
    let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES_MAX);
    let options = jsonschema::options().with_pattern_options(patterns).should_validate_formats(false);
    options.build(schema).map_err(|error| refuse(error.to_string()))
}

/// Counts a schema's values with every reference followed; one that refers to itself counts without end, and is refused for it.
fn measure(schema: &Value) -> Result<usize, BadSettings> {
    let (mut values, mut patterns) = (0_usize, 0_usize);
    let mut left = vec![schema];
    while let Some(value) = left.pop() {
        values += 1;
        if values > VALUES_MAX {
            return Err(refuse(format!("it has more than {VALUES_MAX} values with its references followed, or refers to itself")));
        }
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => {
                let is_root = std::ptr::eq(value, schema);
                for (word, of) in fields {
                    patterns += patterns_of(word, of);
                    left.extend(target(word, of, schema, is_root)?);
                    left.push(of);
                }
            }
            _ => {}
        }
        if patterns > PATTERNS_MAX {
            return Err(refuse(format!("it has more than {PATTERNS_MAX} patterns")));
        }
    }
    Ok(values)
}

fn patterns_of(word: &str, of: &Value) -> usize {
    match (word, of) {
        ("pattern", Value::String(_)) => 1,
        ("patternProperties", Value::Object(patterns)) => patterns.len(),
        _ => 0,
    }
}

/// Where a word of a schema leads besides into itself.
fn target<'a>(word: &str, of: &Value, schema: &'a Value, is_root: bool) -> Result<Option<&'a Value>, BadSettings> {
    let shown = |text: &str| text.chars().take(80).collect::<String>();
    match (word, of) {
        ("$ref", Value::String(to)) => {
            // A percent sign would be decoded by the one reader and not by the other.
            let pointer = to.strip_prefix('#').filter(|pointer| !pointer.contains('%'));
            let found = pointer.and_then(|pointer| schema.pointer(pointer));
            found.map(Some).ok_or_else(|| refuse(format!("it refers to {:?}, which is no place in it", shown(to))))
        }
        ("$schema", Value::String(dialect)) => {
            let known = is_root && DIALECTS.contains(&dialect.trim_end_matches('#'));
            if known { Ok(None) } else { Err(refuse(format!("it is of the dialect {:?}, which is not known here", shown(dialect)))) }
        }
        ("$id", Value::String(_)) if !is_root => Err(refuse("it has another document inside ($id)")),
        (word, _) if REFUSED.contains(&word) => Err(refuse(format!("it uses {word}, which is not known here"))),
        _ => Ok(None),
    }
}

/// Values of the settings, names included.
fn count(settings: &Value) -> usize {
    let mut values = 0_usize;
    let mut left = vec![settings];
    while let Some(value) = left.pop() {
        values += 1;
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => left.extend(fields.values()),
            _ => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    fn refusal(schema: &Value) -> String {
        match check(&schema.to_string(), &json!({})) {
            Err(BadSettings::NoSchema(why)) => why,
            other => panic!("{other:?} of {schema}"),
        }
    }

    /// Each definition refers to the next one twice.
    fn doubling(levels: usize, word: &str) -> Value {
        let mut defs: Map<String, Value> = (0..levels)
            .map(|at| {
                let next = json!({"$ref": format!("#/$defs/a{}", at + 1)});
                (format!("a{at}"), json!({ word: [next, next] }))
            })
            .collect();
        defs.insert(format!("a{levels}"), json!({"type": "string"}));
        json!({"$defs": defs, "$ref": "#/$defs/a0"})
    }

    #[test]
    fn a_schema_that_multiplies_is_refused_before_anything_is_made_of_it() {
        for word in ["anyOf", "allOf", "oneOf"] {
            assert!(refusal(&doubling(60, word)).contains("5000 values"), "{word}");
        }
        let mut nested = json!({"properties": {"a": true}});
        for _ in 0..30 {
            nested = json!({"allOf": [nested], "unevaluatedProperties": false});
        }
        assert!(refusal(&nested).contains("unevaluatedProperties"));
    }

    #[test]
    fn a_schema_that_refers_to_itself_or_outside_is_refused_by_name() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
            json!({"properties": {"child": {"$ref": "#"}}}),
        ] {
            assert!(refusal(&schema).contains("refers to itself"), "{schema}");
        }
        for to in ["http://169.254.169.254/", "file:///etc/passwd", "other.json", "#/$defs/absent", "#%2F$defs"] {
            assert!(refusal(&json!({"$ref": to})).contains(to), "{to}");
        }
        for schema in [
            json!({"$dynamicRef": "#x"}),
            json!({"$defs": {"a": {"$id": "https://example.com/a", "$ref": "#"}}}),
            json!({"$schema": "http://json-schema.org/draft-04/schema#"}),
            json!({"$defs": {"a": {"$schema": "http://json-schema.org/draft-04/schema#"}}}),
        ] {
            refusal(&schema);
        }
    }

    #[test]
    fn patterns_are_few_small_and_never_go_back() {
        assert!(refusal(&json!({"allOf": vec![json!({"pattern": "a"}); 101]})).contains("100 patterns"));
        refusal(&json!({"pattern": "(\\pL{60}){3}"}));
        refusal(&json!({"patternProperties": {"(\\pL{60}){3}": true}}));
        // The usual way of making a matcher go back for ever; with one that never does, it is an ordinary pattern.
        let schema = json!({"properties": {"a": {"pattern": "^(a+)+$"}}}).to_string();
        let settings = json!({ "a": format!("{}b", "a".repeat(40_000)) });
        assert!(matches!(check(&schema, &settings), Err(BadSettings::Schema { .. })));
        refusal(&json!({"pattern": "^(?=a)"}));
    }

    #[test]
    fn a_schema_times_its_settings_is_bounded() {
        let many: Vec<Value> = (0..1_000).map(|_| json!({"type": "string"})).collect();
        let schema = json!({"properties": {"x": {"items": {"anyOf": many}}}}).to_string();
        let settings = |count: usize| json!({ "x": vec![1; count] });
        assert!(matches!(check(&schema, &settings(2_000)), Err(BadSettings::NoSchema(why)) if why.contains("steps")));
        assert!(matches!(check(&schema, &settings(100)), Err(BadSettings::Schema { why, .. }) if why.contains("too large")));
        assert!(matches!(check(&schema, &settings(2)), Err(BadSettings::Schema { pointer, .. }) if pointer == "\"/x/0\""));
    }

    #[test]
    fn what_schemas_are_written_for_still_works() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "https://example.com/settings",
            "$defs": {"number": {"type": "string", "pattern": "^\\+[1-9][0-9]{6,14}$"}},
            "type": "object",
            "properties": {"main": {"$ref": "#/$defs/number"}, "others": {"type": "array", "items": {"$ref": "#/$defs/number"}}},
            "required": ["main"],
            "additionalProperties": false,
        })
        .to_string();
        assert_eq!(check(&schema, &json!({"main": "+14155550100", "others": ["+14155550101"]})), Ok(()));
        let refused = check(&schema, &json!({"main": "+14155550100", "others": ["now"]})).unwrap_err();
        assert!(refused.to_string().contains("/others/0"), "{refused}");
    }
}
