use jackfield_domain::contact::decision::{
    Choice, Collect, Converse, Enqueue, Menu, Prompt, PromptContent, SipTarget, Skill, Target, Voicemail,
};
use jackfield_domain::contact::persona::Persona;
use proptest::prelude::*;

use super::cases::{collect, leave, menu, persona, skilled, transfer, voicemail};
use super::*;

fn wild_text() -> impl Strategy<Value = String> {
    prop_oneof![".{1,40}", "[<>&\"'/a-zA-Z0-9 \u{e9}\u{1f600}]{1,60}", Just("</Say><Hangup/>".to_owned()), Just("]]>".to_owned())]
}

fn wild_ssml() -> impl Strategy<Value = String> {
    let pieces = proptest::sample::select(vec![
        "<p>",
        "</p>",
        "<s>",
        "</s>",
        "<break time='1s'/>",
        "<speak>",
        "</speak>",
        "</Say>",
        "<Dial/>",
        "a",
        " & ",
        "&amp;",
        "&#65;",
        "&#1;",
        "<![CDATA[<x>]]>",
        "<!-- -->",
        "<sub alias='&lt;\"'>b</sub>",
        "<",
        ">",
        "<?x?>",
        "\u{1f600}",
    ]);
    proptest::collection::vec(pieces, 1..8).prop_map(|pieces| pieces.concat())
}

fn wild_prompt() -> impl Strategy<Value = Prompt> {
    let content = prop_oneof![
        wild_text().prop_map(PromptContent::Text),
        wild_ssml().prop_map(PromptContent::Ssml),
        "https://[a-z]{1,8}/[a-z&?=<>\"']{0,20}".prop_map(PromptContent::Audio),
    ];
    (content, proptest::option::of("[a-z]{2}-[A-Z]{2}"), proptest::option::of(wild_text())).prop_map(|(content, language, voice)| Prompt {
        content,
        language,
        voice,
    })
}

fn wild_last() -> impl Strategy<Value = Action> {
    prop_oneof![
        (proptest::collection::vec(wild_prompt(), 0..3), wild_text(), any::<(bool, bool)>()).prop_map(|(prompts, hint, (dtmf, speech))| {
            Action::Collect(Collect { prompts, hints: vec![hint], dtmf, speech, ..collect() })
        }),
        (wild_text(), wild_text(), "[0-9*#]{1,8}").prop_map(|(label, phrase, key)| {
            let choice = Choice { key, label, value: "v".to_owned(), phrases: vec![phrase] };
            Action::Menu(Menu { choices: vec![choice], ..menu() })
        }),
        (wild_text(), any::<u8>())
            .prop_map(|(name, level)| { Action::Enqueue(Enqueue { skills: vec![Skill { name, level: level.into() }], ..skilled() }) }),
        (wild_text(), "sip:[a-z&?<>\"']{1,20}").prop_map(|(value, uri)| {
            let headers = vec![("X-A".to_owned(), value.clone()), (format!("x-{value}"), value)];
            Action::Transfer(transfer(vec![Target::Sip(SipTarget { uri, headers })]))
        }),
        (wild_text(), wild_text(), wild_text()).prop_map(|(instructions, greeting, hint)| {
            let persona = Persona { instructions, greeting: Some(greeting), hints: vec![hint], ..persona() };
            Action::Converse(Converse { tag: "ai".to_owned(), persona, on_failure: Vec::new() })
        }),
        proptest::collection::vec(wild_prompt(), 0..3).prop_map(|prompts| Action::Voicemail(Voicemail { prompts, ..voicemail() })),
        wild_text().prop_map(|reason| Action::HangUp(Some(reason))),
        wild_prompt().prop_map(Action::Say),
        Just(Action::Keep),
        Just(leave()),
    ]
}

proptest! {
    #[test]
    fn whatever_is_vetted_is_a_well_formed_document_of_twilios_size(
        prompts in proptest::collection::vec(wild_prompt(), 0..4),
        last in wild_last(),
        waiting: bool,
    ) {
        let stage = if waiting { Stage::at(Place::QueueWait) } else { Stage::new() };
        let mut actions: Vec<Action> = prompts.into_iter().map(Action::Say).collect();
        actions.push(last);
        if let Ok(vetted) = stage.vet(actions) {
            let decision = stage.settle(vetted);
            let body = Twilio.render(&decision, &stage.scene()).body;
            prop_assert!(body.len() <= DOCUMENT_BYTES_MAX);
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert_well_formed(&text);
            prop_assert!(text.starts_with("<?xml"));
            prop_assert!(!text.contains("<Dial/>") && text.matches("<Hangup/>").count() <= 1);
        }
    }
}
