//! Makes types of the contract's documented strings, so that a misspelt word does not compile.
//!
//! Contact, events and decisions use them. Each has an `Other` that carries what a later version of the contract adds: the
//! lists will grow, and a plugin that was built before must not break on a new word.

/// Declares an open list of words.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$case_about:meta])* $case:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$case_about])* $case,)+
            /// A word that this version of the SDK does not know.
            Other(String),
        }

        impl $name {
            /// The word as the contract writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$case => $text,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($text => Self::$case,)+
                    other => Self::Other(other.into()),
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($text => Self::$case,)+
                    _ => Self::Other(word),
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// Declares a closed list of case names, as `describe` lists them.
macro_rules! names {
    ($(#[$about:meta])* $name:ident { $($case:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "one for one the cases of the contract, which documents them")]
        pub enum $name {
            $($case,)+
        }

        impl $name {
            /// The name as the contract writes it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$case => $text,)+
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use names;

words! {
    /// By what a contact is carried.
    Channel {
        /// A telephone call.
        Voice = "voice",
        /// Text messages.
        Sms = "sms",
        /// WhatsApp.
        Whatsapp = "whatsapp",
        /// Chat on a page.
        Chat = "chat",
        /// Electronic mail.
        Email = "email",
    }
}

words! {
    /// Who began the contact.
    Direction {
        /// The customer.
        Inbound = "inbound",
        /// The tenant.
        Outbound = "outbound",
    }
}

words! {
    /// Who delivered the contact.
    Provider {
        /// Twilio.
        Twilio = "twilio",
        /// Amazon Connect.
        AmazonConnect = "amazon-connect",
        /// WhatsApp's own API.
        Whatsapp = "whatsapp",
        /// Kamailio.
        Kamailio = "kamailio",
    }
}

words! {
    /// How far the network vouches for the caller's number (STIR/SHAKEN).
    Attestation {
        /// The operator knows the customer and the number.
        A = "A",
        /// The operator knows the customer.
        B = "B",
        /// The operator only passed the call on.
        C = "C",
        /// The signature did not hold.
        Failed = "failed",
        /// There was no signature.
        None = "none",
    }
}

words! {
    /// How an answer was given.
    InputKind {
        /// Keys.
        Digits = "digits",
        /// Speech.
        Speech = "speech",
        /// A button or list row.
        Choice = "choice",
        /// Written text.
        Text = "text",
        /// Nothing came.
        Nothing = "",
    }
}

words! {
    /// How far a message got.
    MessageState {
        /// The provider has it.
        Queued = "queued",
        /// It is on its way.
        Sent = "sent",
        /// The customer's device has it.
        Delivered = "delivered",
        /// The customer has seen it.
        Read = "read",
        /// It will not arrive.
        Failed = "failed",
    }
}

words! {
    /// How a transfer ended.
    DialOutcome {
        /// Someone talked with the customer.
        Completed = "completed",
        /// The line was busy.
        Busy = "busy",
        /// Nobody picked up.
        NoAnswer = "no-answer",
        /// It could not be dialled.
        Failed = "failed",
        /// The customer went away while it rang.
        Canceled = "canceled",
        /// The target did not accept.
        ScreenedOut = "screened-out",
    }
}

words! {
    /// How the customer left a queue.
    QueueOutcome {
        /// An agent talked with the customer.
        Bridged = "bridged",
        /// The customer was taken out.
        Left = "left",
        /// The customer hung up.
        HangUp = "hang-up",
        /// There was no room.
        Full = "full",
        /// It took too long.
        TimedOut = "timed-out",
        /// An agent sent the customer elsewhere.
        Redirected = "redirected",
        /// The provider could not queue.
        Failed = "failed",
    }
}

words! {
    /// How the customer left a conference.
    ConferenceOutcome {
        /// By leaving.
        Left = "left",
        /// By being removed.
        Removed = "removed",
        /// It ended for all.
        Ended = "ended",
        /// It could not begin.
        Failed = "failed",
    }
}

words! {
    /// What became of a voice message.
    VoicemailOutcome {
        /// There is one.
        Recorded = "recorded",
        /// Nothing was said.
        Empty = "empty",
        /// The customer hung up before.
        HangUp = "hang-up",
        /// It could not be taken.
        Failed = "failed",
    }
}

words! {
    /// Why an AI persona handed the contact back.
    AiReason {
        /// It was done.
        Completed = "completed",
        /// A person is needed.
        Escalated = "escalated",
        /// The customer hung up.
        HangUp = "hang-up",
        /// The customer said nothing.
        Silence = "silence",
        /// It took too long.
        MaxDuration = "max-duration",
        /// It broke.
        Failed = "failed",
    }
}

words! {
    /// How a contact ended.
    EndCause {
        /// In the ordinary way.
        Completed = "completed",
        /// The line was busy.
        Busy = "busy",
        /// Something broke.
        Failed = "failed",
        /// Nobody picked up.
        NoAnswer = "no-answer",
        /// It was given up before it was answered.
        Canceled = "canceled",
        /// Nobody reported an end in time.
        Expired = "expired",
    }
}

words! {
    /// Why a contact is not taken.
    Rejection {
        /// The line sounds busy.
        Busy = "busy",
        /// The contact is unwanted.
        Rejected = "rejected",
        /// Nobody is there.
        Unavailable = "unavailable",
        /// There is no such address.
        NotFound = "not-found",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_nobody_knows_survives_the_way_through_the_type() {
        assert_eq!(Channel::from("voice"), Channel::Voice);
        assert_eq!(Channel::from("carrier-pigeon".to_owned()).as_str(), "carrier-pigeon");
        assert_eq!(QueueOutcome::from("timed-out".to_owned()), QueueOutcome::TimedOut);
        assert_eq!(DialOutcome::NoAnswer.to_string(), "no-answer");
    }
}
