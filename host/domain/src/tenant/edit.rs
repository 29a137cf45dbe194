//! Says what a person changed in how a tenant is set up: what, when, who, and what became other.
//!
//! The admin API writes one with every change of settings, hours, queues, people, routes, the closure and flows, in the same batch. On-call asks
//! it "who changed the hours on Friday?". What differs is worked out when it is written, so that reading needs nothing else and an edit
//! never speaks of what somebody else changed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contact::Moment;
use crate::flow::compared;

/// How many edits of a tenant are kept, give or take what comes between two looks; the oldest go first.
pub const EDITS_MAX: usize = 2_000;
/// Most sentences of one edit, and most characters of one.
const CHANGES_MAX: usize = 20;
const CHANGE_CHARS_MAX: usize = 200;

/// One change of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// When.
    pub at: Moment,
    /// Tells those of one millisecond apart.
    pub salt: u32,
    /// What: "hours/shop", "queue/sales", "settings", "flow/main".
    pub thing: String,
    /// By whom, by token label.
    pub by: String,
    /// What became other, one sentence each.
    pub changes: Vec<String>,
}

/// What differs between a thing before and after, one sentence each; none where nothing does.
pub fn differences(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let mut changes = match (before, after) {
        (None, None) => Vec::new(),
        (None, Some(_)) => vec!["made".to_owned()],
        (Some(_), None) => vec!["removed".to_owned()],
        (Some(before), Some(after)) => compared::values(before, after),
    };
    let more = changes.len().saturating_sub(CHANGES_MAX);
    changes.truncate(CHANGES_MAX);
    for change in &mut changes {
        if let Some((end, _)) = change.char_indices().nth(CHANGE_CHARS_MAX) {
            change.truncate(end);
            change.push('…');
        }
    }
    if more > 0 {
        changes.push(format!("and {more} more"));
    }
    changes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_names_each_place_that_is_other() {
        let (was, is) = (json!({"label": "Shop", "weekly": [1]}), json!({"label": "Store", "weekly": [1]}));
        assert_eq!(differences(Some(&was), Some(&is)), ["/label: \"Shop\" -> \"Store\""]);
        assert_eq!(differences(None, Some(&is)), ["made"]);
        assert_eq!(differences(Some(&is), None), ["removed"]);
        assert!(differences(Some(&is), Some(&is)).is_empty());
    }

    #[test]
    fn a_large_change_is_cut_and_says_so() {
        let many = |text: &str| Value::Object((0..100).map(|at| (at.to_string(), json!(text))).collect());
        let changes = differences(Some(&many("a")), Some(&many(&"ä".repeat(1_000))));
        assert_eq!((changes.len(), changes.last().unwrap().as_str()), (CHANGES_MAX + 1, "and 80 more"));
        assert!(changes[0].ends_with('…') && changes[0].chars().count() == CHANGE_CHARS_MAX + 1);
    }
}
