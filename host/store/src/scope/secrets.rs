//! Hands a tenant's secrets to whoever sends them.
//!
//! The gate of the egress crate reads through the port; the admin API writes the rows like any other noun. A secret is opened for one
//! request and wiped after it: nothing is kept open here.

use jackfield_domain::id::{EntryName, TenantId};
use jackfield_domain::ports::BoxFuture;
use jackfield_domain::ports::outbound::Secrets;
use jackfield_domain::ports::rows::RowsFault;
use jackfield_domain::tenant::secret::TenantSecret;

use crate::Store;

/// Secrets over rows.
pub(crate) struct KeptSecrets(pub(crate) Store);

impl Secrets for KeptSecrets {
    fn secret<'a>(&'a self, tenant: &'a TenantId, handle: &'a EntryName) -> BoxFuture<'a, Result<Option<TenantSecret>, RowsFault>> {
        Box::pin(async move {
            let found = self.0.tenant(tenant).get::<TenantSecret>(handle).await;
            found.map(|found| found.map(|found| found.row)).map_err(|fault| RowsFault { why: fault.to_string() })
        })
    }
}
