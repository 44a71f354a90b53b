"""`mainstay service`: what is written, what the manager is told, and a refusal where there is none."""

import json
import os
import plistlib
import subprocess
from pathlib import Path

import pytest

from mainstay.cli import main as command_line
from mainstay.cli import service as service_module
from mainstay.cli.service import Manager
from mainstay.cli.units import Service, launchd_files, systemd_units
from mainstay.ledger.lock import WriterLock
from mainstay.workspace.folder import Folder, create
from tests.conftest import find_binary

AWKWARD = Service(
    "mainstay-desk-1a2b", "desk", Path('/home/ann/my "desk" 100%/$x'), "/usr/bin/python3", {"KEY": 'a "b"'}
)


def test_awkward_paths_are_one_word() -> None:
    text = systemd_units(AWKWARD)["mainstay-desk-1a2b.service"]
    assert '"--workspace" "/home/ann/my \\"desk\\" 100%%/$$x"' in text
    assert 'Environment="KEY=a \\"b\\""' in text


def test_the_director_is_restarted_watched_and_hardened() -> None:
    units = systemd_units(AWKWARD)
    assert list(units) == [
        f"mainstay-desk-1a2b{end}" for end in (".service", "-heartbeat.service", "-heartbeat.timer")
    ]
    for line in (
        "Type=notify",
        "Restart=on-failure",
        "RestartMaxDelaySec=300",
        "WatchdogSec=180",
        "NoNewPrivileges=yes",
    ):
        assert f"\n{line}\n" in units["mainstay-desk-1a2b.service"]
    assert "OnUnitActiveSec=300" in units["mainstay-desk-1a2b-heartbeat.timer"]
    assert '"heartbeat" "check" "--quiet"' in units["mainstay-desk-1a2b-heartbeat.service"]


def test_launchd_gets_the_same() -> None:
    files = launchd_files(AWKWARD)
    director, look = (plistlib.loads(text.encode()) for text in files.values())
    assert list(files) == ["org.mainstay-desk-1a2b.plist", "org.mainstay-desk-1a2b-heartbeat.plist"]
    assert director["ProgramArguments"][-2:] == ["--workspace", str(AWKWARD.root)]
    assert director["KeepAlive"] == {"SuccessfulExit": False}
    assert (look["StartInterval"], look["ProgramArguments"][4:7]) == (300, ["heartbeat", "check", "--quiet"])


@pytest.mark.skipif(find_binary("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    plain = Service("mainstay-desk-1a2b", "desk", tmp_path / "my desk", "/bin/sh")
    for name, text in systemd_units(plain).items():
        (tmp_path / name).write_text(text, "utf-8")
    found = subprocess.run(
        ["systemd-analyze", "verify", "--user", *(str(tmp_path / name) for name in systemd_units(plain))],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )
    said = [line for line in found.stderr.splitlines() if "mainstay-desk" in line]
    # What a newer manager knows and this one does not is ignored by it, with a line.
    assert [line for line in said if "Unknown key" not in line] == []


@pytest.fixture
def folder(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(short_path / "keys"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(short_path / "config"))
    made, _ = create(short_path / "desk", "desk")
    return made


class FakeSystemctl:
    """A program on the PATH that writes down what it is told, and answers what the test says."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        place.mkdir()
        self.log, self.state = place / "log", place / "state"
        self.state.write_text("inactive", "utf-8")
        program = place / "systemctl"
        program.write_text(
            f'#!/bin/sh\necho "$@" >> {self.log}\n'
            f'case "$2" in is-active) cat {self.state};;\n'
            f"enable) [ ! -e {place}/broken ] || {{ echo no >&2; exit 1; }};;\n"
            f"show-environment) [ ! -e {place}/away ] || {{ echo Failed to connect to bus >&2; exit 1; }};; esac\n",
            "utf-8",
        )
        program.chmod(0o755)
        self.place = place
        monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setattr(service_module.sys, "platform", "linux")

    def told(self) -> list[str]:
        return self.log.read_text("utf-8").splitlines() if self.log.exists() else []


@pytest.fixture
def systemctl(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystemctl:
    return FakeSystemctl(short_path / "bin", monkeypatch)


def typed(folder: Folder, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert command_line.run(["service", *arguments, "-w", str(folder.root)]) == code
    said = capsys.readouterr()
    return said.err if code else said.out


def test_install_writes_enables_and_can_be_undone(
    folder: Folder, systemctl: FakeSystemctl, short_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder.root / "mainstay.toml").write_text(
        '[workspace]\nname = "desk"\n[adapters.a]\nuse = "email"\naddress = "a@example.org"\n'
        '[adapters.a.imap]\nhost = "imap.example.org"\nuser = "a"\npassword = "env:MAIL_PASSWORD"\n',
        "utf-8",
    )
    said = typed(folder, capsys, "install")
    assert "loginctl enable-linger" in said
    assert "env:MAIL_PASSWORD" in said
    label = f"mainstay-desk-{folder.id[:8]}"
    units = sorted(path.name for path in (short_path / "config/systemd/user").iterdir())
    assert units == [f"{label}-heartbeat.service", f"{label}-heartbeat.timer", f"{label}.service"]
    assert systemctl.told()[-2:] == [
        "--user daemon-reload",
        f"--user enable --now {label}.service {label}-heartbeat.timer",
    ]
    assert f"MAINSTAY_KEY_HOME={short_path}/keys" in (
        short_path / "config/systemd/user" / units[-1]
    ).read_text("utf-8")
    systemctl.state.write_text("active", "utf-8")
    assert f"{label}: active" in typed(folder, capsys, "status")
    told = json.loads(typed(folder, capsys, "status", "--json"))
    assert (told["installed"], told["current"], told["active"]) == (True, True, "active")
    (short_path / "config/systemd/user" / units[-1]).write_text("[Unit]\n", "utf-8")
    assert "`mainstay service install` writes them again" in typed(folder, capsys, "status")
    typed(folder, capsys, "uninstall")
    assert systemctl.told()[-2:] == [
        f"--user disable --now {label}.service {label}-heartbeat.timer",
        "--user daemon-reload",
    ]
    assert list((short_path / "config/systemd/user").iterdir()) == []
    assert "No service is installed" in typed(folder, capsys, "uninstall")
    assert "not installed" in typed(folder, capsys, "status")


def test_print_writes_nothing_and_asks_nobody(
    folder: Folder, systemctl: FakeSystemctl, short_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "[Service]\nType=notify" in typed(folder, capsys, "install", "--print")
    assert len(json.loads(typed(folder, capsys, "install", "--print", "--json"))) == 3
    assert systemctl.told() == []
    assert not (short_path / "config").exists()


def test_it_is_refused_where_no_manager_serves(
    folder: Folder,
    systemctl: FakeSystemctl,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (systemctl.place / "away").touch()
    assert "Failed to connect to bus" in typed(folder, capsys, "install", code=5)
    monkeypatch.setenv("PATH", "/nowhere")
    assert "There is no systemd on this machine" in typed(folder, capsys, "install", code=5)


def test_a_director_outside_of_the_service_is_in_the_way(
    folder: Folder, systemctl: FakeSystemctl, short_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with WriterLock(folder.lock):
        assert "outside of the service" in typed(folder, capsys, "install", code=5)
        assert not (short_path / "config").exists()
        systemctl.state.write_text("active", "utf-8")
        typed(folder, capsys, "install")


def test_what_the_manager_refuses_is_told(
    folder: Folder, systemctl: FakeSystemctl, capsys: pytest.CaptureFixture[str]
) -> None:
    (systemctl.place / "broken").touch()
    said = typed(folder, capsys, "install", code=5)
    assert "enable --now" in said
    assert "Why: no" in said


def test_on_a_mac_it_is_launchd() -> None:
    mac = service_module.manager("darwin")
    assert (mac.kind, mac.folder.name) == ("launchd", "LaunchAgents")
    assert mac.starting(["a.plist"]) == [
        ["launchctl", "bootstrap", f"gui/{os.getuid()}", str(mac.folder / "a.plist")]
    ]
    assert Manager("launchd", Path("/x")).stopping(["a.plist"]) == [
        ["launchctl", "bootout", f"gui/{os.getuid()}", "/x/a.plist"]
    ]
