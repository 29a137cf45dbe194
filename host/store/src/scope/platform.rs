//! Reads and changes what is the platform's own: tenants, connections, addresses, tokens and where running contacts live.
//!
//! The resolve step and the admin API use it. What one tenant may list of it (its connections, its addresses, its subtenants) has an
//! index row in the tenant's own scope, written in the same batch, so that no listing ever reads past the others'. A connection is
//! sealed with its owner's key; the owner's name stands before it, because one must know whose key to take.
//!
//! It must not decide who may see what: that is the admin API's guard.

use std::sync::Arc;

use bytes::Bytes;
use jackfield_domain::contact::Contact;
use jackfield_domain::id::{ConnectionId, ContactId, TenantId};
use jackfield_domain::ports::rows::{CommitError, Expect, Kept};
use jackfield_domain::tenant::Tenant;
use jackfield_domain::tenant::connection::Connection;
use jackfield_domain::tenant::token::Token;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Shared;
use crate::change::{Sealing, Step, Steps};
use crate::fault::StoreFault;
use crate::instance;
use crate::keys::{self, Range, Table};
use crate::rows::Found;
use crate::seal::DataKey;
use crate::tenant::{misfit, unreadable};

/// Connections that are kept opened, at some hundred bytes each: more than a platform has that knows what it does.
pub(crate) const CONNECTIONS_OPEN_MAX: usize = 1_000;

/// Everything of the platform.
#[derive(Clone)]
pub struct PlatformStore {
    pub(crate) shared: Arc<Shared>,
}

impl PlatformStore {
    /// A tenant.
    pub async fn tenant(&self, id: &TenantId) -> Result<Option<Found<Tenant>>, StoreFault> {
        self.plain(&keys::platform(Table::Tenant, id.as_str().as_bytes())).await
    }

    /// Tenants by name, after one of them.
    pub async fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Result<Vec<Found<Tenant>>, StoreFault> {
        self.plain_list(Table::Tenant, after.map(|id| id.as_str().as_bytes()), limit).await
    }

    /// Tenants directly below one, by name.
    pub async fn children(&self, of: &TenantId, limit: usize) -> Result<Vec<Found<Tenant>>, StoreFault> {
        let mut children = Vec::new();
        for id in self.index(of, Table::Child, limit).await? {
            if let Some(found) = self.plain(&keys::platform(Table::Tenant, &id)).await? {
                children.push(found);
            }
        }
        Ok(children)
    }

    /// A connection, with its secrets.
    pub async fn connection(&self, id: &ConnectionId) -> Result<Option<Found<Connection>>, StoreFault> {
        self.connection_at(&keys::platform(Table::Connection, id.as_str().as_bytes())).await
    }

    /// The same, for who looks with every event: it is opened once for each of its revisions, and not copied.
    pub async fn connection_shared(&self, id: &ConnectionId) -> Result<Option<Found<Arc<Connection>>>, StoreFault> {
        let key = keys::platform(Table::Connection, id.as_str().as_bytes());
        let Some(kept) = self.shared.rows.get(&key).await? else {
            self.shared.connections.remove(id);
            return Ok(None);
        };
        let (owner, sealed) = split_owner(&key, &kept.value)?;
        // Asked for in any case: where the owner was erased, what was opened before does not count.
        let held = self.shared.keyring.of(&owner).await?;
        if let Some(found) = self.shared.connections.get(id).filter(|found| found.revision == kept.revision) {
            return Ok(Some(found));
        }
        let row = Arc::new(opened(&key, &held.key, sealed)?);
        let found = Found { row, revision: kept.revision };
        self.shared.connections.insert(id.clone(), found.clone());
        Ok(Some(found))
    }

    /// A tenant's own connections, by name.
    pub async fn connections_of(&self, tenant: &TenantId, limit: usize) -> Result<Vec<Found<Connection>>, StoreFault> {
        let mut connections = Vec::new();
        for id in self.index(tenant, Table::TenantConnection, limit).await? {
            connections.extend(self.connection_at(&keys::platform(Table::Connection, &id)).await?);
        }
        Ok(connections)
    }

    /// A token by its public half.
    pub async fn token(&self, id: &str) -> Result<Option<Found<Token>>, StoreFault> {
        self.plain(&keys::platform(Table::Token, id.as_bytes())).await
    }

    /// All tokens, by their public halves.
    pub async fn tokens(&self, after: Option<&str>, limit: usize) -> Result<Vec<Found<Token>>, StoreFault> {
        self.plain_list(Table::Token, after.map(str::as_bytes), limit).await
    }

    /// The contact that a provider means with its own id.
    pub async fn call(&self, connection: &ConnectionId, provider_contact: &str) -> Result<Option<(TenantId, ContactId)>, StoreFault> {
        Ok(self.call_row(connection, provider_contact).await?.map(|CallRow(tenant, contact, _)| (tenant, contact)))
    }

    /// The contact that a provider's id meant before the one that it means now, where a conversation began anew.
    pub async fn call_before(&self, connection: &ConnectionId, provider_contact: &str) -> Result<Option<ContactId>, StoreFault> {
        Ok(self.call_row(connection, provider_contact).await?.and_then(|CallRow(_, _, before)| before))
    }

    async fn call_row(&self, connection: &ConnectionId, provider_contact: &str) -> Result<Option<CallRow>, StoreFault> {
        let key = call_key(instance::of(&self.shared).await?, connection, provider_contact);
        Ok(self.plain(&key).await?.map(|found| found.row))
    }

    /// Whose contact it is.
    pub async fn contact_home(&self, contact: &ContactId) -> Result<Option<TenantId>, StoreFault> {
        Ok(self.plain(&home_key(contact)).await?.map(|found| found.row))
    }

    /// Under what digests of tokens are kept: HMAC-SHA256 with this.
    pub async fn pepper(&self) -> Result<Zeroizing<[u8; 32]>, StoreFault> {
        Ok(instance::of(&self.shared).await?.pepper())
    }

    /// What authenticates files of this installation, such as compiled artifacts.
    pub async fn node_key(&self) -> Result<Zeroizing<[u8; 32]>, StoreFault> {
        Ok(instance::of(&self.shared).await?.node_key())
    }

    /// The same, sealed by the master key, in hexadecimal: [`crate::MasterKey::open_node_key`] opens it.
    pub async fn sealed_node_key(&self) -> Result<String, StoreFault> {
        instance::of(&self.shared).await?.sealed_node_key(self.shared.keyring.master())
    }

    /// Which installation this is: 32 hexadecimal digits, made with the store.
    pub async fn instance_id(&self) -> Result<String, StoreFault> {
        Ok(instance::of(&self.shared).await?.id())
    }

    /// A batch in the platform's scope.
    pub fn change(&self) -> PlatformChange {
        PlatformChange { steps: Steps::new(Arc::clone(&self.shared)) }
    }

    /// Erases a tenant: its key first, so that nothing sealed can ever be read again, then every row of it. See [`crate::erase`].
    pub async fn erase(&self, tenant: &TenantId) -> Result<(), CommitError> {
        crate::erase::erase(&self.shared, tenant).await
    }

    pub(crate) async fn plain<R: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<Found<R>>, StoreFault> {
        match self.shared.rows.get(key).await? {
            Some(kept) => Ok(Some(plain_row(key, &kept)?)),
            None => Ok(None),
        }
    }

    pub(crate) async fn plain_list<R: DeserializeOwned>(
        &self,
        table: Table,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Found<R>>, StoreFault> {
        let mut range = Range::of_prefix(keys::platform(table, &[]));
        if let Some(after) = after {
            range = range.after(&keys::platform(table, after));
        }
        let page = self.shared.rows.scan(&range.from, &range.to, limit, false).await?;
        page.into_iter().map(|(key, kept)| plain_row(&key, &kept)).collect()
    }

    /// What stands behind the prefix of each index row.
    async fn index(&self, tenant: &TenantId, table: Table, limit: usize) -> Result<Vec<Vec<u8>>, StoreFault> {
        let range = Range::of_prefix(keys::tenant(tenant, table, &[]));
        let page = self.shared.rows.scan(&range.from, &range.to, limit, false).await?;
        Ok(page.into_iter().filter_map(|(key, _)| key.strip_prefix(range.from.as_slice()).map(<[u8]>::to_vec)).collect())
    }

    async fn connection_at(&self, key: &[u8]) -> Result<Option<Found<Connection>>, StoreFault> {
        let Some(kept) = self.shared.rows.get(key).await? else { return Ok(None) };
        let (owner, sealed) = split_owner(key, &kept.value)?;
        let held = self.shared.keyring.of(&owner).await?;
        Ok(Some(Found { row: opened(key, &held.key, sealed)?, revision: kept.revision }))
    }
}

fn opened(key: &[u8], holder: &DataKey, sealed: &[u8]) -> Result<Connection, StoreFault> {
    serde_json::from_slice(&holder.open(key, sealed)?).map_err(|error| unreadable(key, &misfit(&error)))
}

pub(crate) fn plain_row<R: DeserializeOwned>(key: &[u8], kept: &Kept) -> Result<Found<R>, StoreFault> {
    let row = serde_json::from_slice(&kept.value).map_err(|error| unreadable(key, &misfit(&error)))?;
    Ok(Found { row, revision: kept.revision })
}

/// Whose key sealed it, and what it sealed.
pub(crate) fn split_owner<'a>(key: &[u8], value: &'a [u8]) -> Result<(TenantId, &'a [u8]), StoreFault> {
    let end = value.iter().position(|byte| *byte == 0).ok_or_else(|| unreadable(key, "it names no owner"))?;
    let (owner, rest) = value.split_at(end);
    let owner = std::str::from_utf8(owner).ok().and_then(|text| text.parse().ok()).ok_or_else(|| unreadable(key, "it names no owner"))?;
    Ok((owner, rest.get(1..).unwrap_or_default()))
}

/// The provider's id is digested, because some providers put a number into it.
pub(crate) fn call_key(instance: &instance::Instance, connection: &ConnectionId, provider_contact: &str) -> Vec<u8> {
    let digest = instance.call(provider_contact);
    let mut part = keys::texts([connection.as_str()]);
    part.extend_from_slice(&*digest);
    keys::platform(Table::Call, &part)
}

pub(crate) fn home_key(contact: &ContactId) -> Vec<u8> {
    keys::platform(Table::ContactHome, &contact.to_bytes())
}

/// Whose contact a provider's id means, which, and which it meant before. Rows from before there was a third part have two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CallRow(pub TenantId, pub ContactId, #[serde(default)] pub Option<ContactId>);

/// Rows of the platform's scope, on their way into a batch.
pub struct PlatformChange {
    pub(crate) steps: Steps,
}

impl PlatformChange {
    /// Writes a tenant, and its place below its parent. A new one under a name that was erased gets a new key.
    pub fn tenant(mut self, tenant: &Tenant, expect: Expect) -> Self {
        let name = tenant.id.as_str().as_bytes();
        if expect == Expect::Absent {
            self.steps.push(Step::Revive(tenant.id.clone()));
        }
        self.steps.put(keys::platform(Table::Tenant, name), tenant, Sealing::None, expect);
        if let Some(parent) = &tenant.parent {
            self.steps.mark(keys::tenant(parent, Table::Child, name), Bytes::new());
        }
        self
    }

    /// Refuses the batch where a tenant is not as expected, for example because it was erased meanwhile.
    pub fn check_tenant(mut self, tenant: &TenantId, expect: Expect) -> Self {
        self.steps.check(keys::platform(Table::Tenant, tenant.as_str().as_bytes()), expect);
        self
    }

    /// Writes a connection, sealed with its owner's key.
    pub fn connect(mut self, connection: &Connection, expect: Expect) -> Self {
        let name = connection.id.as_str().as_bytes();
        let key = keys::platform(Table::Connection, name);
        match serde_json::to_vec(connection) {
            Ok(plain) => {
                let sealing = Sealing::Of(connection.tenant.clone());
                self.steps.push(Step::Put { key, plain: Zeroizing::new(plain), sealing, expect, owner_in_front: true });
            }
            Err(error) => self.steps.refuse(&key, &error),
        }
        self.steps.mark(keys::tenant(&connection.tenant, Table::TenantConnection, name), Bytes::new());
        self
    }

    /// Removes a connection.
    pub fn disconnect(mut self, connection: &Connection, expect: Expect) -> Self {
        let name = connection.id.as_str().as_bytes();
        self.steps.delete(keys::platform(Table::Connection, name), expect);
        // Its secrets do not stay in memory until somebody asks for it again; where the batch is refused it is opened anew.
        self.steps.shared.connections.remove(&connection.id);
        self.steps.delete(keys::tenant(&connection.tenant, Table::TenantConnection, name), Expect::Anything);
        self
    }

    /// Refuses the batch where a connection is not as expected.
    pub fn check_connection(mut self, connection: &ConnectionId, expect: Expect) -> Self {
        self.steps.check(keys::platform(Table::Connection, connection.as_str().as_bytes()), expect);
        self
    }

    /// Writes a token.
    pub fn token(mut self, token: &Token, expect: Expect) -> Self {
        self.steps.put(keys::platform(Table::Token, token.id.as_bytes()), token, Sealing::None, expect);
        self
    }

    /// Removes a token.
    pub fn drop_token(mut self, id: &str, expect: Expect) -> Self {
        self.steps.delete(keys::platform(Table::Token, id.as_bytes()), expect);
        self
    }

    /// Remembers where a contact lives: by its own id, and by its provider's where the provider has one. The provider's at most once,
    /// unless it comes again, for a conversation that begins anew after `before`: then it leads to the new one. Its own is new: whoever writes
    /// the contact's row in the same batch expects that there is none.
    pub fn home(mut self, contact: &Contact, before: Option<ContactId>) -> Self {
        self.steps.put(home_key(&contact.id), &contact.tenant, Sealing::None, Expect::Anything);
        if !contact.arrival.provider_contact.is_empty() {
            self.steps.push(Step::Call {
                connection: contact.connection.clone(),
                provider_contact: contact.arrival.provider_contact.clone(),
                row: CallRow(contact.tenant.clone(), contact.id, before),
                expect: if before.is_some() { Expect::Anything } else { Expect::Absent },
            });
        }
        self
    }

    /// Commits. When it returns Ok, neither a crash nor a power cut loses it.
    pub async fn commit(self) -> Result<(), CommitError> {
        self.steps.commit(None).await
    }
}
