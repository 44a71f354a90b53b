"""An open page in a real browser: it is brought up to date under the reader's hands, and says when it is not.

The page is one of the test's own, with a part that lives beside a form, so that what is shown here holds for any.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from jinja2 import ChoiceLoader, DictLoader
from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import app
from mainstay.console.rendering import environment, page
from mainstay.console.routes import Page
from mainstay.console.server import serve
from tests.console.browser.conftest import WAIT_MS, Visit, Visitor
from tests.security.web_house import WAIT_S, WebHouse

SAMPLE = """{% extends "shell.html" %}{% block title %}Sample{% endblock %}{% block content %}
{{ ui.head("Sample") }}
{% block part_list %}<section id="list"{{ ui.live("approvals, runs", here ~ "?part=list") }}>
<p id="told">{{ house.waiting }} wait</p>
<ul>{% for n in range(house.waiting) %}
<li id="row-{{ n }}"><a href="/devices" id="link-{{ n }}">row {{ n }}</a></li>
{% endfor %}</ul>
<p id="kept">Plain words that somebody marks.</p></section>{% endblock %}
<form><label>Words <textarea id="words" name="words"></textarea></label></form>
<a id="same" href="/sample?again=1">The same</a> <a id="other" href="/sample-elsewhere">Another</a>
{% endblock %}"""


@dataclass
class Door:
    """A server over a director that goes on while the server does not."""

    web: WebHouse
    port: int = 0

    def login_path(self) -> str:
        return self.web.login_path()

    @contextmanager
    def open(self) -> Iterator[None]:
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", self.port))
        one.listen(64)
        one.setblocking(False)
        self.port = one.getsockname()[1]
        ending = self.web.call(asyncio.Event)
        front = replace(self.web.front, port=self.port)
        served = asyncio.run_coroutine_threadsafe(serve(front, one, ending), self.web._loop)
        try:
            yield
        finally:
            self.web._loop.call_soon_threadsafe(ending.set)
            served.result(WAIT_S)
            one.close()


async def _shown(request: Request) -> Response:
    topics = ("runs",) if request.url.path.endswith("elsewhere") else ("approvals", "runs")
    return page(request, "sample.html", topics=topics)


@pytest.fixture
def door(desk: WebHouse, monkeypatch: pytest.MonkeyPatch) -> Door:
    found, loader = app.pages, environment().loader
    assert loader is not None
    sample = (Page("/sample", _shown), Page("/sample-elsewhere", _shown))
    monkeypatch.setattr(app, "pages", lambda front: (*found(front), *sample))
    monkeypatch.setattr(environment(), "loader", ChoiceLoader([DictLoader({"sample.html": SAMPLE}), loader]))
    return Door(desk)


def reject(web: WebHouse) -> int:
    """Decide a card behind the page's back; how many are left."""
    row = web.rows("approvals", status="waiting")[0]
    web.ask(web.service.desk.reject(row["approval"], actor="operator"))
    return len(web.rows("approvals", status="waiting"))


def waiting(visitor: Visitor, count: int) -> None:
    """The page shows so many; where the stream was lost it may take the pause before the next try."""
    from playwright.sync_api import expect

    expect(visitor.page.locator("#told")).to_have_text(f"{count} wait", timeout=WAIT_MS)
    expect(visitor.page.locator(".rail [data-count=waiting]")).to_have_text(str(count), timeout=WAIT_MS)


def test_a_part_comes_up_to_date_and_nothing_that_a_person_does_is_disturbed(
    door: Door, visit: Visit
) -> None:
    with door.open():
        visitor = visit(door, "/sample")
        one = visitor.page
        waiting(visitor, len(door.web.rows("approvals", status="waiting")))
        one.set_viewport_size({"width": 900, "height": 400})
        one.locator("#words").fill("half a sentence")
        one.evaluate("words.setSelectionRange(2, 5)")
        one.evaluate("scrollTo(0, 120)")
        for _ in range(3):
            waiting(visitor, reject(door.web))
        state = "[document.activeElement.id, words.selectionStart, words.selectionEnd, words.value, scrollY]"
        assert one.evaluate(state) == ["words", 2, 5, "half a sentence", 120]
        # Within the part itself as well: a link that has the focus, and words that are marked.
        one.locator("#link-1").focus()
        one.evaluate("getSelection().selectAllChildren(kept)")
        waiting(visitor, reject(door.web))
        assert one.evaluate("[document.activeElement.id, getSelection().toString()]") == [
            "link-1",
            "Plain words that somebody marks.",
        ]


def test_a_part_that_shows_several_topics_asks_once_for_all_that_are_told_together(
    door: Door, visit: Visit
) -> None:
    with door.open():
        one, asked = visit(door, "/sample").page, []
        one.on("request", lambda request: asked.append(request.url) if "part=list" in request.url else None)
        with one.expect_response("**/sample?part=list"):
            one.evaluate(
                """for (const event of ["runs", "approvals", "memory"]) {
                  const detail = {message: {event, id: "1", data: "1"}};
                  document.querySelector(".live").dispatchEvent(
                    new CustomEvent("htmx:sse:before:message", {detail, bubbles: true}));
                }"""
            )
        with one.expect_response(
            "**/sample?part=list"
        ):  # what would have come beside it had come before this
            one.evaluate("htmx.trigger('#list', 'together')")
        assert len(asked) == 2


def test_a_page_with_the_same_topics_goes_on_with_the_stream_and_another_begins_its_own(
    door: Door, visit: Visit
) -> None:
    with door.open():
        visitor = visit(door, "/sample")
        one, asked = visitor.page, []
        waiting(visitor, reject(door.web))
        one.on("request", lambda request: asked.append(request.url.partition("/live")[2]))
        one.locator("#same").click()
        one.wait_for_url("**again=1")
        waiting(visitor, reject(door.web))
        assert not any(asked)
        with one.expect_request("**/live?topics=runs"):
            one.locator("#other").click()
        with one.expect_request("**/live?topics=approvals,runs"):
            one.go_back()
        waiting(visitor, reject(door.web))
        assert one.locator("body > .live").count() == 1


def test_a_tab_that_nobody_looks_at_takes_no_connection_and_knows_all_when_somebody_does(
    door: Door, visit: Visit
) -> None:
    with door.open():
        one = visit(door, "/sample").page
        one.add_init_script("Object.defineProperty(document, 'hidden', {get: () => !window.seen})")
        asked: list[str] = []
        one.on("request", lambda request: asked.append(request.url))
        one.goto("/sample")
        left = reject(door.web)
        one.evaluate("new Promise((told) => setTimeout(told, 300))")
        assert not any("/live" in url for url in asked)
        one.evaluate("window.seen = true; document.dispatchEvent(new Event('visibilitychange'))")
        from playwright.sync_api import expect

        expect(one.locator("#told")).to_have_text(f"{left} wait")


def test_when_the_server_goes_away_the_page_says_so_and_when_it_is_back_shows_what_moved(
    door: Door, visit: Visit
) -> None:
    from playwright.sync_api import expect

    with door.open():
        visitor = visit(door, "/sample")
        visitor.expected = True  # requests that fail
        one = visitor.page
        waiting(visitor, reject(door.web))
        one.locator("#words").fill("not lost")
    stale = one.locator("#stale")
    expect(stale).to_contain_text("Not connected since")
    expect(stale).to_contain_text("what you see may be old")
    expect(stale).to_be_visible()
    expect(one.locator("#standing-director")).to_contain_text("Not known since")
    expect(one.locator("#standing-ledger")).to_have_text("")
    left = reject(door.web)
    with door.open():
        waiting(visitor, left)
        expect(stale).to_be_hidden()
        expect(one.locator("#standing-director")).to_have_text("Director at work")
        expect(one.locator("#standing-ledger")).to_contain_text("Ledger")
        assert one.locator("#words").input_value() == "not lost"
        waiting(visitor, reject(door.web))


def test_what_is_sent_while_nobody_answers_is_told_and_not_lost(door: Door, visit: Visit) -> None:
    from playwright.sync_api import expect

    with door.open():
        visitor = visit(door, "/sample")
        visitor.expected = True
        visitor.page.locator("#words").fill("not lost")
    visitor.page.locator("#same").click()
    expect(visitor.page.locator("#stale")).to_contain_text("The server did not answer")
    assert visitor.page.locator("#words").input_value() == "not lost"


def test_a_device_that_is_logged_out_is_told_in_words_and_no_log_in_is_put_into_the_page(
    door: Door, visit: Visit
) -> None:
    from playwright.sync_api import expect

    with door.open():
        visitor = visit(door, "/sample")
        visitor.expected = True  # a request that is refused
        door.web.ask(door.web.service.devices.dismiss_all())
        expect(visitor.page.locator("#stale")).to_contain_text("not logged in on this device any more")
        reject(door.web)
        assert visitor.page.locator("#told").count() == 1
        assert visitor.page.locator("[name=password]").count() == 0


def test_the_kill_switch_is_seen_at_once_on_every_open_page(door: Door, visit: Visit) -> None:
    from playwright.sync_api import expect

    with door.open():
        pages: list[Any] = [visit(door, "/sample").page, visit(door, "/devices", phone=True).page]
        desk = door.web.service.desk
        for on, words in ((True, "Kill switch on. Nothing leaves."), (False, "Director at work")):
            door.web.ask(desk.throw_kill_switch(on=on, actor="operator"))
            for one in pages:
                expect(one.locator("#standing-director")).to_have_text(words)
                expect(one.locator("#standing-director")).to_be_visible()
