//! Walks a customer through a conversation, an escalation and a persona that breaks, without a sandbox.

use super::*;
use jackfield_sdk::contact::Context;
use jackfield_sdk::event::{AiEnded, DialEnded};
use jackfield_sdk::testing::{self, TestHost};
use serde_json::{Value, json};

fn settings() -> Value {
    json!({
        "system_prompt": "You answer calls for {company_name}, open {business_hours}.",
        "greeting": "Hello, this is {company_name}.",
        "context": { "company_name": "Acme Corp", "business_hours": "9 to 6" },
        "voice": "alloy",
        "escalation": { "keywords": ["complaint", "speak to a manager"], "target": "+15551234567" },
        "on_failure": { "say": "One moment please.", "queue": "general-support" }
    })
}

fn answer(event: &Event, settings: Value) -> Result<Decision, String> {
    testing::answer::<Concierge>(&testing::contact(), event, &TestHost::new().settings(settings))
}

fn ai_ended(reason: AiReason) -> Event {
    Event::AiEnded(AiEnded { tag: PERSONA.to_owned(), reason, fields: Vec::new(), extras: Vec::new() })
}

fn dialled(decision: &Decision) -> Option<&Target> {
    decision.actions.iter().find_map(|action| if let Action::Transfer(transfer) = action { transfer.targets.first() } else { None })
}

#[test]
fn arrival_starts_the_persona_with_its_variables_filled_in() {
    let decision = answer(&Event::Arrived, settings()).unwrap();
    let [Action::Converse(converse)] = decision.actions.as_slice() else { panic!("{decision:?}") };
    assert_eq!(converse.persona.instructions, "You answer calls for Acme Corp, open 9 to 6.");
    assert_eq!(converse.persona.greeting.as_deref(), Some("Hello, this is Acme Corp."));
    assert_eq!((converse.persona.voice.as_deref(), converse.persona.language.as_str()), (Some("alloy"), "en-US"));
    assert_eq!(converse.persona.max_duration, Some(Duration::from_secs(1_800)));
    assert!(matches!(converse.on_failure.as_slice(), [Exit::Say(_), Exit::Enqueue(queue)] if queue == "general-support"));
}

#[test]
fn a_variable_without_a_value_is_a_failure_that_names_it() {
    let mut settings = settings();
    settings["context"] = json!({ "company_name": "Acme Corp" });
    let failure = answer(&Event::Arrived, settings).unwrap_err();
    assert!(failure.contains("bad settings") && failure.contains("business_hours"), "{failure}");
}

#[test]
fn what_a_supervisor_writes_during_the_call_wins() {
    let mut contact = testing::contact();
    contact.context = Some(Context { json: r#"{"business_hours":"all night"}"#.to_owned(), revision: 2 });
    let host = TestHost::new().settings(settings());
    let persona = Concierge::prompt(&contact, &Event::Arrived, &host).unwrap();
    assert!(persona.instructions.ends_with("open all night."), "{}", persona.instructions);
}

#[test]
fn an_escalation_keyword_reaches_a_person_and_half_a_word_does_not() {
    for said in ["I have a COMPLAINT!", "please, may I speak to a manager now"] {
        let decision = answer(&testing::said(PERSONA, said), settings()).unwrap();
        assert_eq!(dialled(&decision), Some(&Target::number("+15551234567")), "{said}");
    }
    let goes_on = answer(&testing::said(PERSONA, "I manage complaints for a living, speak to a friend"), settings()).unwrap();
    assert!(matches!(goes_on.actions.as_slice(), [Action::Converse(_)]), "{goes_on:?}");
}

#[test]
fn a_persona_that_escalates_hands_over_to_the_number_or_the_queue() {
    let number = answer(&ai_ended(AiReason::Escalated), settings()).unwrap();
    assert_eq!(dialled(&number), Some(&Target::number("+15551234567")));
    let mut to_queue = settings();
    to_queue["escalation"] = json!({ "keywords": [], "target": "managers", "say": "I will get someone." });
    let queue = answer(&ai_ended(AiReason::Escalated), to_queue).unwrap();
    assert_eq!((queue.said(), queue.queue()), (vec!["I will get someone."], Some("managers")));
}

#[test]
fn a_persona_that_breaks_goes_the_way_of_the_settings_or_else_of_the_tenant() {
    let broken = answer(&ai_ended(AiReason::Failed), settings()).unwrap();
    assert_eq!((broken.said(), broken.queue()), (vec!["One moment please."], Some("general-support")));
    let mut silent = settings();
    silent["on_failure"] = json!({});
    assert!(answer(&ai_ended(AiReason::Failed), silent).unwrap_err().contains("unavailable"));
}

#[test]
fn an_escalation_that_nobody_takes_is_not_the_end() {
    let event = Event::DialEnded(DialEnded {
        tag: ESCALATION.to_owned(),
        outcome: DialOutcome::NoAnswer,
        leg: None,
        talked: Duration::ZERO,
        extras: Vec::new(),
    });
    assert_eq!(answer(&event, settings()).unwrap().queue(), Some("general-support"));
}

#[test]
fn a_conversation_that_is_over_ends_with_a_goodbye() {
    for reason in [AiReason::Completed, AiReason::Silence, AiReason::MaxDuration] {
        let decision = answer(&ai_ended(reason), settings()).unwrap();
        assert!(matches!(decision.actions.as_slice(), [Action::Say(_), Action::HangUp(_)]), "{decision:?}");
    }
    assert_eq!(answer(&ai_ended(AiReason::HangUp), settings()).unwrap(), Decision::keep());
}

#[test]
fn every_setting_stands_in_the_schema() {
    let schema: Value = serde_json::from_str(&Concierge::describe().settings_schema).unwrap();
    let all = serde_json::to_value(serde_json::from_value::<Settings>(settings()).unwrap()).unwrap();
    for name in all.as_object().unwrap().keys() {
        assert!(schema.pointer(&format!("/properties/{name}")).is_some(), "{name} is missing");
    }
}
