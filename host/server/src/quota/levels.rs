//! Says which quotas an event meets: the tenant's own and those of everyone above it.
//!
//! It is read with the tenant's surroundings and kept with them, so that a spend walks no tree and reads no row. A level without a
//! quota stands here too: permits are counted at every level, so that a limit that is set later is right from its first moment.

use jackfield_domain::contact::Moment;
use jackfield_domain::id::TenantId;
use jackfield_domain::quota::ledger::Account;
use jackfield_domain::quota::meter::{Meter, Period, QuotaRow};
use jackfield_domain::quota::window::Window;
use jackfield_domain::tenant::Tenant;
use jackfield_store::{Store, StoreFault};

/// One level.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Whose.
    pub tenant: TenantId,
    /// What those above it set, if anything.
    pub row: Option<QuotaRow>,
}

/// All levels of a tenant, its own first and the platform last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Levels(pub Vec<Level>);

/// One account that a spend must be counted in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Due<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) meter: Meter,
    pub(super) period: Period,
    /// In which windows are named.
    pub(super) zone: &'a str,
    pub(super) limit: u64,
    /// How far text may go.
    pub(super) text_limit: u64,
}

impl Due<'_> {
    pub(super) fn account(&self, now: Moment) -> Account {
        Account { tenant: self.tenant.clone(), meter: self.meter, window: Window::at(self.period, self.zone, now) }
    }

    pub(super) fn limit_of(&self, voice: bool) -> u64 {
        if voice { self.limit } else { self.text_limit }
    }
}

impl Levels {
    /// A tenant's, as they are now.
    pub async fn read(store: &Store, tenant: &Tenant) -> Result<Self, StoreFault> {
        let mut levels = Vec::with_capacity(tenant.ancestors.len() + 1);
        for id in std::iter::once(&tenant.id).chain(tenant.ancestors.iter().rev()) {
            let row = store.tenant(id).get::<QuotaRow>(&()).await?.map(|found| found.row);
            levels.push(Level { tenant: id.clone(), row });
        }
        Ok(Self(levels))
    }

    /// Every level that has a quota.
    pub(super) fn set(&self) -> impl Iterator<Item = (&TenantId, &QuotaRow)> {
        self.0.iter().filter_map(|level| level.row.as_ref().map(|row| (&level.tenant, row)))
    }

    /// The accounts of a meter.
    pub(super) fn dues(&self, meter: Meter) -> Vec<Due<'_>> {
        let mut dues = Vec::new();
        for (tenant, row) in self.set() {
            for period in Period::ALL {
                let Some(limit) = row.quota.limit(meter, period) else { continue };
                let text_limit = if meter.has_voice_share() { row.quota.text_limit(limit) } else { limit };
                dues.push(Due { tenant, meter, period, zone: &row.zone, limit, text_limit });
            }
        }
        dues
    }
}
