//! Puts numbers where they do not fit: for ever, never, less than nothing, not a number.

use shape::Action;
use shape::jackfield::plugin::decisions::{AskConsent, Wake};
use shape::text;

use super::{collect, converse, enqueue, menu, number, one, play, transfer, voicemail};

pub(super) fn actions(sin: &str) -> Option<Vec<Action>> {
    if let Some(question) = asked(sin) {
        return one(Action::Collect(question));
    }
    match sin {
        "play-for-ever" => match play("https://example.com/a.mp3") {
            Action::Play(mut play) => {
                play.times = u32::MAX;
                one(Action::Play(play))
            }
            other => one(other),
        },
        "pause-for-ever" => one(Action::Pause(u64::MAX)),
        "pause-for-no-time" => one(Action::Pause(0)),
        "wakes-in-an-age" => one(Action::WakeAfter(Wake { after: u64::MAX, tag: "later".into() })),
        "wakes-at-once" => one(Action::WakeAfter(Wake { after: 0, tag: "now".into() })),
        "records-for-ever" => one(Action::Voicemail(voicemail(u64::MAX))),
        "records-nothing" => one(Action::Voicemail(voicemail(0))),
        "rings-for-ever" => {
            let mut call = transfer(vec![number("+14155550111")]);
            (call.ring_timeout, call.talk_limit) = (Some(u64::MAX), Some(u64::MAX));
            one(Action::Transfer(call))
        }
        "double-keys" => one(Action::Menu(menu(&["1", "1"]))),
        "no-choices" => one(Action::Menu(menu(&[]))),
        "key-that-is-none" => one(Action::Menu(menu(&["\u{661}"]))),
        "letters-for-digits" => one(Action::SendDigits("1; DROP TABLE calls".into())),
        "no-digits" => one(Action::SendDigits(String::new())),
        "first-of-all" => {
            let mut queue = enqueue("front-desk");
            queue.priority = Some(u32::MAX);
            one(Action::Enqueue(queue))
        }
        "consent-without-a-key" => one(Action::AskConsent(AskConsent {
            topic: "recording".into(),
            prompts: vec![text("May I?")],
            accept_key: String::new(),
            timeout: 5_000,
        })),
        "temperature-that-is-no-number" => {
            let mut talk = converse("Be kind.", "Hello.");
            talk.persona.temperature = Some(f32::NAN);
            one(Action::Converse(talk))
        }
        _ => None,
    }
}

fn asked(sin: &str) -> Option<shape::jackfield::plugin::decisions::Collect> {
    let mut question = collect();
    match sin {
        "asks-for-ever" => question.attempts = u32::MAX,
        "never-asks" => question.attempts = 0,
        "asks-for-no-digits" => (question.min_digits, question.max_digits) = (0, 0),
        "asks-for-more-than-it-takes" => (question.min_digits, question.max_digits) = (9, 3),
        "listens-to-nothing" => question.dtmf = false,
        "waits-for-ever" => question.first_timeout = u64::MAX,
        "waits-for-no-time" => question.first_timeout = 0,
        "ends-with-anything" => question.terminator = Some("##".into()),
        "is-never-sure" => question.minimum_confidence = Some(f32::NAN),
        "is-surer-than-sure" => question.minimum_confidence = Some(f32::INFINITY),
        _ => return None,
    }
    Some(question)
}
