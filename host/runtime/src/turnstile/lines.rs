//! Decides who may run next: the plain rule behind the turnstile, without locks, clocks or tasks.
//!
//! [`super::Turnstile`] holds one under its lock and tells it the time. The rule is fair queueing by what tenants used of a worker:
//! who would be least after this call goes first, so a tenant that asks rarely or little passes one that never stops, however many
//! tenants of that kind there are. What counts is the time in which a guest was run and not the time in which it held its place: on a
//! busy machine the second is mostly other guests'. Taking turns alone would make a quiet tenant wait once for every loud one.
//!
//! Two things are counted. A *place* is a share of a worker and is given back while a guest waits for the network; a *slot* is room in
//! the engine's pool and is kept until the instance is gone. No tenant may hold more than its part of the slots.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::TenantId;
use jackfield_domain::priority::Priority;

/// What one place is taken to cost before anything was measured: a Rust plugin answers in less.
const FIRST_GUESS: Duration = Duration::from_millis(1);
/// Weight of the newest measurement, as one part of so many: follows a change within some dozens of calls.
const NEWEST_PART: u64 = 16;
/// A tenant that used less than this within the last second or so is light: a tenth of one worker.
const LIGHT: Duration = Duration::from_millis(100);
/// After that long, half of what a tenant used is forgotten.
const HALF_LIFE: Duration = Duration::from_secs(1);
/// Tenants that are remembered while they neither run nor wait: bounds the map, and forgetting one only gives it its debt back.
const REMEMBERED_MAX: usize = 1_024;

/// The bounds of a turnstile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Guests at once.
    pub(crate) places: u32,
    /// Guests beyond that, one for each tenant that is light: so that nobody who asks rarely waits for those who never stop.
    pub(crate) express: u32,
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
}

/// What came of asking for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is taken.
    Go,
    /// It is stood in line for.
    Wait,
    /// There is too much at once.
    Refused,
}

/// Whoever stands in line.
pub(crate) struct Waiter<W> {
    pub(crate) class: SlotClass,
    /// True where the slot is held already, and only a place is wanted.
    pub(crate) returns: bool,
    pub(crate) who: W,
}

/// The lines, and what is taken.
pub(crate) struct Lines<W> {
    rules: Rules,
    running: u32,
    slots: [u32; 2],
    waiting: usize,
    lines: HashMap<TenantId, Line<W>>,
    /// The virtual time: that of the line which was served last.
    clock_us: u64,
}

struct Line<W> {
    /// Where the tenant stands in virtual time: what it used, since it last caught up with the clock.
    virtual_us: u64,
    running: u32,
    slots: [u32; 2],
    /// What it used lately, halved every second.
    lately_us: u64,
    lately_at: Instant,
    /// What one call of it uses of a worker, by the last ones.
    cost_us: u64,
    /// How long one call of it holds its place, by the last ones.
    held_us: u64,
    /// By priority, lowest first.
    waiting: [VecDeque<Waiter<W>>; Priority::ALL.len()],
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A mean that follows the newest measurements.
fn newest(mean_us: u64, measured: Duration) -> u64 {
    mean_us.saturating_mul(NEWEST_PART - 1).saturating_add(micros(measured)) / NEWEST_PART
}

fn at(class: SlotClass) -> usize {
    match class {
        SlotClass::Small => 0,
        SlotClass::Large => 1,
    }
}

fn of(counts: &[u32; 2], class: SlotClass) -> u32 {
    counts.get(at(class)).copied().unwrap_or_default()
}

fn count(counts: &mut [u32; 2], class: SlotClass) -> Option<&mut u32> {
    counts.get_mut(at(class))
}

impl<W> Line<W> {
    fn new(clock_us: u64, now: Instant) -> Self {
        Self {
            virtual_us: clock_us,
            running: 0,
            slots: [0; 2],
            lately_us: 0,
            lately_at: now,
            cost_us: micros(FIRST_GUESS),
            held_us: micros(FIRST_GUESS),
            waiting: std::array::from_fn(|_| VecDeque::new()),
        }
    }

    fn lately(&self, now: Instant) -> Duration {
        let halvings = now.saturating_duration_since(self.lately_at).as_millis() / HALF_LIFE.as_millis();
        Duration::from_micros(u32::try_from(halvings).ok().and_then(|by| self.lately_us.checked_shr(by)).unwrap_or(0))
    }

    /// Where it stands in the order, by what it will have used after its next call: rest is no credit, and among those who are even the
    /// one that used less lately is first.
    fn stands(&self, clock_us: u64, now: Instant) -> (u64, Duration) {
        // Who stands in line keeps the place of the moment at which it came.
        let from_us = if self.len() > 0 { self.virtual_us } else { self.virtual_us.max(clock_us) };
        (from_us.saturating_add(self.cost_us), self.lately(now))
    }

    fn len(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    fn is_idle(&self) -> bool {
        self.running == 0 && self.slots == [0; 2] && self.len() == 0
    }
}

impl<W> Lines<W> {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, running: 0, slots: [0; 2], waiting: 0, lines: HashMap::new(), clock_us: 0 }
    }

    /// Guests that hold a place now, and those who wait for one.
    pub(crate) fn depth(&self) -> (u32, usize) {
        (self.running, self.waiting)
    }

    /// Asks for a slot and a place. `Go` means that they are taken.
    pub(crate) fn ask(&mut self, tenant: &TenantId, class: SlotClass, priority: Priority, now: Instant) -> Verdict {
        let clock_us = self.clock_us;
        let line = self.lines.entry(tenant.clone()).or_insert_with(|| Line::new(clock_us, now));
        // Nobody of the same tenant is passed.
        if line.len() == 0 && self.may_go(tenant, class, false, now) {
            self.take(tenant, class, false, false);
            return Verdict::Go;
        }
        let own = self.lines.get(tenant).map_or(0, Line::len);
        let too_long =
            self.expected_wait(tenant, own, now) > self.rules.wait_max * u32::try_from(priority.wait_percent()).unwrap_or(100) / 100;
        if own >= self.rules.line_max || self.waiting >= self.rules.waiting_max || too_long {
            self.forget_idle();
            return Verdict::Refused;
        }
        Verdict::Wait
    }

    /// Asks for a place for an instance that has its slot. It is never refused: the slots bound how many there are.
    pub(crate) fn ask_again(&mut self, tenant: &TenantId, class: SlotClass, now: Instant) -> Verdict {
        if self.may_go(tenant, class, true, now) {
            self.take(tenant, class, true, false);
            return Verdict::Go;
        }
        Verdict::Wait
    }

    /// Stands in line, after `Wait`.
    pub(crate) fn stand(&mut self, tenant: &TenantId, priority: Priority, waiter: Waiter<W>, now: Instant) {
        let clock_us = self.clock_us;
        let line = self.lines.entry(tenant.clone()).or_insert_with(|| Line::new(clock_us, now));
        if line.len() == 0 {
            line.virtual_us = line.virtual_us.max(clock_us);
        }
        let by_priority = Priority::ALL.iter().position(|known| *known == priority).unwrap_or(0);
        if let Some(queue) = line.waiting.get_mut(by_priority) {
            queue.push_back(waiter);
            self.waiting += 1;
        }
    }

    /// Gives a place back, and the slot where the instance is gone.
    pub(crate) fn leave(&mut self, tenant: &TenantId, class: SlotClass, share: Option<Share>, instance_gone: bool, now: Instant) {
        if share.is_some() {
            self.running = self.running.saturating_sub(1);
        }
        if instance_gone && let Some(slots) = count(&mut self.slots, class) {
            *slots = slots.saturating_sub(1);
        }
        if let Some(line) = self.lines.get_mut(tenant) {
            if let Some(Share { held, used }) = share {
                line.running = line.running.saturating_sub(1);
                // The guess that was charged when it began becomes the truth.
                line.virtual_us = line.virtual_us.saturating_add(micros(used)).saturating_sub(line.cost_us);
                line.lately_us = micros(line.lately(now)).saturating_add(micros(used));
                line.lately_at = now;
                line.cost_us = newest(line.cost_us, used);
                line.held_us = newest(line.held_us, held);
            }
            if instance_gone && let Some(slots) = count(&mut line.slots, class) {
                *slots = slots.saturating_sub(1);
            }
        }
        self.forget_idle();
    }

    /// The next who may go, with everything taken for them already.
    pub(crate) fn next(&mut self, now: Instant) -> Option<(TenantId, Waiter<W>)> {
        if self.waiting == 0 || self.running >= self.rules.places.saturating_add(self.rules.express) {
            return None;
        }
        let mut best: Option<((u64, Duration), &TenantId, usize)> = None;
        for (tenant, line) in self.lines.iter().filter(|(_, line)| line.len() > 0) {
            let stands = line.stands(self.clock_us, now);
            if best.is_some_and(|(least, ..)| least <= stands) {
                continue;
            }
            let first = line.waiting.iter().enumerate().rev().find_map(|(priority, queue)| {
                queue.front().filter(|waiter| self.may_go(tenant, waiter.class, waiter.returns, now)).map(|_| priority)
            });
            if let Some(priority) = first {
                best = Some((stands, tenant, priority));
            }
        }
        let (_, tenant, priority) = best?;
        let tenant = tenant.clone();
        let waiter = self.lines.get_mut(&tenant)?.waiting.get_mut(priority)?.pop_front()?;
        self.waiting = self.waiting.saturating_sub(1);
        self.take(&tenant, waiter.class, waiter.returns, true);
        Some((tenant, waiter))
    }

    fn may_go(&self, tenant: &TenantId, class: SlotClass, returns: bool, now: Instant) -> bool {
        let line = self.lines.get(tenant);
        let own = line.map_or(0, |line| of(&line.slots, class));
        let has_slot = returns || (of(&self.slots, class) < of(&self.rules.slots, class) && own < of(&self.rules.tenant_slots, class));
        let light = line.is_none_or(|line| line.running == 0 && line.lately(now) < LIGHT);
        let places = if light { self.rules.places.saturating_add(self.rules.express) } else { self.rules.places };
        has_slot && self.running < places
    }

    fn take(&mut self, tenant: &TenantId, class: SlotClass, returns: bool, waited: bool) {
        self.running += 1;
        if !returns && let Some(slots) = count(&mut self.slots, class) {
            *slots += 1;
        }
        if let Some(line) = self.lines.get_mut(tenant) {
            line.running += 1;
            if !returns && let Some(slots) = count(&mut line.slots, class) {
                *slots += 1;
            }
            if !waited {
                // Whoever was away begins at the present: rest is no credit.
                line.virtual_us = line.virtual_us.max(self.clock_us);
            }
            self.clock_us = self.clock_us.max(line.virtual_us);
            line.virtual_us = line.virtual_us.saturating_add(line.cost_us);
        }
    }

    /// How long one more of a tenant that has so many in line would probably wait: for the lines that stand before its own in virtual
    /// time, and for each of its own before it once more for all of them.
    fn expected_wait(&self, tenant: &TenantId, own: usize, now: Instant) -> Duration {
        let (held_us, from) = match self.lines.get(tenant) {
            Some(line) => (line.held_us, line.stands(self.clock_us, now)),
            None => (micros(FIRST_GUESS), (self.clock_us, Duration::ZERO)),
        };
        let others = || self.lines.iter().filter(|(other, line)| *other != tenant && line.len() > 0).map(|(_, line)| line);
        let ahead: u64 = others().filter(|line| line.stands(self.clock_us, now) <= from).map(|line| line.held_us).sum();
        let all: u64 = others().map(|line| line.held_us).sum();
        let own = u64::try_from(own).unwrap_or(u64::MAX);
        let wait_us = ahead.saturating_add(own.saturating_mul(all.saturating_add(held_us)));
        Duration::from_micros(wait_us / u64::from(self.rules.places.max(1)))
    }

    fn forget_idle(&mut self) {
        if self.running == 0 && self.waiting == 0 {
            // Nobody competes: the present catches up with all of them.
            self.clock_us = self.lines.values().map(|line| line.virtual_us).max().unwrap_or(self.clock_us).max(self.clock_us);
        }
        let clock_us = self.clock_us;
        if self.lines.len() > REMEMBERED_MAX {
            self.lines.retain(|_, line| !line.is_idle() || line.virtual_us > clock_us);
        }
        if self.lines.len() > REMEMBERED_MAX {
            self.lines.retain(|_, line| !line.is_idle());
        }
    }
}
