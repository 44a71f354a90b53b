"""Templates in the console: the list, one with what it said before, and what a strange text comes to."""

from __future__ import annotations

import pytest

from tests.console.test_workflows_page import browser, field, sent, text_of
from tests.security.web_house import Browser, WebHouse

__all__ = ["browser"]
EDIT = "/templates/refund/edit"


def test_the_list_says_what_each_is_for(browser: Browser, web: WebHouse) -> None:
    (web.root / "templates" / "broken.md").write_text("Hello {{ nobody }}")
    text = browser.get("/templates").text
    assert "Drafts replies about refund" in text
    assert "cannot be read" in text
    assert 'id="templates"' in browser.get("/templates?part=list").text


def test_one_shows_its_text_and_a_text_is_no_markup(browser: Browser, web: WebHouse) -> None:
    page = browser.get(EDIT)
    changed = text_of(page) + "<script>alert(1)</script> </textarea> {{ operator.name }}\n"
    preview = sent(browser, EDIT, page, "preview", changed)
    assert preview.status == 200
    assert "<script>alert" not in preview.text
    assert "judged again" in preview.text or "No card that waits was made from it" in preview.text
    assert sent(browser, EDIT, preview, "save", changed).status == 303
    page = browser.get("/templates/refund")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &lt;/textarea&gt;" in page.text
    assert page.text.count("Came into force") >= 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello\u202e you", "U+202E"),
        ("Hello\x00 you", "U+0000"),
        ("", "no text"),
        ("Hello {{ message.sendr_name }}", "did you mean"),
        ("x" * 70_000, "at most"),
    ],
)
def test_a_strange_text_is_told_and_comes_back(browser: Browser, web: WebHouse, text: str, said: str) -> None:
    before = (web.root / "templates" / "refund.md").read_bytes()
    answer = sent(browser, EDIT, browser.get(EDIT), "preview", text)
    assert (answer.status, said in answer.text) == (422, True)
    assert len(text_of(answer)) >= len(text)
    assert (web.root / "templates" / "refund.md").read_bytes() == before


def test_a_text_that_is_too_long_by_far_is_refused_whole(browser: Browser) -> None:
    page = browser.get(EDIT)
    assert sent(browser, EDIT, page, "preview", "x" * 300_001).status == 413


def test_a_file_that_a_page_cannot_show_is_left_to_an_editor(browser: Browser, web: WebHouse) -> None:
    for raw in (b"\xff\xfe binary", "Hello\u200b you".encode(), b"x" * 300_000):
        (web.root / "templates" / "odd.md").write_bytes(raw)
        page = browser.get("/templates/odd/edit")
        assert page.status == 200
        assert "edit templates/odd.md with an editor" in page.text
        assert "<textarea" not in page.text


def test_one_that_an_intent_needs_is_not_retired(browser: Browser, web: WebHouse) -> None:
    intents = web.root / "intents.toml"
    kept = intents.read_text()
    more = (
        '\n[[intent]]\nid = "x"\nname = "X"\ndescription = "x"\nreply_expected = true\ntemplate = "refund"\n'
    )
    intents.write_text(kept + more)
    try:
        path = "/templates/refund/retire"
        page = browser.get(path)
        answer = browser.post(path, {"form_token": page.token_of(path), "shown": field(page, "shown")})
        assert (answer.status, "It cannot go" in answer.text) == (422, True)
        assert (web.root / "templates" / "refund.md").exists()
    finally:
        intents.write_text(kept)


def test_a_retired_one_keeps_its_history(browser: Browser, web: WebHouse) -> None:
    page = browser.get("/new/template")
    fields = {"name": "spare"}
    preview = sent(browser, "/new/template", page, "preview", "Hello.\n", **fields)
    assert sent(browser, "/new/template", preview, "save", "Hello.\n", **fields).status == 303
    path = "/templates/spare/retire"
    page = browser.get(path)
    assert (
        browser.post(path, {"form_token": page.token_of(path), "shown": field(page, "shown")}).status == 303
    )
    page = browser.get("/templates/spare")
    assert (page.status, "Taken out of force" in page.text, "Hello." in page.text) == (200, True, True)
    assert browser.get("/templates/never").status == 404
