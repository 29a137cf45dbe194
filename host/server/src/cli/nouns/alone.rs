//! Writes the documents that answer calls while the server is away into a folder: documents, an index, and how to host them.
//!
//! `connection fallback` calls it. The server says what is in a file; where it goes is decided here, and a name that could lead out of
//! the folder is refused, whoever sent it. A folder that an earlier run wrote is written again and loses what is not current any more; any
//! other folder with something in it is left alone.

use std::collections::BTreeSet;
use std::path::Path;

use jackfield_domain::id::ConnectionId;
use serde_json::{Value, json};

use crate::cli::print::{items, text};
use crate::cli::session::{Outcome, Session, Trouble};

/// What tells our own folders from others.
const INDEX: &str = "index.json";
/// For whoever finds the folder.
const README: &str = "README.txt";

/// What is to be written.
#[derive(Default)]
struct Folder {
    files: Vec<(String, String)>,
    addresses: Vec<Value>,
    documents: Vec<Value>,
    hosting: Value,
}

/// Asks for all pages and writes them.
pub(super) async fn write(session: &Session, base: &str, id: &ConnectionId, out: &Path) -> Outcome {
    let mut folder = Folder::default();
    let mut after: Option<String> = None;
    loop {
        let query: Vec<(&str, &str)> = after.as_deref().map(|after| ("after", after)).into_iter().collect();
        let page = session.get(&format!("{base}/{id}/fallback"), &query).await?;
        folder.take(&page)?;
        after = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    let index = folder.finish(id)?;
    write_all(out, &folder.files).map_err(|why| Trouble::Usage(format!("{}: {why}", out.display())))?;
    let (documents, addresses) = (folder.documents.len(), folder.addresses.len());
    let sentence = format!("{documents} documents for {addresses} addresses are in {}; {README} says how to host them", out.display());
    session.say(&index, &sentence)
}

impl Folder {
    fn take(&mut self, page: &Value) -> Result<(), Trouble> {
        for flow in items(page) {
            let (tenant, name, own) = (text(flow, "tenant"), text(flow, "flow"), text(flow, "language"));
            let mut of_own = serde_json::Map::new();
            for document in flow.get("documents").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
                let (file, language, branch) = (text(document, "file"), text(document, "language"), text(document, "branch"));
                self.add(file.clone(), document)?;
                if language == own {
                    of_own.insert(branch.clone(), json!(file));
                }
                self.documents.push(json!({
                    "file": file,
                    "tenant": tenant,
                    "flow": name,
                    "language": language,
                    "branch": branch,
                    "answered_by": document.get("answered_by"),
                    "lesser": document.get("lesser"),
                    "passed_over": document.get("passed_over"),
                }));
            }
            for address in flow.get("addresses").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
                self.addresses.push(json!({
                    "address": address,
                    "tenant": tenant,
                    "flow": name,
                    "language": own,
                    "open": of_own.get("open"),
                    "closed": of_own.get("closed"),
                }));
            }
        }
        self.hosting = page.get("hosting").cloned().unwrap_or_default();
        Ok(())
    }

    fn add(&mut self, file: String, from: &Value) -> Result<(), Trouble> {
        if !is_plain(&file) {
            return Err(Trouble::Failed(format!("the server names a file {file:?}, which is no name of a document")));
        }
        let body = from.get("body").and_then(Value::as_str).unwrap_or_default();
        self.files.push((file, body.to_owned()));
        Ok(())
    }

    /// The index, which is also a file; it names every other file.
    fn finish(&mut self, id: &ConnectionId) -> Result<Value, Trouble> {
        let companions = self.hosting.get("companions").and_then(Value::as_array).cloned().unwrap_or_default();
        for companion in &companions {
            self.add(text(companion, "file"), companion)?;
        }
        self.files.push((README.to_owned(), text(&self.hosting, "readme")));
        let files: BTreeSet<&str> = self.files.iter().map(|(file, _)| file.as_str()).collect();
        let index = json!({
            "connection": id,
            "content_type": self.hosting.get("content_type"),
            "addresses": self.addresses,
            "documents": self.documents,
            "files": files,
        });
        self.files.push((INDEX.to_owned(), format!("{index:#}\n")));
        Ok(index)
    }
}

/// One name in one folder, made of what tenants, flows and languages are made of.
fn is_plain(file: &str) -> bool {
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    file.chars().all(sound) && file.split('.').all(|part| !part.is_empty()) && ![INDEX, README].contains(&file) && file.len() <= 255
}

fn write_all(out: &Path, files: &[(String, String)]) -> Result<(), String> {
    std::fs::create_dir_all(out).map_err(|e| e.to_string())?;
    for old in earlier(out)? {
        std::fs::remove_file(out.join(&old)).map_err(|e| format!("{old} of an earlier run cannot be removed: {e}"))?;
    }
    files.iter().try_for_each(|(file, body)| std::fs::write(out.join(file), body).map_err(|e| format!("{file}: {e}")))
}

/// Files of an earlier run that are still there; a folder that holds anything else is not ours to write into.
fn earlier(out: &Path) -> Result<Vec<String>, String> {
    let mut there = Vec::new();
    for entry in std::fs::read_dir(out).map_err(|e| e.to_string())? {
        there.push(entry.map_err(|e| e.to_string())?.file_name().to_string_lossy().into_owned());
    }
    if there.is_empty() {
        return Ok(there);
    }
    let index = std::fs::read(out.join(INDEX)).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()).unwrap_or_default();
    let ours: Vec<&str> =
        index.get("files").and_then(Value::as_array).map(|files| files.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    match there.iter().find(|name| *name != INDEX && !ours.contains(&name.as_str())) {
        Some(stranger) => Err(format!("it holds {stranger}, which no earlier run wrote; name a new folder")),
        None => Ok(there),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        assert!(is_plain("acme.main.en-US.open.xml") && is_plain("goodbye.xml"));
        for name in ["../x.xml", "a/b.xml", ".xml", "", "a..xml", "index.json", "README.txt", "a\\b.xml", "ä.xml"] {
            assert!(!is_plain(name), "{name}");
        }
    }

    #[test]
    fn an_earlier_folder_is_written_again_and_a_strangers_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, body: &str| (name.to_owned(), body.to_owned());
        let index = |files: &[&str]| file(INDEX, &json!({ "files": files }).to_string());
        write_all(dir.path(), &[file("a.xml", "1"), file("b.xml", "1"), index(&["a.xml", "b.xml"])]).unwrap();
        write_all(dir.path(), &[file("a.xml", "2"), index(&["a.xml"])]).unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join("a.xml")).unwrap(), "2");
        assert!(!dir.path().join("b.xml").exists());
        std::fs::write(dir.path().join("thesis.txt"), "precious").unwrap();
        assert!(write_all(dir.path(), &[file("a.xml", "3")]).unwrap_err().contains("thesis.txt"));
        assert_eq!(std::fs::read_to_string(dir.path().join("a.xml")).unwrap(), "2");
    }
}
