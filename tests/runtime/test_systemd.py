"""What the service manager is told, over a socket of our own."""

import os
import socket
from pathlib import Path

import pytest

from mainstay.runtime.systemd import notify, watchdog_every_s


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_it_is_told_over_either_kind_of_socket(kind: str, short_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        if kind == "path":
            name = str(short_path / "notify")
            listening.bind(name)
        else:
            name = f"@mainstay-test-{os.getpid()}"
            listening.bind("\0" + name[1:])
        listening.settimeout(5)
        assert notify("READY=1", {"NOTIFY_SOCKET": name})
        assert listening.recv(100) == b"READY=1"


@pytest.mark.parametrize("name", ["", "relative", "/nowhere/notify"])
def test_nobody_listens_and_nothing_happens(name: str) -> None:
    assert notify("READY=1", {"NOTIFY_SOCKET": name} if name else {}) is False


def test_the_watchdog_is_told_three_times_in_its_time_and_only_if_it_is_ours() -> None:
    assert watchdog_every_s({"WATCHDOG_USEC": "90000000"}) == 30.0
    assert watchdog_every_s({"WATCHDOG_USEC": "90000000", "WATCHDOG_PID": str(os.getpid())}) == 30.0
    assert watchdog_every_s({"WATCHDOG_USEC": "90000000", "WATCHDOG_PID": "1"}) is None
    for none in ({}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}):
        assert watchdog_every_s(none) is None
