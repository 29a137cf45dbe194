//! Keeps which contacts are live, in the platform's scope, because a start counts those of all tenants again.
//!
//! The commit step writes a row with the first event of a contact and removes it with its end; [`PlatformStore::live_contacts`] reads
//! them page by page. Whether one is over is the reader's to say: a row may outlive its contact where nobody reported the end.

use jackfield_domain::id::ContactId;
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::quota::live::LiveContact;

use crate::change::Sealing;
use crate::fault::StoreFault;
use crate::keys::{self, Table};
use crate::platform::{PlatformChange, PlatformStore};

impl PlatformStore {
    /// Contacts that were not reported to be over, in order of their arrival.
    pub async fn live_contacts(&self, after: Option<&ContactId>, limit: usize) -> Result<Vec<LiveContact>, StoreFault> {
        let after = after.map(|id| id.to_bytes());
        let page = self.plain_list(Table::Live, after.as_ref().map(|id| id.as_slice()), limit).await?;
        Ok(page.into_iter().map(|found| found.row).collect())
    }
}

impl PlatformChange {
    /// Remembers that a contact is live.
    pub fn live(mut self, live: &LiveContact) -> Self {
        self.steps.put(keys::platform(Table::Live, &live.contact.to_bytes()), live, Sealing::None, Expect::Anything);
        self
    }

    /// Forgets that a contact was live.
    pub fn over(mut self, contact: &ContactId) -> Self {
        self.steps.delete(keys::platform(Table::Live, &contact.to_bytes()), Expect::Anything);
        self
    }
}
