//! Mirrors `wit/v1/state.wit`: what survives an invocation.
//!
//! Writes become true together with the decision, or not at all; within the invocation they are seen at once. JSON is offered
//! besides bytes, because that is what nearly every plugin keeps.

use core::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Capabilities, Host};
use crate::failure::{Denial, Failure};

/// Whose a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All contacts of the tenant's flows that run this plugin.
    Tenant,
    /// This contact; gone after it.
    Contact,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The bytes.
    pub value: Vec<u8>,
    /// Changes with every write; for [`State::compare_and_set`].
    pub revision: u64,
}

/// A part of a list of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In order of bytes.
    pub keys: Vec<String>,
    /// Where to go on; none at the end.
    pub next: Option<String>,
}

/// Keys and values of one scope.
#[derive(Debug, Clone, Copy)]
pub struct State<'a> {
    host: &'a Host,
    scope: Scope,
}

impl<'a> State<'a> {
    pub(super) fn new(host: &'a Host, scope: Scope) -> Self {
        Self { host, scope }
    }

    /// Reads a value.
    pub fn get(&self, key: &str) -> Result<Option<Entry>, Denial> {
        self.host.behind.state_get(self.scope, key)
    }

    /// Reads a value that is JSON.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Failure> {
        match self.get(key)? {
            Some(entry) => serde_json::from_slice(&entry.value)
                .map(Some)
                .map_err(|error| Failure::Internal(format!("what is kept under {key:?} cannot be read: {error}"))),
            None => Ok(None),
        }
    }

    /// Writes a value.
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Result<(), Denial> {
        self.host.behind.state_set(self.scope, key, value.as_ref(), None)
    }

    /// Writes a value that vanishes after a time.
    pub fn set_for(&self, key: &str, value: impl AsRef<[u8]>, lifetime: Duration) -> Result<(), Denial> {
        self.host.behind.state_set(self.scope, key, value.as_ref(), Some(lifetime))
    }

    /// Writes a value as JSON.
    pub fn set_json<T: Serialize>(&self, key: &str, value: &T) -> Result<(), Failure> {
        let json = serde_json::to_vec(value).map_err(|error| Failure::Internal(format!("{key:?} is no JSON: {error}")))?;
        Ok(self.set(key, json)?)
    }

    /// Removes a value; true where there was one.
    pub fn delete(&self, key: &str) -> Result<bool, Denial> {
        self.host.behind.state_delete(self.scope, key)
    }

    /// Writes only if the revision is still the expected one, or nothing is there where none is expected; true if written.
    pub fn compare_and_set(&self, key: &str, expected: Option<u64>, value: impl AsRef<[u8]>) -> Result<bool, Denial> {
        self.host.behind.state_compare_and_set(self.scope, key, expected, value.as_ref())
    }

    /// Adds to a number kept as decimal text, from 0; the new number. Contacts that add at once all count.
    pub fn increment(&self, key: &str, by: i64) -> Result<i64, Denial> {
        self.host.behind.state_increment(self.scope, key, by)
    }

    /// Keys that begin so, at most 100 at a time.
    pub fn list(&self, prefix: &str, cursor: Option<&str>) -> Result<Page, Denial> {
        self.host.behind.state_list(self.scope, prefix, cursor)
    }
}
