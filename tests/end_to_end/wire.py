"""A wire that a test holds in its hand: between a client and a server on loopback, byte for byte.

`before` is called with what the server says before the client hears it, `after` when it has been handed on. So
a process can be killed at exactly that moment, without waiting for anything.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Wire:
    """One direction of interest: what the server says, and what the client had said before."""

    port: int = 0
    before: Callable[["Wire", bytes], None] | None = None
    after: Callable[["Wire", bytes], None] | None = None
    said: bytearray = field(default_factory=bytearray)  # the end of what the client said so far
    answered: bytes = b""  # the same at the moment the server answered: once it is heard, more may be said

    def _pair(self, client: socket.socket, server: socket.socket) -> None:
        up = threading.Thread(target=self._client_to_server, args=(client, server), daemon=True)
        up.start()
        self._server_to_client(client, server)
        up.join(5.0)

    def _client_to_server(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                self.said += data
                del self.said[:-4096]
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _server_to_client(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := server.recv(65536):
                self.answered = bytes(self.said)
                if self.before is not None:
                    self.before(self, data)
                client.sendall(data)
                if self.after is not None:
                    self.after(self, data)
        except OSError:
            pass
        finally:
            for one in (client, server):
                # Closing alone says nothing to the other end while our other thread reads.
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()


@contextlib.contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    """A wire to a port of loopback; `Wire.port` is where its client connects."""
    listener = socket.create_server(("127.0.0.1", 0))
    wire = Wire(listener.getsockname()[1])

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", port))
                threading.Thread(target=wire._pair, args=(client, server), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5.0)


def confirms_mail(wire: Wire, data: bytes) -> bool:
    """Whether this is the relay's yes to a whole message."""
    return wire.answered.endswith(b"\r\n.\r\n") and data.startswith(b"250")


def confirms_append(wire: Wire, data: bytes) -> bool:
    """Whether this is the server's yes to an APPEND."""
    return b" APPEND " in wire.answered and b"OK [APPENDUID" in data
