//! Gives the busiest tenants series of their own, and everybody else one together.
//!
//! Tenants come by the thousand and a series for each would be the end of whoever stores them. So there are a fixed number of seats:
//! the first tenants take them, and once a period a tenant that was much busier than the least busy one in a seat takes that seat. A
//! series only ever grows while it is there: whoever loses the seat goes on in `other`, and what was counted there stays there, so
//! no rate is ever negative.
//!
//! It must not hold more than its bounds, however many tenants there are.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jackfield_domain::id::TenantId;

/// Seats are given anew so often: often enough to follow a day, seldom enough that a series is worth drawing.
const PERIOD: Duration = Duration::from_secs(60);
/// Tenants without a seat that are counted during a period; in a minute with more of them the rest must wait for the next.
const CANDIDATES_MAX: usize = 4_096;
/// How much busier a candidate must be: two tenants that are much alike would take the seat from each other all day.
const BUSIER: u64 = 2;

/// What is counted of a tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Events that were answered.
    pub events: u64,
    /// Of them those that another than the plugin answered.
    pub fallbacks: u64,
    /// Fuel as charged.
    pub fuel: u64,
}

#[derive(Debug, Default)]
struct Seat {
    all: Counted,
    lately: u64,
}

#[derive(Debug)]
struct Seats {
    taken: HashMap<TenantId, Seat>,
    candidates: HashMap<TenantId, u64>,
    others: Counted,
    since: Instant,
}

/// The seats.
#[derive(Debug)]
pub struct Busiest {
    seats_max: usize,
    seats: Mutex<Seats>,
}

impl Counted {
    fn add(&mut self, more: Self) {
        self.events += more.events;
        self.fallbacks += more.fallbacks;
        self.fuel = self.fuel.saturating_add(more.fuel);
    }
}

impl Busiest {
    /// With so many seats.
    pub fn new(seats_max: usize) -> Self {
        let seats = Seats { taken: HashMap::new(), candidates: HashMap::new(), others: Counted::default(), since: Instant::now() };
        Self { seats_max, seats: Mutex::new(seats) }
    }

    /// Counts.
    pub fn count(&self, tenant: &TenantId, more: Counted) {
        self.count_at(tenant, more, Instant::now());
    }

    fn count_at(&self, tenant: &TenantId, more: Counted, now: Instant) {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(seats.since) >= PERIOD {
            seats.since = now;
            seats.give_anew();
        }
        if !seats.taken.contains_key(tenant) && seats.taken.len() < self.seats_max {
            seats.taken.insert(tenant.clone(), Seat::default());
        }
        if let Some(seat) = seats.taken.get_mut(tenant) {
            seat.all.add(more);
            seat.lately += more.events;
            return;
        }
        seats.others.add(more);
        if let Some(lately) = seats.candidates.get_mut(tenant) {
            *lately += more.events;
        } else if seats.candidates.len() < CANDIDATES_MAX {
            seats.candidates.insert(tenant.clone(), more.events);
        }
    }

    /// Those with a seat, by name; and everybody else.
    pub fn counted(&self) -> (Vec<(TenantId, Counted)>, Counted) {
        let seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken: Vec<_> = seats.taken.iter().map(|(tenant, seat)| (tenant.clone(), seat.all)).collect();
        taken.sort_by(|one, other| one.0.cmp(&other.0));
        (taken, seats.others)
    }
}

impl Seats {
    fn give_anew(&mut self) {
        let mut candidates: Vec<_> = self.candidates.drain().collect();
        candidates.sort_by_key(|(_, lately)| std::cmp::Reverse(*lately));
        for (tenant, lately) in candidates {
            let least = self.taken.iter().min_by_key(|(_, seat)| seat.lately).map(|(least, seat)| (least.clone(), seat.lately));
            match least {
                Some((least, seated)) if lately > seated.saturating_mul(BUSIER) => {
                    self.taken.remove(&least);
                    // With what it did without the seat as its merit, so that the next candidate does not take this one's.
                    self.taken.insert(tenant, Seat { all: Counted::default(), lately });
                }
                _ => break,
            }
        }
        self.taken.values_mut().for_each(|seat| seat.lately = 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(number: usize) -> TenantId {
        format!("t{number}").parse().unwrap()
    }

    fn events(events: u64) -> Counted {
        Counted { events, fallbacks: 0, fuel: events * 10 }
    }

    #[test]
    fn thousands_of_tenants_are_a_bounded_number_of_series_and_nothing_is_lost() {
        let busiest = Busiest::new(5);
        let begun = Instant::now();
        for round in 0..3_u32 {
            for number in 0..10_000 {
                busiest.count_at(&tenant(number), events(1), begun + PERIOD * round);
            }
        }
        let (taken, others) = busiest.counted();
        assert_eq!(taken.len(), 5);
        assert_eq!(taken.iter().map(|(_, counted)| counted.events).sum::<u64>() + others.events, 30_000);
        assert!(busiest.seats.lock().unwrap().candidates.len() <= CANDIDATES_MAX);
    }

    #[test]
    fn a_busier_tenant_takes_a_seat_and_no_series_ever_falls() {
        let busiest = Busiest::new(2);
        let begun = Instant::now();
        busiest.count_at(&tenant(1), events(100), begun);
        busiest.count_at(&tenant(2), events(1), begun);
        busiest.count_at(&tenant(3), events(50), begun);
        let others_before = busiest.counted().1.events;
        busiest.count_at(&tenant(3), events(7), begun + PERIOD);
        let (taken, others) = busiest.counted();
        assert_eq!(taken, [(tenant(1), events(100)), (tenant(3), events(7))]);
        assert_eq!(others.events, others_before, "what was counted together stays together");
        busiest.count_at(&tenant(2), events(1), begun + PERIOD * 2);
        assert_eq!(busiest.counted().1.events, others_before + 1, "one event does not take a seat back");
    }

    #[test]
    fn without_seats_all_are_one_series() {
        let busiest = Busiest::new(0);
        busiest.count(&tenant(1), events(3));
        assert_eq!(busiest.counted(), (Vec::new(), events(3)));
    }
}
