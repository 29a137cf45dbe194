//! Notices what no case reached: choices of menus that were offered and never taken, and kinds of events that the plugin lists and was
//! never told of.
//!
//! Of choices it can only know those that a case was offered; a menu that no case comes to is missed by its event.

use std::collections::{BTreeMap, BTreeSet};

use jackfield_domain::contact::decision::{Action, Menu};
use jackfield_domain::contact::event::{Event, InputOutcome};
use serde::Serialize;

use crate::walk::Came;

/// What was met so far.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    /// Menu and value, with the key.
    offered: BTreeMap<(String, String), String>,
    taken: BTreeSet<(String, String)>,
    events: BTreeSet<&'static str>,
}

/// What no case reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Unreached {
    /// "main-menu: 3 (billing)".
    pub choices: Vec<String>,
    /// Names of events.
    pub events: Vec<String>,
}

impl Unreached {
    /// True where everything was reached.
    pub fn is_empty(&self) -> bool {
        self.choices.is_empty() && self.events.is_empty()
    }
}

impl Coverage {
    pub(crate) fn see(&mut self, came: &Came) {
        if came.asked {
            self.events.insert(came.event.name());
            if let Event::Input(input) = &came.event
                && input.outcome == InputOutcome::Matched
            {
                self.taken.insert((input.tag.clone(), input.value.clone()));
            }
        }
        for action in came.decision.iter().flat_map(|decision| decision.actions()) {
            if let Action::Menu(Menu { collect, choices }) = action {
                let offered = choices.iter().map(|choice| ((collect.tag.clone(), choice.value.clone()), choice.key.clone()));
                self.offered.extend(offered);
            }
        }
    }

    /// Of what the plugin lists in `describe`.
    pub(crate) fn unreached(&self, listed: &[String]) -> Unreached {
        let never = self.offered.iter().filter(|(choice, _)| !self.taken.contains(*choice));
        Unreached {
            choices: never.map(|((menu, value), key)| format!("{menu}: {key} ({value})")).collect(),
            events: listed.iter().filter(|name| !self.events.contains(name.as_str())).cloned().collect(),
        }
    }
}
