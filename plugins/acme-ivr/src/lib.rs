//! Greets a caller of Acme Corporation and sends the call to the department that the caller chooses.
//!
//! Arrival plays the greeting and the menu; a key or a word leads to a queue; who chooses nothing in all attempts is told so and
//! goes to general support. A queue that is closed, full or too slow ends in a voice message, never in silence. Asking again is
//! the host's work, so each step depends on the event alone and nothing is kept in between.

mod settings;

use jackfield_sdk::prelude::*;
use settings::Settings;

/// The menu's tag, and the name of the attribute that says what was chosen.
const MENU: &str = "main-menu";
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

    fn handle(_contact: &Contact, event: &Event, host: &Host) -> Answer {
        let settings: Settings = host.settings()?;
        Ok(match event {
            Event::Arrived => Decision::new()
                .say(settings.prompt(&settings.greeting))
                .and(menu(&settings))
                .because("the call has begun; the caller hears the greeting and the menu"),
            Event::Input(input) => chosen(&settings, input, host),
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
    Menu::new(MENU, settings.prompt(&settings.menu))
        .with(Choice::new("1", "sales", "Sales").phrases(["buy something", "new order"]))
        .with(Choice::new("2", "technical-support", "Technical support").phrases(["support", "tech support", "help"]))
        .with(Choice::new("3", "billing", "Billing").phrases(["invoice", "payment"]))
        .with(Choice::new("0", "general-support", "Anything else").phrases(["other", "operator", "agent"]))
        .asking(|collect| {
            collect
                .or_speech()
                .attempts(settings.attempts)
                .first_timeout(Duration::from_secs(settings.answer_within_s))
                .no_input(settings.prompt(&settings.no_input))
                .no_match(settings.prompt(&settings.no_match))
        })
}

/// What the caller's answer to the menu leads to.
fn chosen(settings: &Settings, input: &Input, host: &Host) -> Decision {
    let why = match input.outcome {
        InputOutcome::Matched => return to_department(settings, &input.value, Decision::new(), host),
        InputOutcome::HangUp => return Decision::keep(),
        InputOutcome::NoInput => "the caller said nothing".to_owned(),
        InputOutcome::NoMatch | InputOutcome::LowConfidence => format!("{:?} is not in the menu", input.value),
    };
    let told = Decision::new().say(settings.prompt(&settings.no_selection));
    let decision = to_department(settings, "general-support", told, host);
    let led = decision.reason.clone();
    decision.because(format!("{why}, asked {} times; {led}", input.attempts))
}

/// To the department's queue, or to a voice message where the queue keeps hours and they are over.
fn to_department(settings: &Settings, department: &str, so_far: Decision, host: &Host) -> Decision {
    let queue = settings.queues.of(department);
    let decision = so_far.set_attribute(MENU, department);
    if is_closed(queue, host) {
        return decision.and(voicemail(settings)).because(format!("{department}, but the queue {queue} is closed"));
    }
    let mut enqueue = Enqueue::new(queue).tag(department);
    enqueue.maximum_wait = settings.maximum_wait_s.map(Duration::from_secs);
    decision.and(enqueue).because(format!("{department} takes the call"))
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
