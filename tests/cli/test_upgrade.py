"""`mainstay upgrade`: the backup comes first, nothing is installed unasked, and a way back is told. No network."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mainstay import __version__
from mainstay.cli import main as command_line
from mainstay.cli import upgrade as upgrade_module
from mainstay.cli.upgrade import Installed, installed
from mainstay.ledger.backup import backups, verify_backup
from mainstay.ledger.lock import WriterLock
from tests.cli.conftest import Desk

Typed = Callable[..., str]


class Machine:
    """What is run, and how each program ends."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.codes: dict[str, int] = {}
        self.doctor = json.dumps({"well": True, "findings": []})

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.ran.append(tuple(command))
        name = "doctor" if "doctor" in command else "version" if "--version" in command else "install"
        said = {"doctor": self.doctor, "version": "mainstay 9.9.9\n"}.get(name, "")
        return subprocess.CompletedProcess(list(command), self.codes.get(name, 0), said, "the index is away")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(upgrade_module, "_run", made.run)
    monkeypatch.setattr(upgrade_module, "_editable", lambda: False)
    monkeypatch.setattr(upgrade_module.shutil, "which", lambda name: f"/usr/bin/{name}")
    return made


@pytest.fixture
def typed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> Typed:
    def run(*arguments: str, code: int = 0) -> str:
        assert command_line.run(["upgrade", *arguments, "-w", str(desk.root)]) == code
        said = capsys.readouterr()
        return said.err if code else said.out

    return run


def test_check_only_tells(typed: Typed, machine: Machine, short_path: Path) -> None:
    said = typed("--check")
    assert f"This is {__version__}, installed by pip." in said
    assert "nowhere yet: --backup-to FOLDER" in said
    told = json.loads(typed("--check", "--json", "--backup-to", str(short_path / "copies")))
    assert told["command"] == [sys.executable, "-P", "-m", "pip", "install", "--upgrade", "mainstay"]
    assert machine.ran == []
    assert not (short_path / "copies").exists()


def test_without_a_place_for_the_backup_nothing_is_done(typed: Typed, machine: Machine) -> None:
    assert "There is no place for the backup." in typed("--yes", code=5)
    assert machine.ran == []


def test_it_backs_up_and_says_how_to_go_on(typed: Typed, machine: Machine, short_path: Path) -> None:
    said = typed("--backup-to", str(short_path / "copies"))
    ((path, manifest),) = backups(short_path / "copies")
    assert verify_backup(path) == manifest
    assert f"Backed up and proved: {manifest.head:,} events" in said
    assert "-m pip install --upgrade mainstay" in said
    assert f"mainstay=={__version__}" in said
    assert f"mainstay ledger restore {path}" in said
    assert machine.ran == []


def test_with_yes_it_installs_and_lets_the_new_version_open_the_ledger(
    typed: Typed, machine: Machine, desk: Desk, short_path: Path
) -> None:
    said = typed("--yes", "--backup-to", str(short_path / "copies"))
    assert f"Upgraded from {__version__} to 9.9.9" in said
    assert machine.ran == [
        (sys.executable, "-P", "-m", "pip", "install", "--upgrade", "mainstay"),
        (sys.executable, "-P", "-m", "mainstay", "doctor", "--json", "--workspace", str(desk.root)),
        (sys.executable, "-P", "-m", "mainstay", "--version"),
    ]


def test_a_new_version_that_does_not_work_is_told_with_the_way_back(
    typed: Typed, machine: Machine, short_path: Path
) -> None:
    machine.codes["doctor"] = 1
    finding = {"part": "ledger", "level": "fail", "detail": "it cannot be read", "remedy": ""}
    machine.doctor = json.dumps({"well": False, "findings": [finding]})
    said = typed("--yes", "--backup-to", str(short_path / "copies"), code=5)
    assert "ledger: it cannot be read" in said
    assert f"Go back: {sys.executable} -P -m pip install mainstay=={__version__}" in said
    ((path, _),) = backups(short_path / "copies")
    assert f"mainstay ledger restore {path}" in said


def test_an_installation_that_fails_changes_nothing(typed: Typed, machine: Machine, short_path: Path) -> None:
    machine.codes["install"] = 1
    said = typed("--yes", "--backup-to", str(short_path / "copies"), code=5)
    assert "the index is away" in said
    assert "Nothing of the workspace was touched." in said
    assert len(machine.ran) == 1


def test_a_director_at_work_is_not_upgraded_under(
    typed: Typed, machine: Machine, desk: Desk, short_path: Path
) -> None:
    with WriterLock(desk.root / ".mainstay" / "lock"):
        assert "A director is at work" in typed("--yes", "--backup-to", str(short_path / "copies"), code=5)
        assert "at work: --stop ends it first" in typed("--check")
    assert machine.ran == []
    assert not (short_path / "copies").exists()


@pytest.mark.long
def test_stop_ends_it_in_order_first(typed: Typed, machine: Machine, desk: Desk, short_path: Path) -> None:
    from mainstay.runtime.heartbeat import read_heartbeat

    director = desk.start()
    typed("--yes", "--stop", "--backup-to", str(short_path / "copies"))
    assert director._process is not None
    assert director._process.wait(60) == 0
    beat = read_heartbeat(desk.root / ".mainstay" / "heartbeat")
    assert beat is not None
    assert beat.stopped
    assert len(machine.ran) == 3


def test_a_checkout_is_its_owners_to_update(
    typed: Typed, machine: Machine, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade_module, "_editable", lambda: True)
    told = json.loads(typed("--yes", "--json", "--backup-to", str(short_path / "copies")))
    assert (told["way"], told["installed"], told["command"]) == ("editable", False, ["git", "pull"])
    assert machine.ran == []


@pytest.mark.parametrize(
    ("file", "place", "way", "command"),
    [
        ("pipx_metadata.json", "x", "pipx", ("pipx", "upgrade", "mainstay")),
        ("", "pipx/venvs/mainstay", "pipx", ("pipx", "upgrade", "mainstay")),
        ("uv-receipt.toml", "x", "uv", ("uv", "tool", "upgrade", "mainstay")),
        ("", "x", "pip", (sys.executable, "-P", "-m", "pip", "install", "--upgrade", "mainstay")),
    ],
)
def test_each_way_of_installing_has_its_command(
    file: str, place: str, way: str, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade_module, "_editable", lambda: False)
    prefix = tmp_path / place
    prefix.mkdir(parents=True)
    if file:
        (prefix / file).touch()
    found = installed(prefix)
    assert isinstance(found, Installed)
    assert (found.way, found.command) == (way, command)
    assert found.back[-1] == f"mainstay=={__version__}"
