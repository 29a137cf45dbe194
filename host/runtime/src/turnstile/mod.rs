//! Lets few guests run at once, the least demanding tenant's first, and turns away at once what would wait too long.
//!
//! A worker that runs many guests at once loses its caches and its timers; so a fixed number run and the rest wait here, in a
//! line for each tenant. Who waits is bounded, and by how long as well: more than can be served is refused when it comes and goes to
//! the fallback, because a caller who is told "no" in a millisecond is better off than one whose time runs out in a queue.
//!
//! A guest that waits for the network steps aside: it keeps its instance and gives its place to another. It must not decide who is
//! next: that is the rule in [`lines`]. Nor may a guest's thread take its lock: see [`keeper`].

mod keeper;
mod lane;
mod line;
mod lines;
mod meter;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::TenantId;
use jackfield_domain::priority::Priority;
use tokio::sync::{mpsc, oneshot};

use self::keeper::Given;
pub(crate) use self::keeper::Keeper;
pub(crate) use self::lane::{Lane, PerLane};
pub(crate) use self::lines::Rules;
use self::lines::{Lines, Share, Verdict, Waiter};
pub(crate) use self::meter::{Meter, Metered, Metering};

/// Where guests wait.
#[derive(Clone)]
pub(crate) struct Turnstile {
    lines: Arc<Mutex<Lines<oneshot::Sender<Place>>>>,
    given: mpsc::UnboundedSender<Given>,
}

/// There is too much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

/// A slot, and a share of a worker. Both are given back when it is dropped, however that happens.
pub(crate) struct Place {
    turnstile: Turnstile,
    tenant: TenantId,
    class: SlotClass,
    lane: Lane,
    /// What it used before it stood aside last.
    before: Duration,
    /// Since when it has a share of a worker; none while it stands aside.
    since: Option<Instant>,
    /// False for one that stands in line while another half of the same guest keeps the slot.
    holds_slot: bool,
    meter: Arc<Meter>,
}

fn open<T>(lines: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it is held, and the numbers are right at every step.
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Turnstile {
    /// A turnstile, and its keeper, whom somebody has to run.
    pub(crate) fn new(rules: Rules) -> (Self, Keeper) {
        let (given, told) = mpsc::unbounded_channel();
        let lines = Arc::new(Mutex::new(Lines::new(rules)));
        let keeper = Keeper { lines: Arc::clone(&lines), given: told, giving: given.downgrade() };
        (Self { lines, given }, keeper)
    }

    /// Waits for this tenant's turn, or is refused at once. Whoever stops waiting loses the turn and nothing else.
    pub(crate) async fn enter(&self, tenant: &TenantId, class: SlotClass, priority: Priority) -> Result<Place, Refused> {
        loop {
            let waiter = {
                let mut lines = self.lock();
                let now = Instant::now();
                match lines.ask(tenant, class, priority, now) {
                    Verdict::Go(lane) => return Ok(self.place(tenant, class, lane, true)),
                    Verdict::Refused => return Err(Refused),
                    Verdict::Wait => {
                        let (who, waiter) = oneshot::channel();
                        lines.stand(tenant, priority, Waiter { class, who }, now);
                        waiter
                    }
                }
            };
            // The sender goes away only with the lines, which live as long as this.
            if let Ok(place) = waiter.await {
                return Ok(place);
            }
        }
    }

    /// A guest of a tenant answered, or failed.
    pub(crate) fn came_to(&self, tenant: &TenantId, answered: bool) {
        self.lock().came_to(tenant, answered, Instant::now());
    }

    /// True where [`Self::enter`] would refuse now.
    pub(crate) fn would_refuse(&self, tenant: &TenantId, class: SlotClass, priority: Priority) -> bool {
        self.lock().would_refuse(tenant, class, priority, Instant::now())
    }

    /// Guests that hold a place now, and those who wait for one.
    pub(crate) fn depth(&self) -> (u32, usize) {
        self.lock().depth()
    }

    fn place(&self, tenant: &TenantId, class: SlotClass, lane: Lane, holds_slot: bool) -> Place {
        Place {
            turnstile: self.clone(),
            tenant: tenant.clone(),
            class,
            lane,
            before: Duration::ZERO,
            since: Some(Instant::now()),
            holds_slot,
            meter: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines<oneshot::Sender<Place>>> {
        open(&self.lines)
    }
}

impl Place {
    /// Whose threads the guest runs on.
    pub(crate) fn lane(&self) -> Lane {
        self.lane
    }

    /// What counts how long a guest is run with this place.
    pub(crate) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// What was done with it since it was given, for giving it back.
    fn share(&mut self) -> Option<Share> {
        let held = self.since.take()?.elapsed();
        let Metering { used, longest } = self.meter.take();
        self.before = self.before.saturating_add(used);
        Some(Share { held, used, longest, whole: self.before })
    }

    /// Waits for something outside without holding a share of a worker, and comes back for one afterwards.
    pub(crate) async fn aside<T>(&mut self, outside: impl Future<Output = T>) -> T {
        self.step_aside();
        let done = outside.await;
        self.come_back().await;
        done
    }

    fn step_aside(&mut self) {
        if let Some(share) = self.share() {
            self.give_back(Some(share), false);
        }
    }

    async fn come_back(&mut self) {
        loop {
            let (who, waiter) = oneshot::channel();
            let back = Given::Back { tenant: self.tenant.clone(), class: self.class, lane: self.lane, who };
            // Where there is no keeper any more the server ends, and nobody is served.
            if self.turnstile.given.send(back).is_err() {
                return std::future::pending().await;
            }
            if let Ok(mut share) = waiter.await {
                // What was handed over is the share alone; it is this place's from now on.
                self.since = share.since.take();
                return;
            }
        }
    }

    fn give_back(&self, share: Option<Share>, instance_gone: bool) {
        let Self { tenant, class, lane, .. } = self;
        let left = Given::Left { tenant: tenant.clone(), class: *class, lane: *lane, share, instance_gone };
        // Without a keeper there is nobody to give it to.
        let _at_the_end = self.turnstile.given.send(left);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let share = self.share();
        if share.is_some() || self.holds_slot {
            self.give_back(share, self.holds_slot);
        }
    }
}
