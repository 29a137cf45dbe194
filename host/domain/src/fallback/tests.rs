//! Tries the fallback rule on plain values: what is refused, who answers, in which language.

use super::*;
use crate::budget::Plan;
use crate::contact::decision::{Choice, Collect, Enqueue, Menu, Play, Ringing, SipTarget, Target, Transfer};
use crate::contact::event::Extension;
use crate::contact::persona::BargeIn;
use crate::tenant::directory::{Closure, Queue};

/// A provider that can do everything but what a test forbids.
struct Can(Option<&'static str>);

impl Abilities for Can {
    fn check(&self, draft: &Draft) -> Result<Vec<String>, Inability> {
        match draft.actions.iter().find(|action| Some(action.name()) == self.0) {
            Some(action) => {
                Err(Inability { action: action.name().to_owned(), why: "cannot".to_owned(), code: crate::refusal::Code::CannotRender })
            }
            None => Ok(Vec::new()),
        }
    }
}

fn directory() -> Directory {
    let queue = |name: &str| Queue {
        name: name.parse().unwrap(),
        label: name.to_owned(),
        language: None,
        hours: None,
        provider_ids: Default::default(),
    };
    Directory {
        queues: [("sales".to_owned(), queue("sales"))].into(),
        flows: vec!["main".to_owned()],
        numbers: vec!["+18005551234".to_owned()],
        zone: "UTC".to_owned(),
        ..Directory::default()
    }
}

fn enqueue(queue: &str) -> Action {
    Action::Enqueue(Enqueue {
        tag: "q".to_owned(),
        queue: queue.to_owned(),
        priority: None,
        skills: Vec::new(),
        relaxations: Vec::new(),
        hold_music: None,
        announce_every_ms: None,
        notify: false,
        maximum_wait_ms: None,
        overflow: Vec::new(),
        extras: Vec::new(),
    })
}

fn transfer(targets: Vec<Target>, caller_id: Option<&str>) -> Action {
    Action::Transfer(Transfer {
        tag: "t".to_owned(),
        targets,
        ringing: Ringing::Series,
        ring_timeout_ms: None,
        talk_limit_ms: None,
        caller_id: caller_id.map(str::to_owned),
        whisper: None,
        screening: false,
        warm: false,
        extras: Vec::new(),
    })
}

fn menu(keys: &[&str]) -> Action {
    let collect = Collect {
        tag: "m".to_owned(),
        prompts: vec![Prompt::text("choose")],
        dtmf: true,
        speech: false,
        min_digits: 1,
        max_digits: 1,
        terminator: None,
        first_timeout_ms: 5_000,
        inter_digit_timeout_ms: 2_000,
        barge_in: BargeIn::Any,
        hints: Vec::new(),
        minimum_confidence: None,
        attempts: 1,
        no_input: Vec::new(),
        no_match: Vec::new(),
        low_confidence: Vec::new(),
        sensitive: false,
        extras: Vec::new(),
    };
    let choice = |key: &&str| Choice { key: (*key).to_owned(), label: "l".to_owned(), value: "v".to_owned(), phrases: Vec::new() };
    Action::Menu(Menu { collect, choices: keys.iter().map(choice).collect() })
}

fn say(text: &str) -> Action {
    Action::Say(Prompt::text(text))
}

fn draft(actions: Vec<Action>) -> Draft {
    Draft { actions, reason: "because".to_owned() }
}

fn vetted(actions: Vec<Action>) -> Result<Vetted, Failure> {
    let limits = Plan::Standard.limits();
    vet(draft(actions), &World { directory: &directory(), limits: &limits, listed: None, abilities: &Can(None) })
}

#[test]
fn nothing_a_plugin_says_reaches_another_tenant_or_breaks_a_reply() {
    let url = |url: &str| Action::Play(Play { url: url.to_owned(), times: 1, barge_in: BargeIn::None });
    let nonsense = [
        vec![],
        vec![say("a"); 51],
        vec![enqueue("another-tenants")],
        vec![transfer(vec![Target::Flow("another-tenants".to_owned())], None)],
        vec![transfer(vec![Target::Number("+14155550100".to_owned())], Some("+19995550000"))],
        vec![transfer(vec![Target::Number("911".to_owned())], None)],
        vec![transfer(vec![], None)],
        vec![transfer(vec![Target::Sip(SipTarget { uri: "http://127.0.0.1".to_owned(), headers: Vec::new() })], None)],
        vec![transfer(vec![Target::Sip(SipTarget { uri: "sip:a@b".to_owned(), headers: vec![("Via".to_owned(), "x".to_owned())] })], None)],
        vec![transfer(vec![Target::Person("nobody".to_owned())], None)],
        vec![url("http://example.com/a.mp3")],
        vec![url("file:///etc/passwd")],
        vec![say("bell \u{7}")],
        vec![say("not xml \u{ffff}")],
        vec![say("  ")],
        vec![Action::Keep, say("a")],
        vec![Action::HangUp(None), say("a")],
        vec![Action::Reject("because".to_owned())],
        vec![Action::SetLanguage("en_US; drop".to_owned())],
        vec![Action::SendDigits("1;2".to_owned())],
        vec![Action::Pause(0)],
        vec![menu(&["1", "1"])],
        vec![menu(&["one"])],
        vec![menu(&[])],
        vec![Action::Other(Extension { kind: "teleport".to_owned(), data: "{}".to_owned() })],
    ];
    for actions in nonsense {
        let failure = vetted(actions.clone()).expect_err(&format!("{actions:?} was taken"));
        assert_eq!(failure.code(), "nonsense", "{actions:?}");
    }
    let sense = [
        vec![say("a"), enqueue("sales")],
        vec![transfer(vec![Target::Number("+14155550100".to_owned())], Some("+18005551234"))],
        vec![menu(&["1", "2"])],
        vec![Action::Keep],
    ];
    for actions in sense {
        assert!(vetted(actions.clone()).is_ok(), "{actions:?} was refused: {:?}", vetted(actions.clone()).err());
    }
}

#[test]
fn an_unlisted_action_is_a_failure_that_names_it() {
    let limits = Plan::Standard.limits();
    let listed = ["say".to_owned()];
    let world = World { directory: &directory(), limits: &limits, listed: Some(&listed), abilities: &Can(None) };
    let failure = vet(draft(vec![say("a"), Action::HangUp(None)]), &world).unwrap_err();
    assert_eq!(failure.code(), "unlisted");
    assert!(failure.detail.contains("hang-up"), "{}", failure.detail);
}

fn routes(text: &str, closed: Option<&str>) -> DefaultRoutes {
    let of = |text: &str| draft(vec![say(text), Action::HangUp(None)]);
    DefaultRoutes(vec![DefaultRoute { channel: Channel::Voice, language: None, hours: None, open: of(text), closed: closed.map(of) }])
}

fn settled(attempts: Vec<Tried>, barred: Option<Barred>, steps: Vec<Step<'_>>, can: &Can) -> Settled {
    let limits = Plan::Standard.limits();
    settle(Case { attempts, barred, steps, limits: &limits, abilities: can, channel: Channel::Voice, language: "en-US", now: 1_000 })
}

fn said(settled: &Settled) -> String {
    match settled.decision.actions().first() {
        Some(Action::Say(Prompt { content: crate::contact::decision::PromptContent::Text(text), .. })) => text.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_nearest_answer_wins_and_the_far_end_always_answers() {
    let directory = directory();
    let (flow, tenant, platform) = (routes("flow", None), routes("tenant", None), routes("platform", None));
    let steps = |from: usize| -> Vec<Step<'_>> {
        [
            Step { by: AnsweredBy::FlowDefault, routes: &flow, directory: &directory },
            Step { by: AnsweredBy::TenantDefault, routes: &tenant, directory: &directory },
            Step { by: AnsweredBy::PlatformDefault, routes: &platform, directory: &directory },
        ]
        .into_iter()
        .skip(from)
        .collect()
    };
    let failed = || Tried { by: AnsweredBy::Plugin, result: Err(Failure::new(FailureKind::Trapped, "unreachable")) };
    let good = || Tried { by: AnsweredBy::LastGood, result: vetted(vec![say("last good")]) };

    let answer = settled(vec![failed(), good()], None, steps(0), &Can(None));
    assert_eq!((said(&answer).as_str(), answer.answered_by, answer.attempt), ("last good", AnsweredBy::LastGood, Some(1)));
    for (from, by) in [(0, AnsweredBy::FlowDefault), (1, AnsweredBy::TenantDefault), (2, AnsweredBy::PlatformDefault)] {
        assert_eq!(settled(vec![failed()], None, steps(from), &Can(None)).answered_by, by);
    }
    let end = settled(Vec::new(), Some(Barred::Suspended), Vec::new(), &Can(None));
    assert_eq!(end.answered_by, AnsweredBy::PlatformDefault);
    assert!(end.passed_over.iter().any(|note| note.contains("tenant-suspended")), "{:?}", end.passed_over);
}

#[test]
fn a_broken_default_route_is_passed_over() {
    let directory = directory();
    let broken = DefaultRoutes(vec![DefaultRoute {
        channel: Channel::Voice,
        language: None,
        hours: None,
        open: draft(vec![enqueue("gone")]),
        closed: None,
    }]);
    let tenant = routes("tenant", None);
    let steps = vec![
        Step { by: AnsweredBy::FlowDefault, routes: &broken, directory: &directory },
        Step { by: AnsweredBy::TenantDefault, routes: &tenant, directory: &directory },
    ];
    assert_eq!(settled(Vec::new(), None, steps, &Can(None)).answered_by, AnsweredBy::TenantDefault);
}

#[test]
fn an_emergency_closure_takes_the_closed_branch() {
    let mut directory = directory();
    directory.closure = Some(Closure { reason: "storm".to_owned(), by: "op".to_owned(), since: 500, until: Some(2_000), bypass: true });
    let tenant = routes("open", Some("closed"));
    let steps = |directory| vec![Step { by: AnsweredBy::TenantDefault, routes: &tenant, directory }];
    assert_eq!(said(&settled(Vec::new(), Some(Barred::Closed), steps(&directory), &Can(None))), "closed");
    let mut over = directory.clone();
    over.closure.as_mut().unwrap().until = Some(900);
    assert_eq!(said(&settled(Vec::new(), None, steps(&over), &Can(None))), "open");
}

#[test]
fn the_nearest_language_wins() {
    let route = |language: Option<&str>, text: &str| DefaultRoute {
        channel: Channel::Voice,
        language: language.map(str::to_owned),
        hours: None,
        open: draft(vec![say(text)]),
        closed: None,
    };
    let routes = DefaultRoutes(vec![route(None, "any"), route(Some("en"), "en"), route(Some("en-GB"), "en-GB")]);
    let found = |language: &str| match routes.find(Channel::Voice, language).unwrap().open.actions.first() {
        Some(Action::Say(prompt)) => format!("{:?}", prompt.content),
        other => panic!("{other:?}"),
    };
    assert_eq!((found("en-GB"), found("en-US"), found("de-DE")), ("Text(\"en-GB\")".into(), "Text(\"en\")".into(), "Text(\"any\")".into()));
    assert!(routes.find(Channel::Sms, "en").is_none());
}
