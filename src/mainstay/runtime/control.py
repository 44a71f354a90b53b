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
from mainstay.kernel.errors import (
    CommandRefused,
    DirectorBusy,
    DirectorError,
    DirectorUnavailable,
    MainstayError,
    WorkspaceUnsafe,
)
from mainstay.kernel.values import Json

if TYPE_CHECKING:
    import asyncio

LINE_MAX = 1_000_000  # bytes: an edited reply is the longest thing that is said here
LINE_TIMEOUT_S = 30.0  # a command says what it wants at once; who does not is sent away
CONNECTIONS_MAX = 128  # at once: a process has perhaps a thousand handles, and the ledger needs some
ANSWER_TIMEOUT_S = 60.0
SOCKET_PATH_MAX = 100  # the kernel allows 108 bytes

Handler = Callable[[str, Json], Awaitable[Json]]  # (operation, arguments) -> result


class ControlServer:
    """Answers on the socket until closed."""

    def __init__(
        self,
        path: Path,
        handle: Handler,
        *,
        noticed: Callable[[str, Exception], None] = lambda what, error: None,
        line_timeout_s: float = LINE_TIMEOUT_S,
    ) -> None:
        self._line_timeout_s = line_timeout_s
        self._connected = 0
        self._path = path
        self._handle = handle
        self._noticed = noticed
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Bind. What lies there is left over: the lock says that no other director is at work."""
        import asyncio  # not at the top: a command that only asks has no use for it

        try:
            listening = self._bound()
        except OSError as error:
            raise WorkspaceUnsafe(
                "The control socket cannot be made.",
                why=f"{self._path}: {error.strerror or error}.",
                remedy="Remove what lies there, and make the folder writable for you.",
                path=str(self._path),
            ) from error
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=LINE_MAX)

    def _bound(self) -> socket.socket:
        address = socket_address(self._path)
        self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The mask belongs to the whole process, so nobody else may have a turn while it is this one.
        mask = os.umask(0o177)
        try:
            listening.bind(address)
        except OSError:
            listening.close()
            raise
        finally:
            os.umask(mask)
        return listening

    async def close(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connected += 1
        try:
            if peer_uid(writer.get_extra_info("socket")) != os.getuid():
                return
            if self._connected > CONNECTIONS_MAX:
                writer.write(msgspec.json.encode(_too_many().as_dict()) + b"\n")
                return
            while line := await _line(reader, self._line_timeout_s):
                writer.write(msgspec.json.encode(await self._answer(line)) + b"\n")
                await writer.drain()
            if line is None:
                writer.write(msgspec.json.encode(_too_long().as_dict()) + b"\n")
                while await _within(reader.read(LINE_MAX), self._line_timeout_s):
                    pass  # heard to its end, so that the other side comes to read why
        except (ConnectionError, TimeoutError):
            return  # the other side is gone, or says nothing
        finally:
            self._connected -= 1
            writer.close()

    async def _answer(self, line: bytes) -> Json:
        try:
            said = msgspec.json.decode(line, type=dict[str, object])
            operation, arguments = said.get("do"), said.get("with", {})
            if not isinstance(operation, str) or not isinstance(arguments, dict):
                raise CommandRefused('A request is {"do": "...", "with": {...}}.')
            return {"ok": await self._handle(operation, arguments)}
        except _NOT_JSON as error:
            return CommandRefused("This is not JSON that can be read.", why=str(error)).as_dict()
        except MainstayError as error:
            return error.as_dict()
        except Exception as error:  # a fault of ours: for whoever asked, and for the log
            self._noticed("a request", error)
            return DirectorError(
                "The director could not do this.",
                why=f"{type(error).__name__}: {error}",
                remedy="Look at the list before you ask again: it may have been decided or not.",
            ).as_dict()


# What is nested too deeply is no fault of ours either.
_NOT_JSON = (msgspec.DecodeError, RecursionError)


async def _line(reader: asyncio.StreamReader, timeout_s: float) -> bytes | None:
    """The next line, nothing at the end, None for one that is too long. Raises `TimeoutError`."""
    try:
        return await _within(reader.readline(), timeout_s)
    except ValueError:
        return None


async def _within(reading: Awaitable[bytes], timeout_s: float) -> bytes:
    import asyncio

    async with asyncio.timeout(timeout_s):
        return await reading


def _too_many() -> DirectorBusy:
    return DirectorBusy(
        why=f"{CONNECTIONS_MAX} commands are connected at once.",
        remedy="Nothing was accepted. Try again in a moment.",
    )


def _too_long() -> CommandRefused:
    return CommandRefused(
        "The request is too long.",
        why=f"At most {LINE_MAX:,} bytes are heard.",
        remedy="Write a shorter text.",
    )


class ControlClient:
    """Speaks to a running director. One connection per request: they are few."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, operation: str, arguments: Json, *, timeout_s: float = ANSWER_TIMEOUT_S) -> Json:
        """The result. Raises what the director raised, or `DirectorUnavailable` when no answer came."""
        request = _encoded(operation, arguments)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            self._connect(connection)
            try:
                connection.sendall(request)
                with connection.makefile("rb") as answers:
                    line = answers.readline()  # of any length: a first ingest names every run
            except OSError as error:
                raise _no_answer(str(error)) from error
        if not line.endswith(b"\n"):
            raise _no_answer("the connection ended before the answer")
        answer = msgspec.json.decode(line, type=dict[str, object])
        if "ok" in answer:
            result = answer["ok"]
            assert isinstance(result, dict)
            return result
        raise error_from(answer)

    def _connect(self, connection: socket.socket) -> None:
        try:
            connection.connect(socket_address(self._path))
            if peer_uid(connection) == os.getuid():
                return
        except (ConnectionRefusedError, FileNotFoundError) as error:
            raise DirectorUnavailable(
                why="Nobody listens on its socket.",
                remedy="Nothing was sent. Try again; if it stays so, start `mainstay up`.",
                sent=False,
            ) from error
        except OSError as error:
            raise DirectorUnavailable(
                why=f"Its socket {self._path} cannot be reached: {error.strerror or error}.",
                remedy="Nothing was sent. Try again; if it stays so, start `mainstay up` again.",
                sent=False,
            ) from error
        raise DirectorUnavailable(
            why="The socket belongs to another user.",
            remedy="Nothing was sent. Run the command as that user.",
            sent=False,
        )


def _encoded(operation: str, arguments: Json) -> bytes:
    try:
        request = msgspec.json.encode({"do": operation, "with": arguments}) + b"\n"
    except (TypeError, ValueError) as error:
        raise CommandRefused(
            f"{operation!r} was asked with something that cannot be sent.",
            why=str(error),
            remedy="Texts must be Unicode, and all else plain data.",
        ) from error
    if len(request) > LINE_MAX:
        raise _too_long()
    return request


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
    known = _handles.get(folder)
    if known is not None and os.path.samestat(os.fstat(known), os.stat(folder)):
        return known
    if known is not None:
        os.close(_handles.pop(folder))  # another folder has its name now
    _handles[folder] = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return _handles[folder]
