//! Turns what a plugin of version 0.9 answered into the domain's words.
//!
//! Nothing is judged here: an impossible answer becomes an impossible draft, and the domain's vetting says so. Values are
//! moved, not copied. Every record is taken apart by name, so that a new field of the contract does not compile until it is
//! thought about.

mod actions;
mod parts;

use jackfield_domain::contact::decision::{Action, Draft};
use jackfield_domain::contact::event::Extension;
use jackfield_domain::contact::persona::{BargeIn, Escalation, Field, Persona, Tool};
use jackfield_domain::fallback::{Failure, FailureKind};
use jackfield_domain::flow::plugin::Metadata;

use super::exports::describe;
use super::imports::{decisions, personas, types};
use crate::guest::log::escaped;

/// Longest sentence of a plugin about its own failure: a paragraph.
const DETAIL_CHARS_MAX: usize = 1_000;

pub(super) fn metadata(of: describe::Metadata) -> Metadata {
    let describe::Metadata { name, version, settings_schema, state_schema, outcomes, events, actions, extras: _ } = of;
    Metadata { name, version, settings_schema, state_schema, outcomes, events, actions }
}

pub(super) fn decision(of: decisions::Decision) -> Draft {
    let decisions::Decision { actions, reason, extras: _ } = of;
    Draft { actions: actions.into_iter().map(Action::from).collect(), reason }
}

pub(super) fn failure(of: types::Failure) -> Failure {
    let detail = match of {
        types::Failure::Unsupported(what) => format!("the plugin does not handle {what}"),
        types::Failure::BadSettings(setting) => format!("the plugin cannot use its settings: {setting}"),
        types::Failure::Unavailable(what) => format!("the plugin needs what did not answer: {what}"),
        types::Failure::Internal(why) => why,
        types::Failure::Other(of) => format!("{}: {}", of.kind, of.data),
    };
    // People read it in lists and terminals, so it is escaped and short like a line of the log.
    let detail = escaped(&detail).chars().take(DETAIL_CHARS_MAX).collect::<String>();
    Failure::new(FailureKind::Declined, detail)
}

pub(super) fn persona(of: personas::Persona) -> Persona {
    let personas::Persona {
        instructions,
        greeting,
        voice,
        model,
        language,
        tools,
        temperature,
        max_tokens,
        max_duration,
        interruptible,
        silence_timeout,
        hints,
        fields,
        escalation,
        knowledge,
        extras,
    } = of;
    Persona {
        instructions,
        greeting,
        voice,
        model,
        language,
        tools: tools.into_iter().map(tool).collect(),
        temperature,
        max_tokens,
        max_duration_ms: max_duration,
        interruptible: barge_in(interruptible),
        silence_timeout_ms: silence_timeout,
        hints,
        fields: fields.into_iter().map(field).collect(),
        escalation: escalation.map(|personas::Escalation { keywords, target }| Escalation { keywords, target }),
        knowledge,
        extras,
    }
}

fn tool(personas::Tool { name, description, parameters }: personas::Tool) -> Tool {
    Tool { name, description, parameters }
}

fn field(personas::Field { name, description, schema }: personas::Field) -> Field {
    Field { name, description, schema }
}

fn barge_in(of: personas::BargeIn) -> BargeIn {
    match of {
        personas::BargeIn::None => BargeIn::None,
        personas::BargeIn::Dtmf => BargeIn::Dtmf,
        personas::BargeIn::Speech => BargeIn::Speech,
        personas::BargeIn::Any => BargeIn::Any,
    }
}

fn extension(types::Extension { kind, data }: types::Extension) -> Extension {
    Extension { kind, data }
}
