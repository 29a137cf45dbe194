"""Answers a call with a menu and sends the customer to the queue that was chosen: the smallest good plugin.

Change what `describe` says, then what `handle` answers. `jackfield plugin build` makes a component of it, `jackfield plugin test` runs the
cases. What an event, an action or a capability looks like stands in wit/: `min-digits` there is `min_digits` here. A capability is imported
by its interface, for example:

    from wit_world.imports import settings
    own = json.loads(settings.all())
"""

from wit_world import exports
from wit_world.exports import describe
from wit_world.imports import contacts, decisions, events, personas, types


def prompt(words: str) -> types.Prompt:
    return types.Prompt(types.PromptContent_Text(words), None, None)


def decision(actions: list, reason: str) -> decisions.Decision:
    return decisions.Decision(actions, reason, [])


def menu() -> decisions.Action:
    collect = decisions.Collect(
        tag="main",
        prompts=[prompt("For sales press 1. For support press 2.")],
        dtmf=True,
        speech=True,
        min_digits=1,
        max_digits=1,
        terminator=None,
        first_timeout=5000,
        inter_digit_timeout=2000,
        barge_in=personas.BargeIn.ANY,
        hints=[],
        minimum_confidence=None,
        attempts=2,
        no_input=[],
        no_match=[prompt("That is not one of the choices.")],
        low_confidence=[],
        sensitive=False,
        extras=[],
    )
    choices = [
        decisions.Choice(key="1", label="Sales", value="sales", phrases=[]),
        decisions.Choice(key="2", label="Support", value="support", phrases=[]),
    ]
    return decisions.Action_Menu(decisions.Menu(collect, choices))


def enqueue(queue: str) -> decisions.Action:
    return decisions.Action_Enqueue(
        decisions.Enqueue(
            tag="queue",
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
    )


class Describe(exports.Describe):
    def describe(self) -> describe.Metadata:
        return describe.Metadata(
            name="NAME",
            version="1.0.0",
            settings_schema="{}",
            state_schema="",
            outcomes=[],
            events=["arrived", "input"],
            actions=["say", "menu", "enqueue", "keep"],
            extras=[],
        )


class Router(exports.Router):
    def handle(self, contact: contacts.Contact, event: events.Event) -> decisions.Decision:
        match event:
            case events.Event_Arrived():
                return decision([menu()], "the call has begun")
            case events.Event_Input(given) if given.outcome == events.InputOutcome.MATCHED:
                return decision([enqueue(given.value)], "the customer chose")
            case events.Event_Input(_):
                return decision([decisions.Action_Say(prompt("Please hold the line.")), enqueue("support")], "no choice was made")
            case _:
                return decision([decisions.Action_Keep()], "nothing to do")
