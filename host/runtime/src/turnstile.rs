//! Lets few guests run at once, and each tenant's in its turn.
//!
//! A worker that runs many guests at once loses its caches and its timers; so a fixed number run and the rest wait here, in a
//! queue for each tenant, and the tenants take turns. A tenant that sends a thousand calls waits for itself: another's first
//! call passes all of them but one. A semaphore alone would be first come, first served, which is whoever is loudest.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jackfield_domain::id::TenantId;
use tokio::sync::oneshot;

/// Where guests wait.
#[derive(Clone)]
pub(crate) struct Turnstile {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    free: usize,
    waiting: HashMap<TenantId, VecDeque<oneshot::Sender<Permit>>>,
    /// Tenants with somebody waiting, in the order of their turns.
    turns: VecDeque<TenantId>,
}

/// The right to run one guest; given back when it is dropped, however that happens.
pub(crate) struct Permit {
    /// None once the place was given back by hand.
    turnstile: Option<Turnstile>,
}

impl Turnstile {
    pub(crate) fn new(running_max: usize) -> Self {
        let inner = Inner { free: running_max, waiting: HashMap::new(), turns: VecDeque::new() };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Waits for this tenant's turn. Whoever stops waiting loses the place and nothing else.
    pub(crate) async fn enter(&self, tenant: &TenantId) -> Permit {
        loop {
            let waiter = {
                let mut inner = self.lock();
                if inner.free > 0 {
                    inner.free -= 1;
                    return self.permit();
                }
                inner.wait(tenant)
            };
            // The sender goes away only with the turnstile's own queue, which lives as long as this.
            if let Ok(permit) = waiter.await {
                return permit;
            }
        }
    }

    fn permit(&self) -> Permit {
        Permit { turnstile: Some(self.clone()) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Nothing panics while it is held, and the numbers are right at every step.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a place to the next tenant's first, or keeps it free.
    fn give_back(&self) {
        let mut permit = self.permit();
        let mut inner = self.lock();
        while let Some(waiter) = inner.next() {
            match waiter.send(permit) {
                Ok(()) => return,
                // Whoever waited is gone; the place goes on to the next.
                Err(unwanted) => permit = unwanted,
            }
        }
        inner.free += 1;
        // Its drop would give the place back a second time.
        permit.turnstile = None;
    }
}

impl Inner {
    fn wait(&mut self, tenant: &TenantId) -> oneshot::Receiver<Permit> {
        let (sender, receiver) = oneshot::channel();
        let queue = self.waiting.entry(tenant.clone()).or_default();
        if queue.is_empty() {
            self.turns.push_back(tenant.clone());
        }
        queue.push_back(sender);
        receiver
    }

    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        let tenant = self.turns.pop_front()?;
        let queue = self.waiting.get_mut(&tenant)?;
        let waiter = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
        waiter
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(turnstile) = self.turnstile.take() {
            turnstile.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    #[test]
    fn a_quiet_tenant_passes_a_loud_ones_queue() {
        let turnstile = Turnstile::new(1);
        let (loud, quiet) = (tenant("loud"), tenant("quiet"));
        let Poll::Ready(running) = poll(pin!(turnstile.enter(&loud))) else { panic!("it is empty") };
        let (mut first, mut second, mut other) =
            (Box::pin(turnstile.enter(&loud)), Box::pin(turnstile.enter(&loud)), Box::pin(turnstile.enter(&quiet)));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending() && poll(other.as_mut()).is_pending());
        drop(running);
        let Poll::Ready(first) = poll(first.as_mut()) else { panic!("the first in line waits") };
        assert!(poll(other.as_mut()).is_pending());
        drop(first);
        assert!(poll(second.as_mut()).is_pending(), "the loud tenant had two turns in a row");
        let Poll::Ready(other) = poll(other.as_mut()) else { panic!("the quiet tenant waits") };
        drop(other);
        assert!(poll(second.as_mut()).is_ready());
    }

    #[test]
    fn a_place_is_never_lost_with_whoever_waited_for_it() {
        let turnstile = Turnstile::new(1);
        let acme = tenant("acme");
        let Poll::Ready(running) = poll(pin!(turnstile.enter(&acme))) else { panic!("it is empty") };
        let mut gone = Box::pin(turnstile.enter(&acme));
        let mut granted_and_gone = Box::pin(turnstile.enter(&acme));
        assert!(poll(gone.as_mut()).is_pending() && poll(granted_and_gone.as_mut()).is_pending());
        drop(gone);
        drop(running);
        drop(granted_and_gone);
        let Poll::Ready(again) = poll(pin!(turnstile.enter(&acme))) else { panic!("the place is lost") };
        drop(again);
        assert_eq!(turnstile.lock().free, 1);
    }
}
