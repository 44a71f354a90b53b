"""The control socket: how commands reach a director that is at work.

One Unix socket in `.mainstay/`, mode 0600, and the kernel tells whose process is at the other end: only the same user
is heard. A request is one line of JSON, an answer one line. An answer means that the decision is durable; no answer
(the director was killed in between) means that it may be or not, and asking again is safe.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mainstay.kernel import errors
from mainstay.kernel.errors import CommandRefused, DirectorUnavailable, MainstayError
from mainstay.kernel.values import Json

if TYPE_CHECKING:
    import asyncio

LINE_MAX = 1_000_000  # bytes: an edited reply is the longest thing that is said here
ANSWER_TIMEOUT_S = 60.0
SOCKET_PATH_MAX = 100  # the kernel allows 108 bytes

Handler = Callable[[str, Json], Awaitable[Json]]  # (operation, arguments) -> result


class ControlServer:
    """Answers on the socket until closed."""

    def __init__(self, path: Path, handle: Handler) -> None:
        self._path = path
        self._handle = handle
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Bind. What lies there is left over: the lock says that no other director is at work."""
        import asyncio  # not at the top: a command that only asks has no use for it

        address = socket_address(self._path)
        self._path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, address, limit=LINE_MAX)
        finally:
            os.umask(mask)

    async def close(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if peer_uid(writer.get_extra_info("socket")) != os.getuid():
                return
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await self._answer(line)) + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            return  # the other side is gone, or speaks another language
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> Json:
        try:
            said = msgspec.json.decode(line, type=dict[str, object])
            operation, arguments = said.get("do"), said.get("with", {})
            if not isinstance(operation, str) or not isinstance(arguments, dict):
                raise CommandRefused('A request is {"do": "...", "with": {...}}.')
            return {"ok": await self._handle(operation, arguments)}
        except msgspec.DecodeError as error:
            return CommandRefused("This is not JSON.", why=str(error)).as_dict()
        except MainstayError as error:
            return error.as_dict()


class ControlClient:
    """Speaks to a running director. One connection per request: they are few."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, operation: str, arguments: Json, *, timeout_s: float = ANSWER_TIMEOUT_S) -> Json:
        """The result. Raises what the director raised, or `DirectorUnavailable` when no answer came."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(timeout_s)
                connection.connect(socket_address(self._path))
                if peer_uid(connection) != os.getuid():
                    raise DirectorUnavailable(
                        why="The socket belongs to another user.", remedy="Run the command as that user."
                    )
                connection.sendall(msgspec.json.encode({"do": operation, "with": arguments}) + b"\n")
                line = connection.makefile("rb").readline(LINE_MAX)
        except (ConnectionRefusedError, FileNotFoundError) as error:
            raise DirectorUnavailable(
                why="Nobody listens on its socket.",
                remedy="Nothing was sent. Try again; if it stays so, start `mainstay up`.",
                sent=False,
            ) from error
        except (OSError, TimeoutError) as error:
            raise _no_answer(str(error)) from error
        if not line.endswith(b"\n"):
            raise _no_answer("the connection ended before the answer")
        answer = msgspec.json.decode(line, type=dict[str, object])
        if "ok" in answer:
            result = answer["ok"]
            assert isinstance(result, dict)
            return result
        raise error_from(answer)


def _no_answer(why: str) -> DirectorUnavailable:
    return DirectorUnavailable(
        why=f"The request was sent and no answer came: {why}.",
        remedy="It may have been decided or not. Run the same command again: what was decided is not decided twice.",
        sent=True,
    )


def error_from(answer: Json) -> MainstayError:
    """The exception that the director named."""
    kind = getattr(errors, str(answer.get("error")), MainstayError)
    if not (isinstance(kind, type) and issubclass(kind, MainstayError)):
        kind = MainstayError
    error = kind(
        str(answer.get("what", "")), why=str(answer.get("why", "")), remedy=str(answer.get("remedy", ""))
    )
    fields = answer.get("fields")
    error.fields = dict(fields) if isinstance(fields, dict) else {}
    return error


def peer_uid(connection: socket.socket) -> int:
    """The user at the other end of a Unix socket, as the kernel knows it."""
    if hasattr(socket, "SO_PEERCRED"):
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", raw)[1])
    # macOS: LOCAL_PEERCRED gives struct xucred { version, uid, ... } (sys/ucred.h)
    raw = connection.getsockopt(0, 0x001, 76)
    return int(struct.unpack_from("=II", raw)[1])


def socket_address(path: Path) -> str:
    """The path as it can be bound: where it is too long for the kernel, by way of the open folder."""
    text = str(path)
    if len(os.fsencode(text)) <= SOCKET_PATH_MAX:
        return text
    shorter = os.path.relpath(text)
    if len(os.fsencode(shorter)) <= SOCKET_PATH_MAX:
        return shorter
    handle = _folder_handle(path.parent)
    return f"/proc/self/fd/{handle}/{path.name}"


_handles: dict[Path, int] = {}


def _folder_handle(folder: Path) -> int:
    if folder not in _handles:
        _handles[folder] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return _handles[folder]
