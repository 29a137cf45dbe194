//! Puts events and actions into words: short enough for a line, exact enough to act on.
//!
//! The timeline and the list of default routes use it. Texts that callers hear are quoted and cut; what was sensitive is masked
//! already when it comes here.

use jackfield_domain::contact::decision::{
    Action, Collect, Converse, Enqueue, Exit, Prompt, PromptContent, Recording, Ringing, SendMessage, Target, Transfer, Voicemail,
};
use jackfield_domain::contact::event::{Event, Input, InputOutcome};

use jackfield_domain::request::RequestRecord;

use crate::cli::when::span;

/// Long enough to recognise a prompt by.
const QUOTE_CHARS_MAX: usize = 70;

/// A text in quotes, on one line, cut.
pub(crate) fn quote(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= QUOTE_CHARS_MAX {
        return format!("\"{flat}\"");
    }
    let short: String = flat.chars().take(QUOTE_CHARS_MAX).collect();
    format!("\"{}…\"", short.trim_end())
}

/// What happened.
pub(crate) fn event(event: &Event) -> String {
    match event {
        Event::Arrived => "arrived".to_owned(),
        Event::Input(input) => input_words(input),
        Event::Message(message) => format!("message {}", quote(&message.text)),
        Event::MessageStatus(status) => format!("message {} is {}", status.id, status.status),
        Event::Continued(tag) => format!("came back from {}", named(tag)),
        Event::Timer(tag) => format!("timer {}", named(tag)),
        Event::DialEnded(dial) => {
            let talked = if dial.talked_ms > 0 { format!(" after {} of talk", span(dial.talked_ms)) } else { String::new() };
            format!("transfer {} ended: {}{talked}", named(&dial.tag), dial.outcome)
        }
        Event::QueueWaiting(wait) => format!("waits in queue {} since {}", wait.queue, span(wait.waited_ms)),
        Event::QueueEnded(queue) => format!("left queue {} after {}: {}", queue.queue, span(queue.waited_ms), queue.outcome),
        Event::ConferenceEnded(conference) => format!("left the conference after {}: {}", span(conference.stayed_ms), conference.outcome),
        Event::VoicemailEnded(voicemail) => format!("voicemail of {}: {}", span(voicemail.length_ms), voicemail.outcome),
        Event::ConsentEnded(consent) => format!("{} to {}", if consent.given { "agreed" } else { "did not agree" }, consent.topic),
        Event::AiEnded(ai) => format!("AI conversation {} ended: {}", named(&ai.tag), ai.reason),
        Event::ContextChanged(context) => format!("context changed by {} (revision {})", context.by, context.revision),
        Event::Ended(ended) => format!("ended: {} after {}", ended.cause, span(ended.lasted_ms)),
        Event::Other(extension) => format!("{} (a kind of its own)", extension.kind),
    }
}

fn named(tag: &str) -> &str {
    if tag.is_empty() { "without a tag" } else { tag }
}

fn input_words(input: &Input) -> String {
    let tag = named(&input.tag);
    let attempts = if input.attempts > 1 { format!(" at attempt {}", input.attempts) } else { String::new() };
    match input.outcome {
        InputOutcome::Matched if input.sensitive => format!("answered {tag}{attempts} (sensitive, never kept)"),
        InputOutcome::Matched => {
            let confidence = input.confidence.map(|sure| format!(" (confidence {sure:.2})")).unwrap_or_default();
            format!("answered {tag} with {} {}{confidence}{attempts}", input.kind, quote(&input.value))
        }
        InputOutcome::NoMatch => format!("gave no answer that {tag} takes{attempts}"),
        InputOutcome::NoInput => format!("gave no answer to {tag}{attempts}"),
        InputOutcome::LowConfidence => format!("was not understood by {tag}{attempts}"),
        InputOutcome::HangUp => format!("hung up at {tag}"),
    }
}

/// Actions in order.
pub(crate) fn actions(actions: &[Action]) -> String {
    actions.iter().map(action).collect::<Vec<_>>().join("; ")
}

/// What is done.
pub(crate) fn action(action: &Action) -> String {
    match action {
        Action::Keep => "change nothing".to_owned(),
        Action::Say(said) => format!("say {}", prompt(said)),
        Action::Play(play) => format!("play {}", play.url),
        Action::Pause(ms) => format!("pause {}", span(*ms)),
        Action::SendDigits(digits) => format!("send digits {digits}"),
        Action::SetLanguage(tag) => format!("speak {tag}"),
        Action::SetAttributes(pairs) => {
            format!("note {}", pairs.iter().map(|(name, value)| format!("{name}={}", quote(value))).collect::<Vec<_>>().join(", "))
        }
        Action::Collect(asked) => collect("ask", asked),
        Action::Menu(menu) => {
            let choices: Vec<String> = menu.choices.iter().map(|choice| format!("{} {}", choice.key, choice.label)).collect();
            format!("{} [{}]", collect("menu", &menu.collect), choices.join(", "))
        }
        Action::Continue(tag) => format!("come back as {}", named(tag)),
        Action::WakeAfter(wake) => format!("wake after {} as {}", span(wake.after_ms), named(&wake.tag)),
        Action::AskConsent(consent) => format!("ask for consent to {}", consent.topic),
        Action::Enqueue(asked) => enqueue(asked),
        Action::Transfer(asked) => transfer(asked),
        Action::Conference(conference) => format!("join conference {}", conference.name),
        Action::Converse(asked) => converse(asked),
        Action::SendMessage(message) => send(message),
        Action::Voicemail(asked) => voicemail(asked),
        Action::Callback(callback) => format!("offer a callback from queue {}", callback.queue),
        Action::RecordAudio(policy) => match policy.recording {
            Recording::Off => "stop recording".to_owned(),
            Recording::On => "record".to_owned(),
            Recording::Pause => "pause recording".to_owned(),
            Recording::Resume => "go on recording".to_owned(),
        },
        Action::HangUp(reason) => reason.as_ref().map_or_else(|| "hang up".to_owned(), |reason| format!("hang up ({reason})")),
        Action::Reject(reason) => format!("reject ({reason})"),
        Action::Other(extension) => format!("{} (a kind of its own)", extension.kind),
    }
}

/// What a prompt says.
fn prompt(said: &Prompt) -> String {
    let content = match &said.content {
        PromptContent::Text(text) | PromptContent::Ssml(text) => quote(text),
        PromptContent::Audio(url) => url.clone(),
        PromptContent::Other(extension) => extension.kind.clone(),
    };
    said.language.as_ref().map_or_else(|| content.clone(), |language| format!("{content} in {language}"))
}

fn first(prompts: &[Prompt]) -> String {
    prompts.first().map(|first| format!(" {}", prompt(first))).unwrap_or_default()
}

fn collect(verb: &str, asked: &Collect) -> String {
    let ways = match (asked.dtmf, asked.speech) {
        (true, true) => "keys or speech",
        (false, true) => "speech",
        _ => "keys",
    };
    let sensitive = if asked.sensitive { ", sensitive" } else { "" };
    format!("{verb} {} by {ways}{} ({} attempts{sensitive})", named(&asked.tag), first(&asked.prompts), asked.attempts)
}

fn enqueue(asked: &Enqueue) -> String {
    let priority = asked.priority.map(|priority| format!(" with priority {priority}")).unwrap_or_default();
    let skills: Vec<&str> = asked.skills.iter().map(|skill| skill.name.as_str()).collect();
    let skills = if skills.is_empty() { String::new() } else { format!(" for {}", skills.join(", ")) };
    let most = asked.maximum_wait_ms.map(|ms| format!(", at most {}", span(ms))).unwrap_or_default();
    let overflow: Vec<String> = asked.overflow.iter().map(exit).collect();
    let overflow = if overflow.is_empty() { String::new() } else { format!(", then {}", overflow.join(", ")) };
    format!("queue in {}{priority}{skills}{most}{overflow}", asked.queue)
}

fn exit(exit: &Exit) -> String {
    match exit {
        Exit::Continue(tag) => format!("come back as {}", named(tag)),
        Exit::Say(said) => format!("say {}", prompt(said)),
        Exit::Enqueue(queue) => format!("queue in {queue}"),
        Exit::Number(number) => format!("call {number}"),
        Exit::Flow(flow) => format!("go to flow {flow}"),
        Exit::Voicemail(mailbox) => format!("voicemail {mailbox}"),
        Exit::HangUp => "hang up".to_owned(),
        Exit::Other(extension) => extension.kind.clone(),
    }
}

fn transfer(asked: &Transfer) -> String {
    let targets: Vec<String> = asked
        .targets
        .iter()
        .map(|target| match target {
            Target::Flow(flow) => format!("flow {flow}"),
            Target::Number(number) => number.clone(),
            Target::Sip(sip) => sip.uri.clone(),
            Target::Person(person) => format!("person {person}"),
            Target::Other(extension) => extension.kind.clone(),
        })
        .collect();
    let joint = if asked.ringing == Ringing::Parallel { " and " } else { ", then " };
    let warm = if asked.warm { " (warm)" } else { "" };
    format!("transfer to {}{warm}", targets.join(joint))
}

fn converse(asked: &Converse) -> String {
    let exits: Vec<String> = asked.on_failure.iter().map(exit).collect();
    let exits = if exits.is_empty() { String::new() } else { format!("; if that fails {}", exits.join(", ")) };
    format!("let AI speak as {} in {}{exits}", named(&asked.tag), asked.persona.language)
}

fn send(message: &SendMessage) -> String {
    let to = message.to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
    let template = message.template.as_ref().map(|template| format!(" (template {})", template.name)).unwrap_or_default();
    format!("send{to} {}{template}", quote(&message.text))
}

fn voicemail(asked: &Voicemail) -> String {
    let mailbox = asked.mailbox.as_ref().map(|mailbox| format!(" to {mailbox}")).unwrap_or_default();
    format!("voicemail{mailbox} of at most {}{}", span(asked.max_length_ms), first(&asked.prompts))
}

/// A request to the outside: what was asked of whom, what came of it, how long it took, and what crossed the network.
pub(crate) fn requested(request: &RequestRecord) -> String {
    let RequestRecord { method, target, address, outcome, detail, sent_bytes, received_bytes, took_us } = request;
    let whom = if target.is_empty() { "what is no URL" } else { target };
    let detail = detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    let address = address.as_ref().map(|address| format!(" at {address}")).unwrap_or_default();
    format!(
        "{method} {whom} -> {outcome}{detail} in {}.{} ms, {sent_bytes} B out, {received_bytes} B in{address}",
        took_us / 1_000,
        took_us % 1_000 / 100
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn in_words(value: Value) -> String {
        action(&serde_json::from_value(value).unwrap())
    }

    #[test]
    fn actions_read_as_sentences() {
        for (value, words) in [
            (json!({"do": "say", "with": {"content": {"text": "Hello\n  there"}, "language": "de-DE"}}), "say \"Hello there\" in de-DE"),
            (json!({"do": "hang-up", "with": "done"}), "hang up (done)"),
            (
                json!({"do": "enqueue", "with": {"tag": "", "queue": "sales", "maximum_wait_ms": 90_000, "overflow": [{"voicemail": "box"}]}}),
                "queue in sales, at most 1 min 30 s, then voicemail box",
            ),
            (
                json!({"do": "transfer", "with": {"tag": "t", "targets": [{"number": "+18005550100"}, {"person": "ann"}], "ringing": "series"}}),
                "transfer to +18005550100, then person ann",
            ),
        ] {
            assert_eq!(in_words(value), words);
        }
    }

    #[test]
    fn a_sensitive_answer_shows_nothing() {
        let input = Input {
            tag: "pin".to_owned(),
            outcome: InputOutcome::Matched,
            kind: "digits".to_owned(),
            value: "1234".to_owned(),
            confidence: None,
            alternatives: Vec::new(),
            attempts: 1,
            extras: Vec::new(),
            sensitive: true,
        };
        assert_eq!(event(&Event::Input(input)), "answered pin (sensitive, never kept)");
    }

    #[test]
    fn a_long_prompt_is_cut() {
        assert!(quote(&"word ".repeat(100)).chars().count() < QUOTE_CHARS_MAX + 4);
    }
}
