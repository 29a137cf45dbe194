//! Remembers what was answered, so that a request that comes again gets the same answer and walks nothing (RFC 3261, 17.2).
//!
//! The desk asks before it walks. Bounded: where too many are remembered the oldest that are answered go, and where even those in
//! progress are too many a new one is turned away. The pipeline would recognise a repeated INVITE too; here it costs no look into the
//! store.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;

/// Transactions that are remembered: half a minute of three hundred calls in a second.
const TRANSACTIONS_MAX: usize = 10_000;
/// How long a request may come again (RFC 3261, timer J and H: 64 times T1).
const REMEMBERED: Duration = Duration::from_secs(32);

/// What is known of a transaction.
pub(super) enum Known {
    /// Nothing: it is begun now.
    New,
    /// Somebody answers it just now.
    InProgress,
    /// It had this answer.
    Answered(Bytes),
    /// No more can be remembered.
    Full,
}

struct Entry {
    begun: Instant,
    answer: Option<Bytes>,
    acknowledged: Arc<Notify>,
    is_acknowledged: bool,
}

#[derive(Default)]
struct Kept {
    of: HashMap<String, Entry>,
    /// In the order in which they began.
    order: VecDeque<String>,
}

/// The transactions of the last half minute.
#[derive(Default)]
pub(super) struct Transactions {
    kept: Mutex<Kept>,
}

impl Transactions {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one, unless it is known.
    pub(super) fn begin(&self, key: &str) -> Known {
        let mut kept = self.kept();
        kept.forget(Instant::now());
        if let Some(entry) = kept.of.get(key) {
            return entry.answer.clone().map_or(Known::InProgress, Known::Answered);
        }
        if kept.of.len() >= TRANSACTIONS_MAX && !kept.forget_one_that_is_answered() {
            return Known::Full;
        }
        let entry = Entry { begun: Instant::now(), answer: None, acknowledged: Arc::default(), is_acknowledged: false };
        kept.of.insert(key.to_owned(), entry);
        kept.order.push_back(key.to_owned());
        Known::New
    }

    /// True where it began here.
    pub(super) fn is_known(&self, key: &str) -> bool {
        self.kept().of.contains_key(key)
    }

    /// Keeps its final answer.
    pub(super) fn answered(&self, key: &str, answer: Bytes) {
        if let Some(entry) = self.kept().of.get_mut(key) {
            entry.answer = Some(answer);
        }
    }

    /// The answer has arrived.
    pub(super) fn acknowledged(&self, key: &str) {
        if let Some(entry) = self.kept().of.get_mut(key) {
            entry.is_acknowledged = true;
            entry.acknowledged.notify_waiters();
        }
    }

    /// Waits that long for the acknowledgement. True once it is there, or nobody waits for it any more.
    pub(super) async fn wait_for_ack(&self, key: &str, patience: Duration) -> bool {
        let acknowledged = {
            let kept = self.kept();
            match kept.of.get(key) {
                Some(entry) if !entry.is_acknowledged => Arc::clone(&entry.acknowledged),
                _ => return true,
            }
        };
        let came = tokio::time::timeout(patience, acknowledged.notified()).await.is_ok();
        came || self.kept().of.get(key).is_none_or(|entry| entry.is_acknowledged)
    }
}

impl Kept {
    fn forget(&mut self, now: Instant) {
        while let Some(oldest) = self.order.front() {
            if self.of.get(oldest).is_some_and(|entry| now.duration_since(entry.begun) < REMEMBERED) {
                return;
            }
            let oldest = self.order.pop_front().unwrap_or_default();
            self.of.remove(&oldest);
        }
    }

    fn forget_one_that_is_answered(&mut self) -> bool {
        let found = self.order.iter().position(|key| self.of.get(key).is_none_or(|entry| entry.answer.is_some()));
        match found.and_then(|at| self.order.remove(at)) {
            Some(key) => {
                self.of.remove(&key);
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_comes_again_is_absorbed_and_gets_its_answer() {
        let transactions = Transactions::default();
        assert!(matches!(transactions.begin("a"), Known::New));
        assert!(matches!(transactions.begin("a"), Known::InProgress));
        transactions.answered("a", Bytes::from_static(b"302"));
        assert!(matches!(transactions.begin("a"), Known::Answered(bytes) if bytes == "302"));
        assert!(!transactions.wait_for_ack("a", Duration::from_millis(5)).await);
        transactions.acknowledged("a");
        assert!(transactions.wait_for_ack("a", Duration::from_secs(60)).await);
        assert!(transactions.wait_for_ack("nobody's", Duration::from_secs(60)).await);
    }

    #[test]
    fn too_many_forget_what_is_answered_and_never_what_is_in_progress() {
        let transactions = Transactions::default();
        for number in 0..TRANSACTIONS_MAX {
            assert!(matches!(transactions.begin(&number.to_string()), Known::New));
        }
        assert!(matches!(transactions.begin("one more"), Known::Full));
        transactions.answered("7", Bytes::new());
        assert!(matches!(transactions.begin("one more"), Known::New));
        assert!(!transactions.is_known("7") && transactions.is_known("6"));
        transactions.kept().forget(Instant::now() + REMEMBERED);
        assert!(transactions.kept().of.is_empty() && transactions.kept().order.is_empty());
    }
}
