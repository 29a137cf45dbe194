//! Counts the events that are being answered now, and keeps both all of them and each tenant's within bounds.
//!
//! The webhook takes a seat before the pipeline walks, the pipeline one of the tenant's once it knows the tenant. An event that finds
//! no seat of its tenant is answered by the default routes; one that finds none at all gets its connection's static document. Both
//! happen at once: what waits holds memory and a socket, and a tenant with a thousand slow contacts must hold only its own.
//!
//! It counts and does not queue. Waiting is for the contact's order and for a place before the guests, which are bounded themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jackfield_domain::id::TenantId;

/// One tenant's part of all seats: three others can do the same at the same time.
const TENANT_PART: usize = 4;
/// One part in so many of all seats is for tenants that have none: some tenants with their parts of slow contacts must not have all.
const KEPT_PART: usize = 4;

/// The seats.
#[derive(Debug, Clone)]
pub struct InFlight {
    taken: Arc<Mutex<Taken>>,
    max: usize,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: HashMap<TenantId, usize>,
}

/// A seat; given back when it is dropped.
#[derive(Debug)]
pub struct Seat {
    taken: Arc<Mutex<Taken>>,
    /// None for a seat among all.
    tenant: Option<TenantId>,
}

impl InFlight {
    /// With so many seats in all.
    pub fn new(max: usize) -> Self {
        Self { taken: Arc::default(), max }
    }

    /// A seat among all; none where they are taken.
    pub fn enter(&self) -> Option<Seat> {
        let mut taken = open(&self.taken);
        if taken.all >= self.max {
            return None;
        }
        taken.all += 1;
        Some(Seat { taken: Arc::clone(&self.taken), tenant: None })
    }

    /// A seat of a tenant; none where its part is taken.
    pub fn of(&self, tenant: &TenantId) -> Option<Seat> {
        let mut taken = open(&self.taken);
        // The event that asks has a seat among all already.
        let is_nearly_full = taken.all > self.max.saturating_sub(self.max / KEPT_PART);
        let own = taken.of.entry(tenant.clone()).or_default();
        if *own >= (self.max / TENANT_PART).max(1) || (*own > 0 && is_nearly_full) {
            return None;
        }
        *own += 1;
        Some(Seat { taken: Arc::clone(&self.taken), tenant: Some(tenant.clone()) })
    }

    /// Events that are being answered now.
    pub fn now(&self) -> usize {
        open(&self.taken).all
    }
}

fn open(taken: &Mutex<Taken>) -> std::sync::MutexGuard<'_, Taken> {
    // The counts are right at every step.
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = open(&self.taken);
        let Some(tenant) = &self.tenant else {
            taken.all = taken.all.saturating_sub(1);
            return;
        };
        let left = taken.of.get_mut(tenant).map(|own| {
            *own = own.saturating_sub(1);
            *own
        });
        if left == Some(0) {
            taken.of.remove(tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_takes_its_part_and_leaves_the_rest_to_others() {
        let seats = InFlight::new(8);
        let (greedy, other): (TenantId, TenantId) = ("greedy".parse().unwrap(), "other".parse().unwrap());
        let held: Vec<Seat> = std::iter::from_fn(|| seats.of(&greedy)).collect();
        assert_eq!(held.len(), 2);
        assert!(seats.of(&other).is_some());
        drop(held);
        assert!(seats.of(&greedy).is_some());
        assert!(open(&seats.taken).of.is_empty(), "the map forgets who has no seat");
    }

    #[test]
    fn the_last_seats_are_for_tenants_that_have_none() {
        let seats = InFlight::new(16);
        let mut held = Vec::new();
        let mut taken = |name: &str| {
            let tenant: TenantId = name.parse().unwrap();
            let before = held.len();
            for _ in 0..8 {
                let among_all = seats.enter();
                if let (Some(all), Some(own)) = (among_all, seats.of(&tenant)) {
                    held.push((all, own));
                }
            }
            held.len() - before
        };
        assert_eq!(["first", "second", "third"].map(&mut taken), [4, 4, 4]);
        assert_eq!(["fourth", "fifth", "sixth", "seventh"].map(&mut taken), [1, 1, 1, 1], "one each of the last four");
        assert_eq!(taken("eighth"), 0);
    }

    #[test]
    fn all_seats_together_are_bounded_and_come_back() {
        let seats = InFlight::new(3);
        let held: Vec<Seat> = std::iter::from_fn(|| seats.enter()).collect();
        assert_eq!((held.len(), seats.now()), (3, 3));
        drop(held);
        assert_eq!(seats.now(), 0);
    }
}
