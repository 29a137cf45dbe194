//! Tells whoever follows a tenant what its plugins write and decide, as it happens.
//!
//! The commit hands every turn over; the admin API's `logs` waits for them. Only what somebody follows is held, and only for as long as
//! they come back for it: a tenant's last turns in bounded memory, the oldest going first. Who comes too late is told how many lines
//! are missing; nothing waits for a follower, and what was held is in the trail as well.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jackfield_domain::id::{ContactId, FlowName, TenantId};
use jackfield_domain::trail::{AttemptRecord, Turn};
use serde_json::{Value, json};
use tokio::sync::watch;

/// Who does not come back for so long follows no more.
const KEPT: Duration = Duration::from_secs(60);
/// Tenants that are followed at once.
const TENANTS_MAX: usize = 100;
/// Lines of one tenant that are held.
const LINES_MAX: usize = 2_000;
/// And their bytes: a hundred tenants are fifty megabytes at worst.
const BYTES_MAX: usize = 512 * 1024;

/// What is held for followers.
#[derive(Debug, Default)]
pub struct Tail {
    /// How many tenants are followed: nearly always none, and then a turn costs one look at this.
    followed: AtomicUsize,
    tenants: Mutex<HashMap<TenantId, Followed>>,
}

#[derive(Debug)]
struct Followed {
    until: Instant,
    lines: VecDeque<(u64, Arc<Line>)>,
    bytes: usize,
    last: u64,
    news: watch::Sender<u64>,
}

#[derive(Debug)]
struct Line {
    contact: ContactId,
    flow: FlowName,
    /// JSON as text: a tree of it takes several times the room.
    told: String,
}

/// Which lines are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of that contact alone.
    pub contact: Option<ContactId>,
    /// Of that flow alone.
    pub flow: Option<FlowName>,
}

/// What a follower gets.
#[derive(Debug, Default, PartialEq)]
pub struct News {
    /// In order.
    pub lines: Vec<Value>,
    /// Where to go on.
    pub next: u64,
    /// Lines that went before they were fetched, wanted or not; where it was not held meanwhile, more than there were.
    pub lost: u64,
}

impl Tail {
    /// Holds a turn, where its tenant is followed.
    pub fn turn(&self, tenant: &TenantId, turn: &Turn) {
        if self.followed.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut tenants = self.tenants();
        let Some(followed) = tenants.get_mut(tenant) else { return };
        if followed.until < Instant::now() {
            tenants.remove(tenant);
            self.followed.store(tenants.len(), Ordering::Relaxed);
            return;
        }
        for told in lines_of(turn) {
            followed.hold(Line { contact: turn.contact, flow: turn.flow.clone(), told: told.to_string() });
        }
        followed.news.send_replace(followed.last);
    }

    /// What came after a line; waits a while where nothing did.
    ///
    /// Without `after` it begins to hold, and gives nothing but where to go on.
    pub async fn follow(&self, tenant: &TenantId, wanted: &Wanted, after: Option<u64>, patience: Duration) -> News {
        let (news, mut came) = self.look(tenant, wanted, after);
        if after.is_none() || !news.lines.is_empty() || news.lost > 0 {
            return news;
        }
        let next = news.next;
        // The sender is gone where nobody came back in time: then there is nothing to wait for.
        let _ = tokio::time::timeout(patience, came.wait_for(|last| *last > next)).await;
        self.look(tenant, wanted, Some(next)).0
    }

    fn look(&self, tenant: &TenantId, wanted: &Wanted, after: Option<u64>) -> (News, watch::Receiver<u64>) {
        let mut tenants = self.tenants();
        let now = Instant::now();
        tenants.retain(|_, followed| followed.until >= now);
        if tenants.len() >= TENANTS_MAX && !tenants.contains_key(tenant) {
            // Whoever comes back least often goes: nobody keeps others out by having many.
            let idlest = tenants.iter().min_by_key(|(_, followed)| followed.until).map(|(tenant, _)| tenant.clone());
            idlest.map(|tenant| tenants.remove(&tenant));
        }
        let followed = tenants.entry(tenant.clone()).or_insert_with(|| Followed::new(now));
        followed.until = now + KEPT;
        let told = (followed.since(after.unwrap_or(followed.last), wanted), followed.news.subscribe());
        self.followed.store(tenants.len(), Ordering::Relaxed);
        told
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantId, Followed>> {
        // What is held is whole at every step.
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Followed {
    /// Numbers begin with the time, so that they never go back: a follower from before a restart sees that something is missing.
    fn new(now: Instant) -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let last = u64::try_from(since_1970.as_micros()).unwrap_or_default();
        Self { until: now, lines: VecDeque::new(), bytes: 0, last, news: watch::Sender::new(last) }
    }

    fn hold(&mut self, line: Line) {
        self.last += 1;
        self.bytes = self.bytes.saturating_add(line.told.len());
        self.lines.push_back((self.last, Arc::new(line)));
        while self.lines.len() > LINES_MAX || self.bytes > BYTES_MAX {
            let Some((_, gone)) = self.lines.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(gone.told.len());
        }
    }

    fn since(&self, after: u64, wanted: &Wanted) -> News {
        let is_wanted = |line: &Line| {
            wanted.contact.is_none_or(|contact| contact == line.contact) && wanted.flow.as_ref().is_none_or(|flow| *flow == line.flow)
        };
        let first = self.lines.front().map_or(self.last.saturating_add(1), |(number, _)| *number);
        let wanted = self.lines.iter().filter(|(number, line)| *number > after && is_wanted(line));
        let lines = wanted.filter_map(|(_, line)| serde_json::from_str(&line.told).ok()).collect();
        News { lines, next: self.last, lost: first.saturating_sub(after.saturating_add(1)) }
    }
}

/// A turn as lines: what the plugin wrote, what went wrong, what was decided.
pub fn lines_of(turn: &Turn) -> Vec<Value> {
    let told = |what: &str, more: Value| {
        let mut line = json!({ "at": turn.at, "contact": turn.contact, "turn": turn.turn, "flow": turn.flow, "what": what });
        if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
            line.extend(more);
        }
        line
    };
    let of_attempt = |attempt: &AttemptRecord| {
        let mut lines: Vec<Value> = attempt
            .log
            .iter()
            .map(|line| {
                told("log", json!({ "release": attempt.release, "level": line.level, "message": line.message, "fields": line.fields }))
            })
            .collect();
        if let Some(failure) = &attempt.failure {
            lines.push(told("failed", json!({ "release": attempt.release, "code": failure.code(), "message": failure.detail })));
        }
        lines
    };
    let mut lines: Vec<Value> = turn.attempts.iter().flat_map(of_attempt).collect();
    let (event, barred) = (turn.event.name(), turn.barred.map(|barred| barred.code()));
    let actions: Vec<&str> = turn.decision.iter().flat_map(|decision| &decision.actions).map(|action| action.name()).collect();
    let what = if turn.answered_by.is_some() { "answered" } else { "noted" };
    let by = turn.answered_by.map(|by| by.as_str());
    lines.push(told(
        what,
        json!({ "release": turn.release, "event": event, "by": by, "barred": barred, "actions": actions, "message": turn.reason }),
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(flow: &str, text: &str) -> Line {
        Line { contact: ContactId::first_at(1), flow: flow.parse().unwrap(), told: json!(text).to_string() }
    }

    fn tell(tail: &Tail, tenant: &TenantId, lines: Vec<Line>) {
        let mut tenants = tail.tenants();
        let Some(followed) = tenants.get_mut(tenant) else { return };
        lines.into_iter().for_each(|line| followed.hold(line));
        followed.news.send_replace(followed.last);
    }

    #[tokio::test]
    async fn a_follower_gets_what_came_since_and_only_what_it_wants() {
        let (tail, tenant): (Tail, TenantId) = (Tail::default(), "acme".parse().unwrap());
        tell(&tail, &tenant, vec![line("main", "before anybody followed")]);
        let all = Wanted::default();
        let begun = tail.follow(&tenant, &all, None, Duration::ZERO).await;
        assert_eq!((begun.lines.len(), begun.lost), (0, 0));
        tell(&tail, &tenant, vec![line("main", "one"), line("other", "two")]);
        let news = tail.follow(&tenant, &all, Some(begun.next), Duration::ZERO).await;
        assert_eq!((news.lines.clone(), news.next, news.lost), (vec![json!("one"), json!("two")], begun.next + 2, 0));
        let main = Wanted { flow: Some("main".parse().unwrap()), ..Wanted::default() };
        let news = tail.follow(&tenant, &main, Some(begun.next), Duration::ZERO).await;
        assert_eq!((news.lines, news.next), (vec![json!("one")], begun.next + 2));
        let beyond = tail.follow(&tenant, &all, Some(u64::MAX), Duration::ZERO).await;
        assert_eq!((beyond.lines.len(), beyond.next), (0, begun.next + 2));
    }

    #[tokio::test]
    async fn who_waits_is_woken_and_who_is_late_is_told_how_much_is_gone() {
        let (tail, tenant): (Arc<Tail>, TenantId) = (Arc::default(), "acme".parse().unwrap());
        let begun = tail.follow(&tenant, &Wanted::default(), None, Duration::ZERO).await.next;
        let waiting = tokio::spawn({
            let (tail, tenant) = (Arc::clone(&tail), tenant.clone());
            async move { tail.follow(&tenant, &Wanted::default(), Some(begun), Duration::from_secs(60)).await }
        });
        // Whether it looks before or after this, it gets the line.
        tokio::task::yield_now().await;
        tell(&tail, &tenant, vec![line("main", "one")]);
        assert_eq!(waiting.await.unwrap().lines, [json!("one")]);
        tell(&tail, &tenant, (0..LINES_MAX + 4).map(|_| line("main", "more")).collect());
        let news = tail.follow(&tenant, &Wanted::default(), Some(begun + 1), Duration::ZERO).await;
        assert_eq!((news.lines.len(), news.lost), (LINES_MAX, 4));
        tell(&tail, &tenant, vec![line("main", &"x".repeat(BYTES_MAX - 2))]);
        assert_eq!(tail.tenants()[&tenant].lines.len(), 1, "bytes are bounded as well");
        // Numbers of another life of the server are lower than any of this one.
        assert!(tail.follow(&tenant, &Wanted::default(), Some(5_000), Duration::ZERO).await.lost > 0);
    }

    #[tokio::test]
    async fn so_many_tenants_are_held_and_who_comes_back_least_often_goes() {
        let tail = Tail::default();
        let name = |number: usize| format!("t-{number}").parse::<TenantId>().unwrap();
        for number in 0..=TENANTS_MAX {
            tail.follow(&name(number), &Wanted::default(), None, Duration::ZERO).await;
        }
        let tenants = tail.tenants();
        assert_eq!(tenants.len(), TENANTS_MAX);
        assert!(!tenants.contains_key(&name(0)) && tenants.contains_key(&name(TENANTS_MAX)));
    }
}
