//! Lets the events of one contact through one at a time, in order of arrival.
//!
//! The pipeline waits here before it reads a contact, and holds its turn until the commit. A duplicate therefore waits for the
//! first and finds its reply. Who waits is bounded: past the bound the event goes to the fallback instead of growing a queue.
//! A tokio mutex per contact, because it hands over in order of arrival; the map forgets a contact with its last waiter.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

/// A provider sends the next event of a contact after it has the answer to the last: more than a few at once are retries.
const WAITING_MAX: usize = 8;

type Lane = Arc<tokio::sync::Mutex<()>>;
type Lanes = Arc<Mutex<HashMap<String, (Lane, usize)>>>;

/// The contacts with an event in progress.
#[derive(Debug, Default, Clone)]
pub struct Order {
    lanes: Lanes,
}

/// A contact's turn. The next event goes on when it is dropped.
#[derive(Debug)]
pub struct InTurn {
    _held: Option<OwnedMutexGuard<()>>,
    _seat: Seat,
}

/// Counts one event of a contact, waiting or running.
#[derive(Debug)]
struct Seat {
    lanes: Lanes,
    key: String,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, seats)) = lanes.get_mut(&self.key) {
            *seats -= 1;
            if *seats == 0 {
                lanes.remove(&self.key);
            }
        }
    }
}

impl Order {
    /// Waits for the contact's turn; none where too many wait already or the time is up.
    pub async fn wait(&self, key: &str, patience: Duration) -> Option<InTurn> {
        let (lane, seat) = self.sit(key)?;
        let held = tokio::time::timeout(patience, lane.lock_owned()).await.ok()?;
        Some(InTurn { _held: Some(held), _seat: seat })
    }

    fn sit(&self, key: &str) -> Option<(Lane, Seat)> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let (lane, seats) = lanes.entry(key.to_owned()).or_default();
        if *seats > WAITING_MAX {
            return None;
        }
        *seats += 1;
        Some((lane.clone(), Seat { lanes: self.lanes.clone(), key: key.to_owned() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_of_one_contact_go_in_order_and_the_map_forgets_them() {
        let order = Order::default();
        let first = order.wait("a", Duration::from_secs(5)).await.unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..4 {
            let (waiter, seen) = (order.clone(), seen.clone());
            let waiting = tokio::spawn(async move {
                let _turn = waiter.wait("a", Duration::from_secs(5)).await.unwrap();
                seen.lock().unwrap().push(number);
            });
            // The task has taken its place once it counts as a seat.
            while order.lanes.lock().unwrap().get("a").map(|(_, seats)| *seats) != Some(number + 2) {
                tokio::task::yield_now().await;
            }
            tasks.push(waiting);
        }
        assert!(order.wait("b", Duration::from_secs(5)).await.is_some(), "another contact does not wait");
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*seen.lock().unwrap(), [0, 1, 2, 3]);
        assert!(order.lanes.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn past_the_bound_nobody_waits() {
        let order = Order::default();
        let _held = order.wait("a", Duration::from_secs(5)).await.unwrap();
        let waiting: Vec<_> = (0..WAITING_MAX)
            .map(|_| {
                let order = order.clone();
                tokio::spawn(async move { order.wait("a", Duration::from_secs(600)).await })
            })
            .collect();
        while order.lanes.lock().unwrap().get("a").map(|(_, seats)| *seats) != Some(WAITING_MAX + 1) {
            tokio::task::yield_now().await;
        }
        assert!(order.wait("a", Duration::from_secs(600)).await.is_none());
        waiting.into_iter().for_each(|task| task.abort());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_reached_in_time_gives_up_the_place() {
        let order = Order::default();
        let held = order.wait("a", Duration::from_secs(1)).await.unwrap();
        assert!(order.wait("a", Duration::from_secs(1)).await.is_none());
        drop(held);
        assert!(order.lanes.lock().unwrap().is_empty());
    }
}
