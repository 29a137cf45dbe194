//! Walks callers through a service that knows them, does not, or is not there.

use super::*;
use jackfield_sdk::host::HeaderValue;
use jackfield_sdk::testing::{self, TestHost};
use serde_json::json;

fn host(answer: Result<Response, HttpError>) -> TestHost {
    let settings = json!({
        "url": "https://crm.example.com/v1/customers", "secret": "crm", "greeting": "Welcome back, {name}.",
        "general_greeting": "Welcome.", "queue": "general", "queues": ["gold"],
    });
    TestHost::new().settings(settings).responds(answer)
}

fn says(status: u16, body: &str) -> Result<Response, HttpError> {
    Ok(Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() })
}

fn arrive(host: &TestHost) -> Decision {
    testing::answer::<KnownCustomer>(&testing::contact(), &Event::Arrived, host).unwrap()
}

#[test]
fn a_customer_whom_the_service_knows_is_greeted_by_name_and_goes_to_its_queue() {
    let host = host(says(200, r#"{"name":"Ann","queue":"gold"}"#));
    let decision = arrive(&host);
    assert_eq!((decision.said(), decision.queue()), (vec!["Welcome back, Ann."], Some("gold")));
    let request = host.requests().remove(0);
    assert!(request.url.starts_with("https://crm.example.com/v1/customers?number=%2B"), "{}", request.url);
    assert_eq!(request.headers.last().unwrap().1, HeaderValue::Secret { prefix: "Bearer ".to_owned(), handle: "crm".to_owned() });
    assert_eq!(request.timeout, Some(Duration::from_millis(600)), "a second is left, and some of it is kept back");
}

#[test]
fn a_service_that_knows_nobody_fails_or_talks_nonsense_costs_the_greeting_and_not_the_call() {
    for answer in [
        says(404, ""),
        says(500, "oops"),
        says(200, "<html>"),
        says(200, r#"{"name":"","queue":"somebody-elses"}"#),
        Err(HttpError::Timeout),
        Err(HttpError::Unavailable),
        Err(HttpError::Denied),
    ] {
        let decision = arrive(&host(answer.clone()));
        assert_eq!((decision.said(), decision.queue()), (vec!["Welcome."], Some("general")), "{answer:?}");
    }
}

#[test]
fn a_caller_who_withholds_the_number_is_not_looked_up() {
    let host = host(says(200, "{}"));
    let mut contact = testing::contact();
    contact.customer.anonymous = true;
    let decision = testing::answer::<KnownCustomer>(&contact, &Event::Arrived, &host).unwrap();
    assert_eq!(decision.queue(), Some("general"));
    assert!(host.requests().is_empty());
}
