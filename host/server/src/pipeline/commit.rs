//! Makes the event durable (step 9): contact, trail, state, retry key with the reply, usage - one batch, all or nothing.
//!
//! Only after it does the reply leave. The batch is guarded by the contact's revision; where only the contact's end was written
//! meanwhile, that is kept and the commit goes on, and anything else is a conflict that runs the event again. What the plugin's own
//! compare-and-set expected is a guard of the same batch.

use jackfield_domain::contact::after::{Decided, HANDED_OVER, HANDED_OVER_NOTE, TURNED_AWAY, TURNED_AWAY_NOTE};
use jackfield_domain::contact::decision::Action;
use jackfield_domain::contact::{Contact, Phase};
use jackfield_domain::id::Digest;
use jackfield_domain::ports::rows::{CommitError, Expect, RowsFault};
use jackfield_domain::tenant::address::Channel;
use jackfield_domain::tenant::hours;
use jackfield_domain::trail::{Brief, Times, Turn};
use jackfield_domain::usage::{self, Entry, Purpose, Tally};
use jackfield_providers::provider::Reply;
use jackfield_store::{Change, Counter, Retry, RetryId, StoreFault};

use super::parse::Parsed;
use super::settle::Settled;
use super::visit::Visit;
use crate::app::App;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Committed,
    /// Nothing was written; the event runs again.
    Conflict,
}

pub(super) async fn commit(app: &App, visit: &mut Visit, settled: &Settled, reply: &Reply, parsed: &Parsed) -> Result<Outcome, StoreFault> {
    apply(visit, settled, parsed);
    loop {
        let expect = visit.revision.map_or(Expect::Absent, Expect::Revision);
        let turn = trail(app, visit, settled, reply, parsed);
        let mut change = batch(app, visit, settled, &turn, reply, parsed).put(&visit.contact, expect);
        if visit.revision.is_none() {
            let (contact, before) = (&visit.contact, visit.before);
            change =
                change.platform(|platform| platform.home(contact, before)).seen(&contact.arrival.customer.address.raw, &contact.id).await?;
        }
        change = live(change, visit, settled, parsed);
        if let Some((space, effects)) = &settled.effects {
            change = change.state(space, &effects.writes, parsed.at);
        }
        match change.commit().await {
            Ok(()) => {
                app.metrics.turn(&visit.tenant.id, &turn);
                app.tail.turn(&visit.tenant.id, &turn);
                visit.quota.kept();
                if visit.revision.is_none() {
                    app.keeping.began(&visit.tenant.id);
                }
                if is_over(visit, settled) {
                    visit.quota.over(&visit.contact.id);
                }
                return Ok(Outcome::Committed);
            }
            Err(CommitError::Conflict { .. }) => {
                if !merge_end(app, visit).await? {
                    return Ok(Outcome::Conflict);
                }
            }
            Err(other) => return Err(unwritten(other)),
        }
    }
}

/// Keeps that the contact is live, or that this decision ends it: not every provider is told to report the end.
fn live(change: Change, visit: &Visit, settled: &Settled, parsed: &Parsed) -> Change {
    let contact = &visit.contact;
    if is_over(visit, settled) {
        return change.platform(|platform| platform.over(&contact.id));
    }
    match visit.quota.live_row(contact, parsed.at) {
        Some(row) => change.platform(|platform| platform.live(&row)),
        None => change,
    }
}

/// A call is over when it is hung up. A conversation is not: its next message is of the same contact, which must not be paid for again.
fn is_over(visit: &Visit, settled: &Settled) -> bool {
    let hangs_up = || matches!(settled.decision.actions().last(), Some(Action::HangUp(_) | Action::Reject(_)));
    visit.contact.phase == Phase::Ended || (visit.contact.channel == Channel::Voice && hangs_up())
}

/// A batch that did not happen, as a fault of the store: where nobody can run it again.
pub(crate) fn unwritten(error: CommitError) -> StoreFault {
    StoreFault::Rows(match error {
        CommitError::Fault(fault) => fault,
        other => RowsFault { why: other.to_string() },
    })
}

/// Writes an event's trail and reply without touching the contact: for one that could not have its turn. A conflict says that the event has a
/// reply already.
pub(super) async fn note(app: &App, visit: &Visit, settled: &Settled, reply: &Reply, parsed: &Parsed) -> Result<(), CommitError> {
    let turn = trail(app, visit, settled, reply, parsed);
    batch(app, visit, settled, &turn, reply, parsed).commit().await?;
    app.metrics.turn(&visit.tenant.id, &turn);
    app.tail.turn(&visit.tenant.id, &turn);
    Ok(())
}

/// Takes over an end that was reported meanwhile. False where something else changed, or nothing of the contact did.
async fn merge_end(app: &App, visit: &mut Visit) -> Result<bool, StoreFault> {
    let Some(fresh) = app.store.tenant(&visit.tenant.id).contact(&visit.contact.id).await? else { return Ok(false) };
    if Some(fresh.revision) == visit.revision || fresh.row.turn != visit.turn_read {
        return Ok(false);
    }
    if visit.handed_over && fresh.row.phase == Phase::Ended {
        // It was counted with the report.
        visit.handed_over = false;
        visit.notes.retain(|note| note != HANDED_OVER_NOTE);
    }
    visit.contact.phase = fresh.row.phase;
    visit.contact.ended = fresh.row.ended;
    visit.contact.end_cause = fresh.row.end_cause;
    visit.revision = Some(fresh.revision);
    Ok(true)
}

/// What the decision changes in the contact.
fn apply(visit: &mut Visit, settled: &Settled, parsed: &Parsed) {
    let decided = Decided {
        event: &settled.event,
        actions: settled.decision.actions(),
        by_host: settled.by_host,
        moved: visit.moved,
        turn: visit.turn(),
        now: parsed.at,
    };
    let was_over = visit.contact.phase == Phase::Ended;
    let left_out = visit.contact.take(&decided);
    visit.notes.extend(left_out);
    if parsed.provider.hands_over(&parsed.connection) && visit.contact.is_handed_over(settled.decision.actions()) {
        visit.contact.phase = Phase::Ended;
        visit.contact.ended = Some(parsed.at);
        visit.contact.end_cause = Some(HANDED_OVER.to_owned());
        visit.handed_over = !was_over;
        visit.notes.extend(visit.handed_over.then(|| HANDED_OVER_NOTE.to_owned()));
    }
    if let Some((_, effects)) = &settled.effects {
        visit.contact.state_bytes = effects.contact_state_bytes;
    }
}

/// What every event leaves: its trail, its reply for a retry, its usage.
fn batch(app: &App, visit: &Visit, settled: &Settled, turn: &Turn, reply: &Reply, parsed: &Parsed) -> Change {
    let scope = app.store.tenant(&visit.tenant.id);
    let mut change = scope.change().put(&kept_reply(visit, reply, parsed), first_reply(visit, parsed)).turn(turn);
    // What a test caller's release does says nothing of how good it is for everybody.
    for attempt in settled.attempts.iter().filter(|_| !visit.contact.test) {
        let record = Counter::Record { flow: visit.contact.flow.clone(), release: attempt.release };
        change = change.count(&record, &[("invocations", 1), ("failures", i64::from(attempt.failure.is_some()))]);
    }
    count(change, visit, turn, Entry::Answered { begun: visit.revision.is_none(), handed_over: visit.handed_over })
}

/// Counts what an entry of the trail adds to usage, in the batch that writes the entry.
pub(super) fn count(change: Change, visit: &Visit, turn: &Turn, entry: Entry) -> Change {
    counted(visit, turn, entry).fold(change, |change, (counter, tally)| change.tally(&counter, tally))
}

/// What an entry of the trail adds to usage, and where.
pub(super) fn counted(visit: &Visit, turn: &Turn, entry: Entry) -> impl Iterator<Item = (Counter, Tally)> {
    let day = hours::local_date(&visit.tenant.zone, turn.at);
    let purpose = if visit.contact.test { Purpose::Test } else { Purpose::Live };
    let flow = turn.flow.clone();
    usage::of(turn, entry)
        .into_iter()
        .map(move |(release, tally)| (Counter::Usage { day: day.clone(), flow: flow.clone(), release, purpose }, tally))
}

/// The contact and its only entry, where nothing that comes later belongs to it.
pub(super) fn in_brief(app: &App, visit: &mut Visit, settled: &Settled, reply: &Reply, parsed: &Parsed) -> Brief {
    apply(visit, settled, parsed);
    visit.notes.push(TURNED_AWAY_NOTE.to_owned());
    let contact = Contact {
        phase: Phase::Ended,
        ended: Some(parsed.at),
        end_cause: Some(TURNED_AWAY.to_owned()),
        open: None,
        ..visit.contact.clone()
    };
    Brief { contact, turn: trail(app, visit, settled, reply, parsed) }
}

/// What a retry of the event gets.
pub(super) fn kept_reply(visit: &Visit, reply: &Reply, parsed: &Parsed) -> Retry {
    Retry {
        id: RetryId {
            connection: parsed.connection.id.clone(),
            contact: visit.contact.id,
            turn: parsed.step.as_ref().map_or(0, |step| step.turn),
            event: parsed.event_id.clone(),
        },
        status: reply.status,
        content_type: reply.content_type.to_owned(),
        body: reply.body.to_vec(),
        headers: reply.headers.clone(),
        answered: parsed.at,
    }
}

/// That nobody has answered the event, but for what is too old to be of it.
pub(super) fn first_reply(visit: &Visit, parsed: &Parsed) -> Expect {
    let outdated = parsed.outdated.get().filter(|(contact, _)| *contact == visit.contact.id);
    outdated.map_or(Expect::Absent, |(_, revision)| Expect::Revision(*revision))
}

fn trail(app: &App, visit: &Visit, settled: &Settled, reply: &Reply, parsed: &Parsed) -> Turn {
    let mut notes = visit.notes.clone();
    notes.extend(settled.notes.iter().cloned());
    notes.extend(settled.decision.degraded().iter().map(|what| format!("degraded: {what}")));
    let whole_us = |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let spent_us: u64 = settled.attempts.iter().map(|attempt| attempt.used.wall_us).sum();
    let now_us = whole_us(settled.took);
    Turn {
        contact: visit.contact.id,
        at: parsed.at,
        sequence: app.next_sequence(),
        turn: visit.contact.turn,
        event: settled.event.masked(),
        rule: parsed.rule.clone(),
        flow: visit.contact.flow.clone(),
        release: visit.contact.release,
        arm: None,
        verified_with: parsed.verified_with.clone(),
        barred: settled.barred,
        shortage: visit.quota.shortage(),
        attempts: settled.attempts.clone(),
        lost: visit.lost.clone(),
        reported: Vec::new(),
        decision: Some(settled.decision.as_draft().clone()),
        reason: settled.decision.reason().to_owned(),
        answered_by: Some(settled.answered_by),
        notes,
        directory_revision: visit.directory_revision,
        reply: Some(Digest::of(&reply.body)),
        times: Times {
            admitted_us: now_us.saturating_sub(spent_us),
            invoked_us: now_us,
            rendered_us: now_us,
            deadline_us: parsed.provider.deadline_ms(&parsed.connection).saturating_mul(1_000),
        },
        trace: parsed.trace.clone(),
    }
}
