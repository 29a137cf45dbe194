//! Prints for people and for programs: aligned tables, named fields, and the API's JSON as it came.
//!
//! The session prints with it what the verbs of every noun put together. All of it passes one function, in which a tenant's text is
//! made harmless for terminals. It must not panic where a pipe was closed.

use std::fmt::Write as _;
use std::io::Write;

use serde_json::Value;

/// A column wider than that is cut in tables: labels may be long, and a line should fit.
const CELL_CHARS_MAX: usize = 60;

/// Writes one text and ends its line. Whoever listens may stop before the end, as `head` does: that is no trouble of ours.
pub(crate) fn say(to: &mut dyn Write, text: &str) {
    let _ = writeln!(to, "{}", harmless(text.trim_end_matches('\n'))).and_then(|()| to.flush());
}

/// Writes one text to standard error; where nobody listens there is nobody to tell.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", harmless(text));
}

/// Without what a terminal would obey: a caller's name may hold escape sequences.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Rows under their heads, each column as wide as its widest cell.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return "none".to_owned();
    }
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| cut(cell)).collect()).collect();
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(at, head)| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).fold(head.chars().count(), usize::max))
        .collect();
    let mut text = String::new();
    line(&mut text, &widths, heads.iter().map(|head| head.to_uppercase()));
    for row in rows {
        line(&mut text, &widths, row.into_iter());
    }
    text
}

fn line(text: &mut String, widths: &[usize], cells: impl Iterator<Item = String>) {
    let mut whole = String::new();
    for (width, cell) in widths.iter().zip(cells) {
        // Writing to a string cannot fail.
        let _ = write!(whole, "{cell:<width$}  ");
    }
    text.push_str(whole.trim_end());
    text.push('\n');
}

fn cut(cell: &str) -> String {
    let flat = cell.replace(['\n', '\t'], " ");
    if flat.chars().count() <= CELL_CHARS_MAX {
        return flat;
    }
    let mut short: String = flat.chars().take(CELL_CHARS_MAX - 1).collect();
    short.push('…');
    short
}

/// Names and values under each other.
pub(crate) fn fields(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    pairs.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name:<width$}  {value}");
        text
    })
}

/// A field of JSON as people read it; a dash where there is none.
pub(crate) fn text(value: &Value, name: &str) -> String {
    plain(value.get(name).unwrap_or(&Value::Null))
}

/// A value of JSON as people read it.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// The items of a list.
pub(crate) fn items(value: &Value) -> &[Value] {
    value.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_and_long_cells_are_cut() {
        let rows = vec![vec!["a".to_owned(), "x".repeat(100)], vec!["söhne".to_owned(), "y".to_owned()]];
        let text = table(&["name", "label"], &rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "NAME   LABEL");
        assert_eq!(lines[1].chars().count(), 7 + CELL_CHARS_MAX);
        assert_eq!(lines[2], "söhne  y");
        assert_eq!(table(&["name"], &[]), "none");
    }

    #[test]
    fn a_terminal_does_not_obey_a_callers_name() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc\u{202e}"), "a\u{fffd}[2Jb\nc\u{fffd}");
    }
}
