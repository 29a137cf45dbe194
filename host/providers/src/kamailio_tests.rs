//! Reads what the shipped configuration sends, and compares answers with what its rtjson module takes.

use jackfield_domain::contact::decision::{Action, Draft, Enqueue, Exit, Prompt, Ringing, SipTarget, Target, Transfer};
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::directory::Queue;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::recorded::{self, Request, Stage, assert_read, cases};

const TOKEN: &str = "a-long-token";

fn connection() -> Connection {
    let mut connection = recorded::connection("acme-kamailio", NAME, "", TOKEN);
    connection.account = None;
    connection
}

fn with(options: &[(&str, &str)]) -> Connection {
    let mut connection = connection();
    connection.options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    connection
}

fn signed(mut request: Request, token: &str) -> Request {
    request.header("authorization", &format!("Bearer {token}"));
    request
}

#[test]
fn every_recorded_request_is_read_as_its_case_says() {
    for case in cases(NAME, 4) {
        assert_read(&Kamailio, &connection(), &case);
    }
}

#[test]
fn a_request_without_the_token_is_refused() {
    for case in cases(NAME, 4) {
        let verify = |request: Request| Kamailio.verify(&request.raw(), &connection());
        assert_eq!(verify(signed(Request::read(NAME, &case), TOKEN)).unwrap().secret_name, "2026-11");
        for (request, why) in [
            (Request::read(NAME, &case), "no header authorization"),
            (signed(Request::read(NAME, &case), "another"), "none of the connection's secrets"),
            (signed(Request::read(NAME, &case), ""), "none of the connection's secrets"),
        ] {
            let unverified = verify(request).unwrap_err();
            assert!(unverified.why.contains(why) && !format!("{unverified:?}").contains(TOKEN), "{unverified:?}");
        }
        let mut basic = Request::read(NAME, &case);
        basic.header("authorization", &format!("Basic {TOKEN}"));
        assert!(verify(basic).unwrap_err().why.contains("not of the kind Bearer"), "another kind");
    }
    let listed = with(&[("sources", "192.0.2.0/24")]);
    let request = signed(Request::read(NAME, "invite"), TOKEN);
    assert!(Kamailio.verify(&request.raw(), &listed).is_err(), "the token from elsewhere");
    let from = Raw { peer: Some("192.0.2.7".parse().unwrap()), ..request.raw() };
    assert!(Kamailio.verify(&from, &listed).is_ok());
}

#[test]
fn the_number_comes_before_the_user_and_the_user_before_the_domain() {
    let addresses = |case: &str, connection: &Connection| -> Vec<String> {
        Kamailio.glance(&Request::read(NAME, case).raw(), connection).unwrap().addresses.iter().map(ToString::to_string).collect()
    };
    assert_eq!(addresses("invite", &connection()), ["voice:number:+18005551234", "voice:sip-user:18005551234"]);
    assert_eq!(
        addresses("extension", &with(&[("country", "US")])),
        ["voice:sip-user:1001@pbx.acme.example", "voice:sip-user:1001", "voice:domain:pbx.acme.example"]
    );
}

fn stage(options: &[(&str, &str)]) -> Stage {
    let mut stage = Stage::new(with(options), "+18005551234");
    stage.directory.tenant = Some("acme-corp".parse().unwrap());
    for (name, uri) in [("acme-queue", "sip:acme-queue@127.0.0.1:5091"), ("acme-overflow", "sip:acme-overflow@127.0.0.1:5091")] {
        let provider_ids = [(NAME.to_owned(), uri.to_owned())].into();
        let queue = Queue { name: name.parse().unwrap(), label: name.to_owned(), language: None, hours: None, provider_ids };
        stage.directory.queues.insert(name.to_owned(), queue);
    }
    stage
}

fn enqueue(queue: &str, overflow: Vec<Exit>) -> Action {
    Action::Enqueue(Enqueue {
        tag: "q".to_owned(),
        queue: queue.to_owned(),
        priority: None,
        skills: Vec::new(),
        relaxations: Vec::new(),
        hold_music: None,
        announce_every_ms: None,
        notify: false,
        maximum_wait_ms: Some(30_000),
        overflow,
        extras: Vec::new(),
    })
}

fn to(targets: Vec<Target>, ringing: Ringing) -> Action {
    Action::Transfer(Transfer {
        tag: "t".to_owned(),
        targets,
        ringing,
        ring_timeout_ms: None,
        talk_limit_ms: None,
        caller_id: None,
        whisper: None,
        screening: false,
        warm: false,
        extras: Vec::new(),
    })
}

fn told(actions: Vec<Action>, options: &[(&str, &str)]) -> Result<Value, Inability> {
    let stage = stage(options);
    let document = Kamailio.document(&Draft { actions, reason: String::new() }, &stage.connection, Some(&stage.scene()))?;
    Ok(serde_json::from_slice(&document.reply.body).unwrap())
}

#[test]
fn a_queue_with_overflow_is_the_recorded_answer() {
    let expected: Value = serde_json::from_str(&recorded::read(NAME, "reply.json")).unwrap();
    let given = told(vec![enqueue("acme-queue", vec![Exit::Enqueue("acme-overflow".to_owned())])], &[]).unwrap();
    for member in ["version", "routing", "tenant"] {
        assert_eq!(given[member], expected[member], "{member}");
    }
    for (at, route) in expected["routes"].as_array().unwrap().iter().enumerate() {
        for (name, value) in route.as_object().unwrap() {
            assert_eq!(&given["routes"][at][name], value, "{at} {name}");
        }
    }
}

#[test]
fn targets_ring_as_asked_and_a_refusal_is_one() {
    let sip = SipTarget { uri: "sip:a@192.0.2.1".to_owned(), headers: vec![("X-Why".to_owned(), "vip".to_owned())] };
    let both = to(vec![Target::Sip(sip), Target::Number("+14155550123".to_owned())], Ringing::Parallel);
    let given = told(vec![both], &[("gateway", "gw.example:5080"), ("tenant_header", "X-Owner")]).unwrap();
    assert_eq!(given["routing"], "parallel");
    assert_eq!(given["routes"][0]["headers"]["extra"], "X-Owner: acme-corp\r\nX-Why: vip\r\n");
    assert_eq!(
        (&given["routes"][1]["uri"], &given["routes"][1]["dst_uri"]),
        (&json!("sip:+14155550123@gw.example:5080"), &json!("sip:gw.example:5080"))
    );
    let given = told(vec![Action::Reject("busy".to_owned())], &[]).unwrap();
    assert_eq!((&given["reject"]["code"], given["routes"].as_array().unwrap().len()), (&json!(486), 0));
    for action in [Action::HangUp(None), Action::Keep] {
        assert_eq!(told(vec![action], &[]).unwrap()["reject"]["code"], 480);
    }
}

#[test]
fn what_a_switch_cannot_do_is_refused_by_name() {
    for action in [Action::Say(Prompt::text("Hello")), Action::Continue("x".to_owned()), Action::Pause(5)] {
        assert_eq!(told(vec![action.clone()], &[]).unwrap_err().action, action.name());
    }
    let number = || to(vec![Target::Number("+14155550123".to_owned())], Ringing::Series);
    assert!(told(vec![number()], &[]).unwrap_err().why.contains("gateway"));
    assert!(told(vec![enqueue("nobody", Vec::new())], &[]).unwrap_err().why.contains("queues"));
    assert!(told(vec![Action::SetAttributes(Vec::new())], &[]).unwrap_err().why.contains("neither where"));
    let injected = SipTarget { uri: "sip:a@b>;x=\"".to_owned(), headers: Vec::new() };
    assert!(told(vec![to(vec![Target::Sip(injected)], Ringing::Series)], &[]).is_err());
    let bindable = |action: &str| Kamailio.bindable(&[action.to_owned()], &connection());
    assert_eq!((bindable("say").unwrap_err().code, bindable("enqueue")), (Code::CannotRender, Ok(Vec::new())));
    let end = Kamailio.at_the_very_end(&connection(), None);
    assert_eq!(serde_json::from_slice::<Value>(&end.body).unwrap()["reject"]["code"], 480, "nobody is left ringing");
}

#[test]
fn a_mistake_in_a_connection_is_found_when_it_is_set() {
    assert_eq!(Kamailio.check_connection(&with(&[("gateway", "gw.example"), ("country", "de"), ("ends", "reported")])), Ok(()));
    for (at, connection) in [
        ("options.gateway", with(&[("gateway", "sip:gw")])),
        ("options.country", with(&[("country", "Germany")])),
        ("options.sources", with(&[("sources", "everybody")])),
        ("options.tenant_header", with(&[("tenant_header", "Via")])),
        ("account", Connection { account: Some("x".to_owned()), ..connection() }),
        ("secrets", Connection { secrets: Vec::new(), ..connection() }),
    ] {
        assert_eq!(Kamailio.check_connection(&connection).unwrap_err().at.as_deref(), Some(at));
    }
}

proptest! {
    #[test]
    fn no_request_makes_anything_panic(body in proptest::collection::vec(any::<u8>(), 0..200), text in "[{}\\[\\]\":,a-z_0-9@.+]{0,120}", as_text: bool) {
        let request = Request::post("/hooks/acme-kamailio/route", if as_text { text.as_bytes() } else { &body });
        let _glanced = Kamailio.glance(&request.raw(), &connection());
        let _parsed = Kamailio.parse(&request.raw(), &connection());
        prop_assert!(Kamailio.verify(&request.raw(), &connection()).is_err());
    }
}
