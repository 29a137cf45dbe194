//! Shows the two reference systems: each set up by `jackfield apply` from its own file, then called as its provider would.

use anyhow::ensure;
use jackfield_tests::doors::{AwsClient, TOKEN, connect_event, post_json, read};
use jackfield_tests::platform::Operator;
use jackfield_tests::reference::{File, said};
use serde_json::{Value, json};

/// Applies a reference's file and says what that did.
fn apply(operator: &Operator, folder: &str) -> anyhow::Result<()> {
    println!("   jackfield apply plugins/{folder}/tenants.yaml");
    let output = File::of(operator, folder)?.run(operator, "apply")?;
    ensure!(output.status.success(), "it could not be applied: {}", said(&output));
    let said = said(&output);
    let lines: Vec<&str> = said.lines().collect();
    for line in lines.iter().take(6) {
        println!("      {line}");
    }
    if lines.len() > 6 {
        println!("      ... {} lines more", lines.len() - 6);
    }
    Ok(())
}

fn expect(wrong: &mut u32, what: &str, holds: bool) {
    println!("   {} {what}", if holds { "ok " } else { "WRONG" });
    *wrong += u32::from(!holds);
}

/// Amazon Connect: one instance for many brands. The number of wrong answers.
pub(super) async fn connect(operator: &Operator) -> anyhow::Result<u32> {
    println!("\n== Amazon Connect: whose call is it?");
    apply(operator, "connect-front")?;
    let aws = AwsClient::new(&operator.hooks_url, "front")?;
    let mut wrong = 0;
    for (contact, number, wanted, what) in [
        ("demo-1", "+18005551234", "acme-corp", "Acme's number is Acme's"),
        ("demo-2", "+18005559876", "global-services", "Global Services' number is theirs"),
    ] {
        let told = read(&aws.invoke(&connect_event(contact, Some(number), None, &json!({}))).await?);
        let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        println!("   invoke {number} -> {} | {}", text("decision_action"), text("TenantGreeting"));
        expect(&mut wrong, what, text("TenantId") == wanted);
    }
    let told = read(&aws.invoke(&connect_event("demo-3", Some("+15555555555"), None, &json!({}))).await?);
    let queue = told.get("decision_queue").and_then(Value::as_str).unwrap_or_default();
    println!("   invoke +15555555555 -> {queue}");
    expect(&mut wrong, "a number of nobody's goes to the default queue", queue == "DefaultSupportQueue");
    Ok(wrong)
}

/// The care platform: organisations and departments. The number of wrong answers.
pub(super) async fn care(operator: &Operator) -> anyhow::Result<u32> {
    println!("\n== A care platform: organisations and their departments");
    apply(operator, "care-bot")?;
    let url = format!("{}/hooks/chat/events", operator.hooks_url);
    let mut wrong = 0;
    for (contact, host, text, wanted, what) in [
        ("demo-1", "clinic.example.com", "Hello", "Clinic will answer", "the organisation answers under its name"),
        (
            "demo-2",
            "billing.clinic.example.com",
            "Where is my invoice?",
            "connect you to billing",
            "the department has a workflow of its own",
        ),
        ("demo-3", "clinic.example.com", "A person, please", "\"care\"", "who asks for a person gets one"),
    ] {
        let event = json!({"contact": contact, "event": {"text": text}, "from": "visitor"});
        let told = read(&post_json(&url, TOKEN, &[("host", host)], &event).await?);
        let actions = told.get("actions").map(Value::to_string).unwrap_or_default();
        println!("   {host}: {text:?} -> {}", actions.chars().take(110).collect::<String>());
        expect(&mut wrong, what, actions.contains(wanted));
    }
    let stranger = post_json(&url, TOKEN, &[("host", "stranger.example.com")], &json!({"contact": "demo-4"})).await?;
    expect(&mut wrong, "a domain of nobody's is answered by nobody", stranger.status == 404);
    Ok(wrong)
}
