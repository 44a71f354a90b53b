"""What is said of one card through any door, and the types of all that is said through one.

One card is decided with the desk alone: a command that holds the lock loads nothing else for it. All other operations
lie in `mainstay.workspace.operations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import Json

if TYPE_CHECKING:
    from mainstay.runtime.desk import Desk

# What is said of one card: decided with the desk alone, so that a command that holds the lock loads nothing else.
ON_CARDS = frozenset({"approve", "reject", "edit", "snooze", "undo"})


async def answer_card(desk: Desk, operation: str, arguments: Json) -> Json:
    """What `operate` does with one of `ON_CARDS`."""
    require_types(operation, arguments)
    try:
        return await of_card(desk, operation, arguments)
    except TypeError as error:
        raise wrong_arguments(operation, error) from error


async def of_card(desk: Desk, operation: str, arguments: Json) -> Json:
    """The same, where the types were looked at."""
    from mainstay.runtime.desk import encode

    match operation:
        case "approve":
            return encode(await desk.approve(**arguments))
        case "reject":
            return encode(await desk.reject(**arguments))
        case "edit":
            return encode(await desk.edit(**arguments))
        case "snooze":
            return encode(await desk.snooze(**arguments))
        case _:
            return encode(await desk.undo(**arguments))


def wrong_arguments(operation: str, error: TypeError) -> CommandRefused:
    """What was asked does not take these arguments."""
    return CommandRefused(f"{operation!r} was asked with the wrong arguments.", why=str(error))


# What is said through the socket is typed by nobody else, and what is decided stands in the ledger for ever.
_TYPES: Mapping[str, type] = {
    "open_us": int,
    "expires_at": int,
    "task": int,
    "attempt": int,
    "on": bool,
    "trigger": dict,
    "arguments": dict,
    "version": int,
    "changes": dict,
    "before": int,
    "amount": int,
    "k": int,
    "as_of": int,
    "notes": list,
    "memories": list,
    "until": int,
    "anyway": bool,
    "cards": list,
    "lost": bool,
    "scopes": list,
    "days": int,
}  # all else is text
_BY_NAME = frozenset(
    {"pause_run", "resume_run", "cancel_task", "undo", "autonomy_wrong"}
)  # here a task is named, not numbered
_NOBODYS = frozenset({"follow"})  # what parts of the house hand to each other, and no door takes
_INTEGER_MAX = 2**63 - 1


def require_types(operation: str, arguments: Json) -> None:
    """Raises `CommandRefused` for an argument that is not of the type of its name."""
    for name, value in arguments.items():
        if name in _NOBODYS:
            raise CommandRefused(
                f"{operation!r} was asked with the wrong arguments.", why=f"{name} is not yours to say."
            )
        wanted = str if name == "task" and operation in _BY_NAME else _TYPES.get(name, str)
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            why = f"{name} must be {_KINDS[wanted]}, not {value!r:.40}."
        elif isinstance(value, int) and abs(value) > _INTEGER_MAX:
            why = f"{name} is too large."
        elif name == "open_us" and isinstance(value, int) and value < 0:
            why = f"{name} is a time that passed."
        elif isinstance(value, str) and not _unicode(value):
            why = f"{name} holds bytes that are no text."
        else:
            continue
        raise CommandRefused(f"{operation!r} was asked with the wrong arguments.", why=why)


_KINDS: Mapping[type, str] = {
    int: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    str: "text",
}


def _unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
