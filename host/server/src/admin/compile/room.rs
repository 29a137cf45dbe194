//! Gives uploads room: how many bytes and how many bodies may be on their way at once, and each tenant its part.
//!
//! The upload route enters before it reads a byte and stays until its component is installed, so the bytes that wait for a compiler count
//! as well. What would be too much is refused at once. A body that does not say how long it is takes as much as the largest.
//!
//! It must not let anybody hold all of it: a tenant with something under way cannot take the last quarter.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt as _;
use jackfield_domain::id::TenantId;
use jackfield_domain::refusal::{Code, Refusal};

use crate::admin::door::problem::Problem;

/// Python components are up to 20 MB; the runtime's own check has the same bound.
pub(crate) const COMPONENT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of components in memory: four of the largest, or hundreds of the usual hundred kilobytes.
pub(crate) const BYTES_MAX: u64 = 4 * COMPONENT_BYTES_MAX as u64;
/// Bytes of one tenant: one of the largest and some usual ones.
const BYTES_OF_ONE_MAX: u64 = COMPONENT_BYTES_MAX as u64 * 3 / 2;
/// Bodies at once: each holds a connection, whatever its size.
const UPLOADS_MAX: usize = 64;
/// Of one tenant: a pipeline that builds a few plugins side by side.
const UPLOADS_OF_ONE_MAX: usize = 4;
/// What those who have something under way leave to those who have nothing: the last of so many parts.
const LAST_PART: u64 = 4;

/// The usual component is here in that time; whoever is slower gets the answer in the middle.
const LISTENED_MAX: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct Taken {
    uploads: usize,
    bytes: u64,
    of: HashMap<TenantId, (usize, u64)>,
}

/// The room for uploads. A copy of it is the same room.
#[derive(Debug, Clone, Default)]
pub(crate) struct Room {
    taken: Arc<Mutex<Taken>>,
}

/// A part of the room, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Part {
    room: Room,
    tenant: TenantId,
    bytes: u64,
}

impl Room {
    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing panics while it is held.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes as much as the request says that it sends.
    pub(crate) fn enter(&self, tenant: &TenantId, headers: &HeaderMap) -> Result<Part, Refusal> {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<u64>().ok());
        // What is larger is not kept but thrown away as it comes.
        let bytes = announced.unwrap_or(COMPONENT_BYTES_MAX as u64).min(COMPONENT_BYTES_MAX as u64);
        let mut taken = self.lock();
        let (own_uploads, own_bytes) = taken.of.get(tenant).copied().unwrap_or_default();
        if own_uploads >= UPLOADS_OF_ONE_MAX || own_bytes.saturating_add(bytes) > BYTES_OF_ONE_MAX {
            return Err(Refusal::new(Code::Busy, "too many uploads of this tenant at once; try again when one of them has ended"));
        }
        let share = |all: u64| if own_uploads == 0 { all } else { all.saturating_sub(all / LAST_PART) };
        let is_full = taken.uploads as u64 >= share(UPLOADS_MAX as u64) || taken.bytes.saturating_add(bytes) > share(BYTES_MAX);
        if is_full {
            return Err(Refusal::new(Code::Busy, "too many uploads at once; try again in a moment"));
        }
        taken.uploads += 1;
        taken.bytes = taken.bytes.saturating_add(bytes);
        taken.of.insert(tenant.clone(), (own_uploads + 1, own_bytes.saturating_add(bytes)));
        drop(taken);
        Ok(Part { room: self.clone(), tenant: tenant.clone(), bytes })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut taken = self.room.lock();
        taken.uploads = taken.uploads.saturating_sub(1);
        taken.bytes = taken.bytes.saturating_sub(self.bytes);
        if let Some((uploads, bytes)) = taken.of.get_mut(&self.tenant) {
            *uploads = uploads.saturating_sub(1);
            *bytes = bytes.saturating_sub(self.bytes);
            if *uploads == 0 {
                taken.of.remove(&self.tenant);
            }
        }
    }
}

/// Refuses what is packed: what it would become is not known before it has become it.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
    match given.as_deref() {
        None | Some("" | "identity") => Ok(()),
        Some(other) => {
            let other: String = other.chars().take(40).collect();
            let detail = format!("this route takes a component as it is, not packed as {other:?}");
            Err(Refusal::new(Code::WrongContentType, detail).at("content-encoding"))
        }
    }
}

/// Answers whoever gets no room, after what was on its way already: a sender that is still sending would see a closed connection and not
/// the answer. Nothing of it is kept.
pub(crate) async fn turn_away(refusal: Refusal, mut body: Body) -> Response {
    let rest = async { while body.frame().await.is_some_and(|frame| frame.is_ok()) {} };
    let is_done = tokio::time::timeout(LISTENED_MAX, rest).await.is_ok();
    let mut response = Problem::from(refusal).into_response();
    if !is_done {
        // What else comes on this connection is no request.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(bytes: u64) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_LENGTH, bytes.into())])
    }

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    /// Bodies on their way or waiting, and their bytes.
    fn taken(room: &Room) -> (usize, u64) {
        let taken = room.lock();
        (taken.uploads, taken.bytes)
    }

    const LARGEST: u64 = COMPONENT_BYTES_MAX as u64;

    #[test]
    fn uploads_take_bounded_memory_and_each_tenant_its_part() {
        let room = Room::default();
        let first = room.enter(&tenant("a"), &length(LARGEST)).unwrap();
        assert!(room.enter(&tenant("a"), &length(LARGEST)).is_err(), "one tenant took two of the largest");
        let _small = room.enter(&tenant("a"), &length(1_000)).unwrap();
        let _others: Vec<_> = ["b", "c"].iter().map(|name| room.enter(&tenant(name), &HeaderMap::new()).unwrap()).collect();
        assert!(room.enter(&tenant("b"), &length(1_000)).is_err(), "the last quarter went to one who has something under way");
        let _new = room.enter(&tenant("d"), &length(100_000)).unwrap();
        assert!(room.enter(&tenant("e"), &length(LARGEST)).is_err());
        assert!(taken(&room).1 <= BYTES_MAX);
        drop(first);
        room.enter(&tenant("e"), &length(LARGEST)).unwrap();
    }

    #[test]
    fn many_small_bodies_are_bounded_as_well() {
        let room = Room::default();
        let held: Vec<_> = (0..4).map(|_| room.enter(&tenant("loud"), &length(1)).unwrap()).collect();
        assert_eq!(room.enter(&tenant("loud"), &length(1)).unwrap_err().code, Code::Busy);
        let others: Vec<_> = (0..100).filter_map(|n| room.enter(&tenant(&format!("t{n}")), &length(1)).ok()).collect();
        assert_eq!((others.len(), taken(&room).0), (60, 64));
        drop((held, others));
        assert_eq!(taken(&room), (0, 0));
        assert!(room.lock().of.is_empty(), "a tenant is remembered for nothing");
    }

    #[test]
    fn what_is_announced_beyond_the_largest_is_not_reserved() {
        let room = Room::default();
        let _part = room.enter(&tenant("a"), &length(u64::MAX)).unwrap();
        assert_eq!(taken(&room), (1, LARGEST));
    }

    #[test]
    fn only_what_is_not_packed_is_taken() {
        let with = |value: &'static str| check_encoding(&HeaderMap::from_iter([(header::CONTENT_ENCODING, value.parse().unwrap())]));
        assert!(check_encoding(&HeaderMap::new()).is_ok() && with("identity").is_ok() && with("Identity").is_ok());
        for packed in ["gzip", "br", "zstd", "deflate", "identity, gzip", "x"] {
            let refusal = with(packed).unwrap_err();
            assert_eq!((refusal.code, refusal.at.as_deref()), (Code::WrongContentType, Some("content-encoding")), "{packed}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gets_no_room_reads_the_answer_and_a_slow_one_does_not_hold_it_up() {
        let refusal = || Refusal::new(Code::Busy, "too many");
        let quick = turn_away(refusal(), Body::from(vec![0; 100_000])).await;
        assert_eq!((quick.status().as_u16(), quick.headers().get(header::CONNECTION)), (503, None));
        let slow = turn_away(refusal(), Body::new(Never)).await;
        assert_eq!(slow.headers().get(header::CONNECTION).map(HeaderValue::as_bytes), Some(&b"close"[..]));
    }

    /// A body of which nothing ever comes.
    struct Never;

    impl axum::body::HttpBody for Never {
        type Data = bytes::Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, std::convert::Infallible>>> {
            std::task::Poll::Pending
        }
    }
}
