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
    end: Arc<OnceLock<RowsFault>>,
    /// Rows of the group that may be on the disk or not. Only the committer has one, and not always the first word.
    in_doubt: Arc<OnceLock<Changes>>,
}

impl Health {
    /// The end, unless it has come before.
    pub(super) fn end(&self, fault: RowsFault) {
        let _first_counts = self.end.set(fault);
    }

    /// The end, with a group of which nobody knows whether the disk has it.
    pub(super) fn end_in_doubt(&self, fault: RowsFault, group: Changes) {
        let _there_is_one = self.in_doubt.set(group);
        self.end(fault);
    }

    /// Whether anything is still acknowledged.
    pub(super) fn health(&self) -> Result<(), RowsFault> {
        self.end.get().map_or(Ok(()), |fault| Err(fault.clone()))
    }

    /// Whether what is read of these rows is known to be so.
    pub(super) fn is_known(&self, is_touched: impl Fn(&Changes) -> bool) -> Result<(), RowsFault> {
        if self.in_doubt.get().is_some_and(is_touched) { self.health() } else { Ok(()) }
    }
}
