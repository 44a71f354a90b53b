"""The pages of memory: found with reasons, kept by hand, corrected beside what was said before, taken back."""

from __future__ import annotations

import itertools
import re
from html import unescape
from urllib.parse import unquote

import pytest

from mainstay.console.pages.memory_record import address_of
from mainstay.memory.context import Hit
from mainstay.memory.ranking import BY_WORDS
from mainstay.memory.units import Unit
from mainstay.workspace.memory_shelf import Narrowed, reasons
from tests.security.web_house import Answer, Browser, WebHouse

HOSTILE = "<script>alert(1)</script>\u202e"
_numbers = itertools.count(1)


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


@pytest.fixture
def text() -> str:
    """A note that no other test keeps."""
    return f"The press kit of shelf number {next(_numbers)} lies in the shared folder."


def add(browser: Browser, **typed: str) -> Answer:
    token = browser.get("/memory/add").token_of("/memory/add")
    return browser.post("/memory/add", {"form_token": token, **typed})


def kept(browser: Browser, text: str, **typed: str) -> str:
    """The address of a note that was added."""
    answer = add(browser, text=text, **typed)
    assert answer.status == 303, unescape(answer.text)
    return answer.headers["location"]


def said(browser: Browser, path: str, **fields: str) -> Answer:
    token = browser.get(path).token_of(path)
    return browser.post(path, {"form_token": token, **fields})


def names(page: Answer) -> list[str]:
    return [unquote(one) for one in re.findall(r'class="say"><a href="/memory/([^"]+)"', page.text)]


# --- one record ------------------------------------------------------------------------------------------------------


def test_a_note_is_kept_corrected_and_taken_back_and_says_what_it_said(browser: Browser, text: str) -> None:
    path = kept(browser, f"{text} {HOSTILE}")
    page = browser.get(path)
    assert f"{text} &lt;script&gt;alert(1)&lt;/script&gt;[U+202E]" in unescape(page.text).replace(
        "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"
    )
    assert HOSTILE not in page.text
    assert said(browser, path, what="correct", version="1", text=f"{text} Under Media.").status == 303
    page = browser.get(path)
    assert "Version 1" in page.text
    assert f"{text} Under Media." in page.text
    assert said(browser, path, what="retract", version="2", reason="it moved again").status == 303
    page = browser.get(path)
    assert "taken back" in page.text
    assert "it moved again" in page.text
    assert "Correct it" not in page.text
    assert f"{text} Under Media." not in unescape(browser.get("/memory?space=notes").text)


def test_a_correction_of_what_somebody_corrected_meanwhile_writes_nothing(
    web: WebHouse, browser: Browser, text: str
) -> None:
    path, other = kept(browser, text), web.log_in()
    assert said(other, path, what="correct", version="1", text=f"{text} First.").status == 303
    head = web.head
    late = said(browser, path, what="correct", version="1", text=f"{text} Second.")
    assert late.status == 422
    assert "Somebody corrected it meanwhile." in late.text
    assert f"{text} First." in late.text
    assert f"{text} Second." in late.text
    assert 'name="version" value="2"' in late.text
    assert web.head == head


def test_what_somebody_corrected_meanwhile_is_not_taken_back(
    web: WebHouse, browser: Browser, text: str
) -> None:
    path, other = kept(browser, text), web.log_in()
    for version in ("", "0", "-1", "1.5", "x"):
        assert said(browser, path, what="retract", version=version).status == 400
    assert said(other, path, what="correct", version="1", text=f"{text} It is right now.").status == 303
    head = web.head
    late = said(browser, path, what="retract", version="1", reason="it was wrong")
    assert late.status == 422
    assert "Somebody corrected it meanwhile." in late.text
    assert f"{text} It is right now." in late.text
    assert 'value="it was wrong"' in late.text
    assert web.head == head
    fields = {"form_token": late.token_of(path), "what": "retract", "version": "2", "reason": "it was wrong"}
    assert [browser.post(path, fields).status for _ in range(2)] == [303, 303]  # pressed twice
    assert web.head == head + 1


def test_a_correction_keeps_what_the_record_says_besides(web: WebHouse, browser: Browser, text: str) -> None:
    path = kept(browser, text, tag="public", valid_to="2030-01-01", about="dana@customer.example")
    assert said(browser, path, what="correct", version="1", text=f"{text} Anew.").status == 303
    memory = unquote(path.rpartition("/")[2])
    with web.service_reader() as workspace:
        now = workspace.memory.show(memory)
        assert (now.version, now.tag, now.text) == (2, "public", f"{text} Anew.")
        assert now.valid_to == workspace.memory.history(memory)[0].valid_to > 0
        assert workspace.memory.about(now) == workspace.forgetting.subject("dana@customer.example")


def test_what_is_too_long_is_refused_and_nothing_that_was_typed_is_lost(
    web: WebHouse, browser: Browser
) -> None:
    head, long = web.head, "x" * 200_000
    answer = add(browser, text=long, space="notes", about="dana@customer.example", days="30")
    assert answer.status == 422
    assert "The text has 200,000 characters" in answer.text
    assert long in answer.text
    assert 'value="dana@customer.example"' in answer.text
    assert 'value="30"' in answer.text
    assert web.head == head


@pytest.mark.parametrize(
    "typed",
    [
        {"text": "   "},
        {"text": "x", "days": "soon"},
        {"text": "x", "valid_to": "yesterday"},
        {"text": "x", "kind": HOSTILE},
        {"text": "x", "space": "nowhere"},
    ],
)
def test_what_cannot_be_remembered_is_told(web: WebHouse, browser: Browser, typed: dict[str, str]) -> None:
    head = web.head
    answer = add(browser, **typed)
    assert answer.status == 422
    assert 'role="alert"' in answer.text
    assert HOSTILE not in answer.text
    assert web.head == head


def test_the_same_twice_is_one_record(browser: Browser, text: str) -> None:
    assert kept(browser, text) == kept(browser, text)
    assert "That was known already" in browser.get("/memory").text


def test_a_reply_shows_its_answer_and_its_run_and_nothing_to_correct(web: WebHouse, browser: Browser) -> None:
    row = next(row for row in web.rows("correspondence") if row["kind"] == "message")
    page = browser.get(address_of(str(row["memory"])))
    assert page.status == 200
    assert "Correct it" not in page.text
    assert "Take it back" not in page.text
    assert "Forget this person" in page.text
    assert f'href="/memory?about={row["subject"]}"' in page.text


def test_a_record_that_there_is_not_is_told(browser: Browser) -> None:
    for name in ("nothing-of-that", "%3Cscript%3E", "x" * 500):
        answer = browser.get(f"/memory/{name}")
        assert answer.status in (404, 409), name
        assert "<script>" not in answer.text


# --- the list and the search -----------------------------------------------------------------------------------------


def test_every_record_is_met_once_going_back_page_by_page(web: WebHouse, browser: Browser, text: str) -> None:
    kept(browser, text)
    path, met = "/memory", list[str]()
    for _ in range(50):
        page = browser.get(path)
        met += names(page)
        older = re.search(r'href="([^"]+)" rel="next"', page.text)
        if older is None:
            break
        path = unescape(older[1])
    mail = {str(row["memory"]) for row in web.rows("correspondence")}
    notes = {str(row["memory"]) for row in web.rows("memories", superseded=0, retracted=0)}
    assert sorted(met) == sorted(mail | notes)


def test_a_search_says_why_it_found_what_it_found(browser: Browser, text: str) -> None:
    path = kept(browser, text)
    page = browser.get("/memory?q=press+kit+shared+folder&space=notes")
    assert page.status == 200
    assert path in page.text
    assert "Found because it" in page.text
    with_nothing = browser.get("/memory?q=press+kit&space=notes&until=2001-01-01")
    assert "Nothing was found" in with_nothing.text


def test_a_search_by_words_alone_says_so(browser: Browser) -> None:
    page = browser.get("/memory?q=invoice")
    assert ("By words alone." in page.text) == ("embedder" in page.text)


def test_who_it_is_about_is_sent_and_never_stands_in_an_address(
    web: WebHouse, browser: Browser, text: str
) -> None:
    path = kept(browser, text, about="dana@customer.example")
    token = browser.get("/memory").token_of("/memory")
    # The first form of the page is the search, which is no POST: the token is that of the person's form.
    sent = browser.post("/memory", {"form_token": token, "who": "Dana@Customer.example"})
    assert sent.status == 303
    assert "dana" not in sent.headers["location"].lower()
    page = browser.get(sent.headers["location"])
    assert path in page.text
    assert "Only what is about one person" in page.text
    assert "dana" not in page.text.lower().replace(text.lower(), "")


def test_bad_filters_are_told_or_count_as_unsaid(browser: Browser) -> None:
    assert browser.get("/memory?since=then").status == 422
    assert "is no day" in browser.get("/memory?since=then").text
    assert browser.get("/memory?about=%3Cb%3E&before=x&kind=nothing").status == 200
    assert browser.get("/memory?q=invoice&space=nowhere").status == 422
    part = browser.get("/memory?part=kept").text
    assert part.strip().startswith('<section id="kept"')
    assert "<html" not in part


def test_uses_are_counted_from_the_logs_of_recalls(web: WebHouse) -> None:
    with web.service_reader() as workspace:
        used = workspace.memory._uses
        used._catch_up()
        counted = {name: one.count for name, one in used._found.items()}
        for name, count in counted.items():
            assert workspace.memory.uses(name)[0] == count
            newest = workspace.memory.uses(name)[1]
            assert [one.position for one in newest] == sorted((one.position for one in newest), reverse=True)


# --- lessons ---------------------------------------------------------------------------------------------------------


def test_lessons_teach_how_they_come_about_and_one_that_is_none_cannot_be_taken_back(
    web: WebHouse, browser: Browser, text: str
) -> None:
    page = browser.get("/memory/lessons")
    assert page.status == 200
    assert "Nothing was learned yet" in page.text or "In force" in page.text
    note = unquote(kept(browser, text).rpartition("/")[2])
    token = browser.get("/memory/add").token_of("/memory/add")
    assert browser.post("/memory/lessons", {"form_token": token, "lesson": note}).status == 403


# --- pure ------------------------------------------------------------------------------------------------------------


def test_of_each_family_of_reasons_the_strongest_is_told() -> None:
    def hit(**features: float) -> Hit:
        return Hit(Unit("a@1", "t"), 1, 0.5, features, 1)

    found = reasons(hit(words=0.2, pair_words=1.0, actor=1.0, length=1.0), BY_WORDS.name)
    assert found == ("it has the words, with what stood before it", "it is by whom you name")
    assert reasons(hit(), BY_WORDS.name) == ("nothing else was nearer",)


def test_names_are_quoted_whole() -> None:
    assert address_of("document:abc#3") == "/memory/document%3Aabc%233"
    assert Narrowed() == Narrowed(space="", kind="", about="", since=0, until=0, every=False)
