//! Compares answers with what flows were written for and what clients of AWS know.

use jackfield_domain::contact::decision::{Action, Draft, Enqueue, Menu, Prompt, Ringing, Target, Transfer};
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::directory::{Person, Queue};
use jackfield_domain::trail::AttemptRecord;
use serde_json::{Value, json};

use super::*;
use crate::recorded::{Stage, choice, question};

fn stage(connection: Connection) -> Stage {
    let mut stage = Stage::new(connection, "+18005551234");
    let queue = Queue {
        name: "sales".parse().unwrap(),
        label: "Sales".to_owned(),
        language: None,
        hours: None,
        provider_ids: [(NAME.to_owned(), format!("{INSTANCE}/queue/1"))].into(),
    };
    stage.directory.queues.insert("sales".to_owned(), queue);
    let address = jackfield_domain::contact::Endpoint { raw: format!("{INSTANCE}/contact-flow/1"), e164: None };
    let ivr = Person { name: "main-ivr".parse().unwrap(), label: "IVR".to_owned(), address };
    stage.directory.people.insert("main-ivr".to_owned(), ivr);
    stage
}

fn attempt() -> AttemptRecord {
    serde_json::from_value(json!({
        "by": "plugin", "release": 7, "version": {"tenant": "acme", "plugin": "ivr", "number": 1, "digest": "0".repeat(64)}, "function": "router.handle",
        "seed": "00", "failure": null, "used": serde_json::to_value(jackfield_domain::budget::Used::default()).unwrap(),
        "limits": jackfield_domain::budget::Plan::Standard.limits(), "told": [], "tokens": [],
        "log": [{"level": "info", "message": "a caller", "fields": [["n", "1"]]}],
    }))
    .unwrap()
}

fn answer(actions: Vec<Action>, connection: Connection, asked: &str) -> Reply {
    let stage = stage(connection);
    let attempts = [attempt()];
    let ran = Ran { release: Some(7), answered_by: AnsweredBy::Plugin, barred: None, attempts: &attempts };
    let scene = Scene { ran: Some(ran), asked, ..stage.scene() };
    Connect.document(&Draft { actions, reason: "because".to_owned() }, &stage.connection, Some(&scene)).unwrap().reply
}

fn map(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn attributes(pairs: &[(&str, &str)]) -> Action {
    Action::SetAttributes(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn to(target: Target) -> Action {
    Action::Transfer(Transfer {
        tag: "t".to_owned(),
        targets: vec![target],
        ringing: Ringing::Series,
        ring_timeout_ms: None,
        talk_limit_ms: None,
        caller_id: None,
        whisper: None,
        screening: false,
        warm: false,
        extras: Vec::new(),
    })
}

#[test]
fn the_map_is_flat_and_holds_the_plugins_attributes_beside_what_is_to_be_done() {
    let expected: Value = serde_json::from_str(&recorded::read(NAME, "reply-string-map.json")).unwrap();
    let given: Vec<(&str, &str)> =
        ["TenantId", "TenantName", "TenantRegion", "TenantGreeting", "TenantMainFlow", "TenantQueue", "BusinessHoursId"]
            .iter()
            .map(|name| (*name, expected[name].as_str().unwrap()))
            .collect();
    let reply = answer(vec![attributes(&given), to(Target::Person("main-ivr".to_owned()))], connection(), "answer");
    let told = map(&reply);
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&told[name], value, "{name}");
    }
    assert_eq!(told["decision_flow"], format!("{INSTANCE}/contact-flow/1"));
    assert!(told.as_object().unwrap().values().all(Value::is_string), "{told}");
    let step: crate::provider::Step = told["decision_step"].as_str().unwrap().parse().unwrap();
    assert_eq!((step.turn, step.place), (2, Place::Dialled));
    let reserved = answer(vec![attributes(&[("decision_action", "x"), ("mine", "y")]), Action::HangUp(None)], connection(), "answer");
    assert_eq!((map(&reserved)["decision_action"].clone(), map(&reserved)["mine"].clone()), (json!("disconnect"), json!("y")));
}

#[test]
fn the_nested_and_the_json_form_are_those_that_flows_were_written_for() {
    let greeting = Prompt { voice: Some("Joanna".to_owned()), ..Prompt::text("Thank you for calling") };
    let sales = jackfield_domain::contact::decision::Choice { value: "AcmeSales".to_owned(), ..choice("1", "Sales") };
    let menu = Action::Menu(Menu { collect: question(vec![greeting]), choices: vec![sales] });
    let told = map(&answer(vec![attributes(&[("TenantId", "acme-corp")]), menu], with(REPLY, "json"), "answer"));
    let expected: Value = serde_json::from_str(&recorded::read(NAME, "reply-json.json")).unwrap();
    assert_eq!((&told["TenantId"], &told["Greeting"]), (&expected["TenantId"], &expected["Greeting"]));
    assert_eq!((&told["Menu"][0]["digit"], &told["Menu"][0]["queue"]), (&expected["Menu"][0]["digit"], &expected["Menu"][0]["queue"]));
    let pairs = [("TenantId", "acme-corp"), ("TenantGreeting", "Thank you for calling Acme Corporation.")];
    let nested = map(&answer(vec![attributes(&pairs), Action::HangUp(None)], with(REPLY, "nested"), "answer"));
    let expected: Value = serde_json::from_str(&recorded::read(NAME, "reply-nested.json")).unwrap();
    assert_eq!(nested["statusCode"], expected["statusCode"]);
    for (name, value) in expected["body"]["attributes"].as_object().unwrap() {
        assert_eq!(&nested["body"]["attributes"][name], value, "{name}");
    }
    let unbound = Connect.render_unbound(&last_words_silent(), &with(REPLY, "nested"));
    assert_eq!((map(&unbound)["statusCode"].clone(), map(&unbound)["body"]["defaultRouting"].clone()), (json!(404), json!(true)));
}

fn last_words_silent() -> Draft {
    Draft { actions: vec![Action::HangUp(None)], reason: String::new() }
}

#[test]
fn a_client_learns_which_version_ran_and_what_it_logged() {
    let reply = answer(vec![Action::HangUp(None)], connection(), asked::ANSWER_AND_LOG);
    let header = |name: &str| reply.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    assert_eq!(header("x-amz-executed-version").as_deref(), Some("7"));
    let log = String::from_utf8(STANDARD.decode(header("x-amz-log-result").unwrap()).unwrap()).unwrap();
    assert!(log.contains("[INFO] a caller n=1") && log.contains("Fuel:"), "{log}");
    assert_eq!(answer(vec![Action::HangUp(None)], connection(), asked::RUN).status, 202);
    assert!(answer(vec![Action::HangUp(None)], connection(), asked::ANSWER).headers.iter().all(|(name, _)| name != "x-amz-log-result"));
}

#[test]
fn a_failure_is_an_answer_or_an_error_as_the_owner_chose() {
    let failing = |connection: Connection, barred: Option<&'static str>| {
        let stage = stage(connection);
        let ran = Ran { release: Some(7), answered_by: AnsweredBy::TenantDefault, barred, attempts: &[] };
        let scene = Scene { ran: Some(ran), asked: "answer", ..stage.scene() };
        Connect.document(&last_words_silent(), &stage.connection, Some(&scene)).unwrap().reply
    };
    let answered = failing(connection(), Some("rate-exceeded"));
    assert_eq!((answered.status, map(&answered)["decision_fallback"].clone()), (200, json!("true")));
    assert_eq!(map(&answered)["decision_error"], "rate-exceeded");
    let error = failing(with(ON_FAILURE, "error"), None);
    assert!(error.headers.contains(&("x-amz-function-error".to_owned(), "Unhandled".to_owned())));
    assert_eq!(map(&error)["errorType"], "no-answer");
    assert_eq!(failing(with(ON_FAILURE, "error"), Some("rate-exceeded")).status, 429);
}

#[test]
fn what_connect_cannot_do_is_refused_by_name() {
    let bindable = |action: &str| Connect.bindable(&[action.to_owned()], &connection());
    for (action, code) in [
        ("send-digits", Code::CannotRender),
        ("conference", Code::CannotRender),
        ("voicemail", Code::CannotRender),
        ("send-message", Code::NeedsOutbox),
        ("dance", Code::CannotRender),
    ] {
        assert_eq!(bindable(action).unwrap_err().code, code, "{action}");
    }
    assert_eq!(bindable("menu").unwrap().len(), 1);
    assert_eq!(Connect.bindable(&["voicemail".to_owned()], &with(VOICEMAIL_FLOW, &format!("{INSTANCE}/contact-flow/9"))).unwrap().len(), 1);
    let large = attributes(&(0..10).map(|_| ("n", "x")).collect::<Vec<_>>());
    assert!(Connect.document(&Draft { actions: vec![large, Action::HangUp(None)], reason: String::new() }, &connection(), None).is_ok());
    let huge: Vec<(String, String)> = (0..10).map(|at| (format!("n{at}"), "x".repeat(4_000))).collect();
    let draft = Draft { actions: vec![Action::SetAttributes(huge), Action::HangUp(None)], reason: String::new() };
    assert!(Connect.document(&draft, &connection(), None).unwrap_err().why.contains("32,768"));
}

#[test]
fn a_queue_is_named_as_connect_names_it_and_nothing_comes_back_to_a_host_that_is_away() {
    let queue = Action::Enqueue(Enqueue {
        tag: "q".to_owned(),
        queue: "sales".to_owned(),
        priority: None,
        skills: Vec::new(),
        relaxations: Vec::new(),
        hold_music: None,
        announce_every_ms: None,
        notify: false,
        maximum_wait_ms: None,
        overflow: Vec::new(),
        extras: Vec::new(),
    });
    let told = map(&answer(vec![queue.clone()], connection(), "answer"));
    assert_eq!(
        (told["decision_queue"].clone(), told["decision_action"].clone()),
        (json!(format!("{INSTANCE}/queue/1")), json!("transfer_to_queue"))
    );
    let stage = stage(connection());
    let alone = Scene { alone: true, ..stage.scene() };
    let document = Connect.render_alone(&Draft { actions: vec![queue], reason: String::new() }, &alone).unwrap();
    let told: Value = serde_json::from_slice(&document.reply.body).unwrap();
    assert!(told.get("decision_step").is_none(), "{told}");
    let menu = Action::Menu(Menu { collect: question(Vec::new()), choices: vec![choice("1", "a")] });
    assert!(Connect.render_alone(&Draft { actions: vec![menu], reason: String::new() }, &alone).is_err());
}

#[test]
fn every_refusal_has_the_words_that_clients_of_aws_know() {
    for (status, kind) in [
        (400, "InvalidRequestContentException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (408, "RequestTimeoutException"),
        (413, "RequestTooLargeException"),
        (429, "TooManyRequestsException"),
        (503, "ServiceException"),
    ] {
        let refused = Connect.refuse(status);
        assert_eq!(refused.status, status);
        assert_eq!(refused.headers, [("x-amzn-errortype".to_owned(), kind.to_owned())]);
        assert!(map(&refused)["message"].as_str().is_some_and(|message| !message.is_empty()), "{status}");
        assert_eq!(map(&refused)["Type"], if status == 503 { "Service" } else { "User" }, "{status}");
    }
}
