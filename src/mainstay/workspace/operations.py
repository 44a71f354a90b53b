"""What can be asked of a workspace under the lock, by name: `operate`, through whichever door.

A name that no desk at hand answers to is refused, never guessed, and so is an argument of another type or from a
program where a person must ask. What each operation does is left to the desk that it is handed to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import Json
from mainstay.runtime.desk import Desk, encode
from mainstay.workspace.file_desk import ON_FILES, of_file
from mainstay.workspace.persons_only import require_person
from mainstay.workspace.rules import RuleDesk
from mainstay.workspace.said_of_cards import ON_CARDS, of_card, require_types, wrong_arguments

if TYPE_CHECKING:
    from mainstay.runtime.devices import Devices
    from mainstay.runtime.forgetting import Forgetting
    from mainstay.runtime.granting import Granting
    from mainstay.runtime.ingest import Ingest, Pulled
    from mainstay.runtime.proposing import Proposing
    from mainstay.runtime.reviewing import Reviewing
    from mainstay.runtime.steering import Steering
    from mainstay.runtime.tokens import Tokens
    from mainstay.runtime.vouching import Vouching
    from mainstay.workspace.memory_desk import MemoryDesk


async def operate(
    desk: Desk,
    steering: Steering,
    ingests: Mapping[str, Ingest],
    operation: str,
    arguments: Json,
    *,
    progress: Callable[[int], None] = lambda count: None,
    memory: MemoryDesk | None = None,
    reviewing: Reviewing | None = None,
    rules: RuleDesk | None = None,
    devices: Devices | None = None,
    tokens: Tokens | None = None,
    granting: Granting | None = None,
    proposing: Proposing | None = None,
    vouching: Vouching | None = None,
    forgetting: Forgetting | None = None,
) -> Json:
    """Do what was asked through a door. Raises `CommandRefused` for an operation or argument that is none."""
    require_types(operation, arguments)
    require_person(operation, arguments)
    try:
        match operation:
            case _ if operation in ON_CARDS:
                return await of_card(desk, operation, arguments)
            case "decide_together":
                return await desk.decide_together(**arguments)
            case "resolve":
                return encode(await desk.resolve(**arguments))
            case "cancel":
                return encode(await desk.cancel(**arguments))
            case "start":
                return encode(await desk.start(**arguments))
            case "kill_switch":
                return encode(await desk.throw_kill_switch(**arguments))
            case "ingest":
                return await _ingest(ingests, progress, **arguments)
            case "status":
                return desk.status(**arguments)
            case "pause_scope":
                return encode(await steering.pause(**arguments))
            case "resume_scope":
                return encode(await steering.resume(**arguments))
            case "cancel_scope":
                ended = await steering.cancel_scope(**arguments)
                return {"cancelled": [encode(one) for one in ended]}
            case "pause_run":
                return encode(await steering.pause_run(**arguments))
            case "resume_run":
                return encode(await steering.resume_run(**arguments))
            case "allow":
                return encode(await steering.allow(**arguments))
            case "cancel_task":
                return encode(await steering.cancel_task(**arguments))
            case "restart":
                return await _restart(steering, **arguments)
            case "ask_again":
                return await _ask_again(steering, **arguments)
            case "fork":
                return encode(await steering.fork(**arguments))
            case "replay":
                return await _replay(steering, ingests, **arguments)
            case "purge":
                return encode(await steering.purge(**arguments))
            case "remember" if memory is not None:
                return await memory.remember(**arguments)
            case "retract_memory" if memory is not None:
                return await memory.retract(**arguments)
            case "import_mail" if memory is not None:
                return await memory.import_mail(**arguments, progress=progress)
            case "forget" if forgetting is not None:
                return msgspec.to_builtins(await forgetting.forget(**arguments))  # type: ignore[no-any-return]
            case "apply_rules" if rules is not None:
                return await rules.apply(**arguments)
            case _ if operation in ON_FILES and rules is not None:
                return await of_file(rules.files, operation, arguments)
            case "dismiss" if devices is not None:
                return await devices.dismissed(**arguments)
            case "token_issue" if tokens is not None:
                return await tokens.issued(**arguments)
            case "token_revoke" if tokens is not None:
                return await tokens.revoked(**arguments)
            case "review" if reviewing is not None:
                return encode(await reviewing.review(**arguments))
            case "trust" if vouching is not None:
                return await vouching.trust(**arguments)
            case "distrust" if vouching is not None:
                return await vouching.distrust(**arguments)
            case "secret_rotated" if vouching is not None:
                return await vouching.rotated(**arguments)
            case "propose" if proposing is not None:
                return encode(await proposing.propose(**arguments))
            case "autonomy_grant" if granting is not None:
                return await granting.grant(**arguments)
            case "autonomy_revoke" if granting is not None:
                return await granting.revoke(**arguments)
            case "autonomy_wrong" if granting is not None:
                return await granting.wrong(**arguments)
            case _:
                raise CommandRefused(
                    f"There is no operation {operation!r}.",
                    why="The director may be of another version than this command.",
                    remedy="Restart `mainstay up` after an upgrade.",
                )
    except TypeError as error:
        raise wrong_arguments(operation, error) from error


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
