//! Runs a captured invocation again, by the version that it was captured of or by another.
//!
//! The server's replays call it. Priority is the lowest and time is as long as the host ever gives: a replay waits for whoever is on the
//! telephone, and what ends it is fuel. Where the captured one was cut off by its time, the replay is ended at the same fuel, which is the
//! same instruction; that is reported as the same cut.
//!
//! It must not send, write or charge anything: all that a guest asks is answered by [`crate::capability::replay`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jackfield_domain::budget::{HOST_WALL_MS_MAX, Limit, Limits};
use jackfield_domain::capture::{CameTo, Capture, FORMAT, Rerun};
use jackfield_domain::fallback::{Failure, FailureKind};
use jackfield_domain::flow::plugin::{Grant, SlotClass};
use jackfield_domain::flow::release::ReleaseNumber;
use jackfield_domain::id::{Digest, TenantId};
use jackfield_domain::priority::Priority;
use jackfield_domain::quota::{Pass, replay_pass};

use crate::call::{Call, Function, Outcome, Ran};
use crate::capability::replay::{Overlay, Replay};
use crate::runtime::Runtime;

/// How often a replay comes again where there is no room, and how long it waits in between: minutes in all, because nobody waits for it
/// on the telephone.
const TRIES: u32 = 12_000;
const WAIT: Duration = Duration::from_millis(10);

/// Whom the captured questions are put to, where it is not the version that was captured.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its component.
    pub digest: Digest,
    /// Its engine.
    pub class: SlotClass,
    /// Its number, as the guest is told.
    pub release: ReleaseNumber,
    /// Its limits.
    pub limits: Limits,
    /// What it may use.
    pub grants: BTreeSet<Grant>,
}

/// Why nothing was run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReplayed {
    /// A newer Jackfield wrote it.
    #[error("the capture has format {0}, which this version does not know; replay it with the version that wrote it")]
    Format(u8),
    /// It names an export that is none, or a seed that is none.
    #[error("the capture is damaged: {0}")]
    Damaged(String),
    /// The plugin cannot be run at all.
    #[error("{0}")]
    NotReady(String),
    /// There was no room for it.
    #[error("the host had no room for it for two minutes; try again when it is less busy")]
    NoRoom,
}

impl Runtime {
    /// Runs a call that nobody waits for on the telephone: behind all others, in the platform's line, and again where there was no room,
    /// or where most of its time went by before it began.
    pub async fn rehearse(&self, pass: &Pass, call: impl Fn() -> Call) -> Ran {
        let mut tries = 0;
        loop {
            let call = call();
            let wall = call.wall;
            let ran = self.call_in_line(&TenantId::platform(), pass, call).await;
            let had_no_room = ran.result.as_ref().is_err_and(|failure| match failure.kind {
                FailureKind::Overloaded => true,
                FailureKind::Limit(Limit::Wall) | FailureKind::NotReady => ran.waited > wall / 2,
                _ => false,
            });
            if !had_no_room || tries >= TRIES {
                return ran;
            }
            tries += 1;
            tokio::time::sleep(WAIT).await;
        }
    }

    /// Runs it. `candidate` is another version to put the same questions to.
    pub async fn replay(&self, capture: &Capture, candidate: Option<&Candidate>, overlay: Overlay) -> Result<Rerun, NotReplayed> {
        if capture.format != FORMAT {
            return Err(NotReplayed::Format(capture.format));
        }
        for _ in 0..TRIES {
            let (replay, matching) = Replay::of(capture, overlay.clone());
            let call = call(capture, candidate, replay)?;
            let (digest, pass) = (call.digest, replay_pass(call.limits));
            let ran = self.call_in_line(&TenantId::platform(), &pass, call).await;
            match &ran.result {
                Err(failure) if failure.kind == FailureKind::Overloaded => tokio::time::sleep(WAIT).await,
                Err(failure) if failure.kind == FailureKind::NotReady => return Err(NotReplayed::NotReady(failure.detail.clone())),
                _ => {
                    let matched = matching.now();
                    let rerun = rerun(ran, digest, self.fingerprint().to_owned());
                    let rerun =
                        Rerun { unmatched: matched.unmatched, unanswered: matched.unanswered, overridden: matched.overridden, ..rerun };
                    return Ok(if candidate.is_none() { at_the_cut(rerun, capture) } else { Rerun { repeats: false, ..rerun } });
                }
            }
        }
        Err(NotReplayed::NoRoom)
    }
}

fn call(capture: &Capture, candidate: Option<&Candidate>, replay: Replay) -> Result<Call, NotReplayed> {
    let function = Function::named(&capture.function).ok_or_else(|| NotReplayed::Damaged(format!("no function {:?}", capture.function)))?;
    let mut seed = [0; 32];
    hex::decode_to_slice(&capture.seed, &mut seed).map_err(|_| NotReplayed::Damaged("its seed is not 64 hexadecimal digits".to_owned()))?;
    let own = Candidate {
        digest: capture.digest,
        class: capture.class,
        release: capture.release,
        limits: Limits { fuel_max: capture.cut().map_or(capture.limits.fuel_max, |(_, fuel)| fuel.max(1)), ..capture.limits },
        grants: capture.grants.clone(),
    };
    let Candidate { digest, class, release, limits, grants } = candidate.cloned().unwrap_or(own);
    Ok(Call {
        digest,
        class,
        priority: Priority::Background,
        function,
        contact: Arc::new(capture.contact.clone()),
        event: Arc::new(capture.event.clone()),
        release,
        turn: capture.turn,
        attempt: capture.attempt,
        now: capture.now,
        zone_offset_minutes: capture.zone_offset_minutes,
        deadline: capture.deadline,
        limits: Limits { wall_ms_max: HOST_WALL_MS_MAX, http_wall_ms_max: HOST_WALL_MS_MAX, ..limits },
        wall: Duration::from_millis(HOST_WALL_MS_MAX),
        seed,
        grants,
        capabilities: Box::new(replay),
        context: capture.context.clone(),
    })
}

fn rerun(ran: Ran, digest: Digest, engine: String) -> Rerun {
    let Ran { result, used, tape, log, .. } = ran;
    let came_to = came_to(result);
    Rerun { repeats: true, engine, digest, came_to, fuel: used.fuel, tape, log, unmatched: None, unanswered: 0, overridden: 0 }
}

/// An outcome as a capture keeps it.
pub fn came_to(result: Result<Outcome, Failure>) -> CameTo {
    match result {
        Ok(Outcome::Draft(draft)) => CameTo::Draft(draft),
        Ok(Outcome::Persona(persona)) => CameTo::Persona(persona),
        Ok(Outcome::Nothing) => CameTo::Nothing,
        Err(failure) => CameTo::Failed(failure),
    }
}

/// Says of a replay that ended where the captured one was cut off that it was cut off there.
fn at_the_cut(rerun: Rerun, capture: &Capture) -> Rerun {
    let Some((asked, fuel)) = capture.cut() else { return rerun };
    let ended =
        matches!(&rerun.came_to, CameTo::Failed(Failure { kind: FailureKind::Limit(Limit::Fuel) | FailureKind::CapabilityTimeout, .. }));
    if ended && rerun.tape.len() == asked && rerun.fuel == fuel { Rerun { came_to: capture.came_to.clone(), ..rerun } } else { rerun }
}
