//! Implements the contract's exports for any plugin, by handing each call on to its trait.
//!
//! The export macro names [`Adapter`]; the host calls it. It decides nothing.

use core::marker::PhantomData;

use super::Imports;
use super::routing::exports::jackfield::plugin as routing;
use super::routing::jackfield::plugin::{contacts, decisions, events, personas, types};
use super::speaking::exports::jackfield::plugin as speaking;
use crate::host::Host;
use crate::persona::ToolCall;
use crate::{Assistant, Router};

/// A plugin as the host sees it.
pub struct Adapter<P>(PhantomData<P>);

/// The host, as a plugin sees it: nothing is behind it but imports.
const HOST: Host = Host { behind: Imports };

impl<P: Router> routing::describe::Guest for Adapter<P> {
    fn describe() -> routing::describe::Metadata {
        let describe = P::describe();
        routing::describe::Metadata {
            name: describe.name,
            version: describe.version,
            settings_schema: describe.settings_schema,
            state_schema: describe.state_schema,
            outcomes: describe.outcomes,
            events: describe.events.into_iter().map(|kind| kind.as_str().into()).collect(),
            actions: describe.actions.into_iter().map(|kind| kind.as_str().into()).collect(),
            extras: Vec::new(),
        }
    }
}

impl<P: Router> routing::router::Guest for Adapter<P> {
    fn handle(contact: contacts::Contact, event: events::Event) -> Result<decisions::Decision, types::Failure> {
        P::handle(&contact.into(), &event.into(), &HOST).map(Into::into).map_err(Into::into)
    }
}

impl<P: Router> routing::observer::Guest for Adapter<P> {
    fn notify(contact: contacts::Contact, event: events::Event) {
        P::notify(&contact.into(), &event.into(), &HOST);
    }
}

impl<P: Assistant> speaking::assistant::Guest for Adapter<P> {
    fn prompt(contact: contacts::Contact, event: events::Event) -> Result<personas::Persona, types::Failure> {
        P::prompt(&contact.into(), &event.into(), &HOST).map(Into::into).map_err(Into::into)
    }
}

impl<P: Assistant> speaking::tools::Guest for Adapter<P> {
    fn call(contact: contacts::Contact, call: speaking::tools::ToolCall) -> Result<speaking::tools::ToolAnswer, types::Failure> {
        let call = ToolCall { id: call.id, name: call.name, arguments: call.arguments };
        let answer = P::call(&contact.into(), &call, &HOST)?;
        Ok(speaking::tools::ToolAnswer {
            result: answer.result,
            actions: answer.actions.into_iter().map(Into::into).collect(),
            extras: answer.extras,
        })
    }
}
