//! Takes back what guests give, and hands it to whoever is next, on a thread that the kernel puts behind nobody.
//!
//! Guests' threads stand behind those of webhooks. One that held the turnstile's lock when it lost the processor would hold up every event
//! until it gets it again, which on a full machine is a tenth of a second: so no guest's thread ever takes the lock. What a guest gives
//! back, or asks for again, is a message to the keeper, which the runtime runs on a thread of its own. A guest has a few messages on their
//! way at most, so the slots bound them.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::TenantId;
use tokio::sync::mpsc::{UnboundedReceiver, WeakUnboundedSender};
use tokio::sync::oneshot;

use super::lane::Lane;
use super::lines::{Lines, Next, Share, Verdict, Waiter};
use super::{Place, Turnstile, open};

/// What a guest's thread tells.
pub(super) enum Given {
    /// A place was left, where a share was held, and the slot where the instance is gone.
    Left { tenant: TenantId, class: SlotClass, lane: Lane, share: Option<Share>, instance_gone: bool },
    /// A guest that stood aside wants a share again.
    Back { tenant: TenantId, class: SlotClass, lane: Lane, who: oneshot::Sender<Place> },
}

/// Works off what guests tell, until the turnstile and all its places are gone.
pub(crate) struct Keeper {
    pub(super) lines: Arc<Mutex<Lines<oneshot::Sender<Place>>>>,
    pub(super) given: UnboundedReceiver<Given>,
    /// For the places that it hands out; it must not keep itself alive.
    pub(super) giving: WeakUnboundedSender<Given>,
}

impl Keeper {
    /// Works, for as long as there is anybody to work for.
    pub(crate) fn run(mut self) {
        while let Some(given) = self.given.blocking_recv() {
            self.take(given);
        }
    }

    /// Works off what was told so far.
    #[cfg(test)]
    pub(super) fn catch_up(&mut self) {
        while let Ok(given) = self.given.try_recv() {
            self.take(given);
        }
    }

    fn take(&self, given: Given) {
        let now = Instant::now();
        let mut lines = open(&self.lines);
        match given {
            Given::Left { tenant, class, lane, share, instance_gone } => lines.leave(&tenant, class, lane, share, instance_gone, now),
            Given::Back { tenant, class, lane, who } => match lines.ask_again(&tenant, class, lane) {
                Verdict::Go(lane) => {
                    drop(lines);
                    return self.hand(Next { tenant, class, lane, returns: true, who });
                }
                Verdict::Wait | Verdict::Refused => lines.stand_again(&tenant, lane, Waiter { class, who }),
            },
        }
        // One look at all that is free now, so that nobody who comes meanwhile passes those who stand.
        let next: Vec<_> = std::iter::from_fn(|| lines.next(now)).collect();
        // The lock is not held while places are handed over.
        drop(lines);
        next.into_iter().for_each(|next| self.hand(next));
    }

    /// Whoever waited may be gone; dropping the place gives it back, as a message like any other.
    fn hand(&self, next: Next<oneshot::Sender<Place>>) {
        // Where nobody can give any more, nobody waits either.
        let Some(given) = self.giving.upgrade() else { return };
        let turnstile = Turnstile { lines: Arc::clone(&self.lines), given };
        let _unwanted = next.who.send(turnstile.place(&next.tenant, next.class, next.lane, !next.returns));
    }
}
