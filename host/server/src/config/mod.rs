//! Reads what the platform's operator set, once, into values that cannot be wrong any more.
//!
//! `jackfield serve` calls it; everything else is handed the checked [`Config`]. A file is raw serde first and refuses unknown
//! fields, so that a misspelt name is an error and not a default. The environment has one reader, [`environment`]. Nothing here is
//! global.

mod compiler;
pub mod egress;
pub mod environment;
pub mod listeners;
mod sip;
pub mod telemetry;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jackfield_domain::budget::Plan;
use jackfield_domain::retention::Retention;
use serde::Deserialize;

/// Most of a webhook's body: Twilio's are under 8 KiB, a batch of WhatsApp messages under 200.
pub const HOOK_BODY_BYTES_MAX: usize = 256 * 1024;

/// Why the configuration is not taken.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    /// The file is not readable.
    #[error("cannot read the configuration {path}: {source}; check the path given with --config")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not the TOML that is expected.
    #[error("{path} is not a configuration: {detail}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Line, column and what is wrong.
        detail: String,
    },
    /// A value is out of its range.
    #[error("{name} is {given}, but {rule}")]
    OutOfRange {
        /// Which setting.
        name: &'static str,
        /// What was given.
        given: String,
        /// What is allowed.
        rule: &'static str,
    },
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    data: Option<PathBuf>,
    hooks_listen: Option<SocketAddr>,
    admin_listen: Option<SocketAddr>,
    master_key_file: Option<PathBuf>,
    small_slots: Option<u32>,
    large_slots: Option<u32>,
    guest_workers: Option<usize>,
    artifact_mib_max: Option<u64>,
    yield_fuel: Option<u64>,
    compile_quarantine: Option<String>,
    compile_memory_mib_max: Option<u64>,
    compile_cpu_seconds_max: Option<u64>,
    in_flight_max: Option<usize>,
    keep_days_max: Option<u32>,
    keep_contacts_max: Option<u64>,
    egress: egress::RawEgress,
    listeners: Option<listeners::RawListeners>,
    sip: Option<sip::RawSip>,
    telemetry: Option<telemetry::RawTelemetry>,
}

/// What was given on the command line; it wins over the file.
#[derive(Debug, Default, Clone)]
pub struct Overrides {
    /// Where everything is kept.
    pub data: Option<PathBuf>,
    /// Where providers reach us.
    pub hooks_listen: Option<SocketAddr>,
    /// Where the admin API answers.
    pub admin_listen: Option<SocketAddr>,
    /// Where the master key is.
    pub master_key_file: Option<PathBuf>,
}

/// The checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where everything is kept.
    pub data: PathBuf,
    /// Where providers reach us.
    pub hooks_listen: SocketAddr,
    /// Where the admin API answers; loopback unless the operator says otherwise.
    pub admin_listen: SocketAddr,
    /// Where the master key is; `<data>/master.key` where nobody says.
    pub master_key_file: PathBuf,
    /// The compiler's program: this one.
    pub compiler: PathBuf,
    /// What one compiler may take, and how much of its quarantine is demanded.
    pub compile: jackfield_runtime::CompileSettings,
    /// Slots for small plugins: how many run, or stay warm, at once.
    pub small_slots: u32,
    /// Slots for large plugins: each keeps up to 16 MiB.
    pub large_slots: u32,
    /// Threads that run guests.
    pub guest_workers: usize,
    /// Bytes of compiled plugins that stay mapped.
    pub artifact_bytes_max: u64,
    /// Fuel between two yields of a busy guest.
    pub yield_fuel: u64,
    /// Events that are answered at once; each tenant gets a quarter of them.
    pub in_flight_max: usize,
    /// What is kept of any tenant's contacts at most, whatever its plan says.
    pub keep_most: Retention,
    /// Connections: how many, from whom, for how long, and how they end.
    pub listeners: listeners::Listeners,
    /// Where SIP is answered, if it is.
    pub sip: Option<crate::sip::Rules>,
    /// What is told to whoever watches.
    pub telemetry: telemetry::Telemetry,
    /// What plugins may reach.
    pub egress: egress::Egress,
}

/// A thousand hot plugins at 2 MiB of address each fit the default map count of Linux with room.
const SMALL_SLOTS: u32 = 256;
/// Thirty-two interpreters at 16 MiB are half a gigabyte.
const LARGE_SLOTS: u32 = 32;
/// Enough for a few thousand Rust plugins or ten Python ones.
const ARTIFACT_MIB_MAX: u64 = 512;
/// A webhook takes milliseconds: two thousand at once are far beyond what a machine answers in a second, and hold some hundred MiB.
const IN_FLIGHT_MAX: usize = 2_048;
/// About 15 to 75 microseconds of a core: short beside a webhook, long beside a switch of tasks; decision 23 has the figures.
const YIELD_FUEL: u64 = 500_000;

impl Config {
    /// Reads the file, if one is named, and lays the command line over it.
    pub fn read(file: Option<&Path>, overrides: Overrides, compiler: PathBuf) -> Result<Self, BadConfig> {
        let raw = match file {
            None => Raw::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| BadConfig::Unreadable { path: path.to_owned(), source })?;
                toml::from_str(&text).map_err(|e| BadConfig::Malformed { path: path.to_owned(), detail: e.to_string() })?
            }
        };
        let data = overrides.data.or(raw.data).unwrap_or_else(|| PathBuf::from("jackfield-data"));
        let plan_most = Retention::of(Plan::Maximum);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let files_max = crate::machine::allowed().files.unwrap_or(1 << 20);
        Ok(Self {
            listeners: listeners::Listeners::check(raw.listeners.unwrap_or_default(), files_max)?,
            sip: raw.sip.map(sip::check).transpose()?,
            egress: egress::Egress::check(raw.egress)?,
            telemetry: telemetry::Telemetry::check(raw.telemetry.unwrap_or_default())?,
            master_key_file: overrides.master_key_file.or(raw.master_key_file).unwrap_or_else(|| data.join("master.key")),
            hooks_listen: overrides.hooks_listen.or(raw.hooks_listen).unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 8080))),
            admin_listen: overrides.admin_listen.or(raw.admin_listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8081))),
            small_slots: within(
                "small_slots",
                raw.small_slots.unwrap_or(SMALL_SLOTS),
                1,
                4_000,
                "1 to 4,000 is possible: each takes five memory maps",
            )?,
            large_slots: within("large_slots", raw.large_slots.unwrap_or(LARGE_SLOTS), 1, 1_000, "1 to 1,000 is possible")?,
            guest_workers: within("guest_workers", raw.guest_workers.unwrap_or(cores), 1, 256, "1 to 256 is possible")?,
            artifact_bytes_max: within(
                "artifact_mib_max",
                raw.artifact_mib_max.unwrap_or(ARTIFACT_MIB_MAX),
                64,
                1 << 20,
                "64 to 1,048,576 MiB is possible",
            )? << 20,
            yield_fuel: within(
                "yield_fuel",
                raw.yield_fuel.unwrap_or(YIELD_FUEL),
                100_000,
                10_000_000,
                "100,000 to 10,000,000 is possible",
            )?,
            in_flight_max: within(
                "in_flight_max",
                raw.in_flight_max.unwrap_or(IN_FLIGHT_MAX),
                16,
                65_536,
                "16 to 65,536 is possible: each may hold its request in memory",
            )?,
            keep_most: Retention {
                days: within("keep_days_max", raw.keep_days_max.unwrap_or(plan_most.days), 1, plan_most.days, "1 to 400 is possible")?,
                contacts_max: within(
                    "keep_contacts_max",
                    raw.keep_contacts_max.unwrap_or(plan_most.contacts_max),
                    1,
                    plan_most.contacts_max,
                    "1 to 5,000,000 is possible",
                )?,
            },
            data,
            compiler,
            compile: compiler::read(raw.compile_quarantine.as_deref(), raw.compile_memory_mib_max, raw.compile_cpu_seconds_max)?,
        })
    }
}

fn within<N: PartialOrd + std::fmt::Display>(name: &'static str, given: N, least: N, most: N, rule: &'static str) -> Result<N, BadConfig> {
    if given >= least && given <= most { Ok(given) } else { Err(BadConfig::OutOfRange { name, given: given.to_string(), rule }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, BadConfig> {
        let dir = std::env::temp_dir().join(format!("jackfield-config-{}-{:x}", std::process::id(), text.len()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join("jackfield.toml");
        std::fs::write(&file, text).unwrap();
        Config::read(Some(&file), Overrides::default(), PathBuf::from("jackfield"))
    }

    #[test]
    fn a_misspelt_or_impossible_setting_is_named() {
        assert!(read("smal_slots = 3").unwrap_err().to_string().contains("smal_slots"));
        assert!(read("small_slots = 0").unwrap_err().to_string().contains("small_slots is 0"));
        assert!(read("small_slots = \"many\"").unwrap_err().to_string().contains("line 1"));
        let config = read("small_slots = 12\ndata = \"d\"").unwrap();
        assert_eq!((config.small_slots, config.master_key_file), (12, PathBuf::from("d/master.key")));
    }

    /// The settings that the example shows, as lines of a configuration.
    fn shown() -> String {
        let example = include_str!("../../jackfield.example.toml");
        let settings = example.lines().filter_map(|line| {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            let is_setting = bare.split_once(" = ").is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
            (is_setting || bare.starts_with('[')).then_some(bare)
        });
        settings.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_example_shows_every_setting_with_the_value_that_holds_without_it() {
        let shown = shown();
        // What depends on the machine, or names a file that is not there.
        let machine = ["guest_workers", "extra_roots", "hooks_connections_max", "admin_connections_max", "per_peer_max", "otlp_endpoint"];
        // SIP is answered only where somebody names an address.
        let always = shown.split("[sip]").next().unwrap();
        let plain: Vec<&str> = always.lines().filter(|line| !machine.iter().any(|name| line.starts_with(name))).collect();
        assert_eq!(format!("{:?}", read(&plain.join("\n")).unwrap()), format!("{:?}", read("").unwrap()));
        // Serde names all fields of a table where one is unknown.
        for table in ["", "egress", "listeners", "telemetry"] {
            let header = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
            let refused = read(&format!("{header}no_such_setting = 1")).unwrap_err().to_string();
            let fields: Vec<&str> = refused.split('`').skip(3).step_by(2).collect();
            assert!(fields.len() > 2, "{refused}");
            for field in fields {
                let is_shown = shown.lines().any(|line| line == format!("[{field}]") || line.starts_with(&format!("{field} = ")));
                assert!(is_shown, "the example does not show {table} {field}");
            }
        }
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let overrides = Overrides { data: Some("other".into()), ..Overrides::default() };
        assert_eq!(Config::read(None, overrides, PathBuf::new()).unwrap().data, PathBuf::from("other"));
    }
}
