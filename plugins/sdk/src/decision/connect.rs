//! Builds what gives the customer to someone: a queue, a person, a number, a conference, an AI persona, a call back.
//!
//! Names of queues, flows and people are those of the tenant's directory; the host refuses what is not in it.

use core::time::Duration;

use super::{Prompt, acts};
use crate::contact::Moment;
use crate::failure::Extension;
use crate::persona::Persona;

/// Something the agent should be able to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    /// The skill's name at the provider.
    pub name: String,
    /// Least proficiency, 0 to 10.
    pub level: u32,
}

/// Ask for less after a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relaxation {
    /// Counted from entering the queue.
    pub after: Duration,
    /// What is then still required.
    pub skills: Vec<Skill>,
}

/// What takes over when something cannot be done. It cannot itself fail over, so that a chain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exit {
    /// Ask the plugin; carries the tag of the `continued` event.
    Continue(String),
    /// Say it, and go on with the next.
    Say(Prompt),
    /// To a queue, by name.
    Enqueue(String),
    /// To a telephone number in E.164.
    Number(String),
    /// To another flow of the tenant, by name.
    Flow(String),
    /// To a mailbox.
    Voicemail(String),
    /// End the contact.
    HangUp,
    /// A way that this version of the contract has no case for.
    Other(Extension),
}

/// Put the customer in a queue of the tenant's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueue {
    /// Comes back in the queue events.
    pub tag: String,
    /// The queue's name.
    pub queue: String,
    /// Higher is served first, 0 to 100.
    pub priority: Option<u32>,
    /// What the agent must be able to do.
    pub skills: Vec<Skill>,
    /// How that is relaxed, in order of time.
    pub relaxations: Vec<Relaxation>,
    /// https URL of the music.
    pub hold_music: Option<String>,
    /// Say the position this often.
    pub announce_every: Option<Duration>,
    /// Ask the plugin with `queue-waiting` while the customer waits.
    pub notify: bool,
    /// Leave the queue then.
    pub maximum_wait: Option<Duration>,
    /// What to do when the queue is full, closed or took too long; the plugin gets `queue-ended` where empty.
    pub overflow: Vec<Exit>,
    /// For later versions of the contract.
    pub extras: Vec<(String, String)>,
}

impl Enqueue {
    /// Into a queue, as it is; the tag is the queue's name as far as a tag may hold it.
    pub fn new(queue: impl Into<String>) -> Self {
        let queue = queue.into();
        Self {
            tag: tag_of(&queue),
            queue,
            priority: None,
            skills: Vec::new(),
            relaxations: Vec::new(),
            hold_music: None,
            announce_every: None,
            notify: false,
            maximum_wait: None,
            overflow: Vec::new(),
            extras: Vec::new(),
        }
    }

    /// What comes back in the queue events.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = tag.into();
        self
    }

    /// Higher is served first, 0 to 100.
    #[must_use]
    pub fn priority(mut self, priority: u32) -> Self {
        self.priority = Some(priority);
        self
    }

    /// The agent must be able to do this, at least so well.
    #[must_use]
    pub fn skill(mut self, name: impl Into<String>, level: u32) -> Self {
        self.skills.push(Skill { name: name.into(), level });
        self
    }

    /// Plays this while the customer waits.
    #[must_use]
    pub fn hold_music(mut self, url: impl Into<String>) -> Self {
        self.hold_music = Some(url.into());
        self
    }

    /// Says the position this often.
    #[must_use]
    pub fn announce_every(mut self, every: Duration) -> Self {
        self.announce_every = Some(every);
        self
    }

    /// Asks the plugin while the customer waits.
    #[must_use]
    pub fn notify(mut self) -> Self {
        self.notify = true;
        self
    }

    /// Leaves the queue after that long.
    #[must_use]
    pub fn maximum_wait(mut self, wait: Duration) -> Self {
        self.maximum_wait = Some(wait);
        self
    }

    /// Goes there, in order, when the queue is full, closed or took too long.
    #[must_use]
    pub fn overflow(mut self, exit: Exit) -> Self {
        self.overflow.push(exit);
        self
    }
}

/// A tag is at most 64 letters, digits, dashes and underscores; a queue may have a wider name.
fn tag_of(name: &str) -> String {
    name.chars().take(64).map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}

/// A SIP address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipTarget {
    /// sip: or sips: URI.
    pub uri: String,
    /// X- headers to send.
    pub headers: Vec<(String, String)>,
}

/// Where a transfer points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Another flow of the tenant, by name.
    Flow(String),
    /// A telephone number in E.164.
    Number(String),
    /// A SIP address.
    Sip(SipTarget),
    /// A person of the tenant's directory, by name.
    Person(String),
    /// A target that this version of the contract has no case for.
    Other(Extension),
}

impl Target {
    /// Another flow of the tenant, by name.
    pub fn flow(name: impl Into<String>) -> Self {
        Self::Flow(name.into())
    }

    /// A telephone number in E.164.
    pub fn number(number: impl Into<String>) -> Self {
        Self::Number(number.into())
    }

    /// A person of the tenant's directory, by name.
    pub fn person(name: impl Into<String>) -> Self {
        Self::Person(name.into())
    }

    /// A SIP address, without headers.
    pub fn sip(uri: impl Into<String>) -> Self {
        Self::Sip(SipTarget { uri: uri.into(), headers: Vec::new() })
    }
}

/// In which order the targets ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ringing {
    /// One after the other.
    Series,
    /// All at once; the first to answer has it.
    Parallel,
}

/// Connect the customer with someone else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Comes back in `dial-ended`.
    pub tag: String,
    /// At least one, at most ten.
    pub targets: Vec<Target>,
    /// In which order.
    pub ringing: Ringing,
    /// How long one target rings.
    pub ring_timeout: Option<Duration>,
    /// How long the two may talk.
    pub talk_limit: Option<Duration>,
    /// One of the tenant's own addresses; the entry address where absent.
    pub caller_id: Option<String>,
    /// What the target hears before being connected.
    pub whisper: Option<Prompt>,
    /// The target must press a key to accept.
    pub screening: bool,
    /// Blind gives the contact away; warm comes back with `dial-ended`.
    pub warm: bool,
    /// For later versions of the contract.
    pub extras: Vec<(String, String)>,
}

impl Transfer {
    /// To one target, blind.
    pub fn new(tag: impl Into<String>, target: Target) -> Self {
        Self {
            tag: tag.into(),
            targets: Vec::from([target]),
            ringing: Ringing::Series,
            ring_timeout: None,
            talk_limit: None,
            caller_id: None,
            whisper: None,
            screening: false,
            warm: false,
            extras: Vec::new(),
        }
    }

    /// Rings one more target, after those before it.
    #[must_use]
    pub fn then(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// All targets ring at once.
    #[must_use]
    pub fn in_parallel(mut self) -> Self {
        self.ringing = Ringing::Parallel;
        self
    }

    /// How long one target rings.
    #[must_use]
    pub fn ring_timeout(mut self, timeout: Duration) -> Self {
        self.ring_timeout = Some(timeout);
        self
    }

    /// What the target hears before being connected.
    #[must_use]
    pub fn whisper(mut self, prompt: impl Into<Prompt>) -> Self {
        self.whisper = Some(prompt.into());
        self
    }

    /// Comes back with `dial-ended` after the talk.
    #[must_use]
    pub fn warm(mut self) -> Self {
        self.warm = true;
        self
    }
}

/// Put the customer in a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conference {
    /// Comes back in `conference-ended`.
    pub tag: String,
    /// Unique within the tenant.
    pub name: String,
    /// It begins when this customer enters.
    pub start_on_enter: bool,
    /// It ends when this customer leaves.
    pub end_on_exit: bool,
    /// The customer only listens.
    pub muted: bool,
    /// Most participants, 2 to 250.
    pub max_participants: Option<u32>,
    /// https URL of the music until it begins.
    pub hold_music: Option<String>,
}

impl Conference {
    /// Begins at once and goes on until the last has left.
    pub fn new(tag: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            tag: tag.into(),
            name: name.into(),
            start_on_enter: true,
            end_on_exit: false,
            muted: false,
            max_participants: None,
            hold_music: None,
        }
    }
}

/// Let an AI persona talk with the customer.
#[derive(Debug, Clone, PartialEq)]
pub struct Converse {
    /// Comes back in `ai-ended`.
    pub tag: String,
    /// Who talks.
    pub persona: Persona,
    /// What to do when it cannot be started or breaks.
    pub on_failure: Vec<Exit>,
}

impl Converse {
    /// Starts the persona.
    pub fn new(tag: impl Into<String>, persona: Persona) -> Self {
        Self { tag: tag.into(), persona, on_failure: Vec::new() }
    }

    /// Does that when the persona cannot be started or breaks.
    #[must_use]
    pub fn on_failure(mut self, exit: Exit) -> Self {
        self.on_failure.push(exit);
        self
    }
}

/// Call the customer back later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// E.164; the customer's number where absent.
    pub number: Option<String>,
    /// The queue whose agents call.
    pub queue: String,
    /// Not before.
    pub earliest: Option<Moment>,
    /// Not after.
    pub latest: Option<Moment>,
    /// How often to try, 1 to 10.
    pub attempts: u32,
    /// Keep the customer's place in the queue.
    pub keep_place: bool,
}

impl Callback {
    /// As soon as an agent of the queue is free, tried three times.
    pub fn new(queue: impl Into<String>) -> Self {
        Self { number: None, queue: queue.into(), earliest: None, latest: None, attempts: 3, keep_place: true }
    }
}

acts!(Enqueue, Transfer, Conference, Converse, Callback);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_with_a_wide_name_still_has_a_tag() {
        let long = "x".repeat(100);
        assert_eq!(Enqueue::new("Technical Support").tag, "Technical-Support");
        assert_eq!(Enqueue::new(long).tag.len(), 64);
    }
}
