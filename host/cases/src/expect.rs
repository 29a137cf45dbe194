//! Compares what came of a step with what must have come, and says what differs in a developer's words.
//!
//! `bench` calls it after each step. Every difference is told, not only the first: who mends a plugin wants to see all at once.

use std::collections::BTreeMap;

use jackfield_domain::capability::Scope;
use jackfield_domain::contact::decision::Action;
use serde_json::Value;

use crate::format::{Expect, Like, Match, Uses};
use crate::heard::heard;
use crate::stand_in::{Memory, is_like};
use crate::walk::{Came, Walk};

/// What differs; nothing where all is as it must be.
pub(crate) fn differences(expect: &Expect, came: &Came, walk: &Walk<'_>) -> Vec<String> {
    let actions: &[Action] = came.decision.as_ref().map_or(&[], |decision| decision.actions());
    let mut wrong = Vec::new();
    let Expect { hears, hears_not, actions: names, includes, queue, attributes, language, .. } = expect;
    let texts = heard(actions);
    if let Some(wanted) = hears {
        in_order("hears", wanted, &texts, &mut wrong);
    }
    for unwanted in hears_not.iter().flatten() {
        if let Some(text) = texts.iter().find(|text| fits(unwanted, text)) {
            wrong.push(format!("hears {text:?}, which is {}", in_words(unwanted)));
        }
    }
    if let Some(wanted) = names {
        let has: Vec<&str> = actions.iter().map(Action::name).collect();
        if *wanted != has {
            wrong.push(format!("actions are {}; must be {}", has.join(", "), wanted.join(", ")));
        }
    }
    for wanted in includes.iter().flatten() {
        let has: Vec<Value> = actions.iter().map(|action| serde_json::to_value(action).unwrap_or_default()).collect();
        if !has.iter().any(|action| holds(action, wanted)) {
            wrong.push(format!("no action is like {wanted}; there are {}", Value::Array(has)));
        }
    }
    if let Some(wanted) = queue {
        let has = actions.iter().find_map(|action| match action {
            Action::Enqueue(enqueue) => Some(enqueue.queue.as_str()),
            _ => None,
        });
        if has != Some(wanted.as_str()) {
            wrong.push(format!(
                "goes to {}; must go to the queue {wanted}",
                has.map_or("no queue".to_owned(), |queue| format!("the queue {queue}"))
            ));
        }
    }
    for (name, wanted) in attributes.iter().flatten() {
        same(&format!("attribute {name}"), wanted.as_deref(), walk.found.contact.attributes.get(name).map(String::as_str), &mut wrong);
    }
    if let Some(wanted) = language {
        same("language", Some(wanted), Some(&walk.found.contact.language), &mut wrong);
    }
    answered(expect, came, actions, &mut wrong);
    left(expect, came, &walk.memory, &mut wrong);
    wrong
}

/// Who answered, why, and whether it is over.
fn answered(expect: &Expect, came: &Came, actions: &[Action], wrong: &mut Vec<String>) {
    if let Some(wanted) = &expect.answered_by {
        same("answered by", Some(wanted), Some(&came.answered_by.as_str().replace('_', "-")), wrong);
    }
    let failure = came.failure.as_ref();
    match (&expect.failure, failure) {
        (Some(wanted), failure) => same("failure", Some(wanted), failure.map(|failure| failure.code()), wrong),
        // A case that does not speak of a failure does not expect one, unless it says who answers instead.
        (None, Some(failure)) if expect.answered_by.is_none() => {
            wrong.push(format!("the plugin failed: {} ({})", failure.code(), failure.detail))
        }
        _ => {}
    }
    if let (Some(wanted), Some(decision)) = (&expect.reason, &came.decision)
        && !fits(wanted, decision.reason())
    {
        wrong.push(format!("the reason is {:?}; must be {}", decision.reason(), in_words(wanted)));
    }
    if let Some(wanted) = expect.ends {
        let ends = matches!(actions.last(), Some(Action::HangUp(_) | Action::Reject(_)));
        if ends != wanted {
            wrong.push(format!("the contact {}", if ends { "is over; must go on" } else { "goes on; must be over" }));
        }
    }
    if let Some(wanted) = expect.asks_plugin
        && came.asked != wanted
    {
        wrong.push(if came.asked {
            "the plugin was asked; the host must go on by itself".to_owned()
        } else {
            format!("the plugin was not asked ({})", came.note.clone().unwrap_or_else(|| "it was barred, or nothing listens".to_owned()))
        });
    }
}

/// What it left behind.
fn left(expect: &Expect, came: &Came, memory: &Memory, wrong: &mut Vec<String>) {
    if let Some(wanted) = &expect.requests {
        let has: Vec<&str> = came.requests.iter().map(|asked| asked.line.as_str()).collect();
        if wanted.len() != has.len() || !wanted.iter().zip(&has).all(|(wanted, has)| is_like(wanted, has)) {
            wrong.push(format!("requests are [{}]; must be [{}]", has.join(", "), wanted.join(", ")));
        }
    }
    for unknown in came.requests.iter().filter(|asked| !asked.is_known) {
        wrong.push(format!("it requests {}, for which the case has no stub", unknown.line));
    }
    if let Some(wanted) = &expect.logs {
        let has: Vec<String> = came.log.iter().map(|line| line.message.clone()).collect();
        in_order("logs", wanted, &has, wrong);
    }
    if let Some(kept) = &expect.state {
        let mut look = |what: &str, scope: Scope, wanted: &BTreeMap<String, Option<String>>| {
            for (key, value) in wanted {
                same(&format!("{what} state {key}"), value.as_deref(), memory.text(scope, key).as_deref(), wrong);
            }
        };
        look("tenant's", Scope::Tenant, &kept.tenant);
        look("contact's", Scope::Contact, &kept.contact);
    }
    if let Some(wanted) = &expect.outcomes
        && *wanted != came.outcomes
    {
        wrong.push(format!("reports [{}]; must report [{}]", came.outcomes.join(", "), wanted.join(", ")));
    }
    if let Some(Uses { fuel_max, memory_bytes_max, host_calls_max }) = &expect.uses {
        let used = &came.used;
        let all = [
            ("fuel", *fuel_max, used.fuel),
            ("bytes of memory", *memory_bytes_max, used.memory_bytes),
            ("host calls", host_calls_max.map(u64::from), u64::from(used.host_calls)),
        ];
        for (what, most, has) in all {
            if most.is_some_and(|most| has > most) {
                wrong.push(format!("uses {has} {what}; at most {}", most.unwrap_or_default()));
            }
        }
    }
}

fn same(what: &str, wanted: Option<&str>, has: Option<&str>, wrong: &mut Vec<String>) {
    if wanted != has {
        let word = |value: Option<&str>| value.map_or("none".to_owned(), |value| format!("{value:?}"));
        wrong.push(format!("{what} is {}; must be {}", word(has), word(wanted)));
    }
}

/// Each is found behind the one before it.
fn in_order(what: &str, wanted: &[Match], has: &[String], wrong: &mut Vec<String>) {
    let mut rest = has.iter();
    for wanted in wanted {
        if !rest.any(|text| fits(wanted, text)) {
            wrong.push(format!("{what} {has:?}; must have {} in this order", in_words(wanted)));
            return;
        }
    }
}

fn fits(wanted: &Match, text: &str) -> bool {
    let contains = |part: &str| text.to_lowercase().contains(&part.to_lowercase());
    match wanted {
        Match::Contains(part) => contains(part),
        Match::Otherwise(Like { equals: Some(equals), .. }) => text == equals,
        Match::Otherwise(Like { contains: Some(part), .. }) => contains(part),
        // Reading has tried every pattern.
        Match::Otherwise(Like { matches: Some(pattern), .. }) => regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text)),
        Match::Otherwise(_) => false,
    }
}

fn in_words(wanted: &Match) -> String {
    match wanted {
        Match::Contains(part) | Match::Otherwise(Like { contains: Some(part), .. }) => format!("something with {part:?}"),
        Match::Otherwise(Like { equals: Some(equals), .. }) => format!("{equals:?}"),
        Match::Otherwise(Like { matches: Some(pattern), .. }) => format!("something that matches {pattern:?}"),
        Match::Otherwise(_) => "nothing".to_owned(),
    }
}

/// Whether a value has all that is wanted: members of objects, values of everything else.
fn holds(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Object(value), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| value.get(name).is_some_and(|value| holds(value, wanted)))
        }
        (Value::Array(value), Value::Array(wanted)) => {
            value.len() == wanted.len() && value.iter().zip(wanted).all(|(value, wanted)| holds(value, wanted))
        }
        (value, wanted) => value == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_holds_what_is_wanted_of_it_and_nothing_less() {
        let action = json!({"do": "enqueue", "with": {"queue": "sales", "skills": [{"name": "x", "level": 1}]}});
        assert!(holds(&action, &json!({"do": "enqueue", "with": {"queue": "sales"}})));
        assert!(holds(&action, &json!({"with": {"skills": [{"name": "x"}]}})));
        assert!(!holds(&action, &json!({"with": {"queue": "billing"}})));
        assert!(!holds(&action, &json!({"with": {"mailbox": null}})));
        assert!(!holds(&action, &json!({"with": {"skills": []}})));
    }

    #[test]
    fn texts_are_found_in_their_order_alone() {
        let texts = ["Welcome to Acme".to_owned(), "Press 1".to_owned()];
        let told = |wanted: &[&str]| {
            let wanted: Vec<Match> = wanted.iter().map(|part| Match::Contains((*part).to_owned())).collect();
            let mut wrong = Vec::new();
            in_order("hears", &wanted, &texts, &mut wrong);
            wrong
        };
        assert!(told(&["welcome", "press"]).is_empty());
        assert!(told(&["press"]).is_empty());
        assert_eq!(told(&["press", "welcome"]).len(), 1);
    }
}
