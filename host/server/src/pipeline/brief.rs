//! Keeps in brief what overload turns away while it turns many away.
//!
//! What a call that is turned away costs is mostly its record: half a dozen rows and what it takes to settle them. Ten times too many calls
//! would take from the plugins what they need. So only the first of each tenth of a second are kept like others (`behind`); the rest of
//! them, where it can be done, gets an answer that stands alone, and leaves a contact that is over with the one entry of its trail, many
//! in one row. Usage, metrics and followers hear of each. Decision 34 says what is given up, and why nothing else is.
//!
//! It must not take away what a default route asks or promises: where it leads back to us, or `render_alone` says that something is done in a
//! lesser way because nobody is there, the contact is kept whole.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jackfield_domain::contact::decision::Action;
use jackfield_domain::contact::open::Heard;
use jackfield_domain::id::TenantId;
use jackfield_domain::tenant::address::Channel;
use jackfield_domain::trail::Brief;
use jackfield_domain::usage::{Entry, Tally};
use jackfield_providers::provider::{Reply, Scene};
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
const WHOLE_MAX_OF_ONE: u32 = 2;
/// What a provider says of an arriving call, as JSON: several times what any says.
const ARRIVAL_BYTES_MAX: usize = 8 * 1024;

/// Who is turned away just now.
#[derive(Default)]
pub struct Crowd {
    whole: Mutex<Whole>,
    waiting: Mutex<HashMap<TenantId, Vec<(Brief, More)>>>,
}

/// How many of the span of time were kept whole.
#[derive(Default)]
struct Whole {
    span: u128,
    all: u32,
    by_tenant: HashMap<TenantId, u32>,
}

/// What one adds to usage, and its place behind its reply.
struct More {
    counted: Vec<(Counter, Tally)>,
    _place: OwnedSemaphorePermit,
}

impl Crowd {
    /// True where one more of a tenant is kept whole in this span of time.
    fn takes_whole(&self, tenant: &TenantId, span: u128) -> bool {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if whole.span < span {
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
    fn add(&self, tenant: &TenantId, waiting: (Brief, More)) -> bool {
        let mut all = self.waiting();
        let was_empty = all.is_empty();
        match all.get_mut(tenant) {
            Some(of_tenant) => of_tenant.push(waiting),
            None => drop(all.insert(tenant.clone(), vec![waiting])),
        }
        was_empty
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<TenantId, Vec<(Brief, More)>>> {
        // Whole at every step.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer to an event that is kept in brief; none where its contact is kept whole.
pub(super) fn answer(app: &App, visit: &Visit, settled: &Settled, parsed: &Parsed) -> Option<Reply> {
    let is_first = visit.revision.is_none() && visit.before.is_none() && parsed.step.is_none();
    let is_call = visit.contact.channel == Channel::Voice && matches!(parsed.heard, Heard::Arrival);
    let actions = settled.decision.actions();
    let hands_over = parsed.provider.hands_over(&parsed.connection) && visit.contact.is_handed_over(actions);
    if !(is_first && is_call && (hands_over || ends_elsewhere(actions)) && is_short(visit)) {
        return None;
    }
    if app.crowd.takes_whole(&visit.tenant.id, app.behind.span()) {
        return None;
    }
    let scene = Scene { ran: Some(render::ran(visit, settled)), alone: true, ..render::scene(visit, parsed) };
    let alone = parsed.provider.render_alone(settled.decision.as_draft(), &scene).ok()?;
    // What the provider cannot do is left out of every answer.
    alone.lesser.iter().all(|what| settled.decision.degraded().contains(what)).then_some(alone.reply)
}

/// Many share a row, and one that brings along as much as hundreds of others could be too much for it.
fn is_short(visit: &Visit) -> bool {
    serde_json::to_vec(&visit.contact.arrival).is_ok_and(|arrival| arrival.len() <= ARRIVAL_BYTES_MAX)
}

/// True where a call goes to a queue, hears what there is to hear and ends, or is refused. A transfer is not among them: where it finds
/// nobody, and in a crowd it often does, something must follow.
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
    if app.crowd.add(&visit.tenant.id, (brief, More { counted, _place: place })) {
        let app = Arc::clone(app);
        tokio::spawn(async move {
            tokio::time::sleep(app.behind.till_next()).await;
            let all = std::mem::take(&mut *app.crowd.waiting());
            let rows = all.into_iter().flat_map(|(tenant, waiting)| {
                Briefs::rows_of(waiting).into_iter().map(move |(briefs, more)| (tenant.clone(), briefs, more))
            });
            let writings = rows.map(|(tenant, briefs, more)| guarded(write(Arc::clone(&app), tenant, briefs, more)));
            write_together(writings.collect(), 1).await;
        });
    }
}

async fn write(app: Arc<App>, tenant: TenantId, briefs: Briefs, more: Vec<More>) {
    let change = app.store.tenant(&tenant).change().briefs(&briefs);
    let counted = together(more.iter().flat_map(|one| &one.counted));
    let change = counted.into_iter().fold(change, |change, (counter, tally)| change.tally(counter, tally));
    let written = change.commit().await;
    // The end of the process waits for these.
    drop(more);
    let contacts = briefs.all().len();
    match written {
        Ok(()) => {
            app.keeping.began_in_brief(&tenant, contacts as u64);
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

/// One change for each counter.
fn together<'a>(all: impl Iterator<Item = &'a (Counter, Tally)>) -> Vec<(&'a Counter, Tally)> {
    let mut sums: Vec<(&Counter, Tally)> = Vec::new();
    for (counter, tally) in all {
        match sums.iter_mut().find(|(known, _)| *known == counter) {
            Some((_, sum)) => sum.join(tally.clone()),
            None => sums.push((counter, tally.clone())),
        }
    }
    sums
}
