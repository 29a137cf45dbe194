"""Greets a call from Python and sends it to sales: a plugin that brings its interpreter along must run like any other."""

from wit_world import exports
from wit_world.exports import describe
from wit_world.imports import contacts, decisions, events, types


def text(content: str) -> types.Prompt:
    return types.Prompt(types.PromptContent_Text(content), None, None)


def to_queue(queue: str) -> decisions.Action:
    return decisions.Action_Enqueue(
        decisions.Enqueue(
            tag="from-python",
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
            name="hello from python",
            version="1.0.0",
            settings_schema="{}",
            state_schema="",
            outcomes=[],
            events=["arrived"],
            actions=["say", "enqueue", "keep"],
            extras=[],
        )


class Router(exports.Router):
    def handle(self, contact: contacts.Contact, event: events.Event) -> decisions.Decision:
        if not isinstance(event, events.Event_Arrived):
            return decisions.Decision([decisions.Action_Keep()], "nothing to do", [])
        actions = [decisions.Action_Say(text("Hello from python.")), to_queue("sales")]
        return decisions.Decision(actions, f"hello from python to {contact.tenant}", [])
