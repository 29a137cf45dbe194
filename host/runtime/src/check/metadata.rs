//! Checks what a plugin says of itself, before anybody shows it or compares with it.
//!
//! It is the plugin's word and is never trusted for limits or permissions; what is refused here could not be stored, shown or
//! used, or is a slip that its author would want to know of at the upload and not on a call.

use jackfield_domain::contact::decision::ACTION_NAMES;
use jackfield_domain::contact::event::EVENT_NAMES;
use jackfield_domain::flow::plugin::Metadata;
use jackfield_domain::flow::settings::{BadSettings, check_schema};
use jackfield_domain::refusal::{Code, Refusal};

/// Longest name or version: one line of a list.
const NAME_BYTES_MAX: usize = 200;
/// Longest name of an outcome, an event, an action or a shape of state: they stand in keys and metrics.
const WORD_BYTES_MAX: usize = 64;
/// Most outcomes: each is a series in the statistics.
const OUTCOMES_MAX: usize = 100;
/// Most events or actions: the contract has fewer than thirty of each.
const LISTED_MAX: usize = 100;

fn refuse(at: &str, why: impl Into<String>) -> Refusal {
    Refusal::new(Code::BadDescribe, format!("describe says of `{at}` what cannot be: {}", why.into())).at(at)
}

/// Refuses what cannot be; gives back what is kept, with an action or event that is listed twice listed once.
pub(crate) fn check_metadata(mut metadata: Metadata) -> Result<Metadata, Refusal> {
    for (at, text, bytes_max, may_be_empty) in [
        ("name", &metadata.name, NAME_BYTES_MAX, false),
        ("version", &metadata.version, NAME_BYTES_MAX, true),
        ("state-schema", &metadata.state_schema, WORD_BYTES_MAX, true),
    ] {
        check_text(at, text, bytes_max, may_be_empty)?;
    }
    if metadata.outcomes.len() > OUTCOMES_MAX {
        return Err(refuse("outcomes", format!("{} of them; at most {OUTCOMES_MAX}", metadata.outcomes.len())));
    }
    for outcome in &metadata.outcomes {
        check_text("outcomes", outcome, WORD_BYTES_MAX, false)?;
    }
    // The contract's cases never change within a version, so a name that it does not have is a slip, and is told now.
    for (at, listed, known) in
        [("events", &metadata.events, EVENT_NAMES.as_slice()), ("actions", &metadata.actions, ACTION_NAMES.as_slice())]
    {
        if listed.len() > LISTED_MAX {
            return Err(refuse(at, format!("{} of them; at most {LISTED_MAX}", listed.len())));
        }
        for name in listed {
            check_text(at, name, WORD_BYTES_MAX, false)?;
            if !known.contains(&name.as_str()) {
                return Err(refuse(at, format!("the contract has no {name:?}; it has {}", known.join(", "))));
            }
        }
    }
    if let Err(BadSettings::NoSchema(why)) = check_schema(&metadata.settings_schema, &serde_json::json!({})) {
        return Err(refuse("settings-schema", why));
    }
    for list in [&mut metadata.outcomes, &mut metadata.events, &mut metadata.actions] {
        list.sort_unstable();
        list.dedup();
    }
    Ok(metadata)
}

fn check_text(at: &str, text: &str, bytes_max: usize, may_be_empty: bool) -> Result<(), Refusal> {
    if text.is_empty() && !may_be_empty {
        return Err(refuse(at, "it is empty"));
    }
    if text.len() > bytes_max {
        return Err(refuse(at, format!("{} bytes; at most {bytes_max}", text.len())));
    }
    if text.chars().any(char::is_control) {
        return Err(refuse(at, "it has control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Metadata {
        Metadata {
            name: "shop".to_owned(),
            settings_schema: "{}".to_owned(),
            events: vec!["arrived".to_owned(), "arrived".to_owned()],
            actions: vec!["say".to_owned()],
            ..Metadata::default()
        }
    }

    #[test]
    fn what_a_plugin_says_twice_is_kept_once() {
        assert_eq!(check_metadata(metadata()).unwrap().events, ["arrived"]);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (at, metadata) in [
            ("name", Metadata { name: String::new(), ..metadata() }),
            ("name", Metadata { name: "a\nb".to_owned(), ..metadata() }),
            ("version", Metadata { version: "1".repeat(300), ..metadata() }),
            ("events", Metadata { events: vec!["x".repeat(65)], ..metadata() }),
            ("actions", Metadata { actions: vec!["say".to_owned(); 101], ..metadata() }),
            ("actions", Metadata { actions: vec!["say\u{1b}[2J".to_owned()], ..metadata() }),
            ("actions", Metadata { actions: vec!["teleport".to_owned()], ..metadata() }),
            ("events", Metadata { events: vec!["full-moon".to_owned()], ..metadata() }),
            ("outcomes", Metadata { outcomes: vec!["x".to_owned(); 101], ..metadata() }),
            ("settings-schema", Metadata { settings_schema: "{".to_owned(), ..metadata() }),
            ("settings-schema", Metadata { settings_schema: r#"{"type": 7}"#.to_owned(), ..metadata() }),
        ] {
            let refusal = check_metadata(metadata).unwrap_err();
            assert_eq!((refusal.code, refusal.at.as_deref()), (Code::BadDescribe, Some(at)), "{refusal}");
        }
    }
}
