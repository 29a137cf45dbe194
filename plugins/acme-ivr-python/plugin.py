"""The Acme IVR in Python: greets a caller, offers a menu by keys and words, and leads to a queue or to a voice message.

It does what ../acme-ivr does in Rust, and the same file of test cases holds for both. Each answer depends on the event alone; asking
again is the host's work.
"""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import describe
from wit_world.imports import contacts, decisions, directory, events, personas, settings, types

MENU = "main-menu"
MESSAGE = "message"
QUEUES = ["sales", "technical-support", "billing", "general-support"]
TEXTS = ["greeting", "menu", "no_selection", "no_input", "no_match", "voicemail", "goodbye"]
TEXT = {"type": "string", "minLength": 1}
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Acme IVR",
    "type": "object",
    "properties": {
        **{name: TEXT for name in TEXTS},
        "voice": {"type": ["string", "null"]},
        "mailbox": {"type": ["string", "null"]},
        "queues": {"type": "object", "properties": {name: TEXT for name in QUEUES}, "additionalProperties": False},
        "attempts": {"type": "integer", "minimum": 1, "maximum": 10},
        "answer_within_s": {"type": "integer", "minimum": 1, "maximum": 60},
        "maximum_wait_s": {"type": ["integer", "null"], "minimum": 10},
    },
}
DEFAULTS = {
    "greeting": "Thank you for calling Acme Corporation. It is good to hear from you.",
    "menu": "For sales, press 1. For technical support, press 2. For billing, press 3. For anything else, press 0.",
    "no_selection": "We did not get a selection. One moment, you are being transferred to general support.",
    "no_input": "We did not hear anything.",
    "no_match": "That is not one of the choices.",
    "voicemail": "Nobody can take your call right now. Please leave a message after the tone, and we will call you back.",
    "goodbye": "Thank you. We will call you back. Goodbye.",
    "voice": None,
    "mailbox": None,
    # A caller who does not answer twice needs a person, not a third time.
    "attempts": 2,
    "answer_within_s": 5,
    "maximum_wait_s": None,
}
CHOICES = [
    decisions.Choice("1", "Sales", "sales", ["buy something", "new order"]),
    decisions.Choice("2", "Technical support", "technical-support", ["support", "tech support", "help"]),
    decisions.Choice("3", "Billing", "billing", ["invoice", "payment"]),
    decisions.Choice("0", "Anything else", "general-support", ["other", "operator", "agent"]),
]


def read_settings() -> dict:
    given = json.loads(settings.all())
    return {**DEFAULTS, **given, "queues": {**{name: name for name in QUEUES}, **given.get("queues", {})}}


def prompt(own: dict, words: str) -> types.Prompt:
    return types.Prompt(types.PromptContent_Text(words), None, own["voice"])


def say(own: dict, words: str) -> decisions.Action:
    return decisions.Action_Say(prompt(own, words))


def decision(actions: list, reason: str) -> decisions.Decision:
    return decisions.Decision(actions, reason, [])


def keep(reason: str) -> decisions.Decision:
    return decision([decisions.Action_Keep()], reason)


def menu(own: dict) -> decisions.Action:
    collect = decisions.Collect(
        tag=MENU,
        prompts=[prompt(own, own["menu"])],
        dtmf=True,
        speech=True,
        min_digits=1,
        max_digits=1,
        terminator=None,
        first_timeout=own["answer_within_s"] * 1000,
        inter_digit_timeout=2000,
        barge_in=personas.BargeIn.ANY,
        hints=[],
        minimum_confidence=None,
        attempts=own["attempts"],
        no_input=[prompt(own, own["no_input"])],
        no_match=[prompt(own, own["no_match"])],
        low_confidence=[],
        sensitive=False,
        extras=[],
    )
    return decisions.Action_Menu(decisions.Menu(collect, CHOICES))


def enqueue(own: dict, department: str, queue: str) -> decisions.Action:
    wait = own["maximum_wait_s"]
    return decisions.Action_Enqueue(
        decisions.Enqueue(
            tag=department,
            queue=queue,
            priority=None,
            skills=[],
            relaxations=[],
            hold_music=None,
            announce_every=None,
            notify=False,
            maximum_wait=None if wait is None else wait * 1000,
            overflow=[],
            extras=[],
        )
    )


def voicemail(own: dict) -> decisions.Action:
    return decisions.Action_Voicemail(
        decisions.Voicemail(
            tag=MESSAGE,
            mailbox=own["mailbox"],
            prompts=[prompt(own, own["voicemail"])],
            max_length=120_000,
            silence_timeout=None,
            terminator=None,
            beep=True,
            transcribe=False,
        )
    )


def is_closed(queue: str) -> bool:
    """A directory that does not answer closes nothing: the queue itself will say when it cannot take the call."""
    try:
        found = directory.get_queue(queue)
        status = directory.get_hours(found.hours) if found and found.hours else None
        return status is not None and not status.open
    except Err:
        return False


def to_department(own: dict, department: str, so_far: list, why: str) -> decisions.Decision:
    """To the department's queue, or to a voice message where the queue keeps hours and they are over."""
    queue = own["queues"].get(department, own["queues"]["general-support"])
    actions = [*so_far, decisions.Action_SetAttributes([(MENU, department)])]
    if is_closed(queue):
        return decision([*actions, voicemail(own)], f"{why}{department}, but the queue {queue} is closed")
    return decision([*actions, enqueue(own, department, queue)], f"{why}{department} takes the call")


def chosen(own: dict, given: events.Input) -> decisions.Decision:
    match given.outcome:
        case events.InputOutcome.MATCHED:
            return to_department(own, given.value, [], "")
        case events.InputOutcome.HANG_UP:
            return keep("the caller has hung up")
        case events.InputOutcome.NO_INPUT:
            why = "the caller said nothing"
        case _:
            why = f'"{given.value}" is not in the menu'
    told = [say(own, own["no_selection"])]
    return to_department(own, "general-support", told, f"{why}, asked {given.attempts} times; ")


def queue_ended(own: dict, ended: events.QueueEnded) -> decisions.Decision:
    if ended.outcome == "bridged":
        return decision([decisions.Action_HangUp("served")], "an agent has served the caller")
    if ended.outcome in ("hang-up", "redirected"):
        return keep("the caller has left")
    return decision([voicemail(own)], f"the queue {ended.queue} ended: {ended.outcome}")


def voicemail_ended(own: dict, ended: events.VoicemailEnded) -> decisions.Decision:
    if ended.outcome == "recorded":
        return decision([say(own, own["goodbye"]), decisions.Action_HangUp("message taken")], "the caller left a message")
    return decision([decisions.Action_HangUp("no message")], "the caller left no message")


class Describe(exports.Describe):
    def describe(self) -> describe.Metadata:
        return describe.Metadata(
            name="acme-ivr-python",
            version="1.0.0",
            settings_schema=json.dumps(SCHEMA),
            state_schema="",
            outcomes=[],
            events=["arrived", "input", "queue-ended", "voicemail-ended"],
            actions=["say", "set-attributes", "menu", "enqueue", "voicemail", "hang-up", "keep"],
            extras=[],
        )


class Router(exports.Router):
    def handle(self, contact: contacts.Contact, event: events.Event) -> decisions.Decision:
        own = read_settings()
        match event:
            case events.Event_Arrived():
                return decision(
                    [say(own, own["greeting"]), menu(own)], "the call has begun; the caller hears the greeting and the menu"
                )
            case events.Event_Input(given):
                return chosen(own, given)
            case events.Event_QueueEnded(ended):
                return queue_ended(own, ended)
            case events.Event_VoicemailEnded(ended):
                return voicemail_ended(own, ended)
            case _:
                return keep("nothing to do")
