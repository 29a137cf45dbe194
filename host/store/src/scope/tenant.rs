//! Reads and changes what one tenant has. The scope is taken once and cannot be forgotten.
//!
//! Handlers and the pipeline get it from [`crate::Store::tenant`] and never see a key. Every read opens what is sealed with the
//! tenant's own key, so that a row of another tenant, however it came there, does not open.
//!
//! It must not reach into another tenant's range; what is the platform's is asked of [`crate::PlatformStore`].

use std::sync::Arc;

use jackfield_domain::contact::Moment;
use jackfield_domain::flow::case_file::CaseFile;
use jackfield_domain::flow::plugin::Version;
use jackfield_domain::id::{Digest, EntryName, PluginName, TenantId};
use jackfield_domain::ports::rows::Kept;
use jackfield_domain::tenant::directory::QueueStatus;
use jackfield_domain::tenant::edit::Edit;

use crate::Shared;
use crate::change::Change;
use crate::fault::StoreFault;
use crate::keys::{self, Range, Table};
use crate::rows::{Found, Level, QueueStatusRow, Row, SettingsRow, of_level, texts_of};

/// Edits that are read at a time.
const EDITS_STEP: usize = 100;

/// Everything of one tenant.
#[derive(Clone)]
pub struct TenantStore {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: TenantId,
}

impl TenantStore {
    /// Whose.
    pub fn id(&self) -> &TenantId {
        &self.id
    }

    /// One row.
    pub async fn get<R: Row>(&self, id: &R::Id) -> Result<Option<Found<R>>, StoreFault> {
        let key = keys::tenant(&self.id, R::TABLE, &R::key_part(id));
        match self.shared.rows.get(&key).await? {
            Some(kept) => Ok(Some(self.read(&key, &kept).await?)),
            None => Ok(None),
        }
    }

    /// Rows in the order of their ids, after one of them, at most `limit`.
    pub async fn list<R: Row>(&self, after: Option<&R::Id>, limit: usize) -> Result<Vec<Found<R>>, StoreFault> {
        let mut range = self.range(R::TABLE, &[]);
        if let Some(after) = after {
            range = range.after(&keys::tenant(&self.id, R::TABLE, &R::key_part(after)));
        }
        self.read_range(&range, limit, false).await
    }

    /// A batch in this tenant's scope.
    pub fn change(&self) -> Change {
        Change::new(Arc::clone(&self.shared), self.id.clone())
    }

    /// How the queues stand, by name.
    pub async fn queue_statuses(&self) -> Result<Vec<(String, QueueStatus)>, StoreFault> {
        let found = self.list::<QueueStatusRow>(None, usize::MAX).await?;
        Ok(found.into_iter().map(|found| (found.row.queue.to_string(), found.row.status)).collect())
    }

    /// How one queue stands.
    pub async fn queue_status(&self, queue: &EntryName) -> Result<Option<Found<QueueStatus>>, StoreFault> {
        let found = self.get::<QueueStatusRow>(queue).await?;
        Ok(found.map(|found| Found { row: found.row.status, revision: found.revision }))
    }

    /// The newest settings of a level, or none where none were set.
    pub async fn settings(&self, level: &Level) -> Result<Option<Found<SettingsRow>>, StoreFault> {
        let range = self.range(Table::Settings, &texts_of(of_level(level)));
        Ok(self.read_range(&range, 1, true).await?.pop())
    }

    /// A tenant's files of test cases for one plugin, or for all plugins.
    pub async fn case_files(&self, plugin: Option<&PluginName>, limit: usize) -> Result<Vec<Found<CaseFile>>, StoreFault> {
        let range = self.range(Table::CaseFile, &texts_of(plugin.map_or("", PluginName::as_str)));
        self.read_range(&range, limit, false).await
    }

    /// The newest edits that are meant, so many at most. All that are kept may be looked at, step by step.
    pub async fn edits(&self, limit: usize, is_meant: impl Fn(&Edit) -> bool) -> Result<Vec<Edit>, StoreFault> {
        let mut range = self.range(Table::Edit, &[]);
        let mut found = Vec::new();
        loop {
            let step = self.read_range::<Edit>(&range, EDITS_STEP, true).await?;
            let Some(last) = step.last() else { return Ok(found) };
            range = range.before(keys::tenant(&self.id, Table::Edit, &Edit::key_part(&last.row.id())));
            found.extend(step.into_iter().map(|found| found.row).filter(&is_meant).take(limit.saturating_sub(found.len())));
            if found.len() >= limit {
                return Ok(found);
            }
        }
    }

    /// The oldest edits beyond so many, `at_once` of them at most.
    pub async fn edits_over(&self, kept: usize, at_once: usize) -> Result<Vec<(Moment, u32)>, StoreFault> {
        let range = self.range(Table::Edit, &[]);
        let keys = self.shared.rows.scan(&range.from, &range.to, kept.saturating_add(at_once), true).await?;
        let id = |key: &[u8]| {
            let (at, salt) = key.get(range.from.len()..)?.split_first_chunk::<8>()?;
            Some((u64::from_be_bytes(*at), u32::from_be_bytes(salt.try_into().ok()?)))
        };
        Ok(keys.iter().skip(kept).filter_map(|(key, _)| id(key)).collect())
    }

    /// The number of the version that holds these bytes.
    pub async fn version_of(&self, plugin: &PluginName, digest: &Digest) -> Result<Option<Found<Version>>, StoreFault> {
        let key = version_by_digest(&self.id, plugin, digest);
        let Some(kept) = self.shared.rows.get(&key).await? else { return Ok(None) };
        let number: [u8; 4] = (&*kept.value).try_into().map_err(|_| unreadable(&key, "it is no number"))?;
        self.get::<Version>(&(plugin.clone(), u32::from_be_bytes(number))).await
    }

    /// A tenant's secret for digests of customers, for the capability `customer`.
    pub async fn salt_key(&self) -> Result<[u8; 32], StoreFault> {
        Ok(*self.shared.keyring.of(&self.id).await?.key.digest("customer-bucket", b""))
    }

    /// HMAC-SHA256 under the tenant's key, in hexadecimal: equal inputs give equal digests, and nobody without the key can try inputs.
    pub async fn keyed_digest(&self, label: &str, bytes: &[u8]) -> Result<String, StoreFault> {
        Ok(hex::encode(*self.shared.keyring.of(&self.id).await?.key.digest(label, bytes)))
    }

    pub(crate) fn range(&self, table: Table, part: &[u8]) -> Range {
        Range::of_prefix(keys::tenant(&self.id, table, part))
    }

    pub(crate) async fn read_range<R: Row>(&self, range: &Range, limit: usize, newest_first: bool) -> Result<Vec<Found<R>>, StoreFault> {
        let page = self.shared.rows.scan(&range.from, &range.to, limit, newest_first).await?;
        let mut found = Vec::with_capacity(page.len());
        for (key, kept) in page {
            found.push(self.read(&key, &kept).await?);
        }
        Ok(found)
    }

    async fn read<R: Row>(&self, key: &[u8], kept: &Kept) -> Result<Found<R>, StoreFault> {
        let row = if R::SEALED {
            let held = self.shared.keyring.of(&self.id).await?;
            serde_json::from_slice(&held.key.open(key, &kept.value)?)
        } else {
            serde_json::from_slice(&kept.value)
        };
        let row = row.map_err(|error| unreadable(key, &misfit(&error)))?;
        Ok(Found { row, revision: kept.revision })
    }
}

/// Where a version is found by its bytes.
pub(crate) fn version_by_digest(tenant: &TenantId, plugin: &PluginName, digest: &Digest) -> Vec<u8> {
    let mut part = texts_of(plugin.as_str());
    part.extend_from_slice(digest.as_bytes());
    keys::tenant(tenant, Table::VersionByDigest, &part)
}

pub(crate) fn unreadable(key: &[u8], why: &str) -> StoreFault {
    StoreFault::Unreadable { row: keys::in_words(key), why: why.to_owned() }
}

/// serde's sentences quote values; where it was is enough, and gives nothing away.
pub(crate) fn misfit(error: &serde_json::Error) -> String {
    format!("its JSON does not fit this version ({:?} error at column {})", error.classify(), error.column())
}
