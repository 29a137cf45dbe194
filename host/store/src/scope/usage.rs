//! Counts what happened: per day for people and bills, per release for the rule of the last good one.
//!
//! Counters are sums that the backend adds up inside the batch of the contact they belong to, so that neither a crash nor a race
//! can make them differ from the trail.
//!
//! It must not hold anything about a customer: counters are not sealed and outlive contacts.

use std::collections::BTreeMap;

use jackfield_domain::flow::release::{Record, ReleaseNumber};
use jackfield_domain::id::{FlowName, TenantId};
use serde::{Deserialize, Serialize};

use crate::TenantStore;
use crate::backend::guard::sums_of;
use crate::change::Counter;
use crate::fault::StoreFault;
use crate::keys::{self, Table, texts};
use crate::rows::numbered;
use crate::tenant::unreadable;

/// What happened on one day in one flow by one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRow {
    /// "2026-11-23", in the tenant's zone.
    pub day: String,
    /// The flow.
    pub flow: FlowName,
    /// None where no plugin answered.
    pub release: Option<ReleaseNumber>,
    /// Named sums.
    pub counts: BTreeMap<String, i64>,
}

/// Where a counter is. Releases are numbered from 1, so 0 is none.
pub(crate) fn key_of(tenant: &TenantId, counter: &Counter) -> Vec<u8> {
    match counter {
        Counter::Usage { day, flow, release } => {
            let mut part = texts([day.as_str()]);
            part.extend_from_slice(&numbered(flow.as_str(), release.unwrap_or(0)));
            keys::tenant(tenant, Table::Usage, &part)
        }
        Counter::Record { flow, release } => keys::tenant(tenant, Table::Record, &numbered(flow.as_str(), *release)),
    }
}

impl TenantStore {
    /// Sums from one day to another, both included, in order of day, flow and release.
    pub async fn usage(&self, from_day: &str, to_day: &str) -> Result<Vec<UsageRow>, StoreFault> {
        let from = keys::tenant(&self.id, Table::Usage, &texts([from_day]));
        let to = self.range(Table::Usage, &texts([to_day])).to;
        let whole = self.range(Table::Usage, &[]).from.len();
        let page = self.shared.rows.scan(&from, &to, usize::MAX, false).await?;
        page.into_iter()
            .map(|(key, kept)| {
                let counts = sums_of(&kept.value).map_err(|why| unreadable(&key, &why))?;
                let (day, flow, release) = key.get(whole..).and_then(parts).ok_or_else(|| unreadable(&key, "its key has another shape"))?;
                Ok(UsageRow { day, flow, release: (release != 0).then_some(release), counts })
            })
            .collect()
    }

    /// What a release has done so far.
    pub async fn record(&self, flow: &FlowName, release: ReleaseNumber) -> Result<Record, StoreFault> {
        let key = key_of(&self.id, &Counter::Record { flow: flow.clone(), release });
        let Some(kept) = self.shared.rows.get(&key).await? else { return Ok(Record::default()) };
        let counts = sums_of(&kept.value).map_err(|why| unreadable(&key, &why))?;
        let of = |name: &str| counts.get(name).and_then(|sum| u64::try_from(*sum).ok()).unwrap_or(0);
        Ok(Record { invocations: of("invocations"), failures: of("failures") })
    }
}

fn parts(part: &[u8]) -> Option<(String, FlowName, ReleaseNumber)> {
    let mut texts = part.splitn(3, |byte| *byte == 0);
    let day = String::from_utf8(texts.next()?.to_vec()).ok()?;
    let flow = std::str::from_utf8(texts.next()?).ok()?.parse().ok()?;
    let number: [u8; 4] = texts.next()?.try_into().ok()?;
    Some((day, flow, u32::from_be_bytes(number)))
}
