//! Compares what a file wants with what a server has, and puts the difference into steps in an order in which each can be taken.
//!
//! It is pure: `wanted` and `found` bring both sides into one form - things by tenant, kind and name, each a JSON object - and nothing here
//! knows where a thing came from. Three ways are compared and not two: what the last apply wrote tells a change of the file from an edit
//! by hand.
//!
//! It must not decide what a thing means: a member that is other is a change, whatever it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jackfield_domain::id::{Digest, TenantId};
use jackfield_domain::tenant::edit::differences;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::order::place;

/// What a thing is, in the order in which they need each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Tenant,
    Secret,
    Hours,
    Queue,
    Person,
    Connection,
    Quota,
    Settings,
    Flow,
    Unbound,
    /// Test cases stand before uploads, because an upload is tried with them.
    Cases,
    Plugin,
    FlowSettings,
    Routes,
    FlowRoutes,
    Release,
    Address,
    TestCaller,
}

impl Kind {
    /// As the history of edits calls it, where it has a word for it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Secret => "secret",
            Self::Hours => "hours",
            Self::Queue => "queue",
            Self::Person => "person",
            Self::Connection => "connection",
            Self::Quota => "quota",
            Self::Settings | Self::FlowSettings => "settings",
            Self::Flow => "flow",
            Self::Unbound => "unbound",
            Self::Cases => "cases",
            Self::Plugin => "plugin",
            Self::Routes | Self::FlowRoutes => "routes",
            Self::Release => "release",
            Self::Address => "address",
            Self::TestCaller => "test-caller",
        }
    }

    /// Of these only what the file says is compared: the rest is the server's.
    fn is_partial(self) -> bool {
        matches!(self, Self::Tenant | Self::Address | Self::Release)
    }

    /// Of these none is taken away because a file lacks it: a tenant is erased by hand, versions and releases are what happened, and a quota
    /// is what somebody above allows: a file lifts it in words.
    fn stays(self) -> bool {
        matches!(self, Self::Tenant | Self::Plugin | Self::Release | Self::Quota)
    }
}

/// A thing of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub tenant: TenantId,
    pub kind: Kind,
    /// Empty where there is one of its kind.
    pub name: String,
}

impl Id {
    pub(super) fn new(tenant: &TenantId, kind: Kind, name: impl fmt::Display) -> Self {
        Self { tenant: tenant.clone(), kind, name: name.to_string() }
    }

    /// What the history of edits calls it; none where edits of it are not kept.
    pub(super) fn in_history(&self) -> Option<String> {
        match self.kind {
            Kind::Hours | Kind::Queue | Kind::Person | Kind::Flow | Kind::FlowSettings | Kind::FlowRoutes => {
                Some(format!("{}/{}", self.kind.as_str(), self.name))
            }
            Kind::Settings | Kind::Routes => Some(self.kind.as_str().to_owned()),
            Kind::Release => Some(format!("flow/{}", self.name)),
            Kind::TestCaller => self.name.split_once('/').map(|(flow, _)| format!("flow/{flow}")),
            _ => None,
        }
    }

    /// The flow that it is a part of.
    fn flow(&self) -> Option<&str> {
        match self.kind {
            Kind::FlowSettings | Kind::FlowRoutes | Kind::Release => Some(&self.name),
            Kind::TestCaller => self.name.split_once('/').map(|(flow, _)| flow),
            _ => None,
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, kind, name } = self;
        if name.is_empty() || *kind == Kind::Tenant {
            write!(f, "{tenant} {}", kind.as_str())
        } else {
            write!(f, "{tenant} {}/{name}", kind.as_str())
        }
    }
}

impl Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Things and their members.
pub(super) type Things = BTreeMap<Id, Value>;

/// What the last apply wrote: of each thing the digests of its members.
pub(super) type Applied = BTreeMap<String, BTreeMap<String, String>>;

/// What is done to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum What {
    Add,
    Change,
    Remove,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Step {
    pub what: What,
    pub thing: Id,
    /// What becomes other, one sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// Members that are neither what the file says nor what the last apply wrote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drifted: Vec<String>,
    /// Who edited it last, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited: Option<String>,
}

/// All that differs.
#[derive(Debug, Default, Serialize)]
pub(super) struct Difference {
    pub steps: Vec<Step>,
    /// Things that the file lacks and that stay.
    pub kept: Vec<Id>,
}

/// Compares. Tenants come in the file's order.
pub(super) fn difference(tenants: &[TenantId], wanted: &Things, found: &Things, applied: &Applied, prune: bool) -> Difference {
    let mut all = Difference::default();
    for (id, value) in wanted {
        let record = applied.get(&id.to_string());
        all.steps.extend(step(id, value, found.get(id), record));
    }
    let lacking: Vec<&Id> = found.keys().filter(|id| !wanted.contains_key(id) && !id.kind.stays()).collect();
    let gone: BTreeSet<(&TenantId, &str)> =
        lacking.iter().filter(|id| id.kind == Kind::Flow).map(|id| (&id.tenant, id.name.as_str())).collect();
    for id in lacking {
        // What belongs to a flow goes and stays with it.
        if id.flow().is_some_and(|flow| gone.contains(&(&id.tenant, flow))) {
            continue;
        }
        let unbound_goes = id.kind == Kind::Unbound && !wanted.contains_key(&Id::new(&id.tenant, Kind::Connection, &id.name));
        if unbound_goes {
            continue;
        }
        if prune {
            let thing = id.clone();
            all.steps.push(Step { what: What::Remove, thing, changes: Vec::new(), drifted: Vec::new(), edited: None });
        } else {
            all.kept.push(id.clone());
        }
    }
    let steps = all.steps.clone();
    all.steps.sort_by_cached_key(|step| place(tenants, &steps, step, wanted.get(&step.thing)));
    all
}

fn step(id: &Id, wanted: &Value, found: Option<&Value>, record: Option<&BTreeMap<String, String>>) -> Option<Step> {
    let Some(found) = found else {
        // What was applied as empty is not there, and nobody took it away.
        let empties = [json!({}), json!({ "value": {} }), json!({ "routes": [] })].map(|empty| digests(&empty));
        let drifted = record.filter(|record| !empties.contains(record)).map(|_| "removed".to_owned()).into_iter().collect();
        return Some(Step { what: What::Add, thing: id.clone(), changes: Vec::new(), drifted, edited: None });
    };
    let (was, is) = compared(id.kind, found, wanted);
    if was == is {
        return None;
    }
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let drifted = names.into_iter().filter(|name| was.get(*name) != is.get(*name) && is_drift(id.kind, name, was.get(*name), record));
    let drifted = drifted.cloned().collect();
    let lines = differences(Some(&Value::Object(was)), Some(&Value::Object(is)));
    let changes = lines.into_iter().map(|line| line.trim_start_matches('/').to_owned()).collect();
    Some(Step { what: What::Change, thing: id.clone(), changes, drifted, edited: None })
}

/// Both sides without what says nothing, and of a partial kind without what the file does not say.
fn compared(kind: Kind, found: &Value, wanted: &Value) -> (Map<String, Value>, Map<String, Value>) {
    let said = |value: &Value| -> Map<String, Value> {
        value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()).map(|(n, v)| (n.clone(), v.clone())).collect()
    };
    let (mut was, is) = (said(found), said(wanted));
    if kind.is_partial() {
        was.retain(|name, _| is.contains_key(name));
    }
    (was, is)
}

/// Whether a member on the server is not what the last apply left there.
fn is_drift(kind: Kind, name: &str, found: Option<&Value>, record: Option<&BTreeMap<String, String>>) -> bool {
    let Some(record) = record else { return false };
    let now = digest(found.unwrap_or(&Value::Null));
    match record.get(name) {
        Some(then) => *then != now,
        None => !kind.is_partial() && now != digest(&Value::Null),
    }
}

/// Of each member of a thing, for the next time.
pub(super) fn digests(value: &Value) -> BTreeMap<String, String> {
    value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()).map(|(name, v)| (name.clone(), digest(v))).collect()
}

fn digest(value: &Value) -> String {
    Digest::of(value.to_string().as_bytes()).short()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    fn id(kind: Kind, name: &str) -> Id {
        Id::new(&"acme".parse().unwrap(), kind, name)
    }

    pub(crate) fn things(all: &[(Kind, &str, Value)]) -> Things {
        all.iter().map(|(kind, name, value)| (id(*kind, name), value.clone())).collect()
    }

    pub(crate) fn compare(wanted: &Things, found: &Things, applied: &Applied, prune: bool) -> Difference {
        difference(&["acme".parse().unwrap()], wanted, found, applied, prune)
    }

    pub(crate) fn told(difference: &Difference) -> Vec<String> {
        difference.steps.iter().map(|step| format!("{:?} {}", step.what, step.thing)).collect()
    }

    fn applied(things: &Things) -> Applied {
        things.iter().map(|(id, value)| (id.to_string(), digests(value))).collect()
    }

    #[test]
    fn what_is_there_already_is_no_step() {
        let all = things(&[
            (Kind::Queue, "sales", json!({"label": "Sales", "hours": null})),
            (Kind::Tenant, "acme", json!({"label": "Acme"})),
            (Kind::Release, "main", json!({"grants": ["log"]})),
        ]);
        let found = things(&[
            (Kind::Queue, "sales", json!({"label": "Sales"})),
            (Kind::Tenant, "acme", json!({"label": "Acme", "zone": "UTC"})),
            (Kind::Release, "main", json!({"grants": ["log"], "settings_revision": 3})),
        ]);
        let difference = compare(&all, &found, &applied(&all), true);
        assert!(difference.steps.is_empty() && difference.kept.is_empty(), "{difference:?}");
    }

    #[test]
    fn a_change_of_the_file_is_told_from_an_edit_by_hand() {
        let sales = |label: &str, hours: Value| things(&[(Kind::Queue, "sales", json!({"label": label, "hours": hours}))]);
        let (file, before) = (sales("Sales", json!("shop")), sales("Sale", json!("shop")));
        let changed = compare(&file, &before, &applied(&before), false);
        assert_eq!(
            (changed.steps[0].changes.as_slice(), changed.steps[0].drifted.len()),
            (&["label: \"Sale\" -> \"Sales\"".to_owned()][..], 0)
        );
        let drifted = compare(&file, &sales("Hand", json!("shop")), &applied(&file), false);
        assert_eq!(drifted.steps[0].drifted, ["label"]);
        // Both at once, and a member that was taken away.
        let both = compare(&file, &sales("Hand", Value::Null), &applied(&before), false);
        assert_eq!(both.steps[0].drifted, ["hours", "label"]);
        let added = things(&[(Kind::Queue, "sales", json!({"label": "Sales", "hours": "shop", "language": "de"}))]);
        assert_eq!(compare(&file, &added, &applied(&file), false).steps[0].drifted, ["language"]);
        // Without a record nobody can tell, and nobody is accused.
        assert!(compare(&file, &sales("Hand", json!("shop")), &Applied::new(), false).steps[0].drifted.is_empty());
        // What is gone was taken away by somebody.
        assert_eq!(compare(&file, &Things::new(), &applied(&file), false).steps[0].drifted, ["removed"]);
        // Somebody did by hand what the file says now.
        assert!(compare(&file, &file, &applied(&before), false).steps.is_empty());
    }

    #[test]
    fn only_prune_takes_away_what_the_file_lacks_and_what_uses_it_goes_first() {
        let found = things(&[
            (Kind::Tenant, "acme", json!({})),
            (Kind::Hours, "shop", json!({})),
            (Kind::Queue, "sales", json!({})),
            (Kind::Plugin, "logic", json!({})),
            (Kind::Flow, "main", json!({})),
            (Kind::FlowSettings, "main", json!({})),
            (Kind::Release, "main", json!({})),
            (Kind::TestCaller, "main/+1", json!({})),
            (Kind::Address, "voice:number:+1", json!({})),
        ]);
        let kept = compare(&Things::new(), &found, &Applied::new(), false);
        assert!(kept.steps.is_empty());
        assert_eq!(kept.kept.len(), 4, "{kept:?}");
        let pruned = told(&compare(&Things::new(), &found, &Applied::new(), true));
        let order = ["acme address/voice:number:+1", "acme flow/main", "acme queue/sales", "acme hours/shop"];
        assert_eq!(pruned, order.map(|thing| format!("Remove {thing}")));
    }
}
