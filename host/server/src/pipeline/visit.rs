//! Gathers what the steps from 4 on look at: the contact as it stands, its tenant, its flow and the tenant's directory.
//!
//! The pipeline loads it once its contact's turn has come, and again where a commit met a conflict. A first event makes the
//! contact here; nothing is written before the commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield_domain::contact::event::Event;
use jackfield_domain::contact::open::{Heard, Next, hear_without};
use jackfield_domain::contact::{Contact, Phase};
use jackfield_domain::flow::Flow;
use jackfield_domain::id::{ContactId, FlowName};
use jackfield_domain::priority::Priority;
use jackfield_domain::tenant::Tenant;
use jackfield_domain::tenant::directory::Directory;
use jackfield_domain::trail::AttemptRecord;
use jackfield_providers::provider::Provider;
use jackfield_store::StoreFault;

use super::parse::Parsed;
use crate::app::App;
use crate::quota::EventQuota;
use crate::surroundings::Surroundings;

/// What an event meets.
pub(super) struct Visit {
    pub contact: Contact,
    /// None before the first commit.
    pub revision: Option<u64>,
    /// The contact as it was read, to see what a conflicting commit changed.
    pub turn_read: u32,
    pub tenant: Arc<Tenant>,
    pub ancestors: Arc<[Tenant]>,
    pub flow: Option<Arc<Flow>>,
    pub directory: Arc<Directory>,
    /// Where the three above are from, and more that is looked up.
    pub around: Arc<Surroundings>,
    pub directory_revision: u64,
    /// True where the contact came here from another flow, by a plugin's wish.
    pub moved: bool,
    /// The contact that the provider's id meant until now, where that one is over and this one begins.
    pub before: Option<ContactId>,
    /// True where this event's decision hands the contact over, to a provider that reports no end.
    pub handed_over: bool,
    /// What the host did by itself, for the trail.
    pub notes: Vec<String>,
    /// What ran for this event before, in vain: its commit met a conflict.
    pub lost: Vec<AttemptRecord>,
    /// What the event may use, however often it runs.
    pub quota: Arc<EventQuota>,
}

/// What follows from what was heard.
pub(super) enum Turn {
    Ask(Arc<Event>),
    Host { draft: jackfield_domain::contact::decision::Draft, note: String },
}

pub(super) async fn load(app: &App, parsed: &Parsed) -> Result<Visit, StoreFault> {
    let scope = app.store.tenant(&parsed.tenant);
    let around = app.known.of(&parsed.tenant).await?.ok_or_else(|| StoreFault::missing("tenant", parsed.tenant.as_str()))?;
    let meant = parsed.contact.or(known(app, parsed).await?);
    let kept = match meant {
        Some(id) => scope.contact(&id).await?,
        None => None,
    };
    let before = match &kept {
        Some(found) => parsed.begins_anew(&found.row).then_some(found.row.id),
        // The provider's id means a contact of another tenant, which is over: the address has moved to this one meanwhile.
        None => meant.filter(|_| parsed.contact.is_none()),
    };
    let kept = kept.filter(|_| before.is_none());
    let (contact, revision) = match kept {
        Some(found) => (found.row, Some(found.revision)),
        None => (begin(&around.tenant, parsed), None),
    };
    let flow = around.flow(&app.store, &contact.flow).await?;
    let quota = || EventQuota::new(Arc::clone(&app.quotas), Arc::clone(&around.levels), contact.channel, contact.priority);
    Ok(Visit {
        quota: Arc::clone(parsed.quota.get_or_init(quota)),
        turn_read: contact.turn,
        contact,
        revision,
        tenant: Arc::clone(&around.tenant),
        ancestors: Arc::clone(&around.ancestors),
        flow,
        directory: Arc::clone(&around.directory),
        directory_revision: around.directory_revision,
        around,
        moved: false,
        before,
        handed_over: false,
        notes: Vec::new(),
        lost: Vec::new(),
    })
}

/// A contact that a first event made while this one waited for its turn.
async fn known(app: &App, parsed: &Parsed) -> Result<Option<ContactId>, StoreFault> {
    Ok(app.store.platform().call(&parsed.connection.id, &parsed.arrival.provider_contact).await?.map(|(_, contact)| contact))
}

fn begin(tenant: &Tenant, parsed: &Parsed) -> Contact {
    let mut random = [0; 10];
    // Without randomness ids of one millisecond could meet; the store's guard would refuse the second, and the provider retries.
    let _ = getrandom::fill(&mut random);
    Contact {
        id: ContactId::new(parsed.at, random),
        tenant: tenant.id.clone(),
        flow: parsed.flow.clone(),
        connection: parsed.connection.id.clone(),
        provider: parsed.connection.provider.clone(),
        channel: parsed.address.channel,
        address: parsed.address.clone(),
        arrival: parsed.arrival.clone(),
        release: None,
        plan: tenant.plan,
        language: tenant.language.clone(),
        started: parsed.at,
        heard: parsed.at,
        ended: None,
        end_cause: None,
        phase: Phase::Running,
        turn: 0,
        asked_turns: 0,
        idle_turns: 0,
        attributes: BTreeMap::new(),
        open: None,
        queues: Vec::new(),
        failures: Vec::new(),
        consents: BTreeMap::new(),
        state_schema: None,
        state_bytes: 0,
        priority: parsed.priority,
        test: false,
        gave_secrets: false,
    }
}

impl Visit {
    /// Itself, where the contact was made before.
    pub(super) fn existing(self) -> Option<Self> {
        self.revision.is_some().then_some(self)
    }

    /// How much waits on the answer.
    pub(super) fn priority(&self) -> Priority {
        Priority::of(self.contact.channel, self.turn_read > 0, self.contact.priority)
    }

    /// The turn that this event is.
    pub(super) fn turn(&self) -> u32 {
        self.turn_read.saturating_add(1)
    }

    /// Applies the rules of what is open. A move to another flow begins there as if the contact had just arrived.
    pub(super) async fn hear(&mut self, app: &App, provider: &dyn Provider, heard: Heard) -> Result<Turn, StoreFault> {
        let next = match &mut self.contact.open {
            Some(open) => {
                if provider.tries_all() {
                    open.all_were_tried();
                }
                open.hear(heard)
            }
            None => hear_without(heard),
        };
        Ok(match next {
            Next::Ask(event) => Turn::Ask(Arc::new(event)),
            Next::Host { draft, note } => Turn::Host { draft, note },
            Next::Move { flow } => {
                self.notes.push(format!("moved from flow {} to flow {flow}", self.contact.flow));
                if let Ok(name) = flow.parse::<FlowName>() {
                    self.flow = self.around.flow(&app.store, &name).await?;
                    self.contact.flow = name;
                    self.contact.release = None;
                }
                self.moved = true;
                Turn::Ask(Arc::new(Event::Arrived))
            }
        })
    }

    /// True where one above the tenant is suspended.
    pub(super) fn ancestor_suspended(&self) -> bool {
        self.ancestors.iter().any(|above| above.standing == jackfield_domain::tenant::Standing::Suspended)
    }
}
