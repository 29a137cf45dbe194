//! Keeps what is one of a kind for each installation: its id, its secrets, and the proof that the master key is the right one.
//!
//! Opening a store asks for it first: secrets that do not open mean another master key, and that is told before anything is written
//! with the wrong one. A fresh store gets its instance with the first question.
//!
//! It must not be made anew where one is there, whatever is wrong with it.

use std::fmt;

use bytes::Bytes;
use jackfield_domain::ports::rows::{Batch, CommitError, Expect, Write};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Shared;
use crate::fault::{StoreFault, fault_of};
use crate::keys::{self, Table};
use crate::seal::{DataKey, random};
use crate::tenant::{misfit, unreadable};

/// The layout of rows that this version reads and writes.
pub(crate) const LAYOUT: u32 = 1;

/// What a sealed node key is bound to: it is no row, and opens as none.
pub(crate) const NODE_KEY_PLACE: &[u8] = b"\0node-key";

/// As it is kept.
#[derive(Serialize, Deserialize)]
struct InstanceRow {
    layout: u32,
    id: String,
    /// Sealed by the master key, in hexadecimal.
    secret: String,
}

/// What all secrets of the installation grow from.
pub(crate) struct Instance {
    id: String,
    key: DataKey,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instance({})", self.id)
    }
}

impl Instance {
    pub(crate) fn id(&self) -> String {
        self.id.clone()
    }

    pub(crate) fn pepper(&self) -> Zeroizing<[u8; 32]> {
        self.key.digest("token-pepper", b"")
    }

    pub(crate) fn node_key(&self) -> Zeroizing<[u8; 32]> {
        self.key.digest("node", b"")
    }

    /// The node key, sealed by the master key: for whoever has that and not the store.
    pub(crate) fn sealed_node_key(&self, master: &DataKey) -> Result<String, StoreFault> {
        Ok(hex::encode(master.seal(NODE_KEY_PLACE, &*self.node_key())?))
    }

    /// Digests a provider's id of a contact.
    pub(crate) fn call(&self, provider_contact: &str) -> Zeroizing<[u8; 32]> {
        self.key.digest("call", provider_contact.as_bytes())
    }
}

/// Where it is.
pub(crate) fn key() -> Vec<u8> {
    keys::platform(Table::Meta, b"instance")
}

/// The installation's own, read once.
pub(crate) async fn of(shared: &Shared) -> Result<&Instance, StoreFault> {
    shared.instance.get_or_try_init(|| read_or_make(shared)).await
}

async fn read_or_make(shared: &Shared) -> Result<Instance, StoreFault> {
    let key = key();
    loop {
        if let Some(kept) = shared.rows.get(&key).await? {
            return read(shared, &key, &kept.value);
        }
        let id = hex::encode(random()?.get(..16).unwrap_or_default());
        let secret = hex::encode(shared.keyring.master().seal(&key, &*random()?)?);
        let value = serde_json::to_vec(&InstanceRow { layout: LAYOUT, id, secret }).map_err(|e| unreadable(&key, &misfit(&e)))?;
        let put = Write::Put { key: key.clone(), value: Bytes::from(value), expect: Expect::Absent };
        match shared.rows.commit(Batch { writes: vec![put] }).await {
            Ok(()) | Err(CommitError::Conflict { .. }) => {}
            Err(error) => return Err(fault_of(error)),
        }
    }
}

pub(crate) fn read(shared: &Shared, key: &[u8], value: &[u8]) -> Result<Instance, StoreFault> {
    let row: InstanceRow = serde_json::from_slice(value).map_err(|e| unreadable(key, &misfit(&e)))?;
    if row.layout != LAYOUT {
        let why = format!(
            "its layout is {} and this version reads {LAYOUT}; export it with the version that wrote it and import it with this one",
            row.layout
        );
        return Err(unreadable(key, &why));
    }
    let sealed = hex::decode(&row.secret).map_err(|_| unreadable(key, "its secret is not hexadecimal"))?;
    let secret = shared.keyring.master().open(key, &sealed).map_err(|_| StoreFault::WrongMasterKey)?;
    let bytes: &[u8; 32] = secret.as_slice().try_into().map_err(|_| unreadable(key, "its secret has the wrong length"))?;
    Ok(Instance { id: row.id, key: DataKey::from_bytes(bytes) })
}
