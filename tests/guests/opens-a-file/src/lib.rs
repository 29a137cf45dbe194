//! Tries to read, write and list files, and answers with what it was told.

use std::fs;

use shape::{Contact, Decision, Event, Failure, Guest, commit, say};

struct OpensAFile;

fn told<T>(what: &str, result: std::io::Result<T>) -> String {
    match result {
        Ok(_) => format!("{what}: unexpectedly allowed"),
        Err(error) => format!("{what}: error, {error}"),
    }
}

impl Guest for OpensAFile {
    const NAME: &str = "opens-a-file";
    const ACTIONS: &[&str] = &["say"];

    fn handle(_contact: Contact, _event: Event) -> Result<Decision, Failure> {
        let reason = [
            told("read", fs::read("/etc/passwd")),
            told("write", fs::write("/tmp/left-behind", "x")),
            told("list", fs::read_dir(".")),
            told("remove", fs::remove_file("Cargo.toml")),
        ];
        Ok(say("There are no files here.", reason.join("; ")))
    }
}

commit!(OpensAFile);
