//! Answers for people: who can be called by name, at a number or a SIP address.
//!
//! A person is kept as they were typed and in E.164 where that is a number; the provider decides how to reach them.

use std::sync::Arc;

use axum::extract::State;
use jackfield_domain::contact::Endpoint;
use jackfield_domain::id::EntryName;
use jackfield_domain::refusal::Code;
use jackfield_domain::tenant::address::e164;
use jackfield_domain::tenant::directory::Person;
use serde::{Deserialize, Serialize};

use super::Inside;
use crate::admin::door::body::Body;
use crate::admin::door::problem::Problem;
use crate::admin::door::reply::Answer;
use crate::admin::door::words;
use crate::app::App;

/// A person without their name, which stands in the path.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonBody {
    label: String,
    /// A number in E.164, a SIP address, or the ARN of an agent or a flow of Amazon Connect.
    address: String,
}

pub(crate) async fn list(inside: Inside) -> Answer {
    super::list::<Person>(&inside).await
}

pub(crate) async fn show(inside: Inside) -> Answer {
    super::show::<Person>(&inside, "person").await
}

pub(crate) async fn set(State(app): State<Arc<App>>, inside: Inside, Body(body): Body<PersonBody>) -> Answer {
    let name: EntryName = inside.asked.part("name")?;
    words::label("label", &body.label)?;
    let address = endpoint(&body.address)?;
    super::put(&app, &inside, "person", &Person { name, label: body.label, address }).await
}

fn endpoint(text: &str) -> Result<Endpoint, Problem> {
    words::label("address", text)?;
    let number = e164(text);
    let is_sip =
        ["sip:", "sips:"].iter().any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && !rest.contains(' ')));
    // An agent or a flow of Amazon Connect: whom a plugin may send a contact to is for the tenant's operator to say.
    let is_arn = text.starts_with("arn:aws") && text.contains(":instance/") && !text.contains(char::is_whitespace);
    if number.is_none() && !is_sip && !is_arn {
        let detail = "a person is reached at a number in E.164, for example +18005551234, at a SIP address, for example sip:ann@example.com, or at the ARN of an agent or a flow of Amazon Connect";
        return Err(Problem::at(Code::Invalid, "address", detail));
    }
    Ok(Endpoint { raw: text.to_owned(), e164: number })
}

pub(crate) async fn delete(State(app): State<Arc<App>>, inside: Inside) -> Answer {
    super::drop_entry::<Person>(&app, &inside, "person", |directory, name| {
        directory.people.remove(name);
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_reached_at_a_number_or_a_sip_address() {
        assert_eq!(endpoint("tel:+18005551234").unwrap().e164.as_deref(), Some("+18005551234"));
        assert_eq!(endpoint("sip:ann@example.com").unwrap().e164, None);
        assert!(endpoint("arn:aws:connect:us-east-1:1:instance/a/contact-flow/b").is_ok());
        for text in ["", "arn:aws:s3:::bucket", "ann", "555 1234", "sip:", "mailto:ann@example.com", "sip:a b"] {
            assert!(endpoint(text).is_err(), "{text}");
        }
    }
}
