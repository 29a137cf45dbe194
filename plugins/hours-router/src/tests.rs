//! Walks customers through languages and hours without a sandbox.

use super::*;
use jackfield_sdk::testing::{self, TestHost};
use serde_json::{Value, json};

fn language(tag: &str, queue: &str) -> Value {
    let mut language = json!({ "tag": tag, "name": tag, "queue": queue });
    for text in ["offer", "closed", "holiday", "emergency", "voicemail", "goodbye"] {
        language[text] = json!(format!("{text} {tag} {{holiday}}{{reason}}"));
    }
    language
}

fn two_languages() -> Value {
    json!({ "languages": [language("en-US", "support"), language("es-US", "soporte")] })
}

fn host(settings: Value) -> TestHost {
    TestHost::new().settings(settings)
}

fn answer(event: &Event, host: &TestHost) -> Decision {
    testing::answer::<HoursRouter>(&testing::contact(), event, host).unwrap()
}

#[test]
fn each_language_is_offered_in_its_own_words() {
    let decision = answer(&Event::Arrived, &host(two_languages()).open("main"));
    let menu = decision.menu().unwrap();
    assert_eq!(menu.choices.iter().map(|c| (c.key.as_str(), c.value.as_str())).collect::<Vec<_>>(), [("1", "en-US"), ("2", "es-US")]);
    assert_eq!(menu.collect.prompts[1].language.as_deref(), Some("es-US"));
}

#[test]
fn a_single_language_is_not_asked_for() {
    let settings = json!({ "languages": [language("en-US", "support")] });
    assert_eq!(answer(&Event::Arrived, &host(settings).open("main")).queue(), Some("support"));
}

#[test]
fn a_chosen_language_is_spoken_and_remembered() {
    let host = host(two_languages()).open("main");
    let decision = answer(&testing::digits(LANGUAGE, "es-US"), &host);
    assert_eq!(decision.actions[0], Action::SetLanguage("es-US".to_owned()));
    assert_eq!(decision.queue(), Some("soporte"));
    assert_eq!(host.kept(Scope::Tenant, "language/customer-1").as_deref(), Some(b"es-US".as_slice()));
    assert_eq!(answer(&Event::Arrived, &host).queue(), Some("soporte"), "the next call is not asked again");
}

#[test]
fn a_customer_who_hides_is_not_remembered_and_state_that_fails_costs_only_the_courtesy() {
    let hidden = host(two_languages()).open("main");
    let mut contact = testing::contact();
    contact.customer.anonymous = true;
    testing::answer::<HoursRouter>(&contact, &testing::digits(LANGUAGE, "es-US"), &hidden).unwrap();
    assert!(hidden.tenant_state().list("language/", None).unwrap().keys.is_empty());
    let denied = host(two_languages()).open("main").deny("state");
    assert_eq!(answer(&testing::digits(LANGUAGE, "es-US"), &denied).queue(), Some("soporte"));
    assert!(denied.lines()[0].message.contains("state"));
}

#[test]
fn silence_speaks_the_first_language() {
    assert_eq!(answer(&testing::nothing_came(LANGUAGE), &host(two_languages()).open("main")).queue(), Some("support"));
}

#[test]
fn after_hours_does_what_the_tenant_wished() {
    let mut settings = json!({ "languages": [language("en-US", "support")] });
    let message = answer(&Event::Arrived, &host(settings.clone()).closed("main"));
    assert!(message.said()[0].starts_with("closed en-US"));
    assert!(matches!(message.actions.last(), Some(Action::HangUp(_))));

    settings["after_hours"] = json!({ "do": "voicemail" });
    let voicemail = answer(&Event::Arrived, &host(settings.clone()).closed("main"));
    assert!(matches!(voicemail.actions.last(), Some(Action::Voicemail(_))));

    settings["after_hours"] = json!({ "do": "on-call", "people": ["ada", "grace"] });
    let on_call = answer(&Event::Arrived, &host(settings.clone()).closed("main"));
    let Some(Action::Transfer(transfer)) = on_call.actions.last() else { panic!("{on_call:?}") };
    assert_eq!(transfer.targets, [Target::person("ada"), Target::person("grace")]);
}

#[test]
fn a_holiday_is_named_and_an_emergency_goes_before_open_hours() {
    let settings = json!({ "languages": [language("en-US", "support")] });
    let holiday = answer(&Event::Arrived, &host(settings.clone()).closed_for("main", "Labor Day"));
    assert_eq!(holiday.said(), ["holiday en-US Labor Day{reason}"]);
    let emergency = answer(&Event::Arrived, &host(settings).open("main").emergency("a burst pipe"));
    assert_eq!(emergency.said(), ["emergency en-US {holiday}a burst pipe"]);
    assert_eq!(emergency.queue(), None);
}

#[test]
fn an_overflowing_queue_goes_the_ways_of_the_settings_in_order() {
    let mut settings = json!({ "languages": [language("en-US", "support")] });
    settings["overflow"] = json!([{ "queue": "second-line" }, "say-closed", { "number": "+15551234567" }, { "voicemail": "" }]);
    let decision = answer(&Event::Arrived, &host(settings).open("main"));
    let Some(Action::Enqueue(enqueue)) = decision.actions.last() else { panic!("{decision:?}") };
    assert_eq!(enqueue.overflow[0], Exit::Enqueue("second-line".to_owned()));
    assert!(matches!(enqueue.overflow[1], Exit::Say(_)));
    assert_eq!(enqueue.overflow.len(), 4);
}

#[test]
fn nobody_on_call_becomes_a_voice_message() {
    let ended = |outcome| {
        Event::DialEnded(jackfield_sdk::event::DialEnded {
            tag: ON_CALL.to_owned(),
            outcome,
            leg: None,
            talked: Duration::ZERO,
            extras: Vec::new(),
        })
    };
    let nobody = answer(&ended(DialOutcome::NoAnswer), &host(two_languages()));
    assert!(matches!(nobody.actions.as_slice(), [Action::Voicemail(_)]));
    let served = answer(&ended(DialOutcome::Completed), &host(two_languages()));
    assert!(matches!(served.actions.as_slice(), [Action::HangUp(_)]));
}

#[test]
fn what_settings_lack_is_a_failure_that_names_it() {
    let fail = |host: &TestHost| HoursRouter::handle(&testing::contact(), &Event::Arrived, host).unwrap_err().to_string();
    assert!(fail(&host(json!({}))).contains("languages"));
    assert!(fail(&host(json!({ "languages": [] }))).contains("languages"));
    assert!(fail(&host(json!({ "languages": [language("en-US", "q")], "hours": "night" }))).contains("night"));
}

#[test]
fn every_setting_stands_in_the_schema() {
    let schema: Value = serde_json::from_str(&HoursRouter::describe().settings_schema).unwrap();
    let settings: Settings = serde_json::from_value(two_languages()).unwrap();
    let all = serde_json::to_value(&settings).unwrap();
    for name in all.as_object().unwrap().keys() {
        assert!(schema.pointer(&format!("/properties/{name}")).is_some(), "{name} is missing");
    }
    for name in all["languages"][0].as_object().unwrap().keys() {
        assert!(schema.pointer(&format!("/properties/languages/items/properties/{name}")).is_some(), "{name} is missing");
    }
}
