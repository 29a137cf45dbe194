//! Sends a customer to the queue of their language while it is open, and does after hours what the tenant wished.
//!
//! Arrival asks for the language where there is more than one and the customer has not chosen before; then the tenant's hours
//! decide between the queue and the after-hours way. An emergency closure goes before the hours, in the customer's language.
//! Hours, holidays and closures are read live from the directory, so that a change of hours needs no new release.

mod language;
mod settings;

use jackfield_sdk::prelude::*;
use settings::{AfterHours, Language, Settings};

/// The tag of the question for the language.
const LANGUAGE: &str = "language";
/// The tag of a transfer to whoever is on call.
const ON_CALL: &str = "on-call";
/// The tag of a voice message.
const MESSAGE: &str = "message";

struct HoursRouter;

impl Router for HoursRouter {
    fn describe() -> Describe {
        Describe::new("hours-router", env!("CARGO_PKG_VERSION"))
            .settings_schema(include_str!("settings.schema.json"))
            .state_schema("language-1")
            .events([EventKind::Arrived, EventKind::Input, EventKind::QueueEnded, EventKind::DialEnded, EventKind::VoicemailEnded])
            .actions([
                ActionKind::Say,
                ActionKind::SetLanguage,
                ActionKind::Menu,
                ActionKind::Enqueue,
                ActionKind::Transfer,
                ActionKind::Voicemail,
                ActionKind::HangUp,
            ])
    }

    fn handle(contact: &Contact, event: &Event, host: &Host) -> Answer {
        let settings: Settings = host.settings()?;
        let first = settings.first_language()?;
        match event {
            Event::Arrived => match language::known(&settings, contact, host) {
                Some(language) => route(&settings, language, host),
                None => Ok(language::ask(&settings)),
            },
            Event::Input(input) if input.outcome == InputOutcome::HangUp => Ok(Decision::keep()),
            Event::Input(input) => {
                let chosen = input.matched().and_then(|tag| settings.language(tag));
                if let Some(language) = chosen {
                    language::remember(&settings, contact, language, host);
                }
                route(&settings, chosen.unwrap_or(first), host)
            }
            later => Ok(afterwards(&settings, settings.language(&contact.language).unwrap_or(first), later)),
        }
    }
}

/// What follows once the language is known.
fn route(settings: &Settings, language: &Language, host: &Host) -> Answer {
    let begun = Decision::new().set_language(&language.tag);
    if let Some(closure) = host.closure()? {
        return Ok(begun
            .say(language.prompt(&language.emergency.replace("{reason}", &closure.reason)))
            .hang_up("emergency closure")
            .because(format!("everything is closed: {}", closure.reason)));
    }
    let Some(hours) = host.hours(&settings.hours)? else {
        return Err(Failure::BadSettings(format!("hours: the tenant has no hours named {:?}", settings.hours)));
    };
    if hours.open {
        let mut enqueue = Enqueue::new(&language.queue);
        enqueue.maximum_wait = settings.maximum_wait_s.map(Duration::from_secs);
        enqueue.overflow = settings.overflow.iter().map(|way| way.exit(language)).collect();
        return Ok(begun
            .and_maybe(language.welcome.as_deref().map(|text| Action::Say(language.prompt(text))))
            .and(enqueue)
            .because(format!("open; {} goes to {}", language.tag, language.queue)));
    }
    let (text, why) = match &hours.exception {
        Some(holiday) => (language.holiday.replace("{holiday}", holiday), format!("closed for {holiday}")),
        None => (language.closed.clone(), format!("outside the hours {:?}", settings.hours)),
    };
    Ok(after_hours(settings, language, begun.say(language.prompt(&text))).because(why))
}

fn after_hours(settings: &Settings, language: &Language, told: Decision) -> Decision {
    match &settings.after_hours {
        AfterHours::Message => told.hang_up("closed"),
        AfterHours::Voicemail => told.and(voicemail(settings, language)),
        AfterHours::OnCall { people } => {
            let mut people = people.iter().map(Target::person);
            match people.next() {
                Some(first) => told.and(people.fold(Transfer::new(ON_CALL, first).ring_timeout(settings.ring()), Transfer::then)),
                None => told.and(voicemail(settings, language)),
            }
        }
    }
}

/// What follows when a queue, a transfer or a voice message is over.
fn afterwards(settings: &Settings, language: &Language, event: &Event) -> Decision {
    match event {
        Event::QueueEnded(ended) => match ended.outcome {
            QueueOutcome::Bridged => Decision::new().hang_up("served").because("an agent has served the customer"),
            QueueOutcome::HangUp | QueueOutcome::Redirected => Decision::keep(),
            _ => Decision::from(voicemail(settings, language)).because(format!("the queue {} ended: {}", ended.queue, ended.outcome)),
        },
        Event::DialEnded(ended) => match ended.outcome {
            DialOutcome::Completed => Decision::new().hang_up("served").because("whoever is on call has served the customer"),
            DialOutcome::Canceled => Decision::keep(),
            _ => Decision::from(voicemail(settings, language)).because(format!("nobody on call could be reached: {}", ended.outcome)),
        },
        Event::VoicemailEnded(ended) => match ended.outcome {
            VoicemailOutcome::Recorded => {
                Decision::new().say(language.prompt(&language.goodbye)).hang_up("message taken").because("the customer left a message")
            }
            _ => Decision::new().hang_up("no message").because("the customer left no message"),
        },
        _ => Decision::keep(),
    }
}

fn voicemail(settings: &Settings, language: &Language) -> Voicemail {
    let mut voicemail = Voicemail::new(MESSAGE).prompt(language.prompt(&language.voicemail));
    voicemail.mailbox = settings.mailbox.clone();
    voicemail
}

export!(HoursRouter);

#[cfg(test)]
mod tests;
