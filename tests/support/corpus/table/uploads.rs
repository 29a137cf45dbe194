//! Lists what never runs: guests whose upload is refused, and by which name.

use super::{of_crate, of_text};
use crate::corpus::{Attacks, Expected, Sin};

pub(super) fn sins() -> Vec<Sin> {
    [interfaces(), sizes(), proposals(), describes()].concat()
}

fn interfaces() -> Vec<Sin> {
    let of = |case, tries, code, named| of_text("refused", case, tries, Attacks::Upload, Expected::Refused(code, named));
    vec![
        of("web-requests", "imports requests to the web without asking", "import-not-allowed", "wasi:http/outgoing-handler"),
        of("interface-of-somebody-else", "imports an interface that nobody knows", "import-not-allowed", "evil:thing/door"),
        of("capability-that-does-not-exist", "imports a capability that nobody offers", "import-not-allowed", "secrets"),
        of("contract-of-tomorrow", "imports another version of the contract", "wrong-contract", "state@1.0.0"),
        of("bare-function", "imports a function at world level", "import-not-allowed", "settings"),
        of("nothing-to-call", "exports nothing", "bad-export", "describe"),
        of("wrong-type", "exports describe with another type", "bad-export", "describe"),
        of("interface-without-functions", "exports interfaces without functions", "bad-export", "describe"),
        of("the-same-twice", "exports the same interface in two versions", "bad-export", "twice"),
        of("the-same-in-capitals", "imports an interface in capitals", "import-not-allowed", "STATE"),
        of("interface-of-its-own-invention", "exports an interface that the contract does not have", "bad-export", "operator"),
        of("utf16", "encodes its texts in UTF-16", "bad-component", "utf16"),
        of("latin1", "encodes its texts in Latin-1", "bad-component", "latin1"),
    ]
}

fn sizes() -> Vec<Sin> {
    let complex = |file, case, tries, named| of_text(file, case, tries, Attacks::Upload, Expected::Refused("component-too-complex", named));
    vec![
        complex("refused", "a-thousand-components", "has a thousand components inside it", "components inside it"),
        complex("refused", "components-in-components", "nests components", "nested"),
        complex("refused", "ten-thousand-globals", "has more than ten thousand globals", "globals"),
        complex("composed", "copies-without-end", "lets the engine copy a quarter of a terabyte", "have memory"),
        complex("composed", "loops-in-the-others-realloc", "loops while a text is handed on", "have memory"),
        complex("composed", "hands-on-a-module", "brings a module in by another way", "hands whole"),
        complex("hoards", "four-gibibytes", "declares four gibibytes of memory", "memory"),
        complex("hoards", "ten-million-elements-declared", "declares a table of ten million elements", "elements"),
    ]
}

fn proposals() -> Vec<Sin> {
    let deep = of_text(
        "composed",
        "types-a-hundred-deep",
        "has lists of lists, a hundred deep",
        Attacks::Upload,
        Expected::Refused("bad-component", "nesting"),
    );
    let of = |case, tries| of_text("refused", case, tries, Attacks::Upload, Expected::Refused("bad-component", ""));
    vec![
        of("two-memories-in-one-module", "has two memories in one module"),
        of("shared-memory", "shares its memory"),
        of("exceptions", "throws exceptions"),
        of("garbage-collection", "has types that are collected"),
        deep,
    ]
}

fn describes() -> Vec<Sin> {
    let refused = |named| Expected::Refused("bad-describe", named);
    let text = |file, case, tries, named| of_text(file, case, tries, Attacks::Describe, refused(named));
    vec![
        of_crate("lies", "lists events and actions that do not exist, and claims limits", Attacks::Describe, refused("full-moon")),
        of_crate("loops-in-describe", "loops in describe", Attacks::Describe, refused("fuel-exceeded")),
        of_crate("traps-in-describe", "traps in describe", Attacks::Describe, refused("trapped")),
        text("loops-elsewhere", "in-start", "loops while its instance is made", "fuel-exceeded"),
        text("traps-elsewhere", "in-start", "traps while its instance is made", "trapped"),
        text(
            "canonical-lies",
            "outcomes-of-megabytes-that-overlap",
            "lists outcomes that are all the same quarter of a megabyte",
            "output-exceeded",
        ),
        text("lies-in-describe", "a-name-with-a-bell", "has a name with a bell", "name"),
        text("lies-in-describe", "a-name-of-ten-thousand-letters", "has a name of ten thousand letters", "name"),
        text("lies-in-describe", "no-name", "has no name", "name"),
        text("lies-in-describe", "five-hundred-outcomes", "lists five hundred outcomes", "outcomes"),
        text("schemas", "that-double", "checks settings in more ways than there are seconds", "values"),
        text("schemas", "that-refer-to-themselves", "has a schema that refers to itself", "refers to itself"),
        text("schemas", "that-look-again-on-every-level", "has a schema whose every level looks at all below it", "unevaluatedProperties"),
        text("schemas", "of-patterns", "has a schema of five hundred large patterns", "patterns"),
        text("schemas", "of-one-large-pattern", "has a schema with a pattern of a million letters", "settings-schema"),
        text("schemas", "from-elsewhere", "has a schema that is fetched from the machine's metadata", "169.254.169.254"),
        text("schemas", "from-a-file", "has a schema that is a file of the host", "passwd"),
        text("schemas", "without-a-floor", "has a schema that is nested a thousand deep", "settings-schema"),
        text("schemas", "that-are-none", "has a schema that is none", "settings-schema"),
    ]
}
