//! Reaches out over HTTP for everything in Jackfield that does.
//!
//! The command line, the demo and the end-to-end tests talk to the admin API through [`client`]. It is a crate of its own so that no
//! other can open a connection by accident: what may leave the machine is decided in one place, and plugins' requests, the outbox and
//! sign-in join here, behind the same door.
//!
//! It must not know tenants, tokens' meaning or what an answer says.

pub mod client;
pub mod contacts;
pub mod guest;
pub mod plain;
mod tls;
pub mod traces;

pub use client::{AdminClient, ClientError, Problem, Reply};
pub use plain::{PlainClient, PlainReply};
pub use rustls::pki_types::CertificateDer as Certificate;
pub use tls::root_certificates;
pub use traces::TraceClient;
