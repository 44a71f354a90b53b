"""What a workspace has of people beside its ledger and its keys, and how it is dropped when one is forgotten.

Rules of this file:

- What can be made again is made again from what can still be read; nothing is looked for by what it says.
- Vectors of texts that are still remembered stay, since they cost time or money; all others go, whoever they are of.
- Answers of models go all together: a question may quote anybody.
- A cache whose embedder is not there is deleted: nobody could tell what in it may stay.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.governance.forget import PAGE
from mainstay.workspace.assembly import Assembly
from mainstay.workspace.shown import forget_shown

if TYPE_CHECKING:
    from mainstay.runtime.ingest import Ingest
    from mainstay.workspace.learning import Learning
    from mainstay.workspace.refining import Refining

VECTORS = "vectors.sqlite3"


class Traces:
    """`runtime.forgetting.Besides` of one workspace. What learns is there only where a director is at work."""

    def __init__(
        self,
        assembly: Assembly,
        ingests: Callable[[], Iterable[Ingest]],
        *,
        learning: Learning | None = None,
        refining: Refining | None = None,
    ) -> None:
        self._assembly = assembly
        self._ingests = ingests
        self._learning = learning
        self._refining = refining

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """See `Besides.still`: no mailbox is read."""
        async with AsyncExitStack() as stack:
            for one in self._ingests():
                await stack.enter_async_context(one.held_back())
            yield

    async def drop(self, runs: list[str]) -> None:
        """See `Besides.drop`."""
        if self._learning is not None:
            await self._learning.anew()
        if self._refining is not None:
            self._refining.anew()
        store, cache = self._assembly.store, self._assembly.folder.cache
        for run in runs:
            for row in store.select("approvals", where={"run": run}, limit=PAGE):
                forget_shown(cache, str(row["approval"]))
        await asyncio.to_thread(self._drop)  # seconds, where much is remembered

    def _drop(self) -> None:
        from mainstay.workspace.language_models import ANSWERS
        from mainstay.workspace.language_models import VECTORS as ENDPOINT_VECTORS

        assembly = self._assembly
        if assembly.memory_is_open:
            assembly.opened_memory().rebuild()
        cache = assembly.folder.cache
        own, endpoint = cache / VECTORS, cache / ENDPOINT_VECTORS
        if own.exists():
            self._retain(own, assembly.embedder)
        if endpoint.exists():
            named = assembly.untyped.settings.memory.embedder
            self._retain(endpoint, assembly.memory_embedder if named else None)
        if (cache / ANSWERS).exists():
            assembly.language_models.forget()

    def _retain(self, file: Path, embedder: object) -> None:
        """Keep of a cache of vectors what is still remembered."""
        from mainstay.models.embedding_cache import CachedEmbedder

        if isinstance(embedder, CachedEmbedder):
            embedder.retain(unit.text for unit in self._assembly.opened_memory().units())
        else:
            _delete(file)


def _delete(file: Path) -> None:
    for suffix in ("-wal", "-shm", ""):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
