"""The operations of a director at work, each sent by a way that takes something along: for `runtime.asked_once`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from mainstay.kernel.values import Json
from mainstay.runtime.asked_once import Ask, AskedOnce
from mainstay.runtime.forgetting import Forgetting
from mainstay.runtime.ingest import Ingest
from mainstay.runtime.performer import Performer
from mainstay.workspace.desks import desks_of
from mainstay.workspace.held import Held
from mainstay.workspace.operations import operate


def asked_once_of(
    held: Held,
    ask: Ask,
    performer: Performer,
    forgetting: Forgetting,
    *,
    ingests: Callable[[], Mapping[str, Ingest]],
) -> AskedOnce:
    """What programs ask of this director, once each.

    Forgetting goes its own way: it is told in steps each of which is done once, whoever asks.
    """

    def operated(by: Ask, operation: str, arguments: Json) -> Awaitable[Json]:
        desks = desks_of(held, by, forgetting, performer=performer, ingests=ingests)
        return operate(desks, operation, arguments)

    artifacts = held.assembly.artifacts
    return AskedOnce(held.store, artifacts, artifacts.vault.keyed_hash, ask, operated)
