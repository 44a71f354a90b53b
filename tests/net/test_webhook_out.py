"""Outgoing webhooks: signed as the specification says, and told what the other side said, never in its words."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from mainstay.kernel.errors import SecretError
from mainstay.net.webhook_out import headers, key_of, post, signature

KEY = b"0123456789abcdef"


class Heard(HTTPServer):
    """Answers as it is told, and keeps what came."""

    def __init__(self, status: int, more: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Listener)
        self.status, self.more = status, more
        self.requests: list[tuple[dict[str, str], bytes]] = []


class Listener(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers["content-length"]))
        server.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(server.status)
        for name, value in server.more.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def listening(status: int, **more: str) -> Iterator[Heard]:
    server = Heard(status, more)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def told(server: Heard, **changes: Any) -> Any:
    url = f"http://127.0.0.1:{server.server_port}/desk"
    place = frozenset({f"127.0.0.1:{server.server_port}"})
    return post(
        url, key=KEY, identity="ab12", at_s=1_700_000_000, body=b'{"a":1}', **({"allow": place} | changes)
    )


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of the Standard Webhooks libraries.
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_request_bears_id_time_and_signature() -> None:
    with listening(204) as server:
        assert told(server).ok
    ((sent, body),) = server.requests
    assert body == b'{"a":1}'
    expected = headers(KEY, "ab12", 1_700_000_000, body)
    assert {name: sent[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("status", "more", "after", "for_good"),
    [
        (500, {}, None, False),
        (429, {"retry-after": "90"}, 90.0, False),
        (410, {}, None, True),
        (302, {}, None, False),
    ],
)
def test_what_is_no_success_is_told(
    status: int, more: dict[str, str], after: float | None, for_good: bool
) -> None:
    with listening(status, location="http://127.0.0.1:1/", **more) as server:
        answer = told(server)
    assert (answer.ok, answer.retry_after_s, answer.for_good) == (False, after, for_good)
    assert answer.reason == f"it answered {status}"
    assert len(server.requests) == 1


def test_nobody_there() -> None:
    with listening(200) as server:
        pass
    answer = told(server)
    assert not answer.ok
    assert "cannot be reached" in answer.reason


def test_an_address_that_the_guard_refuses_is_never_asked() -> None:
    with listening(200) as server:
        answer = told(server, allow=())
    assert (answer.ok, server.requests) == (False, [])
    assert "loopback" in answer.reason


@pytest.mark.parametrize("secret", ["short", "whsec_!!!!", "whsec_YWJj"])
def test_a_secret_that_signs_nothing_is_refused(secret: str) -> None:
    with pytest.raises(SecretError):
        key_of(secret)


@pytest.mark.parametrize("identity", ["a\r\nb", "a b", "ä", ""])
def test_an_id_that_could_break_a_header_is_refused(identity: str) -> None:
    with pytest.raises(ValueError, match="letters and digits"):
        headers(KEY, identity, 1, b"")
