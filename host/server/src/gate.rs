//! Makes the gate through which plugins' requests leave, out of the configuration, the store and the clock.
//!
//! `serve` calls it once. What the gate decides stands in the egress crate, what a release may do in its rules; here is wiring alone.

use std::sync::Arc;

use jackfield_domain::ports::Clock;
use jackfield_egress::guest::{Addresses, Dns, Gate, GateSettings};
use jackfield_store::Store;

use crate::config::egress::Egress;

/// The gate. Its sockets live on the async runtime that it is made on.
pub fn gate(egress: &Egress, store: &Store, clock: Arc<dyn Clock>) -> anyhow::Result<Gate> {
    let settings = GateSettings {
        addresses: Addresses::new(egress.allow_private.clone()),
        plain_http: egress.plain_http,
        extra_roots: egress.extra_roots.clone(),
        names: Arc::new(Dns::of_machine()),
        secrets: store.secrets(),
        clock,
    };
    Gate::new(settings).map_err(|e| anyhow::anyhow!("TLS for plugins' requests cannot be set up: {e}"))
}
