//! Lifts any answer that a guest could give, vets it in a tenant's world, settles it and renders it for a provider.
//!
//! The bytes become values of the contract's types. Most such values are nonsense and end in the vetting, so every other input has its names,
//! tags and URLs replaced by ones that the tenant has: those come to the renderer with whatever else is odd about them.
//!
//! What must hold of every document: it is well-formed, of the provider's size, and names nobody else's queue.

use jackfield_domain::budget::Plan;
use jackfield_domain::contact::Endpoint;
use jackfield_domain::contact::decision::{Action, Draft, Exit, Prompt, PromptContent, Target, Transfer};
use jackfield_domain::fallback::{AnsweredBy, Case, Tried, World, settle, vet};
use jackfield_domain::id::ContactId;
use jackfield_domain::tenant::address::{Address, Channel};
use jackfield_domain::tenant::connection::Connection;
use jackfield_domain::tenant::directory::Directory;
use jackfield_providers::provider::{Place, Provider, Scene};
use jackfield_runtime::probe::edge::{Answer, answer};
use serde_json::json;

use crate::subject;
use crate::twiml::Twiml;

/// What came of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// The bytes were too few to be one.
    Nothing,
    /// It was none that is rendered: a persona, a failure, what a plugin says of itself.
    Other,
    /// It was refused, and the last words were rendered in its place.
    Refused,
    /// It was rendered.
    Rendered,
}

/// Owns what a scene borrows; made once, because every input plays in it.
pub struct Stage {
    connection: Connection,
    directory: Directory,
    caller: Endpoint,
    entry: Address,
    provider: &'static dyn Provider,
}

impl Stage {
    /// Acme, called through Twilio.
    pub fn new() -> anyhow::Result<Self> {
        let connection = json!({
            "id": "acme-twilio", "tenant": "acme", "provider": "twilio", "account": "AC0123456789abcdef0123456789abcdef",
            "public_url": "https://hooks.example", "secrets": [], "unbound": null, "speaker_url": "wss://speaker.example/relay", "created": 0,
        });
        let provider = jackfield_providers::provider::provider("twilio").ok_or_else(|| anyhow::anyhow!("there is no twilio"))?;
        Ok(Self {
            connection: serde_json::from_value(connection)?,
            directory: subject::directory()?,
            caller: Endpoint { raw: "+14155550100".to_owned(), e164: Some("+14155550100".to_owned()) },
            entry: "+18005551234".parse()?,
            provider,
        })
    }

    /// Takes an answer as far as it comes.
    pub fn play(&self, bytes: &[u8]) -> Came {
        let Some((how, rest)) = bytes.split_first() else { return Came::Nothing };
        let mut rest = arbitrary::Unstructured::new(rest);
        let draft = match answer(&mut rest) {
            Ok(Answer::Draft(draft)) => draft,
            Ok(Answer::Failure(failure)) => {
                assert!(!failure.detail.chars().any(char::is_control), "a failure's detail reaches terminals: {failure:?}");
                return Came::Other;
            }
            Ok(_) => return Came::Other,
            Err(_) => return Came::Nothing,
        };
        let draft = if how & 1 == 0 { draft } else { self.plausible(draft) };
        let place = if how & 2 == 0 { Place::Main } else { Place::QueueWait };
        self.render(draft, place, u32::from(*how) + 1)
    }

    fn render(&self, draft: Draft, place: Place, turn: u32) -> Came {
        let scene = Scene {
            connection: &self.connection,
            contact: ContactId::from_bytes([1; 16]),
            turn,
            place,
            language: "en-US",
            entry: Some(&self.entry),
            caller: &self.caller,
            directory: &self.directory,
            asked: "",
            ran: None,
            now: 0,
            alone: false,
        };
        let (limits, abilities) = (Plan::Maximum.limits(), self.provider.abilities(&scene));
        let world = World { directory: &self.directory, limits: &limits, listed: None, abilities: abilities.as_ref() };
        let vetted = vet(draft.clone(), &world);
        let came = if vetted.is_ok() { Came::Rendered } else { Came::Refused };
        let settled = settle(Case {
            attempts: vec![Tried { by: AnsweredBy::Plugin, result: vetted }],
            barred: None,
            steps: Vec::new(),
            limits: &limits,
            abilities: abilities.as_ref(),
            channel: Channel::Voice,
            language: "en-US",
            now: 0,
        });
        let reply = self.provider.render(&settled.decision, &scene);
        self.judge(&draft, &reply.body);
        if came == Came::Rendered {
            self.whisper(&draft, &scene);
        }
        came
    }

    /// A dialled target's leg is rendered from what the plugin said as well.
    fn whisper(&self, draft: &Draft, scene: &Scene<'_>) {
        let transfers = draft.actions.iter().filter_map(|action| match action {
            Action::Transfer(transfer) => Some(transfer),
            _ => None,
        });
        for transfer in transfers {
            let scene = Scene { place: Place::Whisper { leg: 1 }, ..*scene };
            let heard = jackfield_domain::contact::open::Heard::Arrival;
            let reply = self.provider.render_whisper(Some(transfer), &heard, &scene);
            self.judge(draft, &reply.body);
        }
    }

    fn judge(&self, draft: &Draft, body: &[u8]) {
        assert!(body.len() <= 64 * 1024, "a document of {} bytes for {draft:?}", body.len());
        let document = match Twiml::parse(body) {
            Ok(document) => document,
            Err(error) => panic!("{error}: {} for {draft:?}", String::from_utf8_lossy(body)),
        };
        assert!(document.elements.first().is_some_and(|root| root.path == "Response"), "another root: {}", String::from_utf8_lossy(body));
        let roots = document.elements.iter().filter(|element| !element.path.contains('/')).count();
        assert_eq!(roots, 1, "more than one root: {}", String::from_utf8_lossy(body));
        for queue in document.all("Enqueue").filter(|queue| queue.attribute("workflowSid").is_none()) {
            let own = self.directory.queues.keys().any(|name| queue.text.trim().ends_with(name.as_str()));
            assert!(own, "the customer was sent to {:?}, which is not this tenant's: {draft:?}", queue.text);
        }
        for element in &document.elements {
            let known = VERBS.split_whitespace().any(|verb| verb == element.name());
            assert!(known, "an element that nobody renders came from text: {:?} for {draft:?}", element.path);
        }
    }

    /// The same draft with names that the tenant has.
    fn plausible(&self, mut draft: Draft) -> Draft {
        for action in &mut draft.actions {
            match action {
                Action::Say(prompt) => speakable(prompt),
                Action::Play(play) => {
                    play.url = url(&play.url);
                    play.times = play.times % 100 + 1;
                }
                Action::Pause(ms) => *ms = *ms % 600_000 + 1,
                Action::SendDigits(keys) => *keys = self::keys(keys),
                Action::SetLanguage(language) => "de-AT".clone_into(language),
                Action::Collect(collect) => question(collect),
                Action::Menu(menu) => {
                    question(&mut menu.collect);
                    menu.choices.truncate(9);
                    menu.choices.iter_mut().enumerate().for_each(|(at, choice)| choice.key = (at + 1).to_string());
                }
                Action::Continue(tag) => *tag = word(tag),
                Action::WakeAfter(wake) => (wake.after_ms, wake.tag) = (wake.after_ms % 600_000 + 1_000, word(&wake.tag)),
                Action::AskConsent(ask) => {
                    ask.prompts.iter_mut().for_each(speakable);
                    (ask.topic, ask.accept_key) = ("recording".to_owned(), "1".to_owned());
                }
                Action::Enqueue(enqueue) => {
                    (enqueue.tag, enqueue.queue) = (word(&enqueue.tag), "sales".to_owned());
                    enqueue.hold_music = enqueue.hold_music.as_deref().map(url);
                    enqueue.priority = enqueue.priority.map(|priority| priority % 101);
                    enqueue.overflow.iter_mut().for_each(exit);
                }
                Action::Transfer(transfer) => aimed(transfer),
                Action::Conference(conference) => {
                    (conference.tag, conference.name) = (word(&conference.tag), "room".to_owned());
                    conference.hold_music = conference.hold_music.as_deref().map(url);
                }
                Action::Converse(converse) => {
                    converse.tag = word(&converse.tag);
                    converse.on_failure.iter_mut().for_each(exit);
                }
                Action::Voicemail(voicemail) => {
                    voicemail.tag = word(&voicemail.tag);
                    voicemail.prompts.iter_mut().for_each(speakable);
                    voicemail.max_length_ms = voicemail.max_length_ms % 600_000 + 1;
                    voicemail.terminator = voicemail.terminator.as_ref().map(|_| "#".to_owned());
                }
                Action::RecordAudio(policy) => policy.announcement.iter_mut().for_each(speakable),
                Action::Reject(reason) => "busy".clone_into(reason),
                _ => {}
            }
        }
        // Whatever stands after the end of a decision is a refusal that was tried often enough.
        if let Some(last) = draft.actions.iter().position(Action::is_last) {
            draft.actions.truncate(last + 1);
        }
        draft
    }
}

/// Elements that the renderer knows, and those of SSML inside a Say.
const VERBS: &str = "Response Say Play Pause Gather Enqueue Leave Dial Number Sip Client Conference Connect ConversationRelay Parameter \
                     Record Redirect Hangup Reject Start Recording Task break emphasis lang p phoneme prosody s say-as sub w";

fn word(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).take(64).collect()
}

fn keys(text: &str) -> String {
    let keys: String = text.chars().filter(char::is_ascii_digit).take(100).collect();
    if keys.is_empty() { "1".to_owned() } else { keys }
}

fn url(text: &str) -> String {
    let rest: String = text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).take(200).collect();
    format!("https://media.example/{rest}")
}

fn speakable(prompt: &mut Prompt) {
    let odd = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    match &mut prompt.content {
        PromptContent::Text(text) | PromptContent::Ssml(text) => {
            *text = text.chars().filter(|c| !odd(*c)).collect();
            if text.trim().is_empty() {
                "<p>hello</p>".clone_into(text);
            }
        }
        PromptContent::Audio(audio) => *audio = url(audio),
        PromptContent::Other(_) => prompt.content = PromptContent::Text("hello".to_owned()),
    }
    prompt.language = prompt.language.as_ref().map(|_| "en-GB".to_owned());
}

fn question(collect: &mut jackfield_domain::contact::decision::Collect) {
    collect.tag = word(&collect.tag);
    for prompts in [&mut collect.prompts, &mut collect.no_input, &mut collect.no_match, &mut collect.low_confidence] {
        prompts.iter_mut().for_each(speakable);
    }
    collect.dtmf |= !collect.speech;
    collect.max_digits = collect.max_digits % 64 + 1;
    collect.min_digits %= collect.max_digits + 1;
    collect.terminator = collect.terminator.as_ref().map(|_| "#".to_owned());
    collect.first_timeout_ms = collect.first_timeout_ms % 119_000 + 500;
    collect.inter_digit_timeout_ms %= 60_001;
    collect.minimum_confidence = collect.minimum_confidence.map(|least| if (0.0..=1.0).contains(&least) { least } else { 0.5 });
    collect.attempts = collect.attempts % 10 + 1;
}

fn exit(exit: &mut Exit) {
    match exit {
        Exit::Continue(tag) => *tag = word(tag),
        Exit::Say(prompt) => speakable(prompt),
        Exit::Enqueue(queue) => "billing".clone_into(queue),
        Exit::Number(number) => "+14155550150".clone_into(number),
        Exit::Flow(flow) => "evening".clone_into(flow),
        Exit::Other(_) => *exit = Exit::HangUp,
        Exit::Voicemail(_) | Exit::HangUp => {}
    }
}

fn aimed(transfer: &mut Transfer) {
    transfer.tag = word(&transfer.tag);
    transfer.caller_id = transfer.caller_id.as_ref().map(|_| "+18005551234".to_owned());
    transfer.whisper.iter_mut().for_each(speakable);
    transfer.targets.truncate(10);
    let alone = transfer.targets.len() == 1;
    for target in &mut transfer.targets {
        match target {
            Target::Flow(flow) if alone => "evening".clone_into(flow),
            Target::Sip(sip) => {
                sip.uri = format!("sip:{}", sip.uri.chars().filter(|c| !c.is_whitespace() && !c.is_control()).take(60).collect::<String>());
                sip.headers.iter_mut().for_each(|(name, _)| *name = format!("X-{}", word(name)));
            }
            Target::Person(person) => "duty".clone_into(person),
            _ => *target = Target::Number("+14155550123".to_owned()),
        }
    }
}
