//! Makes too much of something.

use shape::{Action, text};

use super::{collect, converse, number, one, say, ssml, transfer};

/// Far beyond what any plan allows.
const MANY: usize = 10_000;

pub(super) fn actions(sin: &str) -> Option<Vec<Action>> {
    let pairs = |count: usize, bytes: usize| (0..count).map(|at| (format!("name-{at}"), "x".repeat(bytes))).collect();
    match sin {
        "many-actions" => Some((0..MANY).map(|_| Action::Pause(1)).collect()),
        "more-actions-than-the-plan" => Some((0..60).map(|_| Action::Pause(1)).collect()),
        "no-actions" => Some(Vec::new()),
        "long-text" => one(say("All work and no play makes a dull plugin. ".repeat(700))),
        "longest-text" => one(say("All work and no play makes a dull plugin. ".repeat(1_500))),
        "text-that-grows" => one(say("&".repeat(20_000))),
        "text-without-a-place-to-cut" => one(say("\u{1f600}".repeat(7_000))),
        "longest-ssml" => one(ssml(format!("<speak>{}</speak>", "<p>work</p>".repeat(2_500)))),
        "many-attributes" => one(Action::SetAttributes(pairs(MANY, 10))),
        "large-attributes" => one(Action::SetAttributes(pairs(7, 4_000))),
        "attribute-that-is-too-large" => one(Action::SetAttributes(pairs(1, 5_000))),
        "attribute-whose-name-is-too-long" => one(Action::SetAttributes(vec![("n".repeat(200), "x".into())])),
        "attribute-without-a-name" => one(Action::SetAttributes(vec![(String::new(), "x".into())])),
        "many-targets" => one(Action::Transfer(transfer((0..100).map(|_| number("+14155550111")).collect()))),
        "many-digits" => one(Action::SendDigits("1w".repeat(MANY))),
        "many-prompts" => {
            let mut question = collect();
            question.prompts = (0..MANY / 100).map(|_| text("Well?")).collect();
            one(Action::Collect(question))
        }
        "long-instructions" => one(Action::Converse(converse(&"Be kind. ".repeat(3_000), "Hello."))),
        _ => None,
    }
}
