//! Reads when the customer's contact before this one began, once and only where a plugin asks.
//!
//! [`super::Live`] holds it. It must not read before: an event that no plugin is run for would wait for nothing.

use jackfield_domain::capability::Denial;
use jackfield_domain::contact::Moment;
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::rows::RowsFault;

/// Reads it when it is awaited; none where the customer was never here.
pub type LastSeen = BoxFuture<'static, Result<Option<Moment>, RowsFault>>;

/// What is known of it.
pub(super) enum Seen {
    Unread(LastSeen),
    Read(Result<Option<Moment>, Denial>),
}

impl Seen {
    pub(super) fn new(last_seen: LastSeen) -> Self {
        Self::Unread(last_seen)
    }

    /// The same each time within one attempt.
    pub(super) async fn read(&mut self) -> Result<Option<Moment>, Denial> {
        if let Self::Unread(reading) = self {
            *self = Self::Read(reading.await.map_err(|_| Denial::Unavailable));
        }
        match self {
            Self::Read(read) => read.clone(),
            Self::Unread(_) => Err(Denial::Unavailable),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    #[test]
    fn it_is_read_once_and_not_before_somebody_asks() {
        let reads = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&reads);
        let mut seen = Seen::new(Box::pin(async move {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(Some(7))
        }));
        assert_eq!(reads.load(Ordering::Relaxed), 0);
        assert_eq!(now(seen.read()), Some(Ok(Some(7))));
        assert_eq!(now(seen.read()), Some(Ok(Some(7))));
        assert_eq!(reads.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn who_stops_waiting_reads_it_later_and_a_store_that_fails_is_told_as_such() {
        let (tell, told) = tokio::sync::oneshot::channel::<()>();
        let mut seen = Seen::new(Box::pin(async move {
            let _told = told.await;
            Err(RowsFault { why: "it is closed".to_owned() })
        }));
        assert_eq!(now(seen.read()), None);
        tell.send(()).unwrap();
        assert_eq!(now(seen.read()), Some(Err(Denial::Unavailable)));
    }
}
