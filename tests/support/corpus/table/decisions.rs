//! Lists decisions that are well formed and cannot be, and those that only look as if they could do harm.
//!
//! All of them come from the guest `nonsense`, whose setting `sin` chooses. What another tenant has stands in the setting `other`: a
//! guest that guesses well must find no more than one that guesses badly.

use jackfield_domain::budget::Limit;

use super::of_crate;
use crate::corpus::{Account, Attacks, Expected, Sin, Verdict};

/// The number of the neighbour beside whom the corpus is run.
pub const NEIGHBOURS_NUMBER: &str = "+18005551234";
/// One of its queues.
pub const NEIGHBOURS_QUEUE: &str = "billing";
/// Its name.
pub const NEIGHBOUR: &str = "acme";

const NONSENSE: Expected = Expected::Fails(&["nonsense"]);
const CANNOT_RENDER: Expected = Expected::Fails(&["cannot-render"]);
const OUTPUT: Expected = Expected::Fails(&["output-exceeded"]);
const HARMLESS: Expected = Expected::Answers(contained);

pub(super) fn sins() -> Vec<Sin> {
    [floods(), texts(), spoken(), elsewhere(), numbers(), places(), targets()].concat()
}

fn of(sin: &'static str, tries: &'static str, attacks: Attacks, expected: Expected) -> Sin {
    of_crate("nonsense", tries, attacks, expected).set("sin", sin)
}

fn vetted(sin: &'static str, tries: &'static str) -> Sin {
    of(sin, tries, Attacks::Vetting, NONSENSE)
}

fn harmless(sin: &'static str, tries: &'static str) -> Sin {
    of(sin, tries, Attacks::Rendering, HARMLESS)
}

fn unrendered(sin: &'static str, tries: &'static str) -> Sin {
    of(sin, tries, Attacks::Rendering, CANNOT_RENDER)
}

fn floods() -> Vec<Sin> {
    let output = |sin, tries| of(sin, tries, Attacks::Limit(Limit::Output), OUTPUT);
    vec![
        output("many-actions", "returns ten thousand actions"),
        vetted("more-actions-than-the-plan", "returns more actions than the plan has"),
        vetted("no-actions", "returns no actions"),
        of("long-text", "says thirty thousand characters", Attacks::Rendering, Expected::Answers(said_in_pieces)),
        of("longest-text", "says sixty thousand characters", Attacks::Rendering, Expected::Answers(said_in_pieces)).on("maximum"),
        unrendered("text-that-grows", "says what is five times as long once it is escaped"),
        of(
            "text-without-a-place-to-cut",
            "says seven thousand characters without a space",
            Attacks::Rendering,
            Expected::Answers(said_in_pieces),
        ),
        unrendered("longest-ssml", "says more SSML than the provider says at once"),
        output("many-attributes", "sets ten thousand attributes"),
        harmless("large-attributes", "sets attributes as large as they may be"),
        vetted("attribute-that-is-too-large", "sets an attribute that is too large"),
        vetted("attribute-whose-name-is-too-long", "sets an attribute whose name is too long"),
        vetted("attribute-without-a-name", "sets an attribute without a name"),
        vetted("many-targets", "rings a hundred telephones"),
        vetted("many-digits", "sends twenty thousand keys"),
        harmless("many-prompts", "asks with five hundred prompts"),
        harmless("long-instructions", "instructs a persona at length"),
    ]
}

fn texts() -> Vec<Sin> {
    vec![
        vetted("empty-text", "says nothing"),
        vetted("control-characters", "says a bell and an escape sequence"),
        vetted("last-character", "says a character that XML does not have"),
        of("markup-in-text", "says what closes the document and begins a verb", Attacks::Rendering, Expected::Answers(said_literally)),
        of("entities-in-text", "says entities and sections", Attacks::Rendering, Expected::Answers(entities_said_literally)),
        vetted("unknown-prompt", "says something of a kind that nobody knows"),
        vetted("bad-language", "sets a language that is a path"),
        vetted("markup-in-language", "sets a language that closes its attribute"),
        vetted("language-of-a-prompt", "says something in a language with a bell"),
        harmless("markup-in-voice", "names a voice that closes its attribute"),
        vetted("control-in-voice", "names a voice with a line end"),
    ]
}

fn spoken() -> Vec<Sin> {
    vec![
        unrendered("broken-ssml", "speaks SSML that is not closed"),
        unrendered("hostile-ssml", "speaks SSML with a document type and a verb"),
        unrendered("ssml-that-closes-too-much", "speaks SSML that closes what is around it"),
        unrendered("ssml-with-a-verb", "speaks SSML that has a verb inside"),
        unrendered("ssml-with-audio", "speaks SSML that fetches from the loopback"),
        unrendered("ssml-with-an-instruction", "speaks SSML with a processing instruction"),
        unrendered("ssml-that-includes-a-file", "speaks SSML that includes a file"),
        unrendered("ssml-that-laughs", "speaks SSML whose entities multiply"),
        unrendered("ssml-without-a-floor", "speaks SSML that is nested three thousand deep"),
        unrendered("ssml-with-a-bell", "speaks a bell by its number"),
        unrendered("ssml-with-an-event", "speaks SSML with an attribute that runs code"),
        unrendered("ssml-with-a-namespace", "speaks SSML of another namespace"),
        harmless("ssml-with-hidden-text", "hides markup in sections and comments"),
    ]
}

fn elsewhere() -> Vec<Sin> {
    vec![
        vetted("bad-tag", "puts more than a tag into a tag"),
        vetted("markup-in-tag", "puts markup into a tag"),
        vetted("markup-in-queue", "names a queue that is markup"),
        harmless("markup-in-hints", "hints at markup"),
        harmless("markup-in-choices", "offers markup"),
        vetted("control-in-phrases", "expects a bell to be said"),
        harmless("markup-in-attributes", "sets attributes that are markup"),
        vetted("control-in-attributes", "sets an attribute with NUL"),
        vetted("markup-in-a-conference", "names a conference that is markup"),
        harmless("markup-in-a-mailbox", "names a mailbox that is markup"),
        vetted("markup-in-consent", "asks for consent to markup"),
        harmless("markup-in-a-sip-address", "dials a SIP address that closes its element"),
        vetted("line-in-a-sip-address", "dials a SIP address with a line of its own"),
        vetted("header-that-is-not-ours", "sends a SIP header that is the provider's"),
        vetted("line-in-a-header", "sends a SIP header with a second one inside"),
        vetted("markup-in-a-header-name", "sends a SIP header whose name is markup"),
        harmless("markup-in-a-greeting", "lets a persona greet with markup"),
        vetted("control-in-a-greeting", "lets a persona greet with a bell"),
        vetted("control-in-instructions", "instructs a persona with NUL"),
        harmless("markup-in-a-whisper", "whispers markup"),
        harmless("markup-in-a-farewell", "ends with a reason that is markup"),
    ]
}

fn numbers() -> Vec<Sin> {
    vec![
        vetted("play-for-ever", "plays a file four thousand million times"),
        vetted("pause-for-ever", "is silent for ever"),
        vetted("pause-for-no-time", "is silent for no time"),
        vetted("wakes-in-an-age", "wakes in an age"),
        vetted("wakes-at-once", "wakes at once, again and again"),
        vetted("records-for-ever", "records for ever"),
        vetted("records-nothing", "records for no time"),
        harmless("rings-for-ever", "rings for ever"),
        vetted("double-keys", "offers one key twice"),
        vetted("no-choices", "offers nothing"),
        vetted("key-that-is-none", "offers a key that no telephone has"),
        vetted("letters-for-digits", "sends letters as keys"),
        vetted("no-digits", "sends no keys"),
        vetted("first-of-all", "goes before everybody in the queue"),
        vetted("consent-without-a-key", "asks for consent without a way to give it"),
        vetted("temperature-that-is-no-number", "gives a persona a temperature that is no number"),
        vetted("asks-for-ever", "asks for ever"),
        vetted("never-asks", "asks no times"),
        vetted("asks-for-no-digits", "asks for no digits"),
        vetted("asks-for-more-than-it-takes", "asks for more digits than it takes"),
        vetted("listens-to-nothing", "asks and listens to nothing"),
        vetted("waits-for-ever", "waits for an answer for ever"),
        vetted("waits-for-no-time", "waits for an answer for no time"),
        vetted("ends-with-anything", "ends an answer with what is no key"),
        vetted("is-never-sure", "asks for a confidence that is no number"),
        vetted("is-surer-than-sure", "asks for an infinite confidence"),
    ]
}

fn places() -> Vec<Sin> {
    vec![
        vetted("keep-and-more", "changes nothing and more"),
        vetted("after-the-end", "goes on after the end"),
        vetted("two-ends", "ends twice"),
        vetted("rejects-and-more", "rejects a call that it has answered"),
        vetted("bad-rejection", "rejects for a reason that nobody knows"),
        unrendered("keeps-a-call-that-just-began", "keeps what has only begun"),
        of("sends-a-message", "sends a message, which it did not list", Attacks::Describe, Expected::Fails(&["unlisted"])),
        vetted("loopback-url", "plays from the loopback"),
        vetted("file-url", "plays a file of the host"),
        vetted("url-with-a-line", "plays from an address with a header in it"),
        vetted("secure-loopback-url", "plays from the loopback, encrypted"),
        vetted("loopback-url-of-six", "plays from the loopback of IPv6"),
        vetted("loopback-url-by-name", "plays from localhost"),
        vetted("loopback-url-in-one-number", "plays from the loopback, written as one number"),
        vetted("loopback-url-in-hexadecimal", "plays from the loopback, written in hexadecimal"),
        vetted("loopback-url-behind-a-name", "plays from the loopback behind another name"),
        vetted("loopback-url-behind-a-backslash", "plays from the loopback before a backslash"),
        vetted("metadata-url", "plays the machine's metadata"),
        vetted("metadata-url-by-name", "plays the machine's metadata by name"),
        vetted("private-url", "plays from a private network"),
        vetted("url-without-a-host", "plays from nowhere"),
    ]
}

fn targets() -> Vec<Sin> {
    let neighbours = |sin, tries, expected, other: &str| of(sin, tries, Attacks::Isolation, expected).with("other", other);
    vec![
        vetted("foreign-caller-id", "shows a stranger's number"),
        neighbours("neighbours-caller-id", "shows the neighbour's number", NONSENSE, NEIGHBOURS_NUMBER),
        vetted("callers-caller-id", "shows the caller's own number"),
        vetted("markup-for-a-caller-id", "shows markup as a number"),
        vetted("unknown-queue", "names a queue that nobody has"),
        neighbours("neighbours-queue", "names the neighbour's queue", NONSENSE, NEIGHBOURS_QUEUE),
        neighbours("neighbours-queue-by-its-path", "names the neighbour's queue by a path", NONSENSE, NEIGHBOUR),
        neighbours(
            "neighbours-number",
            "dials the neighbour's number, as anybody may",
            Expected::Answers(dials_the_neighbour),
            NEIGHBOURS_NUMBER,
        ),
        vetted("overflows-to-a-stranger", "overflows to a queue that nobody has"),
        vetted("overflows-to-a-strangers-flow", "overflows to a flow that nobody has"),
        vetted("escalates-to-a-stranger", "escalates to a queue that nobody has"),
        vetted("bad-number", "dials what is no number"),
        vetted("number-with-more", "dials a number with parameters"),
        vetted("unknown-flow", "goes on in a flow that nobody has"),
        neighbours("neighbours-flow", "goes on in the neighbour's flow", NONSENSE, NEIGHBOUR),
        vetted("unknown-person", "dials a person whom nobody knows"),
        vetted("no-targets", "dials nobody"),
        vetted("flow-among-others", "dials a number and a flow"),
        harmless("dials-the-caller", "dials the caller"),
        vetted("unregistered-kind", "does something of a kind that nobody knows"),
        vetted("huge-kind", "does something of a kind with ten thousand letters"),
        vetted("kind-with-a-bell", "does something of a kind with a bell"),
        unrendered("registered-kind-in-the-wrong-place", "leaves a queue in which nobody is"),
        unrendered("nesting-without-a-floor", "brings data that is nested thirty thousand deep"),
        vetted("unknown-target", "dials something of a kind that nobody knows"),
        vetted("unknown-exit", "overflows to something of a kind that nobody knows"),
    ]
}

/// What the guest says in `markup-in-text`.
const BREAKOUT: &str = "\"'></Say></Response><Redirect>http://evil.example/</Redirect><Say a=\"&#0;]]>";
/// What it says in `entities-in-text`.
const ENTITIES: &str = "&lt;Redirect&gt; &#60;Hangup/&#62; <![CDATA[<Hangup/>]]> <!-- <?php";

/// Whatever it is, it is said and not obeyed.
fn said(account: &Account, text: &str) -> Verdict {
    contained(account)?;
    let twiml = &account.heard.twiml;
    if twiml.verbs() == ["Say"] && twiml.said() == text { Ok(()) } else { Err(format!("the caller heard {twiml:?}")) }
}

fn said_literally(account: &Account) -> Verdict {
    said(account, BREAKOUT)
}

fn entities_said_literally(account: &Account) -> Verdict {
    said(account, ENTITIES)
}

fn said_in_pieces(account: &Account) -> Verdict {
    contained(account)?;
    let said: Vec<usize> = account.heard.twiml.all("Say").map(|say| say.text.chars().count()).collect();
    if said.len() > 1 && said.iter().all(|chars| *chars <= 4_096) { Ok(()) } else { Err(format!("pieces of {said:?}")) }
}

/// It rings like any other number, shows the tenant's own, and nothing of the neighbour's runs.
fn dials_the_neighbour(account: &Account) -> Verdict {
    contained(account)?;
    let twiml = &account.heard.twiml;
    let number = twiml.first("Number").map(|number| number.text.as_str());
    let shown = twiml.first("Dial").and_then(|dial| dial.attribute("callerId"));
    if number == Some(NEIGHBOURS_NUMBER) && shown == Some(account.call.to.as_str()) { Ok(()) } else { Err(format!("{twiml:?}")) }
}

/// The document has no verb, no attribute and no address but those that the host wrote.
fn contained(account: &Account) -> Verdict {
    let twiml = &account.heard.twiml;
    if twiml.elements.is_empty() {
        return Err(format!("this is no document: {}", String::from_utf8_lossy(&account.heard.body)));
    }
    let ends =
        usize::from(account.contact.pointer("/contact/flow").and_then(|flow| flow.as_str()).is_some_and(|flow| flow.ends_with("farewell")));
    if twiml.all("Hangup").count() != ends {
        return Err(format!("a verb was slipped in: {twiml:?}"));
    }
    for element in &twiml.elements {
        let foreign = element.name() == "Redirect" && !element.text.starts_with(crate::platform::PUBLIC_URL);
        let stray = element.attributes.iter().find(|(name, value)| {
            let address = matches!(name.as_str(), "action" | "statusCallback" | "waitUrl")
                || (name == "url" && element.name() != "ConversationRelay");
            name == "a" || (address && !value.starts_with(crate::platform::PUBLIC_URL))
        });
        if foreign || stray.is_some() {
            return Err(format!("something was slipped in: {element:?}"));
        }
    }
    Ok(())
}
