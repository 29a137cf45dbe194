//! Writes a test case of a contact that was: what happened becomes its steps, what was decided its expectations.
//!
//! `jackfield contacts case` calls it with what the API tells. From a complaint to a case that can be run is then one command; what was
//! wrong is changed in the expectations by hand, and the case fails until the plugin is mended. The trail holds no bodies of answers, no
//! kept values and nothing that was sensitive; what the case lacks for that reason is said in its first lines.

use jackfield_domain::contact::Contact;
use jackfield_domain::contact::decision::{Action, Draft};
use jackfield_domain::contact::event::{Event, Input, InputOutcome};
use jackfield_domain::fallback::AnsweredBy;
use jackfield_domain::trail::Turn;
use serde_json::{Map, Value, json};

/// What stood around the contact, as the admin API shows it.
#[derive(Debug, Clone, Default)]
pub struct Around {
    /// IANA name of the tenant's zone.
    pub zone: String,
    /// Of the release that the contact ran on.
    pub settings: Value,
    /// Rows of queues.
    pub queues: Vec<Value>,
    /// Rows of hours.
    pub hours: Vec<Value>,
    /// Rows of people.
    pub people: Vec<Value>,
}

/// A file with one case, in YAML.
pub fn case_of(contact: &Contact, turns: &[Turn], around: &Around) -> Result<String, String> {
    let mut lacks = Vec::new();
    let mut steps = Vec::new();
    let mut arrives = Value::Null;
    let mut stubs: Vec<Value> = Vec::new();
    let mut before: Option<&Draft> = None;
    for turn in turns {
        let expect = expected(turn);
        stubs.extend(requests(turn));
        if turn.event == Event::Arrived && arrives.is_null() {
            arrives = expect;
        } else {
            match happened(&turn.event, before) {
                Ok((name, value)) => steps.push(json!({ name: value, "expect": expect })),
                Err(lack) => lacks.push(lack),
            }
        }
        before = turn.decision.as_ref().or(before);
    }
    let all = turns.iter().flat_map(|turn| &turn.attempts).flat_map(|attempt| &attempt.told);
    if all.clone().any(|told| told.name.starts_with("state.get") || told.name.starts_with("state.list")) {
        lacks.push("the plugin read kept values, which no trail holds: fill in start.state".to_owned());
    }
    if !stubs.is_empty() {
        lacks.push("bodies of other hosts' answers are not kept: fill in the stubs".to_owned());
    }
    stubs.dedup();
    let file = json!({
        "world": world(around),
        "cases": [{
            "name": format!("as contact {} went", contact.id),
            "start": start(contact, turns, &stubs)?,
            "arrives": arrives,
            "steps": steps,
        }],
    });
    let yaml = serde_saphyr::to_string(&without_nulls(file)).map_err(|e| e.to_string())?;
    let head: String = lacks.iter().map(|lack| format!("# TO FILL IN: {lack}\n")).collect();
    Ok(format!("{head}{yaml}"))
}

fn world(around: &Around) -> Value {
    let by_name = |rows: &[Value], of: &dyn Fn(&Value) -> Value| -> Value {
        rows.iter().filter_map(|row| Some((row.get("name")?.as_str()?.to_owned(), of(row)))).collect::<Map<_, _>>().into()
    };
    let part = |row: &Value, name: &str| row.get(name).cloned().unwrap_or(Value::Null);
    json!({
        "zone": around.zone,
        "settings": around.settings,
        "queues": by_name(&around.queues, &|row| json!({"hours": part(row, "hours"), "language": part(row, "language")})),
        "hours": by_name(&around.hours, &|row| {
            json!({"zone": part(row, "zone"), "weekly": part(row, "weekly"), "exceptions": part(row, "exceptions")})
        }),
        "people": by_name(&around.people, &|row| row.pointer("/address/raw").cloned().unwrap_or(Value::Null)),
    })
}

fn start(contact: &Contact, turns: &[Turn], stubs: &[Value]) -> Result<Value, String> {
    let at = i64::try_from(contact.started).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    let customer = &contact.arrival.customer;
    let closed = turns.iter().any(|turn| turn.barred == Some(jackfield_domain::quota::Barred::Closed));
    Ok(json!({
        "address": contact.address.to_string(),
        "caller": (!customer.anonymous).then(|| customer.address.raw.clone()),
        "anonymous": customer.anonymous.then_some(true),
        "channel": contact.channel.as_str(),
        "at": at.ok_or("the contact began at no moment")?.to_string(),
        "closure": closed.then(|| json!({"reason": "as it was then", "bypass": true})),
        "stubs": (!stubs.is_empty()).then(|| json!({"http": stubs})),
    }))
}

/// What happened, as a step of a case names it. `before` is what was decided last: a choice is found there by its key.
fn happened(event: &Event, before: Option<&Draft>) -> Result<(&'static str, Value), String> {
    Ok(match event {
        Event::Input(input) => return asked(input, before),
        Event::Message(message) => match &message.choice {
            Some(choice) => ("message", json!({"text": message.text, "choice": choice})),
            None => ("message", json!(message.text)),
        },
        Event::Continued(_) | Event::Timer(_) => ("resume", json!(true)),
        Event::DialEnded(ended) => ("dialled", json!(ended.outcome)),
        Event::QueueWaiting(waiting) => ("queue-wait-s", json!(waiting.waited_ms / 1_000)),
        Event::QueueEnded(ended) => ("queue-left", json!(ended.outcome)),
        Event::VoicemailEnded(ended) => ("recorded", json!(ended.outcome)),
        Event::AiEnded(ended) => ("speaker", json!(ended.reason)),
        Event::Ended(ended) => ("ended", json!(ended.cause)),
        Event::ConsentEnded(ended) => ("press", json!(consent_key(ended.given, before))),
        other => return Err(format!("a step for the event {}, which cases cannot make yet", other.name())),
    })
}

fn consent_key(given: bool, before: Option<&Draft>) -> String {
    let accept = before.and_then(|draft| match draft.actions.last() {
        Some(Action::AskConsent(ask)) => Some(ask.accept_key.clone()),
        _ => None,
    });
    match (given, accept) {
        (true, accept) => accept.unwrap_or_else(|| "1".to_owned()),
        (false, Some(accept)) if accept == "2" => "1".to_owned(),
        (false, _) => "2".to_owned(),
    }
}

fn asked(input: &Input, before: Option<&Draft>) -> Result<(&'static str, Value), String> {
    match input.outcome {
        InputOutcome::NoInput => return Ok(("silence", json!(true))),
        InputOutcome::HangUp => return Ok(("hang-up", json!(true))),
        _ => {}
    }
    if input.sensitive {
        return Err("a step for what the caller entered as sensitive: nobody keeps it".to_owned());
    }
    let choice = before.and_then(|draft| match draft.actions.last() {
        Some(Action::Menu(menu)) => menu.choices.iter().find(|choice| choice.value == input.value),
        _ => None,
    });
    if input.kind == "speech" {
        let words = choice.map_or(&input.value, |choice| choice.phrases.first().unwrap_or(&choice.label));
        return Ok(("say", json!({"text": words, "confidence": input.confidence})));
    }
    Ok(("press", json!(choice.map_or(&input.value, |choice| &choice.key))))
}

/// What must come of it: what came of it.
fn expected(turn: &Turn) -> Value {
    let Some(draft) = &turn.decision else { return Value::Null };
    let queue = draft.actions.iter().find_map(|action| match action {
        Action::Enqueue(enqueue) => Some(enqueue.queue.clone()),
        _ => None,
    });
    let failure = turn.attempts.first().and_then(|attempt| attempt.failure.as_ref()).map(|failure| failure.code());
    // A case has one release and one level of default routes.
    let by = match turn.answered_by {
        Some(AnsweredBy::Plugin) if turn.is_host_step() => None,
        Some(AnsweredBy::Plugin | AnsweredBy::LastGood) if failure.is_none() => Some("plugin"),
        _ => None,
    };
    json!({
        "actions": draft.actions.iter().map(Action::name).collect::<Vec<_>>(),
        "queue": queue,
        "answered-by": by,
        "failure": failure,
        "asks-plugin": turn.is_host_step().then_some(false),
        "reason": by.map(|_| json!({"equals": draft.reason})),
    })
}

fn requests(turn: &Turn) -> Vec<Value> {
    let told = turn.attempts.iter().flat_map(|attempt| &attempt.told).flat_map(|told| &told.requests);
    told.filter(|request| !request.target.is_empty())
        .map(|request| {
            let status = request.outcome.parse::<u16>().ok();
            let url = format!("{}*", request.target.split('?').next().unwrap_or(&request.target));
            json!({"method": request.method, "url": url, "status": status, "fails": status.is_none().then_some(&request.outcome)})
        })
        .collect()
}

/// A case says what matters; what is null does not.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
