//! Runs one invocation: a fresh instance, one function, inside every limit.
//!
//! The runtime calls [`run`] on the guests' own threads, once a place is free; nothing here waits for a place. Whatever the
//! guest does - answer, trap, loop, or be cut off - the store stays ours, and what was used is read from it afterwards. It
//! cannot fail: every way out is a [`Ran`].
//!
//! It must not look at what the answer says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jackfield_domain::budget::{Limit, Limits, Used};
use jackfield_domain::capability::{Effects, StateChange};
use jackfield_domain::contact::event::Event;
use jackfield_domain::fallback::{Failure, FailureKind, too_many_actions};
use jackfield_domain::flow::plugin::{Grant, Metadata};
use serde::Serialize;
use wasmtime::{Engine, Error, Result, Store};

use crate::abi::v1::About;
use crate::call::{Call, Function, Outcome, Ran};
use crate::guest::failure::{Stage, classify, leaves_fuel_uncounted};
use crate::guest::{Guest, GuestParts};
use crate::load::prepared::Prepared;
use crate::turnstile::Place;

/// Handles that a guest may hold: a stream, a timer, a few more; the engine's own limit is a hundred times as many.
const HANDLES_MAX: usize = 1_000;

/// What [`run`] needs besides the call.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    /// The call's, cut to what the pass grants.
    pub(crate) limits: Limits,
    /// What is left of the call's time, now that the guest begins.
    pub(crate) wall: Duration,
    pub(crate) yield_fuel: u64,
    pub(crate) input_bytes: u64,
}

/// A stage that failed.
struct Stopped {
    stage: Stage,
    error: Error,
}

/// How many bytes a value is as JSON: what people see of it, and a fair measure of what a guest is given or gives.
pub(crate) fn json_bytes(value: &impl Serialize) -> u64 {
    struct Count(u64);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.saturating_add(bytes.len() as u64);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        // Nothing of ours fails to serialise; if it did, no limit should let it pass.
        Err(_) => u64::MAX,
    }
}

fn store(prepared: &Prepared, guest: Guest, frame: &Frame) -> Result<Store<Guest>> {
    store_on(prepared.engine(), guest, &frame.limits, frame.yield_fuel)
}

/// Every store of a guest: whatever runs one, it runs inside these bounds.
pub(crate) fn store_on(engine: &Engine, guest: Guest, limits: &Limits, yield_fuel: u64) -> Result<Store<Guest>> {
    // What one call may carry is one number for all of them, and requests carry the most. Each kind is counted by itself afterwards.
    let requests = if guest.may(Grant::Http) { limits.http_request_bytes_max() } else { 0 };
    let given_bytes_max = usize::try_from(limits.output_bytes_max.saturating_add(requests)).unwrap_or(usize::MAX);
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.meter);
    store.set_fuel(limits.fuel_max)?;
    store.fuel_async_yield_interval(Some(yield_fuel.max(1)))?;
    store.set_hostcall_fuel(given_bytes_max);
    store.set_max_component_handles(HANDLES_MAX);
    Ok(store)
}

/// Runs it to its end.
pub(crate) async fn run(prepared: Arc<Prepared>, call: Call, frame: Frame, place: Place) -> Ran {
    run_within(prepared, call, frame, Some(place)).await
}

/// The same, for whoever holds a place for many.
pub(crate) async fn run_within(prepared: Arc<Prepared>, call: Call, frame: Frame, place: Option<Place>) -> Ran {
    let began = Instant::now();
    let Call { function, contact, event, release, turn, attempt, now, zone_offset_minutes, deadline, seed, grants, .. } = call;
    let about = About { contact: &contact, release, now, zone_offset_minutes, deadline, turn, attempt, context: call.context.as_ref() };
    let Frame { limits, yield_fuel, .. } = frame;
    // What is left for the guest may be less than what it was told: others were before it.
    let deadline = now.saturating_add(u64::try_from(frame.wall.as_millis()).unwrap_or(u64::MAX));
    let parts = GuestParts { limits, capabilities: call.capabilities, grants, seed, now, deadline, yield_fuel, place };
    let mut store = match store(&prepared, Guest::new(parts), &frame) {
        Ok(store) => store,
        Err(error) => return Ran::not_begun(Failure::new(FailureKind::NotReady, format!("{error:#}")), Used::default()),
    };
    let answered = tokio::time::timeout(frame.wall, answer(&prepared, &mut store, function, about, &event)).await;
    let (result, uncounted) = match answered {
        Ok(Ok(Some(result))) => (result, false),
        Ok(Ok(None)) => (Err(does_not(function)), false),
        Ok(Err(Stopped { stage, error })) => (Err(classify(&error, stage, &store.data().meter, &limits)), leaves_fuel_uncounted(&error)),
        Err(_) => (Err(out_of_time(store.data(), &frame)), false),
    };
    finish(store, result, &frame, uncounted, began)
}

fn does_not(function: Function) -> Failure {
    Failure::new(FailureKind::Declined, format!("the plugin does not export {}", function.interface()))
}

fn out_of_time(guest: &Guest, frame: &Frame) -> Failure {
    let wall_ms = frame.wall.as_millis();
    match guest.meter.asking {
        Some(name) => Failure::new(FailureKind::CapabilityTimeout, format!("{name} did not answer within {wall_ms} ms")),
        None => Failure::new(FailureKind::Limit(Limit::Wall), format!("it ran for more than {wall_ms} ms")),
    }
}

type Answered = Option<Result<Outcome, Failure>>;

async fn answer(
    prepared: &Prepared,
    store: &mut Store<Guest>,
    function: Function,
    about: About<'_>,
    event: &Event,
) -> Result<Answered, Stopped> {
    let at = |stage| move |error| Stopped { stage, error };
    let instance = prepared.instance.instantiate_async(&mut *store).await.map_err(at(Stage::Start))?;
    let exports = &prepared.exports;
    let answered = match function {
        Function::Handle => {
            exports.handle(store, &instance, about, event).await.map(|answer| answer.map(|result| result.map(Outcome::Draft)))
        }
        Function::Prompt => {
            exports.prompt(store, &instance, about, event).await.map(|answer| answer.map(|result| result.map(Outcome::Persona)))
        }
        Function::Notify => exports.notify(store, &instance, about, event).await.map(|answer| answer.map(|()| Ok(Outcome::Nothing))),
    };
    answered.map_err(at(Stage::Run))
}

/// Takes the store apart.
fn finish(store: Store<Guest>, result: Result<Outcome, Failure>, frame: &Frame, uncounted: bool, began: Instant) -> Ran {
    let Frame { limits, yield_fuel, input_bytes, .. } = *frame;
    let counted = limits.fuel_max.saturating_sub(store.get_fuel().unwrap_or(0));
    // The engine counts in a register and saves it when it leaves guest code in an orderly way. A trap is not one: at most one
    // stretch between two looks at the clock is missing, and it is charged, or a quota could be stretched by trapping.
    let fuel = counted.saturating_add(if uncounted { yield_fuel } else { 0 }).min(limits.fuel_max);
    let guest = store.into_data();
    let Guest { mut meter, tape, log, capabilities, .. } = guest;
    let log = log.finish(&mut meter);
    let effects = capabilities.finish();
    let answer_bytes = match &result {
        Ok(Outcome::Draft(draft)) => json_bytes(draft),
        Ok(Outcome::Persona(persona)) => json_bytes(persona),
        Ok(Outcome::Nothing) | Err(_) => 0,
    };
    let output_bytes = meter.argument_bytes.saturating_add(answer_bytes);
    let result = match result {
        Ok(_) if output_bytes > limits.output_bytes_max => Err(Failure::new(
            FailureKind::Limit(Limit::Output),
            format!("it gave {output_bytes} bytes; at most {}", limits.output_bytes_max),
        )),
        Ok(Outcome::Draft(draft)) => match too_many_actions(&draft, &limits) {
            Some(failure) => Err(failure),
            None => Ok(Outcome::Draft(draft)),
        },
        result => result,
    };
    let used = Used {
        fuel,
        memory_bytes: meter.memory_bytes,
        wall_us: micros(began.elapsed()),
        host_us: micros(meter.host_time),
        host_calls: meter.host_calls,
        http_calls: meter.http_calls,
        http_sent_bytes: meter.http_sent_bytes,
        http_received_bytes: meter.http_received_bytes,
        input_bytes,
        output_bytes,
        log_bytes: meter.log_bytes,
        stored_bytes: stored_bytes(&effects),
    };
    let effects = if result.is_ok() { effects } else { Effects::default() };
    Ran { result, used, tape: tape.into_entries(), log, effects, waited: Duration::ZERO }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn stored_bytes(effects: &Effects) -> u64 {
    let bytes = effects.writes.iter().map(|write| match &write.change {
        StateChange::Set { value, .. } => write.key.len() + value.len(),
        StateChange::Add(number) => write.key.len() + number.to_string().len(),
        StateChange::Delete => 0,
    });
    bytes.sum::<usize>() as u64
}

/// What `describe` came to.
pub(crate) struct Described {
    pub(crate) result: Result<Metadata, Failure>,
    pub(crate) fuel: u64,
}

/// Runs `describe`, and before it compares the type of every export, because both need an instance. The outer result is the
/// component's refusal by type, the inner one what running it came to.
pub(crate) async fn describe(
    prepared: Arc<Prepared>,
    parts: GuestParts,
    frame: Frame,
) -> Result<Described, jackfield_domain::refusal::Refusal> {
    let limits = frame.limits;
    let not_begun = |error: &Error| Described { result: Err(Failure::new(FailureKind::NotReady, format!("{error:#}"))), fuel: 0 };
    let mut store = match store(&prepared, Guest::new(parts), &frame) {
        Ok(store) => store,
        Err(error) => return Ok(not_begun(&error)),
    };
    let described = tokio::time::timeout(frame.wall, async {
        let instance = match prepared.instance.instantiate_async(&mut store).await {
            Ok(instance) => instance,
            Err(error) => return Ok(Err(Stopped { stage: Stage::Start, error })),
        };
        prepared.exports.check(&mut store, &instance)?;
        Ok(prepared.exports.describe(&mut store, &instance).await.map_err(|error| Stopped { stage: Stage::Run, error }))
    });
    let result = match described.await {
        Ok(Ok(Ok(metadata))) => Ok(metadata),
        Ok(Ok(Err(Stopped { stage, error }))) => Err(classify(&error, stage, &store.data().meter, &limits)),
        Ok(Err(refusal)) => return Err(refusal),
        Err(_) => Err(out_of_time(store.data(), &frame)),
    };
    Ok(Described { result, fuel: limits.fuel_max.saturating_sub(store.get_fuel().unwrap_or(0)) })
}
