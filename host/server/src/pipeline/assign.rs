//! Chooses what runs (step 5): the release that the contact began with, else a test caller's, else the one that is live or planned for
//! just now; and at most one last good release after it.
//!
//! A contact is pinned to its first release, so that a change of `live` never meets a call in progress. The last good release is the
//! one that was live before and has proven itself; for a contact past its first turn it must keep state of the same shape.

use std::sync::Arc;

use jackfield_domain::contact::Moment;
use jackfield_domain::fallback::AnsweredBy;
use jackfield_domain::flow::Flow;
use jackfield_domain::quota::{Barred, Pass};
use jackfield_store::StoreFault;

use super::parse::Parsed;
use super::visit::Visit;
use crate::app::App;
use crate::surroundings;

/// A release with what its version says of itself.
pub(super) struct Runnable {
    pub by: AnsweredBy,
    pub of: Arc<surroundings::Runnable>,
}

/// Step 5's gift: what is tried, in order, under which pass; or why nothing is.
pub(super) type Plan = Result<(Pass, Vec<Runnable>), Barred>;

pub(super) async fn assign(app: &App, visit: &mut Visit, admitted: Result<Pass, Barred>, parsed: &Parsed) -> Result<Plan, StoreFault> {
    let now = parsed.at;
    let pass = match admitted {
        Ok(pass) => pass,
        Err(barred) => return Ok(Err(barred)),
    };
    let tested = visit.flow.as_ref().and_then(|flow| flow.for_test_caller(&visit.contact.arrival.customer.address));
    // A contact is a test from its first event on, or never.
    visit.contact.test |= visit.contact.release.is_none() && tested.is_some();
    let tested = tested.filter(|_| visit.contact.test);
    // A test caller is there to meet just what nobody else should.
    let is_withdrawn = |flow: &Flow, release| flow.is_withdrawn(release, now) && !visit.contact.test;
    if visit.flow.as_ref().zip(visit.contact.release).is_some_and(|(flow, release)| is_withdrawn(flow, release)) {
        return Ok(Err(Barred::Withdrawn));
    }
    let by_name = |flow: &Flow| match parsed.release.as_deref() {
        // Whoever asks for one that is not there must not get another.
        Some(asked) => flow.named(asked, now),
        None => flow.live_at(now),
    };
    let pinned = visit.contact.release.or(tested).or_else(|| visit.flow.as_ref().and_then(|flow| by_name(flow)));
    let Some(first) = find(app, visit, pinned, AnsweredBy::Plugin).await? else {
        return Ok(Err(Barred::NoRelease));
    };
    let number = first.of.release.number;
    visit.contact.release = Some(number);
    visit.contact.state_schema.get_or_insert_with(|| first.of.version.metadata.state_schema.clone());
    let mut plan = vec![first];
    if let Some(good) = last_good(app, visit, number, now).await? {
        plan.push(good);
    }
    Ok(Ok((pass, plan)))
}

async fn last_good(app: &App, visit: &Visit, not: u32, now: Moment) -> Result<Option<Runnable>, StoreFault> {
    let Some(flow) = &visit.flow else { return Ok(None) };
    let scope = app.store.tenant(&visit.tenant.id);
    for number in flow.routed_until(now).into_iter().filter(|number| *number != not) {
        if !scope.record(&flow.name, number).await?.is_good() {
            continue;
        }
        let Some(found) = find(app, visit, Some(number), AnsweredBy::LastGood).await? else { continue };
        let same_shape = visit.contact.state_schema.as_deref() == Some(found.of.version.metadata.state_schema.as_str());
        if visit.turn_read == 0 || same_shape {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn find(app: &App, visit: &Visit, number: Option<u32>, by: AnsweredBy) -> Result<Option<Runnable>, StoreFault> {
    let (Some(number), Some(flow)) = (number, &visit.flow) else { return Ok(None) };
    let found = visit.around.release(&app.store, &flow.name, number).await?;
    Ok(found.map(|of| Runnable { by, of }))
}
