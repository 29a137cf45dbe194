//! Reads telephone numbers as people and switches write them, with the numbering plans of all countries.
//!
//! Providers call it for what they dial without a plus, the admin API for what an operator types. A number that is written in E.164
//! already goes through [`super::e164`] alone: it needs no plan, and a call must not wait for one. The plans are a library's
//! (decision 29), because they change every month and nobody's memory holds them.

use std::str::FromStr as _;

use phonenumber::country::Id;

use super::e164;

/// Longest text that is taken for a number: brackets, dashes and an extension included.
const TEXT_BYTES_MAX: usize = 64;

/// True for the two letters of a country that has a numbering plan.
pub fn is_country(text: &str) -> bool {
    id(text).is_some()
}

/// E.164 of what was dialled: as it is, as digits that lack their plus, or as the country's own people write it.
pub fn number(raw: &str, country: Option<&str>) -> Option<String> {
    if let Some(number) = e164(raw) {
        return Some(number);
    }
    let bare = bare(raw)?;
    let country = country.and_then(id);
    let national = country.and_then(|country| valid(Some(country), bare));
    let digits_alone = bare.bytes().all(|b| b.is_ascii_digit());
    national.or_else(|| digits_alone.then(|| valid(None, &format!("+{bare}"))).flatten())
}

fn id(country: &str) -> Option<Id> {
    Id::from_str(&country.to_ascii_uppercase()).ok()
}

/// What stands between scheme and host, where that may be a number.
fn bare(raw: &str) -> Option<&str> {
    let trimmed = raw.trim();
    let bare = match trimmed.split_once(':') {
        Some(("tel" | "whatsapp", rest)) => rest,
        Some(("sip" | "sips", rest)) => rest.split(['@', ';', '?']).next().unwrap_or(rest),
        Some(_) => return None,
        None => trimmed,
    };
    let plausible = bare.len() <= TEXT_BYTES_MAX && bare.bytes().all(|b| b.is_ascii_digit() || b" ()-./+".contains(&b));
    (plausible && bare.bytes().filter(u8::is_ascii_digit).count() >= 3).then_some(bare)
}

/// A number that the plan knows as one that can be assigned: a guess must not make a number of an extension.
fn valid(country: Option<Id>, text: &str) -> Option<String> {
    let number = phonenumber::parse(country, text).ok()?;
    if !phonenumber::is_valid(&number) || number.extension().is_some() {
        return None;
    }
    // As the library formats E.164, which looks for a layout that it then has no use for.
    e164(&format!("+{}{}", number.country().code(), number.national()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_number_are_one() {
        for (raw, country) in [
            ("+18005551234", None),
            ("18005551234", None),
            ("18005551234", Some("US")),
            ("(800) 555-1234", Some("US")),
            ("800.555.1234", Some("us")),
            ("sip:18005551234@10.0.0.1:5060", None),
            ("tel:8005551234", Some("US")),
            ("0018005551234", Some("DE")),
        ] {
            assert_eq!(number(raw, country).as_deref(), Some("+18005551234"), "{raw} {country:?}");
        }
        assert_eq!(number("030 901820", Some("DE")).as_deref(), Some("+4930901820"));
    }

    #[test]
    fn an_extension_is_no_number() {
        for (raw, country) in
            [("1001", None), ("sales", None), ("sip:1001@pbx", Some("US")), ("client:bob", None), ("", None), ("110", Some("DE"))]
        {
            assert_eq!(number(raw, country), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_written_as_the_library_writes_it(
            digits in "[0-9]{3,15}", country in proptest::sample::select(vec!["US", "DE", "IT", "AR"]),
        ) {
            let parsed = phonenumber::parse(Some(country.parse().unwrap()), &digits).ok().filter(phonenumber::is_valid);
            let theirs = parsed.and_then(|number| e164(&number.format().mode(phonenumber::Mode::E164).to_string()));
            prop_assert_eq!(valid(id(country), &digits), theirs);
        }

        #[test]
        fn whatever_is_dialled_is_a_number_in_e164_or_none(raw in "\\PC{0,40}", country in "[A-Z]{2}") {
            if let Some(found) = number(&raw, Some(&country)) {
                prop_assert_eq!(e164(&found), Some(found));
            }
        }
    }
}
