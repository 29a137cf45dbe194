//! Names what can go wrong with the store itself, in words that tell an operator what to do.
//!
//! Everything here is our own doing or the machine's: the client sees an opaque id, the log sees the sentence. What a caller did
//! wrong, such as losing a race, is a [`CommitError`] and stands with the port.
//!
//! It must not carry values of rows: a fault is logged, and rows hold personal data.

use std::path::PathBuf;

use jackfield_domain::id::TenantId;
use jackfield_domain::ports::rows::{CommitError, RowsFault};

/// The store could not do what it was asked, or holds what cannot be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreFault {
    /// The database failed.
    #[error(transparent)]
    Rows(#[from] RowsFault),
    /// A row that must be there is not.
    #[error("the store holds no {what} {id:?}, which something else names")]
    Missing {
        /// For example "tenant".
        what: &'static str,
        /// Which.
        id: String,
    },
    /// A row is there and cannot be read: another format, another key, or damage.
    #[error("the store cannot read {row}: {why}")]
    Unreadable {
        /// Table and key, in words.
        row: String,
        /// What is wrong.
        why: String,
    },
    /// The tenant was erased, so what is sealed with its key is gone for ever.
    #[error("tenant {0} was erased")]
    Erased(TenantId),
    /// The data directory cannot be opened.
    #[error("cannot open the data directory {dir}: {why}")]
    Open {
        /// Which.
        dir: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The master key is not the one that the store was made with.
    #[error(
        "the master key does not fit this store: it was made with another one. Start with the key file or variable that was used before; \
         without it sealed rows cannot be read"
    )]
    WrongMasterKey,
    /// An import or export cannot be done.
    #[error("{0}")]
    Transfer(String),
}

impl StoreFault {
    /// A row that must be there is not.
    pub fn missing(what: &'static str, id: &str) -> Self {
        Self::Missing { what, id: id.chars().take(80).collect() }
    }
}

/// A batch has one kind of fault; a row that cannot be sealed is as bad as a disk that cannot be written.
pub(crate) fn uncommitted(fault: StoreFault) -> CommitError {
    CommitError::Fault(match fault {
        StoreFault::Rows(rows) => rows,
        other => RowsFault { why: other.to_string() },
    })
}

/// A read or a commit that the store needs for itself: a conflict is then a fault too.
pub(crate) fn fault_of(error: CommitError) -> StoreFault {
    StoreFault::Rows(match error {
        CommitError::Fault(fault) => fault,
        other => RowsFault { why: other.to_string() },
    })
}
