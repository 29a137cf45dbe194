//! Lets few compilers run at once, live calls' first and each tenant's in its turn, and turns away at once what would wait too long.
//!
//! [`super::board`] keeps one behind its lock and asks it for places; it knows jobs by number only. What a call waits for goes before what
//! somebody uploads, and that before what is prepared for later. Within one purpose the tenants take turns, and no tenant compiles two
//! uploads at once, so that whoever sends bombs that take a minute each waits for itself.
//!
//! It has no clock and no task: who is next is a function of who came, and so it can be tested by counting.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jackfield_domain::id::TenantId;

/// What is compiled for whom; the order is who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// A call needs a version whose artifact this node does not have.
    Call,
    /// Somebody waits for an answer to an upload.
    Upload,
    /// Ahead of an upgrade, or at a start.
    Prepare,
}

/// How many may run and wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Compilers at once.
    pub(crate) running: usize,
    /// Jobs that wait, in all.
    pub(crate) waiting: usize,
    /// Jobs of one tenant and purpose that wait.
    pub(crate) waiting_of_one: usize,
}

/// A job's number; they are given in the order of coming.
pub(crate) type JobId = u64;

/// There is too much at once: everywhere, or of this tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The whole queue.
    Whole,
    /// The tenant's own part.
    Tenant,
}

/// One purpose's jobs.
#[derive(Default, Clone)]
struct Lane {
    waiting: HashMap<TenantId, VecDeque<JobId>>,
    /// Tenants with something waiting, in the order of their turns.
    turns: VecDeque<TenantId>,
}

/// Who compiles and who waits.
#[derive(Clone)]
pub(crate) struct Queue {
    room: Room,
    lanes: BTreeMap<Purpose, Lane>,
    running: HashMap<JobId, (TenantId, Purpose)>,
}

impl Queue {
    pub(crate) fn new(room: Room) -> Self {
        Self { room, lanes: BTreeMap::new(), running: HashMap::new() }
    }

    /// Takes a job in. It may be among those that [`Queue::next`] lets go at once.
    pub(crate) fn enter(&mut self, job: JobId, tenant: &TenantId, purpose: Purpose) -> Result<(), Full> {
        if self.waiting() >= self.room.waiting {
            return Err(Full::Whole);
        }
        let lane = self.lanes.entry(purpose).or_default();
        let own = lane.waiting.entry(tenant.clone()).or_default();
        if own.len() >= self.room.waiting_of_one {
            return Err(Full::Tenant);
        }
        if own.is_empty() {
            lane.turns.push_back(tenant.clone());
        }
        own.push_back(job);
        Ok(())
    }

    /// The next job that may run now; it counts as running from here on.
    pub(crate) fn next(&mut self) -> Option<JobId> {
        if self.running.len() >= self.room.running {
            return None;
        }
        let Self { lanes, running, .. } = self;
        for (purpose, lane) in lanes.iter_mut() {
            let is_free = |tenant: &TenantId| *purpose == Purpose::Call || !runs_aside(running, tenant);
            if let Some((job, tenant)) = lane.take(is_free) {
                running.insert(job, (tenant, *purpose));
                return Some(job);
            }
        }
        None
    }

    /// A job has ended, or nobody wants it any more.
    pub(crate) fn leave(&mut self, job: JobId) {
        if self.running.remove(&job).is_none() {
            self.lanes.values_mut().for_each(|lane| lane.remove(job));
        }
    }

    /// How many run.
    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lanes.values().flat_map(|lane| lane.waiting.values()).map(VecDeque::len).sum()
    }

    /// Waiting jobs in the order in which they would run if nothing else came and each ended before the next began.
    pub(crate) fn order(&self) -> Vec<JobId> {
        let mut rest = self.clone();
        rest.running.clear();
        let mut order = Vec::new();
        while let Some(job) = rest.next() {
            rest.leave(job);
            order.push(job);
        }
        order
    }
}

/// Whether a tenant already has a compiler for something that no call waits for.
fn runs_aside(running: &HashMap<JobId, (TenantId, Purpose)>, tenant: &TenantId) -> bool {
    running.values().any(|(of, purpose)| of == tenant && *purpose != Purpose::Call)
}

impl Lane {
    /// The first job of the first tenant that may have one; the tenant's next turn comes after all others'.
    fn take(&mut self, is_free: impl Fn(&TenantId) -> bool) -> Option<(JobId, TenantId)> {
        let at = self.turns.iter().position(is_free)?;
        let tenant = self.turns.remove(at)?;
        let own = self.waiting.get_mut(&tenant)?;
        let job = own.pop_front()?;
        if own.is_empty() {
            self.waiting.remove(&tenant);
        } else {
            self.turns.push_back(tenant.clone());
        }
        Some((job, tenant))
    }

    fn remove(&mut self, job: JobId) {
        self.waiting.values_mut().for_each(|own| own.retain(|of| *of != job));
        self.waiting.retain(|_, own| !own.is_empty());
        let Self { waiting, turns } = self;
        turns.retain(|tenant| waiting.contains_key(tenant));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    fn queue(running: usize) -> Queue {
        Queue::new(Room { running, waiting: 8, waiting_of_one: 4 })
    }

    #[test]
    fn what_a_call_waits_for_goes_before_uploads_and_they_before_what_is_prepared() {
        let mut queue = queue(1);
        let acme = tenant("acme");
        for (job, purpose) in [(1, Purpose::Prepare), (2, Purpose::Upload), (3, Purpose::Call)] {
            queue.enter(job, &acme, purpose).unwrap();
        }
        assert_eq!(queue.order(), [3, 2, 1]);
        for job in [3, 2, 1] {
            assert_eq!(queue.next(), Some(job));
            assert_eq!(queue.next(), None, "one place, two jobs");
            queue.leave(job);
        }
    }

    #[test]
    fn a_quiet_tenant_passes_a_loud_ones_uploads() {
        let mut queue = queue(1);
        let (loud, quiet) = (tenant("loud"), tenant("quiet"));
        for job in 1..=4 {
            queue.enter(job, &loud, Purpose::Upload).unwrap();
        }
        queue.enter(5, &quiet, Purpose::Upload).unwrap();
        assert_eq!(queue.order(), [1, 5, 2, 3, 4]);
        assert_eq!(queue.next(), Some(1));
        queue.leave(1);
        assert_eq!(queue.next(), Some(5));
    }

    #[test]
    fn no_tenant_compiles_two_uploads_at_once_and_calls_are_not_held_up_by_that() {
        let mut queue = queue(3);
        let acme = tenant("acme");
        queue.enter(1, &acme, Purpose::Upload).unwrap();
        queue.enter(2, &acme, Purpose::Upload).unwrap();
        assert_eq!((queue.next(), queue.next()), (Some(1), None), "a second place of the same tenant");
        queue.enter(3, &acme, Purpose::Call).unwrap();
        queue.enter(4, &acme, Purpose::Call).unwrap();
        assert_eq!((queue.next(), queue.next(), queue.next()), (Some(3), Some(4), None));
        queue.leave(3);
        assert_eq!(queue.next(), None, "its upload still runs");
        queue.leave(1);
        assert_eq!(queue.next(), Some(2));
    }

    #[test]
    fn what_would_wait_too_long_is_turned_away_at_once() {
        let mut queue = queue(1);
        let mut job = 0;
        let mut enter = |queue: &mut Queue, name: &str| {
            job += 1;
            queue.enter(job, &tenant(name), Purpose::Upload)
        };
        for _ in 0..4 {
            enter(&mut queue, "a").unwrap();
        }
        assert_eq!(enter(&mut queue, "a"), Err(Full::Tenant));
        for _ in 0..4 {
            enter(&mut queue, "b").unwrap();
        }
        assert_eq!(enter(&mut queue, "c"), Err(Full::Whole));
    }

    #[test]
    fn whoever_leaves_takes_nothing_with_it() {
        let mut queue = queue(1);
        let acme = tenant("acme");
        for job in 1..=3 {
            queue.enter(job, &acme, Purpose::Upload).unwrap();
        }
        assert_eq!(queue.next(), Some(1));
        queue.leave(2);
        queue.leave(1);
        assert_eq!(queue.next(), Some(3));
        queue.leave(3);
        queue.leave(3);
        assert_eq!((queue.running(), queue.waiting(), queue.next()), (0, 0, None));
        assert!(queue.lanes.values().all(|lane| lane.turns.is_empty() && lane.waiting.is_empty()), "a tenant is remembered for nothing");
    }
}
