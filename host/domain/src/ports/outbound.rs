//! Sends a plugin's requests to the outside: the one way from a guest to a network.
//!
//! The live capabilities call [`Outbound`] with an [`Errand`] that says for whom and under which rules; the egress crate stands behind
//! it and asks [`Secrets`], behind which the store stands. It is a port because neither the runtime nor the store may own a socket.
//!
//! Whatever happens, there is one answer for each request, in order, within the time: what goes wrong is a value for the guest and
//! never an error of the call, because a hung host must not fail an invocation.

use std::sync::Arc;
use std::time::Duration;

use super::BoxFuture;
use super::rows::RowsFault;
use super::spending::Spending;
use crate::flow::egress::EgressRules;
use crate::flow::release::ReleaseNumber;
use crate::id::{EntryName, FlowName, TenantId};
use crate::request::{Request, Sent};
use crate::tenant::secret::TenantSecret;

/// For whom requests are sent, and what they may.
#[derive(Clone)]
pub struct Errand {
    /// Whose secrets, connections and quota.
    pub tenant: TenantId,
    /// Whose figures.
    pub flow: FlowName,
    /// Whose figures, and whose rules.
    pub release: ReleaseNumber,
    /// Of that release.
    pub rules: Arc<EgressRules>,
    /// Most bytes of one body, there and back.
    pub body_bytes_max: u64,
    /// What it is charged to.
    pub spending: Arc<dyn Spending>,
}

/// Sends requests.
pub trait Outbound: Send + Sync {
    /// Sends all at once and answers when all are done, in the same order; each within its own timeout and within `time`.
    fn send<'a>(&'a self, errand: &'a Errand, requests: &'a [Request], time: Duration) -> BoxFuture<'a, Vec<Sent>>;
}

/// Reads tenants' secrets, for whoever sends them.
pub trait Secrets: Send + Sync {
    /// One secret of the tenant's own; none where there is no such handle.
    fn secret<'a>(&'a self, tenant: &'a TenantId, handle: &'a EntryName) -> BoxFuture<'a, Result<Option<TenantSecret>, RowsFault>>;
}

/// Where there is no network: every request fails. For tests and purposes that reach nobody.
#[derive(Debug, Clone, Copy)]
pub struct Nowhere;

impl Outbound for Nowhere {
    fn send<'a>(&'a self, _errand: &'a Errand, requests: &'a [Request], _time: Duration) -> BoxFuture<'a, Vec<Sent>> {
        let refused = requests.iter().map(|request| Sent::refused(&request.method, crate::request::HttpError::Unavailable));
        Box::pin(std::future::ready(refused.collect()))
    }
}
