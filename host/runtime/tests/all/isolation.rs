//! Nothing of one invocation is seen by another, nothing waits for real, and no place is lost.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jackfield_domain::budget::Plan;
use jackfield_domain::fallback::FailureKind;
use jackfield_runtime::Call;

use crate::support::{Guest, House, block_on, call, guest, handling};

/// Traps unless every word of the last two pages is zero, then fills them; and the same with a global and a table.
const FRESH: &str = r"
    (if (i32.or (global.get $seen) (i32.eqz (ref.is_null (table.get $t (i32.const 5))))) (then unreachable))
    (global.set $seen (i32.const 1))
    (table.set $t (i32.const 5) (ref.func $f))
    (local.set $n (i32.const 131072))
    (loop
        (if (i64.ne (i64.load (local.get $n)) (i64.const 0)) (then unreachable))
        (i64.store (local.get $n) (i64.const -1))
        (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 8))) (i32.const 262144))))";

/// Moves pages about in memory while it lives: the kernel's work under which a recycled page was once shown to another. Only
/// root may ask for it.
struct Compaction {
    over: Arc<AtomicBool>,
    mover: Option<JoinHandle<()>>,
}

impl Compaction {
    fn begin() -> Option<Self> {
        let mut switch = OpenOptions::new().write(true).open("/proc/sys/vm/compact_memory").ok()?;
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let mover = thread::spawn(move || while !until.load(Ordering::Relaxed) && switch.write_all(b"1").is_ok() {});
        Some(Self { over, mover: Some(mover) })
    }
}

impl Drop for Compaction {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.mover.take().map(JoinHandle::join);
    }
}

#[test]
fn an_instance_never_sees_what_another_wrote() {
    let compaction = Compaction::begin();
    if compaction.is_none() {
        println!("NOT UNDER COMPACTION: only root may move the kernel's pages; freshness was tried without");
    }
    block_on(async {
        // As few places as there can be, so that both plugins are given each other's.
        let house = House::new();
        let module = |extra: &str| {
            let text = format!("(global $seen (mut i32) (i32.const 0)) (table $t 10 funcref) (elem declare func $f) (func $f {extra})");
            Guest { module: &text, handle: FRESH, ..guest() }.build()
        };
        let plugins = [house.install(module("")).await, house.install(module("nop")).await];
        for round in 0..2_000 {
            let ran = house.run(call(&plugins[round % 2])).await;
            assert!(ran.result.is_ok(), "call {round}: {:?}", ran.result);
        }
    });
}

const CLOCKS: &[&str] = &["wasi:io/poll@0.2.3", "wasi:clocks/monotonic-clock@0.2.3"];
const CLOCKS_CORE: &str = r#"
    (import "wasi:io/poll@0.2.3" "[method]pollable.block" (func $block (param i32)))
    (import "wasi:io/poll@0.2.3" "[resource-drop]pollable" (func $drop (param i32)))
    (import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $now (result i64)))
    (import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func $after (param i64) (result i32)))"#;

#[test]
fn an_hour_of_sleep_is_gone_at_once() {
    let sleep = r"
        (if (i64.ne (call $now) (i64.const 0)) (then unreachable))
        (call $block (local.tee $n (call $after (i64.const 3600000000000))))
        (call $drop (local.get $n))
        (if (i64.ne (call $now) (i64.const 3600000000000)) (then unreachable))";
    block_on(async {
        let house = House::new();
        let installed = house.install(Guest { imports: CLOCKS, module: CLOCKS_CORE, handle: sleep, ..guest() }.build()).await;
        let ran = house.run(call(&installed)).await;
        assert!(ran.result.is_ok(), "{:?}", ran.result);
    });
}

#[test]
fn a_guest_that_only_polls_pays_for_it_and_can_be_ended() {
    let spin = "(loop (call $block (local.tee $n (call $after (i64.const 0)))) (call $drop (local.get $n)) (br 0))";
    block_on(async {
        let house = House::new();
        let installed = house.install(Guest { imports: CLOCKS, module: CLOCKS_CORE, handle: spin, ..guest() }.build()).await;
        let ran = house.run(Call { limits: Plan::Maximum.limits(), wall: Duration::from_millis(5), ..call(&installed) }).await;
        let kind = ran.result.unwrap_err().kind;
        assert_eq!(kind, FailureKind::Limit(jackfield_domain::budget::Limit::Wall), "no timer could end it");
        assert!(ran.used.fuel > 10_000, "a poll costs nothing: {}", ran.used.fuel);
    });
}

#[test]
fn pollables_that_are_never_dropped_are_bounded() {
    let hoard = "(loop (drop (call $after (i64.const 1))) (br 0))";
    block_on(async {
        let house = House::new();
        let installed = house.install(Guest { imports: CLOCKS, module: CLOCKS_CORE, handle: hoard, ..guest() }.build()).await;
        let ran = house.run(call(&installed)).await;
        assert_eq!(ran.result.unwrap_err().kind, FailureKind::BrokeAbi);
        assert!(ran.used.fuel < 1_000_000, "it was ended by its fuel alone: {}", ran.used.fuel);
    });
}

#[test]
fn a_call_that_nobody_waits_for_gives_its_place_back() {
    block_on(async {
        let house = House::new();
        let endless = house.install(handling("(loop (br 0))")).await;
        let quick = house.install(handling("")).await;
        for _ in 0..20 {
            let forgotten = house.run(Call { limits: Plan::Maximum.limits(), ..call(&endless) });
            tokio::time::timeout(Duration::from_millis(2), forgotten).await.expect_err("it ended by itself");
        }
        for _ in 0..4 {
            assert!(house.run(call(&quick)).await.result.is_ok());
        }
    });
}

#[test]
fn a_call_that_finds_no_place_in_time_says_so() {
    block_on(async {
        let house = House::new();
        let endless = house.install(handling("(loop (br 0))")).await;
        let quick = house.install(handling("")).await;
        let busy: Vec<_> = (0..2)
            .map(|_| {
                let runtime = house.runtime.clone();
                let call = Call { limits: Plan::Maximum.limits(), ..call(&endless) };
                tokio::spawn(async move { runtime.call(&crate::support::pass(), call).await })
            })
            .collect();
        // Both places are taken once a call with no time left is turned away; until then it answers.
        let turned_away = loop {
            let ran = house.run(Call { wall: Duration::from_millis(1), ..call(&quick) }).await;
            if let Err(failure) = ran.result {
                break failure;
            }
        };
        assert_eq!(turned_away.kind, FailureKind::Overloaded, "{}", turned_away.detail);
        for task in busy {
            task.abort();
        }
    });
}
