"""What workflows may name: agents, operations, events, retrieval policies, and the types of their fields.

The workspace makes a catalog from what is installed and configured, and hands it to `typing`. Only what the
engine itself defines stands here: the fields of a received message and of a time that has come, and what a task
with `for_each` leaves behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mainstay.kernel.contract import Field, FieldType, Operation, Schema
from mainstay.kernel.plan import Role


@dataclass(frozen=True, slots=True)
class AgentSignature:
    """What an agent takes and gives, and the most that one attempt may cost."""

    role: Role
    input: Schema
    output: Schema
    cost_max_micros: int | None = 0  # None: its price is unknown


@dataclass(frozen=True)
class Catalog:
    """What workflows may name. An agent that is not here does not exist."""

    agents: Mapping[str, AgentSignature] = field(default_factory=dict)
    acts: Mapping[str, Operation] = field(default_factory=dict)  # "email.reply"
    events: Mapping[str, Schema] = field(
        default_factory=dict
    )  # "message.received/1": the fields of `trigger`
    recalls: frozenset[str] = frozenset()


MESSAGE_RECEIVED = Schema(
    (
        Field("message", FieldType.MESSAGE),
        Field("message.mailbox", FieldType.STRING),
        Field("message.thread", FieldType.STRING),
        Field("message.language", FieldType.STRING, required=False),
        Field("message.automatic", FieldType.BOOL),
        Field("message.reply", FieldType.BOOL),
        Field("message.attachments", FieldType.INT),
    )
)
"""The fields of `message.received/1`: what may be known of a message without opening its sealed text."""

SCHEDULE_EVENT = "schedule.due/1"
SCHEDULE_DUE = Schema((Field("schedule.due", FieldType.STRING), Field("schedule.missed", FieldType.INT)))
"""The fields of `schedule.due/1`: when the run was due, with the offset of its zone, and how many times of the
schedule had come while no director was at work, this one included."""

FANNED_OUT = Schema((Field("items", FieldType.RECORDS),))
"""The output of a task with `for_each`: what each item left, in the order of the list."""
