//! Reads TwiML as a telephone would: what is said, in order, and where it goes on.
//!
//! Promises and the demo look at replies with it. It is a reader of its own and not the renderer's, so that a mistake in the one is
//! not repeated by the other.

use anyhow::{Context as _, anyhow};
use quick_xml::Reader;
use quick_xml::events::Event;

/// One element, with the names of those around it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// For example "Response/Gather/Say".
    pub path: String,
    /// In order.
    pub attributes: Vec<(String, String)>,
    /// Its own text.
    pub text: String,
}

/// A document, flat and in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Twiml {
    /// Every element.
    pub elements: Vec<Element>,
}

impl Element {
    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// An attribute's value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

impl Twiml {
    /// Reads a document; an error where it is not well-formed.
    pub fn parse(body: &[u8]) -> anyhow::Result<Self> {
        let mut reader = Reader::from_reader(body);
        let mut open: Vec<usize> = Vec::new();
        let mut elements: Vec<Element> = Vec::new();
        let mut buffer = Vec::new();
        loop {
            let event = reader.read_event_into(&mut buffer)?;
            match event {
                Event::Start(ref start) | Event::Empty(ref start) => {
                    let above = open.last().and_then(|at| elements.get(*at)).map(|e| format!("{}/", e.path)).unwrap_or_default();
                    let mut element = Element { path: format!("{above}{}", start.name().as_ref()), ..Element::default() };
                    for attribute in start.attributes() {
                        let attribute = attribute?;
                        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0)?.into_owned();
                        element.attributes.push((attribute.key.as_ref().to_owned(), value));
                    }
                    elements.push(element);
                    if matches!(event, Event::Start(_)) {
                        open.push(elements.len() - 1);
                    }
                }
                Event::Text(text) => append(&mut elements, &open, &text.xml_content(quick_xml::XmlVersion::Implicit1_0)),
                Event::GeneralRef(reference) => {
                    let resolved = match reference.resolve_char_ref()? {
                        Some(character) => character.to_string(),
                        None => {
                            let name: &str = &reference;
                            quick_xml::escape::resolve_predefined_entity(name).ok_or_else(|| anyhow!("unknown entity {name}"))?.to_owned()
                        }
                    };
                    append(&mut elements, &open, &resolved);
                }
                Event::End(_) => {
                    open.pop();
                }
                Event::Eof if open.is_empty() && !elements.is_empty() => return Ok(Self { elements }),
                Event::Eof => return Err(anyhow!("the document breaks off")),
                _ => {}
            }
            buffer.clear();
        }
    }

    /// Elements of that name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.elements.iter().filter(move |element| element.name() == name)
    }

    /// The first element of that name.
    pub fn first(&self, name: &str) -> Option<&Element> {
        self.elements.iter().find(|element| element.name() == name)
    }

    /// Everything that is said, in order, in one line.
    pub fn said(&self) -> String {
        self.all("Say").map(|say| say.text.trim().to_owned()).collect::<Vec<_>>().join(" ")
    }

    /// Where the question's answer goes.
    pub fn gather_action(&self) -> anyhow::Result<String> {
        let gather = self.first("Gather").with_context(|| format!("nothing is asked: {:?}", self.elements))?;
        gather.attribute("action").map(str::to_owned).ok_or_else(|| anyhow!("the question has no action"))
    }

    /// The queue that the caller is put into.
    pub fn queue(&self) -> Option<&str> {
        self.first("Enqueue").map(|enqueue| enqueue.text.trim())
    }

    /// Names of the top-level verbs, in order.
    pub fn verbs(&self) -> Vec<&str> {
        self.elements.iter().filter(|element| element.path.matches('/').count() == 1).map(Element::name).collect()
    }

    /// In words, for people.
    pub fn in_words(&self) -> Vec<String> {
        self.elements
            .iter()
            .filter_map(|element| {
                let at = |name: &str| element.attribute(name).unwrap_or("?").to_owned();
                Some(match element.name() {
                    "Say" => format!("hears  \"{}\"", element.text.trim()),
                    "Play" if element.text.is_empty() => format!("hears  the tones {}", at("digits")),
                    "Play" => format!("hears  {}", element.text.trim()),
                    "Gather" => format!("may answer by {} within {} s", at("input"), at("timeout")),
                    "Enqueue" => format!("waits  in the queue {}", element.text.trim()),
                    "Number" => format!("is connected to {}", element.text.trim()),
                    "Sip" => format!("is connected to {}", element.text.trim()),
                    "ConversationRelay" => format!("talks  with an AI speaker, which begins: \"{}\"", at("welcomeGreeting")),
                    "Record" => format!("leaves a message of at most {} s", at("maxLength")),
                    "Pause" => format!("hears  silence for {} s", at("length")),
                    "Reject" => format!("is rejected as {}", at("reason")),
                    "Hangup" => "is hung up".to_owned(),
                    "Redirect" => "goes on".to_owned(),
                    _ => return None,
                })
            })
            .collect()
    }
}

fn append(elements: &mut [Element], open: &[usize], text: &str) {
    if let Some(element) = open.last().and_then(|at| elements.get_mut(*at)) {
        element.text.push_str(text);
    }
}
