//! Walks the rules of what is open through whole calls, without a provider.

use super::*;
use crate::contact::decision::{Prompt, Ringing};
use crate::contact::event::ConsentEnded;
use crate::contact::event::{InputOutcome, Message};
use crate::contact::persona::BargeIn;

fn question(attempts: u32, choices: &[(&str, &str)]) -> Open {
    let collect = Collect {
        tag: "main".to_owned(),
        prompts: vec![Prompt::text("choose")],
        dtmf: true,
        speech: true,
        min_digits: 1,
        max_digits: 1,
        terminator: None,
        first_timeout_ms: 5_000,
        inter_digit_timeout_ms: 2_000,
        barge_in: BargeIn::Any,
        hints: Vec::new(),
        minimum_confidence: Some(0.5),
        attempts,
        no_input: vec![Prompt::text("nothing heard")],
        no_match: vec![Prompt::text("not on the list")],
        low_confidence: vec![Prompt::text("say it again")],
        sensitive: false,
        extras: Vec::new(),
    };
    let choices = choices
        .iter()
        .map(|(key, value)| Choice {
            key: (*key).to_owned(),
            label: (*value).to_owned(),
            value: (*value).to_owned(),
            phrases: vec![format!("the {value}")],
        })
        .collect();
    Open { turn: 1, begun: Begun::Collect { collect, choices, attempt: 1 } }
}

fn heard(next: Next) -> Input {
    match next {
        Next::Ask(Event::Input(input)) => input,
        other => panic!("{other:?}"),
    }
}

fn first_words(next: Next) -> String {
    match next {
        Next::Host { draft, .. } => format!("{:?}", draft.actions.first()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_host_asks_again_and_the_plugin_hears_the_end() {
    let mut open = question(3, &[("1", "sales"), ("2", "support")]);
    assert!(first_words(open.hear(Heard::Nothing)).contains("nothing heard"));
    assert!(first_words(open.hear(Heard::Digits("9".to_owned()))).contains("not on the list"));
    let input = heard(open.hear(Heard::Digits("2".to_owned())));
    assert_eq!((input.value.as_str(), input.attempts, input.outcome, input.tag.as_str()), ("support", 3, InputOutcome::Matched, "main"));
}

#[test]
fn after_the_last_attempt_the_plugin_hears_what_was_wrong() {
    let mut open = question(1, &[("1", "sales")]);
    assert_eq!(heard(open.hear(Heard::Nothing)).outcome, InputOutcome::NoInput);
    let mut open = question(1, &[("1", "sales")]);
    assert_eq!(heard(open.hear(Heard::Digits("7".to_owned()))).outcome, InputOutcome::NoMatch);
    let mut open = question(1, &[("1", "sales")]);
    assert_eq!(heard(open.hear(Heard::HungUp)).outcome, InputOutcome::HangUp);
}

#[test]
fn speech_matches_labels_and_phrases_and_unclear_speech_does_not() {
    let say = |text: &str, confidence: f32| Heard::Speech { text: text.to_owned(), confidence: Some(confidence), alternatives: Vec::new() };
    let mut open = question(2, &[("1", "sales")]);
    assert_eq!(heard(open.hear(say("The Sales.", 0.9))).value, "sales");
    let mut open = question(2, &[("1", "sales")]);
    assert!(first_words(open.hear(say("sales", 0.2))).contains("say it again"));
    assert_eq!(heard(open.hear(say("sails", 0.9))).outcome, InputOutcome::NoMatch);
}

fn message(text: &str, choice: Option<&str>) -> Heard {
    Heard::Message(Message {
        id: "SM1".to_owned(),
        text: text.to_owned(),
        media: Vec::new(),
        choice: choice.map(str::to_owned),
        reply_to: None,
        extras: Vec::new(),
    })
}

#[test]
fn a_message_answers_the_question_that_is_open() {
    for (text, pressed, kind) in [
        ("2", None, "text"),
        (" SUPPORT! ", None, "text"),
        ("the support", None, "text"),
        ("Support", Some("support"), "choice"),
        ("Yes, help me", Some("2"), "choice"),
        ("", Some("SUPPORT"), "choice"),
        ("support", Some("payload-of-another-time"), "choice"),
    ] {
        let mut open = question(2, &[("1", "sales"), ("2", "support")]);
        let input = heard(open.hear(message(text, pressed)));
        assert_eq!(
            (input.value.as_str(), input.kind.as_str(), input.outcome),
            ("support", kind, InputOutcome::Matched),
            "{text} {pressed:?}"
        );
        assert_eq!(input.extras, [("message-id".to_owned(), "SM1".to_owned())]);
    }
    let mut open = question(2, &[("1", "sales")]);
    assert!(first_words(open.hear(message("what?", None))).contains("not on the list"));
    assert_eq!(heard(open.hear(message("what?", None))).outcome, InputOutcome::NoMatch);
}

#[test]
fn words_answer_a_free_question_and_only_keys_one_for_keys() {
    assert_eq!(heard(question(1, &[]).hear(message(" any words ", None))).value, "any words");
    let keys_only = |text: &str| {
        let mut open = question(1, &[]);
        let Begun::Collect { collect, .. } = &mut open.begun else { panic!("no question") };
        (collect.speech, collect.min_digits, collect.max_digits) = (false, 2, 4);
        let input = heard(open.hear(message(text, None)));
        (input.outcome, input.value)
    };
    assert_eq!(keys_only("12 34"), (InputOutcome::Matched, "1234".to_owned()));
    for bad in ["1", "12345", "twelve"] {
        assert_eq!(keys_only(bad), (InputOutcome::NoMatch, bad.to_owned()));
    }
}

#[test]
fn a_file_alone_and_a_message_out_of_turn_are_messages() {
    assert!(matches!(question(1, &[("1", "sales")]).hear(message(" ", None)), Next::Ask(Event::Message(_))));
    let mut open = Open { turn: 1, begun: Begun::Wake { tag: "w".to_owned() } };
    assert!(matches!(open.hear(message("hello", None)), Next::Ask(Event::Message(_))));
}

#[test]
fn targets_ring_in_order_until_one_answers() {
    let transfer = Transfer {
        tag: "t".to_owned(),
        targets: vec![Target::Number("+14155550100".to_owned()), Target::Number("+14155550101".to_owned())],
        ringing: Ringing::Series,
        ring_timeout_ms: None,
        talk_limit_ms: None,
        caller_id: None,
        whisper: None,
        screening: false,
        warm: true,
        extras: Vec::new(),
    };
    let came_back = |outcome: &str| Heard::Dialled { outcome: outcome.to_owned(), talked_ms: 0, extras: Vec::new() };
    let mut open = Open { turn: 1, begun: Begun::Transfer { transfer: transfer.clone(), leg: 0 } };
    assert!(first_words(open.hear(came_back("busy"))).contains("+14155550101"));
    let Next::Ask(Event::DialEnded(ended)) = open.hear(came_back("completed")) else { panic!("the plugin was not told") };
    assert_eq!((ended.leg, ended.tag.as_str()), (Some(1), "t"));

    // Who was told both has tried both.
    let mut told_both = Open { turn: 1, begun: Begun::Transfer { transfer: transfer.clone(), leg: 0 } };
    told_both.all_were_tried();
    let Next::Ask(event) = told_both.hear(Heard::Dialled { outcome: "no-answer".to_owned(), talked_ms: 0, extras: Vec::new() }) else {
        panic!("a target was told again")
    };
    let Event::DialEnded(ended) = event else { panic!("{event:?}") };
    assert_eq!((ended.outcome.as_str(), ended.leg), ("no-answer", None));
    let mut blind = Open { turn: 1, begun: Begun::Transfer { transfer: Transfer { warm: false, ..transfer }, leg: 0 } };
    assert!(first_words(blind.hear(came_back("completed"))).contains("HangUp"));
}

#[test]
fn a_queue_that_takes_too_long_is_left_and_overflows_by_rule() {
    let enqueue = Enqueue {
        tag: "q".to_owned(),
        queue: "sales".to_owned(),
        priority: None,
        skills: Vec::new(),
        relaxations: Vec::new(),
        hold_music: None,
        announce_every_ms: Some(30_000),
        notify: false,
        maximum_wait_ms: Some(60_000),
        overflow: vec![Exit::Voicemail(String::new())],
        extras: Vec::new(),
    };
    let waiting = |waited_ms| Heard::Waiting { position: Some(3), waited_ms, estimate_ms: None, size: None };
    let mut open = Open { turn: 1, begun: Begun::Queue { enqueue: enqueue.clone(), entered: 0, announced_ms: 0 } };
    assert!(first_words(open.hear(waiting(0))).contains("Pause"));
    assert!(first_words(open.hear(waiting(31_000))).contains("number 3"));
    assert!(first_words(open.hear(waiting(32_000))).contains("Pause"), "announced too often");
    assert!(first_words(open.hear(waiting(60_000))).contains(LEAVE_QUEUE));
    assert!(first_words(open.hear(Heard::QueueLeft { outcome: "left".to_owned(), waited_ms: 60_500 })).contains("Voicemail"));

    let mut open = Open { turn: 1, begun: Begun::Queue { enqueue: Enqueue { notify: true, ..enqueue }, entered: 0, announced_ms: 0 } };
    assert!(matches!(open.hear(waiting(10)), Next::Ask(Event::QueueWaiting(_))));
    assert!(matches!(open.hear(Heard::QueueLeft { outcome: "bridged".to_owned(), waited_ms: 10 }), Next::Ask(Event::QueueEnded(_))));
}

#[test]
fn consent_is_given_only_by_the_accept_key() {
    let ask = AskConsent { topic: "recording".to_owned(), prompts: Vec::new(), accept_key: "1".to_owned(), timeout_ms: 5_000 };
    for (heard, given) in [(Heard::Digits("1".to_owned()), true), (Heard::Digits("2".to_owned()), false), (Heard::Nothing, false)] {
        let mut open = Open { turn: 1, begun: Begun::Consent(ask.clone()) };
        assert_eq!(open.hear(heard), Next::Ask(Event::ConsentEnded(ConsentEnded { topic: "recording".to_owned(), given })));
    }
}
