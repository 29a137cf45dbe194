//! Renders a default route so that it works while we are away: a document on a host elsewhere, in which nothing comes back to us.
//!
//! The provider's `render_alone` calls it for `jackfield connection fallback`; the files are what the provider's fallback URL leads to. It goes through the
//! same page as every answer, told that it is alone: where the page would write a URL of ours it refuses, so that one cannot slip in.
//! What needs an answer from the caller is left out with everything behind it, because keys would be pressed that nobody hears; what
//! only needs a place to go - a queue, a number, a conference, a recording - works without us, and loses what we would have added.

use jackfield_domain::contact::decision::{Action, Draft, Exit, Ringing, Target, Transfer};
use jackfield_domain::contact::open::exit_action;
use jackfield_domain::fallback::{Inability, last_words};

use super::{Dialect, Document, Page, bounded, cannot};
use crate::provider::{Hosting, Scene};

/// Where a recording goes on: beside the documents, because a provider takes a relative URL and would otherwise begin the same document
/// again.
pub(super) const GOODBYE: &str = "goodbye.xml";

/// What a host must know, for Twilio; a dialect with other settings writes its own readme.
pub(crate) const HOSTING: Hosting = Hosting {
    ending: "xml",
    content_type: "text/xml; charset=utf-8",
    companions: &[(GOODBYE, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Hangup/></Response>")],
    readme: "These are TwiML documents for the time in which Jackfield cannot be reached. Host them all in one folder, on machines and a\n\
        network that do not fail together with Jackfield: a bucket behind a CDN will do. Each must be given out over HTTPS with the content\n\
        type text/xml.\n\n\
        For each number that index.json lists, set at Twilio \"Primary handler fails\" (VoiceFallbackUrl) to the URL of its open document, and\n\
        the method to HTTP GET (VoiceFallbackMethod): most static hosts refuse POST. Twilio asks for it when Jackfield does not answer,\n\
        answers with an error, or too late.\n\n\
        A static host knows no hours. The closed document is what callers would hear outside hours: swap the URL where an outage outlasts\n\
        the day, or let the host choose by the clock.\n\n\
        index.json says for each document what it leaves out. Recordings that callers leave meanwhile stay in the Twilio account, and\n\
        nothing of such calls is in Jackfield's trail. Write the documents again whenever default routes, queues, people or addresses\n\
        change: they do not follow by themselves.\n",
};

/// Renders a draft without anything that comes back; an inability where nothing worth hearing is left.
pub(crate) fn alone(dialect: &Dialect, draft: &Draft, scene: &Scene<'_>) -> Result<Document, Inability> {
    let mut lesser = Vec::new();
    let mut kept: Vec<Action> = Vec::new();
    let mut wanted: Vec<Action> = Vec::new();
    draft.actions.iter().for_each(|action| wanted.extend(instead(action, dialect.called, &mut lesser)));
    for action in wanted {
        let mut trial = page(dialect, scene);
        match trial.action(&action) {
            Ok(()) => kept.push(action),
            Err(Inability { why, .. }) => lesser.push(format!("{}: left out, because {why}", action.name())),
        }
    }
    let mut page = page(dialect, scene);
    kept.iter().try_for_each(|action| page.action(action))?;
    let leads_away = kept.last().is_some_and(Action::is_last);
    if !leads_away && !page.audible {
        return Err(cannot("decision", "nothing of it works without us"));
    }
    // A greeting whose question was left out would end in silence.
    if !leads_away && draft.actions.last().is_some_and(Action::is_last) {
        lesser.push("decision: it ends with an apology instead of what is left out".to_owned());
        last_words().actions.iter().try_for_each(|action| page.action(action))?;
    }
    lesser.extend(std::mem::take(&mut page.notes));
    let body = bounded(page.markup.finish(), dialect.called)?;
    Ok(Document { body, notes: lesser })
}

fn page<'a>(dialect: &'a Dialect, scene: &'a Scene<'a>) -> Page<'a> {
    Page { alone: true, ..Page::new(dialect, scene.connection, Some(scene)) }
}

/// What is done instead of an action, as far as that is another action; the rest is tried as it is.
fn instead(action: &Action, who: &str, lesser: &mut Vec<String>) -> Vec<Action> {
    match action {
        Action::Transfer(transfer) => vec![Action::Transfer(to_one_place(transfer, lesser))],
        Action::Enqueue(enqueue) => {
            if enqueue.notify || enqueue.maximum_wait_ms.is_some() || !enqueue.overflow.is_empty() || enqueue.announce_every_ms.is_some() {
                lesser.push("enqueue: the caller waits without announcements and for as long as it takes".to_owned());
            }
            vec![action.clone()]
        }
        Action::Converse(converse) => {
            lesser.push("converse: the AI speaker is ours; what was set for its failure is done instead".to_owned());
            converse.on_failure.iter().filter(|exit| !matches!(exit, Exit::Continue(_))).map(exit_action).collect()
        }
        Action::Voicemail(_) => {
            lesser.push(format!("voicemail: the recording stays in the {who} account, and nobody is told of it"));
            vec![action.clone()]
        }
        Action::Conference(conference) if conference.start_on_enter => vec![action.clone()],
        Action::Conference(_) => {
            lesser.push("conference: it begins only when somebody enters who may begin it".to_owned());
            vec![action.clone()]
        }
        other => vec![other.clone()],
    }
}

/// Only one round of ringing: the next would begin after the talk as well as after silence.
fn to_one_place(transfer: &Transfer, lesser: &mut Vec<String>) -> Transfer {
    let mut alone = transfer.clone();
    let first_only = alone.ringing == Ringing::Series && alone.targets.len() > 1;
    if first_only && !matches!(alone.targets.first(), Some(Target::Flow(_))) {
        alone.targets.truncate(1);
        lesser.push("transfer: only the first target is called".to_owned());
    }
    if alone.whisper.take().is_some() || alone.screening {
        lesser.push("transfer: the target hears no whisper and is not asked whether to accept".to_owned());
    }
    alone.screening = false;
    alone
}
