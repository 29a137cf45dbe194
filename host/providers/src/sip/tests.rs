//! Reads recorded INVITEs, and compares responses with what SIP wants of them.

use bytes::Bytes;
use jackfield_domain::contact::decision::{Action, Draft, Ringing, SipTarget, Target, Transfer};
use proptest::prelude::*;

use super::message::{MESSAGE_BYTES_MAX, length_in_stream};
use super::*;
use crate::recorded::{self, Request, Stage, assert_read, cases};

fn connection() -> Connection {
    let mut connection = recorded::connection("acme-sip", NAME, "", "");
    connection.account = None;
    connection.secrets = Vec::new();
    connection.options =
        [("sources".to_owned(), "127.0.0.0/8 2001:db8::/32".to_owned()), ("gateway".to_owned(), "gw.example".to_owned())].into();
    connection
}

fn message(case: &str) -> Message {
    Message::read(&Request::read(NAME, case).body).unwrap()
}

#[test]
fn every_recorded_invite_is_read_as_its_case_says() {
    for case in cases(NAME, 2) {
        assert_read(&Sip, &connection(), &case);
    }
}

#[test]
fn only_the_connections_sources_may_ask() {
    let request = Request::read(NAME, "invite");
    let from = |peer: &str| Sip.verify(&Raw { peer: Some(peer.parse().unwrap()), ..request.raw() }, &connection());
    assert_eq!(from("127.0.0.1").unwrap().secret_name, "source address");
    assert!(from("2001:db8::7").is_ok() && from("::ffff:127.0.0.1").is_ok());
    assert!(from("192.0.2.1").is_err() && from("2001:db9::7").is_err() && Sip.verify(&request.raw(), &connection()).is_err());
}

#[test]
fn a_response_has_what_its_request_had_and_a_tag_of_ours() {
    let response = message("compact").response(
        302,
        "Moved Temporarily",
        "192.0.2.50:40000".parse().unwrap(),
        "abc",
        &[("contact".to_owned(), "<sip:x@y>;q=1.0".to_owned())],
    );
    let text = String::from_utf8(response.to_vec()).unwrap();
    assert!(
        text.starts_with(
            "SIP/2.0 302 Moved Temporarily\r\nVia: SIP/2.0/TCP [2001:db8::7]:5070;branch=z9hG4bKx;rport=40000;received=192.0.2.50\r\n"
        ),
        "{text}"
    );
    assert!(text.contains("\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKy\r\n"), "the vias below stay as they are: {text}");
    assert!(text.contains("\r\nTo: <sip:sales@acme.example>;tag=abc\r\n") && text.contains("\r\nContact: <sip:x@y>;q=1.0\r\n"), "{text}");
    assert!(
        text.contains("\r\nCSeq: 7 INVITE\r\n")
            && text.contains("\r\nCall-ID: c2@192.0.2.9\r\n")
            && text.ends_with("Content-Length: 0\r\n\r\n")
    );
    let trying = message("invite").response(100, "Trying", "127.0.0.1:5094".parse().unwrap(), "abc", &[]);
    assert!(!String::from_utf8_lossy(&trying).contains(";tag=abc"), "a provisional answer begins no dialogue");
}

#[test]
fn an_answer_over_udp_goes_where_the_sender_asks() {
    let plain = Bytes::from_static(b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1\r\nFrom: <sip:x@y>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n");
    let seen = "192.0.2.50:40000".parse().unwrap();
    assert_eq!(
        Message::read(&plain).unwrap().reply_to(seen),
        "192.0.2.50:5062".parse().unwrap(),
        "the address it came from, the port that it names"
    );
    assert_eq!(message("invite").reply_to(seen), seen, "rport: where it came from");
}

#[test]
fn a_transaction_is_the_same_for_its_acknowledgement_and_another_for_the_next_attempt() {
    let invite = message("invite");
    let text = String::from_utf8(Request::read(NAME, "invite").body.to_vec()).unwrap();
    let read = |text: String| Message::read(&text.into()).unwrap();
    let ack = read(text.replace("INVITE", "ACK"));
    assert_eq!((ack.method(), ack.transaction()), (Some("ACK"), invite.transaction()));
    let other = read(text.replace("z9hG4bK1", "z9hG4bK2"));
    assert_ne!(other.transaction(), invite.transaction());
    assert!(read(text.replace("To: <sip:18005551234@127.0.0.1:5095>", "To: <sip:1@b>;tag=x")).is_in_dialogue());
}

fn answered(targets: Vec<Target>, ringing: Ringing) -> Reply {
    let stage = Stage::new(connection(), "+18005551234");
    let transfer = Transfer {
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
    };
    let draft = Draft { actions: vec![Action::Transfer(transfer)], reason: String::new() };
    Sip.document(&draft, &stage.connection, Some(&stage.scene())).unwrap().reply
}

#[test]
fn targets_are_contacts_in_their_order() {
    let sip = SipTarget { uri: "sip:acme-queue@127.0.0.1:5096".to_owned(), headers: vec![("X-Why".to_owned(), "a vip & more".to_owned())] };
    let reply = answered(vec![Target::Sip(sip.clone()), Target::Number("+14155550123".to_owned())], Ringing::Series);
    let contacts: Vec<&str> = reply.headers.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(
        contacts,
        [
            "<sip:acme-queue@127.0.0.1:5096?X-Tenant-Id=acme&X-Why=a%20vip%20%26%20more>;q=1.0",
            "<sip:+14155550123@gw.example?X-Tenant-Id=acme>;q=0.9"
        ]
    );
    assert_eq!(reply.status, 302);
    let all = answered(vec![Target::Sip(sip.clone()), Target::Sip(sip)], Ringing::Parallel);
    assert!(all.headers.iter().all(|(_, value)| value.ends_with(";q=1.0")));
    let end = Sip.at_the_very_end(&connection(), None);
    assert_eq!(end.status, 480, "nobody is left ringing");
}

#[test]
fn what_is_no_request_is_nothing() {
    let good = String::from_utf8(Request::read(NAME, "invite").body.to_vec()).unwrap();
    for bad in [
        String::new(),
        "\r\n\r\n".to_owned(),
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\r\n".to_owned(),
        good.replace("Via: ", "Vio: "),
        good.replace(";branch=z9hG4bK1", ""),
        good.replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"),
        good.replace("sip:18005551234@127.0.0.1:5095 ", "http://a/ "),
        format!("{}{}", good.trim_end(), "\r\nX-A: b".repeat(200)) + "\r\n\r\n",
        good.trim_end().to_owned(),
    ] {
        assert!(Message::read(&bad.clone().into()).is_none(), "{bad}");
    }
    assert!(Message::read(&vec![b'a'; MESSAGE_BYTES_MAX + 1].into()).is_none());
    assert_eq!(length_in_stream(b"A\r\nContent-Length: 4\r\n\r\nabcde"), Ok(Some(28)));
    let acknowledged = Request::post("/hooks/acme-sip/invite", good.replace("INVITE", "ACK").as_bytes());
    assert_eq!(acknowledged.status(&Sip, &connection()), Some(405));
}

#[test]
fn a_mistake_in_a_connection_is_found_when_it_is_set() {
    assert_eq!(Sip.check_connection(&connection()), Ok(()));
    let open = Connection { options: std::collections::BTreeMap::new(), ..connection() };
    assert!(Sip.check_connection(&open).unwrap_err().detail.contains("who may ask"));
    let secret = Connection { secrets: vec![recorded::named("a", "b")], ..connection() };
    assert_eq!(Sip.check_connection(&secret).unwrap_err().at.as_deref(), Some("secrets"));
}

proptest! {
    #[test]
    fn no_bytes_make_anything_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        head in "(INVITE|OPTIONS) sips?:[a-z0-9@:;=.\\[\\]%+-]{0,40} SIP/2.0",
        lines in proptest::collection::vec("(Via|v|From|f|To|t|Call-ID|CSeq|X-A|Diversion|Content-Length)[ ]?: ?[ -~é]{0,60}", 0..12),
        as_text: bool,
    ) {
        let text = format!("{head}\r\n{}\r\n\r\n", lines.join("\r\n"));
        let bytes: Bytes = if as_text { text.into() } else { bytes.into() };
        let _length = length_in_stream(&bytes);
        if let Some(message) = Message::read(&bytes) {
            let seen = "192.0.2.1:5060".parse().unwrap();
            let _to = message.reply_to(seen);
            let response = message.response(302, "Moved", seen, "t", &[]);
            prop_assert!(response.ends_with(b"\r\n\r\n"));
        }
        let request = Request::post("/hooks/acme-sip/invite", &bytes);
        let _glanced = Sip.glance(&request.raw(), &connection());
        let _parsed = Sip.parse(&request.raw(), &connection());
    }
}
