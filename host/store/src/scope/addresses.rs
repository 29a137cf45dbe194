//! Keeps whose an address is: one row for all who say that it is theirs, and for each of them a copy in its own scope.
//!
//! The admin API binds, claims and releases; the resolve step reads the row with every first event and writes what a contact has proven.
//! Copies are written in the batch of the row, so that a tenant's list and what is checked before a flow or a connection goes are never
//! behind it.

use std::sync::Arc;

use jackfield_domain::id::TenantId;
use jackfield_domain::ports::rows::Expect;
use jackfield_domain::tenant::address::life::Released;
use jackfield_domain::tenant::address::{Address, Binding};

use crate::change::Sealing;
use crate::fault::StoreFault;
use crate::keys::{self, Range, Table};
use crate::platform::{PlatformChange, PlatformStore, plain_row};
use crate::rows::Found;

/// Where it stands that what was bound before there were proofs counts as proven.
const PROVEN: &[u8] = b"addresses-proven";

fn copy_of(tenant: &TenantId, table: Table, address: &Address) -> Vec<u8> {
    keys::tenant(tenant, table, address.to_string().as_bytes())
}

/// Bindings that are kept as they were read, at about a kilobyte each: what lies behind a platform's busy addresses.
pub(crate) const BINDINGS_READ_MAX: usize = 4_000;

impl PlatformStore {
    /// Who answers at an address, as it is now: read anew only where it was written meanwhile.
    pub async fn binding_shared(&self, address: &Address) -> Result<Option<Found<Arc<Binding>>>, StoreFault> {
        let key = keys::platform(Table::Binding, address.to_string().as_bytes());
        let Some(kept) = self.shared.rows.get(&key).await? else {
            self.shared.bindings.remove(address);
            return Ok(None);
        };
        if let Some(found) = self.shared.bindings.get(address).filter(|found| found.revision == kept.revision) {
            return Ok(Some(found));
        }
        let Found { row, revision } = plain_row(&key, &kept)?;
        let found = Found { row: Arc::new(row), revision };
        self.shared.bindings.insert(address.clone(), found.clone());
        Ok(Some(found))
    }

    /// Who answers at an address.
    pub async fn binding(&self, address: &Address) -> Result<Option<Found<Binding>>, StoreFault> {
        self.plain(&keys::platform(Table::Binding, address.to_string().as_bytes())).await
    }

    /// All addresses of the platform, by their text.
    pub async fn bindings(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Found<Binding>>, StoreFault> {
        let after = after.map(ToString::to_string);
        self.plain_list(Table::Binding, after.as_ref().map(String::as_bytes), limit).await
    }

    /// When an address that had contacts was let go, and by whom.
    pub async fn released(&self, address: &Address) -> Result<Option<Released>, StoreFault> {
        Ok(self.plain(&keys::platform(Table::Released, address.to_string().as_bytes())).await?.map(|found| found.row))
    }

    /// A tenant's addresses, in order, from a copy in its own scope: it is read with every event.
    pub async fn bindings_of(&self, tenant: &TenantId, limit: usize) -> Result<Vec<Binding>, StoreFault> {
        self.copies(tenant, Table::TenantBinding, limit).await
    }

    /// The addresses that a tenant claims and another holds, in order and as they would be if they were its own.
    pub async fn claims_of(&self, tenant: &TenantId, limit: usize) -> Result<Vec<Binding>, StoreFault> {
        self.copies(tenant, Table::TenantClaim, limit).await
    }

    async fn copies(&self, tenant: &TenantId, table: Table, limit: usize) -> Result<Vec<Binding>, StoreFault> {
        let range = Range::of_prefix(keys::tenant(tenant, table, &[]));
        let page = self.shared.rows.scan(&range.from, &range.to, limit, false).await?;
        page.into_iter().map(|(key, kept)| Ok(plain_row(&key, &kept)?.row)).collect()
    }

    /// True where every address that was bound before there were proofs is proven.
    pub async fn addresses_are_proven(&self) -> Result<bool, StoreFault> {
        Ok(self.shared.rows.get(&keys::platform(Table::Meta, PROVEN)).await?.is_some())
    }
}

impl PlatformChange {
    /// Binds an address that is nobody's.
    pub fn bind(self, binding: &Binding) -> Self {
        self.copied(binding, Expect::Absent)
    }

    /// Writes who has an address, in the place of what was read.
    pub fn rebind(mut self, was: &Binding, binding: &Binding, expect: Expect) -> Self {
        self = self.dropped(was);
        self.copied(binding, expect)
    }

    /// Releases an address.
    pub fn unbind(mut self, was: &Binding, expect: Expect) -> Self {
        self.steps.delete(keys::platform(Table::Binding, was.address.to_string().as_bytes()), expect);
        self.dropped(was)
    }

    fn copied(mut self, binding: &Binding, expect: Expect) -> Self {
        self.steps.put(keys::platform(Table::Binding, binding.address.to_string().as_bytes()), binding, Sealing::None, expect);
        for (place, tenant) in binding.everybody().enumerate() {
            let table = if place == 0 { Table::TenantBinding } else { Table::TenantClaim };
            let copy = binding.seen_by(tenant);
            self.steps.put(copy_of(tenant, table, &binding.address), &copy, Sealing::None, Expect::Anything);
        }
        self
    }

    fn dropped(mut self, was: &Binding) -> Self {
        for (place, tenant) in was.everybody().enumerate() {
            let table = if place == 0 { Table::TenantBinding } else { Table::TenantClaim };
            self.steps.delete(copy_of(tenant, table, &was.address), Expect::Anything);
        }
        self
    }

    /// Remembers that an address was let go.
    pub fn released(mut self, released: &Released) -> Self {
        let key = keys::platform(Table::Released, released.address.to_string().as_bytes());
        self.steps.put(key, released, Sealing::None, Expect::Anything);
        self
    }

    /// Forgets that it was.
    pub fn assigned(mut self, address: &Address) -> Self {
        self.steps.delete(keys::platform(Table::Released, address.to_string().as_bytes()), Expect::Anything);
        self
    }

    /// Remembers that what was bound before there were proofs is proven.
    pub fn addresses_proven(mut self) -> Self {
        self.steps.mark(keys::platform(Table::Meta, PROVEN), bytes::Bytes::new());
        self
    }
}
