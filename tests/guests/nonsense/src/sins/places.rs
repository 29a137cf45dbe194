//! Points where it may not: at other tenants' things, at machines inside the house, at what does not exist.

use shape::jackfield::plugin::decisions::{Exit, SendMessage, Target};
use shape::jackfield::plugin::personas::Escalation;
use shape::jackfield::plugin::types::Extension;
use shape::{Action, Contact, setting, text};

use super::{converse, enqueue, menu, number, one, play, say, transfer};

pub(super) fn actions(sin: &str, contact: &Contact) -> Option<Vec<Action>> {
    decisions(sin).or_else(|| urls(sin)).or_else(|| targets(sin, contact)).or_else(|| kinds(sin))
}

fn decisions(sin: &str) -> Option<Vec<Action>> {
    match sin {
        "keep-and-more" => Some(vec![Action::Keep, say("and more")]),
        "after-the-end" => Some(vec![Action::HangUp(None), say("is anybody there?")]),
        "two-ends" => Some(vec![Action::Menu(menu(&["1"])), Action::Menu(menu(&["2"]))]),
        "rejects-and-more" => Some(vec![say("one moment"), Action::Reject("busy".into())]),
        "bad-rejection" => one(Action::Reject("because".into())),
        "keeps-a-call-that-just-began" => one(Action::Keep),
        "sends-a-message" => one(Action::SendMessage(SendMessage {
            to: Some("+14155550111".into()),
            channel: None,
            text: "buy now".into(),
            media: Vec::new(),
            choices: Vec::new(),
            template: None,
            reply_to: None,
            extras: Vec::new(),
        })),
        _ => None,
    }
}

fn urls(sin: &str) -> Option<Vec<Action>> {
    let url = match sin {
        "loopback-url" => "http://127.0.0.1:22/",
        "file-url" => "file:///etc/passwd",
        "url-with-a-line" => "https://example.com/\r\nHost:\u{20}evil.example",
        "secure-loopback-url" => "https://127.0.0.1/",
        "loopback-url-of-six" => "https://[::1]/",
        "loopback-url-by-name" => "https://localhost:8443/",
        "loopback-url-in-one-number" => "https://2130706433/",
        "loopback-url-in-hexadecimal" => "https://0x7f.1/",
        "loopback-url-behind-a-name" => "https://example.com@127.0.0.1/",
        "loopback-url-behind-a-backslash" => "https://127.0.0.1\\@example.com/",
        "metadata-url" => "https://169.254.169.254/latest/meta-data/",
        "metadata-url-by-name" => "https://metadata.google.internal/",
        "private-url" => "https://10.0.0.1/",
        "url-without-a-host" => "https:///etc/passwd",
        _ => return None,
    };
    one(play(url))
}

fn targets(sin: &str, contact: &Contact) -> Option<Vec<Action>> {
    let to = |target| transfer(vec![target]);
    let other = || setting("other").unwrap_or_default();
    let call = match sin {
        "foreign-caller-id" => Some(("+12025550123".to_owned(), number("+14155550111"))),
        "neighbours-caller-id" => Some((other(), number("+14155550111"))),
        "callers-caller-id" => Some((contact.customer.address.e164.clone().unwrap_or_default(), number("+14155550111"))),
        "markup-for-a-caller-id" => Some(("\"><Hangup/>".to_owned(), number("+14155550111"))),
        _ => None,
    };
    if let Some((caller_id, target)) = call {
        let mut call = to(target);
        call.caller_id = Some(caller_id);
        return one(Action::Transfer(call));
    }
    let mut talk = converse("Be kind.", "Hello.");
    Some(vec![match sin {
        "unknown-queue" => Action::Enqueue(enqueue("a-queue-that-nobody-has")),
        "neighbours-queue" => Action::Enqueue(enqueue(&other())),
        "neighbours-queue-by-its-path" => Action::Enqueue(enqueue(&format!("../{}/front-desk", other()))),
        "neighbours-number" => Action::Transfer(to(number(&other()))),
        "overflows-to-a-stranger" => {
            let mut queue = enqueue("front-desk");
            queue.overflow = vec![Exit::Enqueue("a-queue-that-nobody-has".into())];
            Action::Enqueue(queue)
        }
        "overflows-to-a-strangers-flow" => {
            let mut queue = enqueue("front-desk");
            queue.overflow = vec![Exit::Flow("a-flow-that-nobody-has".into())];
            Action::Enqueue(queue)
        }
        "escalates-to-a-stranger" => {
            talk.persona.escalation = Some(Escalation { keywords: vec!["help".into()], target: "a-queue-that-nobody-has".into() });
            Action::Converse(talk)
        }
        "bad-number" => Action::Transfer(to(number("call-me-maybe"))),
        "number-with-more" => Action::Transfer(to(number("+14155550111;phone-context=evil"))),
        "unknown-flow" => Action::Transfer(to(Target::Flow("a-flow-that-nobody-has".into()))),
        "neighbours-flow" => Action::Transfer(to(Target::Flow(format!("{}/main", other())))),
        "unknown-person" => Action::Transfer(to(Target::Person("nobody".into()))),
        "no-targets" => Action::Transfer(transfer(Vec::new())),
        "flow-among-others" => Action::Transfer(transfer(vec![number("+14155550111"), Target::Flow(contact.flow.clone())])),
        "dials-the-caller" => Action::Transfer(to(number(contact.customer.address.e164.as_deref().unwrap_or("+1")))),
        _ => return None,
    }])
}

fn kinds(sin: &str) -> Option<Vec<Action>> {
    let extension = |kind: &str, data: String| Extension { kind: kind.into(), data };
    match sin {
        "unregistered-kind" => one(Action::Other(extension("self-destruct", "{}".into()))),
        "huge-kind" => one(Action::Other(extension(&"k".repeat(10_000), "not json".into()))),
        "kind-with-a-bell" => one(Action::Other(extension("bell\u{7}", "{}".into()))),
        "registered-kind-in-the-wrong-place" => one(Action::Other(extension("leave-queue", "{}".into()))),
        "nesting-without-a-floor" => one(Action::Other(extension("leave-queue", "[".repeat(30_000)))),
        "unknown-target" => one(Action::Transfer(transfer(vec![Target::Other(extension("satellite", "{}".into()))]))),
        "unknown-exit" => {
            let mut queue = enqueue("front-desk");
            queue.overflow = vec![Exit::Say(text("one moment")), Exit::Other(extension("trapdoor", "{}".into()))];
            one(Action::Enqueue(queue))
        }
        _ => None,
    }
}
