//! Remembers which hosts have failed too often lately, so that nobody waits for them again and again.
//!
//! The gate asks before it dials and tells afterwards what came of it. Five failures in a row within half a minute open the breaker;
//! after a while one request goes through as a probe, and its end decides. Each tenant has its own, because a host that fails for one
//! tenant's key, or one that a tenant makes fail, is no reason to keep it from another. Only silence and broken connections are
//! failures: an error status is an answer, and what it means is the plugin's to say.
//!
//! It reads no clock; the time comes in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jackfield_domain::flow::egress::Target;

/// Failures in a row that open it.
const FAILURES_MAX: u32 = 5;
/// They count together only within this time.
const WINDOW: Duration = Duration::from_secs(30);
/// How long it stays open at first; twice as long each time that the probe fails.
const OPEN_FIRST: Duration = Duration::from_secs(5);
/// How long at most: a service that came back is found within a minute.
const OPEN_MAX: Duration = Duration::from_secs(60);
/// Hosts of one tenant that are remembered: with patterns there can be any number, and forgetting one costs five failures.
const HOSTS_MAX: usize = 64;

/// Whether a host is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is.
    Ask,
    /// It is, and what comes of it decides for all.
    Probe,
    /// It is not.
    Refuse,
}

#[derive(Debug, Clone, Copy)]
struct Breaker {
    failures: u32,
    /// Of the first of them.
    since: Instant,
    /// Closed without it.
    open: Option<Open>,
    used: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    until: Instant,
    long: Duration,
    probing: bool,
}

/// The breakers of one tenant.
#[derive(Debug, Default)]
pub(super) struct Breakers {
    hosts: HashMap<Target, Breaker>,
}

impl Breakers {
    /// Asks for one request.
    pub(super) fn ask(&mut self, target: &Target, now: Instant) -> Verdict {
        let Some(breaker) = self.hosts.get_mut(target) else { return Verdict::Ask };
        breaker.used = now;
        match &mut breaker.open {
            None => Verdict::Ask,
            Some(open) if open.probing || now < open.until => Verdict::Refuse,
            Some(open) => {
                open.probing = true;
                Verdict::Probe
            }
        }
    }

    /// The host answered.
    pub(super) fn answered(&mut self, target: &Target) {
        self.hosts.remove(target);
    }

    /// It did not.
    pub(super) fn failed(&mut self, target: &Target, now: Instant) {
        if !self.hosts.contains_key(target) {
            self.make_room();
        }
        let fresh = Breaker { failures: 0, since: now, open: None, used: now };
        let breaker = self.hosts.entry(target.clone()).or_insert(fresh);
        breaker.used = now;
        match breaker.open {
            Some(open) if open.probing => {
                let long = (open.long * 2).min(OPEN_MAX);
                breaker.open = Some(Open { until: now + long, long, probing: false });
            }
            // A request that was under way when it opened says nothing new.
            Some(_) => {}
            None => {
                if now.duration_since(breaker.since) > WINDOW {
                    (breaker.failures, breaker.since) = (0, now);
                }
                breaker.failures += 1;
                if breaker.failures >= FAILURES_MAX {
                    breaker.open = Some(Open { until: now + OPEN_FIRST, long: OPEN_FIRST, probing: false });
                }
            }
        }
    }

    /// A probe ended without saying anything of the host: the next one decides.
    pub(super) fn given_up(&mut self, target: &Target) {
        if let Some(open) = self.hosts.get_mut(target).and_then(|breaker| breaker.open.as_mut()) {
            open.probing = false;
        }
    }

    /// Whether a host is not asked now.
    pub(super) fn is_open(&self, target: &Target, now: Instant) -> bool {
        self.hosts.get(target).and_then(|breaker| breaker.open).is_some_and(|open| open.probing || now < open.until)
    }

    /// How many hosts are not asked now.
    pub(super) fn open(&self, now: Instant) -> usize {
        self.hosts.keys().filter(|target| self.is_open(target, now)).count()
    }

    fn make_room(&mut self) {
        if self.hosts.len() < HOSTS_MAX {
            return;
        }
        // Closed ones first: they know least.
        let least = self.hosts.iter().min_by_key(|(_, breaker)| (breaker.open.is_some(), breaker.used)).map(|(target, _)| target.clone());
        if let Some(least) = least {
            self.hosts.remove(&least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_domain::flow::egress::Scheme;

    fn target(host: &str) -> Target {
        Target { scheme: Scheme::Https, host: host.parse().unwrap(), port: 443 }
    }

    fn opened(target: &Target, now: Instant) -> Breakers {
        let mut breakers = Breakers::default();
        for _ in 0..FAILURES_MAX {
            assert_eq!(breakers.ask(target, now), Verdict::Ask);
            breakers.failed(target, now);
        }
        breakers
    }

    #[test]
    fn a_host_that_failed_five_times_is_not_asked_until_a_probe_answers() {
        let (host, now) = (target("a.example"), Instant::now());
        let mut breakers = opened(&host, now);
        assert_eq!(breakers.ask(&host, now), Verdict::Refuse);
        assert_eq!(breakers.ask(&target("b.example"), now), Verdict::Ask, "another host is another matter");
        let later = now + OPEN_FIRST;
        assert_eq!(breakers.ask(&host, later), Verdict::Probe);
        assert_eq!(breakers.ask(&host, later), Verdict::Refuse, "one probe at a time");
        breakers.failed(&host, later);
        assert_eq!(breakers.ask(&host, later + OPEN_FIRST), Verdict::Refuse, "the second wait is longer");
        assert_eq!(breakers.ask(&host, later + OPEN_FIRST * 2), Verdict::Probe);
        breakers.answered(&host);
        assert_eq!(breakers.ask(&host, later + OPEN_FIRST * 2), Verdict::Ask);
    }

    #[test]
    fn a_probe_that_was_given_up_leaves_the_next_one_free() {
        let (host, now) = (target("a.example"), Instant::now());
        let mut breakers = opened(&host, now);
        let later = now + OPEN_FIRST;
        assert_eq!(breakers.ask(&host, later), Verdict::Probe);
        breakers.given_up(&host);
        assert_eq!(breakers.ask(&host, later), Verdict::Probe);
    }

    #[test]
    fn failures_far_apart_or_with_an_answer_between_them_open_nothing() {
        let (host, now) = (target("a.example"), Instant::now());
        let mut breakers = Breakers::default();
        for round in 0..20 {
            breakers.failed(&host, now + (WINDOW / 2) * round);
            assert_eq!(breakers.ask(&host, now + (WINDOW / 2) * round), Verdict::Ask);
        }
        for _ in 0..20 {
            for _ in 1..FAILURES_MAX {
                breakers.failed(&host, now);
            }
            breakers.answered(&host);
            assert_eq!(breakers.ask(&host, now), Verdict::Ask);
        }
    }

    #[test]
    fn ever_new_hosts_take_bounded_room_and_push_out_no_open_breaker() {
        let (host, now) = (target("a.example"), Instant::now());
        let mut breakers = opened(&host, now);
        for number in 0..10_000 {
            breakers.failed(&target(&format!("h{number}.example")), now + Duration::from_millis(1));
        }
        assert_eq!(breakers.hosts.len(), HOSTS_MAX);
        assert_eq!(breakers.ask(&host, now), Verdict::Refuse);
    }
}
