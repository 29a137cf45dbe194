//! Walks one contact through a case: what is heard, what the host does by rule, what the plugin answers, what comes of it.
//!
//! It is the pipeline's order of steps without what a case has no part in - providers, quotas over time, the store. Each step asks the
//! same rules: what is open decides whether the plugin is asked, the admit rule whether it may run, the runtime runs it, its draft is
//! vetted, and what nobody answers goes to the default routes of the world.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jackfield_domain::budget::{Limits, Used};
use jackfield_domain::capability::LogLine;
use jackfield_domain::contact::after::Decided;
use jackfield_domain::contact::decision::{Decision, Draft, Vetted};
use jackfield_domain::contact::event::{ContextChanged, Event};
use jackfield_domain::contact::open::{Heard, Next, hear_without};
use jackfield_domain::contact::{Contact, Moment};
use jackfield_domain::fallback::{self, Abilities, AnsweredBy, Case, Failure, FailureKind, Inability, Tried, World, vet};
use jackfield_domain::flow::egress::EgressRules;
use jackfield_domain::flow::plugin::Grant;
use jackfield_domain::ports::outbound::Errand;
use jackfield_domain::ports::spending::Unmetered;
use jackfield_domain::ports::state::StateSpace;
use jackfield_domain::priority::Priority;
use jackfield_domain::quota::{Asking, Barred, Pass, admit};
use jackfield_domain::tenant::hours::offset_minutes;
use jackfield_runtime::capability::live::{Live, LiveParts};
use jackfield_runtime::{Call, Function, Installed, Outcome, Runtime};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::stand_in::{Asked, Hosts, Memory};
use crate::world::{Found, TENANT};

/// Between two steps: a customer who listens and answers.
const STEP_MS: u64 = 5_000;

/// A provider that can do everything: what a certain one cannot is said when a flow is bound to it.
struct Everything;

impl Abilities for Everything {
    fn check(&self, _draft: &Draft) -> Result<Vec<String>, Inability> {
        Ok(Vec::new())
    }
}

/// A contact on its way.
pub(crate) struct Walk<'a> {
    pub runtime: &'a Runtime,
    pub plugin: &'a Installed,
    pub found: Found,
    pub memory: Arc<Memory>,
    pub hosts: Arc<Hosts>,
    /// What was written from outside, with its revision.
    context: Option<(String, u32)>,
}

/// What came of a step.
pub(crate) struct Came {
    /// As the plugin was told, or would have been.
    pub event: Event,
    /// None for what expects no answer.
    pub decision: Option<Decision>,
    pub answered_by: AnsweredBy,
    /// Of the plugin; none where it answered or was not asked.
    pub failure: Option<Failure>,
    pub barred: Option<Barred>,
    /// True where the plugin was asked.
    pub asked: bool,
    /// What the host did by itself.
    pub note: Option<String>,
    pub used: Used,
    pub log: Vec<LogLine>,
    pub outcomes: Vec<String>,
    pub requests: Vec<Asked>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(runtime: &'a Runtime, plugin: &'a Installed, found: Found) -> Self {
        let memory = Arc::new(Memory::new(&found.state, found.stubs.state_unavailable.unwrap_or(false)));
        let hosts = Arc::new(Hosts::new(&found.stubs.http));
        Self { runtime, plugin, found, memory, hosts, context: None }
    }

    /// How long the contact lasts so far, in milliseconds.
    pub(crate) fn lasted_ms(&self) -> u64 {
        self.found.now.saturating_sub(self.found.contact.started)
    }

    /// One step.
    pub(crate) async fn hear(&mut self, heard: Heard) -> Came {
        if self.found.contact.turn > 0 {
            self.found.now = self.found.now.saturating_add(STEP_MS);
        }
        let expects_answer = heard.expects_answer();
        let next = match &mut self.found.contact.open {
            Some(open) if expects_answer => open.hear(heard),
            _ => hear_without(heard),
        };
        let came = match next {
            Next::Ask(event) if !expects_answer => self.tell(event).await,
            Next::Ask(event) => self.ask(event).await,
            Next::Host { draft, note } => self.go_on(draft, note),
            // The other flow's plugin is not under test: the contact has left.
            Next::Move { flow } => {
                let draft =
                    Draft { actions: vec![jackfield_domain::contact::decision::Action::Keep], reason: format!("moved to the flow {flow}") };
                self.go_on(draft, format!("the contact moved to the flow {flow}"))
            }
        };
        self.take(&came);
        came
    }

    /// Somebody outside writes the contact's context.
    pub(crate) async fn context(&mut self, json: &Value) -> Came {
        self.found.now = self.found.now.saturating_add(STEP_MS);
        let revision = self.context.as_ref().map_or(1, |(_, revision)| revision.saturating_add(1));
        self.context = Some((json.to_string(), revision));
        self.tell(Event::ContextChanged(ContextChanged { revision, by: "the case".to_owned() })).await
    }

    fn take(&mut self, came: &Came) {
        let Some(decision) = &came.decision else { return };
        let contact = &mut self.found.contact;
        if let Some(failure) = &came.failure {
            contact.failures.push(failure.code().to_owned());
        }
        let decided = Decided {
            event: &came.event,
            actions: decision.actions(),
            by_host: came.note.is_some(),
            // Who moves to another flow has left the one that is tested.
            moved: false,
            turn: contact.turn.saturating_add(1),
            now: self.found.now,
        };
        contact.take(&decided);
    }

    /// The host's own step.
    fn go_on(&mut self, draft: Draft, note: String) -> Came {
        let world = World { directory: &self.found.directory, limits: &self.found.limits, listed: None, abilities: &Everything };
        let tried = Tried { by: AnsweredBy::Plugin, result: vet(draft, &world) };
        let settled = self.settle(vec![tried], None);
        Came { note: Some(note), ..self.came(Event::Arrived, Some(settled.0), settled.1) }
    }

    fn came(&self, event: Event, decision: Option<Decision>, answered_by: AnsweredBy) -> Came {
        Came {
            event,
            decision,
            answered_by,
            failure: None,
            barred: None,
            asked: false,
            note: None,
            used: Used::default(),
            log: Vec::new(),
            outcomes: Vec::new(),
            requests: Vec::new(),
        }
    }

    fn settle(&self, attempts: Vec<Tried>, barred: Option<Barred>) -> (Decision, AnsweredBy) {
        let Found { routes, directory, contact, limits, now, .. } = &self.found;
        let settled = fallback::settle(Case {
            attempts,
            barred,
            steps: vec![fallback::Step { by: AnsweredBy::FlowDefault, routes, directory }],
            limits,
            abilities: &Everything,
            channel: contact.channel,
            language: &contact.language,
            now: *now,
        });
        (settled.decision, settled.answered_by)
    }

    async fn ask(&mut self, event: Event) -> Came {
        let pass = match self.admit(&event) {
            Ok(pass) => pass,
            Err(barred) => {
                let (decision, by) = self.settle(Vec::new(), Some(barred));
                return Came { barred: Some(barred), ..self.came(event, Some(decision), by) };
            }
        };
        let ran = self.run(&pass, Function::Handle, event.clone()).await;
        let listed = &self.plugin.metadata.actions;
        let world = World { directory: &self.found.directory, limits: &self.found.limits, listed: Some(listed), abilities: &Everything };
        let result: Result<Vetted, Failure> = ran.result.and_then(|outcome| match outcome {
            Outcome::Draft(draft) => vet(draft, &world),
            Outcome::Persona(_) | Outcome::Nothing => Err(Failure::new(FailureKind::BrokeAbi, "router.handle gave back no decision")),
        });
        let failure = result.as_ref().err().cloned();
        let mut outcomes = Vec::new();
        if failure.is_none() {
            self.memory.keep(&ran.effects.writes);
            self.found.contact.state_bytes = ran.effects.contact_state_bytes;
            outcomes = ran.effects.outcomes.iter().map(|(goal, _)| goal.clone()).collect();
        }
        let (decision, by) = self.settle(vec![Tried { by: AnsweredBy::Plugin, result }], None);
        let requests = self.hosts.asked();
        Came { failure, asked: true, used: ran.used, log: ran.log, outcomes, requests, ..self.came(event, Some(decision), by) }
    }

    /// What expects no answer goes to the plugin's observer, where it has one.
    async fn tell(&mut self, event: Event) -> Came {
        let none = self.came(event.clone(), None, AnsweredBy::Plugin);
        if !self.plugin.exports.contains(Function::Notify.interface()) {
            return none;
        }
        let Ok(pass) = self.admit(&event) else { return none };
        let ran = self.run(&pass, Function::Notify, event).await;
        if ran.result.is_ok() {
            self.memory.keep(&ran.effects.writes);
        }
        let outcomes = ran.effects.outcomes.iter().map(|(goal, _)| goal.clone()).collect();
        let requests = self.hosts.asked();
        Came { failure: ran.result.err(), asked: true, used: ran.used, log: ran.log, outcomes, requests, ..none }
    }

    fn admit(&self, event: &Event) -> Result<Pass, Barred> {
        let Found { tenant, directory, contact, now, .. } = &self.found;
        admit(&Asking {
            tenant,
            ancestor_suspended: false,
            closure: directory.closed(*now),
            now: *now,
            asked_turns: contact.asked_turns,
            idle_turns: if event.is_from_customer() { 0 } else { contact.idle_turns },
        })
    }

    async fn run(&self, pass: &Pass, function: Function, event: Event) -> jackfield_runtime::Ran {
        let Found { contact, limits, now, .. } = &self.found;
        let grants: BTreeSet<Grant> = self.plugin.imports.clone();
        let limits = if grants.contains(&Grant::Http) { limits.with_http() } else { *limits };
        let turn = contact.turn.saturating_add(1);
        // Of the case alone and the same for every try.
        let (about, event, settings) = (Arc::new(contact.clone()), Arc::new(event), Arc::new(self.found.settings.clone()));
        let call = || Call {
            digest: self.plugin.digest,
            class: self.plugin.class,
            priority: Priority::Background,
            function,
            contact: Arc::clone(&about),
            event: Arc::clone(&event),
            release: 1,
            turn,
            attempt: 1,
            now: *now,
            zone_offset_minutes: offset_minutes(&self.found.tenant.zone, *now),
            deadline: now.saturating_add(limits.wall_ms_max),
            limits,
            wall: Duration::from_millis(limits.wall_ms_max),
            seed: seed(turn, *now),
            grants: grants.clone(),
            capabilities: Box::new(Live::new(self.parts(&limits, &about, &settings))),
            context: self.context.clone(),
        };
        self.runtime.rehearse(pass, call).await
    }

    fn parts(&self, limits: &Limits, contact: &Arc<Contact>, settings: &Arc<Value>) -> LiveParts {
        let Found { tenant, directory, now, seen, plugin_name, .. } = &self.found;
        LiveParts {
            settings: Arc::clone(settings),
            directory: Arc::new(directory.clone()),
            state: Arc::clone(&self.memory) as _,
            space: StateSpace { tenant: tenant.id.clone(), owner: tenant.id.clone(), plugin: plugin_name.clone(), contact: contact.id },
            contact: Arc::clone(contact),
            limits: *limits,
            now: *now,
            outcomes: self.plugin.metadata.outcomes.clone(),
            salt_key: [7; 32],
            last_seen: Box::pin(std::future::ready(Ok(*seen))),
            outbound: Arc::clone(&self.hosts) as _,
            errand: Errand {
                tenant: tenant.id.clone(),
                flow: contact.flow.clone(),
                release: 1,
                rules: Arc::new(EgressRules::default()),
                body_bytes_max: limits.http_bytes_max,
                spending: Arc::new(Unmetered),
            },
        }
    }
}

/// The same in every run of a case, another in every step.
fn seed(turn: u32, now: Moment) -> [u8; 32] {
    Sha256::new().chain_update(TENANT).chain_update(turn.to_be_bytes()).chain_update(now.to_be_bytes()).finalize().into()
}
