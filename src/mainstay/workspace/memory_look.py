"""Looking into memory: a search, and how it stands. The same for a command that reads by itself and for a director.

A director has its index open, so whoever searches beside it asks it through the socket, and the answer takes
milliseconds; what it says comes as plain data and is made the same objects again. Whoever is asked looks in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from mainstay.kernel.errors import CommandRefused, DirectorUnavailable
from mainstay.kernel.values import Json
from mainstay.memory.context import Context
from mainstay.runtime.clock import Clock
from mainstay.workspace.doors import SocketDoor
from mainstay.workspace.folder import Folder
from mainstay.workspace.remembered import Standing

if TYPE_CHECKING:
    from mainstay.config.recall import Recalls
    from mainstay.memory.policy import RetrievalPolicy
    from mainstay.workspace.assembly import Assembly

# As operations of the control socket.
SEARCH, STATS, REBUILD = "search_memory", "memory_stats", "rebuild_memory"
LOOKING = frozenset({SEARCH, STATS, REBUILD})
WAITED_FOR_MAX = 64  # missing vectors that a search waits for: a second at worst


@dataclass(frozen=True, slots=True)
class MemoryStats:
    """Memory in numbers."""

    standing: Standing
    spaces: Mapping[str, int]  # what can be found now, by space
    superseded: int
    retracted: int
    digest: str
    embedder: str  # its name; empty where words alone are searched
    why_not: str  # why there is no embedder, and what to do


class MemoryLook:
    """Looks into the index of an assembly, which it opens when it is first asked."""

    def __init__(self, assembly: Callable[[], Assembly], clock: Clock) -> None:
        self._assembly = assembly
        self._clock = clock

    def search(
        self,
        query: str,
        *,
        space: str = "",
        kind: str = "",
        k: int = 10,
        as_of: int | None = None,
        policy: str = "",
    ) -> Context:
        """See `Memory.search`."""
        from mainstay.config.recall import EVERYTHING

        assembly = self._assembly()
        recalls = assembly.untyped.recalls
        chosen = _policy(recalls, policy or EVERYTHING)
        if space and space not in recalls.spaces:
            raise CommandRefused(
                f"There is no space {space!r}.", why="There are " + ", ".join(sorted(recalls.spaces)) + "."
            )
        narrowed = replace(
            chosen,
            spaces=(space,) if space else chosen.spaces,
            kinds=(kind,) if kind else chosen.kinds,
            hits_max=chosen.hits_max if policy else k,
        )
        remembered = assembly.opened_memory()
        remembered.catch_up()
        if remembered.missing <= WAITED_FOR_MAX:
            remembered.fill(WAITED_FOR_MAX)
        return remembered.recall(narrowed, query, now=self._clock.now(), as_of=as_of)

    def stats(self) -> MemoryStats:
        """See `Memory.stats`."""
        from mainstay.models.base import Unavailable

        assembly = self._assembly()
        remembered, embedder = assembly.opened_memory(), assembly.memory_embedder
        gone = isinstance(embedder, Unavailable)
        standing = remembered.standing()
        superseded, retracted = remembered.ended()
        return MemoryStats(
            standing,
            remembered.counts(self._clock.now()),
            superseded=superseded,
            retracted=retracted,
            digest=remembered.digest(),
            embedder="" if isinstance(embedder, Unavailable) else embedder.model_id,
            why_not=f"{embedder.reason} {embedder.remedy}"
            if gone and isinstance(embedder, Unavailable)
            else "",
        )

    def rebuild(self) -> MemoryStats:
        """Make the index anew from the ledger. What lacks a vector is found by its words until it has one."""
        self._assembly().opened_memory().rebuild()
        return self.stats()

    def told(self, operation: str, arguments: Mapping[str, Any]) -> Json:
        """The answer as plain data, for whoever asks through the socket."""
        look: Mapping[str, Callable[..., Any]] = {
            SEARCH: self.search,
            STATS: self.stats,
            REBUILD: self.rebuild,
        }
        try:
            found = look[operation](**arguments)
        except TypeError as error:
            raise CommandRefused(
                f"{operation!r} was asked with the wrong arguments.", why=str(error)
            ) from error
        return {"found": msgspec.to_builtins(found)}


def by_director(folder: Folder, operation: str, arguments: Json) -> Any:
    """What a running director answers, as plain data; None where none runs. Raises what it refused."""
    if not folder.socket.exists():
        return None
    try:
        return SocketDoor(folder).ask(operation, arguments)["found"]
    except DirectorUnavailable:
        return None


def _policy(recalls: Recalls, name: str) -> RetrievalPolicy:
    found = recalls.policies.get(name)
    if found is None:
        raise CommandRefused(
            f"There is no retrieval policy {name!r}.",
            why="There are " + ", ".join(sorted(recalls.policies)) + ".",
            remedy=f"Name one of these, or write [recall.{name}] in a file of policies/.",
        )
    return found
