//! Asks whether the event may run a plugin (step 4). What is barred goes on: step 7 settles it.

use jackfield_domain::contact::Moment;
use jackfield_domain::contact::event::Event;
use jackfield_domain::quota::{Asking, Barred, Pass, admit as rule};

use super::visit::Visit;

pub(super) fn admit(visit: &Visit, event: &Event, now: Moment) -> Result<Pass, Barred> {
    rule(&Asking {
        tenant: &visit.tenant,
        ancestor_suspended: visit.ancestor_suspended(),
        closure: visit.directory.closure.as_ref(),
        now,
        asked_turns: visit.contact.asked_turns,
        idle_turns: if event.is_from_customer() && !visit.moved { 0 } else { visit.contact.idle_turns },
    })
}
