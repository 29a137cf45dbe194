//! Holds the turnstile to its promises: by the rule alone, and with tasks that come, wait and vanish.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::lines::Next;
use super::*;

fn rules() -> Rules {
    Rules {
        places: PerLane([0, 1, 0]),
        slots: [8, 2],
        tenant_slots: [4, 1],
        line_max: 100,
        waiting_max: 1_000,
        wait_max: Duration::from_secs(3_600),
    }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

fn now<T>(poll: Poll<Result<T, Refused>>) -> T {
    match poll {
        Poll::Ready(Ok(place)) => place,
        Poll::Ready(Err(Refused)) => panic!("it was refused"),
        Poll::Pending => panic!("it waits"),
    }
}

const SMALL: SlotClass = SlotClass::Small;

/// Serves everybody who waits and tells how the places went, each held for as long as its tenant always holds one.
fn serve(lines: &mut Lines<u32>, mut at: Instant, places: usize, held: impl Fn(&TenantId) -> Duration) -> Vec<TenantId> {
    let mut served = Vec::new();
    for _ in 0..places {
        let Some(Next { tenant, class, lane, .. }) = lines.next(at) else { break };
        let took = held(&tenant);
        at += took;
        lines.leave(&tenant, class, lane, share(took), true, at);
        served.push(tenant);
    }
    served
}

/// A guest that was run for as long as it held its place, in stretches of a tenth of a millisecond.
#[expect(clippy::unnecessary_wraps, reason = "it stands where a share may be none")]
fn share(held: Duration) -> Option<Share> {
    Some(Share { held, used: held, longest: held.min(Duration::from_micros(100)), whole: held })
}

fn stand(lines: &mut Lines<u32>, tenant: &TenantId, priority: Priority, at: Instant) {
    lines.stand(tenant, priority, Waiter { class: SMALL, who: 0 }, at);
}

#[test]
fn a_quiet_tenant_passes_every_loud_one() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(rules());
    let loud: Vec<TenantId> = (0..20).map(|number| tenant(&format!("loud-{number}"))).collect();
    for _ in 0..20 {
        loud.iter().for_each(|loud| stand(&mut lines, loud, Priority::Arrival, at));
    }
    // Each has had a turn and is in debt.
    serve(&mut lines, at, 40, |_| Duration::from_millis(50));
    stand(&mut lines, &tenant("quiet"), Priority::Arrival, at);
    assert_eq!(serve(&mut lines, at, 1, |_| Duration::from_millis(1)), [tenant("quiet")]);
}

#[test]
fn tenants_share_time_and_not_turns() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(rules());
    let (heavy, small) = (tenant("heavy"), tenant("small"));
    for _ in 0..90 {
        stand(&mut lines, &heavy, Priority::Arrival, at);
        stand(&mut lines, &small, Priority::Arrival, at);
    }
    let held = |tenant: &TenantId| Duration::from_millis(if tenant.as_str() == "heavy" { 40 } else { 10 });
    let served = serve(&mut lines, at, 100, held);
    let of_heavy = served.iter().filter(|tenant| **tenant == heavy).count();
    assert!((15..=25).contains(&of_heavy), "four times as long makes a fourth of the turns: {of_heavy} of 100");
}

#[test]
fn within_a_tenant_who_is_in_a_call_goes_first() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(rules());
    let acme = tenant("acme");
    for (who, priority) in [Priority::Background, Priority::Arrival, Priority::Running, Priority::Message].into_iter().enumerate() {
        lines.stand(&acme, priority, Waiter { class: SMALL, who: u32::try_from(who).unwrap() }, at);
    }
    let mut order = Vec::new();
    while let Some(Next { tenant, lane, who, .. }) = lines.next(at) {
        order.push(who);
        lines.leave(&tenant, SMALL, lane, share(Duration::from_millis(1)), true, at);
    }
    assert_eq!(order, [2, 1, 3, 0]);
}

#[test]
fn the_lower_priority_is_turned_away_first() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(Rules { wait_max: Duration::from_millis(100), ..rules() });
    let acme = tenant("acme");
    assert_eq!(lines.ask(&acme, SMALL, Priority::Arrival, at), Verdict::Go(Lane::Usual));
    // One place, a millisecond each: sixty in line are sixty milliseconds.
    (0..60).for_each(|_| stand(&mut lines, &acme, Priority::Arrival, at));
    let verdicts = Priority::ALL.map(|priority| lines.ask(&acme, SMALL, priority, at));
    assert_eq!(verdicts, [Verdict::Refused, Verdict::Refused, Verdict::Wait, Verdict::Wait, Verdict::Wait]);
    (0..30).for_each(|_| stand(&mut lines, &acme, Priority::Arrival, at));
    assert_eq!(lines.ask(&acme, SMALL, Priority::Arrival, at), Verdict::Refused);
    assert_eq!(lines.ask(&acme, SMALL, Priority::Running, at), Verdict::Wait);
    assert_ne!(lines.ask(&tenant("other"), SMALL, Priority::Arrival, at), Verdict::Refused, "the line of another tenant is not its own");
}

#[test]
fn a_quiet_tenant_is_not_turned_away_for_a_crowd_that_stands_behind_it() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(Rules { wait_max: Duration::from_millis(100), ..rules() });
    let crowd: Vec<TenantId> = (0..200).map(|number| tenant(&format!("loud-{number}"))).collect();
    for _ in 0..3 {
        crowd.iter().for_each(|loud| stand(&mut lines, loud, Priority::Arrival, at));
    }
    // All have had a turn, and one of them holds the place.
    serve(&mut lines, at, 200, |_| Duration::from_millis(20));
    assert!(lines.next(at).is_some());
    assert_eq!(lines.ask(&tenant("loud-7"), SMALL, Priority::Arrival, at), Verdict::Refused);
    assert_eq!(lines.ask(&tenant("quiet"), SMALL, Priority::Arrival, at), Verdict::Wait);
}

#[test]
fn who_needs_little_goes_before_those_who_need_much_even_where_it_asks_more_often() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(Rules { wait_max: Duration::from_millis(100), ..rules() });
    let (quiet, loud): (TenantId, Vec<TenantId>) = (tenant("quiet"), (0..50).map(|number| tenant(&format!("loud-{number}"))).collect());
    let cost = |tenant: &TenantId| Duration::from_millis(if tenant.as_str() == "quiet" { 11 } else { 220 });
    // Both are dear enough to stay in one lane.
    for _ in 0..20 {
        // On a busy machine a cheap guest holds its place nearly as long as a dear one.
        let run = |lines: &mut Lines<u32>, tenant: &TenantId| {
            let share =
                Share { held: Duration::from_millis(220), used: cost(tenant), longest: Duration::from_micros(100), whole: cost(tenant) };
            lines.leave(tenant, SMALL, Lane::Usual, Some(share), true, at);
        };
        stand(&mut lines, &quiet, Priority::Arrival, at);
        loud.iter().for_each(|loud| stand(&mut lines, loud, Priority::Arrival, at));
        let first = lines.next(at).map(|next| next.tenant);
        first.iter().for_each(|tenant| run(&mut lines, tenant));
        while let Some(Next { tenant, .. }) = lines.next(at) {
            run(&mut lines, &tenant);
        }
    }
    loud.iter().for_each(|loud| stand(&mut lines, loud, Priority::Arrival, at));
    assert!(lines.next(at).is_some_and(|next| next.tenant != quiet));
    assert_eq!(lines.ask(&quiet, SMALL, Priority::Arrival, at), Verdict::Wait, "it was turned away for dearer ones behind it");
    stand(&mut lines, &quiet, Priority::Arrival, at);
    lines.leave(&loud[0], SMALL, Lane::Usual, share(Duration::from_millis(220)), true, at);
    assert_eq!(lines.next(at).map(|next| next.tenant), Some(quiet));
}

#[test]
fn a_line_and_all_lines_together_are_bounded() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(Rules { line_max: 3, waiting_max: 5, ..rules() });
    let (acme, other) = (tenant("acme"), tenant("other"));
    assert_eq!(lines.ask(&acme, SMALL, Priority::Running, at), Verdict::Go(Lane::Usual));
    (0..3).for_each(|_| stand(&mut lines, &acme, Priority::Running, at));
    assert_eq!(lines.ask(&acme, SMALL, Priority::Running, at), Verdict::Refused);
    assert_eq!(lines.ask(&other, SMALL, Priority::Running, at), Verdict::Wait);
    (0..2).for_each(|_| stand(&mut lines, &other, Priority::Running, at));
    assert_eq!(lines.ask(&other, SMALL, Priority::Running, at), Verdict::Refused);
}

#[test]
fn no_tenant_holds_more_than_its_part_of_the_slots_and_none_holds_up_another() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(Rules { places: PerLane([0, 100, 100]), ..rules() });
    let (greedy, other) = (tenant("greedy"), tenant("other"));
    let went = (0..10).filter(|_| lines.ask(&greedy, SMALL, Priority::Arrival, at) == Verdict::Go(Lane::Usual)).count();
    assert_eq!(went, 4);
    stand(&mut lines, &greedy, Priority::Arrival, at);
    assert!(lines.next(at).is_none());
    assert_eq!(lines.ask(&other, SMALL, Priority::Arrival, at), Verdict::Go(Lane::Usual));
    assert_eq!(lines.ask(&greedy, SlotClass::Large, Priority::Arrival, at), Verdict::Wait, "nobody passes the tenant's own line");
    // Whoever stands aside keeps the slot; it takes the end of an instance to make room.
    lines.leave(&greedy, SMALL, Lane::Usual, share(Duration::from_millis(1)), false, at);
    assert!(lines.next(at).is_none());
    lines.leave(&greedy, SMALL, Lane::Usual, None, true, at);
    assert_eq!(lines.next(at).map(|next| next.tenant), Some(greedy));
}

/// Guests that each used so much, in stretches of so much.
fn run(lines: &mut Lines<u32>, tenant: &TenantId, times: u32, used: Duration, longest: Duration, at: Instant) -> Lane {
    let mut last = Lane::Usual;
    for _ in 0..times {
        let Verdict::Go(lane) = lines.ask(tenant, SMALL, Priority::Arrival, at) else { panic!("{tenant} has to wait") };
        lines.leave(tenant, SMALL, lane, Some(Share { held: used, used, longest, whole: used }), true, at);
        last = lane;
    }
    last
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_tenant_that_was_short_does_not_wait_for_those_who_never_stop() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(Rules { places: PerLane([2, 2, 1]), ..rules() });
    let (hog, quiet) = (tenant("hog"), tenant("quiet"));
    assert_eq!(run(&mut lines, &quiet, 4, MS, MS / 10, at), Lane::Express);
    assert_eq!(run(&mut lines, &hog, 4, MS * 50, MS / 10, at), Lane::Usual);
    assert_eq!(lines.ask(&hog, SMALL, Priority::Arrival, at), Verdict::Go(Lane::Usual));
    assert_eq!(lines.ask(&hog, SMALL, Priority::Arrival, at), Verdict::Go(Lane::Usual));
    assert_eq!(lines.ask(&hog, SMALL, Priority::Arrival, at), Verdict::Wait, "the express places are not for it");
    assert_eq!(lines.ask(&tenant("stranger"), SMALL, Priority::Arrival, at), Verdict::Wait, "nobody knows how long its guests are");
    assert_eq!(lines.ask(&quiet, SMALL, Priority::Arrival, at), Verdict::Go(Lane::Express));
    assert_eq!(lines.ask(&quiet, SMALL, Priority::Arrival, at), Verdict::Wait, "half of the express places are for others");
    lines.leave(&hog, SMALL, Lane::Usual, share(MS), true, at);
    assert_eq!(lines.ask(&quiet, SMALL, Priority::Arrival, at), Verdict::Go(Lane::Usual), "where there is room it runs beside anybody");
    let later = at + Duration::from_secs(300);
    lines.leave(&hog, SMALL, Lane::Usual, share(MS), true, later);
    assert_eq!(lines.ask(&hog, SMALL, Priority::Arrival, later), Verdict::Go(Lane::Express), "what it used is forgotten by then");
}

#[test]
fn who_held_a_worker_too_long_meets_only_its_like() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(Rules { places: PerLane([1, 1, 1]), ..rules() });
    let (copies, fills, other) = (tenant("copies"), tenant("fills"), tenant("other"));
    for slow in [&copies, &fills] {
        assert_eq!(run(&mut lines, slow, 1, MS * 200, MS * 200, at), Lane::Usual, "nobody knew it before");
    }
    assert_eq!(lines.ask(&copies, SMALL, Priority::Arrival, at), Verdict::Go(Lane::Slow));
    assert_eq!(lines.ask(&fills, SMALL, Priority::Arrival, at), Verdict::Wait);
    assert_eq!(lines.ask(&other, SMALL, Priority::Arrival, at), Verdict::Go(Lane::Usual));
}

#[test]
fn who_comes_back_goes_before_those_who_wait_for_just_its_slot() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(Rules { places: PerLane([1, 1, 1]), ..rules() });
    let (asks, busy) = (tenant("asks"), tenant("busy"));
    let gone_aside = |lines: &mut Lines<u32>| {
        assert_eq!(lines.ask(&asks, SMALL, Priority::Running, at), Verdict::Go(Lane::Usual));
        lines.leave(&asks, SMALL, Lane::Usual, share(MS), false, at);
    };
    // All slots of the tenant are held by guests that stand aside.
    (0..4).for_each(|_| gone_aside(&mut lines));
    stand(&mut lines, &asks, Priority::Running, at);
    assert_eq!(lines.ask(&busy, SMALL, Priority::Arrival, at), Verdict::Go(Lane::Usual));
    assert_eq!(lines.ask_again(&asks, SMALL, Lane::Usual), Verdict::Wait);
    lines.stand_again(&asks, Lane::Usual, Waiter { class: SMALL, who: 7 });
    lines.leave(&busy, SMALL, Lane::Usual, share(MS), true, at);
    let back = lines.next(at).unwrap();
    assert!(back.returns && back.who == 7, "the one that has its slot is first");
    assert!(lines.next(at).is_none());
    lines.leave(&asks, SMALL, Lane::Usual, share(MS), true, at);
    assert!(lines.next(at).is_some_and(|next| !next.returns), "its slot is the next one's");
}

#[test]
fn who_comes_over_from_another_lane_is_behind_those_who_belong_there() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(Rules { places: PerLane([1, 1, 1]), ..rules() });
    let (short, other, stranger) = (tenant("short"), tenant("other"), tenant("stranger"));
    for known in [&short, &other] {
        run(&mut lines, known, 3, MS, MS / 10, at);
    }
    assert_eq!(lines.ask(&other, SMALL, Priority::Arrival, at), Verdict::Go(Lane::Express));
    assert_eq!(lines.ask(&tenant("busy"), SMALL, Priority::Arrival, at), Verdict::Go(Lane::Usual));
    stand(&mut lines, &short, Priority::Arrival, at);
    stand(&mut lines, &stranger, Priority::Arrival, at);
    lines.leave(&tenant("busy"), SMALL, Lane::Usual, share(MS), true, at);
    assert_eq!(lines.next(at).map(|next| next.tenant), Some(stranger));
    lines.leave(&other, SMALL, Lane::Express, share(MS), true, at);
    assert_eq!(lines.next(at).map(|next| (next.tenant, next.lane)), Some((short, Lane::Express)));
}

#[test]
fn a_place_that_nobody_used_makes_nobody_known() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(Rules { places: PerLane([1, 1, 1]), ..rules() });
    let hangs_up = tenant("hangs-up");
    assert_eq!(run(&mut lines, &hangs_up, 10, Duration::ZERO, Duration::ZERO, at), Lane::Usual);
    assert_eq!(run(&mut lines, &hangs_up, 4, MS, MS / 10, at), Lane::Express);
}

#[test]
fn the_last_slots_are_for_tenants_that_hold_none() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(Rules { places: PerLane([0, 100, 100]), ..rules() });
    let taken = |lines: &mut Lines<u32>, name: &str| {
        (0..8).filter(|_| lines.ask(&tenant(name), SMALL, Priority::Arrival, at) == Verdict::Go(Lane::Usual)).count()
    };
    assert_eq!([taken(&mut lines, "first"), taken(&mut lines, "second")], [4, 2], "two of eight are kept");
    assert_eq!([taken(&mut lines, "third"), taken(&mut lines, "fourth")], [1, 1]);
    assert_eq!(taken(&mut lines, "fifth"), 0, "there are no more");
}

#[test]
fn who_only_fails_runs_where_there_is_room_and_waits_for_nobody() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(Rules { places: PerLane([1, 1, 1]), ..rules() });
    let (fails, other) = (tenant("fails"), tenant("other"));
    run(&mut lines, &fails, 1, MS, MS / 10, at);
    (0..10).for_each(|_| lines.came_to(&fails, false, at));
    assert_eq!(lines.ask(&fails, SMALL, Priority::Running, at), Verdict::Go(Lane::Usual));
    assert!(lines.would_refuse(&fails, SMALL, Priority::Running, at));
    assert_eq!(lines.ask(&fails, SMALL, Priority::Running, at), Verdict::Refused);
    assert_eq!(lines.ask(&fails, SMALL, Priority::Marked, at), Verdict::Wait, "what the platform has marked is tried all the same");
    assert_eq!(lines.ask(&other, SMALL, Priority::Arrival, at), Verdict::Wait);
    lines.came_to(&fails, true, at);
    assert_eq!(lines.ask(&fails, SMALL, Priority::Arrival, at), Verdict::Wait, "one answer, and it is like others again");
}

#[test]
fn who_changes_lanes_takes_the_debt_along() {
    let at = Instant::now();
    let mut lines = Lines::<u32>::new(Rules { places: PerLane([1, 2, 2]), ..rules() });
    let (dear, cheap) = (tenant("dear"), tenant("cheap"));
    let slow = |lines: &mut Lines<u32>, tenant: &TenantId, used: Duration| {
        stand(lines, tenant, Priority::Arrival, at);
        let Next { tenant, class, lane, .. } = lines.next(at).unwrap();
        lines.leave(&tenant, class, lane, Some(Share { held: used, used, longest: MS * 60, whole: used }), true, at);
    };
    // While somebody else runs in each lane, nobody's debt is forgiven.
    let _busy = lines.ask(&tenant("busy"), SMALL, Priority::Arrival, at);
    slow(&mut lines, &dear, MS * 500);
    slow(&mut lines, &cheap, MS * 61);
    assert_eq!(run(&mut lines, &tenant("third"), 1, MS * 60, MS * 60, at), Lane::Usual);
    let _held = [lines.ask(&tenant("third"), SMALL, Priority::Arrival, at), lines.ask(&tenant("third"), SMALL, Priority::Arrival, at)];
    stand(&mut lines, &dear, Priority::Arrival, at);
    stand(&mut lines, &cheap, Priority::Arrival, at);
    lines.leave(&tenant("third"), SMALL, Lane::Slow, share(MS), true, at);
    assert_eq!(lines.next(at).map(|next| next.tenant), Some(cheap));
}

#[test]
fn a_place_is_never_lost_with_whoever_waited_for_it() {
    let (turnstile, mut keeper) = Turnstile::new(rules());
    let acme = tenant("acme");
    let running = now(poll(pin!(turnstile.enter(&acme, SMALL, Priority::Arrival))));
    let mut gone = Box::pin(turnstile.enter(&acme, SMALL, Priority::Arrival));
    let mut granted_and_gone = Box::pin(turnstile.enter(&acme, SMALL, Priority::Arrival));
    assert!(poll(gone.as_mut()).is_pending() && poll(granted_and_gone.as_mut()).is_pending());
    drop(gone);
    drop(running);
    keeper.catch_up();
    drop(granted_and_gone);
    keeper.catch_up();
    let again = now(poll(pin!(turnstile.enter(&acme, SMALL, Priority::Arrival))));
    drop(again);
    keeper.catch_up();
    assert_eq!(turnstile.depth(), (0, 0));
}

#[test]
fn who_stands_aside_gives_the_place_to_another_and_comes_back() {
    let (turnstile, mut keeper) = Turnstile::new(rules());
    let (slow, other) = (tenant("slow"), tenant("other"));
    let mut place = now(poll(pin!(turnstile.enter(&slow, SMALL, Priority::Arrival))));
    let (answer, network) = oneshot::channel::<()>();
    let mut aside = Box::pin(place.aside(network));
    assert!(poll(aside.as_mut()).is_pending());
    keeper.catch_up();
    let running = now(poll(pin!(turnstile.enter(&other, SMALL, Priority::Arrival))));
    answer.send(()).unwrap();
    assert!(poll(aside.as_mut()).is_pending());
    keeper.catch_up();
    assert!(poll(aside.as_mut()).is_pending(), "the place is another's until it is given back");
    drop(running);
    keeper.catch_up();
    assert!(poll(aside.as_mut()).is_ready());
    drop(aside);
    assert_eq!(turnstile.depth().0, 1);
    // Dropped in the middle of standing aside: neither place nor slot is lost.
    let (_never, network) = oneshot::channel::<()>();
    let mut aside = Box::pin(place.aside(network));
    assert!(poll(aside.as_mut()).is_pending());
    drop(aside);
    drop(place);
    keeper.catch_up();
    assert_eq!(turnstile.depth(), (0, 0));
    assert_eq!(turnstile.lock().ask(&slow, SMALL, Priority::Arrival, Instant::now()), Verdict::Go(Lane::Usual));
}
