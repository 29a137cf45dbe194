use jackfield_domain::contact::decision::Exit;

use super::cases::{conference, menu, sip, voicemail};
use super::*;

/// The document that a host elsewhere gives out, and what it leaves out; None where nothing is left.
fn alone(stage: &Stage, actions: Vec<Action>) -> Option<(String, Vec<String>)> {
    let draft = Draft { actions, reason: "a default route".to_owned() };
    let alone = Twilio.render_alone(&draft, &stage.scene()).ok()?;
    let body = String::from_utf8(alone.reply.body.to_vec()).unwrap();
    assert_well_formed(&body);
    assert!(!body.contains("hooks.example"), "something comes back to us: {body}");
    Some((body, alone.lesser))
}

fn first_turn() -> Stage {
    Stage { turn: 1, ..Stage::new() }
}

#[test]
fn nothing_of_any_action_comes_back_to_us_when_it_stands_alone() {
    for (name, stage, actions, _) in cases() {
        // Whatever can be rendered at all either stands without us or is left out with a sentence.
        if let Some((body, lesser)) = alone(&Stage { turn: 1, place: Place::Main, ..stage }, actions) {
            assert!(body.contains("<Response>") || body.contains("<Response/>"), "{name}: {body}");
            assert!(lesser.iter().all(|note| note.contains(": ")), "{name}: {lesser:?}");
        }
    }
}

#[test]
fn what_needs_no_answer_is_the_same_as_from_us() {
    let stage = first_turn();
    for actions in [
        vec![say("We are closed."), Action::HangUp(None)],
        vec![ssml("<speak>One <break time=\"1s\"/> two</speak>"), Action::Pause(2_000), Action::HangUp(None)],
        vec![Action::Reject("busy".to_owned())],
        vec![Action::SetLanguage("de-DE".to_owned()), say("Auf Wiederhören."), Action::HangUp(None)],
    ] {
        let (from_us, _) = stage.render(actions.clone());
        assert_eq!(alone(&stage, actions), Some((from_us, Vec::new())));
    }
}

#[test]
fn a_place_to_go_works_without_us_and_says_what_it_loses() {
    let stage = first_turn();
    let of = |action: Action| alone(&stage, vec![say("One moment."), action]).unwrap();
    let (body, lesser) = of(Action::Enqueue(enqueue("sales")));
    assert!(body.contains("<Enqueue>acme.sales</Enqueue>"), "{body} {lesser:?}");

    let two = Transfer { whisper: Some(Prompt::text("A call.")), screening: true, ..transfer(vec![person("ann"), sip()]) };
    let (body, lesser) = of(Action::Transfer(two));
    assert!(body.contains("<Number>+14155550150</Number>") && !body.contains("<Sip>"), "{body}");
    assert_eq!(lesser.len(), 2, "{lesser:?}");
    let (body, _) = of(Action::Transfer(transfer(vec![number("+14155550199")])));
    assert!(body.contains("callerId=\"+18005551234\"") && body.contains("answerOnBridge"), "{body}");

    let (body, _) = of(Action::Conference(conference()));
    assert!(body.contains("<Dial><Conference"), "{body}");
    let (body, lesser) = of(Action::Voicemail(voicemail()));
    assert!(body.contains("action=\"goodbye.xml\" method=\"GET\"") && body.contains("<Redirect method=\"GET\">goodbye.xml"), "{body}");
    assert!(lesser[0].contains("stays in the Twilio account"), "{lesser:?}");
}

#[test]
fn a_question_is_left_out_and_does_not_end_in_silence() {
    let stage = first_turn();
    let (body, lesser) = alone(&stage, vec![say("Welcome to Acme."), Action::Menu(menu())]).unwrap();
    assert!(body.contains("Welcome to Acme.") && !body.contains("Gather") && body.contains("cannot take your call"), "{body}");
    assert!(lesser[0].starts_with("menu: left out"), "{lesser:?}");
    assert_eq!(alone(&stage, vec![Action::Menu(menu())]), None, "a question alone leaves nothing to say");
    assert_eq!(alone(&stage, vec![Action::Transfer(transfer(vec![Target::Flow("evening".to_owned())]))]), None);
}

#[test]
fn a_talk_with_the_speaker_becomes_what_was_set_for_its_failure() {
    let stage = first_turn();
    let converse = Converse {
        tag: String::new(),
        persona: persona(),
        on_failure: vec![Exit::Continue("later".to_owned()), Exit::Say(Prompt::text("Sorry.")), Exit::Number("+14155550199".to_owned())],
    };
    let (body, lesser) = alone(&stage, vec![Action::Converse(converse)]).unwrap();
    assert!(body.contains("Sorry.") && body.contains("<Number>+14155550199</Number>"), "{body}");
    assert!(lesser[0].starts_with("converse: "), "{lesser:?}");
}

#[test]
fn a_queue_that_nobody_speaks_to_says_what_is_missing() {
    let stage = first_turn();
    let queue = |more: serde_json::Value| {
        let mut enqueue = serde_json::json!({ "tag": "", "queue": "sales" });
        enqueue.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Draft { actions: vec![Action::Enqueue(serde_json::from_value(enqueue).unwrap())], reason: String::new() }
    };
    let music = queue(serde_json::json!({ "hold_music": "https://music.example/a.mp3" }));
    let plays = |provider: &dyn crate::provider::Provider| {
        let alone = provider.render_alone(&music, &stage.scene()).unwrap();
        (String::from_utf8_lossy(&alone.reply.body).contains("a.mp3"), alone.lesser.len())
    };
    assert_eq!((plays(&Twilio), plays(&crate::telnyx::Telnyx)), ((true, 0), (false, 1)));
    for (more, missing) in
        [(serde_json::json!({}), 0), (serde_json::json!({ "notify": true }), 1), (serde_json::json!({ "maximum_wait_ms": 1 }), 1)]
    {
        assert_eq!(Twilio.render_alone(&queue(more.clone()), &stage.scene()).unwrap().lesser.len(), missing, "{more}");
    }
}
