//! Keeps in brief what overload turns away while it turns many away.
//!
//! What a call that is turned away costs is mostly its record: half a dozen rows and what it takes to settle them. Ten times too many calls
//! would take from the plugins what they need. So only the first of each tenth of a second are kept like others (`behind`); the rest of
//! them, where it can be done, gets an answer that stands alone, and leaves a contact that is over with the one entry of its trail, many
//! in one row. Usage, metrics and followers hear of each. Decision 34 says what is given up, and why nothing else is.
//!
//! It must not give anybody less than they would have heard: where the default route leads back to us, or can be rendered alone only in a
//! lesser way, the contact is kept whole.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jackfield_domain::contact::decision::Action;
use jackfield_domain::contact::open::Heard;
use jackfield_domain::id::TenantId;
use jackfield_domain::quota::Barred;
use jackfield_domain::tenant::address::Channel;
use jackfield_domain::trail::Brief;
use jackfield_domain::usage::{Entry, Tally};
use jackfield_providers::provider::{Ran, Reply, Scene};
use jackfield_store::{Briefs, Counter};
use tokio::sync::OwnedSemaphorePermit;

use super::behind::{guarded, write_together};
use super::commit;
use super::parse::Parsed;
use super::render;
use super::settle::Settled;
use super::visit::Visit;
use crate::app::App;

/// Contacts of a span of time that are kept whole: with a hundred in a second their records take a fiftieth of a core.
const WHOLE_MAX: u32 = 8;
/// Of one tenant: it leaves room for the first of others.
const WHOLE_MAX_OF_ONE: u32 = 4;
/// Names and values that a call brings along: several times what any provider sends.
const BROUGHT_BYTES_MAX: usize = 4 * 1024;

/// Who is turned away just now.
#[derive(Default)]
pub struct Crowd {
    whole: Mutex<Whole>,
    waiting: Mutex<HashMap<TenantId, Vec<Waiting>>>,
}

/// How many of the span of time were kept whole.
#[derive(Default)]
struct Whole {
    span: u128,
    all: u32,
    by_tenant: HashMap<TenantId, u32>,
}

/// One that is not written yet, what it adds to usage, and its place behind its reply.
struct Waiting {
    brief: Brief,
    counted: Vec<(Counter, Tally)>,
    place: OwnedSemaphorePermit,
}

impl Crowd {
    /// True where one more of a tenant is kept whole in this span of time.
    fn takes_whole(&self, tenant: &TenantId, span: u128) -> bool {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if whole.span != span {
            *whole = Whole { span, ..Whole::default() };
        }
        if whole.all >= WHOLE_MAX {
            return false;
        }
        let of_tenant = whole.by_tenant.entry(tenant.clone()).or_insert(0);
        if *of_tenant >= WHOLE_MAX_OF_ONE {
            return false;
        }
        *of_tenant += 1;
        whole.all += 1;
        true
    }

    /// Says whether it is the first since all were taken.
    fn add(&self, tenant: &TenantId, waiting: Waiting) -> bool {
        let mut all = self.waiting();
        let was_empty = all.is_empty();
        match all.get_mut(tenant) {
            Some(of_tenant) => of_tenant.push(waiting),
            None => drop(all.insert(tenant.clone(), vec![waiting])),
        }
        was_empty
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<TenantId, Vec<Waiting>>> {
        // Whole at every step.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer to an event that is kept in brief; none where its contact is kept whole.
pub(super) fn answer(app: &App, visit: &Visit, settled: &Settled, parsed: &Parsed) -> Option<Reply> {
    let is_first = visit.revision.is_none() && visit.before.is_none() && parsed.step.is_none();
    let is_call = visit.contact.channel == Channel::Voice && matches!(parsed.heard, Heard::Arrival);
    if !(is_first && is_call && is_short(visit)) || app.crowd.takes_whole(&visit.tenant.id, app.behind.span()) {
        return None;
    }
    let actions = settled.decision.actions();
    if parsed.provider.hands_over(&parsed.connection) && visit.contact.is_handed_over(actions) {
        return Some(render::render(visit, settled, parsed));
    }
    if !ends_elsewhere(actions) {
        return None;
    }
    let ran = Ran {
        release: visit.contact.release,
        answered_by: settled.answered_by,
        barred: settled.barred.map(Barred::code),
        attempts: &settled.attempts,
    };
    let scene = Scene { ran: Some(ran), alone: true, ..render::scene(visit, parsed) };
    let alone = parsed.provider.render_alone(settled.decision.as_draft(), &scene).ok()?;
    alone.lesser.is_empty().then_some(alone.reply)
}

/// Many share a row; what brings along as much as a row takes has one of its own.
fn is_short(visit: &Visit) -> bool {
    let arrival = &visit.contact.arrival;
    let bytes = arrival.headers.iter().chain(&arrival.extras).map(|(name, value)| name.len() + value.len()).sum::<usize>();
    bytes <= BROUGHT_BYTES_MAX
}

/// True where a call goes to a queue, hears what there is to hear and ends, or is refused: nobody will be asked what comes next. A transfer
/// is not among them: where it finds nobody, and in a crowd it often does, something must follow.
fn ends_elsewhere(actions: &[Action]) -> bool {
    let Some((last, before)) = actions.split_last() else { return false };
    let is_heard = |action: &Action| {
        matches!(action, Action::Say(_) | Action::Play(_) | Action::Pause(_) | Action::SetLanguage(_) | Action::SetAttributes(_))
    };
    matches!(last, Action::Enqueue(_) | Action::HangUp(_) | Action::Reject(_)) && before.iter().all(is_heard)
}

/// Keeps it soon, whether or not anybody still waits.
pub(super) fn keep(app: &Arc<App>, place: OwnedSemaphorePermit, visit: &mut Visit, settled: &Settled, reply: &Reply, parsed: &Parsed) {
    let brief = commit::in_brief(app, visit, settled, reply, parsed);
    let counted = commit::counted(visit, &brief.turn, Entry::Answered { begun: true, handed_over: true }).collect();
    if app.crowd.add(&visit.tenant.id, Waiting { brief, counted, place }) {
        let app = Arc::clone(app);
        tokio::spawn(async move {
            tokio::time::sleep(app.behind.till_next()).await;
            let all = std::mem::take(&mut *app.crowd.waiting());
            let rows = all.into_iter().flat_map(|(tenant, waiting)| rows_of(waiting).into_iter().map(move |row| (tenant.clone(), row)));
            let writings = rows.map(|(tenant, row)| guarded(write(Arc::clone(&app), tenant, row)));
            write_together(writings.collect()).await;
        });
    }
}

/// What one batch writes.
struct OneRow {
    briefs: Briefs,
    counted: Vec<(Counter, Tally)>,
    places: Vec<OwnedSemaphorePermit>,
}

fn rows_of(waiting: Vec<Waiting>) -> Vec<OneRow> {
    let (mut briefs, mut others) = (Vec::with_capacity(waiting.len()), HashMap::with_capacity(waiting.len()));
    for Waiting { brief, counted, place } in waiting {
        others.insert(brief.contact.id, (counted, place));
        briefs.push(brief);
    }
    let row = |briefs: Briefs| {
        let (mut counted, mut places): (Vec<(Counter, Tally)>, Vec<_>) = (Vec::new(), Vec::new());
        for (of_one, place) in briefs.all().iter().filter_map(|brief| others.remove(&brief.contact.id)) {
            places.push(place);
            for (counter, tally) in of_one {
                match counted.iter_mut().find(|(known, _)| *known == counter) {
                    Some((_, sum)) => sum.join(tally),
                    None => counted.push((counter, tally)),
                }
            }
        }
        OneRow { briefs, counted, places }
    };
    Briefs::rows_of(briefs).into_iter().map(row).collect()
}

async fn write(app: Arc<App>, tenant: TenantId, row: OneRow) {
    let OneRow { briefs, counted, places } = row;
    let change = app.store.tenant(&tenant).change().briefs(&briefs);
    let change = counted.into_iter().fold(change, |change, (counter, tally)| change.tally(&counter, tally));
    let written = change.commit().await;
    drop(places);
    let contacts = briefs.all().len();
    match written {
        Ok(()) => {
            app.keeping.kept_in_brief(&tenant);
            for Brief { turn, .. } in briefs.all() {
                app.metrics.turn(&tenant, turn);
                app.tail.turn(&tenant, turn);
            }
            app.metrics.in_brief(contacts as u64);
            tracing::info!(%tenant, contacts, "calls that overload turned away are kept in brief");
        }
        Err(fault) => tracing::error!(%tenant, contacts, %fault, "what overload turned away could not be kept in brief"),
    }
}
