//! Shows that the store still acknowledges: writes one small row, durably, and reads it back.
//!
//! Health does it every few seconds and the self-test at the start. Asking the disk is the only way to know: a disk that has become
//! read-only, or that hangs, says nothing until it is written to. The row says when it was written, so that a clock which went back is
//! noticed too. It is one row for ever and is nobody's.

use bytes::Bytes;
use jackfield_domain::contact::Moment;
use jackfield_domain::ports::rows::{Batch, Expect, Write};

use crate::Store;
use crate::fault::{StoreFault, fault_of};
use crate::keys::{self, Table};
use crate::tenant::unreadable;

impl Store {
    /// Writes that it is `now` and reads it again. Gives back what the row said before, none at the first time.
    pub async fn probe(&self, now: Moment) -> Result<Option<Moment>, StoreFault> {
        let key = keys::platform(Table::Meta, b"pulse");
        let before = self.pulse(&key).await?;
        let value = Bytes::copy_from_slice(&now.to_be_bytes());
        let put = Write::Put { key: key.clone(), value, expect: Expect::Anything };
        self.shared.rows.commit(Batch { writes: vec![put] }).await.map_err(fault_of)?;
        match self.pulse(&key).await? {
            Some(_) => Ok(before),
            None => Err(unreadable(&key, "it was written and is not there")),
        }
    }

    async fn pulse(&self, key: &[u8]) -> Result<Option<Moment>, StoreFault> {
        let kept = self.shared.rows.get(key).await?;
        Ok(kept.and_then(|kept| kept.value.as_ref().try_into().ok().map(Moment::from_be_bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MasterKey;

    #[tokio::test]
    async fn a_probe_tells_when_the_store_was_last_written_and_fails_where_it_cannot_be() {
        let dir = tempfile::tempdir().unwrap();
        let master = || MasterKey::from_bytes([7; 32]);
        let store = Store::open(dir.path(), master()).await.unwrap();
        assert_eq!(store.probe(1_000).await.unwrap(), None);
        store.close().await;
        assert!(store.probe(1_500).await.is_err(), "a closed store acknowledges nothing");
        let store = Store::open(dir.path(), master()).await.unwrap();
        assert_eq!(store.probe(2_000).await.unwrap(), Some(1_000));
        store.close().await;
    }
}
