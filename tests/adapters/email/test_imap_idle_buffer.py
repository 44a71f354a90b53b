"""A mail that is announced together with the answer to IDLE is noticed, though no poll of the socket shows it."""

import socket
import threading
from types import SimpleNamespace

from mainstay.adapters.email.imap import _read_already


def test_what_came_with_the_answer_is_seen_and_an_empty_buffer_does_not_block() -> None:
    ours, theirs = socket.socketpair()
    client = SimpleNamespace(sock=ours, file=ours.makefile("rb"))
    theirs.sendall(b"+ idling\r\n* 2 EXISTS\r\n")
    assert client.file.readline() == b"+ idling\r\n"  # the client reads the answer, and with it the rest
    assert b"EXISTS" in _read_already(SimpleNamespace(client=client))
    assert client.file.readline() == b"* 2 EXISTS\r\n"  # nothing was taken away
    looked = threading.Thread(target=_read_already, args=(SimpleNamespace(client=client),), daemon=True)
    looked.start()
    looked.join(10.0)
    assert not looked.is_alive()
    assert ours.gettimeout() is None
    theirs.close()
    ours.close()
