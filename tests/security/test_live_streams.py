"""Abuse of the live streams: too many, held by who may not look any more, not read, asked for by another site."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from mainstay.console import live
from mainstay.console.limits import Kind, Limits
from tests.security.attacks import attack
from tests.security.live_stream import stream
from tests.security.web_house import Browser, WebHouse

LIVE, GUARD, LIMITS = "mainstay.console.live", "mainstay.console.guard", "mainstay.console.limits"
TRIES = 100


@attack((LIMITS, "UnderWay.begin", lambda self, client: True))
def test_of_a_hundred_streams_a_device_holds_a_few_and_goes_on_working(web: WebHouse) -> None:
    limits = Limits(streams_burst=TRIES * 2)
    with web.also(limits) as port, ExitStack() as opened:
        browser = web.log_in(web.stranger(port))
        statuses = [opened.enter_context(stream(browser)).status for _ in range(TRIES)]
        assert statuses.count(200) == limits.streams_each
        assert set(statuses) == {200, 429}
        assert browser.get("/login").status == 303  # on to the first page: it is logged in, and served


@attack((LIMITS, "UnderWay.begin", lambda self, client: True))
def test_all_devices_together_hold_a_bounded_number(web: WebHouse) -> None:
    with web.also(Limits(streams=6, streams_each=4)) as port, ExitStack() as opened:
        both = [web.log_in(web.stranger(port)) for _ in range(2)]
        statuses = [opened.enter_context(stream(one)).status for one in both for _ in range(4)]
        assert statuses == [200] * 6 + [429] * 2


@attack((GUARD, "kind_of", lambda scope, headers: Kind.PAGE))
@pytest.mark.parametrize("by_itself", ["stream", "part"])
def test_what_open_pages_ask_for_by_themselves_keeps_no_person_from_acting(
    web: WebHouse, by_itself: str
) -> None:
    with web.also(Limits(burst=10, per_s=0.001)) as port:
        browser = web.log_in(web.stranger(port))
        for _ in range(10):
            if by_itself == "part":
                assert browser.get("/?part=now", HX_Request="true").status in (200, 429)
            else:
                with stream(browser) as one:
                    assert one.status in (200, 429)
        assert browser.get("/login").status == 303


@attack((LIMITS, "Rates.wait_s", lambda self, client: 0))
@pytest.mark.parametrize("by_itself", ["stream", "part"])
def test_and_is_bounded_itself(web: WebHouse, by_itself: str) -> None:
    limits = Limits(streams_burst=5, streams_per_s=0.001, parts_burst=5, parts_per_s=0.001)
    with web.also(limits) as port:
        browser = web.log_in(web.stranger(port))
        statuses = []
        for _ in range(8):
            if by_itself == "part":
                statuses.append(browser.get("/?part=now", HX_Request="true").status)
            else:
                with stream(browser) as one:
                    statuses.append(one.status)
        assert statuses == [200] * 5 + [429] * 3


@attack((LIVE, "is_known", lambda front, secret: True))
def test_a_device_that_is_logged_out_hears_nothing_more(web: WebHouse, patience_s: float) -> None:
    with stream(web.log_in()) as one:
        one.next()
        web.ask(web.service.devices.dismiss_all())
        assert one.over(patience_s)


@attack((LIVE, "is_known", lambda front, secret: True))
def test_nor_does_one_whose_time_is_over(
    web: WebHouse, monkeypatch: pytest.MonkeyPatch, patience_s: float
) -> None:
    monkeypatch.setattr(live, "LOOK_S", 0.01)
    with stream(web.log_in()) as one:
        one.next()
        monkeypatch.setattr(web.service.devices, "_idle_s", 60.0)
        web.clock.pass_s(61)
        assert one.over(patience_s)


@attack((GUARD, "kind_of", lambda scope, headers: Kind.PAGE))
def test_a_page_that_is_left_open_keeps_nobody_logged_in(
    web: WebHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.service.devices, "_idle_s", 60.0)
    browser = web.log_in()
    for _ in range(3):
        web.clock.pass_s(25)
        browser.get("/?part=now", HX_Request="true")
        with stream(browser):
            pass
    assert browser.get("/devices").status == 303


@attack((LIVE, "session_of", lambda request: SimpleNamespace(secret="nobody's")))
def test_a_stranger_hears_nothing(web: WebHouse) -> None:
    with stream(web.stranger(), "runs") as one:
        assert one.status == 401


@attack((GUARD, "comes_from_here", lambda headers, origin, needs_proof: True))
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
    ],
)
def test_a_page_elsewhere_cannot_listen(web: WebHouse, headers: dict[str, str]) -> None:
    with stream(web.log_in(), "runs", headers=headers) as one:
        assert one.status == 403


async def _waited_for(sending: Awaitable[None]) -> None:
    await sending


@attack((LIVE, "in_time", _waited_for))
def test_who_does_not_read_is_cut_off_and_holds_nothing(
    web: WebHouse, monkeypatch: pytest.MonkeyPatch, patience_s: float
) -> None:
    monkeypatch.setattr(live, "SLOW_S", 0.02)
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(live, "figures_of", lambda now: "x" * 16_000_000)  # more than a socket takes
    moves, browser = web.front.moves, web.log_in()
    before = web.call(lambda: len(moves._listeners))
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    asked = (
        f"GET /live?topics= HTTP/1.1\r\nHost: {browser.host}\r\n"
        f"Sec-Fetch-Site: same-origin\r\nCookie: {cookies}\r\n\r\n"
    )

    async def left() -> int:
        for _ in range(round(patience_s / 0.01)):
            await asyncio.sleep(0.01)
            if len(moves._listeners) == before:
                break
        return len(moves._listeners)

    with socket.create_connection(("127.0.0.1", web.port), timeout=60) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.sendall(asked.encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
        assert web.ask(left()) == before


@attack((LIVE, "asked", lambda text: (1, frozenset())))
@pytest.mark.parametrize("topics", ["nothing", "run-%0d%0aevent: x", "run-" + "a" * 200, "runs," * 40])
def test_what_is_asked_for_is_never_repeated(web: WebHouse, topics: str) -> None:
    answer = Browser.get(web.log_in(), f"/live?topics={topics.replace(' ', '%20')}", method="HEAD")
    assert answer.status == 400
