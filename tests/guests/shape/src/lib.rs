//! Gives every guest the shape of a plugin, so that its own file holds nothing but its sin.
//!
//! Guests implement [`Guest`] and end with [`commit!`]. They use the contract's bindings and not the SDK, because the SDK would
//! keep them from much of what they are for.

// The bindings name their runtime by this crate's name, also when a guest expands the export macro.
extern crate self as shape;

#[doc(hidden)]
pub use wit_bindgen;

#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        world: "jackfield:plugin/router-plugin",
        path: "../../../wit/v1",
        runtime_path: "::shape::wit_bindgen::rt",
        default_bindings_module: "shape::bindings",
        export_macro_name: "export_guest",
        pub_export_macro: true,
    });
}

pub mod canary;

use core::marker::PhantomData;

use bindings::exports::jackfield::plugin as exports;

pub use bindings::exports::jackfield::plugin::describe::Metadata;
pub use bindings::jackfield;
pub use bindings::jackfield::plugin::contacts::Contact;
pub use bindings::jackfield::plugin::decisions::{Action, Decision};
pub use bindings::jackfield::plugin::events::Event;
pub use bindings::jackfield::plugin::types::{Failure, Prompt, PromptContent};

/// What a guest does.
pub trait Guest {
    /// Its name: the sin.
    const NAME: &str;
    /// The actions that it lists.
    const ACTIONS: &[&str];

    /// What it says of itself; the truth, unless that is the sin.
    fn describe() -> Metadata {
        metadata(Self::NAME, Self::ACTIONS)
    }

    /// What it does on every event.
    fn handle(contact: Contact, event: Event) -> Result<Decision, Failure>;
}

/// A guest as the host sees it.
#[doc(hidden)]
pub struct Shaped<G>(PhantomData<G>);

impl<G: Guest> exports::describe::Guest for Shaped<G> {
    fn describe() -> Metadata {
        G::describe()
    }
}

impl<G: Guest> exports::router::Guest for Shaped<G> {
    fn handle(contact: Contact, event: Event) -> Result<Decision, Failure> {
        G::handle(contact, event)
    }
}

/// Makes a component of a guest.
#[macro_export]
macro_rules! commit {
    ($guest:ident) => {
        const _: () = {
            type Exported = $crate::Shaped<$guest>;
    $crate::bindings::export_guest!(Exported with_types_in $crate::bindings);
        };
    };
}

/// Honest metadata.
pub fn metadata(name: &str, actions: &[&str]) -> Metadata {
    Metadata {
        name: name.into(),
        version: "1.0.0".into(),
        settings_schema: "{}".into(),
        state_schema: String::new(),
        outcomes: Vec::new(),
        events: vec!["arrived".into(), "input".into(), "message".into()],
        actions: actions.iter().map(|name| (*name).into()).collect(),
        extras: Vec::new(),
    }
}

/// A setting that is a JSON string without escapes; none where it is missing or settings are denied.
pub fn setting(name: &str) -> Option<String> {
    let json = jackfield::plugin::settings::get(&format!("/{name}")).ok()??;
    json.strip_prefix('"')?.strip_suffix('"').map(Into::into)
}

/// A setting that is a whole number.
pub fn number(name: &str) -> Option<u64> {
    jackfield::plugin::settings::get(&format!("/{name}")).ok()??.parse().ok()
}

/// The case of an error of `http`, as the contract names it.
pub fn http_code(error: &jackfield::plugin::http::HttpError) -> &'static str {
    use jackfield::plugin::http::HttpError;
    match error {
        HttpError::Denied => "denied",
        HttpError::Exhausted => "exhausted",
        HttpError::NotAllowed(_) => "not-allowed",
        HttpError::BadRequest(_) => "bad-request",
        HttpError::NoSecret(_) => "no-secret",
        HttpError::Unresolved => "unresolved",
        HttpError::Timeout => "timeout",
        HttpError::Unavailable => "unavailable",
        HttpError::TooLarge => "too-large",
        HttpError::Failed(_) => "failed",
        HttpError::Other(_) => "other",
    }
}

/// A decision.
pub fn decide(actions: Vec<Action>, reason: impl Into<String>) -> Decision {
    Decision { actions, reason: reason.into(), extras: Vec::new() }
}

/// A decision that changes nothing.
pub fn keep(reason: impl Into<String>) -> Decision {
    decide(vec![Action::Keep], reason)
}

/// Plain text.
pub fn text(text: impl Into<String>) -> Prompt {
    Prompt { content: PromptContent::Text(text.into()), language: None, voice: None }
}

/// A decision that says something.
pub fn say(what: impl Into<String>, reason: impl Into<String>) -> Decision {
    decide(vec![Action::Say(text(what))], reason)
}

/// What one round of [`burn`] costs: the instructions of the compiled loop, counted.
const ROUND_FUEL: u64 = 23;

/// Burns about so much fuel, and gives back something that depends on all of it.
#[inline(never)]
pub fn burn(fuel: u64) -> u8 {
    let mut found = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..fuel / ROUND_FUEL {
        found ^= found << 13;
        found ^= found >> 7;
        found ^= found << 17;
    }
    found.to_le_bytes()[0]
}
