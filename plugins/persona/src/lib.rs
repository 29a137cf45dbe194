//! Lets an AI persona, written as settings, talk with the customer, and hands over to a person when the customer asks for one.
//!
//! Arrival starts the persona; the host asks [`Assistant::prompt`] again when a supervisor changes the contact's context, so what
//! is written there is in force at once. The model may escalate by the rule that the persona carries, and a keyword in recognised
//! speech escalates here, so that neither a provider without rules nor a stubborn model keeps a customer from a person.

mod settings;
mod template;

use jackfield_sdk::prelude::*;
use settings::Settings;

/// The persona's tag.
const PERSONA: &str = "persona";
/// The tag of a transfer to a person.
const ESCALATION: &str = "escalation";

struct Concierge;

impl Router for Concierge {
    fn describe() -> Describe {
        Describe::new("persona", env!("CARGO_PKG_VERSION"))
            .settings_schema(include_str!("settings.schema.json"))
            .events([EventKind::Arrived, EventKind::Input, EventKind::AiEnded, EventKind::DialEnded, EventKind::QueueEnded])
            .actions([ActionKind::Say, ActionKind::Converse, ActionKind::Enqueue, ActionKind::Transfer, ActionKind::HangUp])
    }

    fn handle(contact: &Contact, event: &Event, host: &Host) -> Answer {
        let settings: Settings = host.settings()?;
        match event {
            Event::Arrived => Ok(talk(&settings, contact)?.because("the contact has begun")),
            Event::Input(input) if input.outcome == InputOutcome::HangUp => Ok(Decision::keep()),
            Event::Input(input) => match settings.escalation_keyword(&input.value) {
                Some(keyword) => Ok(escalate(&settings).because(format!("the customer said {keyword:?}"))),
                None => Ok(talk(&settings, contact)?.because("nothing that was said asks for a person")),
            },
            Event::AiEnded(ended) => match ended.reason {
                AiReason::Escalated => Ok(escalate(&settings).because("the persona handed over")),
                AiReason::HangUp => Ok(Decision::keep()),
                AiReason::Failed => otherwise(&settings, "the persona broke"),
                _ => Ok(goodbye(&settings, "conversation over").because(format!("the conversation ended: {}", ended.reason))),
            },
            Event::DialEnded(ended) => match ended.outcome {
                DialOutcome::Completed => Ok(Decision::new().hang_up("served").because("a person has served the customer")),
                DialOutcome::Canceled => Ok(Decision::keep()),
                _ => otherwise(&settings, "nobody took the escalation"),
            },
            Event::QueueEnded(ended) => match ended.outcome {
                QueueOutcome::HangUp | QueueOutcome::Redirected => Ok(Decision::keep()),
                QueueOutcome::Bridged => Ok(Decision::new().hang_up("served").because("an agent has served the customer")),
                _ => Ok(goodbye(&settings, "nobody free").because(format!("the queue {} ended: {}", ended.queue, ended.outcome))),
            },
            _ => Ok(Decision::keep()),
        }
    }
}

impl Assistant for Concierge {
    fn prompt(contact: &Contact, _event: &Event, host: &Host) -> Result<Persona, Failure> {
        host.settings::<Settings>()?.persona(contact)
    }
}

fn talk(settings: &Settings, contact: &Contact) -> Result<Decision, Failure> {
    let mut converse = Converse::new(PERSONA, settings.persona(contact)?);
    converse.on_failure = settings.on_failure.exits(settings);
    Ok(Decision::from(converse))
}

/// To the person or queue of the escalation rule; without a rule there is nobody to hand over to.
fn escalate(settings: &Settings) -> Decision {
    let Some(rule) = &settings.escalation else {
        return goodbye(settings, "nobody to hand over to");
    };
    let told = Decision::new().and_maybe(rule.say.as_deref().map(|text| Action::Say(settings.prompt(text))));
    if rule.target.starts_with('+') { told.transfer(ESCALATION, Target::number(&rule.target)) } else { told.enqueue(&rule.target) }
}

/// What the settings say for a persona that cannot go on; the tenant's own fallback where they say nothing.
fn otherwise(settings: &Settings, why: &str) -> Answer {
    settings.on_failure.decision(settings).map(|decision| decision.because(why)).ok_or_else(|| Failure::Unavailable(why.into()))
}

fn goodbye(settings: &Settings, reason: &str) -> Decision {
    Decision::new().say(settings.prompt(&settings.goodbye)).hang_up(reason)
}

export!(Concierge as Assistant);

#[cfg(test)]
mod tests;
