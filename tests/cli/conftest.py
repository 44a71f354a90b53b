"""A workspace that has been triaged once; each test gets a copy of its own."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mainstay.cli.director_process import DirectorProcess
from mainstay.data import sample_path
from mainstay.kernel.contract import Finality
from mainstay.workspace import Workspace
from mainstay.workspace.folder import Folder, adopt
from tests.prepared import copied, lend_graph, prepared

MESSAGES = 14
WAIT_S = 300.0  # seconds of work, on a machine that may be busy with a dozen other things


@dataclass
class Desk:
    """A workspace, and what a test does with it."""

    root: Path
    _directors: list[DirectorProcess] = field(default_factory=list)

    @property
    def workspace(self) -> Workspace:
        return Workspace.open(self.root)

    def run(
        self, *arguments: str, prefix: Sequence[str] = (), **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """One command, as a process of its own."""
        command = [*prefix, sys.executable, "-m", "mainstay", *arguments]
        environ = {**os.environ, "MAINSTAY_WORKSPACE": str(self.root)}
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=WAIT_S, **options)

    def start(self) -> DirectorProcess:
        director = DirectorProcess(Folder(self.root), self.root.parent / f"{self.root.name}.log")
        self._directors.append(director)
        director.start()
        return director

    def stop_all(self) -> None:
        for director in self._directors:
            director.stop()

    def delivered(self) -> list[str]:
        return sorted(path.name for path in (self.root / "outbox" / "new").glob("*"))

    def status_of(self, approval: str) -> str:
        with self.workspace as opened:
            return opened.approval(approval).status


def until(done: Callable[[], object]) -> None:
    """Look until it is so."""
    deadline = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def lay_out(root: Path, *, messages: int) -> None:
    """The sample workspace with the first messages of its mailbox, its master key beside it."""
    shutil.copytree(str(sample_path("workspace")), root)
    raw = sample_path("first.mbox").read_bytes()
    parts = raw.split(b"\nFrom ")
    (root / "inbox.mbox").write_bytes(b"\nFrom ".join(parts[:messages]) + b"\n")
    settings = root / "mainstay.toml"
    named = f'[workspace]\nkey = "{root.parent / "master.key"}"'
    settings.write_text(settings.read_text("utf-8").replace("[workspace]", named, 1), "utf-8")
    adopt(Folder(root))
    lend_graph(Folder(root).cache)


def triage(place: Path) -> None:
    """A workspace that was read and triaged, with cards that wait; no director is at work."""
    root = place / "desk"
    with pytest.MonkeyPatch.context() as patching:
        patching.setenv("MAINSTAY_KEY_HOME", str(place / "keys"))
        lay_out(root, messages=MESSAGES)
        desk = Desk(root)
        director = desk.start()
        try:
            with desk.workspace as opened:
                until(
                    lambda: (
                        opened.begun
                        and opened.count("messages")
                        and opened.status()["open_runs"] == opened.waiting()
                    )
                )
                assert opened.waiting() >= 4
        finally:
            director.stop()


@pytest.fixture
def desk(short_path: Path) -> Iterator[Desk]:
    """A copy of the triaged workspace."""
    # Its keys as well, and what was signed with them: two ledgers that one key signs for are what an audit must find.
    triaged = prepared("cli", triage)
    copied(triaged, short_path)
    root = short_path / "desk"
    settings = root / "mainstay.toml"
    settings.write_text(settings.read_text("utf-8").replace(str(triaged), str(short_path)), "utf-8")
    desk = Desk(root)
    yield desk
    desk.stop_all()


@pytest.fixture
def cards(desk: Desk) -> list[str]:
    """The cards that wait, oldest first."""
    with desk.workspace as opened:
        return [card.approval for card in opened.approvals()]


@pytest.fixture
def low_cards(desk: Desk) -> list[str]:
    """The cards that wait and that a yes alone lets go (none of high stake), oldest first."""
    with desk.workspace as opened:
        return [card.approval for card in opened.approvals() if card.finality != Finality.FINAL_HIGH]
