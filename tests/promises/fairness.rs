//! A tenant that is quiet notices nothing of those that are loud, and what is too much is turned to the fallback at once.
//!
//! The short forms of the soaks `neighbours` and `overload`. They look at who answered and not at how fast: a busy machine is slow, and
//! no promise may depend on it.

use std::time::Duration;

use jackfield_tests::corpus::{Guest, Sin, corpus};
use jackfield_tests::neighbours::{self, Scale};
use jackfield_tests::overload;

/// Guests that take all they can of a worker, of memory or of the host.
fn greedy() -> Vec<Sin> {
    let names = ["loops", "allocates", "recurses", "floods-log", "floods-state", "floods-host-calls", "returns-10mb", "spins", "sleeps"];
    corpus().into_iter().filter(|sin| matches!(sin.guest, Guest::Crate(name) if names.contains(&name))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_tenant_beside_greedy_ones_goes_on_being_answered_by_its_plugin() {
    let scale = Scale {
        per_second: 10.0,
        alone: Duration::from_secs(1),
        beside: Duration::from_secs(5),
        every: Duration::from_millis(250),
        flooded: Duration::from_secs(3),
    };
    let report = neighbours::run(greedy(), scale, "").await.unwrap();
    println!("{report}");
    assert!(report.attackers >= 9 && report.beside.attacks > 50 && report.flooded.attacks > 50, "{report}");
    for attacked in [&report.beside, &report.flooded] {
        assert_eq!(attacked.quiet.lost, Vec::<String>::new(), "{report}");
        assert_eq!(attacked.unanswered, Vec::<String>::new(), "{report}");
        // On a machine that runs other tests meanwhile even the first in line may be too late for a call or two; the soak shows that
        // none is.
        assert!(attacked.quiet.plugin.len() * 10 >= (attacked.quiet.plugin.len() + attacked.quiet.fallback.len()) * 9, "{report}");
    }
    assert_eq!(report.stuck, 0, "{report}");
    assert!(!report.stopped_late.is_empty(), "no guest was stopped by the clock: {report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_too_much_is_answered_by_the_fallback_and_work_goes_on() {
    let report = overload::run(10.0, Duration::from_secs(3), overload::CALL_FUEL).await.unwrap();
    println!("{report}");
    assert_eq!(report.asked.lost, Vec::<String>::new(), "{report}");
    assert!(report.asked.fallback.len() > report.asked.plugin.len(), "nothing was shed: {report}");
    let [answered, written] = report.written;
    assert_eq!(answered, written, "what was answered and what the record holds differ: {report}");
    // How much is still done is the soak's to say: here other tests take what they want of the machine, now more and now less.
    assert!(report.asked.plugin.len() > 2, "nothing is done under overload: {report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_turned_away_and_ends_at_once_is_over() {
    let (turned_away, not_over) = overload::ended_at_once(40).await.unwrap();
    assert!(turned_away > 10, "only {turned_away} were turned away");
    assert_eq!(not_over, Vec::<String>::new(), "{turned_away} were turned away");
}
