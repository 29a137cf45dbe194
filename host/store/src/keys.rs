//! Builds every key, so that no other file can put one tenant's row into another tenant's range.
//!
//! A key is the format version, then the scope (`p`, or `t` and the tenant's name), then the table's letter, then the row's own part.
//! The tenant stands before the table, because erasing a tenant is then one range, and because a cluster would split by tenant.
//! Names hold neither zero nor 0xff (`id.rs` sees to that), so a zero ends a name and no range reaches into its neighbour's.
//!
//! It must not look into values, and nobody outside this crate ever sees a key but in words.

use jackfield_domain::id::TenantId;

/// First byte of every key. Another layout gets another number, and both can live in one store while rows move.
pub(crate) const FORMAT_VERSION: u8 = 1;

const PLATFORM: u8 = b'p';
const TENANT: u8 = b't';
const END: u8 = 0;
/// Above every byte of a key part's first position: a tag is a letter.
const ABOVE: u8 = 0xff;

/// What a row is. The letter is part of the key and never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is named for the rows that it holds")]
pub enum Table {
    // Platform scope.
    Meta = b'm',
    Tenant = b't',
    Connection = b'c',
    Binding = b'b',
    Token = b'k',
    Call = b'l',
    ContactHome = b'h',
    Live = b'v',
    DataKey = b'd',
    Released = b'r',
    BriefHome = b'w',
    // Tenant scope.
    Flow = b'F',
    Plugin = b'P',
    Version = b'V',
    VersionByDigest = b'W',
    Release = b'R',
    Settings = b'S',
    Queue = b'Q',
    QueueStatus = b'U',
    Person = b'N',
    Hours = b'H',
    Closure = b'E',
    Secret = b'X',
    Routes = b'D',
    Contact = b'C',
    Brief = b'i',
    Turn = b'T',
    Retry = b'Y',
    Seen = b'I',
    State = b'A',
    Usage = b'G',
    Record = b'O',
    StateBytes = b'B',
    TenantBinding = b'J',
    TenantClaim = b'j',
    TenantConnection = b'K',
    Child = b'L',
    Quota = b'q',
    Ledger = b'g',
    Notice = b'n',
    Things = b'o',
    CaptureRules = b'Z',
    CaseFile = b'z',
    Edit = b'e',
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 44] = [
        Self::Meta,
        Self::Tenant,
        Self::Connection,
        Self::Binding,
        Self::Token,
        Self::Call,
        Self::ContactHome,
        Self::Live,
        Self::DataKey,
        Self::Released,
        Self::BriefHome,
        Self::Flow,
        Self::Plugin,
        Self::Version,
        Self::VersionByDigest,
        Self::Release,
        Self::Settings,
        Self::Queue,
        Self::QueueStatus,
        Self::Person,
        Self::Hours,
        Self::Closure,
        Self::Secret,
        Self::Routes,
        Self::Contact,
        Self::Brief,
        Self::Turn,
        Self::Retry,
        Self::Seen,
        Self::State,
        Self::Usage,
        Self::Record,
        Self::StateBytes,
        Self::TenantBinding,
        Self::TenantClaim,
        Self::TenantConnection,
        Self::Child,
        Self::Quota,
        Self::Ledger,
        Self::Notice,
        Self::Things,
        Self::CaptureRules,
        Self::CaseFile,
        Self::Edit,
    ];

    /// As messages call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Meta => "store record",
            Self::Tenant => "tenant",
            Self::Connection | Self::TenantConnection => "connection",
            Self::Binding | Self::TenantBinding | Self::TenantClaim => "address",
            Self::Token => "token",
            Self::Call => "call",
            Self::ContactHome => "contact's tenant",
            Self::DataKey => "data key",
            Self::Released => "released address",
            Self::Flow => "flow",
            Self::Plugin => "plugin",
            Self::Version | Self::VersionByDigest => "plugin version",
            Self::Release => "release",
            Self::Settings => "settings",
            Self::Queue => "queue",
            Self::QueueStatus => "queue status",
            Self::Person => "person",
            Self::Hours => "hours",
            Self::Closure => "closure",
            Self::Secret => "secret",
            Self::Routes => "default routes",
            Self::Contact => "contact",
            Self::Brief | Self::BriefHome => "contacts in brief",
            Self::Turn => "turn",
            Self::Retry => "retry",
            Self::Seen => "customer's contact",
            Self::State => "plugin state",
            Self::Usage => "usage",
            Self::Record => "release's record",
            Self::StateBytes => "size of plugin state",
            Self::Child => "subtenant",
            Self::Live => "live contact",
            Self::Quota => "quota",
            Self::Ledger => "ledger account",
            Self::Notice => "notice",
            Self::Things => "count of things",
            Self::CaptureRules => "capture rules",
            Self::CaseFile => "file of test cases",
            Self::Edit => "edit",
        }
    }

    fn tag(self) -> u8 {
        self as u8
    }
}

/// Keys from `from` (inclusive) to `to` (exclusive).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    pub from: Vec<u8>,
    pub to: Vec<u8>,
}

impl Range {
    /// Everything that begins so.
    pub(crate) fn of_prefix(prefix: Vec<u8>) -> Self {
        let to = after_prefix(&prefix);
        Self { from: prefix, to }
    }

    /// Without `key` and what stands before it.
    pub(crate) fn after(mut self, key: &[u8]) -> Self {
        let mut next = key.to_vec();
        next.push(0);
        if next > self.from {
            self.from = next;
        }
        self
    }

    /// Without `key` and what stands behind it.
    pub(crate) fn before(mut self, key: Vec<u8>) -> Self {
        if key < self.to {
            self.to = key;
        }
        self
    }
}

/// The least key above all that begin so.
fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut to = prefix.to_vec();
    while let Some(last) = to.pop() {
        if last < ABOVE {
            to.push(last + 1);
            return to;
        }
    }
    vec![ABOVE]
}

/// A row of the platform's own.
pub(crate) fn platform(table: Table, part: &[u8]) -> Vec<u8> {
    let mut key = vec![FORMAT_VERSION, PLATFORM, table.tag()];
    key.extend_from_slice(part);
    key
}

/// A row of a tenant.
pub(crate) fn tenant(tenant: &TenantId, table: Table, part: &[u8]) -> Vec<u8> {
    let mut key = tenant_prefix(tenant);
    key.push(table.tag());
    key.extend_from_slice(part);
    key
}

/// Everything that a tenant has in its own scope.
pub(crate) fn all_of(tenant: &TenantId) -> Range {
    Range::of_prefix(tenant_prefix(tenant))
}

/// Everything there is.
pub(crate) fn everything() -> Range {
    Range { from: vec![0], to: vec![ABOVE] }
}

fn tenant_prefix(tenant: &TenantId) -> Vec<u8> {
    let mut key = vec![FORMAT_VERSION, TENANT];
    key.extend_from_slice(tenant.as_str().as_bytes());
    key.push(END);
    key
}

/// A part made of several texts, none of which holds a zero.
pub(crate) fn texts<'a>(parts: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut part = Vec::new();
    for text in parts {
        part.extend_from_slice(text.as_bytes());
        part.push(END);
    }
    part
}

/// Whether a key is of that table.
pub(crate) fn is_in(key: &[u8], table: Table) -> bool {
    parts(key).is_some_and(|(tag, _)| tag == table.tag())
}

/// Whose row it is, where it is one of that table in a tenant's scope.
pub(crate) fn owner_in(key: &[u8], table: Table) -> Option<TenantId> {
    let [FORMAT_VERSION, TENANT, rest @ ..] = key else { return None };
    let end = rest.iter().position(|byte| *byte == END)?;
    let (name, tagged) = rest.split_at_checked(end)?;
    (tagged.get(1) == Some(&table.tag())).then(|| std::str::from_utf8(name).ok()?.parse().ok())?
}

/// Which tenant a row of the table of tenants is.
pub(crate) fn tenant_of_row(key: &[u8]) -> Option<TenantId> {
    let [FORMAT_VERSION, PLATFORM, tag, name @ ..] = key else { return None };
    (*tag == Table::Tenant.tag()).then(|| std::str::from_utf8(name).ok()?.parse().ok())?
}

/// A key's table letter, and what follows it.
fn parts(key: &[u8]) -> Option<(u8, &[u8])> {
    match key {
        [FORMAT_VERSION, PLATFORM, tag, part @ ..] => Some((*tag, part)),
        [FORMAT_VERSION, TENANT, rest @ ..] => {
            let end = rest.iter().position(|byte| *byte == END)?;
            rest.get(end + 1..)?.split_first().map(|(tag, part)| (*tag, part))
        }
        _ => None,
    }
}

/// Says which row a key means, for messages: the table and the printable part.
pub fn in_words(key: &[u8]) -> String {
    let Some((tag, part)) = parts(key) else { return "a key of unknown format".to_owned() };
    let table = Table::ALL.into_iter().find(|table| table.tag() == tag).map_or("row of an unknown table", Table::as_str);
    let printable: String = part
        .iter()
        .map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { ' ' })
        .collect::<String>()
        .trim()
        .chars()
        .take(80)
        .collect();
    if printable.is_empty() { table.to_owned() } else { format!("{table} {printable}") }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn id(text: &str) -> TenantId {
        text.parse().unwrap()
    }

    #[test]
    fn every_table_has_a_letter_of_its_own() {
        let tags: HashSet<u8> = Table::ALL.into_iter().map(Table::tag).collect();
        assert_eq!(tags.len(), Table::ALL.len());
        assert!(tags.iter().all(u8::is_ascii_alphabetic));
    }

    #[test]
    fn no_tenants_range_holds_a_key_of_a_tenant_whose_name_it_begins_with() {
        let range = all_of(&id("acme"));
        for other in ["acm", "acme-2", "acme2", "acmf", "a"] {
            for table in Table::ALL {
                for part in [&b""[..], b"x", &[0xff; 9]] {
                    let key = tenant(&id(other), table, part);
                    assert!(!(range.from <= key && key < range.to), "{other} {table:?}");
                    let own = tenant(&id("acme"), table, part);
                    assert!(range.from <= own && own < range.to);
                }
            }
        }
    }

    #[test]
    fn every_key_begins_with_the_format_version() {
        assert_eq!(platform(Table::Tenant, b"acme").first(), Some(&FORMAT_VERSION));
        assert_eq!(tenant(&id("acme"), Table::Flow, b"main").first(), Some(&FORMAT_VERSION));
        let all = everything();
        assert!(all.from < platform(Table::Meta, b"") && tenant(&id("z"), Table::Child, &[0xff; 20]) < all.to);
    }

    #[test]
    fn a_key_tells_whose_row_it_is() {
        let key = tenant(&id("acme"), Table::Flow, b"main");
        assert_eq!((owner_in(&key, Table::Flow), owner_in(&key, Table::Queue), tenant_of_row(&key)), (Some(id("acme")), None, None));
        let key = platform(Table::Tenant, b"acme");
        assert_eq!((owner_in(&key, Table::Tenant), tenant_of_row(&key)), (None, Some(id("acme"))));
    }

    #[test]
    fn a_key_reads_as_words() {
        assert_eq!(in_words(&tenant(&id("acme"), Table::Flow, b"main")), "flow main");
        assert_eq!(in_words(&platform(Table::Binding, b"voice:number:+18005551234")), "address voice:number:+18005551234");
        assert_eq!(in_words(b"\x07nonsense"), "a key of unknown format");
    }
}
