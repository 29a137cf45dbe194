//! Compares two releases of a flow: what a plugin may do more than before, what else is other.
//!
//! The command line shows it before somebody makes a release live. What is wider stands apart: a plugin that is told other texts is
//! daily work, one that reaches another host is a decision.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::release::Release;

/// What differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// What the later one may and the former might not, one sentence each.
    pub wider: Vec<String>,
    /// What it may not any more.
    pub narrower: Vec<String>,
    /// What else is other: the plugin, its settings.
    pub other: Vec<String>,
}

impl Compared {
    /// True where they run alike.
    pub fn is_same(&self) -> bool {
        self.wider.is_empty() && self.narrower.is_empty() && self.other.is_empty()
    }
}

/// Compares them.
pub fn compare(former: &Release, later: &Release) -> Compared {
    let mut compared = Compared::default();
    let (was, is) = (&former.version, &later.version);
    if was.digest != is.digest {
        let name = |version: &super::release::VersionRef| format!("{}/{} version {}", version.tenant, version.plugin, version.number);
        compared.other.push(format!("plugin: {} ({}) -> {} ({})", name(was), was.digest.short(), name(is), is.digest.short()));
    }
    permissions(&allowed(former), &allowed(later), &mut compared);
    limits(former, later, &mut compared);
    compared.other.extend(values(&former.settings, &later.settings).into_iter().map(|line| format!("setting {line}")));
    compared
}

/// Everything that a release may use, one sentence each: each method of each host by itself, so that one method more is seen.
fn allowed(release: &Release) -> BTreeSet<String> {
    let grants = release.grants.iter().map(|grant| format!("capability {}", grant.interface()));
    let reached = release.egress.iter().flat_map(|rule| {
        let to = format!("{}://{}:{}", rule.scheme.as_str(), rule.host, rule.port);
        rule.methods.iter().map(move |method| format!("http {} {to}", method.as_str())).collect::<Vec<_>>()
    });
    grants.chain(reached).collect()
}

fn permissions(former: &BTreeSet<String>, later: &BTreeSet<String>, compared: &mut Compared) {
    compared.wider.extend(later.difference(former).cloned());
    compared.narrower.extend(former.difference(later).cloned());
}

fn limits(former: &Release, later: &Release, compared: &mut Compared) {
    // A limit is a number of an object; what is not cannot differ.
    let (Ok(Value::Object(was)), Ok(Value::Object(is))) = (serde_json::to_value(former.limits), serde_json::to_value(later.limits)) else {
        return;
    };
    for (name, is) in &is {
        let (Some(before), Some(after)) = (was.get(name).and_then(Value::as_u64), is.as_u64()) else { continue };
        let sentence = format!("limit {name}: {before} -> {after}");
        match before.cmp(&after) {
            std::cmp::Ordering::Less => compared.wider.push(sentence),
            std::cmp::Ordering::Greater => compared.narrower.push(sentence),
            std::cmp::Ordering::Equal => {}
        }
    }
}

/// What differs between two values, by JSON pointers; whole values where they are no objects.
pub(crate) fn values(former: &Value, later: &Value) -> Vec<String> {
    let mut other = Vec::new();
    walk("", former, later, &mut other);
    other
}

fn walk(at: &str, former: &Value, later: &Value, other: &mut Vec<String>) {
    if let (Value::Object(was), Value::Object(is)) = (former, later) {
        let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for name in names {
            let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            match (was.get(name), is.get(name)) {
                (Some(was), Some(is)) => walk(&pointer, was, is, other),
                (Some(was), None) => other.push(format!("{pointer}: {was} -> none")),
                (None, Some(is)) => other.push(format!("{pointer}: none -> {is}")),
                (None, None) => {}
            }
        }
    } else if former != later {
        let place = if at.is_empty() { "/" } else { at };
        other.push(format!("{place}: {former} -> {later}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::budget::Plan;

    fn release(plugin: &[u8], settings: Value, grants: &[&str], egress: Value) -> Release {
        let digest = crate::id::Digest::of(plugin);
        serde_json::from_value(json!({
            "tenant": "acme", "flow": "main", "number": 1, "settings_revision": 1, "settings": settings, "grants": grants,
            "egress": egress, "limits": Plan::Standard.limits(), "note": "", "created": 0, "by": "test",
            "version": {"tenant": "acme", "plugin": "logic", "number": 1, "digest": digest},
        }))
        .unwrap()
    }

    #[test]
    fn what_is_wider_stands_apart_from_what_is_other() {
        let rule = |methods: &[&str]| json!([{"scheme": "https", "host": "crm.example", "port": 443, "methods": methods}]);
        let former = release(b"1", json!({"greeting": "Hello", "queues": {"sales": "a"}}), &["settings", "http"], rule(&["GET"]));
        let mut later = release(
            b"2",
            json!({"greeting": "Hi", "queues": {"sales": "a"}, "a/b": 1}),
            &["settings", "http", "state"],
            rule(&["GET", "POST"]),
        );
        later.limits.fuel_max += 1;
        later.limits.wall_ms_max -= 1;
        let compared = compare(&former, &later);
        assert_eq!(compared.wider, ["capability state", "http POST https://crm.example:443", "limit fuel_max: 50000000 -> 50000001"]);
        assert_eq!(compared.narrower, ["limit wall_ms_max: 1000 -> 999"]);
        let [plugin, settings @ ..] = compared.other.as_slice() else { panic!("{compared:?}") };
        assert!(plugin.starts_with("plugin: acme/logic version 1"));
        assert_eq!(settings, ["setting /a~1b: none -> 1", "setting /greeting: \"Hello\" -> \"Hi\""]);
        assert_eq!(compare(&later, &former).narrower.len(), 3);
        assert!(compare(&former, &former).is_same());
    }
}
