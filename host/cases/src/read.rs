//! Reads a file of test cases, and says where it is wrong.
//!
//! A mistake is told with its line and column, because a file of fifty cases is not searched for one. What a file says beside its shape -
//! two things in one step, a queue that is none - is told with the case's name by whoever meets it.

use std::path::{Path, PathBuf};

use crate::format::{File, Like, Match, Step};

/// Largest file: some thousand cases, and what an editor still opens.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// It cannot be read.
    #[error("{}: {why}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// It is no file of test cases.
    #[error("{}:{line}:{column}: {why}", path.display())]
    Shape {
        /// Which.
        path: PathBuf,
        /// From 1; 0 where it cannot be told.
        line: u64,
        /// From 1.
        column: u64,
        /// What is wrong.
        why: String,
    },
    /// What it says cannot be.
    #[error("{}: case {case:?}: {why}", path.display())]
    Case {
        /// Which.
        path: PathBuf,
        /// Whose.
        case: String,
        /// What is wrong, and what to write instead.
        why: String,
    },
}

/// Reads a file.
pub fn read(path: &Path) -> Result<File, BadFile> {
    let unreadable = |why: String| BadFile::Unreadable { path: path.to_owned(), why };
    let bytes = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(unreadable(format!("it has {bytes} bytes; at most {FILE_BYTES_MAX}, so cut it in two")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
    parse(path, &text)
}

/// The same of a text; `path` is how mistakes call it.
pub fn parse(path: &Path, text: &str) -> Result<File, BadFile> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| {
        let place = error.location();
        let why = error.without_snippet().to_string();
        BadFile::Shape {
            path: path.to_owned(),
            line: place.map_or(0, |place| place.line()),
            column: place.map_or(0, |place| place.column()),
            why,
        }
    })?;
    check(&file).map_err(|(case, why)| BadFile::Case { path: path.to_owned(), case, why })?;
    Ok(file)
}

/// What the shape alone does not say.
fn check(file: &File) -> Result<(), (String, String)> {
    let mut names = std::collections::BTreeSet::new();
    for case in &file.cases {
        let wrong = |why: String| (case.name.clone(), why);
        if case.name.trim().is_empty() {
            return Err(wrong("a case has a name that says what must hold".to_owned()));
        }
        if !names.insert(case.name.as_str()) {
            return Err(wrong("two cases have this name".to_owned()));
        }
        for (at, step) in case.steps.iter().enumerate() {
            let things = step.things();
            if things.len() != 1 {
                let has = if things.is_empty() { "nothing happens in it".to_owned() } else { format!("it has {}", things.join(", ")) };
                return Err(wrong(format!("step {} must have exactly one thing that happens, and {has}", at + 1)));
            }
        }
        if let Some(at) = case.steps.iter().position(|step| matches!(step.press, Some(crate::format::Press::Key(10..)))) {
            return Err(wrong(format!("step {}: more than one key stand in quotes, such as press: \"42\"", at + 1)));
        }
        for like in case.matches() {
            check_like(like).map_err(&wrong)?;
        }
    }
    Ok(())
}

fn check_like(like: &Match) -> Result<(), String> {
    let Match::Otherwise(Like { equals, contains, matches }) = like else { return Ok(()) };
    match (equals, contains, matches) {
        (Some(_), None, None) | (None, Some(_), None) => Ok(()),
        (None, None, Some(pattern)) => {
            regex::Regex::new(pattern).map(drop).map_err(|e| format!("{pattern:?} is no regular expression: {e}"))
        }
        _ => Err("a text is compared by exactly one of equals, contains and matches".to_owned()),
    }
}

impl Step {
    /// The names of what happens in it.
    fn things(&self) -> Vec<&'static str> {
        let there = [
            ("press", self.press.is_some()),
            ("say", self.say.is_some()),
            ("silence", self.silence.is_some()),
            ("message", self.message.is_some()),
            ("hang-up", self.hang_up.is_some()),
            ("dialled", self.dialled.is_some()),
            ("queue-left", self.queue_left.is_some()),
            ("queue-wait-s", self.queue_wait_s.is_some()),
            ("recorded", self.recorded.is_some()),
            ("speaker", self.speaker.is_some()),
            ("resume", self.resume.is_some()),
            ("context", self.context.is_some()),
            ("ended", self.ended.is_some()),
        ];
        there.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
    }
}

impl crate::format::Case {
    fn matches(&self) -> Vec<&Match> {
        let expects = self.arrives.iter().chain(self.steps.iter().filter_map(|step| step.expect.as_ref()));
        expects
            .flat_map(|expect| {
                let lists = [&expect.hears, &expect.hears_not, &expect.logs].into_iter().flatten().flatten();
                lists.chain(expect.reason.iter())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        parse(Path::new("menu.yaml"), text).unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_is_told_with_its_line_and_column() {
        let told = wrong("cases:\n  - name: greets\n    steps:\n      - press: \"1\"\n        expct: {}\n");
        assert!(told.starts_with("menu.yaml:5:9:") && told.contains("expct"), "{told}");
        let told = wrong("cases:\n  - name: greets\n   steps: [\n");
        assert!(told.starts_with("menu.yaml:3:"), "{told}");
    }

    #[test]
    fn what_cannot_be_is_told_with_its_case() {
        let two = wrong("cases:\n  - name: a\n    steps:\n      - {press: \"1\", silence: true}\n");
        assert!(two.contains("case \"a\"") && two.contains("press, silence"), "{two}");
        let none = wrong("cases:\n  - name: a\n    steps: [{}]\n");
        assert!(none.contains("nothing happens"), "{none}");
        let twice = wrong("cases: [{name: a}, {name: a}]\n");
        assert!(twice.contains("two cases"), "{twice}");
        let pattern = wrong("cases:\n  - name: a\n    arrives: {hears: [{matches: \"(\"}]}\n");
        assert!(pattern.contains("no regular expression"), "{pattern}");
    }

    #[test]
    fn keys_without_quotes_are_one_key_or_told() {
        let file = parse(Path::new("menu.yaml"), "cases:\n  - {name: a, steps: [{press: 1}]}\n").unwrap();
        assert!(matches!(file.cases[0].steps[0].press, Some(crate::format::Press::Key(1))));
        assert!(wrong("cases:\n  - {name: a, steps: [{press: 42}]}\n").contains("quotes"));
        assert!(wrong("cases:\n  - {name: a, steps: [{press: 4200}]}\n").contains("quotes"));
        assert!(wrong("cases:\n  - {name: a, steps: [{say: [1]}]}\n").contains("words are text"));
    }

    #[test]
    fn a_file_with_everything_is_read() {
        let file = parse(Path::new("menu.yaml"), include_str!("everything.yaml")).unwrap();
        assert_eq!(file.cases.len(), 2);
    }
}
