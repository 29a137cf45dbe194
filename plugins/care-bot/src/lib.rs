//! Serves a customer of a care platform: what an organisation and its departments may do is a matter of features, not of code.
//!
//! Settings are merged by the host, from the platform over the tenant to the subtenant, so one plugin serves all of them and each brings
//! its name, its tone and its features. A feature that is off is never tried: without voice agents a caller goes to people, without chat
//! agents a visitor is told when people are there, and calls are recorded only where that is on.

use jackfield_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// The persona's tag.
const AGENT: &str = "agent";
/// The attribute that says who served the customer.
const SERVED_BY: &str = "served-by";

/// All settings.
#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    #[serde(default)]
    branding: Branding,
    #[serde(default)]
    features: Features,
    #[serde(default)]
    agent: Option<Agent>,
    /// Where people are.
    queue: String,
    /// Words that ask for a person.
    #[serde(default)]
    escalation_keywords: Vec<String>,
    /// The first whose word is in what was said goes before everything else, where custom workflows are on.
    #[serde(default)]
    workflows: Vec<Workflow>,
}

/// What customers see and hear of the organisation.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Branding {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    greeting: Option<String>,
    #[serde(default)]
    voice: Option<String>,
}

/// What is switched on.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Features {
    #[serde(default)]
    voice_agents: bool,
    #[serde(default)]
    chat_agents: bool,
    #[serde(default)]
    call_recording: bool,
    #[serde(default)]
    custom_workflows: bool,
}

/// Who speaks for the organisation.
#[derive(Debug, Serialize, Deserialize)]
struct Agent {
    instructions: String,
    #[serde(default)]
    model: Option<String>,
}

/// A way of one's own.
#[derive(Debug, Serialize, Deserialize)]
struct Workflow {
    when_said: String,
    #[serde(default)]
    say: Option<String>,
    #[serde(default)]
    queue: Option<String>,
}

struct CareBot;

impl Router for CareBot {
    fn describe() -> Describe {
        Describe::new("care-bot", env!("CARGO_PKG_VERSION"))
            .settings_schema(include_str!("settings.schema.json"))
            .events([EventKind::Arrived, EventKind::Input, EventKind::Message, EventKind::AiEnded, EventKind::QueueEnded])
            .actions([
                ActionKind::Say,
                ActionKind::SetAttributes,
                ActionKind::RecordAudio,
                ActionKind::Converse,
                ActionKind::Enqueue,
                ActionKind::HangUp,
            ])
    }

    fn handle(contact: &Contact, event: &Event, host: &Host) -> Answer {
        let settings: Settings = host.settings()?;
        Ok(match event {
            Event::Arrived => arrived(&settings, contact),
            Event::Input(input) if input.outcome == InputOutcome::HangUp => Decision::keep(),
            Event::Input(input) => said(&settings, &input.value),
            Event::Message(message) => wrote(&settings, &message.text),
            Event::AiEnded(ended) => match ended.reason {
                AiReason::HangUp => Decision::keep(),
                AiReason::Completed => Decision::new().hang_up("served").because("the agent has served the customer"),
                _ => people(&settings, "the agent handed over"),
            },
            Event::QueueEnded(ended) => match ended.outcome {
                QueueOutcome::Bridged => Decision::new().hang_up("served").because("a person has served the customer"),
                QueueOutcome::HangUp | QueueOutcome::Redirected => Decision::keep(),
                _ => Decision::new()
                    .say(prompt(&settings, "Nobody is free just now. Please try again later."))
                    .hang_up("nobody free")
                    .because(format!("the queue ended: {}", ended.outcome)),
            },
            _ => Decision::keep(),
        })
    }
}

fn prompt(settings: &Settings, text: &str) -> Prompt {
    let plain = Prompt::text(text);
    match &settings.branding.voice {
        Some(voice) => plain.voice(voice),
        None => plain,
    }
}

fn greeting(settings: &Settings) -> String {
    let name = settings.branding.name.as_deref().unwrap_or("our customer care");
    settings.branding.greeting.clone().unwrap_or_else(|| format!("Welcome to {name}."))
}

fn recorded(settings: &Settings, decision: Decision) -> Decision {
    if settings.features.call_recording { decision.and(RecordingPolicy::new(Recording::On)) } else { decision }
}

fn arrived(settings: &Settings, contact: &Contact) -> Decision {
    if contact.channel != Channel::Voice {
        return Decision::new().say(prompt(settings, &greeting(settings))).because("a visitor is greeted");
    }
    let begun = recorded(settings, Decision::new());
    match &settings.agent {
        Some(agent) if settings.features.voice_agents => {
            let mut persona = Persona::new(&agent.instructions, &contact.language);
            persona.greeting = Some(greeting(settings));
            persona.model.clone_from(&agent.model);
            persona.voice.clone_from(&settings.branding.voice);
            let converse = Converse::new(AGENT, persona).on_failure(Exit::Enqueue(settings.queue.clone()));
            begun.set_attribute(SERVED_BY, "agent").and(converse).because("voice agents are on")
        }
        _ => people_after(settings, begun.say(prompt(settings, &greeting(settings))), "voice agents are off"),
    }
}

/// To people.
fn people(settings: &Settings, why: &str) -> Decision {
    people_after(settings, Decision::new(), why)
}

fn people_after(settings: &Settings, begun: Decision, why: &str) -> Decision {
    begun.set_attribute(SERVED_BY, "people").enqueue(&settings.queue).because(why)
}

fn workflow<'a>(settings: &'a Settings, text: &str) -> Option<&'a Workflow> {
    let text = text.to_lowercase();
    let all = settings.workflows.iter().filter(|_| settings.features.custom_workflows);
    all.into_iter().find(|workflow| text.contains(&workflow.when_said.to_lowercase()))
}

fn asks_for_people(settings: &Settings, text: &str) -> bool {
    let text = text.to_lowercase();
    settings.escalation_keywords.iter().any(|word| text.contains(&word.to_lowercase()))
}

fn said(settings: &Settings, text: &str) -> Decision {
    match workflow(settings, text) {
        Some(workflow) => follow(settings, workflow),
        None => people(settings, "what was said is for people"),
    }
}

fn wrote(settings: &Settings, text: &str) -> Decision {
    if let Some(workflow) = workflow(settings, text) {
        return follow(settings, workflow);
    }
    if asks_for_people(settings, text) {
        return people(settings, "the visitor asks for a person");
    }
    if !settings.features.chat_agents {
        return people(settings, "chat agents are off");
    }
    let name = settings.branding.name.as_deref().unwrap_or("we");
    Decision::new().say(prompt(settings, &format!("Thank you. {name} will answer: {text}"))).because("chat agents are on")
}

fn follow(settings: &Settings, workflow: &Workflow) -> Decision {
    let told = Decision::new().and_maybe(workflow.say.as_deref().map(|text| Action::Say(prompt(settings, text))));
    let why = format!("the workflow for {:?}", workflow.when_said);
    match &workflow.queue {
        Some(queue) => told.set_attribute(SERVED_BY, "workflow").enqueue(queue).because(why),
        None => told.set_attribute(SERVED_BY, "workflow").because(why),
    }
}

export!(CareBot);
