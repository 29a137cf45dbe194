//! Lists the guests that are crates of their own.

use jackfield_domain::budget::Limit;
use serde_json::json;

use super::of_crate;
use crate::corpus::{Account, Attacks, Expected, Sin, Verdict};

const TRAPPED: Expected = Expected::Fails(&["trapped"]);
const DECLINED: Expected = Expected::Fails(&["declined"]);

pub(super) fn sins() -> Vec<Sin> {
    [limits(), state(), ends(), outside(), secrets()].concat()
}

fn limits() -> Vec<Sin> {
    let of = |guest, tries, limit: Limit, codes| of_crate(guest, tries, Attacks::Limit(limit), Expected::Fails(codes));
    let logs = |through: &str| of("floods-log", "writes for ever", Limit::Log, &["log-exceeded"]).set("through", through);
    vec![
        of("loops", "never ends", Limit::Fuel, &["fuel-exceeded"]),
        of("spins", "never ends, with more fuel than time", Limit::Wall, &["wall-exceeded"])
            .on("maximum")
            .within(json!({"wall_ms_max": 20})),
        of("sleeps", "sleeps an hour, again and again", Limit::Fuel, &["fuel-exceeded"]),
        of("burns-then-divides-by-zero", "hides what it burnt behind a trap", Limit::Fuel, &["trapped"]),
        of("allocates", "takes memory until it is refused", Limit::Memory, &["memory-exceeded"]),
        of("floods-host-calls", "asks for ever", Limit::HostCalls, &["host-calls-exceeded"]),
        of("floods-outcomes", "reports goals that nobody knows, for ever", Limit::HostCalls, &["host-calls-exceeded"]).set("what", "goals"),
        of("floods-outcomes", "reports models that nobody knows, for ever", Limit::HostCalls, &["host-calls-exceeded"])
            .set("what", "models"),
        of_crate("floods-outcomes", "reports a hundred models", Attacks::Log, Expected::Answers(|_| Ok(())))
            .with("what", "models")
            .with("times", 100)
            .renamed("floods-outcomes-and-answers"),
        of("big-input-echo", "is given more than it may be", Limit::Input, &["input-exceeded"]).within(json!({"input_bytes_max": 100})),
        of("floods-attributes", "makes every later event larger", Limit::Input, &["input-exceeded"])
            .within(json!({"input_bytes_max": 20_000}))
            .turns(2),
        of_crate("floods-attributes", "makes every later event larger for ever", Attacks::Isolation, Expected::Answers(input_stays_small))
            .turns(8)
            .renamed("floods-attributes-for-ever"),
        of("returns-10mb", "says ten megabytes", Limit::Output, &["output-exceeded"]),
        logs("log"),
        logs("stdout"),
        logs("stderr"),
        of_crate("forges-log-lines", "forges lines of the log", Attacks::Log, Expected::Answers(log_is_escaped)),
        of_crate("recurses", "calls itself until the stack ends", Attacks::Stack, Expected::Fails(&["stack-exceeded"])),
    ]
}

fn state() -> Vec<Sin> {
    let of = |tries, limit: Limit, codes| of_crate("floods-state", tries, Attacks::Limit(limit), Expected::Fails(codes));
    let odd = of_crate("floods-state", "keeps values under keys that point elsewhere", Attacks::Isolation, Expected::Answers(only_its_own));
    vec![
        of("keeps values of its contact for ever", Limit::Stored, &["stored-exceeded"]).set("scope", "contact"),
        of("keeps values of its tenant for ever", Limit::HostCalls, &["host-calls-exceeded", "stored-exceeded", "output-exceeded"])
            .set("scope", "tenant"),
        of("keeps a million keys", Limit::HostCalls, &["host-calls-exceeded"]).set("what", "tiny-keys"),
        of("keeps one value of ten megabytes", Limit::Output, &["output-exceeded"]).set("what", "large-value"),
        odd.clone().set("what", "odd-keys"),
        odd.set("what", "odd-keys").set("scope", "tenant"),
    ]
}

fn ends() -> Vec<Sin> {
    let traps = |how: &str| of_crate("traps", "ends in a trap", Attacks::Order, TRAPPED).set("how", how);
    let declines = |with: &str| of_crate("declines", "says that it cannot", Attacks::Order, DECLINED).set("with", with);
    vec![
        traps("panic"),
        traps("unreachable"),
        traps("out-of-bounds"),
        traps("exit"),
        traps("abort"),
        declines("unavailable"),
        declines("unsupported"),
        declines("bad-settings"),
        declines("internal"),
        declines("other"),
        of_crate("unlisted-action", "does what describe does not list", Attacks::Describe, Expected::Fails(&["unlisted"])),
    ]
}

fn outside() -> Vec<Sin> {
    let of = |guest, tries, attacks, check| of_crate(guest, tries, attacks, Expected::Answers(check));
    vec![
        of("opens-a-file", "reads, writes, lists and removes files", Attacks::Outside, nothing_was_allowed),
        of("connects-a-socket", "connects, listens and resolves", Attacks::Outside, nothing_was_allowed),
        of("reaches-inside", "sends requests without the grant", Attacks::Outside, nothing_was_reached),
        of("tells-time", "builds clocks out of calls of the host", Attacks::Clock, clocks_stand_still),
    ]
}

fn secrets() -> Vec<Sin> {
    let of = |guest, tries, check| of_crate(guest, tries, Attacks::Isolation, Expected::Answers(check));
    vec![
        of("leaves-a-secret", "leaves a secret in all of its memory", can_be_found).with("mib", 6),
        of("looks-for-secrets", "looks for what another left in memory", nothing_was_found).with("mib", 12),
    ]
}

/// Promises of their own show what happens with the grant.
fn nothing_was_reached(account: &Account) -> Verdict {
    let said = account.heard.twiml.said();
    let tries = said.split("; ").count();
    let denied = said.split("; ").filter(|told| told.ends_with("=denied")).count();
    if denied == tries { Ok(()) } else { Err(format!("{denied} of {tries} requests were denied: {said}")) }
}

/// Whatever was written, nobody who reads it can be fooled by it.
fn log_is_escaped(account: &Account) -> Verdict {
    let lines = account.log();
    let fooled = lines.iter().find(|line| line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}')));
    if let Some(line) = fooled {
        return Err(format!("a line of the log is {line:?}"));
    }
    let reason = account.reason();
    if reason == "7 lines" && lines.len() >= 7 { Ok(()) } else { Err(format!("{} lines are kept of {reason}", lines.len())) }
}

/// What a contact carries from turn to turn is bounded, whatever its plugin adds.
fn input_stays_small(account: &Account) -> Verdict {
    let (reason, input_bytes) = (account.reason(), account.used("input_bytes"));
    if reason == "turn 8" && input_bytes < 40_000 { Ok(()) } else { Err(format!("{reason} was given {input_bytes} bytes")) }
}

/// It kept its own under its own names, and found nobody else's.
fn only_its_own(account: &Account) -> Verdict {
    let reason = account.reason();
    if reason.contains("was there Ok(true)") || !reason.contains("another's list: ") {
        return Err(format!("it told {reason:?}"));
    }
    for (key, refused) in [("\"\"", true), ("\"a\\0b\"", true), ("\"kkkkkkkkkkkk\"", true), ("\"..\"", false)] {
        let told = reason.split("; ").find(|told| told.starts_with(&format!("{key}:"))).unwrap_or_default();
        if told.contains("set Err(StateError::BadKey)") != refused || told.is_empty() {
            return Err(format!("of the key {key} it told {told:?}"));
        }
    }
    if reason.contains("past the end: Err(StateError::NotANumber)") { Ok(()) } else { Err("a number went past its end".to_owned()) }
}

fn nothing_was_allowed(account: &Account) -> Verdict {
    let reason = account.reason();
    let told = reason.split("; ").filter(|told| told.contains("error, ")).count();
    if told == 4 && !reason.contains("unexpectedly") { Ok(()) } else { Err(format!("it told {reason:?}")) }
}

/// Longer than anything a guest can do in between: what shows of the time left.
const STEP_MS: u64 = 50;

fn clocks_stand_still(account: &Account) -> Verdict {
    let reason = account.reason();
    if !reason.contains("instant 0, date 0, event 0") || reason.matches("]/0/0").count() != 8 {
        return Err(format!("a clock moved: {reason}"));
    }
    let steps = account.attribute("steps");
    let coarse = !steps.is_empty() && steps.split(' ').all(|step| step.parse::<u64>().is_ok_and(|step| step % STEP_MS == 0));
    if coarse { Ok(()) } else { Err(format!("the time left shows as {steps:?}")) }
}

/// The guest that leaves secrets finds its own, in the way in which the other one looks for them.
fn can_be_found(account: &Account) -> Verdict {
    let [left, found] = ["left", "found"].map(|name| account.attribute(name).parse::<u64>().unwrap_or_default());
    if left > 500_000 && found >= left { Ok(()) } else { Err(format!("left {left} and found {found}")) }
}

fn nothing_was_found(account: &Account) -> Verdict {
    let said = account.heard.twiml.said();
    let looked = account.attribute("looked").parse::<u64>().unwrap_or_default();
    if said == "found 0" && looked > 1_000_000 { Ok(()) } else { Err(format!("it said {said:?} after {looked} words")) }
}
