//! Reads what plugins kept. Writes go with the decision's commit and never through here.

use super::BoxFuture;
use super::rows::RowsFault;
use crate::capability::{Entry, Scope};
use crate::id::{ContactId, PluginName, TenantId};

/// Whose values are meant: one plugin's, for one tenant, and the contact's where the scope says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateSpace {
    /// The tenant whose contact runs.
    pub tenant: TenantId,
    /// The plugin's owner.
    pub owner: TenantId,
    /// The plugin.
    pub plugin: PluginName,
    /// The contact.
    pub contact: ContactId,
}

/// Keys in order of bytes, and where to go on.
pub type KeyPage = (Vec<String>, Option<String>);

/// Reads plugin state.
pub trait State: Send + Sync {
    /// One value; none where it has vanished by `now`.
    fn get<'a>(&'a self, space: &'a StateSpace, scope: Scope, key: &'a str, now: u64) -> BoxFuture<'a, Result<Option<Entry>, RowsFault>>;

    /// Keys that begin so, after the cursor, at most `limit`.
    fn list<'a>(
        &'a self,
        space: &'a StateSpace,
        scope: Scope,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
        now: u64,
    ) -> BoxFuture<'a, Result<KeyPage, RowsFault>>;

    /// Bytes that the tenant's state takes: keys and values.
    fn tenant_bytes<'a>(&'a self, space: &'a StateSpace) -> BoxFuture<'a, Result<u64, RowsFault>>;
}
