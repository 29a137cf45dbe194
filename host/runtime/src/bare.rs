//! Calls a plugin with the engine alone, beside our own way of calling it: for the benchmark, in one run and on one thread.
//!
//! `cargo xtask bench` uses it. The bare call has the same engine, the same compiled component and the same imports, and none of what
//! Jackfield adds: no limiter, no deadline, no byte counts, no tape. It must never run for a tenant, so it exists only with the feature
//! `bench`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jackfield_domain::flow::plugin::SlotClass;
use jackfield_domain::id::Digest;
use jackfield_domain::priority::Priority;
use jackfield_domain::quota::Pass;
use wasmtime::Store;

use crate::abi::v1::About;
use crate::call::Call;
use crate::guest::{Guest, GuestParts};
use crate::invocation::{self, Frame};
use crate::load::prepared::Prepared;
use crate::runtime::LATE_MAX_WITH_HTTP;
use crate::{Runtime, RuntimeFault};

/// One round: the mean time of a call.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// With the engine alone.
    pub bare: Duration,
    /// Fully limited and recorded, on the same thread.
    pub limited: Duration,
    /// The same through [`Runtime::call`]: with the way to the guests' threads and back.
    pub through_runtime: Duration,
}

/// Measures one round of that many calls each, interleaved by the caller's rounds.
pub async fn round(
    runtime: &Runtime,
    pass: &Pass,
    version: (Digest, SlotClass),
    calls: u32,
    call: impl Fn() -> Call + Send + Sync + Clone + 'static,
) -> Result<Round, RuntimeFault> {
    let prepared =
        runtime.inner.loader.load(version, &call().contact.tenant).await.map_err(|error| RuntimeFault::Engine(error.to_string()))?;
    let yield_fuel = runtime.inner.settings.yield_fuel;
    let tenant = call().contact.tenant.clone();
    let on_one_thread = call.clone();
    let measured = runtime
        .inner
        .on_guest_threads(
            &tenant,
            (version.1, Priority::Running),
            Duration::from_secs(600),
            LATE_MAX_WITH_HTTP,
            move |_, place| async move {
                // One place for the whole round.
                let _place = place;
                let began = Instant::now();
                for _ in 0..calls {
                    bare(&prepared, on_one_thread(), yield_fuel).await;
                }
                let bare = began.elapsed() / calls;
                let began = Instant::now();
                for _ in 0..calls {
                    let call = on_one_thread();
                    let input_bytes = invocation::json_bytes(&call.contact).saturating_add(invocation::json_bytes(&call.event));
                    let frame = Frame { limits: call.limits, wall: call.wall, yield_fuel, input_bytes };
                    assert!(
                        invocation::run_within(Arc::clone(&prepared), call, frame, None).await.result.is_ok(),
                        "the limited call failed"
                    );
                }
                (bare, began.elapsed() / calls)
            },
        )
        .await;
    let (bare, limited) = measured.map_err(|_| RuntimeFault::Engine("the round did not run".to_owned()))?;
    let began = Instant::now();
    for _ in 0..calls {
        assert!(runtime.call(pass, call()).await.result.is_ok(), "the call failed");
    }
    Ok(Round { bare, limited, through_runtime: began.elapsed() / calls })
}

/// Instantiates and calls.
async fn bare(prepared: &Prepared, call: Call, yield_fuel: u64) {
    let parts = GuestParts {
        limits: call.limits,
        capabilities: call.capabilities,
        grants: call.grants,
        seed: call.seed,
        now: call.now,
        deadline: call.deadline,
        yield_fuel,
        place: None,
    };
    let about = About {
        contact: &call.contact,
        release: call.release,
        now: call.now,
        zone_offset_minutes: call.zone_offset_minutes,
        deadline: call.deadline,
        turn: call.turn,
        attempt: call.attempt,
        context: None,
    };
    let mut store = Store::new(prepared.engine(), Guest::new(parts));
    let filled = store.set_fuel(u64::MAX).is_ok();
    let instance = prepared.instance.instantiate_async(&mut store).await;
    let answered = match instance {
        Ok(instance) => matches!(prepared.exports.handle(&mut store, &instance, about, &call.event).await, Ok(Some(Ok(_)))),
        Err(_) => false,
    };
    assert!(filled && answered, "the bare call failed");
}
