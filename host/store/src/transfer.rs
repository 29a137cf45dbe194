//! Writes the whole store into one file and reads it back into an empty one: the way from one layout or backend to the next.
//!
//! `jackfield export` and `import` call it. The file is JSON lines: a head, the rows, the components that rows name, in pieces, and
//! a foot with a digest of all before it. Sealed rows stay sealed and keys stay wrapped, so the file gives no more away than the
//! disk did, and the master key that it was written under must be there to read it.
//!
//! An import is not one batch. While it runs a mark stands in the store, and a store with the mark does not open: half of an export
//! must never answer a call. It must not merge into what is there.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jackfield_domain::id::Digest;
use jackfield_domain::ports::rows::{Batch, Expect, Write};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::fault::{StoreFault, fault_of};
use crate::instance::{self, LAYOUT};
use crate::keys::{self, Table};
use crate::{Shared, Store};

/// Version of the file's own form.
const FORM: u32 = 1;
/// Rows that are read or written at a time. With the largest rows that is 64 MiB in memory, at worst.
const ROWS_STEP: usize = 128;
/// Bytes of a component on one line.
const PIECE_BYTES: usize = 1024 * 1024;
/// Longest line that is read: a piece in base64, with room.
const LINE_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// Largest component that is read: above every limit for uploads.
const BLOB_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// First: what the file is, and the instance row, by which the master key is known.
    Head { jackfield_export: u32, layout: u32, instance: String },
    /// A row as it lies in the store.
    Row { key: String, value: String },
    /// A piece of a component; the last one says so.
    Blob { digest: Digest, piece: String, last: bool },
    /// Last: how much there was, and the SHA-256 of all lines before it.
    Foot { rows: u64, blobs: u64, sha256: String },
}

/// What was written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transferred {
    /// Rows.
    pub rows: u64,
    /// Components.
    pub blobs: u64,
}

impl fmt::Display for Transferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows and {} components, sealed rows still sealed under the same master key", self.rows, self.blobs)
    }
}

/// Stands in a store while it is imported into.
fn mark() -> Vec<u8> {
    keys::platform(Table::Meta, b"importing")
}

/// Refuses a store in which an import did not come to its end.
pub(crate) async fn check_whole(shared: &Shared) -> Result<(), StoreFault> {
    match shared.rows.get(&mark()).await? {
        None => Ok(()),
        Some(_) => Err(StoreFault::Transfer(
            "an import into this store was cut short; remove the data directory (not the master key) and import again".to_owned(),
        )),
    }
}

impl Store {
    /// Writes everything into a new file. Nothing else may write meanwhile: the command opens the store for itself.
    pub async fn export(&self, to: &Path) -> Result<Transferred, StoreFault> {
        let cannot = |e: io::Error| StoreFault::Transfer(format!("cannot write {}: {e}", to.display()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(cannot)?;
        let mut out = Out { file: BufWriter::new(file), digest: Sha256::new() };
        let done = self.write_lines(&mut out).await?;
        let foot = Line::Foot { rows: done.rows, blobs: done.blobs, sha256: hex::encode(out.digest.clone().finalize()) };
        out.line(&foot)?;
        let file = out.file.into_inner().map_err(|e| cannot(e.into_error()))?;
        file.sync_all().map_err(cannot)?;
        Ok(done)
    }

    async fn write_lines(&self, out: &mut Out) -> Result<Transferred, StoreFault> {
        instance::of(&self.shared).await?;
        let instance = self.shared.rows.get(&instance::key()).await?.ok_or_else(|| StoreFault::missing("instance", ""))?;
        out.line(&Line::Head { jackfield_export: FORM, layout: LAYOUT, instance: STANDARD.encode(&instance.value) })?;
        let mut done = Transferred { rows: 0, blobs: 0 };
        let mut named = BTreeSet::new();
        let mut range = keys::everything();
        loop {
            let page = self.shared.rows.scan(&range.from, &range.to, ROWS_STEP, false).await?;
            let Some((last, _)) = page.last() else { break };
            range = range.after(last);
            for (key, kept) in page.into_iter().filter(|(key, _)| *key != instance::key()) {
                named.extend(keys::is_in(&key, Table::Version).then(|| digest_of(&kept.value)).flatten());
                out.line(&Line::Row { key: STANDARD.encode(&key), value: STANDARD.encode(&kept.value) })?;
                done.rows += 1;
            }
        }
        for digest in named {
            let bytes = self.shared.blobs.get(&digest).await?.ok_or_else(|| StoreFault::missing("component", &digest.short()))?;
            let pieces = bytes.chunks(PIECE_BYTES);
            let count = pieces.len();
            for (at, piece) in pieces.enumerate() {
                out.line(&Line::Blob { digest, piece: STANDARD.encode(piece), last: at + 1 == count })?;
            }
            done.blobs += 1;
        }
        Ok(done)
    }

    /// Reads what [`Store::export`] wrote into this store, which must be empty. The store must be closed and opened again afterwards:
    /// its secrets are now those of the file.
    pub async fn import(&self, from: &Path) -> Result<Transferred, StoreFault> {
        let file = File::open(from).map_err(|e| StoreFault::Transfer(format!("cannot read {}: {e}", from.display())))?;
        let mut lines = In { file: BufReader::new(file), digest: Sha256::new(), number: 0 };
        let Line::Head { jackfield_export: FORM, layout: LAYOUT, instance } = lines.next()? else {
            return Err(lines.wrong(&format!("it is not an export of form {FORM} and layout {LAYOUT}; use the version that fits it")));
        };
        let instance = lines.decode(&instance)?;
        instance::read(&self.shared, &instance::key(), &instance)?;
        self.must_be_empty().await?;
        self.commit(vec![put(mark(), Bytes::from_static(b"1"))]).await?;
        let done = self.read_lines(&mut lines).await?;
        let end = vec![put(instance::key(), Bytes::from(instance)), Write::Delete { key: mark(), expect: Expect::Anything }];
        self.commit(end).await?;
        Ok(done)
    }

    async fn read_lines(&self, lines: &mut In) -> Result<Transferred, StoreFault> {
        let mut done = Transferred { rows: 0, blobs: 0 };
        let mut waiting = Vec::new();
        let mut blob: Vec<u8> = Vec::new();
        loop {
            let so_far = hex::encode(lines.digest.clone().finalize());
            match lines.next()? {
                Line::Head { .. } => return Err(lines.wrong("a second head")),
                Line::Row { key, value } => {
                    let key = lines.decode(&key)?;
                    if key.first() != Some(&keys::FORMAT_VERSION) || key == mark() || key == instance::key() {
                        return Err(lines.wrong("a row that an export does not write"));
                    }
                    waiting.push(put(key, Bytes::from(lines.decode(&value)?)));
                    done.rows += 1;
                    if waiting.len() >= ROWS_STEP {
                        self.commit(std::mem::take(&mut waiting)).await?;
                    }
                }
                Line::Blob { digest, piece, last } => {
                    blob.extend_from_slice(&lines.decode(&piece)?);
                    if blob.len() > BLOB_BYTES_MAX {
                        return Err(lines.wrong("a component that is too large"));
                    }
                    if last {
                        let kept = self.shared.blobs.put(Bytes::from(std::mem::take(&mut blob))).await?;
                        if kept != digest {
                            return Err(lines.wrong("a component that is damaged"));
                        }
                        done.blobs += 1;
                    }
                }
                Line::Foot { rows, blobs, sha256 } => {
                    if (rows, blobs, sha256) != (done.rows, done.blobs, so_far) || !blob.is_empty() {
                        return Err(lines.wrong("a foot that does not fit: the file is damaged"));
                    }
                    self.commit(waiting).await?;
                    return Ok(done);
                }
            }
        }
    }

    /// A fresh store holds its instance and nothing else.
    async fn must_be_empty(&self) -> Result<(), StoreFault> {
        let range = keys::everything();
        let page = self.shared.rows.scan(&range.from, &range.to, 2, false).await?;
        if page.iter().any(|(key, _)| *key != instance::key()) {
            let why = "the store is not empty; import into a new data directory, before the server first runs on it";
            return Err(StoreFault::Transfer(why.to_owned()));
        }
        Ok(())
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreFault> {
        self.shared.rows.commit(Batch { writes }).await.map_err(fault_of)
    }
}

fn put(key: Vec<u8>, value: Bytes) -> Write {
    Write::Put { key, value, expect: Expect::Anything }
}

/// A plugin version's component.
fn digest_of(version: &[u8]) -> Option<Digest> {
    #[derive(Deserialize)]
    struct Named {
        digest: Digest,
    }
    serde_json::from_slice::<Named>(version).ok().map(|named| named.digest)
}

struct Out {
    file: BufWriter<File>,
    digest: Sha256,
}

impl Out {
    fn line(&mut self, line: &Line) -> Result<(), StoreFault> {
        let cannot = |why: String| StoreFault::Transfer(format!("cannot write the export: {why}"));
        let mut text = serde_json::to_vec(line).map_err(|e| cannot(e.to_string()))?;
        text.push(b'\n');
        self.digest.update(&text);
        self.file.write_all(&text).map_err(|e| cannot(e.to_string()))
    }
}

struct In {
    file: BufReader<File>,
    digest: Sha256,
    number: u64,
}

impl In {
    fn next(&mut self) -> Result<Line, StoreFault> {
        self.number += 1;
        let mut text = Vec::new();
        let read = self.file.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut text);
        read.map_err(|e| self.wrong(&e.to_string()))?;
        if text.last() != Some(&b'\n') {
            return Err(self.wrong("the file ends before its foot, or a line is too long"));
        }
        self.digest.update(&text);
        serde_json::from_slice(&text).map_err(|e| self.wrong(&crate::tenant::misfit(&e)))
    }

    fn decode(&self, text: &str) -> Result<Vec<u8>, StoreFault> {
        STANDARD.decode(text).map_err(|_| self.wrong("text that is not base64"))
    }

    fn wrong(&self, why: &str) -> StoreFault {
        StoreFault::Transfer(format!("line {} of the export cannot be taken: {why}", self.number))
    }
}
