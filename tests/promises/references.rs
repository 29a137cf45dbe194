//! The two reference systems, each from its own file: what `jackfield apply` sets up is what callers and visitors meet.

use jackfield_tests::doors::{AwsClient, TOKEN, connect_event, post_json, read};
use jackfield_tests::platform::Platform;
use jackfield_tests::reference::{File, said};
use serde_json::{Value, json};

/// Applies a reference, and finds that there is nothing left to do.
async fn applied(platform: &Platform, folder: &str) {
    let file = File::of(&platform.operator, folder).unwrap();
    let run = |verb: &str| tokio::task::block_in_place(|| file.run(&platform.operator, verb).unwrap());
    let output = run("apply");
    assert!(output.status.success(), "{}", said(&output));
    let again = run("plan");
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_of_amazon_connect_serves_many_brands_and_nobodys_calls_go_to_the_default_queue() {
    let platform = Platform::start().await.unwrap();
    applied(&platform, "connect-front").await;
    let aws = AwsClient::new(&platform.operator.hooks_url, "front").unwrap();
    let told = |contact: &'static str, number: Option<&'static str>, queue: Option<&'static str>, parameters: Value| {
        let aws = aws.clone();
        async move { read(&aws.invoke(&connect_event(contact, number, queue, &parameters)).await.unwrap()) }
    };
    let acme = told("r-1", Some("+18005551234"), None, json!({})).await;
    for (name, value) in [
        ("TenantId", "acme-corp"),
        ("TenantName", "Acme Corporation"),
        ("TenantRegion", "us-east-1"),
        ("BusinessHoursId", "hours-acme-123"),
        ("decision_action", "transfer_to_flow"),
        ("decision_flow", "arn:aws:connect:us-east-1:123456789012:instance/abc12300/contact-flow/acme-main-ivr"),
    ] {
        assert_eq!(acme[name], value, "{name}");
    }
    assert!(acme["TenantGreeting"].as_str().unwrap().contains("Acme Corporation"));
    let queue = "arn:aws:connect:us-east-1:123456789012:instance/abc12300/queue/acme-support";
    assert_eq!(told("r-2", None, Some(queue), json!({})).await["TenantId"], "acme-corp", "by its queue");
    let global = told("r-3", Some("+18005559876"), None, json!({})).await;
    assert_eq!((global["TenantId"].as_str(), global["decision_queue"].as_str()), (Some("global-services"), Some("global-support")));
    // Whoever is nobody's: never the caller's own number, whatever it is.
    let nobody = told("r-4", Some("+15555555555"), None, json!({"CallerNumber": "+18005551234"})).await;
    assert_eq!((nobody["decision_queue"].as_str(), nobody["decision_fallback"].as_str()), (Some("DefaultSupportQueue"), Some("true")));
    assert!(nobody["decision_prompt"].as_str().unwrap().starts_with("Welcome."));
    // The tenant's own flow asks the menu, by the address that its author wrote into the block.
    let by_parameter = |more: Value| {
        let mut parameters = json!({"business_id": "acme-main-ivr"});
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parameters
    };
    for (contact, digits, queue) in
        [("r-5", "1", "sales"), ("r-6", "2", "technical-support"), ("r-7", "3", "billing"), ("r-8", "0", "general-support")]
    {
        let menu = told(contact, None, None, by_parameter(json!({}))).await;
        let chosen = told(contact, None, None, by_parameter(json!({"step": menu["decision_step"], "digits": digits}))).await;
        assert_eq!(chosen["decision_queue_name"], queue, "{digits}: {chosen}");
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_care_platform_serves_organisations_and_their_departments() {
    let platform = Platform::start().await.unwrap();
    applied(&platform, "care-bot").await;
    let url = format!("{}/hooks/chat/events", platform.operator.hooks_url);
    let write = |contact: &str, text: &str| json!({"contact": contact, "event": {"text": text}, "from": "visitor"});
    for (contact, host, text, wanted) in [
        ("c-1", "clinic.example.com", "Hello", "Clinic will answer"),
        ("c-2", "billing.clinic.example.com", "Hello", "Clinic billing will answer"),
        ("c-3", "billing.clinic.example.com", "Where is my invoice?", "I will connect you to billing"),
        ("c-4", "clinic.example.com", "Where is my invoice?", "Clinic will answer"),
        ("c-5", "clinic.example.com", "A person, please", "\"queue\":\"care\""),
    ] {
        let told = read(&post_json(&url, TOKEN, &[("host", host)], &write(contact, text)).await.unwrap());
        assert!(told["actions"].to_string().contains(wanted), "{contact}: {told}");
    }
    let effective = platform.operator.api.get("/v1/tenants/clinic-billing/effective", &[]).await.unwrap().body;
    let of =
        |pointer: &str| effective["settings"].as_array().unwrap().iter().find(|one| one["pointer"] == pointer).unwrap()["from"].clone();
    assert_eq!(
        (of("/features/call_recording"), of("/features/chat_agents"), of("/queue")),
        (json!("clinic"), json!("platform"), json!("clinic-billing"))
    );
    assert!(effective["hours"]["consultation"]["from"] == "clinic");
    platform.stop().await;
}
