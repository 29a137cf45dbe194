//! Lets a tenant's developer write a plugin in plain Rust: what happened comes in, what to do goes out.
//!
//! A plugin implements [`Router`] (and [`Assistant`], if it speaks through an AI persona) and ends with [`export!`]. The types
//! here mirror the contract in `wit/v1`; they are not its generated bindings, because those cannot be built by hand with
//! pleasure and know documented words only as strings. Only the `wasm` module touches the bindings, so that everything else
//! compiles and is tested without a sandbox (see `testing`).
//!
//! What a plugin does not call it does not import: on WebAssembly every capability is reached directly, never through a
//! table, and the linker drops the rest.
//!
//! ```
//! use jackfield_sdk::prelude::*;
//!
//! struct Shop;
//!
//! impl Router for Shop {
//!     fn describe() -> Describe {
//!         Describe::new("shop", "1.0.0")
//!             .events([EventKind::Arrived, EventKind::Input])
//!             .actions([ActionKind::Say, ActionKind::Menu, ActionKind::Enqueue])
//!     }
//!
//!     fn handle(_contact: &Contact, event: &Event, _host: &Host) -> Answer {
//!         Ok(match event {
//!             Event::Arrived => Menu::new("main", "For sales press 1, for support press 2.")
//!                 .choice("1", "sales", "Sales")
//!                 .choice("2", "support", "Support")
//!                 .because("the call has begun"),
//!             Event::Input(input) => match input.matched() {
//!                 Some(queue) => Enqueue::new(queue).because("the customer chose"),
//!                 None => Decision::new().say("Please hold the line.").enqueue("support").because("no choice was made"),
//!             },
//!             _ => Decision::keep(),
//!         })
//!     }
//! }
//!
//! export!(Shop);
//! ```

// The doc example above is compiled, and `::jackfield_sdk` is how the bindings find their runtime.
extern crate self as jackfield_sdk;

mod plugin;

pub mod contact;
pub mod decision;
pub mod describe;
pub mod event;
pub mod failure;
pub mod host;
pub mod persona;
pub mod words;

#[cfg(not(target_family = "wasm"))]
pub mod testing;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod wasm;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use wit_bindgen;

pub use plugin::{Answer, Assistant, Router};

/// Everything that a plugin usually names.
pub mod prelude {
    pub use crate::contact::{Contact, Endpoint, Moment, Party};
    pub use crate::decision::{
        Action, ActionKind, AskConsent, Callback, Choice, Collect, Conference, Converse, Decision, Enqueue, Exit, Menu, Prompt, Recording,
        RecordingPolicy, SendMessage, Target, Transfer, Voicemail,
    };
    pub use crate::describe::Describe;
    pub use crate::event::{Event, EventKind, Input, InputOutcome};
    pub use crate::export;
    pub use crate::failure::{Denial, Failure};
    pub use crate::host::{Host, HttpError, Level, Request, Response, Scope};
    pub use crate::persona::{BargeIn, Escalation, Persona, Tool, ToolAnswer, ToolCall};
    pub use crate::words::{AiReason, Channel, DialOutcome, Direction, QueueOutcome, Rejection, VoicemailOutcome};
    pub use crate::{Answer, Assistant, Router};
    pub use core::time::Duration;
}

/// Makes a component of a plugin: `export!(Shop);`, or `export!(Concierge as Assistant);` where it also speaks through an AI
/// persona. It stands once, in the crate's root. Without WebAssembly it only checks that the traits are implemented.
#[cfg(target_family = "wasm")]
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        const _: () = {
            type Exported = $crate::wasm::Adapter<$plugin>;
    $crate::wasm::routing::export_routing!(Exported with_types_in $crate::wasm::routing);
        };
    };
    ($plugin:ident as Assistant) => {
        const _: () = {
            type Exported = $crate::wasm::Adapter<$plugin>;
    $crate::wasm::routing::export_routing!(Exported with_types_in $crate::wasm::routing);
    $crate::wasm::speaking::export_speaking!(Exported with_types_in $crate::wasm::speaking);
        };
    };
}

/// Makes a component of a plugin: `export!(Shop);`, or `export!(Concierge as Assistant);` where it also speaks through an AI
/// persona. It stands once, in the crate's root. Without WebAssembly it only checks that the traits are implemented.
#[cfg(not(target_family = "wasm"))]
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        const _: fn() = || {
            fn implements<P: $crate::Router>() {}
            implements::<$plugin>();
        };
    };
    ($plugin:ident as Assistant) => {
        const _: fn() = || {
            fn implements<P: $crate::Assistant>() {}
            implements::<$plugin>();
        };
    };
}
