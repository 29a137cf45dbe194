//! Mirrors `wit/v1/decisions.wit`: what a plugin answers with, built step by step.
//!
//! A plugin's `handle` returns a [`Decision`]. Actions are done in order; what waits for the customer or gives the contact away
//! comes last, and the reason tells whoever asks later why the call went there. Builders instead of struct literals, because
//! most fields of most actions have one sensible value.

mod action;
mod ask;
mod connect;
mod message;
mod prompt;

pub use action::{Action, ActionKind};
pub use ask::{AskConsent, Choice, Collect, Menu};
pub use connect::{Callback, Conference, Converse, Enqueue, Exit, Relaxation, Ringing, SipTarget, Skill, Target, Transfer};
pub use message::{Play, Recording, RecordingPolicy, SendMessage, Template, Voicemail, Wake};
pub use prompt::{Prompt, PromptContent};

use core::time::Duration;

use crate::words::Rejection;

/// What a plugin decided.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// Done in order.
    pub actions: Vec<Action>,
    /// Why, for whoever asks "why did this call go there?".
    pub reason: String,
    /// For later versions of the contract.
    pub extras: Vec<(String, String)>,
}

impl Decision {
    /// Begins an empty decision; something must be added to it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes nothing: the answer to events that the plugin does not know.
    pub fn keep() -> Self {
        Self::new().and(Action::Keep)
    }

    /// Does not take the contact. It stands alone.
    pub fn reject(rejection: Rejection) -> Self {
        Self::new().and(Action::Reject(rejection))
    }

    /// Does something: what every other builder method is short for.
    #[must_use]
    pub fn and(mut self, action: impl Into<Action>) -> Self {
        self.actions.push(action.into());
        self
    }

    /// Does something if there is something to do.
    #[must_use]
    pub fn and_maybe(self, action: Option<impl Into<Action>>) -> Self {
        match action {
            Some(action) => self.and(action),
            None => self,
        }
    }

    /// Says or writes something.
    #[must_use]
    pub fn say(self, prompt: impl Into<Prompt>) -> Self {
        self.and(Action::Say(prompt.into()))
    }

    /// Plays an audio file, once.
    #[must_use]
    pub fn play(self, url: impl Into<String>) -> Self {
        self.and(Play::new(url))
    }

    /// Is silent for a while.
    #[must_use]
    pub fn pause(self, duration: Duration) -> Self {
        self.and(Action::Pause(duration))
    }

    /// Sends keys: 0-9, A-D, *, #, and w for half a second.
    #[must_use]
    pub fn send_digits(self, digits: impl Into<String>) -> Self {
        self.and(Action::SendDigits(digits.into()))
    }

    /// Goes on in another language, by BCP 47 tag.
    #[must_use]
    pub fn set_language(self, tag: impl Into<String>) -> Self {
        self.and(Action::SetLanguage(tag.into()))
    }

    /// Writes an attribute of the contact; an empty value removes it. Attributes set one after another become one action.
    #[must_use]
    pub fn set_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let pair = (name.into(), value.into());
        match self.actions.last_mut() {
            Some(Action::SetAttributes(pairs)) => pairs.push(pair),
            _ => self.actions.push(Action::SetAttributes(Vec::from([pair]))),
        }
        self
    }

    /// Comes back with `continued` when what stands before it is done.
    #[must_use]
    pub fn continue_as(self, tag: impl Into<String>) -> Self {
        self.and(Action::Continue(tag.into()))
    }

    /// Comes back with `timer` after a time.
    #[must_use]
    pub fn wake_after(self, duration: Duration, tag: impl Into<String>) -> Self {
        self.and(Wake { after: duration, tag: tag.into() })
    }

    /// Puts the customer in a queue; the tag is the queue's name.
    #[must_use]
    pub fn enqueue(self, queue: impl Into<String>) -> Self {
        self.and(Enqueue::new(queue))
    }

    /// Gives the contact to one target.
    #[must_use]
    pub fn transfer(self, tag: impl Into<String>, target: Target) -> Self {
        self.and(Transfer::new(tag, target))
    }

    /// Ends the contact, with a word for the trail.
    #[must_use]
    pub fn hang_up(self, reason: impl Into<String>) -> Self {
        self.and(Action::HangUp(Some(reason.into())))
    }

    /// Says why, and is complete.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// The texts that the decision itself says, in order, without those of a question. For tests and logs.
    pub fn said(&self) -> Vec<&str> {
        self.actions.iter().filter_map(|action| if let Action::Say(prompt) = action { prompt.as_text() } else { None }).collect()
    }

    /// The queue that the customer goes to, if any. For tests and logs.
    pub fn queue(&self) -> Option<&str> {
        self.actions.iter().find_map(|action| if let Action::Enqueue(enqueue) = action { Some(enqueue.queue.as_str()) } else { None })
    }

    /// The menu that is offered, if any. For tests and logs.
    pub fn menu(&self) -> Option<&Menu> {
        self.actions.iter().find_map(|action| if let Action::Menu(menu) = action { Some(menu) } else { None })
    }
}

impl<A: Into<Action>> From<A> for Decision {
    fn from(action: A) -> Self {
        Self::new().and(action)
    }
}

/// Lets a builder become an action, and a whole decision where it is all that is done.
macro_rules! acts {
    ($($kind:ident),+) => {
        $(
            impl From<$kind> for crate::decision::Action {
                fn from(action: $kind) -> Self {
                    Self::$kind(action)
                }
            }

            impl $kind {
                /// Does only this, and says why.
                #[must_use]
                pub fn because(self, reason: impl Into<String>) -> crate::decision::Decision {
                    crate::decision::Decision::new().and(self).because(reason)
                }
            }
        )+
    };
}

use acts;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_set_in_a_row_are_one_action() {
        let decision = Decision::new().set_attribute("a", "1").set_attribute("b", "2").hang_up("done").because("test");
        assert_eq!(decision.actions.len(), 2);
        assert_eq!(decision.actions[0], Action::SetAttributes(vec![("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]));
    }

    #[test]
    fn a_builder_alone_becomes_a_decision() {
        let decision = Enqueue::new("sales").because("the customer chose");
        assert_eq!((decision.queue(), decision.reason.as_str()), (Some("sales"), "the customer chose"));
        assert_eq!(Decision::from(Voicemail::new("after-hours")).actions.len(), 1);
    }
}
