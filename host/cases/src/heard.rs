//! Says what a customer hears or reads of a decision, in order, as text.
//!
//! Expectations compare with it and the report shows it. Audio is its URL, SSML is as it stands: what a voice makes of it is a provider's.

use jackfield_domain::contact::decision::{Action, Collect, Prompt, PromptContent};

/// What is heard of these actions.
pub(crate) fn heard(actions: &[Action]) -> Vec<String> {
    actions.iter().flat_map(of).collect()
}

fn of(action: &Action) -> Vec<String> {
    match action {
        Action::Say(prompt) => vec![text(prompt)],
        Action::Play(play) => vec![play.url.clone()],
        Action::Collect(collect) => asked(collect),
        Action::Menu(menu) => asked(&menu.collect),
        Action::AskConsent(ask) => ask.prompts.iter().map(text).collect(),
        Action::Voicemail(voicemail) => voicemail.prompts.iter().map(text).collect(),
        Action::SendMessage(message) => std::iter::once(message.text.clone()).chain(message.media.iter().cloned()).collect(),
        _ => Vec::new(),
    }
}

fn asked(collect: &Collect) -> Vec<String> {
    collect.prompts.iter().map(text).collect()
}

fn text(prompt: &Prompt) -> String {
    match &prompt.content {
        PromptContent::Text(text) | PromptContent::Ssml(text) | PromptContent::Audio(text) => text.clone(),
        PromptContent::Other(extension) => extension.data.clone(),
    }
}
