//! Finds the addresses of a name.
//!
//! The dialler asks it once for each connection and connects to what it was told, never to the name: a second look-up could give another
//! answer. It is a trait so that tests can answer like a hostile name server. The real one speaks DNS by itself instead of asking the
//! system's function, because that one cannot be given up: a name server that never answers would hold a thread for half a minute,
//! and threads are shared by all tenants.
//!
//! It judges nothing: which addresses may be reached is not its question.

use std::net::IpAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::ResolveHosts;
use jackfield_domain::flow::egress::HostName;
use jackfield_domain::ports::BoxFuture;

/// A name server that answers at all does so within this; there are two tries within an invocation's second.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(800);
/// Names that are remembered, as long as their own answers say.
const CACHE_NAMES: u64 = 4_096;
/// A name that changes its address more often than that is nobody's service.
const CACHE_MAX: Duration = Duration::from_secs(60);
/// A name that is not there is asked for again after this.
const CACHE_NEGATIVE_MAX: Duration = Duration::from_secs(5);

/// Why there is no address. The guest is told that and nothing more.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct NoAddress {
    /// For the log.
    pub why: String,
}

/// Finds addresses.
pub trait Names: Send + Sync {
    /// All addresses of a name, in the order in which they should be tried.
    fn addresses<'a>(&'a self, name: &'a HostName) -> BoxFuture<'a, Result<Vec<IpAddr>, NoAddress>>;
}

/// Asks the name servers that the machine is configured with, after its file of hosts.
pub struct Dns(Option<TokioResolver>);

impl Dns {
    /// Reads the machine's configuration. Where there is none, no name has an address, and the log says so.
    pub fn of_machine() -> Self {
        let resolver = TokioResolver::builder_tokio().and_then(|mut builder| {
            let options = builder.options_mut();
            options.timeout = ANSWER_TIMEOUT;
            options.attempts = 1;
            options.cache_size = CACHE_NAMES;
            options.positive_max_ttl = Some(CACHE_MAX);
            options.negative_max_ttl = Some(CACHE_NEGATIVE_MAX);
            options.use_hosts_file = ResolveHosts::Always;
            builder.build()
        });
        if let Err(fault) = &resolver {
            tracing::warn!(%fault, "no name server is configured; plugins' requests reach addresses alone");
        }
        Self(resolver.ok())
    }
}

impl Names for Dns {
    fn addresses<'a>(&'a self, name: &'a HostName) -> BoxFuture<'a, Result<Vec<IpAddr>, NoAddress>> {
        Box::pin(async move {
            let resolver = self.0.as_ref().ok_or_else(|| NoAddress { why: "no name server is configured".to_owned() })?;
            // With the dot it is a whole name: the machine's search domains must not turn it into another.
            let found = resolver.lookup_ip(format!("{}.", name.as_str())).await.map_err(|fault| NoAddress { why: fault.to_string() })?;
            Ok(found.iter().collect())
        })
    }
}
