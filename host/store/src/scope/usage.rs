//! Keeps what happened: per day for people and bills, per release for the rule of the last good one.
//!
//! Counters are sums and peaks that the backend joins inside the batch of the contact they belong to, so that neither a crash nor a
//! race can make them differ from the trail. What is counted, and under which names, is the domain's to say.
//!
//! A row of live usage has the key that it had before there was any other purpose, so that what was counted then goes on in the same
//! row; every other purpose stands behind it with a letter of its own.
//!
//! It must not hold anything about a customer: counters are not sealed and outlive contacts.

use jackfield_domain::flow::release::{Record, ReleaseNumber};
use jackfield_domain::id::{FlowName, TenantId};
use jackfield_domain::usage::{Counts, Purpose, shown};
use serde::{Deserialize, Serialize};

use crate::TenantStore;
use crate::backend::guard::sums_of;
use crate::change::Counter;
use crate::fault::StoreFault;
use crate::keys::{self, Table, texts};
use crate::rows::numbered;
use crate::tenant::unreadable;

/// What happened on one day in one flow by one release for one purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRow {
    /// "2026-11-23", in the tenant's zone.
    pub day: String,
    /// The flow.
    pub flow: FlowName,
    /// None where no plugin answered.
    pub release: Option<ReleaseNumber>,
    /// Why it ran.
    pub purpose: Purpose,
    /// Named sums and peaks.
    pub counts: Counts,
}

/// The letter of a purpose in a key; it never changes its meaning.
fn letter(purpose: Purpose) -> Option<u8> {
    match purpose {
        Purpose::Live => None,
        Purpose::Shadow => Some(b's'),
        Purpose::Replay => Some(b'r'),
        Purpose::Test => Some(b't'),
    }
}

/// Where a counter is. Releases are numbered from 1, so 0 is none.
pub(crate) fn key_of(tenant: &TenantId, counter: &Counter) -> Vec<u8> {
    match counter {
        Counter::Usage { day, flow, release, purpose } => {
            let mut part = texts([day.as_str()]);
            part.extend_from_slice(&numbered(flow.as_str(), release.unwrap_or(0)));
            part.extend(letter(*purpose));
            keys::tenant(tenant, Table::Usage, &part)
        }
        Counter::Record { flow, release } => keys::tenant(tenant, Table::Record, &numbered(flow.as_str(), *release)),
    }
}

impl TenantStore {
    /// What was counted from one day to another, both included, in order of day, flow, release and purpose; at most `limit` rows.
    pub async fn usage(&self, from_day: &str, to_day: &str, limit: usize) -> Result<Vec<UsageRow>, StoreFault> {
        let from = keys::tenant(&self.id, Table::Usage, &texts([from_day]));
        let to = self.range(Table::Usage, &texts([to_day])).to;
        let whole = self.range(Table::Usage, &[]).from.len();
        let page = self.shared.rows.scan(&from, &to, limit, false).await?;
        page.into_iter()
            .map(|(key, kept)| {
                let counts = sums_of(&kept.value).map_err(|why| unreadable(&key, &why))?;
                let place = key.get(whole..).and_then(place).ok_or_else(|| unreadable(&key, "its key has another shape"))?;
                let Place { day, flow, release, purpose } = place;
                Ok(UsageRow { day, flow, release, purpose, counts: shown(&counts) })
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

/// What a key says.
struct Place {
    day: String,
    flow: FlowName,
    release: Option<ReleaseNumber>,
    purpose: Purpose,
}

fn place(part: &[u8]) -> Option<Place> {
    let mut texts = part.splitn(3, |byte| *byte == 0);
    let day = String::from_utf8(texts.next()?.to_vec()).ok()?;
    let flow = std::str::from_utf8(texts.next()?).ok()?.parse().ok()?;
    let (number, rest) = texts.next()?.split_first_chunk::<4>()?;
    let release = u32::from_be_bytes(*number);
    let purpose = match rest {
        [] => Purpose::Live,
        [tag] => Purpose::ALL.into_iter().find(|purpose| letter(*purpose) == Some(*tag))?,
        _ => return None,
    };
    Some(Place { day, flow, release: (release != 0).then_some(release), purpose })
}
