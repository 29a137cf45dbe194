//! Asks the tenant's own service who calls, greets by name and chooses the queue by what it says.
//!
//! One GET with the caller's number and a secret that the host puts in. The service has as long as leaves room for an answer; where it
//! is slow, gone or says nothing useful the caller hears the general greeting and goes to the general queue, because a directory
//! that is down must not cost a call. The answer is JSON: `{"name": "Ann", "queue": "gold"}`, both optional.

mod settings;

use jackfield_sdk::prelude::*;
use serde::Deserialize;
use settings::Settings;

/// What is kept back of the time for everything after the question.
const KEPT_BACK: Duration = Duration::from_millis(400);
/// Longest name that is spoken: a service that says more says something else.
const NAME_CHARS_MAX: usize = 60;

/// What the service says of a customer.
#[derive(Debug, Default, Deserialize)]
struct Customer {
    name: Option<String>,
    queue: Option<String>,
}

struct KnownCustomer;

impl Router for KnownCustomer {
    fn describe() -> Describe {
        Describe::new("known-customer", env!("CARGO_PKG_VERSION"))
            .settings_schema(include_str!("settings.schema.json"))
            .events([EventKind::Arrived, EventKind::QueueEnded])
            .actions([ActionKind::Say, ActionKind::Enqueue, ActionKind::HangUp])
    }

    fn handle(contact: &Contact, event: &Event, host: &Host) -> Answer {
        let settings: Settings = host.settings()?;
        match event {
            Event::Arrived => Ok(arrived(&settings, contact, host)),
            Event::QueueEnded(ended) if ended.outcome == QueueOutcome::Bridged => Ok(Decision::new().hang_up("served")),
            _ => Ok(Decision::keep()),
        }
    }
}

fn arrived(settings: &Settings, contact: &Contact, host: &Host) -> Decision {
    let (customer, why) = match look_up(settings, contact, host) {
        Ok(Some(customer)) => (customer, "the service knows the customer".to_owned()),
        Ok(None) => (Customer::default(), "the service does not know the customer".to_owned()),
        Err(why) => {
            host.log(Level::Warn, "the customer was not looked up", &[("why", &why)]);
            (Customer::default(), format!("not looked up: {why}"))
        }
    };
    let greeting = match &customer.name {
        Some(name) => settings.greeting.replace("{name}", name),
        None => settings.general_greeting.clone(),
    };
    let queue = customer.queue.as_deref().filter(|queue| settings.queues.iter().any(|known| known == queue));
    Decision::new().say(greeting).and(Enqueue::new(queue.unwrap_or(&settings.queue))).because(why)
}

/// None where the service answers that it knows nobody; an error in words where it does not answer as agreed.
fn look_up(settings: &Settings, contact: &Contact, host: &Host) -> Result<Option<Customer>, String> {
    let Some(number) = contact.customer.address.e164.as_deref().filter(|_| !contact.customer.anonymous) else {
        return Err("the caller withholds the number".to_owned());
    };
    let timeout = host.time_left().saturating_sub(KEPT_BACK).min(Duration::from_millis(settings.timeout_ms));
    let mut request = Request::get(&settings.url).query("number", number).header("accept", "application/json").timeout(timeout);
    if let Some(secret) = &settings.secret {
        request = request.bearer(secret);
    }
    let response = host.send(request).map_err(|error| error.to_string())?;
    match response.status {
        404 => Ok(None),
        _ if response.is_success() => {
            let mut customer: Customer = response.json().map_err(|error| format!("the answer is not understood: {error}"))?;
            customer.name = customer.name.filter(|name| !name.trim().is_empty() && name.chars().count() <= NAME_CHARS_MAX);
            Ok(Some(customer))
        }
        status => Err(format!("the service answers with status {status}")),
    }
}

export!(KnownCustomer);

#[cfg(test)]
mod tests;
