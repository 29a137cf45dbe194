//! Replaces half characters in a JSON text, because one of them makes all of it unreadable.
//!
//! UTF-16 writes characters beyond the first 65,536 as two halves, and whoever cuts a text between them and writes it with `JSON.stringify`
//! sends one half. Only a body that could not be read comes here; what is whole in it stays byte for byte.

/// The text with `\ufffd` for each half that stands alone; nothing where there is none.
pub(super) fn replaced(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut mended = String::new();
    let (mut at, mut kept) = (0, 0);
    while let Some(found) = memchr::memchr(b'\\', bytes.get(at..)?) {
        let here = at + found;
        match unit(bytes, here) {
            None => at = here + 2,
            Some(0xd800..=0xdbff) if matches!(unit(bytes, here + 6), Some(0xdc00..=0xdfff)) => at = here + 12,
            Some(0xd800..=0xdfff) => {
                mended.push_str(text.get(kept..here)?);
                mended.push_str("\\ufffd");
                at = here + 6;
                kept = at;
            }
            Some(_) => at = here + 6,
        }
        if at >= bytes.len() {
            break;
        }
    }
    mended.push_str(text.get(kept..)?);
    (kept > 0).then_some(mended)
}

/// The unit of UTF-16 that an escape says which stands there.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let is_written = digits.iter().all(u8::is_ascii_hexdigit);
    std::str::from_utf8(digits).ok().filter(|_| is_written).and_then(|digits| u16::from_str_radix(digits, 16).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_half_is_replaced_and_everything_else_stays() {
        for (given, mended) in [
            (r#"{"a":"cut \ud83d"}"#, Some(r#"{"a":"cut \ufffd"}"#)),
            (r#"{"a":"\udc00\ud83d\ude00\uD83Dx"}"#, Some(r#"{"a":"\ufffd\ud83d\ude00\ufffdx"}"#)),
            (r#"{"a":"\\ud83d \n \u00e9"}"#, None),
            (r#"{"a":"\ud83d\ud83d"}"#, Some(r#"{"a":"\ufffd\ufffd"}"#)),
            (r#"{"a":"\ud83"#, None),
            ("\\", None),
            ("", None),
        ] {
            assert_eq!(replaced(given).as_deref(), mended, "{given}");
        }
    }

    #[test]
    fn a_transcript_that_was_cut_is_read() {
        let body = bytes::Bytes::from_static(br#"{"call":{"id":"c-1","transcript":"Yes \ud83d"}}"#);
        let read = super::super::parse(&body).unwrap();
        assert_eq!(super::super::text(&read, "/call/id").as_deref(), Some("c-1"));
        assert_eq!(super::super::text(&read, "/call/transcript").as_deref(), Some("Yes \u{fffd}"));
    }

    proptest! {
        #[test]
        fn what_is_mended_can_be_read(units in proptest::collection::vec(any::<u16>(), 0..20)) {
            let text: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let body = format!("[\"{text}\"]");
            let read = serde_json::from_str::<Vec<String>>(&replaced(&body).unwrap_or_else(|| body.clone()));
            prop_assert_eq!(read.unwrap(), vec![String::from_utf16_lossy(&units)]);
        }
    }
}
