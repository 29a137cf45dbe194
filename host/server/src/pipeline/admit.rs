//! Asks whether the event may run a plugin (step 4). What is barred goes on: step 7 settles it.
//!
//! First the rule that costs nothing, so that a suspended tenant spends nothing; then the quotas of the tenant and everyone above it.
//! An observer is let in by the rule alone: it belongs to an event that was counted, and pays only its fuel.

use jackfield_domain::contact::Moment;
use jackfield_domain::contact::event::Event;
use jackfield_domain::quota::{Asking, Barred, Pass, admit as rule};

use super::visit::Visit;

pub(super) async fn admit(visit: &Visit, event: &Event, now: Moment) -> Result<Pass, Barred> {
    let pass = may_run(visit, event, now)?;
    let messages = u64::from(matches!(event, Event::Message(_)));
    visit.quota.let_in(&visit.contact, messages, now).await?;
    Ok(pass)
}

/// The rule, without the quotas.
pub(super) fn may_run(visit: &Visit, event: &Event, now: Moment) -> Result<Pass, Barred> {
    rule(&Asking {
        tenant: &visit.tenant,
        ancestor_suspended: visit.ancestor_suspended(),
        closure: visit.directory.closed(now),
        now,
        asked_turns: visit.contact.asked_turns,
        idle_turns: if event.is_from_customer() && !visit.moved { 0 } else { visit.contact.idle_turns },
    })
}
