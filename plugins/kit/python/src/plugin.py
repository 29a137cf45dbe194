"""Answers a call with a menu and sends the customer to the queue that was chosen: the smallest good plugin.

Change what `describe` says, then what `handle` answers. `jackfield plugin build` makes a component of it, `jackfield plugin test` runs the
cases. jackfield.py builds actions. What an event, an action or a capability looks like stands in wit/: `min-digits` there is `min_digits` here.
A capability is imported by its interface, for example:

    from wit_world.imports import settings
    own = json.loads(settings.all())
"""

from jackfield import choice, decide, enqueue, guarded, keep, menu, metadata, prompt, say
from wit_world import exports
from wit_world.exports import describe
from wit_world.imports import contacts, decisions, events

MENU = menu(
    "main",
    "For sales press 1. For support press 2.",
    [choice("1", "sales", "Sales"), choice("2", "support", "Support")],
    speech=True,
    attempts=2,
    no_match=[prompt("That is not one of the choices.")],
)


class Describe(exports.Describe):
    def describe(self) -> describe.Metadata:
        return metadata("NAME", "1.0.0", events=["arrived", "input"], actions=["say", "menu", "enqueue", "keep"])


class Router(exports.Router):
    @guarded
    def handle(self, contact: contacts.Contact, event: events.Event) -> decisions.Decision:
        match event:
            case events.Event_Arrived():
                return decide("the call has begun", MENU)
            case events.Event_Input(given) if given.outcome == events.InputOutcome.MATCHED:
                return decide("the customer chose", enqueue(given.value))
            case events.Event_Input(_):
                return decide("no choice was made", say("Please hold the line."), enqueue("support"))
            case _:
                return decide("nothing to do", keep())
