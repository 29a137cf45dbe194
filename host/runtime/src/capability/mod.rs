//! Stands between the guest and the one trait that answers: one file for each import interface of the contract.
//!
//! Each adapter turns a call into the domain's question, lets [`crate::guest::Guest::ask`] check, ask and record it, and turns
//! the answer into the interface's own words. The adapters hold no rule of their own: what a tenant may see is decided in
//! [`live`] or in whatever stands in for it.

mod customer;
mod directory;
mod http;
pub mod live;
mod log;
mod outcome;
pub mod replay;
mod settings;
mod state;

use jackfield_domain::capability::{Answer, Denial};

use crate::abi::v1::imports::types::Extension;

/// The implementation answered a question with an answer to another one: ours to mend.
#[derive(Debug, thiserror::Error)]
#[error("a capability answered {0:?} where that cannot be")]
pub(crate) struct WrongAnswer(Answer);

/// A denial that an interface has no case for.
fn other(denial: &Denial) -> Extension {
    let (kind, why) = match denial {
        Denial::Denied => ("denied", ""),
        Denial::Exhausted => ("exhausted", ""),
        Denial::Unavailable => ("unavailable", ""),
        Denial::BadKey => ("bad-key", ""),
        Denial::TooLarge => ("too-large", ""),
        Denial::Full => ("full", ""),
        Denial::NotANumber => ("not-a-number", ""),
        Denial::Unknown(what) => ("unknown", what.as_str()),
        Denial::Invalid(what) => ("invalid", what.as_str()),
    };
    Extension { kind: kind.to_owned(), data: serde_json::Value::String(why.to_owned()).to_string() }
}
