"""The control socket: what is said badly, what breaks off, and who is heard."""

import asyncio
import json
import os
import shutil
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mainstay.kernel.errors import (
    AmbiguousId,
    CommandRefused,
    DirectorUnavailable,
    MainstayError,
    StaleApproval,
)
from mainstay.kernel.values import Json
from mainstay.runtime import control
from mainstay.runtime.control import LINE_MAX, ControlClient, ControlServer, error_from

Said = list[tuple[str, Json]]


class Served:
    """A server whose handler notes what it is asked, and answers as the test says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: Said = []
        self.noticed: list[Exception] = []
        self.answer: Callable[[str, Json], Any] = lambda operation, arguments: {"did": operation}
        self.server = ControlServer(path, self.handle, noticed=lambda what, error: self.noticed.append(error))

    async def handle(self, operation: str, arguments: Json) -> Json:
        self.said.append((operation, arguments))
        answer = self.answer(operation, arguments)
        return await answer if asyncio.isfuture(answer) else answer

    async def raw(self, sent: bytes) -> bytes:
        """All that is answered to these bytes, then the end."""
        reader, writer = await asyncio.open_unix_connection(str(self.path), limit=2 * LINE_MAX)
        writer.write(sent)
        writer.write_eof()
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""  # it was not read to its end
        finally:
            writer.close()

    async def ask(self, operation: str, arguments: Json) -> Json:
        return await asyncio.to_thread(ControlClient(self.path).ask, operation, arguments, timeout_s=60.0)


def served(path: Path, story: Callable[[Served], Any]) -> None:
    async def run() -> None:
        one = Served(path / "control.sock")
        await one.server.start()
        try:
            await story(one)
        finally:
            await one.server.close()

    asyncio.run(run())


def test_an_answer_and_an_error_arrive_as_they_left(short_path: Path) -> None:
    async def story(one: Served) -> None:
        assert await one.ask("status", {"a": 1}) == {"did": "status"}

        def refuse(operation: str, arguments: Json) -> Json:
            raise StaleApproval("gone", why="it was decided", remedy="look again", approval="abc")

        one.answer = refuse
        with pytest.raises(StaleApproval) as refused:
            await one.ask("approve", {})
        assert (refused.value.why, refused.value.fields) == ("it was decided", {"approval": "abc"})
        assert one.said == [("status", {"a": 1}), ("approve", {})]

    served(short_path, story)


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"[1, 2]\n",
        b'"do"\n',
        b"{}\n",
        b'{"do": 5}\n',
        b'{"do": "x", "with": []}\n',
        b"\xff\xfe\n",
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_lives_on(short_path: Path, line: bytes) -> None:
    async def story(one: Served) -> None:
        first, second = (await one.raw(line + b'{"do": "status"}\n')).splitlines()
        assert json.loads(first)["error"] == "CommandRefused"
        assert json.loads(second) == {"ok": {"did": "status"}}
        assert one.said == [("status", {})]

    served(short_path, story)


def test_half_a_line_and_a_hang_up_decide_nothing(short_path: Path) -> None:
    async def story(one: Served) -> None:
        await one.raw(b'{"do": "approve", "with": {"approval": "ab')
        assert one.said == []
        assert await one.ask("status", {}) == {"did": "status"}

    served(short_path, story)


def test_a_line_that_is_too_long_is_refused_in_words(short_path: Path) -> None:
    async def story(one: Served) -> None:
        answer = json.loads(await one.raw(b'{"do": "' + b"x" * (2 * LINE_MAX) + b'"}\n'))
        assert answer["error"] == "CommandRefused"
        with pytest.raises(CommandRefused, match="too long"):
            await one.ask("edit", {"text": "x" * LINE_MAX})
        assert one.said == []

    served(short_path, story)


def test_an_answer_may_be_longer_than_a_request(short_path: Path) -> None:
    async def story(one: Served) -> None:
        runs = ["0" * 32] * 60_000  # a first ingest of a large mailbox names every run
        one.answer = lambda operation, arguments: {"runs": runs}
        assert await one.ask("ingest", {}) == {"runs": runs}

    served(short_path, story)


@pytest.mark.parametrize("fault", [ValueError("odd"), KeyError("odd"), AssertionError("odd"), OSError("odd")])
def test_a_fault_of_the_director_is_told_to_both_sides(short_path: Path, fault: Exception) -> None:
    async def story(one: Served) -> None:
        def fail(operation: str, arguments: Json) -> Json:
            raise fault

        one.answer = fail
        with pytest.raises(MainstayError, match="odd") as told:
            await one.ask("approve", {})
        assert not isinstance(told.value, DirectorUnavailable)
        assert one.noticed == [fault]
        one.answer = lambda operation, arguments: {}
        assert await one.ask("status", {}) == {}

    served(short_path, story)


def test_what_cannot_be_said_is_refused_before_it_is_sent(short_path: Path) -> None:
    async def story(one: Served) -> None:
        with pytest.raises(CommandRefused):
            await one.ask("reject", {"reason": "\udcff"})
        with pytest.raises(CommandRefused):
            await one.ask("start", {"trigger": {"at": object()}})
        assert one.said == []

    served(short_path, story)


def test_another_user_is_not_heard(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(one: Served) -> None:
        monkeypatch.setattr(control, "peer_uid", lambda connection: os.getuid() + 1)
        assert await one.raw(b'{"do": "status"}\n') == b""
        with pytest.raises(DirectorUnavailable, match="another user") as told:
            await one.ask("status", {})
        assert told.value.fields.get("sent") is False
        assert one.said == []

    served(short_path, story)


# --- no answer --------------------------------------------------------------------------------------------------


def listening(path: Path, then: Callable[[socket.socket], None]) -> threading.Thread:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    server.listen(1)

    def serve() -> None:
        connection, _ = server.accept()
        with connection, server:
            then(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize("answer", [b"", b'{"ok": {"half'], ids=["none", "half"])
def test_killed_before_the_answer_it_may_have_been_decided(short_path: Path, answer: bytes) -> None:
    path = short_path / "s"

    def read_and_die(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    thread = listening(path, read_and_die)
    with pytest.raises(DirectorUnavailable, match="not decided twice") as told:
        ControlClient(path).ask("approve", {}, timeout_s=60.0)
    thread.join()
    assert told.value.fields["sent"] is True


def test_where_nobody_listens_nothing_was_sent(short_path: Path) -> None:
    with pytest.raises(DirectorUnavailable) as missing:
        ControlClient(short_path / "none").ask("approve", {})
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(short_path / "left"))
    left.close()
    with pytest.raises(DirectorUnavailable) as stale:
        ControlClient(short_path / "left").ask("approve", {})
    (short_path / "file").write_text("no socket")
    with pytest.raises(DirectorUnavailable) as other:
        ControlClient(short_path / "file").ask("approve", {})
    assert [one.value.fields["sent"] for one in (missing, stale, other)] == [False, False, False]


def test_what_could_not_be_connected_was_not_sent(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(self: socket.socket, address: str) -> None:
        raise PermissionError("not yours")

    class Socket(socket.socket):
        pass

    Socket.connect = connect  # type: ignore[method-assign, assignment]
    monkeypatch.setattr(control.socket, "socket", Socket)
    with pytest.raises(DirectorUnavailable, match="not yours") as told:
        ControlClient(short_path / "s").ask("approve", {})
    assert told.value.fields["sent"] is False


# --- the socket's file ------------------------------------------------------------------------------------------


def test_only_its_owner_may_use_it_and_the_mask_of_others_is_left_alone(short_path: Path) -> None:
    masks: list[int] = []

    async def meanwhile() -> None:
        for _ in range(5):
            mask = os.umask(0o022)
            os.umask(mask)
            masks.append(mask)
            await asyncio.sleep(0)

    async def run() -> None:
        before = os.umask(0o022)
        try:
            one = Served(short_path / "control.sock")
            await asyncio.gather(one.server.start(), meanwhile())
            assert stat.S_IMODE(one.path.stat().st_mode) == 0o600
            assert set(masks) == {0o022}, "what is made meanwhile has its own rights"
            await one.server.close()
            assert not one.path.exists()
        finally:
            os.umask(before)

    asyncio.run(run())


def test_a_left_over_socket_or_link_is_replaced_and_what_it_points_to_left_alone(short_path: Path) -> None:
    target = short_path / "elsewhere"
    target.write_text("not ours")
    (short_path / "control.sock").symlink_to(target)

    async def story(one: Served) -> None:
        assert await one.ask("status", {}) == {"did": "status"}
        assert not one.path.is_symlink()

    served(short_path, story)
    assert target.read_text() == "not ours"


def test_a_path_that_is_too_long_is_reached_by_its_folder(short_path: Path) -> None:
    deep = short_path / ("d" * 60) / ("e" * 60)

    async def story(one: Served) -> None:
        assert await one.ask("status", {}) == {"did": "status"}
        handles = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            await one.ask("status", {})
        assert len(os.listdir("/proc/self/fd")) < handles + 5  # the server may be closing the last ones

    for _ in range(2):  # the second folder has the name of the first
        deep.mkdir(parents=True)
        served(deep, story)
        shutil.rmtree(deep)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"error": "AmbiguousId", "what": "x"}, AmbiguousId),
        ({"error": "NoSuchError", "what": "x"}, MainstayError),
        ({"error": "annotations", "what": "x"}, MainstayError),
        ({}, MainstayError),
    ],
)
def test_an_error_of_another_version_is_an_error_still(answer: Json, kind: type[MainstayError]) -> None:
    assert type(error_from(answer)) is kind
