//! Passes a plugin's SSML into a `Say`, element by element, so that only what is spoken gets there.
//!
//! Prompts are rendered through it. It reads the markup and writes it again instead of copying it: a copied end tag could close the
//! `Say` and put a verb of the plugin's choice behind it, past all vetting.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::markup::{Markup, is_char};

/// The elements that Twilio speaks and every dialect may be given, each with its attributes.
const ELEMENTS: [(&str, &[&str]); 10] = [
    ("break", &["strength", "time"]),
    ("emphasis", &["level"]),
    ("lang", &["xml:lang"]),
    ("p", &[]),
    ("phoneme", &["alphabet", "ph"]),
    ("prosody", &["volume", "rate", "pitch"]),
    ("s", &[]),
    ("say-as", &["interpret-as", "format"]),
    ("sub", &["alias"]),
    ("w", &["role"]),
];

/// Deeper nesting has no sound of its own, and would cost a reader's stack.
const DEPTH_MAX: usize = 16;

/// What `speak` around the whole may be.
const ROOT: &str = "speak";

type Attributes = Vec<(&'static str, String)>;

/// Writes the inside of a `Say`; the error is a sentence for the plugin's developer, in which `who` speaks. Gives back the words alone.
pub(super) fn speak(ssml: &str, markup: &mut Markup, who: &'static str) -> Result<String, String> {
    let mut reader = Reader::from_str(ssml);
    let mut writing = Writing { markup, who, open: Vec::new(), spoken: String::new(), root_seen: false };
    loop {
        match reader.read_event().map_err(|error| format!("the SSML is not well-formed: {error}"))? {
            Event::Start(start) => writing.start(&start, false)?,
            Event::Empty(start) => writing.start(&start, true)?,
            Event::End(_) => writing.end(),
            Event::Text(text) => writing.text(text.xml10_content())?,
            Event::CData(text) => writing.text(text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let resolved = reference.resolve_char_ref().map_err(|_| "the SSML has a character reference that is none".to_owned())?;
                let character = match (resolved, &*reference.xml10_content()) {
                    (Some(character), _) => character,
                    (None, "lt") => '<',
                    (None, "gt") => '>',
                    (None, "amp") => '&',
                    (None, "quot") => '"',
                    (None, "apos") => '\'',
                    (None, _) => return Err("the SSML has an entity that XML does not know".to_owned()),
                };
                writing.text(Cow::Owned(character.to_string()))?;
            }
            // A comment says nothing, and the declaration only what is known.
            Event::Comment(_) | Event::Decl(_) => {}
            Event::PI(_) | Event::DocType(_) => return Err("the SSML has a processing instruction or a document type".to_owned()),
            Event::Eof => return writing.finish(),
        }
    }
}

/// The words of an SSML text, for whoever reads instead of listening; refused as [`speak`] refuses.
pub(crate) fn plain(ssml: &str, who: &'static str) -> Result<String, String> {
    let spoken = speak(ssml, &mut Markup::new("Say"), who)?;
    Ok(spoken.split_whitespace().collect::<Vec<_>>().join(" "))
}

struct Writing<'a> {
    markup: &'a mut Markup,
    /// As sentences name who speaks.
    who: &'static str,
    /// Each open element that was written; `speak` is none.
    open: Vec<Option<&'static str>>,
    spoken: String,
    root_seen: bool,
}

impl Writing<'_> {
    fn start(&mut self, start: &BytesStart<'_>, empty: bool) -> Result<(), String> {
        let qualified = start.name();
        let name: &str = qualified.as_ref();
        if name == ROOT && self.open.is_empty() && !self.root_seen {
            self.root_seen = true;
            if !empty {
                self.open.push(None);
            }
            return Ok(());
        }
        let known = ELEMENTS.iter().find(|(known, _)| *known == name);
        let (name, allowed) = known.ok_or_else(|| format!("{} does not speak the SSML element {}", self.who, shown(name)))?;
        let attributes = read_attributes(start, name, allowed, self.who)?;
        self.part(name);
        let attributes: Vec<(&'static str, &str)> = attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if empty {
            self.markup.empty(name, &attributes);
            return Ok(());
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("the SSML is nested deeper than {DEPTH_MAX}"));
        }
        self.markup.begin(name, &attributes);
        self.open.push(Some(*name));
        Ok(())
    }

    fn end(&mut self) {
        if let Some(name) = self.open.pop().flatten() {
            self.markup.end();
            self.part(name);
        }
    }

    /// Sentences and silences are apart for readers too.
    fn part(&mut self, name: &str) {
        if matches!(name, "break" | "p" | "s") {
            self.spoken.push(' ');
        }
    }

    fn text(&mut self, text: Cow<'_, str>) -> Result<(), String> {
        if let Some(bad) = text.chars().find(|c| !is_char(*c)) {
            return Err(format!("the SSML has the character U+{:04X}, which XML cannot carry", u32::from(bad)));
        }
        self.spoken.push_str(&text);
        self.markup.text(&text);
        Ok(())
    }

    fn finish(self) -> Result<String, String> {
        if self.open.is_empty() { Ok(self.spoken) } else { Err("the SSML is not well-formed: an element is not ended".to_owned()) }
    }
}

fn read_attributes(start: &BytesStart<'_>, element: &str, allowed: &'static [&'static str], who: &str) -> Result<Attributes, String> {
    let mut read = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| format!("the SSML is not well-formed: {error}"))?;
        let given: &str = attribute.key.as_ref();
        let name = allowed.iter().find(|name| **name == given);
        let name = name.ok_or_else(|| format!("{who} knows no attribute {} of {element}", shown(given)))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| format!("the SSML is not well-formed: {error}"))?;
        if value.chars().any(|c| !is_char(c)) {
            return Err(format!("the attribute {name} of {element} has a character that XML cannot carry"));
        }
        read.push((*name, value.into_owned()));
    }
    Ok(read)
}

fn shown(name: &str) -> String {
    name.chars().take(40).collect::<String>().escape_debug().to_string()
}
