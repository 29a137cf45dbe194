//! Collects a guest's log: its own lines, and what it prints to stdout and stderr.
//!
//! Everything is bounded by the budget and escaped before it is kept, because people read it in terminals and pages: a line must
//! not be able to forge another line, move a cursor or reverse the direction of writing. Nothing is dropped silently: what
//! passes the limit ends the invocation, and what had room of the last line is kept.

use jackfield_domain::budget::Limit;
use jackfield_domain::capability::{Level, LogLine};

use crate::guest::limits::{Ended, Meter};

/// What each line and each of its fields counts besides its text, so that a flood of empty ones ends like any other.
const LINE_BYTES: usize = 16;
/// A line without an end is cut here: a guest that prints no newline must not make one line of everything.
const PRINTED_LINE_BYTES_MAX: usize = 4 * 1024;

/// Where something was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Self::Out => "stdout",
            Self::Err => "stderr",
        }
    }

    fn level(self) -> Level {
        match self {
            Self::Out => Level::Info,
            Self::Err => Level::Warn,
        }
    }
}

/// The log of one invocation.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Vec<LogLine>,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Log {
    /// Takes one line of the guest's own.
    pub(crate) fn write(&mut self, level: Level, message: &str, fields: &[(String, String)], meter: &mut Meter) -> Result<(), Ended> {
        let mut room = meter.log_bytes_left();
        let message = escaped(message);
        let fields: Vec<(String, String)> = fields.iter().map(|(name, value)| (escaped(name), escaped(value))).collect();
        let bytes = LINE_BYTES + message.len() + fields.iter().map(|(name, value)| LINE_BYTES + name.len() + value.len()).sum::<usize>();
        let counted = meter.count_log(bytes);
        if counted.is_ok() {
            self.lines.push(LogLine { level, message, fields });
            return Ok(());
        }
        room = room.saturating_sub(LINE_BYTES);
        self.lines.push(LogLine { level, message: cut(message, room), fields: Vec::new() });
        counted
    }

    /// Takes printed bytes, line by line.
    pub(crate) fn print(&mut self, stream: Stream, bytes: &[u8], meter: &mut Meter) -> Result<(), Ended> {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            self.buffer(stream).extend_from_slice(line);
            self.end_line(stream, meter)?;
            rest = after.get(1..).unwrap_or_default();
        }
        for part in rest.chunks(PRINTED_LINE_BYTES_MAX) {
            self.buffer(stream).extend_from_slice(part);
            if self.buffer(stream).len() >= PRINTED_LINE_BYTES_MAX {
                self.end_line(stream, meter)?;
            }
        }
        // The unfinished line has its room as well, or a guest could print for ever without a newline.
        if self.buffer(stream).len() > meter.log_bytes_left() {
            self.end_line(stream, meter)?;
            return Err(Ended(Limit::Log));
        }
        Ok(())
    }

    /// All lines, the unfinished ones too.
    pub(crate) fn finish(mut self, meter: &mut Meter) -> Vec<LogLine> {
        for stream in [Stream::Out, Stream::Err] {
            if !self.buffer(stream).is_empty() {
                // The guest is over already: what has no room is cut, and nothing is left to end.
                let _over = self.end_line(stream, meter);
            }
        }
        self.lines
    }

    fn end_line(&mut self, stream: Stream, meter: &mut Meter) -> Result<(), Ended> {
        let line = std::mem::take(self.buffer(stream));
        let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line));
        self.write(stream.level(), &text, &[("stream".to_owned(), stream.name().to_owned())], meter)
    }

    fn buffer(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }
}

/// Makes control characters, line ends and marks of writing direction visible.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        let directs = matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if character.is_control() || directs {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

fn cut(mut text: String, bytes_max: usize) -> String {
    let end = (0..=bytes_max.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_domain::budget::Plan;

    fn meter() -> Meter {
        Meter::new(Plan::Standard.limits())
    }

    #[test]
    fn a_line_cannot_forge_another_or_move_a_cursor() {
        let mut log = Log::default();
        log.write(Level::Info, "a\nERROR b\u{1b}[2J\u{202e}c", &[], &mut meter()).unwrap();
        assert_eq!(log.finish(&mut meter())[0].message, "a\\nERROR b\\u{1b}[2J\\u{202e}c");
    }

    #[test]
    fn what_is_printed_becomes_lines_and_the_last_needs_no_end() {
        let mut log = Log::default();
        let mut meter = meter();
        log.print(Stream::Out, b"one\r\ntw", &mut meter).unwrap();
        log.print(Stream::Err, b"other", &mut meter).unwrap();
        log.print(Stream::Out, b"o\n\nthree", &mut meter).unwrap();
        let lines: Vec<String> = log.finish(&mut meter).into_iter().map(|line| line.message).collect();
        assert_eq!(lines, ["one", "two", "", "three", "other"]);
    }

    #[test]
    fn empty_fields_are_not_for_nothing() {
        let fields = vec![(String::new(), String::new()); 2_000];
        let ended = Log::default().write(Level::Info, "", &fields, &mut meter()).unwrap_err();
        assert_eq!(ended.0, Limit::Log);
    }

    #[test]
    fn a_flood_ends_with_or_without_newlines() {
        for flood in [&b"\n"[..], &b"x"[..], &b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"[..]] {
            let mut log = Log::default();
            let mut meter = meter();
            let ended = (0..20_000).find_map(|_| log.print(Stream::Out, flood, &mut meter).err());
            assert_eq!(ended.map(|ended| ended.0), Some(Limit::Log));
            let kept: usize = log.finish(&mut meter).iter().map(|line| line.message.len()).sum();
            assert!(kept <= 16 << 10, "{kept} bytes kept");
        }
    }
}
