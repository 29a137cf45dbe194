//! Orders events by who waits for the answer: what is shed first when there is too much at once.
//!
//! The pipeline names an event's priority, the runtime's turnstile serves the higher one first and turns the lower one away sooner.
//! It is derived from what the event is and never from what a tenant or a caller says, so that nobody can raise his own; the one
//! exception is an address that the platform has marked.

use serde::{Deserialize, Serialize};

use crate::tenant::address::Channel;

/// How much waits on an answer. The lowest is shed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// Nobody waits: an observer.
    Background,
    /// A message: its customer reads the answer when it comes.
    Message,
    /// Somebody listens to ringing.
    Arrival,
    /// Somebody is in the middle of a call.
    Running,
    /// An address that the platform has marked, for example an emergency line.
    Marked,
}

impl Priority {
    /// All of them, lowest first.
    pub const ALL: [Self; 5] = [Self::Background, Self::Message, Self::Arrival, Self::Running, Self::Marked];

    /// Of an event: on which channel, whether its contact has had a turn before, and whether its address is marked.
    pub fn of(channel: Channel, running: bool, marked: bool) -> Self {
        match (marked, channel, running) {
            (true, ..) => Self::Marked,
            (false, Channel::Voice, true) => Self::Running,
            (false, Channel::Voice, false) => Self::Arrival,
            (false, ..) => Self::Message,
        }
    }

    /// The share, in percent, of the longest wait before a guest that it may still join: past it the event is shed at once. A call
    /// in progress may wait as long as any wait is allowed, an observer only where there is next to none.
    pub fn wait_percent(self) -> u64 {
        match self {
            Self::Background => 25,
            Self::Message => 50,
            Self::Arrival => 75,
            Self::Running | Self::Marked => 100,
        }
    }

    /// As metrics and programs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Background => "background",
            Self::Message => "message",
            Self::Arrival => "arrival",
            Self::Running => "running",
            Self::Marked => "marked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_in_progress_goes_before_a_new_one_and_that_before_a_message() {
        let of = |channel, running| Priority::of(channel, running, false);
        assert!(of(Channel::Voice, true) > of(Channel::Voice, false));
        assert!(of(Channel::Voice, false) > of(Channel::Sms, true));
        assert_eq!(of(Channel::Sms, true), of(Channel::Whatsapp, false));
        assert_eq!(Priority::of(Channel::Sms, false, true), Priority::Marked);
        assert!(Priority::ALL.is_sorted() && Priority::ALL.iter().map(|p| p.wait_percent()).is_sorted());
    }
}
