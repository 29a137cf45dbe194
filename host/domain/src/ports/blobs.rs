//! Keeps large immutable bytes by their digest: components, later captures.

use bytes::Bytes;

use super::BoxFuture;
use super::rows::RowsFault;
use crate::id::Digest;

/// Content-addressed bytes.
pub trait Blobs: Send + Sync {
    /// Keeps bytes, durably, and says under which digest. The same bytes again cost nothing.
    fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<Digest, RowsFault>>;

    /// Reads bytes and checks them against the digest; none where nothing is kept under it.
    fn get<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Bytes>, RowsFault>>;
}
