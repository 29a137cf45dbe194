//! Chooses how TLS is done: rustls with ring's cryptography and the machine's own certificates.
//!
//! The client asks it once, when it is made. The configuration is handed over and not installed for the whole process, because a
//! process global is a dependency that no signature shows. ring and not the default provider, because ring builds with a plain C
//! compiler.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::{BuilderVerifierExt as _, Verifier};

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

/// For servers that plugins reach: the machine's certificates and those that the platform adds. A machine without any trusts the
/// platform's alone, so that it can still start; the log says so.
pub(crate) fn verified(extra: Vec<CertificateDer<'static>>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    match Verifier::new_with_extra_roots(extra.clone(), provider) {
        Ok(verifier) => Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()),
        Err(fault) => {
            tracing::warn!(%fault, "this machine has no certificates to trust; plugins reach no public server under https");
            let mut roots = RootCertStore::empty();
            for root in extra {
                roots.add(root)?;
            }
            Ok(builder.with_root_certificates(roots).with_no_client_auth())
        }
    }
}

/// The certificates of a PEM file; at least one.
pub fn root_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let roots = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(|e| format!("no certificates in PEM: {e}"))?;
    let mut store = RootCertStore::empty();
    for root in &roots {
        // Found here, at the start, and not at the first request.
        store.add(root.clone()).map_err(|e| format!("a certificate cannot be trusted: {e}"))?;
    }
    if roots.is_empty() { Err("no certificate in PEM".to_owned()) } else { Ok(roots) }
}
