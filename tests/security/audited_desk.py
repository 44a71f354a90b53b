"""A workspace whose ledger was signed twice; its keys beside it, so that it can be copied with them."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mainstay.cli.main import run
from mainstay.ledger.verify import Broken
from mainstay.workspace import Workspace
from mainstay.workspace.folder import Folder, adopt
from mainstay.workspace.signing_places import places_of

HEAD, SIGNED = 16, 15


@dataclass
class AuditedDesk:
    """A copy for one attack."""

    root: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def folder(self) -> Folder:
        return Folder(self.root)

    @property
    def ledger(self) -> Path:
        return self.folder.ledger

    @property
    def checkpoints(self) -> Path:
        return places_of(self.folder).files[0]

    @property
    def signing_key(self) -> Path:
        return places_of(self.folder).key

    def sealed(self) -> Path:
        """The file of the first twelve events, which leave the table."""
        code, said = self.say("ledger", "compact", "--before", "13")
        assert (code, said["events"]) == (0, 12)
        (found,) = self.folder.segments.iterdir()
        return found

    def say(self, *arguments: str) -> tuple[int, Any]:
        """What the command line answers, as a program sees it."""
        self.capsys.readouterr()
        code = run([*arguments, "--json", "-w", str(self.root)])
        return code, json.loads(self.capsys.readouterr().out)

    def refused(self, position: int, *words: str) -> None:
        """`Workspace.verify` names this position, and why."""
        with Workspace.open(self.root) as workspace:
            found = workspace.verify()
        assert isinstance(found, Broken), found
        assert found.position == position, found
        for word in words:
            assert word in found.reason, found

    def told(self, position: int) -> None:
        """So does `mainstay audit verify`, as a program sees it."""
        code, said = self.say("audit", "verify", "--events")
        assert (code, said.get("error")) == (4, "LedgerCorrupt"), said
        assert said["fields"]["position"] == position, said

    def whole(self) -> Any:
        """`audit verify` finds nothing wrong."""
        code, said = self.say("audit", "verify", "--events")
        assert code == 0, said
        return said


@pytest.fixture(scope="session")
def audited_master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("audited")
    before = os.umask(0o077)
    root = place / "desk"
    root.mkdir()
    (root / "mainstay.toml").write_text('[workspace]\nname = "desk"\nkey = "../keys/master.key"\n')
    (place / "keys").mkdir()
    (place / "keys" / "master.key").write_bytes(b"k" * 32)
    os.umask(before)
    with pytest.MonkeyPatch.context() as patching:
        patching.setenv("MAINSTAY_KEY_HOME", str(place / "home"))
        adopt(Folder(root))
    with Workspace.open(root) as workspace:
        for number in range(12):
            workspace.kill_switch(on=number % 2 == 0, reason=f"=cmd|'{number}'!A0")
            if number in (5, 11):
                workspace.auditing.sign()
    return place


@pytest.fixture
def audited_desk(audited_master: Path, short_path: Path, capsys: pytest.CaptureFixture[str]) -> AuditedDesk:
    shutil.copytree(audited_master, short_path / "copy")
    return AuditedDesk(short_path / "copy" / "desk", capsys)
