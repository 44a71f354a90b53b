"""In doubt and dead letters: what is shown of each, what the answers say beforehand, and what they lead to."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mainstay.adapters.base import Item
from mainstay.console.pages.doubts import ANSWERS, LETTER_SAID, said
from mainstay.kernel.commands import RejectMessage
from mainstay.runtime.tick import Request
from mainstay.workspace import Decided, Workspace
from tests.console.seeded_views import Row, rows_in
from tests.security.web_house import Browser, WebHouse

RAW = b"<script>alert(1)</script>\r\nno header at all \xe2\x80\xaegpj.exe\r\n\r\nhello"
WHY = "it has <b>no</b> sender"


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


def doubt(web: WebHouse, kind: str = "in_doubt") -> Row:
    """An act that waits for a yes, as if nobody knew whether it had left."""
    row = web.rows("approvals", status="waiting")[0]
    same = {name: row[name] for name in ("workflow", "act", "adapter", "digest", "card")}
    more = {
        "kind": kind,
        "key": "k",
        "attempt": 2,
        "reason": "it is <i>not</i> there",
        "since": 1,
        "position": 1,
    }
    return "in_doubt", (row["run"], row["task"]), {**same, **more, "undo": 0, "undoes": None, "parent": None}


def letter(web: WebHouse, raw: bytes = RAW) -> str:
    """Something that came in and cannot be read; its key."""
    ingest = next(iter(web.service.ingests.values()))

    def rejected() -> Request:
        command = ingest._commands._rejected(Item(raw, web.clock.now(), "by hand"), WHY)
        return Request(command, "director", blobs=ingest._artifacts.take_staged())

    request = web.call(rejected)
    assert isinstance(request.command, RejectMessage)
    web.ask(web.service.loop.ask(request))
    return request.command.item_key


def test_a_doubt_says_what_is_known_and_what_each_answer_leads_to(web: WebHouse, browser: Browser) -> None:
    with rows_in(web, doubt(web)):
        text = browser.get("/doubts").text
        assert "it is &lt;i&gt;not&lt;/i&gt; there" in text
        for one in ANSWERS["in_doubt"]:
            assert one.leads_to in text
            assert f">{one.word}</button>" in text
        assert "took it back by hand" not in text
    with rows_in(web, doubt(web, "compensation")):
        assert "I took it back by hand" in browser.get("/doubts").text
    assert "Nothing is in doubt." in browser.get("/doubts").text


def test_an_answer_wants_its_own_token_and_decides_once(web: WebHouse, browser: Browser) -> None:
    row = doubt(web)
    with rows_in(web, row):
        fields = {"run": str(row[1][0]), "task": str(row[1][1]), "answer": "happened", "attempt": "2"}
        page = browser.get("/doubts")
        assert browser.post("/doubts", fields).status == 403
        other = {**fields, "task": "99", "form_token": page.token_of("/doubts")}
        assert browser.post("/doubts", other).status == 403
        wrong = {**fields, "answer": "maybe", "form_token": page.token_of("/doubts")}
        assert browser.post("/doubts", wrong).status == 400
        head = web.head
        assert browser.post("/doubts", {**fields, "form_token": page.token_of("/doubts")}).status == 303
        # Nothing of it is in doubt by the events: it is told so, and nothing was written.
        assert "settled already" in browser.get("/doubts").text
        assert web.head == head


def test_an_answer_is_about_the_attempt_that_stood_on_the_page(
    web: WebHouse, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tab that lay open must not say "it did not go out" of a call that was made since."""
    heard: list[Any] = []

    def resolve(workspace: Workspace, run: str, task: int, answer: str, **more: Any) -> Decided:
        heard.append((answer, more["attempt"]))
        return Decided(run, task, 0, "", True)

    monkeypatch.setattr(Workspace, "resolve", resolve)
    row = doubt(web)
    with rows_in(web, row):
        page = browser.get("/doubts")
        assert 'name="attempt" value="2"' in page.text
        fields = {"run": str(row[1][0]), "task": str(row[1][1]), "answer": "did_not"}
        fields["form_token"] = page.token_of("/doubts")
        assert browser.post("/doubts", fields).status == 400
        assert browser.post("/doubts", {**fields, "attempt": "2"}).status == 303
    assert heard == [("did_not", 2)]


@pytest.mark.parametrize(
    ("answer", "events", "status", "words"),
    [
        ("happened", 1, "succeeded", "counts as done"),
        ("did_not", 1, "approval", "A card asks"),
        ("did_not", 1, "ended", "given up"),
        ("did_not", 1, "waiting", "tried again"),
        ("unknown", 1, "failed", "left as it is"),
        ("happened", 0, "succeeded", "nothing was changed"),
    ],
)
def test_what_came_of_an_answer_is_said(answer: str, events: int, status: str, words: str) -> None:
    assert words in said(answer, Decided("r", 1, events, status, live=True))


def test_a_dead_letter_is_shown_as_text_alone(web: WebHouse, browser: Browser) -> None:
    key = letter(web)
    listed = browser.get("/doubts").text
    assert f'href="/doubts/letters/{key}"' in listed
    assert "it has &lt;b&gt;no&lt;/b&gt; sender" in listed
    text = browser.get(f"/doubts/letters/{key}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "[U+202E]gpj.exe" in text
    assert "<script>" not in re.sub(r"<script src=", "", text)
    assert "by hand" in text


def test_a_dead_letter_is_tried_again_and_put_away_with_a_reason(web: WebHouse, browser: Browser) -> None:
    key = letter(web, RAW + b" again")
    path = f"/doubts/letters/{key}"
    page = browser.get(path)
    assert browser.post(path, {"answer": "again"}).status == 403
    fields = {"form_token": page.token_of(path)}
    assert browser.post(path, {**fields, "answer": "burn"}).status == 400
    assert browser.post(path, {**fields, "answer": "again"}).status == 303
    assert LETTER_SAID["rejected"] in browser.get("/doubts").text
    away = browser.post(path, {**fields, "answer": "away", "reason": "advertising"})
    assert (away.status, away.headers["location"]) == (303, "/doubts#letters")
    after = browser.get(path).text
    assert "Put away" in after
    assert "Try again" not in after
    again = browser.post(path, {**fields, "answer": "again", "reason": "typed <before>"})
    assert again.status == 422
    assert "purged" in again.text
    row: dict[str, Any] = web.rows("dead_letters", letter=key)[0]
    assert row["status"] == "purged"


def test_a_letter_that_never_was_is_not_found(browser: Browser) -> None:
    assert browser.get("/doubts/letters/0123456789abcdef").status == 404
