//! Reads what is told to whoever watches: the table `[telemetry]` of the file.
//!
//! `config` reads it with the rest; `telemetry` and `metrics` obey it. Nothing leaves the machine where nobody says where to, and
//! nobody's trace is continued where nobody is trusted with it.

use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

use super::{BadConfig, within};

/// Tenants with series of their own: what fits into one graph, and a few hundred series in all.
const TENANTS: usize = 50;
/// Where nobody says, one event in a hundred is traced: enough to see where time goes, and too little to cost any.
const TRACE_RATIO: f64 = 0.01;
/// Where collectors listen for traces under an address that names no path.
const TRACES_PATH: &str = "/v1/traces";

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTelemetry {
    metrics_open: Option<bool>,
    metrics_tenants_max: Option<usize>,
    otlp_endpoint: Option<String>,
    trace_ratio: Option<f64>,
    trace_parents_from: Option<Vec<String>>,
}

/// What is told, and to whom.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// True where `GET /metrics` answers without a token, to whoever reaches the admin port.
    pub metrics_open: bool,
    /// Tenants with series of their own; the rest is one series.
    pub metrics_tenants_max: usize,
    /// Traces; none where nobody collects them.
    pub traces: Option<Traces>,
}

/// Where traces go, and which.
#[derive(Debug, Clone)]
pub struct Traces {
    /// The collector, by OTLP over HTTP.
    pub endpoint: Url,
    /// The share of events that begin a trace, from 0 to 1.
    pub ratio: f64,
    /// Peers whose `traceparent` is continued.
    pub parents_from: Vec<IpNet>,
}

impl Telemetry {
    /// Checks the table.
    pub(super) fn check(raw: RawTelemetry) -> Result<Self, BadConfig> {
        let ratio = raw.trace_ratio.unwrap_or(TRACE_RATIO);
        let ratio = within("telemetry.trace_ratio", ratio, 0.0, 1.0, "0 to 1 is possible")?;
        let parents_from = networks(raw.trace_parents_from.unwrap_or_default())?;
        let traces = match raw.otlp_endpoint {
            Some(given) => Some(Traces { endpoint: collector(&given)?, ratio, parents_from }),
            None => None,
        };
        let tenants = raw.metrics_tenants_max.unwrap_or(TENANTS);
        Ok(Self {
            metrics_open: raw.metrics_open.unwrap_or(false),
            metrics_tenants_max: within(
                "telemetry.metrics_tenants_max",
                tenants,
                0,
                1_000,
                "0 to 1,000 is possible: each is a few series",
            )?,
            traces,
        })
    }

    /// What holds where nobody says anything.
    pub fn quiet() -> Self {
        Self { metrics_open: false, metrics_tenants_max: TENANTS, traces: None }
    }

    /// True where a peer's trace is gone on with.
    pub fn trusts(&self, peer: std::net::IpAddr) -> bool {
        self.traces.as_ref().is_some_and(|traces| traces.parents_from.iter().any(|network| network.contains(&peer.to_canonical())))
    }
}

/// Secrets in a URL would stand in logs; a collector that wants one gets it by the environment, as its own documentation says.
fn collector(given: &str) -> Result<Url, BadConfig> {
    let bad = |rule| BadConfig::OutOfRange { name: "telemetry.otlp_endpoint", given: given.chars().take(80).collect(), rule };
    let mut url = Url::parse(given).map_err(|_| bad("it is written as http://127.0.0.1:4318"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(bad("it begins with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(BadConfig::OutOfRange {
            name: "telemetry.otlp_endpoint",
            given: "an address with a name, a password or a query".to_owned(),
            rule: "secrets do not belong into it",
        });
    }
    if url.path() == "/" {
        url.set_path(TRACES_PATH);
    }
    Ok(url)
}

fn networks(given: Vec<String>) -> Result<Vec<IpNet>, BadConfig> {
    let network = |text: &String| {
        let alone = || text.parse::<std::net::IpAddr>().map(IpNet::from).ok();
        text.parse::<IpNet>().ok().or_else(alone).ok_or_else(|| BadConfig::OutOfRange {
            name: "telemetry.trace_parents_from",
            given: text.chars().take(80).collect(),
            rule: "a network is written as 10.0.0.0/8 or 2001:db8::/32",
        })
    };
    given.iter().map(network).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Telemetry, BadConfig> {
        Telemetry::check(toml::from_str(text).unwrap())
    }

    #[test]
    fn nothing_leaves_and_nobody_is_trusted_where_nobody_says_so() {
        let telemetry = read("").unwrap();
        assert!(telemetry.traces.is_none() && !telemetry.metrics_open);
        let traces = read("otlp_endpoint = \"http://127.0.0.1:4318\"").unwrap().traces.unwrap();
        assert_eq!((traces.endpoint.as_str(), traces.parents_from.len()), ("http://127.0.0.1:4318/v1/traces", 0));
    }

    #[test]
    fn what_cannot_be_meant_is_named_and_no_secret_is_repeated() {
        for (text, name) in [
            ("trace_ratio = 1.5", "telemetry.trace_ratio"),
            ("trace_ratio = nan", "telemetry.trace_ratio"),
            ("metrics_tenants_max = 5000", "telemetry.metrics_tenants_max"),
            ("otlp_endpoint = \"localhost\"", "telemetry.otlp_endpoint"),
            ("trace_parents_from = [\"everybody\"]", "telemetry.trace_parents_from"),
        ] {
            assert!(read(text).unwrap_err().to_string().contains(name), "{text}");
        }
        let told = read("otlp_endpoint = \"https://me:swordfish@collector.example\"").unwrap_err().to_string();
        assert!(!told.contains("swordfish"), "{told}");
    }
}
