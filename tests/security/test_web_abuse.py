"""Abuse of the web server: too much, too deep, too slow, too many, and requests that two readers read differently."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from random import Random
from typing import Any

import pytest
from h11 import EndOfMessage
from h11._headers import Headers
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from mainstay.console.guard import Guard
from mainstay.console.limits import Limits
from mainstay.console.refused import Refused
from tests.security.attacks import attack
from tests.security.web_house import WAIT_S, Browser, WebHouse, heard

GUARD = "mainstay.console.guard"
MEGABYTE = 1_000_000


def head(web: WebHouse, *lines: str, method: str = "POST", path: str = "/login", port: int = 0) -> bytes:
    """The head of a request as a page of ours sends it, and more."""
    here = f"127.0.0.1:{port or web.port}"
    first = (
        f"{method} {path} HTTP/1.1",
        f"Host: {here}",
        f"Origin: http://{here}",
        "Sec-Fetch-Site: same-origin",
    )
    return ("\r\n".join((*first, *lines)) + "\r\n\r\n").encode("latin-1")


def served(answer: bytes) -> list[int]:
    """The statuses of the answers on one connection."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


async def _unlimited(self: object) -> object:
    return await self._receive()  # type: ignore[attr-defined]


# --- too much ------------------------------------------------------------------------------------------------------


@attack(("mainstay.console.body", "Body.__call__", _unlimited))
def test_a_hundred_megabytes_are_not_read(web: WebHouse) -> None:
    form = ("Content-Type: application/x-www-form-urlencoded", "Transfer-Encoding: chunked")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    chunk = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
    sent = 0
    with connected(web.port) as connection:
        connection.sendall(head(web, *form))
        try:
            while sent < 100 * MEGABYTE:
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass
        answer = heard(connection)
    assert sent < 20 * MEGABYTE, "it went on reading"
    assert served(answer) in ([413], [])  # the connection may break before the answer is read
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 60_000  # kilobytes
    assert web.stranger().get("/login").status == 200


def _served_all_the_same(limits: Limits) -> Refused:
    return Refused(200, "Go on.")


@attack((GUARD, "too_large", _served_all_the_same))
@pytest.mark.parametrize("length", ["100000000", "1000001", "9" * 15])
def test_a_length_that_is_too_much_is_refused_before_anything_is_read(web: WebHouse, length: str) -> None:
    answer = web.raw(
        head(web, "Content-Type: application/x-www-form-urlencoded", f"Content-Length: {length}")
    )
    assert served(answer) == [413]
    assert b"connection: close" in answer.lower()


async def _reader(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        size = len(await StarletteRequest(scope, receive).body())
        answer = PlainTextResponse(f"{size} bytes")
    except Refused as refused:
        answer = PlainTextResponse(refused.what, refused.status)
    await answer(scope, receive, send)


@attack(("mainstay.console.body", "Depth.bears", lambda self, part: True))
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_json_is_refused_before_a_parser_meets_it(
    web: WebHouse, opening: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = opening * 100_000
    kind = ("Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close")
    # No page reads JSON yet: behind the guard stands what reads it all.
    monkeypatch.setattr(
        "mainstay.console.server.build", lambda front, limits, live: Guard(_reader, front, limits)
    )
    with web.also() as port:
        answer = web.raw(head(web, *kind, port=port) + body, port=port)
    assert served(answer) == [400]
    assert b"nests too deeply" in answer


@attack((GUARD, "Guard._require_form", lambda self, scope, headers: None))
@pytest.mark.parametrize(
    ("path", "lines", "status"),
    [
        ("/login?" + "a" * 3_000, [], 414),
        ("/login", [f"X-More-{number}: 1" for number in range(70)], 431),
        ("/login", ["X-Long: " + "a" * 9_000], 431),
        ("http://127.0.0.1/login", [], 400),
    ],
)
def test_a_request_that_says_too_much_is_refused(
    web: WebHouse, path: str, lines: list[str], status: int
) -> None:
    assert served(web.raw(head(web, *lines, "Connection: close", method="GET", path=path))) == [status]


def test_a_head_without_end_is_cut(web: WebHouse) -> None:
    answer = web.raw(head(web, "X-Endless: " + "a" * 100_000, method="GET"))
    assert served(answer) in ([400], [431], [])


@attack(("mainstay.console.limits", "Rates.wait_s", lambda self, client: 0))
def test_a_burst_of_two_hundred_is_told_to_wait(web: WebHouse) -> None:
    request = head(web, method="GET")
    with web.clock.standing():  # or on a busy machine there is room again for the last
        with connected(web.port) as connection:
            connection.sendall(request * 199 + head(web, "Connection: close", method="GET"))
            answer = heard(connection)
        # Refusals end the connection, so the rest is asked anew.
        rest = [web.stranger().get("/login") for _ in range(200 - len(served(answer)))]
    assert 429 in [*served(answer), *(one.status for one in rest)]
    refused = [one for one in rest if one.status == 429]
    assert refused
    assert all(int(one.headers["retry-after"]) >= 1 for one in refused)
    web.clock.pass_s(10)
    assert web.stranger().get("/login").status == 200


# --- too slow, too many ----------------------------------------------------------------------------------------------

SHORT = Limits(head_s=0.05, body_s=0.05)


@attack(("mainstay.console.protocol", "patience_s", lambda limits: 3_600.0))
@pytest.mark.parametrize("begun", [b"", b"GET /login HTTP/1.1\r\nHost: a\r\nX-"])
def test_who_says_nothing_is_not_waited_for(web: WebHouse, begun: bytes, patience_s: float) -> None:
    with web.also(SHORT) as port, connected(port) as connection:
        connection.sendall(begun)
        assert ended(connection, patience_s)


@attack(("mainstay.console.protocol", "patience_s", lambda limits: 3_600.0))
def test_nor_after_a_first_request(web: WebHouse, patience_s: float) -> None:
    with web.also(SHORT) as port, connected(port) as connection:
        connection.sendall(head(web, method="GET", port=port))
        assert connection.recv(100_000).startswith(b"HTTP/1.1 200")
        connection.sendall(b"G")
        assert ended(connection, patience_s)


@attack(("mainstay.console.body", "Body.__call__", _unlimited))
def test_a_body_that_comes_drop_by_drop_is_not_waited_for(web: WebHouse, patience_s: float) -> None:
    form = ("Content-Type: application/x-www-form-urlencoded", "Content-Length: 1000")
    with web.also(SHORT) as port:
        answer = web.raw(head(web, *form, port=port) + b"form_token=", port=port, timeout_s=patience_s)
    assert served(answer) == [408]


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)


def ended(connection: socket.socket, patience_s: float) -> bool:
    """Whether the server ended it, while it was waited for."""
    connection.settimeout(patience_s)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4_096, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@attack(("mainstay.console.protocol", "too_many", lambda connections, newest: newest))
def test_a_thousand_connections_keep_nobody_out(web: WebHouse, many_files: None) -> None:
    with web.also(Limits(connections=100)) as port, ExitStack() as open_ones:
        for _ in range(1_000):
            open_ones.enter_context(connected(port)).sendall(b"GET ")
        try:
            status = Browser(port).get("/login").status
        except (ConnectionError, OSError):
            status = 0
        assert status == 200


@attack(("mainstay.console.limits", "UnderWay.begin", lambda self, client: True))
def test_one_client_has_so_many_requests_under_way_and_no_more(web: WebHouse) -> None:
    form = ("Content-Type: application/x-www-form-urlencoded", "Content-Length: 10")
    with web.also(Limits(at_once_each=5)) as port, ExitStack() as open_ones:
        for _ in range(5):
            one = open_ones.enter_context(connected(port))
            one.sendall(head(web, *form, port=port))
        # Fewer than a burst: what is refused here is refused for what is under way.
        assert 429 in [Browser(port).get("/login").status for _ in range(50)]


# --- two readers -----------------------------------------------------------------------------------------------------

INNER = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@attack((GUARD, "is_ambiguous", lambda headers: False))
def test_a_length_beside_chunks_is_refused(web: WebHouse, patience_s: float) -> None:
    lines = ("Content-Type: text/plain", f"Content-Length: {len(INNER) + 5}", "Transfer-Encoding: chunked")
    answer = web.raw(head(web, *lines) + b"0\r\n\r\n" + INNER, timeout_s=patience_s)
    assert served(answer) == [400]


def _any_framing(headers: Any, _parsed: bool = False) -> Headers:
    return Headers([(bytes(name), bytes(name).lower(), bytes(value)) for name, value in headers])


def _any_line(lines: Any) -> Any:
    for line in lines:
        name, _, value = bytes(line).partition(b":")
        yield name.strip(), value.strip()


def _refused_as_a_whole(web: WebHouse, lines: tuple[str, ...], patience_s: float) -> None:
    answer = web.raw(head(web, *lines) + b"0\r\n\r\n" + INNER, timeout_s=patience_s)
    assert served(answer) in ([400], [501]), answer[:200]
    assert b"connection: close" in answer.lower()


@attack(
    ("h11._events", "normalize_and_validate", _any_framing),
    (GUARD, "Guard._require_form", lambda self, scope, headers: None),
)
@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5, 6",),
        ("Content-Length: -1",),
        ("Content-Length: 1e3",),
        ("Content-Length: " + "9" * 30,),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
    ],
)
def test_a_framing_that_two_readers_read_differently_is_refused(
    web: WebHouse, lines: tuple[str, ...], patience_s: float
) -> None:
    _refused_as_a_whole(web, lines, patience_s)


@attack(("h11._readers", "_decode_header_lines", _any_line))
@pytest.mark.parametrize(
    "line",
    [
        *("Transfer-Encoding : chunked", "Transfer-Encoding:\x0bchunked", "Bad Name: 1"),
        *("X: a\rTransfer-Encoding: chunked", "X: a\x00b", "X: a\r\n\x0bfolded", "no colon"),
    ],
)
def test_a_line_that_wants_to_be_two_is_refused(web: WebHouse, line: str, patience_s: float) -> None:
    _refused_as_a_whole(web, (line,), patience_s)


def _any_chunk(self: Any, buffer: Any) -> Any:
    buffer.maybe_extract_at_most(1_000_000)
    return EndOfMessage()


@attack(("h11._readers", "ChunkedReader.__call__", _any_chunk))
@pytest.mark.parametrize("chunks", [b"zz\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n", b"5;\x00\r\nhello\r\n"])
def test_a_chunk_that_is_none_ends_the_connection(web: WebHouse, chunks: bytes, patience_s: float) -> None:
    form = ("Content-Type: application/x-www-form-urlencoded", "Transfer-Encoding: chunked")
    answer = web.raw(head(web, *form) + chunks + INNER, timeout_s=patience_s)
    assert served(answer) == [400]
    assert b"not HTTP" in answer


@attack(("mainstay.console.login", "own_path", lambda text: text))
@pytest.mark.parametrize(
    "after",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/a%0d%0aSet-Cookie:%20x=1",
        "/%09/evil.example",
        "/..",
    ],
)
def test_nobody_is_sent_anywhere_else_and_no_header_is_written_by_others(web: WebHouse, after: str) -> None:
    answer = web.log_in().get(f"/login?next={after}")
    assert (answer.status, answer.headers.get("location")) == (303, "/")
    assert not [one for one in answer.cookies if one.startswith("x=")]


def test_the_director_was_at_work_all_the_while(web: WebHouse) -> None:
    assert web.call(lambda: web.service.desk.status())["position"] > 0
    assert web.ask(asyncio.sleep(0, True))


PATHS = (
    *(
        "/",
        "/login",
        "/login/x",
        "/a/x",
        "/a/%ff%fe",
        "/static/x",
        "/devices",
        "/logout",
        "/health",
        "//",
        "*",
    ),
    *("/a/" + "x" * 200, "/?a=%zz", "/é", "/a/%00", "/login?next=%ff", "/;x", "/a//b"),
)
NAMES = (
    *("Host", "Referer", "Cookie", "Content-Type", "Content-Length", "Transfer-Encoding", "Accept", "Range"),
    *("Authorization", "Expect", "X-Forwarded-For", "Upgrade", "Connection"),
)
VALUES = (
    *("", "null", "a", "\xff\xfe", "chunked", "application/json", "multipart/form-data", "100-continue", "0"),
    *("application/x-www-form-urlencoded", "websocket", "upgrade", "9" * 20, "bytes=0-1", 'mainstay="x'),
    *("$Version=1; a=b", "http://[", "Bearer x", "close", '"' * 50, "\t"),
)
BODIES = (b"", b"a=b", b"form_token=\xff&digest=%ff%00", b"{}", b"5\r\nhello\r\n0\r\n\r\n")


async def _fails(request: object) -> None:
    raise ZeroDivisionError


@attack(("mainstay.console.forms", "sent", _fails))
def test_nothing_that_is_sent_makes_it_fail(web: WebHouse) -> None:
    drawn = Random(7)
    cookie = "; ".join(f"{name}={value}" for name, value in web.log_in().cookies.items())
    for _ in range(80):
        web.clock.pass_s(1)
        path = drawn.choice(PATHS)
        lines = [f"{drawn.choice(NAMES)}: {drawn.choice(VALUES)}" for _ in range(drawn.randrange(3))]
        body = drawn.choice(BODIES)
        lines += [f"Cookie: {cookie}"] * drawn.randrange(2) + [
            f"Content-Length: {len(body)}"
        ] * drawn.randrange(2)
        asked = head(web, *lines, "Connection: close", method=drawn.choice(("GET", "POST", "PUT")), path="/")
        answer = web.raw(asked.replace(b" / ", f" {path} ".encode("latin-1"), 1) + body, timeout_s=0.2)
        assert all(status < 500 for status in served(answer)), asked
        assert not answer or b"frame-ancestors 'none'" in answer, asked
