//! Settles every event: whatever plugins did, the customer gets the best answer that is left.
//!
//! The invoke step vets each attempt's draft with [`vet`]; the settle step calls [`settle`], which cannot fail and is the only
//! maker of a [`Decision`]. The order is: the plugin, the last good release, the default routes of flow, tenant and platform, and
//! at the very end a sentence that every provider can say. Default routes are data; a broken one is passed over, not trusted.

mod standing;
mod url;
mod vet;

pub use standing::{Standing, stand};
pub use vet::{World, too_many_actions, vet};

use serde::{Deserialize, Serialize};

use self::standing::Ground;

use crate::budget::{Limit, Limits};
use crate::contact::Moment;
use crate::contact::decision::{Action, Decision, Draft, Prompt, Vetted};
use crate::id::EntryName;
use crate::quota::Barred;
use crate::tenant::address::Channel;
use crate::tenant::directory::Directory;

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// The release that the contact began with.
    Plugin,
    /// The release before it.
    LastGood,
    /// The flow's default route.
    FlowDefault,
    /// The default route of the tenant or one above it.
    TenantDefault,
    /// The platform's default route, or the sentence at the very end.
    PlatformDefault,
}

impl AnsweredBy {
    /// As API, logs and metrics write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::LastGood => "last_good",
            Self::FlowDefault => "flow_default",
            Self::TenantDefault => "tenant_default",
            Self::PlatformDefault => "platform_default",
        }
    }
}

/// What a plugin did wrong. It is data: the pipeline never stops for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "failure", content = "limit")]
pub enum FailureKind {
    /// It passed a limit of its budget.
    Limit(Limit),
    /// It ran out of stack.
    Stack,
    /// It trapped.
    Trapped,
    /// It broke the component model's rules, for example with text that is not UTF-8.
    BrokeAbi,
    /// It said itself that it cannot answer.
    Declined,
    /// Its decision cannot be.
    Nonsense,
    /// It returned an action that `describe` does not list, or a kind that nobody registered.
    Unlisted,
    /// The provider cannot do it.
    CannotRender,
    /// Its decision would send more messages than a quota has left.
    QuotaExceeded,
    /// A capability did not answer in time.
    CapabilityTimeout,
    /// Its artifact could not be loaded; ours to mend, the contact's to survive.
    NotReady,
    /// There was too much at once and it never ran: not the plugin's doing. The pipeline makes a refusal of it.
    Overloaded,
}

/// What a plugin did wrong, for people too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", from = "Written")]
pub struct Failure {
    /// What.
    pub kind: FailureKind,
    /// A sentence for the plugin's developer.
    pub detail: String,
}

/// A failure as it is written: with its code, by which programs look for it.
#[derive(Serialize, Deserialize)]
struct Written {
    code: String,
    #[serde(flatten)]
    kind: FailureKind,
    detail: String,
}

impl From<Failure> for Written {
    fn from(failure: Failure) -> Self {
        Self { code: failure.code().to_owned(), kind: failure.kind, detail: failure.detail }
    }
}

impl From<Written> for Failure {
    fn from(written: Written) -> Self {
        Self { kind: written.kind, detail: written.detail }
    }
}

impl Failure {
    /// With a sentence for the plugin's developer.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// For the trail, metrics and programs.
    pub fn code(&self) -> &'static str {
        match self.kind {
            FailureKind::Limit(limit) => limit.code(),
            FailureKind::Stack => "stack-exceeded",
            FailureKind::Trapped => "trapped",
            FailureKind::BrokeAbi => "broke-abi",
            FailureKind::Declined => "declined",
            FailureKind::Nonsense => "nonsense",
            FailureKind::Unlisted => "unlisted",
            FailureKind::CannotRender => "cannot-render",
            FailureKind::QuotaExceeded => "quota-exceeded",
            FailureKind::CapabilityTimeout => "capability-timeout",
            FailureKind::NotReady => "not-ready",
            FailureKind::Overloaded => "overloaded",
        }
    }

    /// True where an older release may do better: a trap or a passed budget, and nothing that it would meet again.
    pub fn allows_second_attempt(&self) -> bool {
        matches!(self.kind, FailureKind::Limit(_) | FailureKind::Stack | FailureKind::Trapped | FailureKind::BrokeAbi)
    }
}

/// What a provider can express.
pub trait Abilities: Send + Sync {
    /// Checks a whole draft by rendering it: every action, its markup, and the size of the reply. Gives back what it would do
    /// in a lesser way than asked, one sentence each.
    fn check(&self, draft: &Draft) -> Result<Vec<String>, Inability>;
}

/// What a provider cannot do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{action}: {why}")]
pub struct Inability {
    /// The action's name.
    pub action: String,
    /// Why not, a sentence.
    pub why: String,
    /// For binding: the refusal's code.
    pub code: crate::refusal::Code,
}

/// A static decision for when no plugin answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefaultRoute {
    /// For which channel.
    pub channel: Channel,
    /// For which language; any where absent. The nearest match wins: en-US, then en, then any.
    #[serde(default)]
    pub language: Option<String>,
    /// Which of the owner's hours choose the branch; always open where absent.
    #[serde(default)]
    pub hours: Option<EntryName>,
    /// While open.
    pub open: Draft,
    /// While closed, and under an emergency closure; the open branch where absent.
    #[serde(default)]
    pub closed: Option<Draft>,
}

/// The default routes of a flow, a tenant or the platform.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DefaultRoutes(pub Vec<DefaultRoute>);

impl DefaultRoutes {
    fn find(&self, channel: Channel, language: &str) -> Option<&DefaultRoute> {
        let primary = language.split('-').next().unwrap_or(language);
        let of = |wanted: Option<&str>| {
            self.0.iter().find(|route| {
                route.channel == channel
                    && match (route.language.as_deref(), wanted) {
                        (Some(has), Some(wanted)) => has.eq_ignore_ascii_case(wanted),
                        (None, None) => true,
                        _ => false,
                    }
            })
        };
        of(Some(language)).or_else(|| of(Some(primary))).or_else(|| of(None))
    }
}

/// One step of the fallback, from near to far.
pub struct Step<'a> {
    /// Who answers, if it does.
    pub by: AnsweredBy,
    /// Its routes.
    pub routes: &'a DefaultRoutes,
    /// Its owner's directory: queues, hours, closure.
    pub directory: &'a Directory,
}

/// What an attempt came to.
pub struct Tried {
    /// The plugin or the last good release.
    pub by: AnsweredBy,
    /// Its vetted answer, or what it did wrong.
    pub result: Result<Vetted, Failure>,
}

/// What is to be settled.
pub struct Case<'a> {
    /// In order; empty where the event was barred.
    pub attempts: Vec<Tried>,
    /// Why no plugin ran.
    pub barred: Option<Barred>,
    /// Flow, tenant, ancestors, platform.
    pub steps: Vec<Step<'a>>,
    /// Limits for default routes.
    pub limits: &'a Limits,
    /// The provider's.
    pub abilities: &'a dyn Abilities,
    /// The contact's.
    pub channel: Channel,
    /// The contact's, now.
    pub language: &'a str,
    /// The event's time.
    pub now: Moment,
}

/// What came of it.
#[derive(Debug)]
pub struct Settled {
    /// What is done.
    pub decision: Decision,
    /// Who answered.
    pub answered_by: AnsweredBy,
    /// Which attempt, from 0, where one did.
    pub attempt: Option<usize>,
    /// What was passed over on the way, one sentence each.
    pub passed_over: Vec<String>,
}

/// The sentence at the very end. Every provider can say it and end the contact.
pub fn last_words() -> Draft {
    Draft {
        actions: vec![
            Action::Say(Prompt::text("We are sorry, we cannot take your call right now. Please try again later.")),
            Action::HangUp(Some("no route answered".to_owned())),
        ],
        reason: "no plugin and no default route could answer".to_owned(),
    }
}

/// Settles a case. It cannot fail.
pub fn settle(case: Case<'_>) -> Settled {
    let Case { attempts, barred, steps, limits, abilities, channel, language, now } = case;
    let mut passed_over: Vec<String> = barred.iter().map(|barred| format!("no plugin ran: {}", barred.code())).collect();
    for (at, tried) in attempts.into_iter().enumerate() {
        match tried.result {
            Ok(vetted) => return Settled { decision: Decision::seal(vetted), answered_by: tried.by, attempt: Some(at), passed_over },
            Err(failure) => passed_over.push(format!("{}: {} ({})", tried.by.as_str(), failure.code(), failure.detail)),
        }
    }
    let is_closed = |step: &Step<'_>, route: &DefaultRoute| {
        let is_shut =
            |name: &EntryName| step.directory.hours.get(name.as_str()).is_some_and(|hours| !hours.at(now, &step.directory.zone).open);
        step.directory.closed(now).is_some() || barred == Some(Barred::Closed) || route.hours.as_ref().is_some_and(is_shut)
    };
    let ground = Ground { limits, abilities, channel, language };
    if let Some((vetted, answered_by)) = standing::walk(&steps, &ground, is_closed, &mut passed_over) {
        return Settled { decision: Decision::seal(vetted), answered_by, attempt: None, passed_over };
    }
    let decision = Decision::seal(Vetted::new(last_words(), Vec::new()));
    Settled { decision, answered_by: AnsweredBy::PlatformDefault, attempt: None, passed_over }
}

/// Settles what the host drafted itself, for example the next target of a transfer; a draft that its world refuses goes to the
/// default routes like a plugin's.
pub fn settle_host_step(draft: Draft, world: &World<'_>, mut case: Case<'_>) -> Settled {
    case.attempts = vec![Tried { by: AnsweredBy::Plugin, result: vet(draft, world) }];
    settle(case)
}

#[cfg(test)]
mod tests;
