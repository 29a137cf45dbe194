//! Says which release routes at a moment: the live one, or one that was planned for just then.
//!
//! The assign step asks [`Flow::live_at`] with the event's time, so a plan holds to the millisecond whether or not anybody is there to carry
//! it out; the admin API folds what has passed into the aliases whenever it writes the flow. A plan with an end is an exception, such as
//! a holiday, and gives way to what was live when it is over; one without an end is an activation, as if somebody had made it then.

use serde::{Deserialize, Serialize};

use super::Flow;
use super::release::ReleaseNumber;
use crate::contact::Moment;
use crate::id::AliasName;
use crate::refusal::{Code, Refusal};

/// Plans of a flow at once: two years of public holidays, with room.
pub const PLANNED_MAX: usize = 100;

/// A release that is to route from some moment on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Its number within the flow; never used again while it is planned.
    pub id: u32,
    /// Which release.
    pub release: ReleaseNumber,
    /// From when.
    pub from: Moment,
    /// Until when; for good where none is named.
    pub until: Option<Moment>,
    /// When it was planned.
    pub set: Moment,
    /// By whom.
    pub by: String,
}

impl Planned {
    fn is_exception_at(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| self.from <= now && now < until)
    }

    fn is_activation_by(&self, now: Moment) -> bool {
        self.until.is_none() && self.from <= now
    }

    fn overlaps(&self, other: &Self) -> bool {
        match (self.until, other.until) {
            (Some(until), Some(others)) => self.from < others && other.from < until,
            (None, None) => self.from == other.from,
            _ => false,
        }
    }
}

impl Flow {
    /// The release that routes at a moment.
    pub fn live_at(&self, now: Moment) -> Option<ReleaseNumber> {
        let exception = self.planned.iter().find(|planned| planned.is_exception_at(now));
        let activation = || self.planned.iter().filter(|planned| planned.is_activation_by(now)).max_by_key(|planned| planned.from);
        exception.or_else(activation).map(|planned| planned.release).or_else(|| self.live())
    }

    /// What routes at a moment and what was live before that, the newest first: whom a failing release falls back on.
    pub fn routed_until(&self, now: Moment) -> Vec<ReleaseNumber> {
        let mut formers: Vec<ReleaseNumber> = self.live().into_iter().chain(self.history.iter().copied()).collect();
        let mut past: Vec<&Planned> = self.planned.iter().filter(|planned| planned.is_activation_by(now)).collect();
        past.sort_by_key(|planned| std::cmp::Reverse(planned.from));
        past.iter().rev().for_each(|planned| formers.insert(0, planned.release));
        formers.splice(0..0, self.live_at(now));
        let mut seen = std::collections::BTreeSet::new();
        formers.retain(|number| seen.insert(*number) && !self.is_withdrawn(*number, now));
        formers
    }

    /// Ends what routes for a while just now, where something does: whoever makes a release live by hand means now.
    pub fn end_exception(&mut self, now: Moment) {
        self.planned.retain(|planned| !planned.is_exception_at(now));
    }

    /// Folds what has passed into the aliases.
    pub fn settle(&mut self, now: Moment) {
        let mut past: Vec<Planned> = self.planned.iter().filter(|planned| planned.is_activation_by(now)).cloned().collect();
        past.sort_by_key(|planned| planned.from);
        for planned in past {
            self.point(AliasName::live(), planned.release);
        }
        self.planned.retain(|planned| !planned.is_activation_by(now) && planned.until.is_none_or(|until| until > now));
    }

    /// Plans one, or says why that cannot be meant. It gets the next number.
    pub fn plan(&mut self, planned: Planned, now: Moment) -> Result<u32, Refusal> {
        self.settle(now);
        if planned.from <= now {
            return Err(Refusal::new(Code::Invalid, "at lies in the past; to make a release live now, activate it").at("at"));
        }
        if planned.until.is_some_and(|until| until <= planned.from) {
            return Err(Refusal::new(Code::Invalid, "until lies before at").at("until"));
        }
        if let Some(other) = self.planned.iter().find(|other| other.overlaps(&planned)) {
            let detail = format!("plan {} has release {} route in that time; remove it first", other.id, other.release);
            return Err(Refusal::new(Code::Conflict, detail).at("at"));
        }
        if self.planned.len() >= PLANNED_MAX {
            return Err(Refusal::new(Code::LimitReached, format!("a flow has at most {PLANNED_MAX} plans")));
        }
        let id = self.planned.iter().map(|planned| planned.id).max().unwrap_or(0).saturating_add(1);
        self.planned.push(Planned { id, ..planned });
        self.planned.sort_by_key(|planned| planned.from);
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::flow::FlowKind;

    fn flow() -> Flow {
        Flow {
            tenant: "acme".parse().unwrap(),
            name: "main".parse().unwrap(),
            label: "Main".to_owned(),
            kind: FlowKind::Inbound,
            aliases: BTreeMap::from([(AliasName::live(), 1)]),
            history: Vec::new(),
            newest: 9,
            settings_revision: 0,
            planned: Vec::new(),
            test_callers: BTreeMap::new(),
            withdrawn: std::collections::BTreeSet::new(),
            created: 0,
        }
    }

    fn planned(release: ReleaseNumber, from: Moment, until: Option<Moment>) -> Planned {
        Planned { id: 0, release, from, until, set: 0, by: "somebody".to_owned() }
    }

    #[test]
    fn an_exception_routes_while_it_lasts_and_an_activation_from_then_on() {
        let mut flow = flow();
        flow.plan(planned(2, 100, Some(200)), 10).unwrap();
        flow.plan(planned(3, 150, None), 10).unwrap();
        let live: Vec<Option<u32>> = [99, 100, 160, 199, 200, 1_000].map(|now| flow.live_at(now)).to_vec();
        assert_eq!(live, [Some(1), Some(2), Some(2), Some(2), Some(3), Some(3)]);
        assert_eq!((flow.routed_until(120), flow.routed_until(300)), (vec![2, 1], vec![3, 1]), "what was live stands behind what is");
    }

    #[test]
    fn what_has_passed_is_folded_into_the_aliases_and_nothing_routes_otherwise_for_it() {
        let mut flow = flow();
        for (release, from, until) in [(2, 100, None), (3, 200, None), (4, 300, Some(400)), (5, 500, Some(600))] {
            flow.plan(planned(release, from, until), 10).unwrap();
        }
        let before: Vec<Option<u32>> = (200..700).map(|now| flow.live_at(now)).collect();
        flow.settle(450);
        assert_eq!((flow.live(), flow.history.as_slice()), (Some(3), [2, 1].as_slice()));
        assert_eq!(flow.planned.iter().map(|planned| planned.release).collect::<Vec<_>>(), [5]);
        let after: Vec<Option<u32>> = (200..700).map(|now| flow.live_at(now)).collect();
        assert_eq!(before[250..], after[250..]);
        // An activation by hand is the newest word.
        flow.point(AliasName::live(), 1);
        assert_eq!(flow.live_at(450), Some(1));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let mut flow = flow();
        flow.plan(planned(2, 100, Some(200)), 10).unwrap();
        for (wrong, at) in [
            (planned(2, 10, None), "at"),
            (planned(2, 50, Some(50)), "until"),
            (planned(3, 199, Some(300)), "at"),
            (planned(3, 50, Some(101)), "at"),
        ] {
            assert_eq!(flow.plan(wrong.clone(), 10).unwrap_err().at.as_deref(), Some(at), "{wrong:?}");
        }
        assert_eq!(flow.plan(planned(3, 200, Some(300)), 10), Ok(2), "one may follow the other");
    }

    #[test]
    fn what_was_withdrawn_is_so_until_it_routes_again_and_the_newest_is_never_forgotten() {
        let mut flow = flow();
        flow.plan(planned(2, 200, Some(300)), 100).unwrap();
        flow.withdraw(2);
        assert!(flow.is_withdrawn(2, 250) && flow.planned.is_empty(), "its plans go with it");
        flow.plan(planned(2, 400, Some(500)), 300).unwrap();
        assert!(flow.is_withdrawn(2, 399) && !flow.is_withdrawn(2, 400) && flow.is_withdrawn(2, 500));
        flow.point(AliasName::live(), 2);
        assert!(!flow.is_withdrawn(2, 399));
        (1_000..2_000).for_each(|number| flow.withdraw(number));
        flow.withdraw(3);
        assert!(flow.is_withdrawn(3, 0) && flow.withdrawn.len() == crate::flow::WITHDRAWN_MAX);
    }
}
