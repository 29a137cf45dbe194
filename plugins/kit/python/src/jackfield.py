"""Builds what a plugin answers, with the defaults that nearly every plugin wants: the same as those of the SDK for Rust.

Each function gives a value of the contract (wit/), so what it does not know can be written out, and keywords override any field:
`enqueue("sales", maximum_wait=120_000)`. Times are milliseconds.
"""

import functools
import os
import re
import traceback
from dataclasses import replace

from componentize_py_types import Err
from wit_world.exports import describe
from wit_world.imports import decisions, personas, types

Words = str | types.Prompt


def prompt(words: Words) -> types.Prompt:
    """What the customer hears: plain text, or a prompt as it is."""
    return types.Prompt(types.PromptContent_Text(words), None, None) if isinstance(words, str) else words


def ssml(text: str) -> types.Prompt:
    """One SSML fragment."""
    return types.Prompt(types.PromptContent_Ssml(text), None, None)


def audio(url: str) -> types.Prompt:
    """An audio file."""
    return types.Prompt(types.PromptContent_Audio(url), None, None)


def say(words: Words) -> decisions.Action:
    return decisions.Action_Say(prompt(words))


def keep() -> decisions.Action:
    """Leaves things as they are."""
    return decisions.Action_Keep()


def set_attributes(**attributes: str) -> decisions.Action:
    return decisions.Action_SetAttributes(list(attributes.items()))


def hang_up(reason: str | None = None) -> decisions.Action:
    return decisions.Action_HangUp(reason)


def choice(key: str, value: str, label: str, *phrases: str) -> decisions.Choice:
    """One choice of a menu: the key, what the plugin gets, what people call it, and words that mean it."""
    return decisions.Choice(key=key, label=label, value=value, phrases=list(phrases))


def digits(tag: str, words: Words, least: int, most: int, **more) -> decisions.Collect:
    """Asks for digits, once. Where fewer than the most are enough, # ends the answer."""
    collect = decisions.Collect(
        tag=tag,
        prompts=[prompt(words)],
        dtmf=True,
        speech=False,
        min_digits=least,
        max_digits=most,
        terminator="#" if least < most else None,
        first_timeout=5_000,
        inter_digit_timeout=3_000,
        barge_in=personas.BargeIn.ANY,
        hints=[],
        minimum_confidence=None,
        attempts=1,
        no_input=[],
        no_match=[],
        low_confidence=[],
        sensitive=False,
        extras=[],
    )
    return replace(collect, **more)


def ask(collect: decisions.Collect) -> decisions.Action:
    return decisions.Action_Collect(collect)


def menu(tag: str, words: Words, choices: list[decisions.Choice], **more) -> decisions.Action:
    """A menu that waits for as many keys as its longest choice has."""
    most = max([1, *(len(choice.key) for choice in choices)])
    collect = replace(digits(tag, words, 1, most, terminator=None), **more)
    return decisions.Action_Menu(decisions.Menu(collect, choices))


def enqueue(queue: str, **more) -> decisions.Action:
    """Into a queue of the tenant's directory."""
    plain = decisions.Enqueue(
        tag=re.sub(r"[^A-Za-z0-9_.-]", "-", queue)[:64],
        queue=queue,
        priority=None,
        skills=[],
        relaxations=[],
        hold_music=None,
        announce_every=None,
        notify=False,
        maximum_wait=None,
        overflow=[],
        extras=[],
    )
    return decisions.Action_Enqueue(replace(plain, **more))


def transfer(tag: str, target: decisions.Target, **more) -> decisions.Action:
    """Connects the customer with somebody else, blind: decisions.Target_Number("+14155550100"), or a person, a flow, a SIP address."""
    plain = decisions.Transfer(
        tag=tag,
        targets=[target],
        ringing=decisions.Ringing.SERIES,
        ring_timeout=None,
        talk_limit=None,
        caller_id=None,
        whisper=None,
        screening=False,
        warm=False,
        extras=[],
    )
    return decisions.Action_Transfer(replace(plain, **more))


def voicemail(tag: str, words: Words, **more) -> decisions.Action:
    """Lets the customer leave a message: two minutes, ended by # or five seconds of silence."""
    plain = decisions.Voicemail(
        tag=tag,
        mailbox=None,
        prompts=[prompt(words)],
        max_length=120_000,
        silence_timeout=5_000,
        terminator="#",
        beep=True,
        transcribe=False,
    )
    return decisions.Action_Voicemail(replace(plain, **more))


def send_message(text: str, **more) -> decisions.Action:
    """Writes to the customer, on the contact's channel."""
    plain = decisions.SendMessage(
        to=None, channel=None, text=text, media=[], choices=[], template=None, reply_to=None, extras=[]
    )
    return decisions.Action_SendMessage(replace(plain, **more))


def decide(reason: str, *actions: decisions.Action) -> decisions.Decision:
    """Actions in their order, and why: whoever asks "why did this call go there?" reads it."""
    return decisions.Decision(list(actions), reason, [])


def metadata(name: str, version: str, **more) -> describe.Metadata:
    """What the plugin says of itself. `actions` and `events` are what it may return and handles; the rest is empty where it is left out."""
    plain = describe.Metadata(
        name=name, version=version, settings_schema="{}", state_schema="", outcomes=[], events=[], actions=[], extras=[]
    )
    return replace(plain, **more)


FAILURES = (
    types.Failure_Unsupported,
    types.Failure_BadSettings,
    types.Failure_Unavailable,
    types.Failure_Internal,
    types.Failure_Other,
)


def guarded(work):
    """Makes what a function raises by mistake a failure that says what and where; without it a trap says neither. A failure of the contract
    goes on as it is: raise Err(types.Failure_Unavailable("the calendar did not answer")). What a capability answered and nobody caught is a
    mistake."""

    @functools.wraps(work)
    def guard(*given):
        try:
            return work(*given)
        except Exception as raised:
            if isinstance(raised, Err) and isinstance(raised.value, FAILURES):
                raise
            # Not extract_tb: it looks for the source, and there are no files here.
            steps = traceback.walk_tb(raised.__traceback__)
            places = [f"{frame.f_code.co_name} ({os.path.basename(frame.f_code.co_filename)}:{line})" for frame, line in steps]
            where = " < ".join(reversed(places[-4:]))
            said = f"a capability answered {raised.value}" if isinstance(raised, Err) else f"{type(raised).__name__}: {raised}"
            raise Err(types.Failure_Internal(f"{said} in {where}")) from None

    return guard
