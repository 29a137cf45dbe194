//! Lets few guests run at once, the least demanding tenant's first, and turns away at once what would wait too long.
//!
//! A worker that runs many guests at once loses its caches and its timers; so a fixed number run and the rest wait here, in a
//! line for each tenant. Who waits is bounded, and by how long as well: more than can be served is refused when it comes and goes to
//! the fallback, because a caller who is told "no" in a millisecond is better off than one whose time runs out in a queue.
//!
//! A guest that waits for the network steps aside: it keeps its instance and gives its place to another. It must not decide who is
//! next: that is the rule in [`lines`].

mod lines;
mod meter;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::TenantId;
use jackfield_domain::priority::Priority;
use tokio::sync::oneshot;

pub(crate) use self::lines::Rules;
use self::lines::{Lines, Share, Verdict, Waiter};
pub(crate) use self::meter::{Meter, Metered};

/// Where guests wait.
#[derive(Clone)]
pub(crate) struct Turnstile {
    lines: Arc<Mutex<Lines<oneshot::Sender<Place>>>>,
}

/// There is too much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

/// A slot, and a share of a worker. Both are given back when it is dropped, however that happens.
pub(crate) struct Place {
    turnstile: Turnstile,
    tenant: TenantId,
    class: SlotClass,
    /// Since when it has a share of a worker; none while it stands aside.
    since: Option<Instant>,
    /// False for one that stands in line while another half of the same guest keeps the slot.
    holds_slot: bool,
    meter: Arc<Meter>,
}

impl Turnstile {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { lines: Arc::new(Mutex::new(Lines::new(rules))) }
    }

    /// Waits for this tenant's turn, or is refused at once. Whoever stops waiting loses the turn and nothing else.
    pub(crate) async fn enter(&self, tenant: &TenantId, class: SlotClass, priority: Priority) -> Result<Place, Refused> {
        loop {
            let waiter = {
                let mut lines = self.lock();
                let now = Instant::now();
                match lines.ask(tenant, class, priority, now) {
                    Verdict::Go => return Ok(self.place(tenant, class, true)),
                    Verdict::Refused => return Err(Refused),
                    Verdict::Wait => {
                        let (who, waiter) = oneshot::channel();
                        lines.stand(tenant, priority, Waiter { class, returns: false, who }, now);
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

    /// Guests that hold a place now, and those who wait for one.
    pub(crate) fn depth(&self) -> (u32, usize) {
        self.lock().depth()
    }

    fn place(&self, tenant: &TenantId, class: SlotClass, holds_slot: bool) -> Place {
        Place { turnstile: self.clone(), tenant: tenant.clone(), class, since: Some(Instant::now()), holds_slot, meter: Arc::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lines<oneshot::Sender<Place>>> {
        // Nothing panics while it is held, and the numbers are right at every step.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives back, and hands what is free to whoever is next.
    fn give_back(&self, tenant: &TenantId, class: SlotClass, share: Option<Share>, instance_gone: bool) {
        self.lock().leave(tenant, class, share, instance_gone, Instant::now());
        loop {
            // The lock is not held while a place is handed over: one that nobody wants is dropped, and comes back here.
            let Some((tenant, waiter)) = self.lock().next(Instant::now()) else { return };
            // Whoever waited may be gone; dropping the place gives it back, and the loop of that drop goes on from there.
            let _unwanted = waiter.who.send(self.place(&tenant, waiter.class, !waiter.returns));
        }
    }
}

impl Place {
    /// What counts how long a guest is run with this place.
    pub(crate) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    /// What was done with it since it was given, for giving it back.
    fn share(&mut self) -> Option<Share> {
        let held = self.since.take()?.elapsed();
        Some(Share { held, used: self.meter.take() })
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
            self.turnstile.give_back(&self.tenant, self.class, Some(share), false);
        }
    }

    async fn come_back(&mut self) {
        loop {
            let waiter = {
                let mut lines = self.turnstile.lock();
                let now = Instant::now();
                match lines.ask_again(&self.tenant, self.class, now) {
                    Verdict::Go => {
                        self.since = Some(now);
                        return;
                    }
                    Verdict::Wait | Verdict::Refused => {
                        let (who, waiter) = oneshot::channel();
                        lines.stand(&self.tenant, Priority::Running, Waiter { class: self.class, returns: true, who }, now);
                        waiter
                    }
                }
            };
            if let Ok(mut share) = waiter.await {
                // What was handed over is the share alone; it is this place's from now on.
                self.since = share.since.take();
                return;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let share = self.share();
        if share.is_some() || self.holds_slot {
            self.turnstile.give_back(&self.tenant, self.class, share, self.holds_slot);
        }
    }
}
