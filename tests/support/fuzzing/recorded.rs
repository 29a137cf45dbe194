//! Finds the requests of providers that were recorded, as the seeds of whoever takes requests.
//!
//! `cargo xtask fuzz` begins with them and the promise replays them, beside the seeds that a target keeps for itself. They are read from
//! the fixtures and never copied into the tree, so that a fixture that is added or mended is a seed by itself.

use std::path::Path;

/// Every recorded request of these providers, by provider and case.
pub fn requests(top: &Path, providers: &[&str]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut requests = Vec::new();
    for provider in providers {
        for entry in std::fs::read_dir(top.join("tests/fixtures").join(provider))? {
            let case = entry?;
            let request = case.path().join("request.txt");
            if request.is_file() {
                requests.push((format!("{provider}-{}", case.file_name().to_string_lossy()), std::fs::read(request)?));
            }
        }
    }
    requests.sort();
    Ok(requests)
}

/// The bodies alone: what comes without HTTP around it.
pub fn bodies(top: &Path, providers: &[&str]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let body = |(name, request): (String, Vec<u8>)| Some((name, split(&request)?.1.to_vec()));
    Ok(requests(top, providers)?.into_iter().filter_map(body).collect())
}

/// Head and body of a request as fixtures keep it: the empty line between them belongs to neither.
pub fn split(request: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = request.windows(2).position(|pair| pair == b"\n\n")?;
    Some((request.get(..end)?, request.get(end + 2..)?))
}
