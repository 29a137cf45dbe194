//! Decides who may run next: the plain rule behind the turnstile, without locks, clocks or tasks.
//!
//! [`super::Turnstile`] holds one under its lock and tells it the time. The rule is fair queueing by what tenants used of a worker:
//! who would be least after this call goes first, so a tenant that asks rarely or little passes one that never stops, however many
//! tenants of that kind there are. What counts is the time in which a guest was run and not the time in which it held its place: on a
//! busy machine the second is mostly other guests'. Taking turns alone would make a quiet tenant wait once for every loud one.
//!
//! Two things are counted. A *place* is a share of a worker and is given back while a guest waits for the network; a *slot* is room in
//! the engine's pool and is kept until the instance is gone. No tenant may hold more than its part of the slots. Places are counted for
//! each [`Lane`], and each lane has a virtual time of its own: who has a worker to himself must not age those who share one.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::TenantId;
use jackfield_domain::priority::Priority;

use super::lane::{Lane, PerLane};
use super::line::{Line, Standing, count, micros, newest, of};

/// One tenant's part of the express places: there are two for each thread, so half of the threads at most.
const EXPRESS_PART: u32 = 4;
/// One part in so many of the slots is for tenants that hold none.
const KEPT_SLOTS_PART: u32 = 4;
/// Tenants that are remembered while they neither run nor wait: bounds the map to some megabytes. Who is forgotten is a stranger again.
const REMEMBERED_MAX: usize = 8_192;

/// The bounds of a turnstile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Guests at once in each lane.
    pub(crate) places: PerLane<u32>,
    /// Instances at once, of the small and of the large engine.
    pub(crate) slots: [u32; 2],
    /// Of them for one tenant.
    pub(crate) tenant_slots: [u32; 2],
    /// Waiting at once, of one tenant.
    pub(crate) line_max: usize,
    /// Waiting at once, of all.
    pub(crate) waiting_max: usize,
    /// Nobody joins a line that will probably take longer; lower priorities less.
    pub(crate) wait_max: Duration,
}

/// What a guest did with its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    /// How long it had it.
    pub(crate) held: Duration,
    /// Of that, how long it was run.
    pub(crate) used: Duration,
    /// Of that, the longest without letting others run.
    pub(crate) longest: Duration,
    /// What the guest used in all so far, before it stood aside included.
    pub(crate) whole: Duration,
}

/// What came of asking for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is taken, in that lane.
    Go(Lane),
    /// It is stood in line for.
    Wait,
    /// There is too much at once.
    Refused,
}

/// Whoever stands in line.
pub(crate) struct Waiter<W> {
    pub(crate) class: SlotClass,
    pub(crate) who: W,
}

/// Whoever may go: with a place, and with a slot or with the one that it has kept.
pub(crate) struct Next<W> {
    pub(crate) tenant: TenantId,
    pub(crate) class: SlotClass,
    pub(crate) lane: Lane,
    /// True where it stood aside and has its slot already.
    pub(crate) returns: bool,
    pub(crate) who: W,
}

/// The lines, and what is taken.
pub(crate) struct Lines<W> {
    rules: Rules,
    running: PerLane<u32>,
    slots: [u32; 2],
    waiting: usize,
    lines: HashMap<TenantId, Line<W>>,
    /// The tenants with somebody in line.
    standing: BTreeSet<TenantId>,
    /// Guests that stood aside and want a place on their threads again. They go before those who begin: each holds a slot meanwhile, and
    /// whoever begins may wait for just that slot.
    returning: [VecDeque<(TenantId, Waiter<W>)>; Lane::ALL.len()],
    /// The virtual time of each lane: that of the line which was served last.
    clock_us: PerLane<u64>,
    /// The furthest that any line was charged in a lane.
    latest_us: PerLane<u64>,
}

impl<W> Lines<W> {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            running: PerLane::default(),
            slots: [0; 2],
            waiting: 0,
            lines: HashMap::new(),
            standing: BTreeSet::new(),
            returning: std::array::from_fn(|_| VecDeque::new()),
            clock_us: PerLane::default(),
            latest_us: PerLane::default(),
        }
    }

    /// Guests that hold a place now, and those who wait for one.
    pub(crate) fn depth(&self) -> (u32, usize) {
        (self.running.0.iter().sum(), self.waiting)
    }

    /// Asks for a slot and a place. `Go` means that they are taken.
    pub(crate) fn ask(&mut self, tenant: &TenantId, class: SlotClass, priority: Priority, now: Instant) -> Verdict {
        let line = self.lines.entry(tenant.clone()).or_insert_with(|| Line::new(now));
        let own = line.len();
        if own == 0 {
            // Whoever stands in line keeps the place of the moment at which it came.
            line.catch_up(&self.clock_us, now);
        }
        // Nobody of the same tenant is passed.
        if own == 0
            && let Some(lane) = self.room(tenant, class)
        {
            self.take(tenant, class, lane, false);
            return Verdict::Go(lane);
        }
        if self.is_too_long(tenant, own, priority, now) {
            self.forget_idle();
            return Verdict::Refused;
        }
        Verdict::Wait
    }

    /// What [`Self::ask`] would say of a refusal, without taking anything.
    pub(crate) fn would_refuse(&mut self, tenant: &TenantId, class: SlotClass, priority: Priority, now: Instant) -> bool {
        // A stranger is asked in earnest.
        let Some(line) = self.lines.get_mut(tenant) else { return false };
        let own = line.len();
        if own == 0 {
            line.catch_up(&self.clock_us, now);
        }
        (own > 0 || self.room(tenant, class).is_none()) && self.is_too_long(tenant, own, priority, now)
    }

    /// A guest of a tenant answered, or failed.
    pub(crate) fn came_to(&mut self, tenant: &TenantId, answered: bool, now: Instant) {
        if let Some(line) = self.lines.get_mut(tenant) {
            line.record.came_to(answered, now);
        }
    }

    fn is_too_long(&self, tenant: &TenantId, own: usize, priority: Priority, now: Instant) -> bool {
        // Nobody waits in vain: not who will only fail, and not others behind it.
        if priority != Priority::Marked && self.lines.get(tenant).is_some_and(|line| line.record.is_hopeless(now)) {
            return true;
        }
        let wait_max = self.rules.wait_max * u32::try_from(priority.wait_percent()).unwrap_or(100) / 100;
        own >= self.rules.line_max || self.waiting >= self.rules.waiting_max || self.expected_wait(tenant, own, now) > wait_max
    }

    /// Asks for a place for an instance that has its slot and its thread. It is never refused: the slots bound how many there are.
    pub(crate) fn ask_again(&mut self, tenant: &TenantId, class: SlotClass, lane: Lane) -> Verdict {
        if self.may_return(tenant, lane) {
            self.take(tenant, class, lane, true);
            return Verdict::Go(lane);
        }
        Verdict::Wait
    }

    /// Waits for it, after `Wait`.
    pub(crate) fn stand_again(&mut self, tenant: &TenantId, lane: Lane, waiter: Waiter<W>) {
        if let Some(returning) = self.returning.get_mut(lane.at()) {
            returning.push_back((tenant.clone(), waiter));
            self.waiting += 1;
        }
    }

    /// Stands in line, after `Wait`.
    pub(crate) fn stand(&mut self, tenant: &TenantId, priority: Priority, waiter: Waiter<W>, now: Instant) {
        let line = self.lines.entry(tenant.clone()).or_insert_with(|| Line::new(now));
        if line.len() == 0 {
            line.catch_up(&self.clock_us, now);
            self.standing.insert(tenant.clone());
        }
        let by_priority = Priority::ALL.iter().position(|known| *known == priority).unwrap_or(0);
        if let Some(queue) = line.waiting.get_mut(by_priority) {
            queue.push_back(waiter);
            self.waiting += 1;
        }
    }

    /// Gives back a place in a lane, where a share of a worker was held, and the slot where the instance is gone.
    pub(crate) fn leave(
        &mut self,
        tenant: &TenantId,
        class: SlotClass,
        lane: Lane,
        share: Option<Share>,
        instance_gone: bool,
        now: Instant,
    ) {
        let running = self.running.at(lane);
        *running = running.saturating_sub(u32::from(share.is_some()));
        if instance_gone && let Some(slots) = count(&mut self.slots, class) {
            *slots = slots.saturating_sub(1);
        }
        if let Some(line) = self.lines.get_mut(tenant) {
            if let Some(Share { held, used, longest, whole }) = share {
                let running = line.running.at(lane);
                *running = running.saturating_sub(1);
                // The guess that was charged when it began becomes the truth.
                line.virtual_us = line.virtual_us.saturating_add(micros(used)).saturating_sub(line.cost_us);
                // A place that nobody used says nothing of anybody.
                if used > Duration::ZERO {
                    line.record.measure(used, longest, now);
                    line.cost_us = newest(line.cost_us, used);
                    line.held_us = newest(line.held_us, held);
                }
                if instance_gone && whole > Duration::ZERO {
                    line.record.ended(whole, now);
                }
                line.change_lane(&self.clock_us, now);
                let latest_us = self.latest_us.at(line.lane);
                *latest_us = (*latest_us).max(line.virtual_us);
            }
            if instance_gone && let Some(slots) = count(&mut line.slots, class) {
                *slots = slots.saturating_sub(1);
            }
        }
        self.forget_idle();
    }

    /// The next who may go, with everything taken for them already.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Next<W>> {
        if self.waiting == 0 {
            return None;
        }
        Lane::ALL.into_iter().find_map(|lane| self.next_returning(lane)).or_else(|| self.next_fresh(now))
    }

    fn next_returning(&mut self, lane: Lane) -> Option<Next<W>> {
        let at = self.returning.get(lane.at())?.iter().position(|(tenant, _)| self.may_return(tenant, lane))?;
        let (tenant, Waiter { class, who }) = self.returning.get_mut(lane.at())?.remove(at)?;
        self.waiting = self.waiting.saturating_sub(1);
        self.take(&tenant, class, lane, true);
        Some(Next { tenant, class, lane, returns: true, who })
    }

    fn next_fresh(&mut self, now: Instant) -> Option<Next<W>> {
        if !Lane::ALL.into_iter().any(|lane| self.is_free(lane)) {
            return None;
        }
        // Whoever comes over from another lane is behind all that belong there.
        let mut best: Option<((bool, Lane, Standing), &TenantId, usize)> = None;
        for tenant in &self.standing {
            let Some(line) = self.lines.get(tenant) else { continue };
            let first = line.waiting.iter().enumerate().rev().find_map(|(priority, queue)| {
                let waiter = queue.front()?;
                self.room(tenant, waiter.class).map(|lane| (priority, lane))
            });
            let Some((priority, lane)) = first else { continue };
            let stands = (lane != line.lane, lane, line.stands(now));
            if best.is_none_or(|(least, ..)| stands < least) {
                best = Some((stands, tenant, priority));
            }
        }
        let ((_, lane, _), tenant, priority) = best?;
        let tenant = tenant.clone();
        let line = self.lines.get_mut(&tenant)?;
        let Waiter { class, who } = line.waiting.get_mut(priority)?.pop_front()?;
        if line.len() == 0 {
            self.standing.remove(&tenant);
        }
        self.waiting = self.waiting.saturating_sub(1);
        self.take(&tenant, class, lane, false);
        Some(Next { tenant, class, lane, returns: false, who })
    }

    fn is_free(&self, lane: Lane) -> bool {
        self.running.get(lane) < self.rules.places.get(lane)
    }

    /// One tenant may have half of the express threads busy, and of the others all.
    fn is_below_its_part(&self, line: Option<&Line<W>>, lane: Lane) -> bool {
        let part = (self.rules.places.get(lane) / EXPRESS_PART).max(1);
        lane != Lane::Express || line.is_none_or(|line| line.running.get(lane) < part)
    }

    fn may_return(&self, tenant: &TenantId, lane: Lane) -> bool {
        self.is_free(lane) && self.is_below_its_part(self.lines.get(tenant), lane)
    }

    /// The lane in which one more guest of a tenant may begin now.
    fn room(&self, tenant: &TenantId, class: SlotClass) -> Option<Lane> {
        let line = self.lines.get(tenant)?;
        let (taken, own) = (of(&self.slots, class), of(&line.slots, class));
        // The last slots are for tenants that hold none: a guest that waits for the network keeps its slot for seconds, and some tenants
        // with their parts of slow ones must not have all.
        let kept = if own > 0 { of(&self.rules.slots, class) / KEPT_SLOTS_PART } else { 0 };
        if taken >= of(&self.rules.slots, class).saturating_sub(kept) || own >= of(&self.rules.tenant_slots, class) {
            return None;
        }
        line.lane.choices().iter().copied().find(|lane| self.is_below_its_part(Some(line), *lane) && self.is_free(*lane))
    }

    fn take(&mut self, tenant: &TenantId, class: SlotClass, lane: Lane, returns: bool) {
        *self.running.at(lane) += 1;
        if !returns && let Some(slots) = count(&mut self.slots, class) {
            *slots += 1;
        }
        if let Some(line) = self.lines.get_mut(tenant) {
            *line.running.at(lane) += 1;
            if !returns && let Some(slots) = count(&mut line.slots, class) {
                *slots += 1;
            }
            let clock_us = self.clock_us.at(line.lane);
            *clock_us = (*clock_us).max(line.virtual_us);
            line.virtual_us = line.virtual_us.saturating_add(line.cost_us);
            let latest_us = self.latest_us.at(line.lane);
            *latest_us = (*latest_us).max(line.virtual_us);
        }
    }

    /// How long one more of a tenant that has so many in line would probably wait: for the lines of its lane that stand before its own in
    /// virtual time, and for each of its own before it once more for all of them.
    fn expected_wait(&self, tenant: &TenantId, own: usize, now: Instant) -> Duration {
        let Some(line) = self.lines.get(tenant) else { return Duration::ZERO };
        let from = line.stands(now);
        let (mut ahead, mut all) = (0_u64, 0_u64);
        for other in self.standing.iter().filter(|other| *other != tenant).filter_map(|other| self.lines.get(other)) {
            let stands = other.stands(now);
            if other.lane == line.lane {
                all = all.saturating_add(other.held_us);
                ahead = ahead.saturating_add(if stands <= from { other.held_us } else { 0 });
            }
        }
        let own = u64::try_from(own).unwrap_or(u64::MAX);
        let wait_us = ahead.saturating_add(own.saturating_mul(all.saturating_add(line.held_us)));
        Duration::from_micros(wait_us / u64::from(self.rules.places.get(line.lane).max(1)))
    }

    fn forget_idle(&mut self) {
        if self.waiting == 0 {
            for lane in Lane::ALL.into_iter().filter(|lane| self.running.get(*lane) == 0) {
                // Nobody competes: the present catches up with all of them.
                let latest_us = self.latest_us.get(lane);
                let clock_us = self.clock_us.at(lane);
                *clock_us = (*clock_us).max(latest_us);
            }
        }
        let clock_us = self.clock_us;
        if self.lines.len() > REMEMBERED_MAX {
            self.lines.retain(|_, line| !line.is_idle() || line.virtual_us > clock_us.get(line.lane));
        }
        if self.lines.len() > REMEMBERED_MAX {
            self.lines.retain(|_, line| !line.is_idle());
        }
    }
}
