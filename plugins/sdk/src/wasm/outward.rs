//! Turns what a plugin answers - decision, persona, failure - into the contract's types. Strings are moved, never copied.

use super::routing::jackfield::plugin::{decisions as d, personas as p, types as t};
use crate::contact::{Moment, millis};
use crate::decision::{self as from, Action, Decision};
use crate::failure::{Extension, Failure};
use crate::persona::{BargeIn, Escalation, Field, Persona, Tool};

fn extension(of: Extension) -> t::Extension {
    t::Extension { kind: of.kind, data: of.data }
}

impl From<Failure> for t::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unsupported(detail) => Self::Unsupported(detail),
            Failure::BadSettings(detail) => Self::BadSettings(detail),
            Failure::Unavailable(detail) => Self::Unavailable(detail),
            Failure::Internal(detail) => Self::Internal(detail),
            Failure::Other(of) => Self::Other(extension(of)),
        }
    }
}

impl From<Decision> for d::Decision {
    fn from(decision: Decision) -> Self {
        Self { actions: decision.actions.into_iter().map(Into::into).collect(), reason: decision.reason, extras: decision.extras }
    }
}

impl From<Action> for d::Action {
    fn from(action: Action) -> Self {
        match action {
            Action::Keep => Self::Keep,
            Action::Say(of) => Self::Say(prompt(of)),
            Action::Play(of) => Self::Play(d::Play { url: of.url, times: of.times, barge_in: barge_in(of.barge_in) }),
            Action::Pause(duration) => Self::Pause(millis(duration)),
            Action::SendDigits(digits) => Self::SendDigits(digits),
            Action::SetLanguage(tag) => Self::SetLanguage(tag),
            Action::SetAttributes(pairs) => Self::SetAttributes(pairs),
            Action::Collect(of) => Self::Collect(collect(of)),
            Action::Menu(of) => Self::Menu(d::Menu { collect: collect(of.collect), choices: of.choices.into_iter().map(choice).collect() }),
            Action::Continue(tag) => Self::Continue(tag),
            Action::WakeAfter(of) => Self::WakeAfter(d::Wake { after: millis(of.after), tag: of.tag }),
            Action::AskConsent(of) => Self::AskConsent(d::AskConsent {
                topic: of.topic,
                prompts: prompts(of.prompts),
                accept_key: of.accept_key,
                timeout: millis(of.timeout),
            }),
            Action::Enqueue(of) => Self::Enqueue(enqueue(of)),
            Action::Transfer(of) => Self::Transfer(transfer(of)),
            Action::Conference(of) => Self::Conference(conference(of)),
            Action::Converse(of) => Self::Converse(d::Converse {
                tag: of.tag,
                persona: of.persona.into(),
                on_failure: of.on_failure.into_iter().map(exit).collect(),
            }),
            Action::SendMessage(of) => Self::SendMessage(send_message(of)),
            Action::Voicemail(of) => Self::Voicemail(voicemail(of)),
            Action::Callback(of) => Self::Callback(callback(of)),
            Action::RecordAudio(of) => Self::RecordAudio(recording(of)),
            Action::HangUp(reason) => Self::HangUp(reason),
            Action::Reject(rejection) => Self::Reject(rejection.as_str().into()),
            Action::Other(of) => Self::Other(extension(of)),
        }
    }
}

fn prompt(of: from::Prompt) -> t::Prompt {
    let content = match of.content {
        from::PromptContent::Text(text) => t::PromptContent::Text(text),
        from::PromptContent::Ssml(ssml) => t::PromptContent::Ssml(ssml),
        from::PromptContent::Audio(url) => t::PromptContent::Audio(url),
        from::PromptContent::Other(of) => t::PromptContent::Other(extension(of)),
    };
    t::Prompt { content, language: of.language, voice: of.voice }
}

fn prompts(of: Vec<from::Prompt>) -> Vec<t::Prompt> {
    of.into_iter().map(prompt).collect()
}

fn barge_in(of: BargeIn) -> p::BargeIn {
    match of {
        BargeIn::None => p::BargeIn::None,
        BargeIn::Dtmf => p::BargeIn::Dtmf,
        BargeIn::Speech => p::BargeIn::Speech,
        BargeIn::Any => p::BargeIn::Any,
    }
}

fn collect(of: from::Collect) -> d::Collect {
    d::Collect {
        tag: of.tag,
        prompts: prompts(of.prompts),
        dtmf: of.dtmf,
        speech: of.speech,
        min_digits: of.min_digits,
        max_digits: of.max_digits,
        terminator: of.terminator,
        first_timeout: millis(of.first_timeout),
        inter_digit_timeout: millis(of.inter_digit_timeout),
        barge_in: barge_in(of.barge_in),
        hints: of.hints,
        minimum_confidence: of.minimum_confidence,
        attempts: of.attempts,
        no_input: prompts(of.no_input),
        no_match: prompts(of.no_match),
        low_confidence: prompts(of.low_confidence),
        sensitive: of.sensitive,
        extras: of.extras,
    }
}

fn choice(of: from::Choice) -> d::Choice {
    d::Choice { key: of.key, label: of.label, value: of.value, phrases: of.phrases }
}

fn skills(of: Vec<from::Skill>) -> Vec<d::Skill> {
    of.into_iter().map(|skill| d::Skill { name: skill.name, level: skill.level }).collect()
}

fn exit(of: from::Exit) -> d::Exit {
    match of {
        from::Exit::Continue(tag) => d::Exit::Continue(tag),
        from::Exit::Say(of) => d::Exit::Say(prompt(of)),
        from::Exit::Enqueue(queue) => d::Exit::Enqueue(queue),
        from::Exit::Number(number) => d::Exit::Number(number),
        from::Exit::Flow(flow) => d::Exit::Flow(flow),
        from::Exit::Voicemail(mailbox) => d::Exit::Voicemail(mailbox),
        from::Exit::HangUp => d::Exit::HangUp,
        from::Exit::Other(of) => d::Exit::Other(extension(of)),
    }
}

fn enqueue(of: from::Enqueue) -> d::Enqueue {
    d::Enqueue {
        tag: of.tag,
        queue: of.queue,
        priority: of.priority,
        skills: skills(of.skills),
        relaxations: of
            .relaxations
            .into_iter()
            .map(|less| d::Relaxation { after: millis(less.after), skills: skills(less.skills) })
            .collect(),
        hold_music: of.hold_music,
        announce_every: of.announce_every.map(millis),
        notify: of.notify,
        maximum_wait: of.maximum_wait.map(millis),
        overflow: of.overflow.into_iter().map(exit).collect(),
        extras: of.extras,
    }
}

fn target(of: from::Target) -> d::Target {
    match of {
        from::Target::Flow(name) => d::Target::Flow(name),
        from::Target::Number(number) => d::Target::Number(number),
        from::Target::Sip(sip) => d::Target::Sip(d::SipTarget { uri: sip.uri, headers: sip.headers }),
        from::Target::Person(name) => d::Target::Person(name),
        from::Target::Other(of) => d::Target::Other(extension(of)),
    }
}

fn transfer(of: from::Transfer) -> d::Transfer {
    d::Transfer {
        tag: of.tag,
        targets: of.targets.into_iter().map(target).collect(),
        ringing: match of.ringing {
            from::Ringing::Series => d::Ringing::Series,
            from::Ringing::Parallel => d::Ringing::Parallel,
        },
        ring_timeout: of.ring_timeout.map(millis),
        talk_limit: of.talk_limit.map(millis),
        caller_id: of.caller_id,
        whisper: of.whisper.map(prompt),
        screening: of.screening,
        warm: of.warm,
        extras: of.extras,
    }
}

fn conference(of: from::Conference) -> d::Conference {
    d::Conference {
        tag: of.tag,
        name: of.name,
        start_on_enter: of.start_on_enter,
        end_on_exit: of.end_on_exit,
        muted: of.muted,
        max_participants: of.max_participants,
        hold_music: of.hold_music,
    }
}

fn send_message(of: from::SendMessage) -> d::SendMessage {
    d::SendMessage {
        to: of.to,
        channel: of.channel,
        text: of.text,
        media: of.media,
        choices: of.choices.into_iter().map(choice).collect(),
        template: of.template.map(|approved| d::Template {
            name: approved.name,
            language: approved.language,
            parameters: approved.parameters,
        }),
        reply_to: of.reply_to,
        extras: of.extras,
    }
}

fn voicemail(of: from::Voicemail) -> d::Voicemail {
    d::Voicemail {
        tag: of.tag,
        mailbox: of.mailbox,
        prompts: prompts(of.prompts),
        max_length: millis(of.max_length),
        silence_timeout: of.silence_timeout.map(millis),
        terminator: of.terminator,
        beep: of.beep,
        transcribe: of.transcribe,
    }
}

fn callback(of: from::Callback) -> d::Callback {
    let moment = |Moment(ms)| ms;
    d::Callback {
        number: of.number,
        queue: of.queue,
        earliest: of.earliest.map(moment),
        latest: of.latest.map(moment),
        attempts: of.attempts,
        keep_place: of.keep_place,
    }
}

fn recording(of: from::RecordingPolicy) -> d::RecordingPolicy {
    d::RecordingPolicy {
        recording: match of.recording {
            from::Recording::Off => d::Recording::Off,
            from::Recording::On => d::Recording::On,
            from::Recording::Pause => d::Recording::Pause,
            from::Recording::Resume => d::Recording::Resume,
        },
        announcement: of.announcement.map(prompt),
        separate_channels: of.separate_channels,
    }
}

impl From<Persona> for p::Persona {
    fn from(of: Persona) -> Self {
        let tool = |of: Tool| p::Tool { name: of.name, description: of.description, parameters: of.parameters };
        let field = |of: Field| p::Field { name: of.name, description: of.description, schema: of.schema };
        let escalation = |of: Escalation| p::Escalation { keywords: of.keywords, target: of.target };
        Self {
            instructions: of.instructions,
            greeting: of.greeting,
            voice: of.voice,
            model: of.model,
            language: of.language,
            tools: of.tools.into_iter().map(tool).collect(),
            temperature: of.temperature,
            max_tokens: of.max_tokens,
            max_duration: of.max_duration.map(millis),
            interruptible: barge_in(of.interruptible),
            silence_timeout: of.silence_timeout.map(millis),
            hints: of.hints,
            fields: of.fields.into_iter().map(field).collect(),
            escalation: of.escalation.map(escalation),
            knowledge: of.knowledge,
            extras: of.extras,
        }
    }
}
