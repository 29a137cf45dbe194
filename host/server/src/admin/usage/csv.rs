//! Writes lines of CSV as RFC 4180 says, so that no cell ends where it should not and none is a formula.
//!
//! A plugin chooses the names of its goals and of its models, and they are columns. A spreadsheet runs what begins with `=`, `+`, `-`
//! or `@`, whoever wrote it; such a cell gets an apostrophe in front, which spreadsheets take as "this is text".

/// What a spreadsheet takes for the beginning of a formula, spaces of any kind before it included.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Appends a line.
pub(super) fn line<S: AsRef<str>>(text: &mut String, cells: impl IntoIterator<Item = S>) {
    for (at, cell) in cells.into_iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        push(text, cell.as_ref());
    }
    text.push_str("\r\n");
}

fn push(text: &mut String, cell: &str) {
    let is_formula = cell.trim_start_matches([' ', '\n']).starts_with(FORMULA);
    let is_quoted = is_formula || cell.contains([',', '"', '\r', '\n']);
    if is_quoted {
        text.push('"');
    }
    if is_formula {
        text.push('\'');
    }
    text.push_str(&cell.replace('"', "\"\""));
    if is_quoted {
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cells: &[&str]) -> String {
        let mut text = String::new();
        line(&mut text, cells);
        text
    }

    #[test]
    fn a_cell_with_a_comma_a_quote_or_a_line_end_is_one_cell() {
        assert_eq!(written(&["a", "b,c", "say \"yes\"", "two\nlines", ""]), "a,\"b,c\",\"say \"\"yes\"\"\",\"two\nlines\",\r\n");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =cmd|' /C calc'!A0", "\n=1"] {
            let text = written(&[cell]);
            assert!(text.starts_with("\"'"), "{cell:?}: {text:?}");
        }
        assert_eq!(written(&["outcome/=1"]), "outcome/=1\r\n", "what begins otherwise is text already");
    }
}
