"""The suite itself cannot leave the machine, and neither can the Python processes it starts."""

import asyncio
import socket
import subprocess
import sys

import pytest

from network_guard import BeyondLoopback, is_loopback

ELSEWHERE = "192.0.2.1"  # reserved for documentation: nobody lives there


def test_connecting_elsewhere_is_refused_before_anything_is_sent() -> None:
    with socket.socket() as sock, pytest.raises(BeyondLoopback, match="tests stay on loopback"):
        sock.connect((ELSEWHERE, 25))


def test_a_datagram_elsewhere_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(BeyondLoopback):
        sock.sendto(b"hello", (ELSEWHERE, 53))


def test_asking_for_a_name_is_refused() -> None:
    with pytest.raises(BeyondLoopback):
        socket.getaddrinfo("mail.example.org", 25)


def test_asyncio_is_guarded_too() -> None:
    async def connect() -> None:
        await asyncio.open_connection(ELSEWHERE, 25)

    with pytest.raises(BeyondLoopback):
        asyncio.run(connect())


def test_a_process_started_by_a_test_is_guarded() -> None:
    code = f"import socket; socket.create_connection(({ELSEWHERE!r}, 25), timeout=1)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ran.returncode != 0
    assert "BeyondLoopback" in ran.stderr


def test_loopback_works() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with (
            socket.create_connection(("localhost", port), timeout=5) as client,
            server.accept()[0] as accepted,
        ):
            client.sendall(b"hello")
            assert accepted.recv(5) == b"hello"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST.", b"localhost", None, ""]
)
def test_these_are_this_machine(host: object) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "example.org", "localhost.example.org", "::2", "fe80::1%eth0", "1"]
)
def test_these_are_not(host: object) -> None:
    assert not is_loopback(host)
