//! Onboards the demo's tenants through the public API: what an operator would type.

use http::Method;
use jackfield_tests::artifacts;
use jackfield_tests::line::Line;
use jackfield_tests::platform::{Operator, Tenancy};
use serde_json::{Value, json};

/// An IVR.
pub(super) const ACME: &str = "+18005551234";
/// Hours and languages.
pub(super) const GLOBEX: &str = "+18005550199";
/// An AI persona.
pub(super) const PHONY: &str = "+18578167225";
/// A plugin that loops.
pub(super) const LOOPY: &str = "+18005550666";

/// Makes connection and tenants.
pub(super) async fn onboard(operator: &Operator) -> anyhow::Result<Line> {
    let line = operator.connect_twilio("twilio").await?;
    let unbound = json!({"actions": [{"do": "reject", "with": "rejected"}], "reason": "nobody has this number"});
    operator.ok(Method::PUT, "/v1/tenants/platform/connections/twilio/unbound", unbound).await?;
    acme(operator).await?;
    globex(operator).await?;
    phony(operator).await?;
    loopy(operator).await?;
    Ok(line)
}

async fn acme(operator: &Operator) -> anyhow::Result<()> {
    let queues = ["sales", "technical-support", "billing", "general-support"];
    let settings = json!({
        "greeting": "Thank you for calling Acme Corporation. Your call is important to us.",
        "voice": "Polly.Matthew-Neural",
    });
    let tenancy =
        Tenancy { tenant: "acme", number: ACME, component: artifacts::plugin("acme-ivr")?, settings, queues: &queues, plan: "standard" };
    operator.onboard("twilio", tenancy).await?;
    told("acme", ACME, "an IVR with a menu")
}

async fn globex(operator: &Operator) -> anyhow::Result<()> {
    let language = |tag: &str, name: &str, queue: &str, texts: [&str; 6]| {
        let [offer, closed, holiday, emergency, voicemail, goodbye] = texts;
        json!({"tag": tag, "name": name, "queue": queue, "offer": offer, "closed": closed, "holiday": holiday, "emergency": emergency, "voicemail": voicemail, "goodbye": goodbye})
    };
    let english = [
        "Welcome to Global Services. For English, press 1.",
        "We are closed at the moment.",
        "We are closed for {holiday}.",
        "We are closed: {reason}.",
        "Please leave a message after the tone.",
        "Thank you. Goodbye.",
    ];
    let spanish = [
        "Para español, presione dos.",
        "Ahora estamos cerrados.",
        "Estamos cerrados por {holiday}.",
        "Estamos cerrados: {reason}.",
        "Deje un mensaje después del tono.",
        "Gracias. Adiós.",
    ];
    let settings = json!({
        "hours": "main",
        "languages": [language("en-US", "English", "support-english", english), language("es-US", "Español", "support-spanish", spanish)],
        "after_hours": {"do": "voicemail"},
    });
    let queues = ["support-english", "support-spanish"];
    let tenancy = Tenancy {
        tenant: "globex",
        number: GLOBEX,
        component: artifacts::plugin("hours-router")?,
        settings,
        queues: &queues,
        plan: "standard",
    };
    operator.onboard("twilio", tenancy).await?;
    let weekdays: Vec<Value> = (1..=5).map(|weekday| json!({"weekday": weekday, "from": "08:00:00", "to": "18:00:00"})).collect();
    let hours = json!({"weekly": weekdays, "exceptions": [{"date": "2026-12-25", "label": "Christmas Day"}]});
    operator.ok(Method::PUT, "/v1/tenants/globex/hours/main", hours).await?;
    told("globex", GLOBEX, "hours and languages")
}

async fn phony(operator: &Operator) -> anyhow::Result<()> {
    let settings = json!({
        "system_prompt": "You are a customer service representative for {company_name}. Our hours are {business_hours}; mail goes to {support_email}.",
        "greeting": "Hello, this is {company_name}. How can I help?",
        "voice": "alloy",
        "context": {"company_name": "Acme Corp", "business_hours": "9 AM - 6 PM EST", "support_email": "support@acme.example"},
        "escalation": {"keywords": ["complaint", "manager", "cancel"], "target": "+15551234567"},
        "max_duration_s": 1800,
    });
    let tenancy =
        Tenancy { tenant: "phony", number: PHONY, component: artifacts::plugin("persona")?, settings, queues: &[], plan: "standard" };
    operator.onboard("twilio", tenancy).await?;
    told("phony", PHONY, "an AI persona from settings")
}

async fn loopy(operator: &Operator) -> anyhow::Result<()> {
    let tenancy = Tenancy {
        tenant: "loopy",
        number: LOOPY,
        component: artifacts::guest("loops")?,
        settings: json!({}),
        queues: &["front-desk"],
        plan: "standard",
    };
    operator.onboard("twilio", tenancy).await?;
    let open = json!({
        "actions": [{"do": "say", "with": {"content": {"text": "One moment, please."}}}, {"do": "enqueue", "with": {"tag": "default", "queue": "front-desk"}}],
        "reason": "the tenant's default route",
    });
    operator.ok(Method::PUT, "/v1/tenants/loopy/routes", json!([{"channel": "voice", "open": open}])).await?;
    told("loopy", LOOPY, "a plugin that loops for ever, with a default route")
}

fn told(tenant: &str, number: &str, what: &str) -> anyhow::Result<()> {
    println!("   {tenant:8} {number}  {what}");
    Ok(())
}
