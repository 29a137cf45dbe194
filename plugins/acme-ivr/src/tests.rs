//! Walks callers through the menu without a sandbox.

use super::*;
use jackfield_sdk::testing::{self, TestHost};
use serde_json::json;

fn answer(event: &Event, host: &TestHost) -> Decision {
    testing::answer::<AcmeIvr>(&testing::contact(), event, host).unwrap()
}

#[test]
fn a_caller_hears_the_greeting_and_the_menu() {
    let decision = answer(&Event::Arrived, &TestHost::new());
    assert_eq!(decision.said(), [Settings::default().greeting]);
    let keys: Vec<_> = decision.menu().unwrap().choices.iter().map(|choice| choice.key.as_str()).collect();
    assert_eq!(keys, ["1", "2", "3", "0"]);
}

#[test]
fn each_choice_leads_to_its_queue_and_settings_rename_it() {
    let host = TestHost::new().settings(json!({"queues": {"sales": "acme-sales"}}));
    for (department, queue) in [
        ("sales", "acme-sales"),
        ("technical-support", "technical-support"),
        ("billing", "billing"),
        ("general-support", "general-support"),
    ] {
        let decision = answer(&testing::digits(MENU, department), &host);
        assert_eq!(decision.queue(), Some(queue));
        assert_eq!(decision.actions[0], Action::SetAttributes(vec![(MENU.to_owned(), department.to_owned())]));
    }
}

#[test]
fn the_host_asks_again_and_speech_counts_as_well_as_keys() {
    let decision = answer(&Event::Arrived, &TestHost::new().settings(json!({"attempts": 4})));
    let collect = &decision.menu().unwrap().collect;
    assert!(collect.dtmf && collect.speech);
    assert_eq!((collect.attempts, collect.no_input.len(), collect.no_match.len()), (4, 1, 1));
}

#[test]
fn who_chooses_nothing_is_told_so_and_goes_to_general_support() {
    for event in [testing::nothing_came(MENU), testing::missed(MENU, "9")] {
        let decision = answer(&event, &TestHost::new());
        assert_eq!(decision.said(), [Settings::default().no_selection]);
        assert_eq!(decision.queue(), Some("general-support"));
    }
}

#[test]
fn a_queue_that_is_closed_full_or_too_slow_ends_in_a_voice_message() {
    for outcome in [QueueOutcome::Full, QueueOutcome::TimedOut, QueueOutcome::Failed, QueueOutcome::Other("closed".to_owned())] {
        let decision = answer(&testing::queue_ended("sales", outcome), &TestHost::new());
        assert!(matches!(decision.actions.as_slice(), [Action::Voicemail(_)]), "{decision:?}");
    }
    let served = answer(&testing::queue_ended("sales", QueueOutcome::Bridged), &TestHost::new());
    assert!(matches!(served.actions.as_slice(), [Action::HangUp(_)]));
    assert_eq!(answer(&testing::queue_ended("sales", QueueOutcome::HangUp), &TestHost::new()), Decision::keep());
}

#[test]
fn a_queue_whose_hours_are_over_takes_a_message_instead() {
    let closed = TestHost::new().closed("office").queue_with_hours("sales", "office");
    let decision = answer(&testing::digits(MENU, "sales"), &closed);
    assert_eq!(decision.queue(), None);
    assert!(matches!(decision.actions.last(), Some(Action::Voicemail(_))));
    let denied = TestHost::new().closed("office").queue_with_hours("sales", "office").deny("directory");
    assert_eq!(answer(&testing::digits(MENU, "sales"), &denied).queue(), Some("sales"), "without the directory nothing is closed");
}

#[test]
fn a_voice_from_settings_is_used_for_everything_that_is_said() {
    let host = TestHost::new().settings(json!({"voice": "Polly.Matthew-Neural"}));
    let decision = answer(&Event::Arrived, &host);
    let Action::Say(greeting) = &decision.actions[0] else { panic!("{decision:?}") };
    let question = &decision.menu().unwrap().collect.prompts[0];
    assert_eq!([greeting.voice.as_deref(), question.voice.as_deref()], [Some("Polly.Matthew-Neural"); 2]);
}

#[test]
fn settings_of_the_wrong_kind_are_a_failure_that_names_them() {
    let host = TestHost::new().settings(json!({"attempts": "three"}));
    let failure = AcmeIvr::handle(&testing::contact(), &Event::Arrived, &host).unwrap_err();
    assert!(matches!(&failure, Failure::BadSettings(why) if why.contains("attempts")), "{failure}");
}

#[test]
fn every_setting_stands_in_the_schema() {
    let schema: serde_json::Value = serde_json::from_str(&AcmeIvr::describe().settings_schema).unwrap();
    let settings = serde_json::to_value(Settings::default()).unwrap();
    for name in settings.as_object().unwrap().keys() {
        assert!(schema.pointer(&format!("/properties/{name}")).is_some(), "{name} is missing");
    }
}
