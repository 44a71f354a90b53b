"""`Workspace`: the public SDK. Every command of the CLI is a thin call of it.

    from mainstay import Workspace

    with Workspace.open("my-desk") as workspace:
        for card in workspace.approvals():
            print(card.title, card.recipients, card.digest)
        workspace.approve(card.approval, digest=card.digest)

Reading needs no lock and sees what is committed. Deciding goes through the running director where there is one, else
through the lock; `Decided.live` says which, and so whether it is performed now or at the next `mainstay up`.

Its calls lie by noun in `mainstay.workspace.sdk`, and why there as parents and not as parts. Here: how one comes to a
workspace, and what needs all of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from mainstay.kernel.errors import DirectorUnavailable
from mainstay.kernel.values import Instant
from mainstay.workspace.doors import director_runs
from mainstay.workspace.folder import create, find_folder
from mainstay.workspace.sdk.condition import Condition
from mainstay.workspace.sdk.costs import Costs
from mainstay.workspace.sdk.ledger import Ledger

if TYPE_CHECKING:
    from mainstay.workspace.asking import Answer, Asking
    from mainstay.workspace.inbox import Inbox


class Workspace(Condition, Costs, Ledger):
    """One workspace. Open it, read, decide, close; or use it in a `with` block."""

    @classmethod
    def create(cls, root: str | os.PathLike[str], name: str = "") -> tuple[Workspace, tuple[str, ...]]:
        """Make a workspace, or complete one; which files were written. Raises `WorkspaceUnsafe`."""
        path = Path(root)
        folder, written = create(path, name or _name_of(path))
        return cls(folder), written

    @classmethod
    def open(cls, root: str | os.PathLike[str] = ".") -> Workspace:
        """The workspace that the folder lies in. Decides by whichever door is there. Raises `WorkspaceNotFound`."""
        return cls(find_folder(Path(root)))

    @classmethod
    def connect(cls, root: str | os.PathLike[str] = ".") -> Workspace:
        """The same, but only while a director is at work. Raises `DirectorUnavailable` otherwise."""
        workspace = cls.open(root)
        if not director_runs(workspace.folder):
            raise DirectorUnavailable(
                "No director is at work in this workspace.",
                why=f"Nobody answers on {workspace.folder.socket}.",
                remedy="Start it with `mainstay up`.",
            )
        workspace._must_be_live = True
        return workspace

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(
        self,
        question: str,
        *,
        since: Instant | None = None,
        until: Instant | None = None,
        workflow: str = "",
        run_max: int = 400,
        by_meaning: bool = True,
    ) -> Answer:
        """What was decided about something: sentences of the ledger with their positions, best first.

        A time that the question names ("last week") narrows `since` and `until`. Looks at the newest `run_max` runs.
        """
        return self._asking.ask(
            question,
            now=self._clock.now(),
            since=since,
            until=until,
            workflow=workflow,
            run_max=run_max,
            by_meaning=by_meaning,
        )

    @cached_property
    def inbox(self) -> Inbox:
        """Every message that came in and what became of it: a page at a time, the newest, and what is left to you."""
        from mainstay.workspace.inbox import Inbox

        return Inbox(self)

    @contextmanager
    def once(self, request: str, body: str) -> Iterator[Workspace]:
        """What is asked within is done once under this name, however often it is asked; for who was given a door.

        `body` says what is asked: the same name for anything else raises `KeyReused`.
        """
        from mainstay.workspace.once import OnceDoor

        given = self._given
        assert given is not None, "only a director at work knows what was asked"
        self._given = OnceDoor(given, request, body)
        try:
            yield self
        finally:
            self._given = given

    @cached_property
    def _asking(self) -> Asking:
        from mainstay.workspace.asking import Asking, Sources, passing_embedder

        return Asking(
            Sources(
                store=lambda: self._store,
                explain=self.explain,
                message=self.received,
                card=lambda approval: self.approval(approval).text,
                opened=lambda recorded: self._readable(self._codec.event(recorded)),
                artifacts=lambda: self._artifacts,
                embedder=lambda: passing_embedder(self.folder),
                models=lambda: self._assembly.language_models if self._settings().models else None,
            )
        )


def _name_of(path: Path) -> str:
    name = path.absolute().name.lower().replace("_", "-").replace(" ", "-")
    return "".join(one for one in name if one.isalnum() or one == "-").strip("-") or "workspace"
