//! Says whose an address is, from the first claim to the day on which somebody else may have it.
//!
//! Whoever binds an address claims it; the first contact that a provider verifies through the claim's connection proves it, because only who
//! has the line at the provider gets its calls. Until then others may claim it through connections of their own, and the first proof
//! decides, where the provider vouches for it: a switch of one's own says what it likes, so it serves its holder and ends nobody else's
//! claim. A move waits for a time or for the first verified contact through the new connection, so that no call falls between two
//! providers. The resolve step asks [`Binding::through`] for every contact; the admin API writes what people decide.
//!
//! Contacts that run stay where they began, whatever becomes of their address.

use serde::{Deserialize, Serialize};

use super::Address;
use crate::contact::Moment;
use crate::id::{ConnectionId, FlowName, TenantId};

/// Claims of others beside the holder's: more would be a game.
pub const RIVALS_MAX: usize = 8;
/// How long an address that had contacts is nobody else's after its release: callers who know it must not reach a stranger at once.
pub const QUARANTINE_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// An address that belongs to a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// What is dialled.
    pub address: Address,
    /// Whose it is.
    pub tenant: TenantId,
    /// The only connection through which it answers.
    pub connection: ConnectionId,
    /// Where its contacts go.
    pub flow: FlowName,
    /// Since when.
    pub bound: Moment,
    /// True where no quota bars its contacts: an emergency line. They are counted all the same. Set only from above the tenant.
    #[serde(default)]
    pub priority: bool,
    /// When the first verified contact came; claimed until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<Moment>,
    /// Where it is to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// Who else claims it, while it is not proven.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rivals: Vec<Claim>,
}

/// A move that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// Through which connection it answers then.
    pub connection: ConnectionId,
    /// Where its contacts go then.
    pub flow: FlowName,
    /// When; with the first verified contact through that connection where absent.
    #[serde(default)]
    pub at: Option<Moment>,
}

/// What another tenant says is its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Who.
    pub tenant: TenantId,
    /// Through which connection; never that of another claim.
    pub connection: ConnectionId,
    /// Where its contacts would go.
    pub flow: FlowName,
    /// Since when.
    pub bound: Moment,
}

/// An address that was let go and had contacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// Which.
    pub address: Address,
    /// Whose it was.
    pub tenant: TenantId,
    /// When.
    pub at: Moment,
}

impl Released {
    /// Until when it is nobody else's.
    pub fn until(&self) -> Moment {
        self.at.saturating_add(QUARANTINE_MS)
    }
}

impl Binding {
    /// As it is at that moment: a move whose time has come is made.
    pub fn settled(mut self, now: Moment) -> Self {
        if self.next.as_ref().is_some_and(|next| next.at.is_some_and(|at| at <= now))
            && let Some(Next { connection, flow, .. }) = self.next.take()
        {
            self.connection = connection;
            self.flow = flow;
        }
        self
    }

    /// As it is for a verified contact through that connection, and after it; none where the connection is nobody's who has the address.
    /// `vouches` says whether the connection's provider had to route the line there.
    pub fn through(self, connection: &ConnectionId, vouches: bool, now: Moment) -> Option<Self> {
        let settled = self.settled(now);
        if settled.connection == *connection {
            return Some(settled.proved(vouches, now));
        }
        if settled.next.as_ref().is_some_and(|next| next.connection == *connection && next.at.is_none()) {
            let moved = Self { next: settled.next.clone().map(|next| Next { at: Some(now), ..next }), ..settled };
            return Some(moved.settled(now).proved(vouches, now));
        }
        let may_displace = vouches && settled.proven.is_none();
        let claim = settled.rivals.iter().find(|claim| claim.connection == *connection).filter(|_| may_displace)?.clone();
        Some(settled.held_by(claim).proved(vouches, now))
    }

    /// After a proof nobody else has a claim. While others have one, nobody's own word is a proof.
    fn proved(self, vouches: bool, now: Moment) -> Self {
        if !vouches && !self.rivals.is_empty() {
            return self;
        }
        Self { proven: self.proven.or(Some(now)), rivals: Vec::new(), ..self }
    }

    /// Whose it was before has neither said what it costs nor where it moves.
    fn held_by(self, claim: Claim) -> Self {
        let Claim { tenant, connection, flow, bound } = claim;
        Self { tenant, connection, flow, bound, priority: false, proven: None, next: None, ..self }
    }

    /// What is left when a tenant lets it go: without its claim and, where it was the holder, with the oldest of the other claims in its
    /// place, if there is one.
    pub fn without(mut self, tenant: &TenantId) -> Option<Self> {
        self.rivals.retain(|claim| claim.tenant != *tenant);
        if self.tenant != *tenant {
            return Some(self);
        }
        let heir = (!self.rivals.is_empty()).then(|| self.rivals.remove(0))?;
        Some(self.held_by(heir))
    }

    /// As a tenant sees it that holds or claims it: what would be if it were proven to be its own.
    pub fn seen_by(&self, tenant: &TenantId) -> Option<Self> {
        if self.tenant == *tenant {
            return Some(self.clone());
        }
        self.rivals.iter().find(|claim| claim.tenant == *tenant).map(|claim| self.clone().held_by(claim.clone()))
    }

    /// Everybody who says that it is theirs, the holder first.
    pub fn everybody(&self) -> impl Iterator<Item = &TenantId> {
        std::iter::once(&self.tenant).chain(self.rivals.iter().map(|claim| &claim.tenant))
    }

    /// The connections through which it answers, now and after a move that waits.
    pub fn connections(&self) -> impl Iterator<Item = &ConnectionId> {
        std::iter::once(&self.connection).chain(self.next.as_ref().map(|next| &next.connection))
    }

    /// The flows that its contacts go to, now and after a move that waits.
    pub fn flows(&self) -> impl Iterator<Item = &FlowName> {
        std::iter::once(&self.flow).chain(self.next.as_ref().map(|next| &next.flow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding() -> Binding {
        Binding {
            address: "+18005551234".parse().unwrap(),
            tenant: "acme".parse().unwrap(),
            connection: "old".parse().unwrap(),
            flow: "main".parse().unwrap(),
            bound: 1,
            priority: true,
            proven: None,
            next: None,
            rivals: Vec::new(),
        }
    }

    fn rival(tenant: &str, connection: &str) -> Claim {
        Claim { tenant: tenant.parse().unwrap(), connection: connection.parse().unwrap(), flow: "f".parse().unwrap(), bound: 2 }
    }

    fn through(binding: Binding, connection: &str, now: Moment) -> Option<Binding> {
        binding.through(&connection.parse().unwrap(), true, now)
    }

    #[test]
    fn a_switch_of_ones_own_serves_its_holder_and_ends_nobodys_claim() {
        let by_word = |binding: Binding, connection: &str| binding.through(&connection.parse().unwrap(), false, 9);
        assert_eq!(by_word(binding(), "old").unwrap().proven, Some(9), "where nobody else claims it, a contact is a contact");
        let contested = Binding { rivals: vec![rival("b", "bs")], ..binding() };
        assert_eq!(by_word(contested.clone(), "old"), Some(contested.clone()), "served, and still contested");
        assert_eq!(by_word(contested.clone(), "bs"), None, "and nobody is displaced by it");
        assert_eq!(through(contested, "bs", 9).unwrap().tenant.as_str(), "b");
    }

    #[test]
    fn the_first_verified_contact_proves_a_claim_and_ends_all_others() {
        let contested = Binding { rivals: vec![rival("b", "bs"), rival("c", "cs")], ..binding() };
        let held = through(contested.clone(), "old", 9).unwrap();
        assert_eq!((held.tenant.as_str(), held.proven, held.rivals.len()), ("acme", Some(9), 0));
        let displaced = through(contested, "cs", 9).unwrap();
        assert_eq!((displaced.tenant.as_str(), displaced.proven, displaced.priority, displaced.rivals.len()), ("c", Some(9), false, 0));
        assert_eq!(through(displaced.clone(), "old", 10), None, "what is proven stays");
        assert_eq!(through(displaced, "cs", 20).unwrap().proven, Some(9), "proven once");
        assert_eq!(through(binding(), "nobodys", 9), None);
        let proven = Binding { proven: Some(3), rivals: vec![rival("b", "bs")], ..binding() };
        assert_eq!(through(proven, "bs", 9), None, "a proof displaces a claim, and never a proof");
    }

    #[test]
    fn a_move_waits_for_its_time_or_for_the_first_contact_on_the_new_line() {
        let next = |at| Some(Next { connection: "new".parse().unwrap(), flow: "other".parse().unwrap(), at });
        let timed = Binding { next: next(Some(100)), proven: Some(1), ..binding() };
        assert!(through(timed.clone(), "new", 99).is_none());
        assert_eq!(through(timed.clone(), "old", 99).unwrap().flow.as_str(), "main");
        assert_eq!(through(timed.clone(), "new", 100).unwrap().flow.as_str(), "other");
        assert!(through(timed, "old", 100).is_none());
        let by_contact = Binding { next: next(None), proven: Some(1), ..binding() };
        assert_eq!(through(by_contact.clone(), "old", 1_000).unwrap().next, next(None), "the old line serves until then");
        let moved = through(by_contact, "new", 1_000).unwrap();
        assert_eq!((moved.flow.as_str(), moved.connection.as_str(), moved.next), ("other", "new", None));
    }

    #[test]
    fn what_its_holder_lets_go_is_the_oldest_other_claims() {
        let contested = Binding { rivals: vec![rival("b", "bs"), rival("c", "cs")], ..binding() };
        let names = |binding: &Binding| binding.everybody().map(ToString::to_string).collect::<Vec<_>>();
        let without = |binding: Binding, tenant: &str| binding.without(&tenant.parse().unwrap());
        assert_eq!(names(&without(contested.clone(), "b").unwrap()), ["acme", "c"]);
        let left = without(contested.clone(), "acme").unwrap();
        assert_eq!((names(&left).as_slice(), left.proven, left.priority), (["b".to_owned(), "c".to_owned()].as_slice(), None, false));
        assert!(without(without(left, "b").unwrap(), "c").is_none());
        let seen = contested.seen_by(&"c".parse().unwrap()).unwrap();
        assert_eq!((seen.tenant.as_str(), seen.connection.as_str(), seen.priority), ("c", "cs", false));
        assert_eq!(contested.seen_by(&"d".parse().unwrap()), None);
    }
}
