//! Finds the default route that answers: the nearest one whose branch can be taken, from flow to platform.
//!
//! [`super::settle`] asks it where no plugin answered, with the branch that the hours choose now. The export of static documents asks it
//! for both branches, for a host elsewhere that knows no hours ([`stand`]). One walk for both, so that what callers hear while we are
//! away is what they would have heard from us.

use super::{AnsweredBy, DefaultRoute, Step, World, last_words, vet};
use crate::budget::Limits;
use crate::contact::decision::{Draft, Vetted};
use crate::fallback::Abilities;
use crate::tenant::address::Channel;

/// For whom a route is looked for.
pub(super) struct Ground<'a> {
    pub(super) limits: &'a Limits,
    pub(super) abilities: &'a dyn Abilities,
    pub(super) channel: Channel,
    pub(super) language: &'a str,
}

/// The first step whose route can be taken, and who it is of; what was passed over is told, one sentence each.
pub(super) fn walk(
    steps: &[Step<'_>],
    ground: &Ground<'_>,
    is_closed: impl Fn(&Step<'_>, &DefaultRoute) -> bool,
    passed_over: &mut Vec<String>,
) -> Option<(Vetted, AnsweredBy)> {
    for step in steps {
        let Some(route) = step.routes.find(ground.channel, ground.language) else { continue };
        let draft = match &route.closed {
            Some(draft) if is_closed(step, route) => draft,
            _ => &route.open,
        };
        let world = World { directory: step.directory, limits: ground.limits, listed: None, abilities: ground.abilities };
        match vet(draft.clone(), &world) {
            Ok(vetted) => return Some((vetted, step.by)),
            Err(failure) => passed_over.push(format!("{}: {} ({})", step.by.as_str(), failure.code(), failure.detail)),
        }
    }
    None
}

/// A default route as it stands, without a contact.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// What is done.
    pub draft: Draft,
    /// What of it is done in a lesser way, one sentence each.
    pub lesser: Vec<String>,
    /// Whose route it is.
    pub answered_by: AnsweredBy,
    /// What was passed over on the way, one sentence each.
    pub passed_over: Vec<String>,
}

/// One branch of what answers on a channel and in a language when no plugin does.
pub fn stand(
    steps: &[Step<'_>],
    limits: &Limits,
    abilities: &dyn Abilities,
    channel: Channel,
    language: &str,
    is_closed: bool,
) -> Standing {
    let ground = Ground { limits, abilities, channel, language };
    let mut passed_over = Vec::new();
    match walk(steps, &ground, |_, _| is_closed, &mut passed_over) {
        Some((vetted, answered_by)) => {
            let Vetted { draft, degraded } = vetted;
            Standing { draft, lesser: degraded, answered_by, passed_over }
        }
        None => Standing { draft: last_words(), lesser: Vec::new(), answered_by: AnsweredBy::PlatformDefault, passed_over },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Plan;
    use crate::contact::decision::{Action, Prompt};
    use crate::fallback::{DefaultRoutes, Inability};
    use crate::tenant::directory::Directory;

    /// Can say what it is told to, unless it is "no".
    struct Speaks;

    impl Abilities for Speaks {
        fn check(&self, draft: &Draft) -> Result<Vec<String>, Inability> {
            match draft.reason.as_str() {
                "no" => Err(Inability { action: "say".to_owned(), why: "no".to_owned(), code: crate::refusal::Code::CannotRender }),
                reason => Ok(vec![format!("lesser {reason}")]),
            }
        }
    }

    fn says(reason: &str) -> Draft {
        Draft { actions: vec![Action::Say(Prompt::text(reason)), Action::HangUp(None)], reason: reason.to_owned() }
    }

    fn route(language: Option<&str>, open: &str, closed: Option<&str>) -> DefaultRoute {
        let language = language.map(str::to_owned);
        DefaultRoute { channel: Channel::Voice, language, hours: None, open: says(open), closed: closed.map(says) }
    }

    #[test]
    fn both_branches_stand_and_a_route_that_cannot_is_passed_over() {
        let directory = Directory::default();
        let flows = DefaultRoutes(vec![route(Some("de"), "no", Some("zu"))]);
        let tenants = DefaultRoutes(vec![route(None, "open", None)]);
        let steps = [
            Step { by: AnsweredBy::FlowDefault, routes: &flows, directory: &directory },
            Step { by: AnsweredBy::TenantDefault, routes: &tenants, directory: &directory },
        ];
        let limits = Plan::Standard.limits();
        let of = |language: &str, is_closed| {
            let standing = stand(&steps, &limits, &Speaks, Channel::Voice, language, is_closed);
            (standing.draft.reason, standing.answered_by, standing.passed_over.len())
        };
        assert_eq!(of("de-AT", true), ("zu".to_owned(), AnsweredBy::FlowDefault, 0));
        assert_eq!(of("de-AT", false), ("open".to_owned(), AnsweredBy::TenantDefault, 1));
        assert_eq!(of("en", true), ("open".to_owned(), AnsweredBy::TenantDefault, 0), "without a closed branch the open one counts");
        let nothing = stand(&[], &limits, &Speaks, Channel::Voice, "en", false);
        assert_eq!((nothing.draft, nothing.answered_by), (last_words(), AnsweredBy::PlatformDefault));
    }
}
