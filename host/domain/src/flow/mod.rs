//! Says what a flow is: a tenant's named, routable unit, its releases and which of them routes.
//!
//! The admin API writes flows, the assign step reads them. A flow keeps no counters: what its releases did stands in the usage.

pub mod case_file;
pub mod compared;
pub mod egress;
pub mod inherited;
pub mod planned;
pub mod plugin;
pub mod release;
mod schema;
pub mod settings;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::contact::{Endpoint, Moment};
use crate::id::{AliasName, FlowName, TenantId};
use release::ReleaseNumber;

/// Which contacts a flow is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowKind {
    /// Begun by customers.
    Inbound,
    /// Begun by the tenant.
    Outbound,
    /// Either.
    Both,
}

/// A tenant's routable unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Whose.
    pub tenant: TenantId,
    /// Unique within the tenant.
    pub name: FlowName,
    /// What people call it.
    pub label: String,
    /// Which contacts it is for.
    pub kind: FlowKind,
    /// Releases by name; `live` is the one that routes.
    pub aliases: BTreeMap<AliasName, ReleaseNumber>,
    /// What `live` pointed at before, newest first, at most [`HISTORY_MAX`]: for rollback and last good.
    pub history: Vec<ReleaseNumber>,
    /// The newest release's number; 0 before the first.
    pub newest: ReleaseNumber,
    /// The settings that the next release takes.
    pub settings_revision: u32,
    /// Releases that are to route later, or for a while; in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub planned: Vec<planned::Planned>,
    /// Customers, by E.164 or as the provider names them, who get the release that an alias points at; their contacts are tests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub test_callers: BTreeMap<String, AliasName>,
    /// Releases that were rolled back with their running contacts: those go to the default routes, and no last good one is among them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub withdrawn: BTreeSet<ReleaseNumber>,
    /// When it was made.
    pub created: Moment,
}

/// Most test callers of a flow.
pub const TEST_CALLERS_MAX: usize = 100;
/// How many withdrawn releases a flow remembers.
pub const WITHDRAWN_MAX: usize = 100;
/// How many former live releases a flow remembers.
pub const HISTORY_MAX: usize = 20;

impl Flow {
    /// The release that routes.
    pub fn live(&self) -> Option<ReleaseNumber> {
        self.aliases.get(&AliasName::live()).copied()
    }

    /// The release that somebody asks for by alias or number; none where there is no such.
    pub fn named(&self, asked: &str, now: Moment) -> Option<ReleaseNumber> {
        let alias = asked.parse::<AliasName>().ok();
        match (alias, asked.parse::<ReleaseNumber>()) {
            (Some(alias), _) if alias == AliasName::live() => self.live_at(now),
            (Some(alias), _) if self.aliases.contains_key(&alias) => self.aliases.get(&alias).copied(),
            (_, Ok(number)) => (1..=self.newest).contains(&number).then_some(number),
            _ => None,
        }
    }

    /// The release that a test caller gets; none for everybody else.
    pub fn for_test_caller(&self, customer: &Endpoint) -> Option<ReleaseNumber> {
        let alias =
            customer.e164.as_ref().and_then(|number| self.test_callers.get(number)).or_else(|| self.test_callers.get(&customer.raw))?;
        self.aliases.get(alias).copied()
    }

    /// Takes a release away from the contacts that run it, and from what is planned. Of very many that were taken away the first are
    /// forgotten: their contacts are over.
    pub fn withdraw(&mut self, release: ReleaseNumber) {
        self.planned.retain(|planned| planned.release != release);
        self.withdrawn.insert(release);
        while self.withdrawn.len() > WITHDRAWN_MAX {
            let Some(first) = self.withdrawn.iter().copied().find(|withdrawn| *withdrawn != release) else { break };
            self.withdrawn.remove(&first);
        }
    }

    /// Whether contacts that began with a release go to the default routes. One that routes again, by a plan or by hand, is meant for all.
    pub fn is_withdrawn(&self, release: ReleaseNumber, now: Moment) -> bool {
        self.withdrawn.contains(&release) && self.live_at(now) != Some(release)
    }

    /// Points an alias at a release and remembers what `live` was. Who makes a release live again means it for those who run it, too.
    pub fn point(&mut self, alias: AliasName, to: ReleaseNumber) {
        if alias == AliasName::live() {
            self.withdrawn.remove(&to);
        }
        let was = self.aliases.insert(alias.clone(), to);
        if let (true, Some(was)) = (alias == AliasName::live(), was.filter(|was| *was != to)) {
            self.history.retain(|number| *number != was && *number != to);
            self.history.insert(0, was);
            self.history.truncate(HISTORY_MAX);
        }
    }
}
