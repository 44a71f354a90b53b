"""A director that is killed while a long operation is under way: the next one says what became of it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.end_to_end.conftest import MakeDesk
from tests.end_to_end.desks import UP, Desk, Running, file_settings
from tests.servers.dovecot import until

pytestmark = pytest.mark.long

SERVED = UP.replace(
    "Service(find_folder(Path(sys.argv[1])))", "Service(find_folder(Path(sys.argv[1])), web=True)"
)


def free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def up(desk: Desk) -> Running:
    assert SERVED != UP
    log = desk.root.parent / f"log{len(desk.processes)}"
    with log.open("wb") as errors:
        child = subprocess.Popen(
            [sys.executable, "-c", SERVED, str(desk.root)], stdout=subprocess.PIPE, stderr=errors
        )
    desk.processes.append(Running(child, log))
    assert desk.processes[-1].line() == "up", desk.processes[-1].log()
    return desk.processes[-1]


def test_a_kill_between_doing_and_answering(new_desk: MakeDesk) -> None:
    port = free()
    desk = new_desk(file_settings(more=f"[console]\nport = {port}\n"))
    director = up(desk)
    with desk.open() as workspace:
        secret = workspace.tokens.issue("a program", ["read"])["secret"]

    def asked(path: str, *, key: str = "") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {secret}"}
        if key:
            headers |= {"Idempotency-Key": key, "Content-Type": "application/json"}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}", headers=headers, method="POST" if key else "GET"
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as heard:
                return heard.status, json.loads(heard.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    status, begun = asked("/api/v1/audit/verify", key="verify-and-kill")
    assert (status, begun["state"]) == (202, "running"), begun
    director.kill()
    director.gone()
    again = up(desk)
    place = f"/api/v1/operations/{begun['operation']}"
    status, found = asked(place)
    assert (status, found["state"]) == (200, "failed"), found
    assert found["error"]["what"] == "The director ended before it was done."
    assert asked("/api/v1/audit/verify", key="verify-and-kill") == (202, found)

    status, anew = asked("/api/v1/audit/verify", key="verify-once-more")
    assert status == 202
    place = f"/api/v1/operations/{anew['operation']}"
    until(lambda: asked(place)[1]["state"] != "running", "the proof", 60.0)
    told = asked(place)
    assert told[1]["result"]["whole"] is True, told
    again.kill()
    again.gone()
    last = up(desk)
    assert asked(place) == told
    assert last.stop() == 0
