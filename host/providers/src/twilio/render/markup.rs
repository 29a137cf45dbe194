//! Writes XML that is well-formed whatever it is given.
//!
//! Every renderer writes through it. Names come from our own code, values are escaped by the library, and characters that XML 1.0
//! cannot carry at all are left out here: escaping would not help them, and a provider drops a call whose document does not parse.

use std::borrow::Cow;

use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use quick_xml::writer::Writer;

/// Most documents are smaller, so that they are written without growing; and so are most elements.
const DOCUMENT_BYTES: usize = 1_024;
const ELEMENT_BYTES: usize = 384;

/// An attribute: a name of ours and any value.
pub(crate) type Attribute<'a> = (&'static str, &'a str);

/// A document that is being written. What was begun and not ended is ended by [`Markup::finish`].
pub(crate) struct Markup {
    writer: Writer<Vec<u8>>,
    begun: Vec<&'static str>,
}

impl Markup {
    /// An empty document with this root.
    pub(crate) fn new(root: &'static str) -> Self {
        let mut markup = Self { writer: Writer::new(Vec::with_capacity(DOCUMENT_BYTES)), begun: Vec::new() };
        markup.put(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
        markup.begin(root, &[]);
        markup
    }

    /// Begins an element.
    pub(crate) fn begin(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.put(Event::Start(tag(name, attributes)));
        self.begun.push(name);
    }

    /// Ends what was begun last.
    pub(crate) fn end(&mut self) {
        if let Some(name) = self.begun.pop() {
            self.put(Event::End(BytesEnd::new(name)));
        }
    }

    /// Writes text.
    pub(crate) fn text(&mut self, text: &str) {
        self.put(Event::Text(BytesText::new(&sayable(text))));
    }

    /// Writes an element without children.
    pub(crate) fn empty(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.put(Event::Empty(tag(name, attributes)));
    }

    /// Writes an element with nothing but text.
    pub(crate) fn leaf(&mut self, name: &'static str, attributes: &[Attribute<'_>], text: &str) {
        self.begin(name, attributes);
        self.text(text);
        self.end();
    }

    /// The document.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        while !self.begun.is_empty() {
            self.end();
        }
        self.writer.into_inner()
    }

    fn put(&mut self, event: Event<'_>) {
        // Writing to memory has no error of its own; the size is looked at when the document is finished.
        let _written = self.writer.write_event(event);
    }
}

fn tag(name: &'static str, attributes: &[Attribute<'_>]) -> BytesStart<'static> {
    if attributes.is_empty() {
        return BytesStart::new(name);
    }
    let mut content = String::with_capacity(ELEMENT_BYTES);
    content.push_str(name);
    let mut start = BytesStart::from_content(content, name.len());
    for (name, value) in attributes {
        start.push_attribute((*name, sayable(value)));
    }
    start
}

/// Without the characters that XML 1.0 has no way to write (section 2.2, Char).
fn sayable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_char) { Cow::Borrowed(text) } else { Cow::Owned(text.chars().filter(|c| is_char(*c)).collect()) }
}

/// True where XML 1.0 can carry it, escaped or not.
pub(crate) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quick_xml::XmlVersion;
    use quick_xml::events::Event;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again_less_what_no_document_can_carry(
            value in "[<>&'\"\\t\\n\\ra\u{1}\u{fffe}\u{e4}\u{1f600}]{0,40}|\\PC{0,40}",
        ) {
            let mut markup = Markup::new("Root");
            markup.leaf("Leaf", &[("a", &value)], &value);
            let document = String::from_utf8(markup.finish()).unwrap();
            let mut reader = quick_xml::Reader::from_str(&document);
            let (mut attribute, mut text) = (String::new(), String::new());
            loop {
                match reader.read_event().unwrap() {
                    Event::Start(start) if start.name().as_ref() == "Leaf" => {
                        let found = start.try_get_attribute("a").unwrap().unwrap();
                        attribute = found.normalized_value(XmlVersion::Explicit1_0).unwrap().into_owned();
                    }
                    Event::Text(read) => text.push_str(&read.xml10_content()),
                    Event::GeneralRef(read) => match read.resolve_char_ref().unwrap() {
                        Some(c) => text.push(c),
                        None => text.push_str(quick_xml::escape::resolve_predefined_entity(&read).unwrap()),
                    },
                    Event::Eof => break,
                    _ => {}
                }
            }
            let expected: String = value.chars().filter(|c| is_char(*c)).collect();
            prop_assert_eq!(&attribute, &expected);
            prop_assert_eq!(&text, &expected);
        }
    }
}
