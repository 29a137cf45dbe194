//! Every way in which a guest can end has its own code, and costs what it used.

use std::time::Duration;

use jackfield_domain::budget::{Limit, Limits, Plan};
use jackfield_domain::capability::Answer;
use jackfield_domain::contact::event::Event;
use jackfield_domain::fallback::FailureKind;
use jackfield_domain::flow::plugin::Grant;
use jackfield_runtime::{Call, Outcome};

use crate::support::{Always, Guest, House, block_on, call, guest, handling, limits};

const SETTINGS: &[&str] = &["jackfield:plugin/settings@0.9.0"];
/// `settings.all` writes its answer to 1024.
const ASK: &str = "(import \"jackfield:plugin/settings@0.9.0\" \"all\" (func $ask (param i32)))";

#[test]
fn a_guest_answers_and_its_use_is_measured() {
    block_on(async {
        let house = House::new();
        let installed = house.install(handling("")).await;
        assert_eq!(installed.metadata.name, "guest");
        assert!(installed.describe_fuel > 0);
        let ran = house.run(call(&installed)).await;
        let Ok(Outcome::Draft(draft)) = ran.result else { panic!("{:?}", ran.result) };
        assert_eq!((draft.reason.as_str(), draft.actions.len()), ("done", 0));
        assert_eq!(ran.used.memory_bytes, 4 * 65_536);
        assert!(ran.used.fuel > 0 && ran.used.input_bytes > 100 && ran.used.output_bytes > 0);
    });
}

#[test]
fn every_end_has_its_code() {
    let broken = FailureKind::BrokeAbi;
    let cases: [(&str, &str, FailureKind); 15] = [
        ("traps", "unreachable", FailureKind::Trapped),
        ("divides by zero", "(drop (i32.div_u (i32.const 1) (local.get $n)))", FailureKind::Trapped),
        ("reads beyond its memory", "(drop (i32.load (i32.const -4)))", FailureKind::Trapped),
        ("loops", "(loop (br 0))", FailureKind::Limit(Limit::Fuel)),
        ("recurses", "(call $deep)", FailureKind::Stack),
        (
            "is refused memory",
            "(if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))",
            FailureKind::Limit(Limit::Memory),
        ),
        // Data that passes what one call may carry: the engine's own error for it has no public type.
        ("gives too much", "(i32.store (i32.const 784) (i32.const 200000))", FailureKind::Limit(Limit::Output)),
        ("gives what is not there", "(i32.store (i32.const 780) (i32.const 300000))", broken),
        ("gives a length that wraps", "(i32.store (i32.const 784) (i32.const -1))", broken),
        ("gives text that is not UTF-8", "(i32.store8 (i32.const 264) (i32.const 255))", broken),
        ("gives half a surrogate", "(i32.store (i32.const 264) (i32.const 0x80a0ed))", broken),
        ("gives a case that is none", "(i32.store8 (i32.const 768) (i32.const 2))", broken),
        ("gives a pointer beyond its memory", "(return (i32.const 1000000))", broken),
        (
            "gives more actions than it may",
            "(i32.store (i32.const 772) (i32.const 131072)) (i32.store (i32.const 776) (i32.const 60))",
            FailureKind::Nonsense,
        ),
        ("gives a crooked pointer", "(return (i32.const 769))", broken),
    ];
    block_on(async {
        let house = House::new();
        for (what, handle, kind) in cases {
            let component = Guest { module: "", handle, ..guest() };
            let deep = "(func $deep (call $deep))";
            let installed = house.install(Guest { module: deep, ..component }.build()).await;
            // A release that may send requests may give their bodies too: more than this guest has.
            let grants = Grant::ALL.into_iter().filter(|grant| *grant != Grant::Http).collect();
            let ran = house.run(Call { grants, ..call(&installed) }).await;
            let failure = ran.result.expect_err(what);
            assert_eq!(failure.kind, kind, "a guest that {what}: {}", failure.detail);
        }
    });
}

#[test]
fn a_guest_that_was_refused_memory_and_can_do_without_answers() {
    block_on(async {
        let house = House::new();
        let installed = house.install(handling("(drop (memory.grow (i32.const 1000)))")).await;
        assert!(house.run(call(&installed)).await.result.is_ok());
    });
}

#[test]
fn fuel_that_a_trap_hides_is_charged() {
    let burn = |end: &str| {
        handling(&format!(
            "(local.set $n (i32.const 3000000)) (loop (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1))))) {end}"
        ))
    };
    block_on(async {
        let house = House::new();
        let mut used = Vec::new();
        for end in ["unreachable", "(drop (i32.div_u (i32.const 1) (local.get $n)))"] {
            let installed = house.install(burn(end)).await;
            used.push(house.run(call(&installed)).await.used.fuel);
        }
        let [counted, charged] = used[..] else { panic!("two runs") };
        assert!(counted >= 3_000_000, "{counted}");
        assert!(charged >= counted, "a division by zero made {charged} of {counted}");
        let installed = house.install(burn("(drop (i32.div_u (i32.const 1) (local.get $n)))")).await;
        let tight = Limits { fuel_max: counted + 1_000, ..limits() };
        let ran = house.run(Call { limits: tight, ..call(&installed) }).await;
        assert!(ran.used.fuel <= tight.fuel_max, "more was charged than was reserved");
    });
}

#[test]
fn a_guest_that_runs_too_long_is_ended_by_the_clock() {
    block_on(async {
        let house = House::new();
        let installed = house.install(handling("(loop (br 0))")).await;
        let endless = Limits { fuel_max: u64::MAX / 4, ..Plan::Maximum.limits() };
        // The pass of a test grants no more fuel than a describe; many times what the time is enough for in any case.
        let ran = house.run(Call { limits: endless, wall: Duration::from_millis(5), ..call(&installed) }).await;
        assert_eq!(ran.result.unwrap_err().kind, FailureKind::Limit(Limit::Wall));
        assert!(ran.used.fuel > 0, "what it used until then is counted");
    });
}

#[test]
fn a_capability_that_does_not_answer_is_named() {
    block_on(async {
        let house = House::new();
        let component = Guest { imports: SETTINGS, module: ASK, handle: "(call $ask (i32.const 1024))", ..guest() };
        let installed = house.install(component.build()).await;
        let never = Always(|| Box::pin(std::future::pending()));
        let ran = house.run(Call { capabilities: Box::new(never), wall: Duration::from_millis(50), ..call(&installed) }).await;
        let failure = ran.result.unwrap_err();
        assert_eq!(failure.kind, FailureKind::CapabilityTimeout);
        assert!(failure.detail.contains("settings.all"), "{}", failure.detail);
    });
}

#[test]
fn a_panic_of_the_host_is_one_failed_call() {
    block_on(async {
        let house = House::new();
        let component = Guest { imports: SETTINGS, module: ASK, handle: "(call $ask (i32.const 1024))", ..guest() };
        let installed = house.install(component.build()).await;
        for _ in 0..8 {
            let broken = Always(|| panic!("a capability of the test panics"));
            let ran = house.run(Call { capabilities: Box::new(broken), ..call(&installed) }).await;
            assert_eq!(ran.result.unwrap_err().kind, FailureKind::Trapped);
        }
        assert!(house.run(call(&installed)).await.result.is_ok(), "places were lost");
    });
}

#[test]
fn a_guest_that_only_calls_the_host_is_ended_by_its_count() {
    block_on(async {
        let house = House::new();
        let component = Guest { imports: SETTINGS, module: ASK, handle: "(loop (call $ask (i32.const 1024)) (br 0))", ..guest() };
        let installed = house.install(component.build()).await;
        let ran = house.run(call(&installed)).await;
        assert_eq!(ran.result.unwrap_err().kind, FailureKind::Limit(Limit::HostCalls));
        assert_eq!(ran.used.host_calls, limits().host_calls_max + 17);
        let denied = ran.tape.iter().filter(|entry| matches!(entry.answer, Answer::Denied(_))).count();
        assert_eq!((ran.tape.len() - denied, denied), (200, 16));
    });
}

#[test]
fn without_a_grant_every_question_is_denied_and_nobody_is_asked() {
    block_on(async {
        let house = House::new();
        let component = Guest { imports: SETTINGS, module: ASK, handle: "(call $ask (i32.const 1024))", ..guest() };
        let installed = house.install(component.build()).await;
        let unasked = Always(|| panic!("it was asked"));
        let ran = house.run(Call { grants: [].into(), capabilities: Box::new(unasked), ..call(&installed) }).await;
        assert!(ran.result.is_ok(), "{:?}", ran.result);
        assert_eq!(ran.tape[0].answer, Answer::Denied(jackfield_domain::capability::Denial::Denied));
    });
}

#[test]
fn more_input_than_allowed_never_begins() {
    block_on(async {
        let house = House::new();
        let installed = house.install(handling("unreachable")).await;
        let event = Event::Continued("x".repeat(200 * 1024));
        let ran = house.run(Call { event: event.into(), ..call(&installed) }).await;
        assert_eq!(ran.result.unwrap_err().kind, FailureKind::Limit(Limit::Input));
        assert_eq!(ran.used.fuel, 0);
        assert!(ran.used.input_bytes > 200 * 1024);
    });
}

#[test]
fn an_export_that_is_not_there_is_declined() {
    block_on(async {
        let house = House::new();
        let installed = house.install(handling("")).await;
        let ran = house.run(Call { function: jackfield_runtime::Function::Notify, ..call(&installed) }).await;
        assert_eq!(ran.result.unwrap_err().kind, FailureKind::Declined);
    });
}
