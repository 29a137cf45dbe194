//! Keeps components by their digest, durably, and checks them when they are read.
//!
//! The admin API puts what was uploaded, the runtime gets it to compile. The object store writes under a temporary name, syncs,
//! renames and syncs the folder, so a digest that is there is whole. Blobs are not sealed: a component is the tenant's code, and
//! the same bytes are kept once for all tenants.
//!
//! It must not be used for what belongs to a customer: nothing here is erased with a tenant.

use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use jackfield_domain::id::Digest;
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::blobs::Blobs;
use jackfield_domain::ports::rows::RowsFault;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutPayload};

use crate::fault::StoreFault;

/// Folder of the blobs within the data directory.
pub(crate) const FOLDER: &str = "blobs";

/// Blobs over an object store.
pub(crate) struct KeptBlobs {
    objects: Arc<dyn ObjectStore>,
}

impl KeptBlobs {
    /// In memory, for as long as it lives.
    pub(crate) fn memory() -> Self {
        Self { objects: Arc::new(InMemory::new()) }
    }

    /// In a folder, which is made where it is not there.
    pub(crate) fn folder(dir: &FilePath) -> Result<Self, StoreFault> {
        Ok(Self { objects: Arc::new(folder(dir)?.with_fsync(true)) })
    }
}

/// A folder for objects, which is made where it is not there.
pub(crate) fn folder(dir: &FilePath) -> Result<LocalFileSystem, StoreFault> {
    let unusable = |why: String| StoreFault::Open { dir: dir.to_owned(), why };
    std::fs::create_dir_all(dir).map_err(|e| unusable(format!("{e}; the folder must be writable")))?;
    LocalFileSystem::new_with_prefix(dir).map_err(|e| unusable(e.to_string()))
}

/// Two digits make a folder, so that none holds more than a few thousand files.
fn place(digest: &Digest) -> Path {
    let text = digest.to_string();
    let folder: String = text.chars().take(2).collect();
    Path::from_iter([folder.as_str(), text.as_str()])
}

fn failed(error: &Error) -> RowsFault {
    RowsFault { why: format!("a blob cannot be kept or read: {error}") }
}

/// Tens of megabytes take tens of milliseconds, which nobody's event should stand behind.
async fn digest_of(bytes: Bytes) -> Result<Digest, RowsFault> {
    let digest = tokio::task::spawn_blocking(move || Digest::of(&bytes)).await;
    digest.map_err(|error| RowsFault { why: format!("a blob's digest could not be made: {error}") })
}

impl Blobs for KeptBlobs {
    fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<Digest, RowsFault>> {
        Box::pin(async move {
            let digest = digest_of(bytes.clone()).await?;
            // What is there and whole is not written again; what is damaged is put right by whoever still has the bytes.
            if self.get(&digest).await.is_ok_and(|kept| kept.is_some()) {
                return Ok(digest);
            }
            self.objects.put(&place(&digest), PutPayload::from_bytes(bytes)).await.map_err(|e| failed(&e))?;
            Ok(digest)
        })
    }

    fn get<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Bytes>, RowsFault>> {
        Box::pin(async move {
            let found = match self.objects.get(&place(digest)).await {
                Ok(found) => found,
                Err(Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(failed(&error)),
            };
            let bytes = found.bytes().await.map_err(|e| failed(&e))?;
            if digest_of(bytes.clone()).await? == *digest {
                Ok(Some(bytes))
            } else {
                Err(RowsFault { why: format!("blob {} is damaged; restore it, or upload the component again", digest.short()) })
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_same_bytes_are_one_blob_and_damage_is_noticed_and_mended() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = KeptBlobs::folder(dir.path()).unwrap();
        let bytes = Bytes::from_static(b"a component");
        let digest = blobs.put(bytes.clone()).await.unwrap();
        assert_eq!(blobs.put(bytes.clone()).await.unwrap(), digest);
        assert_eq!(blobs.get(&digest).await.unwrap(), Some(bytes.clone()));
        assert_eq!(blobs.get(&Digest::of(b"another")).await.unwrap(), None);

        std::fs::write(dir.path().join(place(&digest).as_ref()), b"a cOmponent").unwrap();
        assert!(blobs.get(&digest).await.unwrap_err().why.contains("damaged"));
        blobs.put(bytes.clone()).await.unwrap();
        assert_eq!(blobs.get(&digest).await.unwrap(), Some(bytes));
    }
}
