//! Remembers that the store has come to its end, why, and which rows nobody knows any more.
//!
//! The committer and the settler end it, everybody asks. A failed sync says nothing about what came before it, so it is never tried
//! again, and from then on nothing is acknowledged until the process is started anew.

use std::sync::{Arc, OnceLock};

use jackfield_domain::ports::rows::RowsFault;

use crate::backend::guard::Changes;

/// Of one store. A copy of it is the same.
#[derive(Clone, Default)]
pub(super) struct Health {
    end: Arc<OnceLock<End>>,
}

struct End {
    fault: RowsFault,
    /// Rows of the group that may be on the disk or not.
    in_doubt: Changes,
}

impl Health {
    /// The end, unless it has come before.
    pub(super) fn end(&self, fault: RowsFault, in_doubt: Option<Changes>) {
        let _first_counts = self.end.set(End { fault, in_doubt: in_doubt.unwrap_or_default() });
    }

    /// Whether anything is still acknowledged.
    pub(super) fn health(&self) -> Result<(), RowsFault> {
        self.end.get().map_or(Ok(()), |end| Err(end.fault.clone()))
    }

    /// Whether what is read of these rows is known to be so.
    pub(super) fn is_known(&self, is_touched: impl Fn(&Changes) -> bool) -> Result<(), RowsFault> {
        match self.end.get() {
            Some(end) if is_touched(&end.in_doubt) => Err(end.fault.clone()),
            _ => Ok(()),
        }
    }
}
