//! Renders what gives the customer to somebody else: a queue, a target, a conference, an AI speaker, a mailbox.
//!
//! Each begins something that comes back to us, so each carries a URL with the step's token. A name that a provider keeps for a whole
//! account carries the tenant's: two tenants of one account never share a queue or a conference.

use jackfield_domain::contact::decision::{Conference, Converse, Enqueue, Relaxation, Skill, Voicemail};
use jackfield_domain::contact::persona::{BargeIn, Persona};
use jackfield_domain::fallback::Inability;
use jackfield_domain::id::Digest;
use jackfield_domain::refusal::Code;
use serde_json::json;

use super::markup::Attribute;
use super::question::one_hint;
use super::{Page, alone, cannot, seconds};
use crate::provider::{Place, Scene};

/// Longest name of a queue or conference at Twilio.
const NAME_CHARS_MAX: usize = 64;
/// How much of a longer name stays, before a dash and twelve digits of its digest.
const NAME_CHARS_KEPT: usize = NAME_CHARS_MAX - 13;
/// Most participants of a conference at Twilio.
const PARTICIPANTS_MAX: u32 = 250;

impl Page<'_> {
    pub(super) fn enqueue(&mut self, enqueue: &Enqueue) -> Result<(), Inability> {
        let scene = self.scene_for("enqueue")?;
        let back = match self.alone {
            false => Some((self.hook(Place::QueueLeft, "enqueue")?, self.hook(Place::QueueWait, "enqueue")?)),
            true => None,
        };
        let given = scene.directory.queues.get(&enqueue.queue).and_then(|queue| queue.provider_ids.get(self.dialect.name));
        let mut attributes: Vec<Attribute<'_>> = match (&back, &enqueue.hold_music) {
            (Some((left, wait)), _) => vec![("action", left), ("method", "POST"), ("waitUrl", wait), ("waitUrlMethod", "POST")],
            (None, Some(music)) if self.dialect.queues_play => vec![("waitUrl", music), ("waitUrlMethod", "GET")],
            (None, _) => Vec::new(),
        };
        if self.alone && enqueue.hold_music.is_some() && !self.dialect.queues_play {
            self.note("enqueue", "a queue is given a document to play, and nobody is there to write one");
        }
        if enqueue.maximum_wait_ms.is_some() && enqueue.hold_music.is_some() {
            self.note("enqueue", "whether maximum-wait is over is looked at each time the hold music ends");
        }
        if let Some(workflow) = given.filter(|id| self.dialect.has_workflows && is_sid("WW", id)) {
            if self.alone {
                self.note("enqueue", "the task names no contact");
            }
            attributes.push(("workflowSid", workflow));
            self.markup.begin("Enqueue", &attributes);
            let priority = enqueue.priority.map(|priority| priority.to_string());
            let of_task: Vec<Attribute<'_>> = priority.iter().map(|priority| ("priority", priority.as_str())).collect();
            self.markup.leaf("Task", &of_task, &task(enqueue, scene, self.alone));
            self.markup.end();
            return Ok(());
        }
        if enqueue.priority.is_some() || !enqueue.skills.is_empty() || !enqueue.relaxations.is_empty() {
            let needed =
                if self.dialect.has_workflows { "need a TaskRouter workflow as the queue's Twilio id" } else { "are not known there" };
            self.note("enqueue", &format!("priority and skills {needed}; this queue serves in order of arrival"));
        }
        self.markup.leaf("Enqueue", &attributes, &queue_name(enqueue, given, scene));
        Ok(())
    }

    pub(super) fn conference(&mut self, conference: &Conference) -> Result<(), Inability> {
        let scene = self.scene_for("conference")?;
        let url = if self.alone { None } else { Some(self.hook(Place::ConferenceLeft, "conference")?) };
        let truth = |value: bool| if value { "true" } else { "false" };
        let most = conference.max_participants.map(|most| most.clamp(2, PARTICIPANTS_MAX));
        if most != conference.max_participants {
            let who = self.dialect.called;
            self.note("conference", &format!("{who}'s conferences have 2 to 250 participants"));
        }
        let most = most.map(|most| most.to_string());
        let mut attributes: Vec<Attribute<'_>> = vec![
            ("startConferenceOnEnter", truth(conference.start_on_enter)),
            ("endConferenceOnExit", truth(conference.end_on_exit)),
            ("muted", truth(conference.muted)),
        ];
        attributes.extend(most.as_deref().map(|most| ("maxParticipants", most)));
        if let Some(music) = &conference.hold_music {
            // An audio file is fetched by GET, so that it may be kept.
            attributes.extend([("waitUrl", music.as_str()), ("waitMethod", "GET")]);
        }
        let back: Vec<Attribute<'_>> = url.iter().flat_map(|url| [("action", url.as_str()), ("method", "POST")]).collect();
        self.markup.begin("Dial", &back);
        self.markup.leaf("Conference", &attributes, &scoped(scene, &conference.name));
        self.markup.end();
        Ok(())
    }

    pub(super) fn converse(&mut self, converse: &Converse) -> Result<(), Inability> {
        let scene = self.scene_for("converse")?;
        let Some(speaker_url) = &scene.connection.speaker_url else {
            return Err(Inability { code: Code::NeedsSpeaker, ..cannot("converse", "the connection has no speaker_url") });
        };
        let url = self.hook(Place::SpeakerEnded, "converse")?;
        let persona = &converse.persona;
        // The greeting is the provider's to say, and would be said twice if the speaker had it too.
        let silent = Persona { greeting: None, ..persona.clone() };
        let described = serde_json::to_string(&silent).map_err(|_| cannot("converse", "the persona cannot be written as JSON"))?;
        let hints = persona.hints.iter().map(|hint| one_hint(hint)).collect::<Vec<_>>().join(", ");
        let interruptible = match persona.interruptible {
            BargeIn::None => "none",
            BargeIn::Dtmf => "dtmf",
            BargeIn::Speech => "speech",
            BargeIn::Any => "any",
        };
        let mut attributes: Vec<Attribute<'_>> = vec![("url", speaker_url), ("language", &persona.language)];
        attributes.extend(persona.greeting.as_deref().map(|greeting| ("welcomeGreeting", greeting)));
        attributes.extend(persona.voice.as_deref().map(|voice| ("voice", voice)));
        attributes.extend([("interruptible", interruptible), ("welcomeGreetingInterruptible", interruptible), ("dtmfDetection", "true")]);
        if !hints.is_empty() {
            attributes.push(("hints", &hints));
        }
        self.markup.begin("Connect", &[("action", &url), ("method", "POST")]);
        self.markup.begin("ConversationRelay", &attributes);
        self.markup.empty("Parameter", &[("name", "contact"), ("value", &scene.contact.to_string())]);
        self.markup.empty("Parameter", &[("name", "persona"), ("value", &described)]);
        self.markup.end();
        self.markup.end();
        Ok(())
    }

    pub(super) fn voicemail(&mut self, voicemail: &Voicemail) -> Result<(), Inability> {
        let (url, method) = match self.alone {
            false => (self.hook(Place::Recorded, "voicemail")?, "POST"),
            // Without one the provider would fetch this very document again, and record for ever.
            true => (alone::GOODBYE.to_owned(), "GET"),
        };
        self.prompts(&voicemail.prompts, "voicemail")?;
        if voicemail.transcribe {
            let who = self.dialect.called;
            self.note("voicemail", &format!("{who}'s transcript is ready after voicemail-ended, and is not asked for"));
        }
        let length = seconds(voicemail.max_length_ms);
        let silence = voicemail.silence_timeout_ms.map(seconds);
        let mut attributes: Vec<Attribute<'_>> = vec![
            ("action", &url),
            ("method", method),
            ("maxLength", &length),
            ("finishOnKey", voicemail.terminator.as_deref().unwrap_or_default()),
            ("playBeep", if voicemail.beep { "true" } else { "false" }),
        ];
        attributes.extend(silence.as_deref().map(|silence| ("timeout", silence)));
        self.markup.empty("Record", &attributes);
        // A provider goes on with the next verb where nothing was said; that too must come back.
        self.markup.leaf("Redirect", &[("method", method)], &url);
        Ok(())
    }
}

fn is_sid(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// What a workflow routes by. Twilio adds the call's id and numbers by itself.
fn task(enqueue: &Enqueue, scene: &Scene<'_>, is_alone: bool) -> String {
    let skills = |skills: &[Skill]| -> serde_json::Map<String, serde_json::Value> {
        skills.iter().map(|skill| (skill.name.clone(), json!(skill.level))).collect()
    };
    let relaxed = |step: &Relaxation| json!({ "after_ms": step.after_ms, "skills": skills(&step.skills) });
    let contact = (!is_alone).then(|| scene.contact.to_string());
    json!({
        "contact": contact,
        "queue": enqueue.queue,
        "language": scene.language,
        "skills": skills(&enqueue.skills),
        "relaxations": enqueue.relaxations.iter().map(relaxed).collect::<Vec<_>>(),
    })
    .to_string()
}

/// A tenant that owns the connection names its queues as it likes. On somebody else's account even a chosen name carries the tenant's,
/// or one tenant could name another's queue.
fn queue_name(enqueue: &Enqueue, given: Option<&String>, scene: &Scene<'_>) -> String {
    match given {
        Some(name) if scene.directory.tenant.as_ref() == Some(&scene.connection.tenant) => cut_name(name.clone()),
        Some(name) => scoped(scene, name),
        None => scoped(scene, &enqueue.queue),
    }
}

/// Tenant and name with a dot between, which no tenant's name has: "a-b" and "c" are never "a" and "b-c".
fn scoped(scene: &Scene<'_>, name: &str) -> String {
    let tenant = scene.directory.tenant.as_ref().unwrap_or(&scene.connection.tenant);
    cut_name(format!("{tenant}.{name}"))
}

/// A name that is too long ends in its digest, so that two long names stay two.
fn cut_name(name: String) -> String {
    if name.chars().count() <= NAME_CHARS_MAX {
        return name;
    }
    let kept: String = name.chars().take(NAME_CHARS_KEPT).collect();
    format!("{kept}-{}", Digest::of(name.as_bytes()).short())
}
