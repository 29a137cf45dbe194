//! What callers hear from the plugins that ship.

use jackfield_tests::artifacts;
use jackfield_tests::line::Line;
use jackfield_tests::platform::{Platform, Tenancy};
use serde_json::{Value, json};

pub(super) const ACME: &str = "+18005551234";
pub(super) const CALLER: &str = "+14155550100";

/// The IVR of reference system 0 under its number.
pub(super) async fn acme(platform: &Platform) -> Line {
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let tenancy = Tenancy {
        tenant: "acme",
        number: ACME,
        component: artifacts::plugin("acme-ivr").unwrap(),
        settings: json!({}),
        queues: &["sales", "technical-support", "billing", "general-support"],
        plan: "standard",
    };
    platform.operator.onboard("twilio", tenancy).await.unwrap();
    line
}

/// The last turn of a call, as the trail has it.
pub(super) async fn last_turn(platform: &Platform, tenant: &str, sid: &str) -> Value {
    let contact = platform.operator.contact_of(tenant, sid).await.unwrap();
    contact["turns"].as_array().unwrap().last().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_choice_of_the_menu_leads_to_its_queue() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    for (digit, queue) in [("1", "sales"), ("2", "technical-support"), ("3", "billing"), ("0", "general-support")] {
        let call = line.call(CALLER, ACME);
        let menu = call.arrive().await.unwrap();
        assert_eq!((menu.status, menu.content_type.split(';').next().unwrap()), (200, "text/xml"));
        let chosen = call.press(&menu.twiml, digit).await.unwrap();
        assert!(chosen.twiml.queue().is_some_and(|named| named.contains(queue)), "{digit}: {:?}", chosen.twiml);
        let turn = last_turn(&platform, "acme", &call.sid).await;
        assert_eq!((turn["answered_by"].as_str(), turn["turn"].as_u64()), (Some("plugin"), Some(2)));
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_caller_is_asked_again_and_then_taken_by_general_support() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let call = line.call(CALLER, ACME);
    let mut heard = call.arrive().await.unwrap();
    let mut asked = 0;
    while heard.twiml.first("Gather").is_some() {
        asked += 1;
        assert!(asked < 10, "the question never ends");
        heard = call.stay_silent(&heard.twiml).await.unwrap();
    }
    assert!(asked >= 2, "asked {asked} times");
    assert!(heard.twiml.queue().is_some_and(|queue| queue.contains("general-support")), "{:?}", heard.twiml);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn speech_chooses_like_a_key() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let call = line.call(CALLER, ACME);
    let menu = call.arrive().await.unwrap();
    let chosen = call.say(&menu.twiml, "Billing.", "0.93").await.unwrap();
    assert!(chosen.twiml.queue().is_some_and(|queue| queue.contains("billing")), "{:?}", chosen.twiml);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_call_is_kept_and_held_up_by_nothing() {
    let platform = Platform::start().await.unwrap();
    let line = acme(&platform).await;
    let call = line.call(CALLER, ACME);
    call.arrive().await.unwrap();
    let end = call.end().await.unwrap();
    assert!(matches!(end.status, 200 | 204), "{}", end.status);
    assert_eq!(call.end().await.unwrap().status, end.status, "a repeated end is acknowledged again");
    let contact = platform.operator.contact_of("acme", &call.sid).await.unwrap();
    assert_eq!(contact.pointer("/contact/phase").and_then(Value::as_str), Some("ended"), "{contact}");
    let reported = |turn: &&Value| turn["event"]["kind"] == "ended" && turn["attempts"].as_array().is_some_and(Vec::is_empty);
    let ends = contact["turns"].as_array().unwrap().iter().filter(reported).count();
    assert_eq!(ends, 1);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_speaks_from_the_tenants_settings() {
    let platform = Platform::start().await.unwrap();
    let line = platform.operator.connect_twilio("twilio").await.unwrap();
    let tenancy = Tenancy {
        tenant: "phony",
        number: "+18578167225",
        component: artifacts::plugin("persona").unwrap(),
        settings: json!({
            "system_prompt": "You are a representative of {company_name}. Mail goes to {support_email}.",
            "voice": "alloy",
            "context": {"company_name": "Acme Corp", "support_email": "support@acme.example"},
            "escalation": {"keywords": ["manager"], "target": "+15551234567"},
        }),
        queues: &[],
        plan: "standard",
    };
    platform.operator.onboard("twilio", tenancy).await.unwrap();
    let heard = line.call(CALLER, "+18578167225").arrive().await.unwrap();
    let persona =
        heard.twiml.all("Parameter").find(|p| p.attribute("name") == Some("persona")).unwrap_or_else(|| panic!("{:?}", heard.twiml));
    let persona: Value = serde_json::from_str(persona.attribute("value").unwrap()).unwrap();
    assert_eq!(persona["instructions"], "You are a representative of Acme Corp. Mail goes to support@acme.example.");
    platform.stop().await;
}
