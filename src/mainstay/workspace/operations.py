"""What can be asked of a workspace under the lock, by name: `operate`, through whichever door.

A name that no desk at hand answers to is refused, never guessed, and so is an argument of another type or from a
program where a person must ask. What each operation does is left to the desk that it is handed to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import Json
from mainstay.runtime.desk import encode
from mainstay.runtime.sending import Decided
from mainstay.workspace.desks import Desks
from mainstay.workspace.file_desk import ON_FILES, of_file
from mainstay.workspace.persons_only import require_person
from mainstay.workspace.said_of_cards import ON_CARDS, of_card, require_types, wrong_arguments

if TYPE_CHECKING:
    from mainstay.runtime.ingest import Ingest, Pulled
    from mainstay.runtime.steering import Steering


async def operate(
    desks: Desks, operation: str, arguments: Json, *, progress: Callable[[int], None] = lambda count: None
) -> Json:
    """Do what was asked through a door. Raises `CommandRefused` for an operation or argument that is none."""
    require_types(operation, arguments)
    require_person(operation, arguments)
    try:
        if operation in ON_CARDS:
            return await of_card(desks.cards, operation, arguments)
        if operation in _DECIDED:
            return encode(await _DECIDED[operation](desks)(**arguments))
        if operation in ON_FILES:
            return await of_file(desks.rules.files, operation, arguments)
        return await _told(desks, operation, arguments, progress)
    except TypeError as error:
        raise wrong_arguments(operation, error) from error


# What is one decision about a run, a card or the house.
_DECIDED: Mapping[str, Callable[[Desks], Callable[..., Awaitable[Decided]]]] = {
    "resolve": lambda desks: desks.cards.resolve,
    "cancel": lambda desks: desks.cards.cancel,
    "start": lambda desks: desks.cards.start,
    "kill_switch": lambda desks: desks.cards.throw_kill_switch,
    "pause_scope": lambda desks: desks.steering.pause,
    "resume_scope": lambda desks: desks.steering.resume,
    "pause_run": lambda desks: desks.steering.pause_run,
    "resume_run": lambda desks: desks.steering.resume_run,
    "allow": lambda desks: desks.steering.allow,
    "cancel_task": lambda desks: desks.steering.cancel_task,
    "fork": lambda desks: desks.steering.fork,
    "purge": lambda desks: desks.steering.purge,
}


async def _told(desks: Desks, operation: str, arguments: Json, progress: Callable[[int], None]) -> Json:
    """What is told otherwise than as one decision."""
    match operation:
        case "status":
            return desks.cards.status(**arguments)
        case "decide_together":
            return await desks.cards.decide_together(**arguments)
        case "cancel_scope":
            ended = await desks.steering.cancel_scope(**arguments)
            return {"cancelled": [encode(one) for one in ended]}
        case "restart":
            return await _restart(desks.steering, **arguments)
        case "ask_again":
            return await _ask_again(desks.steering, **arguments)
        case "replay":
            return await _replay(desks.steering, desks.ingests(), **arguments)
        case "ingest":
            return await _ingest(desks.ingests(), progress, **arguments)
        case "remember":
            return await desks.memory.remember(**arguments)
        case "retract_memory":
            return await desks.memory.retract(**arguments)
        case "import_mail":
            return await desks.memory.import_mail(**arguments, progress=progress)
        case "forget":
            return msgspec.to_builtins(await desks.forgetting.forget(**arguments))  # type: ignore[no-any-return]
        case "review":
            return encode(await desks.reviewing.review(**arguments))
        case "propose":
            return encode(await desks.proposing.propose(**arguments))
        case _:
            return await _trusted(desks, operation, arguments)


async def _trusted(desks: Desks, operation: str, arguments: Json) -> Json:
    """Whom and what the operator trusts: rules, devices, tokens, programs, kinds of act."""
    match operation:
        case "apply_rules":
            return await desks.rules.apply(**arguments)
        case "dismiss":
            return await desks.devices.dismissed(**arguments)
        case "token_issue":
            return await desks.tokens.issued(**arguments)
        case "token_revoke":
            return await desks.tokens.revoked(**arguments)
        case "trust":
            return await desks.vouching.trust(**arguments)
        case "distrust":
            return await desks.vouching.distrust(**arguments)
        case "secret_rotated":
            return await desks.vouching.rotated(**arguments)
        case "autonomy_grant":
            return await desks.granting.grant(**arguments)
        case "autonomy_revoke":
            return await desks.granting.revoke(**arguments)
        case "autonomy_wrong":
            return await desks.granting.wrong(**arguments)
        case _:
            raise CommandRefused(
                f"There is no operation {operation!r}.",
                why="The director may be of another version than this command.",
                remedy="Restart `mainstay up` after an upgrade.",
            )


async def _restart(steering: Steering, run: str, *, actor: str, **how: str) -> Json:
    """Do a part of an ended run anew. Where it waits among the dead letters, it waits there no more."""
    began = await steering.restart(run, actor=actor, **how)
    await _no_dead_letter(steering, run, began.run, actor)
    return encode(began)


async def _ask_again(steering: Steering, approval: str, *, actor: str) -> Json:
    """The same, from the task that a card was about."""
    began = await steering.ask_again(approval, actor=actor)
    if began.events:
        await _no_dead_letter(steering, str(began.detail["parent"]), began.run, actor)
    return encode(began)


async def _no_dead_letter(steering: Steering, run: str, began: str, actor: str) -> None:
    letter = steering.waiting_letter(run)
    if letter:
        await steering.note_replay(letter, "run", "started", actor=actor, run=began)


async def _replay(steering: Steering, ingests: Mapping[str, Ingest], letter: str, *, actor: str) -> Json:
    """Try a dead letter again: a message is read once more, a failed run is restarted where it was given up."""
    row = steering.dead_letter(letter)
    name, kind = str(row["letter"]), str(row["kind"])
    if row["status"] == "purged":
        raise CommandRefused(
            "This dead letter was purged.",
            why="It was put away for good; what is left is the trace of it.",
            remedy="`mainstay dead-letters` lists what waits.",
        )
    if kind == "run":
        began = await steering.restart(name, actor=actor)
        await steering.note_replay(name, kind, "started", actor=actor, run=began.run)
        return encode(began)
    one = next((one for one in ingests.values() if one.mailbox == row["mailbox"]), None)
    if one is None:
        raise CommandRefused(
            f"There is no mailbox {row['mailbox']!r} any more.",
            why="A message is read by the mailbox that it came to.",
            remedy="Put it back into mainstay.toml, or purge the letter.",
        )
    outcome = await one.read_again(name)
    return encode(await steering.note_replay(name, kind, outcome, actor=actor))


async def _ingest(ingests: Mapping[str, Ingest], progress: Callable[[int], None], adapter: str = "") -> Json:
    chosen = {name: one for name, one in ingests.items() if adapter in ("", name)}
    if not chosen:
        raise CommandRefused(
            f"There is no mailbox {adapter!r}." if adapter else "No mailbox is configured.",
            why="Known are: " + (", ".join(sorted(ingests)) or "none") + ".",
            remedy="Look at [adapters] in mainstay.toml, or run `mainstay connect email`.",
        )
    pulled: dict[str, Pulled] = {}
    for name, one in chosen.items():
        pulled[name] = await one.pull(progress)
    return {name: msgspec.to_builtins(one) for name, one in pulled.items()}
