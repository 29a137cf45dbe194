//! Says of each noun in which table it stands, under which key, and whether it is sealed.
//!
//! [`crate::TenantStore`] and [`crate::Change`] are written once over [`Row`]; a new noun is one `impl` here. Nouns that do not carry
//! their own place, such as settings, are wrapped with it. What may hold secrets or personal data is sealed: settings and with them
//! releases, people, contacts, turns and replies.
//!
//! It must not build whole keys: a row gives its own part only, and `keys` puts the tenant before it.

use jackfield_domain::capture::CaptureRules;
use jackfield_domain::contact::{Contact, Moment};
use jackfield_domain::fallback::DefaultRoutes;
use jackfield_domain::flow::Flow;
use jackfield_domain::flow::case_file::CaseFile;
use jackfield_domain::flow::plugin::{Plugin, Version};
use jackfield_domain::flow::release::{Release, ReleaseNumber};
use jackfield_domain::flow::settings::SettingsRevision;
use jackfield_domain::id::{ConnectionId, ContactId, EntryName, FlowName, PluginName};
use jackfield_domain::quota::ledger::Notice;
use jackfield_domain::quota::meter::QuotaRow;
use jackfield_domain::tenant::directory::{Closure, Person, Queue, QueueStatus};
use jackfield_domain::tenant::edit::Edit;
use jackfield_domain::tenant::hours::Hours;
use jackfield_domain::tenant::secret::TenantSecret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::keys::{Table, texts};

/// A noun in a tenant's scope.
pub trait Row: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// By what it is found.
    type Id: Clone + Send + Sync;
    /// Where it stands.
    const TABLE: Table;
    /// Whether its tenant's key seals it.
    const SEALED: bool;

    /// Its own.
    fn id(&self) -> Self::Id;

    /// The key's part for an id. Parts sort as lists are wanted.
    fn key_part(id: &Self::Id) -> Vec<u8>;
}

/// A row as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<R> {
    /// What is kept.
    pub row: R,
    /// For [`jackfield_domain::ports::rows::Expect::Revision`].
    pub revision: u64,
}

/// Whose settings or default routes: the tenant's own, or a flow's.
pub type Level = Option<FlowName>;

/// One revision of the settings of a level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingsRow {
    /// None: the tenant's.
    pub level: Level,
    /// What was set.
    pub settings: SettingsRevision,
}

/// The default routes of a level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoutesRow {
    /// None: the tenant's.
    pub level: Level,
    /// What was set.
    pub routes: DefaultRoutes,
}

/// How a queue stands, with the queue's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatusRow {
    /// Which queue.
    pub queue: EntryName,
    /// How it stands.
    pub status: QueueStatus,
}

/// What makes two webhooks the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RetryId {
    /// Where it came in.
    pub connection: ConnectionId,
    /// The contact.
    pub contact: ContactId,
    /// The turn that it answers; 0 for the first.
    pub turn: u32,
    /// Keyed digest of what identifies the event.
    pub event: String,
}

/// The answer that a retry gets again, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Of which event.
    pub id: RetryId,
    /// HTTP status.
    pub status: u16,
    /// Empty where there is no body.
    pub content_type: String,
    /// The body. As text where it is text, because JSON writes a list of numbers four times as long.
    #[serde(with = "body")]
    pub body: Vec<u8>,
    /// Beside the content type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// When it was answered.
    pub answered: Moment,
}

/// Writes bytes as text, or as base64 behind a mark where they are none.
mod body {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Body {
        Text(String),
        Base64(String),
    }

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Body::Text(text.to_owned()),
            Err(_) => Body::Base64(STANDARD.encode(bytes)),
        }
        .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        match Body::deserialize(deserializer)? {
            Body::Text(text) => Ok(text.into_bytes()),
            Body::Base64(text) => STANDARD.decode(text).map_err(serde::de::Error::custom),
        }
    }
}

macro_rules! row {
    ($type:ty, $table:ident, sealed: $sealed:literal, $id:ty, |$row:ident| $of:expr, |$key:ident| $part:expr) => {
        impl Row for $type {
            type Id = $id;
            const TABLE: Table = Table::$table;
            const SEALED: bool = $sealed;

            fn id(&self) -> Self::Id {
                let $row = self;
                $of
            }

            fn key_part($key: &Self::Id) -> Vec<u8> {
                $part
            }
        }
    };
}

row!(Flow, Flow, sealed: false, FlowName, |row| row.name.clone(), |id| texts([id.as_str()]));
row!(Plugin, Plugin, sealed: false, PluginName, |row| row.name.clone(), |id| texts([id.as_str()]));
row!(Version, Version, sealed: false, (PluginName, u32), |row| (row.plugin.clone(), row.number), |id| numbered(id.0.as_str(), id.1));
row!(Release, Release, sealed: true, (FlowName, ReleaseNumber), |row| (row.flow.clone(), row.number), |id| numbered(
    id.0.as_str(),
    id.1
));
row!(SettingsRow, Settings, sealed: true, (Level, u32), |row| (row.level.clone(), row.settings.revision), |id| numbered(
    of_level(&id.0),
    id.1
));
row!(RoutesRow, Routes, sealed: false, Level, |row| row.level.clone(), |id| texts([of_level(id)]));
row!(Queue, Queue, sealed: false, EntryName, |row| row.name.clone(), |id| texts([id.as_str()]));
row!(QueueStatusRow, QueueStatus, sealed: false, EntryName, |row| row.queue.clone(), |id| texts([id.as_str()]));
row!(Person, Person, sealed: true, EntryName, |row| row.name.clone(), |id| texts([id.as_str()]));
row!(TenantSecret, Secret, sealed: true, EntryName, |row| row.handle.clone(), |id| texts([id.as_str()]));
row!(Hours, Hours, sealed: false, EntryName, |row| row.name.clone(), |id| texts([id.as_str()]));
row!(Closure, Closure, sealed: false, (), |_row| (), |_id| Vec::new());
row!(CaptureRules, CaptureRules, sealed: true, (), |_row| (), |_id| Vec::new());
row!(CaseFile, CaseFile, sealed: true, (Option<PluginName>, EntryName), |row| (row.plugin.clone(), row.name.clone()), |id| texts([
    of_plugin(&id.0),
    id.1.as_str()
]));
row!(Edit, Edit, sealed: true, (Moment, u32), |row| (row.at, row.salt), |id| {
    let mut part = id.0.to_be_bytes().to_vec();
    part.extend_from_slice(&id.1.to_be_bytes());
    part
});
row!(QuotaRow, Quota, sealed: false, (), |_row| (), |_id| Vec::new());
row!(Notice, Notice, sealed: false, (Moment, String), |row| (row.at, row.name()), |id| {
    let mut part = id.0.to_be_bytes().to_vec();
    part.extend_from_slice(id.1.as_bytes());
    part
});
row!(Contact, Contact, sealed: true, ContactId, |row| row.id, |id| id.to_bytes().to_vec());
row!(Retry, Retry, sealed: true, RetryId, |row| row.id.clone(), |id| {
    let mut part = id.contact.to_bytes().to_vec();
    part.extend_from_slice(&numbered(id.connection.as_str(), id.turn));
    part.extend_from_slice(id.event.as_bytes());
    part
});

/// The tenant's own level has the empty name, which no flow can have.
pub(crate) fn of_level(level: &Level) -> &str {
    level.as_ref().map_or("", FlowName::as_str)
}

/// Files for all plugins have the empty name, which no plugin can have.
fn of_plugin(plugin: &Option<PluginName>) -> &str {
    plugin.as_ref().map_or("", PluginName::as_str)
}

/// Big-endian, so that numbers sort as numbers.
pub(crate) fn texts_of(name: &str) -> Vec<u8> {
    texts([name])
}

pub(crate) fn numbered(name: &str, number: u32) -> Vec<u8> {
    let mut part = texts([name]);
    part.extend_from_slice(&number.to_be_bytes());
    part
}
