//! Keeps captures: many of a tenant and a day in one compressed, sealed object, beside the rows and not among them.
//!
//! The server's writer puts a segment whenever it has enough or nothing came for a while; replays read those whose span of time fits. An
//! object's name says from when to when its events are, so that one contact's captures are found without opening a day. It is sealed with
//! the tenant's key and bound to its name: erasing the tenant makes it noise, and a copy under another name does not open.
//!
//! Nothing waits for a capture, and none is promised: a crash loses what was not put yet.

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use jackfield_domain::capture::Capture;
use jackfield_domain::contact::Moment;
use jackfield_domain::id::ContactId;
use jackfield_domain::ports::rows::RowsFault;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt as _, PutPayload};

use crate::TenantStore;
use crate::fault::StoreFault;

/// Folder of the captures within the data directory.
pub(crate) const FOLDER: &str = "captures";
/// First bytes of every segment; another shape gets other ones.
const MAGIC: &[u8; 4] = b"JFC1";
const EXTENSION: &str = ".jfc";
/// A good part of what more effort would save, for a small part of its time.
const LEVEL: i32 = 1;
/// Bytes of captures after which an object is full.
const LINES_BYTES: usize = 16 << 20;
/// Most bytes of an opened object: a full one, and the largest capture.
const OPENED_BYTES_MAX: usize = 64 << 20;
/// Days that are listed one by one.
const DAYS_MAX: u64 = 40;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// One object: where it is, and from when to when its events are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    path: Path,
    /// Of the first event.
    pub first: Moment,
    /// Of the last.
    pub last: Moment,
}

impl Segment {
    /// Its name within its tenant; names sort by the first event.
    pub fn name(&self) -> &str {
        self.path.filename().unwrap_or_default()
    }
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> StoreFault {
    StoreFault::Rows(RowsFault { why: format!("captures cannot be {what}: {error}") })
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> StoreFault {
    StoreFault::Unreadable { row: format!("captures {path}"), why: why.to_string() }
}

impl TenantStore {
    /// Puts captures, those of one day as one object.
    pub async fn put_captures(&self, captures: &[Capture]) -> Result<(), StoreFault> {
        let mut days: BTreeMap<u64, Vec<&Capture>> = BTreeMap::new();
        for capture in captures {
            days.entry(capture.now / DAY_MS).or_default().push(capture);
        }
        for captures in days.values() {
            self.put_day(captures).await?;
        }
        Ok(())
    }

    async fn put_day(&self, captures: &[&Capture]) -> Result<(), StoreFault> {
        let mut lines = Vec::new();
        let mut span: Option<(Moment, Moment)> = None;
        for capture in captures {
            serde_json::to_writer(&mut lines, capture).map_err(|error| failed("written", &error))?;
            lines.push(b'\n');
            let (first, last) = span.unwrap_or((capture.now, capture.now));
            span = Some((first.min(capture.now), last.max(capture.now)));
            // What is put must be opened again in one piece.
            if lines.len() >= LINES_BYTES
                && let Some(span) = span.take()
            {
                self.put_lines(&std::mem::take(&mut lines), span).await?;
            }
        }
        match span {
            Some(span) => self.put_lines(&lines, span).await,
            None => Ok(()),
        }
    }

    async fn put_lines(&self, lines: &[u8], (first, last): (Moment, Moment)) -> Result<(), StoreFault> {
        let packed = zstd::encode_all(lines, LEVEL).map_err(|error| failed("packed", &error))?;
        let path = self.place(first, last)?;
        let sealed = self.shared.keyring.of(&self.id).await?.key.seal(path.as_ref().as_bytes(), &packed)?;
        let object = [MAGIC.as_slice(), sealed.as_slice()].concat();
        self.shared.captures.put(&path, PutPayload::from(object)).await.map(drop).map_err(|error| failed("put", &error))
    }

    /// The objects with events between two moments, both included, the oldest first.
    pub async fn capture_segments(&self, from: Moment, to: Moment) -> Result<Vec<Segment>, StoreFault> {
        let whole = Path::from_iter([self.id.as_str()]);
        // An object lies in the folder of its day and holds nothing of another. Of many days, all that there are cost less than each.
        let folders: Vec<Path> = match to.saturating_sub(from) / DAY_MS {
            0..DAYS_MAX => (from / DAY_MS..=to / DAY_MS).map(|day| whole.clone().join(day.to_string())).collect(),
            _ => vec![whole],
        };
        let mut segments = Vec::new();
        for folder in folders {
            let listed: Vec<_> = self.shared.captures.list(Some(&folder)).try_collect().await.map_err(|error| failed("listed", &error))?;
            segments.extend(listed.into_iter().filter_map(|object| named(object.location)));
        }
        segments.retain(|segment| segment.first <= to && segment.last >= from);
        segments.sort_by(|one, other| one.name().cmp(other.name()));
        Ok(segments)
    }

    /// What an object holds.
    pub async fn captures_in(&self, segment: &Segment) -> Result<Vec<Capture>, StoreFault> {
        let path = &segment.path;
        let object = match self.shared.captures.get(path).await {
            Ok(found) => found.bytes().await.map_err(|error| failed("read", &error))?,
            // Retention took it meanwhile.
            Err(Error::NotFound { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &error)),
        };
        let sealed = object.strip_prefix(MAGIC).ok_or_else(|| unreadable(path, &"another version of Jackfield wrote it"))?;
        let packed = self.shared.keyring.of(&self.id).await?.key.open(path.as_ref().as_bytes(), sealed)?;
        let lines = zstd::bulk::decompress(&packed, OPENED_BYTES_MAX).map_err(|error| unreadable(path, &error))?;
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).map_err(|error| unreadable(path, &crate::tenant::misfit(&error)))).collect()
    }

    /// A contact's captures whose events are between two moments, in order; and the first fault, where an object of that time cannot be
    /// read: whether it held any of the contact's nobody can say, and what the others hold is not lost with it.
    pub async fn captures_of(
        &self,
        contact: &ContactId,
        from: Moment,
        to: Moment,
    ) -> Result<(Vec<Capture>, Option<StoreFault>), StoreFault> {
        let mut found = Vec::new();
        let mut damaged = None;
        for segment in self.capture_segments(from, to).await? {
            match self.captures_in(&segment).await {
                Ok(captures) => found.extend(captures.into_iter().filter(|capture| capture.contact.id == *contact)),
                Err(fault) => drop(damaged.get_or_insert(fault)),
            }
        }
        found.sort_by_key(Capture::place);
        Ok((found, damaged))
    }

    /// Removes the days that ended before a moment; says how many objects went.
    pub async fn drop_captures_before(&self, moment: Moment) -> Result<u64, StoreFault> {
        self.drop_captures(|segment| segment.last < moment).await
    }

    /// Removes those that fit. What has another name is not ours.
    pub(crate) async fn drop_captures(&self, is_meant: impl Fn(&Segment) -> bool) -> Result<u64, StoreFault> {
        let folder = Path::from_iter([self.id.as_str()]);
        let listed: Vec<_> = self.shared.captures.list(Some(&folder)).try_collect().await.map_err(|error| failed("listed", &error))?;
        let mut dropped = 0;
        for segment in listed.into_iter().filter_map(|object| named(object.location)).filter(is_meant) {
            match self.shared.captures.delete(&segment.path).await {
                Ok(()) | Err(Error::NotFound { .. }) => dropped += 1,
                Err(error) => return Err(failed("removed", &error)),
            }
        }
        Ok(dropped)
    }

    fn place(&self, first: Moment, last: Moment) -> Result<Path, StoreFault> {
        let random = crate::seal::random()?;
        let random = hex::encode(random.first_chunk::<6>().copied().unwrap_or_default());
        let name = format!("{first:013}-{last:013}-{random}{EXTENSION}");
        Ok(Path::from_iter([self.id.as_str(), &(first / DAY_MS).to_string(), &name]))
    }
}

/// Reads a segment's name; none where it is no segment.
fn named(path: Path) -> Option<Segment> {
    let mut parts = path.filename()?.strip_suffix(EXTENSION)?.splitn(3, '-');
    let mut moment = || parts.next()?.parse().ok();
    let (first, last) = (moment()?, moment()?);
    Some(Segment { path, first, last })
}
