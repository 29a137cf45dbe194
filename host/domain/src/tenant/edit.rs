//! Says what a person changed in how a tenant is set up: what, when, who, and what it was after.
//!
//! The admin API writes one with every change of settings, hours, queues, people, routes, the closure and flows, in the same batch. What a
//! thing was before stands in the edit before. On-call asks it "who changed the hours on Friday?".

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contact::Moment;
use crate::flow::compared;

/// How many edits of one thing are kept; the oldest go first.
pub const EDITS_MAX: u32 = 100;

/// One change of one thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// What: "hours/shop", "queue/sales", "settings", "flow/main".
    pub thing: String,
    /// From 1, without gaps.
    pub number: u32,
    /// When; none of what stood there before anybody kept edits.
    pub at: Option<Moment>,
    /// By whom, by token label.
    pub by: String,
    /// What it was then; none where it was removed.
    pub after: Option<Value>,
}

/// What differs between a thing before and after, one sentence each.
pub fn differences(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    match (before, after) {
        (None, None) => Vec::new(),
        (None, Some(_)) => vec!["made".to_owned()],
        (Some(_), None) => vec!["removed".to_owned()],
        (Some(before), Some(after)) => compared::values(before, after),
    }
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
}
