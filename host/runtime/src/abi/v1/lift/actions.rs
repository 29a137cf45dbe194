//! Turns actions: one case each, one function for each record.

use jackfield_domain::contact::decision::{
    Action, AskConsent, Callback, Collect, Conference, Converse, Enqueue, Menu, Play, Recording, RecordingPolicy, Ringing, SendMessage,
    Template, Transfer, Voicemail, Wake,
};

use super::parts::{choices, exits, prompt, prompts, relaxations, skills, target};
use super::{barge_in, extension, persona};
use crate::abi::v1::imports::decisions;

impl From<decisions::Action> for Action {
    fn from(of: decisions::Action) -> Self {
        match of {
            decisions::Action::Keep => Self::Keep,
            decisions::Action::Say(of) => Self::Say(prompt(of)),
            decisions::Action::Play(of) => Self::Play(play(of)),
            decisions::Action::Pause(ms) => Self::Pause(ms),
            decisions::Action::SendDigits(digits) => Self::SendDigits(digits),
            decisions::Action::SetLanguage(language) => Self::SetLanguage(language),
            decisions::Action::SetAttributes(pairs) => Self::SetAttributes(pairs),
            decisions::Action::Collect(of) => Self::Collect(collect(of)),
            decisions::Action::Menu(of) => Self::Menu(menu(of)),
            decisions::Action::Continue(tag) => Self::Continue(tag),
            decisions::Action::WakeAfter(of) => Self::WakeAfter(Wake { after_ms: of.after, tag: of.tag }),
            decisions::Action::AskConsent(of) => Self::AskConsent(ask_consent(of)),
            decisions::Action::Enqueue(of) => Self::Enqueue(enqueue(of)),
            decisions::Action::Transfer(of) => Self::Transfer(transfer(of)),
            decisions::Action::Conference(of) => Self::Conference(conference(of)),
            decisions::Action::Converse(of) => Self::Converse(converse(of)),
            decisions::Action::SendMessage(of) => Self::SendMessage(send_message(of)),
            decisions::Action::Voicemail(of) => Self::Voicemail(voicemail(of)),
            decisions::Action::Callback(of) => Self::Callback(callback(of)),
            decisions::Action::RecordAudio(of) => Self::RecordAudio(recording_policy(of)),
            decisions::Action::HangUp(reason) => Self::HangUp(reason),
            decisions::Action::Reject(reason) => Self::Reject(reason),
            decisions::Action::Other(of) => Self::Other(extension(of)),
        }
    }
}

fn play(decisions::Play { url, times, barge_in: by }: decisions::Play) -> Play {
    Play { url, times, barge_in: barge_in(by) }
}

fn collect(of: decisions::Collect) -> Collect {
    let decisions::Collect {
        tag,
        prompts: ask,
        dtmf,
        speech,
        min_digits,
        max_digits,
        terminator,
        first_timeout,
        inter_digit_timeout,
        barge_in: by,
        hints,
        minimum_confidence,
        attempts,
        no_input,
        no_match,
        low_confidence,
        sensitive,
        extras,
    } = of;
    Collect {
        tag,
        prompts: prompts(ask),
        dtmf,
        speech,
        min_digits,
        max_digits,
        terminator,
        first_timeout_ms: first_timeout,
        inter_digit_timeout_ms: inter_digit_timeout,
        barge_in: barge_in(by),
        hints,
        minimum_confidence,
        attempts,
        no_input: prompts(no_input),
        no_match: prompts(no_match),
        low_confidence: prompts(low_confidence),
        sensitive,
        extras,
    }
}

fn menu(of: decisions::Menu) -> Menu {
    Menu { collect: collect(of.collect), choices: choices(of.choices) }
}

fn ask_consent(of: decisions::AskConsent) -> AskConsent {
    let decisions::AskConsent { topic, prompts: ask, accept_key, timeout } = of;
    AskConsent { topic, prompts: prompts(ask), accept_key, timeout_ms: timeout }
}

fn enqueue(of: decisions::Enqueue) -> Enqueue {
    let decisions::Enqueue {
        tag,
        queue,
        priority,
        skills: needed,
        relaxations: relaxed,
        hold_music,
        announce_every,
        notify,
        maximum_wait,
        overflow,
        extras,
    } = of;
    Enqueue {
        tag,
        queue,
        priority,
        skills: skills(needed),
        relaxations: relaxations(relaxed),
        hold_music,
        announce_every_ms: announce_every,
        notify,
        maximum_wait_ms: maximum_wait,
        overflow: exits(overflow),
        extras,
    }
}

fn transfer(of: decisions::Transfer) -> Transfer {
    let decisions::Transfer { tag, targets, ringing, ring_timeout, talk_limit, caller_id, whisper, screening, warm, extras } = of;
    let ringing = match ringing {
        decisions::Ringing::Series => Ringing::Series,
        decisions::Ringing::Parallel => Ringing::Parallel,
    };
    Transfer {
        tag,
        targets: targets.into_iter().map(target).collect(),
        ringing,
        ring_timeout_ms: ring_timeout,
        talk_limit_ms: talk_limit,
        caller_id,
        whisper: whisper.map(prompt),
        screening,
        warm,
        extras,
    }
}

fn conference(of: decisions::Conference) -> Conference {
    let decisions::Conference { tag, name, start_on_enter, end_on_exit, muted, max_participants, hold_music } = of;
    Conference { tag, name, start_on_enter, end_on_exit, muted, max_participants, hold_music }
}

fn converse(of: decisions::Converse) -> Converse {
    let decisions::Converse { tag, persona: who, on_failure } = of;
    Converse { tag, persona: persona(who), on_failure: exits(on_failure) }
}

fn send_message(of: decisions::SendMessage) -> SendMessage {
    let decisions::SendMessage { to, channel, text, media, choices: offered, template, reply_to, extras } = of;
    let template = template.map(|decisions::Template { name, language, parameters }| Template { name, language, parameters });
    SendMessage { to, channel, text, media, choices: choices(offered), template, reply_to, extras }
}

fn voicemail(of: decisions::Voicemail) -> Voicemail {
    let decisions::Voicemail { tag, mailbox, prompts: ask, max_length, silence_timeout, terminator, beep, transcribe } = of;
    Voicemail {
        tag,
        mailbox,
        prompts: prompts(ask),
        max_length_ms: max_length,
        silence_timeout_ms: silence_timeout,
        terminator,
        beep,
        transcribe,
    }
}

fn callback(of: decisions::Callback) -> Callback {
    let decisions::Callback { number, queue, earliest, latest, attempts, keep_place } = of;
    Callback { number, queue, earliest, latest, attempts, keep_place }
}

fn recording_policy(of: decisions::RecordingPolicy) -> RecordingPolicy {
    let decisions::RecordingPolicy { recording, announcement, separate_channels } = of;
    let recording = match recording {
        decisions::Recording::Off => Recording::Off,
        decisions::Recording::On => Recording::On,
        decisions::Recording::Pause => Recording::Pause,
        decisions::Recording::Resume => Recording::Resume,
    };
    RecordingPolicy { recording, announcement: announcement.map(prompt), separate_channels }
}
