//! Says what settings a tenant has after inheritance, and where each value comes from.
//!
//! The admin API makes releases with [`inherit`] and shows [`in_force`]. The nearest level wins, except under the names in [`CEILINGS`]: what
//! a tenant may do is set above it, so there a value can be narrowed below and never widened. A switch that is off stays off, a number is
//! the least, and of a list only what every level has is left; a text is as it stands above, and a value keeps its shape. Both functions
//! walk by one rule, so that what is shown is what runs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Members of settings under which nobody may have more than whoever stands above.
pub const CEILINGS: [&str; 2] = ["features", "limits"];

/// The settings of one level.
#[derive(Debug, Clone, Copy)]
pub struct Level<'a> {
    /// A tenant's name, or `flow` and its name.
    pub of: &'a str,
    /// A JSON object.
    pub value: &'a Value,
}

/// One value as it is in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InForce {
    /// JSON Pointer of the value.
    pub pointer: String,
    /// The value.
    pub value: Value,
    /// The level that it comes from.
    pub from: String,
    /// A level below that asked for more, and for what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrowed: Option<Asked>,
}

/// What a level asked for and does not have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The level.
    pub by: String,
    /// What it wrote.
    pub value: Value,
}

/// The settings that are in force, from the highest level to the nearest.
pub fn inherit(levels: &[Level<'_>]) -> Value {
    let mut merged = Value::Object(Map::new());
    for one in in_force(levels) {
        put(&mut merged, &one.pointer, one.value);
    }
    merged
}

/// Every value that is in force, with where it comes from, in the order of their names.
pub fn in_force(levels: &[Level<'_>]) -> Vec<InForce> {
    let mut all: Vec<InForce> = Vec::new();
    for level in levels {
        let mut own = Vec::new();
        leaves(level.value, "", &mut own);
        for (pointer, value) in own {
            lay_over(&mut all, level.of, pointer, value);
        }
    }
    all.sort_by(|one, other| one.pointer.cmp(&other.pointer));
    all
}

/// What a level would have more of than stands above it: the pointer, what is there, and whose that is.
pub fn widened(above: &[Level<'_>], own: Level<'_>) -> Option<InForce> {
    let mut levels = above.to_vec();
    levels.push(own);
    in_force(&levels).into_iter().find(|one| one.narrowed.as_ref().is_some_and(|asked| asked.by == own.of))
}

/// Objects are walked into; anything else, and an object that has no members, is a value.
fn leaves<'a>(value: &'a Value, at: &str, found: &mut Vec<(String, &'a Value)>) {
    match value.as_object().filter(|members| !members.is_empty()) {
        Some(members) => {
            for (name, value) in members {
                leaves(value, &format!("{at}/{}", escaped(name)), found);
            }
        }
        None if at.is_empty() => {}
        None => found.push((at.to_owned(), value)),
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn lay_over(all: &mut Vec<InForce>, by: &str, pointer: String, value: &Value) {
    let is_ceiling = is_ceiling(&pointer);
    let is_about = |known: &InForce| known.pointer == pointer || is_inside(&known.pointer, &pointer) || is_inside(&pointer, &known.pointer);
    let says_something = |value: &Value| value.as_object().is_none_or(|members| !members.is_empty());
    // An empty object laid over an object takes nothing from it.
    if !says_something(value) && all.iter().any(|known| is_inside(&known.pointer, &pointer)) {
        return;
    }
    let mut of_another_shape = all.iter_mut().filter(|known| known.pointer != pointer && is_about(known) && says_something(&known.value));
    if let Some(known) = of_another_shape.next().filter(|_| is_ceiling) {
        // Under a ceiling it would take away what stands there: the next level would have it all.
        if says_something(value) {
            known.narrowed = Some(Asked { by: by.to_owned(), value: value.clone() });
        }
        return;
    }
    // An object where a plain value stood, or the other way round, replaces all of it.
    all.retain(|known| known.pointer == pointer || !is_about(known));
    let Some(known) = all.iter_mut().find(|known| known.pointer == pointer) else {
        return all.push(InForce { pointer, value: value.clone(), from: by.to_owned(), narrowed: None });
    };
    let left = if is_ceiling { least(&known.value, value) } else { value.clone() };
    if left != known.value {
        by.clone_into(&mut known.from);
        known.value = left;
    }
    known.narrowed = (is_ceiling && known.value != *value).then(|| Asked { by: by.to_owned(), value: value.clone() });
}

fn is_inside(pointer: &str, object: &str) -> bool {
    pointer.strip_prefix(object).is_some_and(|rest| rest.starts_with('/'))
}

fn is_ceiling(pointer: &str) -> bool {
    CEILINGS.iter().any(|name| pointer.strip_prefix('/').is_some_and(|rest| rest.split('/').next() == Some(name)))
}

/// What both allow.
fn least(above: &Value, own: &Value) -> Value {
    match (above, own) {
        (Value::Bool(above), Value::Bool(own)) => Value::Bool(*above && *own),
        (Value::Number(high), Value::Number(low)) if high.as_f64() < low.as_f64() => above.clone(),
        (Value::Number(_), Value::Number(_)) => own.clone(),
        (Value::Array(above), Value::Array(own)) => own.iter().filter(|item| above.contains(item)).cloned().collect(),
        // Texts say nothing of more or less, and two kinds cannot be compared, so what stands above counts.
        _ => above.clone(),
    }
}

fn put(whole: &mut Value, pointer: &str, value: Value) {
    let mut here = whole;
    for name in pointer.split('/').skip(1) {
        let name = name.replace("~1", "/").replace("~0", "~");
        if !here.is_object() {
            *here = Value::Object(Map::new());
        }
        let Value::Object(members) = here else { return };
        here = members.entry(name).or_insert(Value::Null);
    }
    *here = value;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::flow::settings::merge;

    fn level<'a>(of: &'a str, value: &'a Value) -> Level<'a> {
        Level { of, value }
    }

    #[test]
    fn the_nearest_wins_but_nobody_has_more_than_stands_above() {
        let platform = json!({"features": {"voice": true, "recording": false, "integrations": ["crm", "mail"]}, "limits": {"calls": 10}, "tone": "kind"});
        let tenant = json!({"features": {"voice": true, "recording": true, "integrations": ["mail", "sms"]}, "limits": {"calls": 50}, "tone": "brief"});
        let sub = json!({"features": {"voice": false, "chat": true}, "limits": {"calls": 5}, "branding": {"name": "A/1"}});
        let levels = [level("platform", &platform), level("a", &tenant), level("a-1", &sub)];
        assert_eq!(
            inherit(&levels),
            json!({"features": {"voice": false, "recording": false, "integrations": ["mail"], "chat": true}, "limits": {"calls": 5}, "tone": "brief",
                "branding": {"name": "A/1"}})
        );
        let all = in_force(&levels);
        let of = |pointer: &str| all.iter().find(|one| one.pointer == pointer).unwrap();
        assert_eq!(
            (of("/tone").from.as_str(), of("/limits/calls").from.as_str(), of("/features/recording").from.as_str()),
            ("a", "a-1", "platform")
        );
        assert_eq!(of("/features/recording").narrowed, Some(Asked { by: "a".to_owned(), value: json!(true) }));
        let wider = widened(&levels[..1], levels[1]).unwrap();
        assert_eq!((wider.pointer.as_str(), wider.from.as_str()), ("/features/integrations", "a"));
        assert!(widened(&levels[..2], levels[2]).is_none());
    }

    #[test]
    fn a_value_and_an_object_replace_one_another() {
        let (one, other) = (json!({"a": {"b": 1, "c": 2}}), json!({"a": 7}));
        assert_eq!(inherit(&[level("x", &one), level("y", &other)]), json!({"a": 7}));
        assert_eq!(inherit(&[level("x", &other), level("y", &one)]), one);
    }

    #[test]
    fn a_ceiling_keeps_its_shape_whatever_is_written_below_it() {
        let above = json!({"features": {"recording": false, "tier": "basic"}, "limits": {"calls": 2}});
        for own in [
            json!({"features": {}}),
            json!({"features": 1}),
            json!({"features": {"recording": {"on": true}, "tier": "premium"}}),
            json!({"limits": {"calls": {"x": 1}}, "features": null}),
            json!({"limits": {"calls": {"a": 1, "b": {}}}}),
        ] {
            let flow = json!({"features": {"recording": true}, "limits": {"calls": 50}});
            let levels = [level("platform", &above), level("sub", &own), level("flow main", &flow)];
            assert_eq!(inherit(&levels), above, "{own}");
            let is_empty = own == json!({"features": {}});
            assert_eq!(widened(&levels[..1], levels[1]).is_none(), is_empty, "{own}: whoever asks for more is told");
        }
    }

    #[test]
    fn an_empty_object_is_no_ceiling() {
        let (empty, own) = (json!({"features": {}}), json!({"features": {"chat": true}}));
        assert_eq!(inherit(&[level("x", &empty), level("y", &own)]), own);
        assert_eq!(inherit(&[level("y", &own), level("x", &empty)]), own);
    }

    /// Objects without a value in them, at any depth, are no ceiling.
    fn says_something(value: &Value) -> bool {
        value.as_object().is_none_or(|members| members.values().any(says_something))
    }

    /// The leaves of the one that the other does not hold to: absent, or of another kind, or more.
    fn exceeds(above: &Value, own: &Value) -> bool {
        match (above, own) {
            (above, _) if !says_something(above) => false,
            (Value::Object(above), Value::Object(own)) => {
                above.iter().any(|(name, above)| own.get(name).map_or_else(|| says_something(above), |own| exceeds(above, own)))
            }
            (Value::Bool(above), Value::Bool(own)) => *own && !*above,
            (Value::Number(above), Value::Number(own)) => own.as_f64() > above.as_f64(),
            (Value::Array(above), Value::Array(own)) => own.iter().any(|item| !above.contains(item)),
            (above, own) => above != own,
        }
    }

    fn settings() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            (0_u32..9).prop_map(Value::from),
            "[a-c/~]{0,3}".prop_map(Value::from),
            Just(json!([1, 2]))
        ];
        let any =
            leaf.prop_recursive(3, 20, 4, |inner| proptest::collection::btree_map("[a-c/~]{1,2}", inner, 0..4).prop_map(|map| json!(map)));
        proptest::collection::btree_map("[a-d]", any, 0..4).prop_map(|map| json!(map))
    }

    proptest! {
        #[test]
        fn nobody_below_has_more_than_the_first_level_says(above in settings(), below in proptest::collection::vec(settings(), 0..4)) {
            let (above, below): (Value, Vec<Value>) =
                (json!({"features": above}), below.into_iter().map(|own| json!({"features": own})).collect());
            let levels: Vec<Level<'_>> = std::iter::once(&above).chain(&below).map(|value| level("x", value)).collect();
            let first = inherit(&levels[..1]);
            prop_assert!(!exceeds(&first, &inherit(&levels)), "{first} became {}", inherit(&levels));
        }

        #[test]
        fn beside_the_ceilings_it_is_the_plain_merge(levels in proptest::collection::vec(settings(), 0..4)) {
            let named: Vec<Level<'_>> = levels.iter().map(|value| level("x", value)).collect();
            prop_assert_eq!(inherit(&named), merge(&levels));
        }
    }
}
