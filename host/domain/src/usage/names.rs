//! Names what usage counts: purposes, the host's own figures, and families of names.
//!
//! Names are made here and nowhere else. Those of the host are a closed list; those that a plugin chooses stand behind a slash, where
//! the store bounds how many one row may have. They are in rows that stay for years, so a name never changes its meaning.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why something ran. Only what is live spends a tenant's quotas and answers anybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// For a customer. Rows without a purpose are from before there was another.
    #[default]
    Live,
    /// Beside a live release, to compare.
    Shadow,
    /// A kept contact, again.
    Replay,
    /// For whoever writes the plugin.
    Test,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Live, Self::Shadow, Self::Replay, Self::Test];

    /// As API, CSV and command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Shadow => "shadow",
            Self::Replay => "replay",
            Self::Test => "test",
        }
    }
}

impl FromStr for Purpose {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text).ok_or(())
    }
}

/// What the host counts by itself: one column each. The order is that of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Events that were answered, the host's own steps included.
    Events,
    /// Of them those that the host went on with by itself.
    HostSteps,
    /// What was reported and expects no answer: ends, statuses.
    Reports,
    /// Contacts that arrived.
    ContactsBegun,
    /// Contacts whose end was reported, or that were handed over to a provider that reports none.
    ContactsEnded,
    /// Messages from customers.
    MessagesIn,
    /// Messages that decisions sent.
    MessagesOut,
    /// Runs of a plugin: every attempt, and every observer.
    Invocations,
    /// Of them those whose commit met a conflict, so that the event ran again.
    InvocationsLost,
    /// Of the invocations those that failed.
    Failures,
    /// Fuel as charged.
    Fuel,
    /// Microseconds from start to end: guest and host together.
    WallUs,
    /// Of them in the guest. Worked out, and never kept.
    GuestUs,
    /// Of them in the host.
    HostUs,
    /// Bytes of memories and tables that one invocation held at most: the highest, not the sum.
    MemoryBytesPeak,
    /// Calls of capabilities.
    HostCalls,
    /// Requests among them.
    HttpCalls,
    /// Bytes of those requests, heads and bodies.
    HttpSentBytes,
    /// Bytes of their responses.
    HttpReceivedBytes,
    /// Bytes given to guests.
    InputBytes,
    /// Bytes given back.
    OutputBytes,
    /// Bytes logged.
    LogBytes,
    /// Bytes stored.
    StoredBytes,
    /// Goals that were reported.
    Outcomes,
    /// AI tokens read.
    TokensInput,
    /// AI tokens written.
    TokensOutput,
}

impl Figure {
    /// All of them, in order.
    pub const ALL: [Self; 26] = [
        Self::Events,
        Self::HostSteps,
        Self::Reports,
        Self::ContactsBegun,
        Self::ContactsEnded,
        Self::MessagesIn,
        Self::MessagesOut,
        Self::Invocations,
        Self::InvocationsLost,
        Self::Failures,
        Self::Fuel,
        Self::WallUs,
        Self::GuestUs,
        Self::HostUs,
        Self::MemoryBytesPeak,
        Self::HostCalls,
        Self::HttpCalls,
        Self::HttpSentBytes,
        Self::HttpReceivedBytes,
        Self::InputBytes,
        Self::OutputBytes,
        Self::LogBytes,
        Self::StoredBytes,
        Self::Outcomes,
        Self::TokensInput,
        Self::TokensOutput,
    ];

    /// As rows, API and CSV write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::HostSteps => "host_steps",
            Self::Reports => "reports",
            Self::ContactsBegun => "contacts_begun",
            Self::ContactsEnded => "contacts_ended",
            Self::MessagesIn => "messages_in",
            Self::MessagesOut => "messages_out",
            Self::Invocations => "invocations",
            Self::InvocationsLost => "invocations_lost",
            Self::Failures => "failures",
            Self::Fuel => "fuel",
            Self::WallUs => "wall_us",
            Self::GuestUs => "guest_us",
            Self::HostUs => "host_us",
            Self::MemoryBytesPeak => "memory_bytes_peak",
            Self::HostCalls => "host_calls",
            Self::HttpCalls => "http_calls",
            Self::HttpSentBytes => "http_sent_bytes",
            Self::HttpReceivedBytes => "http_received_bytes",
            Self::InputBytes => "input_bytes",
            Self::OutputBytes => "output_bytes",
            Self::LogBytes => "log_bytes",
            Self::StoredBytes => "stored_bytes",
            Self::Outcomes => "outcomes",
            Self::TokensInput => "tokens_input",
            Self::TokensOutput => "tokens_output",
        }
    }
}

/// What has a name of its own for each of several things. Those whose names a plugin chooses end with a slash: the store keeps a
/// bounded number of them in a row and adds the rest to `other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    AnsweredBy,
    Barred,
    Failed,
    Outcome,
    TokensInput,
    TokensOutput,
}

impl Family {
    pub(super) fn name(self, of: &str) -> String {
        let family = match self {
            Self::AnsweredBy => "answered_by_",
            Self::Barred => "barred_",
            Self::Failed => "failed_",
            Self::Outcome => "outcome/",
            Self::TokensInput => "tokens_input/",
            Self::TokensOutput => "tokens_output/",
        };
        format!("{family}{of}")
    }
}
