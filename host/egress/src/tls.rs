//! Chooses how TLS is done: rustls with ring's cryptography and the machine's own certificates.
//!
//! The client asks it once, when it is made. The configuration is handed over and not installed for the whole process, because a
//! process global is a dependency that no signature shows. ring and not the default provider, because ring builds with a plain C
//! compiler.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// The configuration for servers under `https`; with `http` alone nobody is trusted, so that a machine without certificates can
/// still talk to its own loopback.
pub(crate) fn config(is_https: bool) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions()?;
    if is_https {
        Ok(builder.with_platform_verifier()?.with_no_client_auth())
    } else {
        Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
    }
}
