"""What mail gives memory: every message that came in, and every reply that a person approved and that was sent.

Nothing is stored twice: a row points to the sealed blobs that the message and the card lie in already. A reply that
left unasked has no row: what a machine wrote and nobody read must not become the example of the next one.
"""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.authority import BY_A_PERSON
from mainstay.kernel.events import Event, MessageReceived, TaskSucceeded
from mainstay.kernel.ids import StreamId
from mainstay.kernel.policy import Action
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import ColumnType, Put, RowChange, Table

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT
REPLY = "email.reply"


class Correspondence:
    """One row for each message and each approved reply, by the name it has as a memory."""

    name = "correspondence"
    version = 1
    tables = (
        Table(
            "correspondence",
            (
                ("memory", _TEXT),  # "message:<key>", "reply:<run>:<task>"
                ("kind", _TEXT),  # message; notice: a machine wrote it; reply
                ("content", _TEXT),  # sealed blob: the message, or the card of the reply
                ("question", _TEXT),  # of a reply: the sealed blob of the message that it answers
                ("subject", _TEXT),
                ("mailbox", _TEXT),
                ("thread", _TEXT),
                ("run", _TEXT),
                ("task", _INTEGER),
                ("intent", _TEXT),
                ("language", _TEXT),
                ("template", _TEXT),
                ("position", _INTEGER),
                ("at", _INTEGER),
            ),
            key=("memory",),
            indexes=(("position",),),
        ),
    )
    events = frozenset[type[Event]]({MessageReceived, TaskSucceeded})
    only_acts = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more message, or one more reply."""
        match event:
            case MessageReceived():
                return (_message(position, at, event),)
            case TaskSucceeded(task=number):
                assert run is not None
                act = run.task(number).act
                if act is None or act.action.act != REPLY or not act.authority.startswith(BY_A_PERSON):
                    return ()
                return _reply(position, at, run, number, act.action)
            case _:
                return ()


def _message(position: int, at: Instant, event: MessageReceived) -> Put:
    return Put(
        "correspondence",
        (f"message:{event.message_key}",),
        {
            "kind": "notice" if event.automatic else "message",
            "content": event.content,
            "question": "",
            "subject": event.subject,
            "mailbox": event.mailbox,
            "thread": event.thread,
            "run": "",
            "task": None,
            "intent": "",
            "language": "",
            "template": "",
            "position": position,
            "at": event.sent_at or at,
        },
    )


def _reply(position: int, at: Instant, run: RunState, number: int, action: Action) -> Sequence[RowChange]:
    message = run.head.trigger.get("message")
    if not isinstance(message, dict) or not message.get("content"):
        return ()  # it was started by hand, and answers nothing
    features = action.features
    return (
        Put(
            "correspondence",
            (f"reply:{run.head.run}:{number}",),
            {
                "kind": "reply",
                "content": action.card,
                "question": str(message["content"]),
                "subject": run.head.subject,
                "mailbox": str(message.get("mailbox", "")),
                "thread": str(message.get("thread", "")),
                "run": run.head.run,
                "task": number,
                "intent": str(features.get("intent") or ""),
                "language": str(features.get("language") or ""),
                "template": str(features.get("template") or ""),
                "position": position,
                "at": at,
            },
        ),
    )
