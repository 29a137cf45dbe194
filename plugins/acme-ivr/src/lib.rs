//! Greets a caller of Acme Corporation and sends the call to the department that the caller chooses.
//!
//! Arrival plays the greeting and the menu; a key leads to a queue; silence leads to general support at once, a wrong key only
//! after the menu was offered again. A queue that is closed, full or too slow ends in a voice message, never in silence. Which
//! step comes next depends on the event alone, except for the count of wrong keys, which the contact's attributes keep.

mod settings;

use jackfield_sdk::prelude::*;
use settings::Settings;

/// The menu's tag, and the name of the attribute that says what was chosen.
const MENU: &str = "main-menu";
/// Counts wrong keys; an attribute, so that an operator sees it in the trail.
const MISSES: &str = "menu-misses";
/// The voice message's tag.
const MESSAGE: &str = "message";

struct AcmeIvr;

impl Router for AcmeIvr {
    fn describe() -> Describe {
        Describe::new("acme-ivr", env!("CARGO_PKG_VERSION"))
            .settings_schema(include_str!("settings.schema.json"))
            .events([EventKind::Arrived, EventKind::Input, EventKind::QueueEnded, EventKind::VoicemailEnded])
            .actions([
                ActionKind::Say,
                ActionKind::SetAttributes,
                ActionKind::Menu,
                ActionKind::Enqueue,
                ActionKind::Voicemail,
                ActionKind::HangUp,
            ])
    }

    fn handle(contact: &Contact, event: &Event, host: &Host) -> Answer {
        let settings: Settings = host.settings()?;
        Ok(match event {
            Event::Arrived => Decision::new()
                .say(settings.prompt(&settings.greeting))
                .and(menu(&settings))
                .because("the call has begun; the caller hears the greeting and the menu"),
            Event::Input(input) => chosen(&settings, contact, input, host),
            Event::QueueEnded(ended) => match ended.outcome {
                QueueOutcome::Bridged => Decision::new().hang_up("served").because("an agent has served the caller"),
                QueueOutcome::HangUp | QueueOutcome::Redirected => Decision::keep(),
                _ => message(&settings).because(format!("the queue {} ended: {}", ended.queue, ended.outcome)),
            },
            Event::VoicemailEnded(ended) => match ended.outcome {
                VoicemailOutcome::Recorded => {
                    Decision::new().say(settings.prompt(&settings.goodbye)).hang_up("message taken").because("the caller left a message")
                }
                _ => Decision::new().hang_up("no message").because("the caller left no message"),
            },
            _ => Decision::keep(),
        })
    }
}

fn menu(settings: &Settings) -> Menu {
    // Asked once: the host would ask again after silence too, and silence goes to general support at once.
    Menu::new(MENU, settings.prompt(&settings.menu))
        .choice("1", "sales", "Sales")
        .choice("2", "technical-support", "Technical support")
        .choice("3", "billing", "Billing")
        .choice("0", "general-support", "All other inquiries")
        .asking(|collect| collect.first_timeout(Duration::from_secs(settings.answer_within_s)))
}

/// What the caller's answer to the menu leads to.
fn chosen(settings: &Settings, contact: &Contact, input: &Input, host: &Host) -> Decision {
    match input.outcome {
        InputOutcome::Matched => to_department(settings, &input.value, Decision::new(), host),
        InputOutcome::HangUp => Decision::keep(),
        InputOutcome::NoInput => {
            let told = Decision::new().say(settings.prompt(&settings.no_selection));
            to_department(settings, "general-support", told, host).because("nothing was chosen")
        }
        InputOutcome::NoMatch | InputOutcome::LowConfidence => {
            let misses = contact.attribute(MISSES).and_then(|count| count.parse().ok()).unwrap_or(0_u32).saturating_add(1);
            if misses < settings.attempts {
                Decision::new()
                    .set_attribute(MISSES, misses.to_string())
                    .say(settings.prompt(&settings.no_match))
                    .and(menu(settings))
                    .because(format!("{:?} is not in the menu; asked again", input.value))
            } else {
                let told = Decision::new().say(settings.prompt(&settings.no_selection));
                to_department(settings, "general-support", told, host).because(format!("{misses} wrong answers to the menu"))
            }
        }
    }
}

/// To the department's queue, or to a voice message where the queue keeps hours and they are over.
fn to_department(settings: &Settings, department: &str, so_far: Decision, host: &Host) -> Decision {
    let queue = settings.queues.of(department);
    let decision = so_far.set_attribute(MENU, department);
    if is_closed(queue, host) {
        return decision.and(voicemail(settings)).because(format!("the caller chose {department}, and the queue {queue} is closed"));
    }
    let mut enqueue = Enqueue::new(queue).tag(department);
    enqueue.maximum_wait = settings.maximum_wait_s.map(Duration::from_secs);
    decision.and(enqueue).because(format!("the caller chose {department}"))
}

/// A directory that does not answer closes nothing: the queue itself will say when it cannot take the call.
fn is_closed(queue: &str, host: &Host) -> bool {
    let hours = host.queue(queue).ok().flatten().and_then(|queue| queue.hours);
    hours.and_then(|hours| host.hours(&hours).ok().flatten()).is_some_and(|status| !status.open)
}

fn voicemail(settings: &Settings) -> Voicemail {
    let mut voicemail = Voicemail::new(MESSAGE).prompt(settings.prompt(&settings.voicemail));
    voicemail.mailbox = settings.mailbox.clone();
    voicemail
}

fn message(settings: &Settings) -> Decision {
    Decision::from(voicemail(settings))
}

export!(AcmeIvr);

#[cfg(test)]
mod tests;
