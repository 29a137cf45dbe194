//! Lets a plugin be tested without a sandbox: contacts, events and a host made of plain values.
//!
//! Only native builds have it. [`answer`] runs a plugin as the host would and refuses what the host would refuse for the same
//! reasons: an event or action that `describe` does not list, an action that could not be reached. It knows no tenant and no
//! provider, so a queue that does not exist passes here and is refused there.
//!
//! ```
//! use jackfield_sdk::prelude::*;
//! use jackfield_sdk::testing::{self, TestHost};
//! # struct Shop;
//! # impl Router for Shop {
//! #     fn describe() -> Describe { Describe::new("shop", "1").events([EventKind::Arrived]).actions([ActionKind::Enqueue]) }
//! #     fn handle(_: &Contact, _: &Event, host: &Host) -> Answer {
//! #         let open = host.hours("main")?.is_some_and(|hours| hours.open);
//! #         Ok(Enqueue::new(if open { "sales" } else { "night" }).because("by the hours"))
//! #     }
//! # }
//!
//! let host = TestHost::new().closed("main");
//! let decision = testing::answer::<Shop>(&testing::contact(), &Event::Arrived, &host).unwrap();
//! assert_eq!(decision.queue(), Some("night"));
//! ```

mod scene;
mod stub;

pub use scene::{arrived, contact, digits, missed, nothing_came, queue_ended, said, voicemail_ended};
pub use stub::{Line, TestHost};

pub(crate) use stub::Stub;

use crate::Router;
use crate::contact::Contact;
use crate::decision::{Action, ActionKind, Decision};
use crate::describe::Describe;
use crate::event::Event;
use crate::host::Host;

/// Runs a plugin on an event as the host would.
///
/// # Errors
///
/// A sentence: the plugin's own failure, or what the host would refuse.
pub fn answer<P: Router>(contact: &Contact, event: &Event, host: &Host) -> Result<Decision, String> {
    let describe = P::describe();
    if !describe.events.contains(&event.kind()) {
        return Err(format!("describe does not list the event {}", event.kind()));
    }
    let decision = P::handle(contact, event, host).map_err(|failure| failure.to_string())?;
    check(&describe, &decision)?;
    Ok(decision)
}

/// What the host would refuse of a decision without knowing tenant or provider.
fn check(describe: &Describe, decision: &Decision) -> Result<(), String> {
    let count = decision.actions.len();
    if count == 0 {
        return Err("the decision has no actions; keep changes nothing".to_owned());
    }
    for (at, action) in decision.actions.iter().enumerate() {
        let kind = action.kind();
        if !describe.actions.contains(&kind) {
            return Err(format!("describe does not list the action {kind}"));
        }
        if matches!(kind, ActionKind::Keep | ActionKind::Reject) && count > 1 {
            return Err(format!("{kind} stands alone, but the decision has {count} actions"));
        }
        if action.is_last() && at + 1 < count {
            return Err(format!("nothing after {kind} could be reached"));
        }
        if let Action::Menu(menu) = action {
            let twice = menu.choices.iter().enumerate().find(|(at, one)| menu.choices.iter().take(*at).any(|other| other.key == one.key));
            if let Some((_, choice)) = twice {
                return Err(format!("two choices have the key {}", choice.key));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Enqueue, Menu};

    fn refused(decision: &Decision) -> String {
        let describe = Describe::new("test", "1").actions([ActionKind::Say, ActionKind::Enqueue, ActionKind::Menu]);
        check(&describe, decision).unwrap_err()
    }

    #[test]
    fn what_the_host_would_refuse_is_refused_here_with_the_same_reason() {
        assert!(refused(&Decision::new()).contains("no actions"));
        assert!(refused(&Decision::new().hang_up("bye")).contains("hang-up"));
        assert!(refused(&Decision::keep().say("hello")).contains("stands alone"));
        assert!(refused(&Decision::from(Enqueue::new("sales")).say("too late")).contains("nothing after enqueue"));
        let twice = Menu::new("main", "Choose").choice("1", "a", "A").choice("1", "b", "B");
        assert!(refused(&Decision::from(twice)).contains("key 1"));
    }
}
