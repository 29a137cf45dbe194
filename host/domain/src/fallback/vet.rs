//! Checks a draft against the tenant's world, so that nothing a plugin says can reach another tenant or break a reply.
//!
//! The invoke step calls [`vet`] after each attempt, the admin API when a default route is set, [`super::settle`] for default
//! routes. Each sentence it gives back names the action and what is wrong with it, because the plugin's developer reads it. What
//! only a provider can know - markup, size, what its verbs can say - it asks of [`Abilities`].

use super::{Abilities, Failure, FailureKind, url};
use crate::budget::Limits;
use crate::contact::decision::{
    Action, Collect, Converse, Draft, Enqueue, Exit, Menu, Prompt, PromptContent, Target, Transfer, Vetted, Voicemail,
};
use crate::contact::persona::BargeIn;
use crate::tenant::address::e164;
use crate::tenant::directory::Directory;

/// What a draft must fit.
pub struct World<'a> {
    /// The tenant's.
    pub directory: &'a Directory,
    /// The invocation's.
    pub limits: &'a Limits,
    /// What `describe` lists; none where the host or a default route drafted.
    pub listed: Option<&'a [String]>,
    /// The provider's.
    pub abilities: &'a dyn Abilities,
}

/// Checks a draft against its world.
pub fn vet(draft: Draft, world: &World<'_>) -> Result<Vetted, Failure> {
    let nonsense = |detail: String| Failure::new(FailureKind::Nonsense, detail);
    if draft.actions.is_empty() {
        return Err(nonsense("the decision has no actions; return keep to change nothing".to_owned()));
    }
    if let Some(failure) = too_many_actions(&draft, world.limits) {
        return Err(failure);
    }
    for (at, action) in draft.actions.iter().enumerate() {
        if let Some(listed) = world.listed.filter(|listed| !listed.iter().any(|name| name == action.name())) {
            let detail = format!("action {} is {}, which describe does not list ({})", at + 1, action.name(), listed.join(", "));
            return Err(Failure::new(FailureKind::Unlisted, detail));
        }
        if matches!(action, Action::Keep | Action::Reject(_)) && draft.actions.len() > 1 {
            return Err(nonsense(format!("{} stands alone, but the decision has {} actions", action.name(), draft.actions.len())));
        }
        if action.is_last() && at + 1 < draft.actions.len() {
            return Err(nonsense(format!("action {} is {}, and nothing after it could be reached", at + 1, action.name())));
        }
        check_action(action, world).map_err(|why| nonsense(format!("action {} ({}): {why}", at + 1, action.name())))?;
    }
    check_text("the reason", &draft.reason).map_err(nonsense)?;
    match world.abilities.check(&draft) {
        Ok(degraded) => Ok(Vetted::new(draft, degraded)),
        Err(inability) => Err(Failure::new(FailureKind::CannotRender, inability.to_string())),
    }
}

/// What comes of a draft with more actions than it may have. The runtime asks first, so that thousands of them end on the guest's thread and
/// are copied nowhere else.
pub fn too_many_actions(draft: &Draft, limits: &Limits) -> Option<Failure> {
    let (actions, most) = (draft.actions.len(), limits.actions_max);
    (actions > most as usize).then(|| Failure::new(FailureKind::Nonsense, format!("the decision has {actions} actions; at most {most}")))
}

/// XML 1.0 has no way to write most control characters, and a log should not carry them.
fn check_text(what: &str, text: &str) -> Result<(), String> {
    match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r') || matches!(c, '\u{fffe}' | '\u{ffff}')) {
        Some(found) => Err(format!("{what} has the control character U+{:04X}", u32::from(found))),
        None => Ok(()),
    }
}

fn check_prompt(prompt: &Prompt) -> Result<(), String> {
    match &prompt.content {
        PromptContent::Text(text) | PromptContent::Ssml(text) => {
            check_text("the prompt", text)?;
            if text.trim().is_empty() { Err("the prompt is empty".to_owned()) } else { Ok(()) }
        }
        PromptContent::Audio(url) => check_url(url),
        PromptContent::Other(extension) => Err(format!("no prompt of kind {:?} is registered", extension.kind)),
    }?;
    check_name("a voice", prompt.voice.as_deref())?;
    prompt.language.as_deref().map_or(Ok(()), check_language)
}

fn check_prompts(prompts: &[Prompt]) -> Result<(), String> {
    prompts.iter().try_for_each(check_prompt)
}

fn check_url(url: &str) -> Result<(), String> {
    check_text("the URL", url)?;
    url::check(url)
}

/// A name that a provider is given as it is: of a voice or a model.
fn check_name(what: &str, name: Option<&str>) -> Result<(), String> {
    let sound = name.is_none_or(|name| name.len() <= 256 && !name.contains(char::is_control));
    if sound { Ok(()) } else { Err(format!("{what} is at most 256 bytes without control characters")) }
}

fn check_language(tag: &str) -> Result<(), String> {
    let sound = (2..=35).contains(&tag.len())
        && tag.split('-').all(|part| !part.is_empty() && part.len() <= 8 && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    if sound { Ok(()) } else { Err(format!("{:?} is not a language tag such as en-US", tag.chars().take(40).collect::<String>())) }
}

fn check_tag(tag: &str) -> Result<(), String> {
    let sound = tag.len() <= 64 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if sound { Ok(()) } else { Err("a tag is at most 64 letters, digits, dashes and underscores".to_owned()) }
}

fn is_key(text: &str) -> bool {
    text.len() == 1 && text.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#')
}

fn check_queue(name: &str, world: &World<'_>) -> Result<(), String> {
    if world.directory.queues.contains_key(name) {
        Ok(())
    } else {
        Err(format!("the tenant has no queue {:?}", name.chars().take(64).collect::<String>()))
    }
}

fn check_number(number: &str) -> Result<(), String> {
    match e164(number) {
        Some(kept) if kept == number => Ok(()),
        _ => Err(format!("{:?} is not a telephone number in E.164", number.chars().take(40).collect::<String>())),
    }
}

fn check_action(action: &Action, world: &World<'_>) -> Result<(), String> {
    match action {
        Action::Keep => Ok(()),
        Action::Say(prompt) => check_prompt(prompt),
        Action::Play(play) => {
            check_url(&play.url)?;
            if (1..=100).contains(&play.times) { Ok(()) } else { Err("times goes from 1 to 100".to_owned()) }
        }
        Action::Pause(ms) if (1..=600_000).contains(ms) => Ok(()),
        Action::Pause(_) => Err("a pause is 1 to 600,000 ms".to_owned()),
        Action::SendDigits(keys) => {
            let sound = (1..=100).contains(&keys.len())
                && keys.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'A'..=b'D' | b'*' | b'#' | b'w'));
            if sound { Ok(()) } else { Err("digits are 1 to 100 of 0-9, A-D, *, # and w".to_owned()) }
        }
        Action::SetLanguage(tag) => check_language(tag),
        Action::SetAttributes(pairs) => check_attributes(pairs),
        Action::Collect(collect) => check_collect(collect, false),
        Action::Menu(menu) => check_menu(menu),
        Action::Continue(tag) => check_tag(tag),
        Action::WakeAfter(wake) => {
            check_tag(&wake.tag)?;
            if (1_000..=86_400_000).contains(&wake.after_ms) { Ok(()) } else { Err("a wake is after 1 s to 24 h".to_owned()) }
        }
        Action::AskConsent(ask) => {
            check_prompts(&ask.prompts)?;
            check_tag(&ask.topic)?;
            if ask.topic.is_empty() || !is_key(&ask.accept_key) {
                Err("consent needs a topic and one accept key of 0-9, * and #".to_owned())
            } else {
                Ok(())
            }
        }
        Action::Enqueue(enqueue) => check_enqueue(enqueue, world),
        Action::Transfer(transfer) => check_transfer(transfer, world),
        Action::Conference(conference) => {
            check_tag(&conference.tag)?;
            check_tag(&conference.name)?;
            if conference.name.is_empty() {
                return Err("a conference needs a name".to_owned());
            }
            conference.hold_music.as_deref().map_or(Ok(()), check_url)
        }
        Action::Converse(converse) => check_converse(converse, world),
        Action::SendMessage(message) => {
            check_text("the text", &message.text)?;
            message.media.iter().try_for_each(|url| check_url(url))?;
            message.to.as_deref().map_or(Ok(()), check_number)
        }
        Action::Voicemail(voicemail) => check_voicemail(voicemail),
        Action::Callback(callback) => {
            check_queue(&callback.queue, world)?;
            callback.number.as_deref().map_or(Ok(()), check_number)?;
            if (1..=10).contains(&callback.attempts) { Ok(()) } else { Err("attempts go from 1 to 10".to_owned()) }
        }
        Action::RecordAudio(policy) => policy.announcement.as_ref().map_or(Ok(()), check_prompt),
        Action::HangUp(reason) => reason.as_deref().map_or(Ok(()), |reason| check_text("the reason", reason)),
        Action::Reject(reason) => match reason.as_str() {
            "busy" | "rejected" | "unavailable" | "not-found" => Ok(()),
            other => Err(format!("{:?} is none of busy, rejected, unavailable, not-found", other.chars().take(40).collect::<String>())),
        },
        Action::Other(extension) if extension.kind == crate::contact::open::LEAVE_QUEUE => Ok(()),
        Action::Other(extension) => {
            Err(format!("no action of kind {:?} is registered", extension.kind.chars().take(64).collect::<String>()))
        }
    }
}

fn check_attributes(pairs: &[(String, String)]) -> Result<(), String> {
    pairs.iter().try_for_each(|(name, value)| {
        check_text("the name", name)?;
        check_text("the value", value)?;
        if (1..=128).contains(&name.len()) && value.len() <= 4_096 {
            Ok(())
        } else {
            Err("an attribute has a name of 1 to 128 bytes and a value of at most 4,096".to_owned())
        }
    })
}

fn check_collect(collect: &Collect, has_choices: bool) -> Result<(), String> {
    check_tag(&collect.tag)?;
    [&collect.prompts, &collect.no_input, &collect.no_match, &collect.low_confidence]
        .into_iter()
        .try_for_each(|prompts| check_prompts(prompts))?;
    collect.hints.iter().try_for_each(|hint| check_text("a hint", hint))?;
    if !collect.dtmf && !collect.speech {
        return Err("it accepts neither dtmf nor speech".to_owned());
    }
    if !has_choices && (collect.max_digits == 0 || collect.max_digits > 64 || collect.min_digits > collect.max_digits) && collect.dtmf {
        return Err("max-digits goes from 1 to 64 and is not below min-digits".to_owned());
    }
    if collect.terminator.as_deref().is_some_and(|key| !is_key(key)) {
        return Err("the terminator is one of 0-9, * and #".to_owned());
    }
    if collect.minimum_confidence.is_some_and(|least| !(0.0..=1.0).contains(&least)) {
        return Err("minimum-confidence goes from 0.0 to 1.0".to_owned());
    }
    if !(1..=10).contains(&collect.attempts) {
        return Err("attempts go from 1 to 10".to_owned());
    }
    if !(500..=120_000).contains(&collect.first_timeout_ms) || collect.inter_digit_timeout_ms > 60_000 {
        return Err("first-timeout is 500 to 120,000 ms, inter-digit-timeout at most 60,000".to_owned());
    }
    if collect.sensitive && matches!(collect.barge_in, BargeIn::Speech) && !collect.speech {
        return Err("it is cut short by speech, but accepts none".to_owned());
    }
    Ok(())
}

fn check_menu(menu: &Menu) -> Result<(), String> {
    check_collect(&menu.collect, true)?;
    if menu.choices.is_empty() || menu.choices.len() > 50 {
        return Err("a menu has 1 to 50 choices".to_owned());
    }
    for (at, choice) in menu.choices.iter().enumerate() {
        let keys_sound =
            !choice.key.is_empty() && choice.key.len() <= 8 && choice.key.chars().all(|c| c.is_ascii_digit() || c == '*' || c == '#');
        if menu.collect.dtmf && !keys_sound {
            return Err(format!("choice {} has no key of 1 to 8 of 0-9, * and #", at + 1));
        }
        if menu.choices.iter().skip(at + 1).any(|other| other.key == choice.key) {
            return Err(format!("two choices have the key {}", choice.key));
        }
        check_text("a label", &choice.label)?;
        choice.phrases.iter().try_for_each(|phrase| check_text("a phrase", phrase))?;
        check_text("a value", &choice.value)?;
    }
    Ok(())
}

fn check_enqueue(enqueue: &Enqueue, world: &World<'_>) -> Result<(), String> {
    check_tag(&enqueue.tag)?;
    check_queue(&enqueue.queue, world)?;
    enqueue.hold_music.as_deref().map_or(Ok(()), check_url)?;
    if enqueue.priority.is_some_and(|priority| priority > 100) {
        return Err("the priority goes from 0 to 100".to_owned());
    }
    enqueue.overflow.iter().try_for_each(|exit| check_exit(exit, world))
}

fn check_exit(exit: &Exit, world: &World<'_>) -> Result<(), String> {
    match exit {
        Exit::Continue(tag) => check_tag(tag),
        Exit::Say(prompt) => check_prompt(prompt),
        Exit::Enqueue(queue) => check_queue(queue, world),
        Exit::Number(number) => check_number(number),
        Exit::Flow(flow) => check_flow(flow, world),
        Exit::Voicemail(mailbox) => check_text("the mailbox", mailbox),
        Exit::HangUp => Ok(()),
        Exit::Other(extension) => Err(format!("no exit of kind {:?} is registered", extension.kind.chars().take(64).collect::<String>())),
    }
}

fn check_flow(flow: &str, world: &World<'_>) -> Result<(), String> {
    if world.directory.flows.iter().any(|name| name == flow) {
        Ok(())
    } else {
        Err(format!("the tenant has no flow {:?}", flow.chars().take(64).collect::<String>()))
    }
}

fn check_transfer(transfer: &Transfer, world: &World<'_>) -> Result<(), String> {
    check_tag(&transfer.tag)?;
    if transfer.targets.is_empty() || transfer.targets.len() > 10 {
        return Err("a transfer has 1 to 10 targets".to_owned());
    }
    for target in &transfer.targets {
        match target {
            Target::Flow(flow) if transfer.targets.len() == 1 => check_flow(flow, world)?,
            Target::Flow(_) => return Err("a flow is the only target".to_owned()),
            Target::Number(number) => check_number(number)?,
            Target::Sip(sip) => {
                check_text("the SIP address", &sip.uri)?;
                let sound = (sip.uri.starts_with("sip:") || sip.uri.starts_with("sips:"))
                    && sip.uri.len() <= 256
                    && !sip.uri.contains(char::is_whitespace);
                if !sound {
                    return Err("a SIP address begins with sip: or sips: and has at most 256 bytes".to_owned());
                }
                sip.headers.iter().try_for_each(|(name, value)| check_header(name, value))?;
            }
            Target::Person(person) if world.directory.people.contains_key(person) => {}
            Target::Person(person) => return Err(format!("the tenant has no person {:?}", person.chars().take(64).collect::<String>())),
            Target::Other(extension) => {
                return Err(format!("no target of kind {:?} is registered", extension.kind.chars().take(64).collect::<String>()));
            }
        }
    }
    if let Some(caller_id) = transfer.caller_id.as_ref().filter(|own| !world.directory.numbers.contains(own)) {
        return Err(format!(
            "{:?} is not one of the tenant's own addresses and cannot be shown as caller id",
            caller_id.chars().take(40).collect::<String>()
        ));
    }
    transfer.whisper.as_ref().map_or(Ok(()), check_prompt)
}

/// A line end inside would be a header of the plugin's own, past this rule.
fn check_header(name: &str, value: &str) -> Result<(), String> {
    let named = name.to_ascii_lowercase().starts_with("x-") && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if named && !value.contains(char::is_control) {
        Ok(())
    } else {
        Err("SIP headers begin with X-, have names of letters, digits and dashes, and values without control characters".to_owned())
    }
}

fn check_converse(converse: &Converse, world: &World<'_>) -> Result<(), String> {
    check_tag(&converse.tag)?;
    let persona = &converse.persona;
    check_text("the instructions", &persona.instructions)?;
    check_text("the greeting", persona.greeting.as_deref().unwrap_or_default())?;
    check_name("the voice", persona.voice.as_deref())?;
    check_name("the model", persona.model.as_deref())?;
    persona.hints.iter().try_for_each(|hint| check_text("a hint", hint))?;
    check_language(&persona.language)?;
    if persona.instructions.trim().is_empty() {
        return Err("the persona has no instructions".to_owned());
    }
    if persona.temperature.is_some_and(|t| !(0.0..=2.0).contains(&t)) {
        return Err("the temperature goes from 0.0 to 2.0".to_owned());
    }
    if let Some(escalation) = &persona.escalation {
        let target = &escalation.target;
        if check_number(target).is_err() && check_queue(target, world).is_err() {
            return Err(format!(
                "the escalation target {:?} is neither a number in E.164 nor a queue of the tenant",
                target.chars().take(64).collect::<String>()
            ));
        }
    }
    converse.on_failure.iter().try_for_each(|exit| check_exit(exit, world))
}

fn check_voicemail(voicemail: &Voicemail) -> Result<(), String> {
    check_tag(&voicemail.tag)?;
    check_prompts(&voicemail.prompts)?;
    if voicemail.terminator.as_deref().is_some_and(|key| !is_key(key)) {
        return Err("the terminator is one of 0-9, * and #".to_owned());
    }
    if (1_000..=600_000).contains(&voicemail.max_length_ms) { Ok(()) } else { Err("max-length is 1,000 to 600,000 ms".to_owned()) }
}
