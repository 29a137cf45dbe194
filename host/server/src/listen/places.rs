//! Counts open connections: at most so many in all and so many for one peer, and says who may have to leave for others.
//!
//! A door asks it before it accepts. Where all places are taken, the connection that has been quiet for longest is asked to leave: it
//! waits for nothing, and somebody else waits for it. Where every one of them is busy the door waits, and the system's own queue holds
//! whoever comes meanwhile. A peer is one IPv4 address or one IPv6 network of 64 bits, which is what a stranger gets for nothing.
//!
//! It must not tell good peers from bad ones: who is trusted stands in the configuration.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::config::listeners::DoorRules;

/// The places of one door.
#[derive(Debug)]
pub struct Places {
    room: Arc<Semaphore>,
    per_peer_max: usize,
    trusted: Vec<IpNet>,
    open: Mutex<Open>,
    turned_away: AtomicU64,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, Arc<Activity>>,
    peers: HashMap<IpAddr, usize>,
}

/// What a connection does.
#[derive(Debug)]
pub(super) struct Activity {
    /// With whom.
    pub(super) peer: IpAddr,
    /// Rings where it is asked to leave.
    pub(super) leave: Notify,
    doing: Mutex<Doing>,
}

/// The state of a connection, between two looks at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doing {
    /// When it was accepted.
    pub(super) accepted: Instant,
    /// Requests whose answer is not ready.
    pub(super) in_flight: usize,
    /// Requests so far.
    pub(super) requests: u64,
    /// True once a request came by HTTP/2, where bytes between requests are ordinary.
    pub(super) is_multiplexed: bool,
    /// The first byte of a request whose head is not complete.
    pub(super) head_since: Option<Instant>,
    /// Since when it waits for a request.
    pub(super) quiet_since: Instant,
    /// Bytes since the last request began.
    pub(super) bytes: u64,
    /// True while the peer has bytes to take that the system does not hold for it.
    pub(super) is_writing: bool,
}

/// One open connection, as it looks from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// With whom.
    pub peer: IpAddr,
    /// For how long.
    pub age: Duration,
    /// Requests whose answer is not ready.
    pub in_flight: usize,
    /// True where a request has begun whose head is not complete.
    pub is_asking: bool,
}

impl Activity {
    fn new(peer: IpAddr) -> Self {
        let now = Instant::now();
        let doing = Doing {
            accepted: now,
            in_flight: 0,
            requests: 0,
            is_multiplexed: false,
            head_since: None,
            quiet_since: now,
            bytes: 0,
            is_writing: false,
        };
        Self { peer, leave: Notify::new(), doing: Mutex::new(doing) }
    }

    /// As it stands.
    pub(super) fn now(&self) -> Doing {
        *self.doing()
    }

    /// Bytes came. Gives back how many since the last request began.
    pub(super) fn heard(&self, bytes: usize) -> u64 {
        let mut doing = self.doing();
        doing.bytes = doing.bytes.saturating_add(bytes as u64);
        if doing.in_flight == 0 && doing.head_since.is_none() {
            doing.head_since = Some(Instant::now());
        }
        doing.bytes
    }

    /// A write was taken by the system, or must wait for the peer.
    pub(super) fn writes(&self, must_wait: bool) {
        self.doing().is_writing = must_wait;
    }

    /// A request's head is complete.
    pub(super) fn begin(self: &Arc<Self>, is_multiplexed: bool) -> InFlight {
        let mut doing = self.doing();
        doing.in_flight += 1;
        doing.requests += 1;
        doing.is_multiplexed |= is_multiplexed;
        doing.head_since = None;
        doing.bytes = 0;
        drop(doing);
        InFlight(Arc::clone(self))
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        // Nothing panics while it is held.
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request whose answer is not ready; dropped with the answer, however that came about.
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut doing = self.0.doing();
        doing.in_flight = doing.in_flight.saturating_sub(1);
        doing.quiet_since = Instant::now();
    }
}

/// The right to keep one connection open; given back when it is dropped.
pub(super) struct Place {
    pub(super) activity: Arc<Activity>,
    id: u64,
    places: Arc<Places>,
    _room: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.open();
        open.connections.remove(&self.id);
        if let Some(count) = open.peers.get_mut(&self.activity.peer) {
            *count -= 1;
            if *count == 0 {
                open.peers.remove(&self.activity.peer);
            }
        }
    }
}

impl Places {
    /// As the rules say.
    pub(crate) fn new(rules: &DoorRules) -> Arc<Self> {
        Arc::new(Self {
            room: Arc::new(Semaphore::new(rules.connections_max)),
            per_peer_max: rules.per_peer_max,
            trusted: rules.trusted_proxies.clone(),
            open: Mutex::new(Open::default()),
            turned_away: AtomicU64::new(0),
        })
    }

    /// Waits for room for one more; asks the quietest to leave where there is none.
    pub(super) async fn room(&self) -> OwnedSemaphorePermit {
        loop {
            if let Some(room) = self.room_now() {
                return room;
            }
            if let Some(quietest) = self.quietest() {
                quietest.leave.notify_one();
            }
            // The semaphore is never closed.
            if let Ok(room) = Arc::clone(&self.room).acquire_owned().await {
                return room;
            }
        }
    }

    /// Room, if there is some.
    pub(super) fn room_now(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    /// A place for a peer; none where it has as many as one may have.
    pub(super) fn take(self: &Arc<Self>, room: OwnedSemaphorePermit, peer: IpAddr) -> Option<Place> {
        let peer = network(peer);
        let mut open = self.open();
        let count = open.peers.get(&peer).copied().unwrap_or_default();
        if count >= self.per_peer_max && !self.trusted.iter().any(|network| network.contains(&peer)) {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        open.peers.insert(peer, count + 1);
        open.next += 1;
        let (id, activity) = (open.next, Arc::new(Activity::new(peer)));
        open.connections.insert(id, Arc::clone(&activity));
        Some(Place { activity, id, places: Arc::clone(self), _room: room })
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.open().connections.len()
    }

    /// Connections that were turned away because their peer had too many.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }

    /// What is open, the busiest first, at most so many.
    pub fn seen(&self, limit: usize) -> Vec<Seen> {
        let all: Vec<Arc<Activity>> = self.open().connections.values().cloned().collect();
        let mut seen: Vec<Seen> = all
            .iter()
            .map(|activity| {
                let doing = activity.now();
                Seen {
                    peer: activity.peer,
                    age: doing.accepted.elapsed(),
                    in_flight: doing.in_flight,
                    is_asking: doing.in_flight == 0 && doing.head_since.is_some(),
                }
            })
            .collect();
        seen.sort_by_key(|one| std::cmp::Reverse((one.in_flight, one.is_asking, one.age)));
        seen.truncate(limit);
        seen
    }

    /// The connection that has waited longest for a request.
    fn quietest(&self) -> Option<Arc<Activity>> {
        let open = self.open();
        let quiet = open.connections.values().filter(|activity| activity.now().in_flight == 0);
        quiet.min_by_key(|activity| activity.now().quiet_since).cloned()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Nothing panics while it is held.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What counts as one peer.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(connections_max: usize, per_peer_max: usize, trusted: &[&str]) -> Arc<Places> {
        let trusted_proxies = trusted.iter().map(|text| text.parse().unwrap()).collect();
        Places::new(&DoorRules { connections_max, per_peer_max, trusted_proxies, ..DoorRules::of_hooks(100) })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn one_stranger_gets_its_share_and_everybody_else_theirs() {
        let places = places(10, 2, &["10.0.0.0/8"]);
        let take = |peer: &str| places.take(places.room_now().unwrap(), ip(peer));
        let held: Vec<_> = (0..2).map(|_| take("192.0.2.1").unwrap()).collect();
        assert!(take("192.0.2.1").is_none() && take("::ffff:192.0.2.1").is_none());
        assert_eq!(places.turned_away(), 2);
        let other = take("192.0.2.2").unwrap();
        let _proxied: Vec<_> = (0..4).map(|_| take("10.1.2.3").unwrap()).collect();
        drop((held, other));
        assert_eq!(places.count(), 4);
        assert!(take("192.0.2.1").is_some(), "a place is given back");
    }

    #[tokio::test]
    async fn a_network_of_ipv6_is_one_peer() {
        let places = places(10, 1, &[]);
        let take = |peer: &str| places.take(places.room_now().unwrap(), ip(peer));
        let _first = take("2001:db8:1:2::1").unwrap();
        assert!(take("2001:db8:1:2:ffff::9").is_none());
        assert!(take("2001:db8:1:3::1").is_some());
    }

    #[tokio::test]
    async fn where_all_places_are_taken_the_quietest_is_asked_to_leave_and_a_busy_one_never() {
        let places = places(2, 2, &[]);
        let busy = places.take(places.room_now().unwrap(), ip("192.0.2.1")).unwrap();
        let quiet = places.take(places.room_now().unwrap(), ip("192.0.2.2")).unwrap();
        let in_flight = busy.activity.begin(false);
        let asked = {
            let activity = Arc::clone(&quiet.activity);
            async move { activity.leave.notified().await }
        };
        let both = async {
            tokio::join!(places.room(), async move {
                asked.await;
                drop(quiet);
            })
        };
        let room = tokio::time::timeout(Duration::from_secs(30), both).await.expect("nobody is asked to leave");
        drop((room, in_flight));
        assert_eq!(places.count(), 1);
    }
}
