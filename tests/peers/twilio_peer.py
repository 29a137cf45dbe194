"""Lets Twilio's own package judge us: it verifies signatures that we made, and rebuilds every document that we render.

Started by `cargo xtask test` with the material that it wrote and the folder of rendered documents. It ends with an error at the first
disagreement. The package has no reader for TwiML, so each element is handed to the builder that a developer would use: an unknown verb,
noun or attribute is refused there, and what the builder writes must be what we wrote.
"""

import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

from twilio.request_validator import RequestValidator
from twilio.twiml.voice_response import VoiceResponse

# What the builders call otherwise, because the name is Python's or has no builder of its own.
METHODS = {"break": "break_", "emphasis": "emphasis", "say-as": "say_as", "p": "p", "s": "s", "w": "w", "sub": "sub", "lang": "lang"}
TEXT_FIRST = {"Say", "Play", "Redirect", "Enqueue", "Number", "Sip", "Client", "Conference", "Queue", "Task"}


class Form(dict):
    """Parameters as a web framework would hand them over: a name may have several values."""

    def getlist(self, name: str) -> list:
        return self[name]


def snake(name: str) -> str:
    plain = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower().replace("-", "_")
    return {"from": "from_", "class": "class_", "for": "for_"}.get(plain, plain)


def canonical(element) -> list:
    text = " ".join((element.text or "").split())
    tail = " ".join((element.tail or "").split())
    return [element.tag, sorted(element.attrib.items()), text, tail, [canonical(child) for child in element]]


def rebuild(builder, element) -> None:
    for child in element:
        method = METHODS.get(child.tag, snake(child.tag))
        attributes = {snake(name): value for name, value in child.attrib.items()}
        text = child.text or ""
        if child.tag in TEXT_FIRST:
            made = getattr(builder, method)(text if text.strip() else None, **attributes)
        elif child.tag == "Parameter" or not text.strip():
            made = getattr(builder, method)(**attributes)
        else:
            made = getattr(builder, method)(text, **attributes)
        if (child.tail or "").strip():
            builder.append(child.tail)
        rebuild(made, child)


def main() -> None:
    material = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    validator = RequestValidator(material["token"])
    for case in material["signed"]:
        params = Form()
        for name, value in case["params"]:
            params.setdefault(name, []).append(value)
        if not validator.validate(case["url"], params, case["signature"]):
            sys.exit(f"the package refuses our signature of {case['url']}")
        if validator.validate(case["url"], params, case["signature"][::-1]):
            sys.exit("the package takes any signature")
    documents = sorted(pathlib.Path(sys.argv[2]).rglob("*.xml"))
    if not documents:
        sys.exit("there are no rendered documents")
    for document in documents:
        root = ElementTree.fromstring(document.read_bytes())
        if root.tag != "Response":
            sys.exit(f"{document.name}: the root is {root.tag}")
        response = VoiceResponse()
        try:
            rebuild(response, root)
        except (TypeError, AttributeError) as problem:
            sys.exit(f"{document.name}: the package knows no such verb or attribute: {problem}")
        ours, theirs = canonical(root), canonical(ElementTree.fromstring(str(response).encode("utf-8")))
        if ours != theirs:
            sys.exit(f"{document.name}: the package writes it otherwise\n ours   {ours}\n theirs {theirs}")
    print(f"   {len(material['signed'])} signatures verified, {len(documents)} documents rebuilt")


main()
