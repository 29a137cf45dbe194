//! Lets plugins' requests out: the one gate between a guest and the network.
//!
//! The runtime's live capabilities call it through the domain's port. A request is read strictly, checked against the release's rules,
//! given its secrets, kept from hosts that failed too often, charged, and sent over a connection of the tenant's own to an address that
//! was looked at. Redirects are not followed: the plugin gets the answer and may send a request of its own, which is checked from the
//! start, so there is no second way around a rule. It works on the server's threads and not on the guests', whose timers and sockets
//! would stand behind guests that compute.
//!
//! Nothing here fails the invocation: every way out is a value within the time, with 200 ms kept for the guest to go on. It must not
//! log a header, a body or the value of a query.

mod address;
mod breaker;
mod clients;
mod dial;
mod exchange;
mod figures;
mod head;
mod mask;
mod resolve;
mod target;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jackfield_domain::id::{FlowName, TenantId};
use jackfield_domain::ports::outbound::{Errand, Outbound, Secrets};
use jackfield_domain::ports::{BoxFuture, Clock};
use jackfield_domain::request::{HttpError, Request, Sent};
use rustls::pki_types::CertificateDer;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tracing::field::Empty;
use tracing::{Instrument as _, debug_span};

pub use self::address::{AddressRange, Addresses, BadRange};
pub use self::figures::{EgressCounts, HostFigures};
pub use self::resolve::{Dns, Names, NoAddress};

use self::clients::Clients;
use self::figures::Figures;
use self::walk::Inner;

/// Requests of all tenants at once, each with a socket and a body of at most 256 KiB.
pub const REQUESTS_MAX: usize = 512;
/// Sockets of the gate, in use and idle: what the process must be able to open beside everything else.
pub const SOCKETS_MAX: u64 = (REQUESTS_MAX + clients::IDLE_MAX) as u64;
/// How often idle connections are looked through.
const SWEEP: Duration = Duration::from_secs(5);

/// What a gate is made with.
pub struct GateSettings {
    /// What may be reached.
    pub addresses: Addresses,
    /// Whether rules may say `http`.
    pub plain_http: bool,
    /// Certificates that are trusted beside the machine's.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Finds addresses.
    pub names: Arc<dyn Names>,
    /// Reads secrets.
    pub secrets: Arc<dyn Secrets>,
    /// Tells the time, for figures.
    pub clock: Arc<dyn Clock>,
}

/// The gate. A copy of it is the same gate.
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Inner>,
    handle: Handle,
}

impl Gate {
    /// Makes it. Its sockets and timers live on the async runtime that it is made on.
    pub fn new(settings: GateSettings) -> Result<Self, rustls::Error> {
        let GateSettings { addresses, plain_http, extra_roots, names, secrets, clock } = settings;
        let clients = Clients::new(crate::tls::verified(extra_roots)?);
        let (places, figures) = (Arc::new(Semaphore::new(REQUESTS_MAX)), Figures::default());
        let inner = Arc::new(Inner { addresses, plain_http, names, secrets, clock, clients, places, figures });
        let (handle, weak) = (Handle::current(), Arc::downgrade(&inner));
        handle.spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(inner) = weak.upgrade() else { return };
                inner.clients.sweep();
            }
        });
        Ok(Self { inner, handle })
    }

    /// Which addresses may be reached.
    pub fn addresses(&self) -> &Addresses {
        &self.inner.addresses
    }

    /// Whether rules may say `http`.
    pub fn plain_http(&self) -> bool {
        self.inner.plain_http
    }

    /// What a flow's requests came to, by release and host.
    pub fn figures(&self, tenant: &TenantId, flow: &FlowName) -> Vec<HostFigures> {
        let (client, now) = (self.inner.clients.known(tenant), Instant::now());
        self.inner.figures.of(tenant, flow, |target| client.as_ref().is_some_and(|client| client.breakers().is_open(target, now)))
    }

    /// What all requests came to, and what is held now: for metrics.
    pub fn counts(&self) -> EgressCounts {
        let (clients, idle, open) = self.inner.clients.count();
        let in_flight = REQUESTS_MAX.saturating_sub(self.inner.places.available_permits());
        EgressCounts { in_flight, idle, clients, open, ..self.inner.figures.totals() }
    }
}

/// Ends a request when its guest is ended.
struct EndWithMe<T>(JoinHandle<T>);

impl<T> Drop for EndWithMe<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Outbound for Gate {
    fn send<'a>(&'a self, errand: &'a Errand, requests: &'a [Request], time: Duration) -> BoxFuture<'a, Vec<Sent>> {
        Box::pin(async move {
            let begin = |request: &Request| {
                let (inner, errand, request) = (Arc::clone(&self.inner), errand.clone(), request.clone());
                // No host: with a pattern in the rules a guest could write what it likes into a name.
                let span = debug_span!("http", otel.kind = "client", outcome = Empty, server.address = Empty);
                let sending = async move { inner.send(&errand, &request, time).await };
                EndWithMe(self.handle.spawn(sending.instrument(span)))
            };
            let under_way: Vec<_> = requests.iter().map(|request| (request, begin(request))).collect();
            let mut sent = Vec::with_capacity(under_way.len());
            for (request, mut task) in under_way {
                let broken = || Sent::refused(&request.method, HttpError::Failed("the host could not send it".to_owned()));
                sent.push((&mut task.0).await.unwrap_or_else(|_| broken()));
            }
            sent
        })
    }
}
