"""Home: what needs the operator, what went out by whose word, what can be taken back, and the kill switch."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from mainstay.console.api import house
from mainstay.console.api.asked import Asked
from mainstay.console.pages.home import CARDS, Backups, by_day, house_notices
from mainstay.governance.incidents import OpenIncident
from mainstay.kernel.commands import ClearIncident, DetectIncident
from mainstay.kernel.events import IncidentKind
from mainstay.kernel.ids import RunId
from mainstay.kernel.values import DAY, Instant
from mainstay.runtime.tick import Request
from mainstay.workspace.health import Reason
from mainstay.workspace.today import Gone
from tests.console.seeded_views import rows_in
from tests.security.web_house import Browser, WebHouse

NOON = Instant(20_000 * DAY + DAY // 2)
WHY = "the <b>provider</b> \u202ewrites"


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


@pytest.fixture
def stopped(web: WebHouse, browser: Browser) -> Iterator[WebHouse]:
    """The house with the kill switch on, and off again after it."""
    token = browser.get("/stop").token_of("/stop")
    assert browser.post("/stop", {"form_token": token, "answer": "stop", "reason": WHY}).status == 303
    yield web
    token = browser.get("/stop").token_of("/stop")
    browser.post("/stop", {"form_token": token, "answer": "go-on"})
    assert not web.front.status()["kill_switch"]


def gone(at: int) -> Gone:
    return Gone(RunId("r"), 1, "w", "email.reply", "t", (), Instant(at), "approval", "a")


def test_what_went_out_is_under_the_names_of_its_days() -> None:
    found = by_day([gone(NOON), gone(NOON - 1), gone(NOON - DAY), gone(NOON - 40 * DAY)], NOON)
    assert [(name, len(ones)) for name, ones in found] == [
        *(("Today", 2), ("Yesterday", 1), ("Sunday, 25 August", 1))
    ]


def test_the_house_says_nothing_twice() -> None:
    incident = OpenIncident("source_silent", "support", "Nothing was heard.", {}, ("look",), "", 1, 1)
    reasons = [
        Reason("mailbox support", "Nothing was heard.", "Look."),
        Reason("kill switch", "It is on.", "End it."),
        Reason("disk", "Full.", "Make room.", down=True),
    ]
    assert [one.what for one in house_notices(reasons, [incident])] == ["disk"]


def test_cards_lead_to_their_page_and_the_oldest_comes_first(web: WebHouse, browser: Browser) -> None:
    page = browser.get("/")
    assert page.status == 200
    with web.service_reader() as workspace:
        first, *_ = workspace.cards(limit=1)
        total = workspace.waiting()
    assert f'href="/approvals/{first.approval}"' in page.text
    assert page.text.index(first.approval) == min(
        page.text.index(row["approval"]) for row in waiting(web, page.text)
    )
    assert (f"All {total} cards" in page.text) == (total > CARDS)


def waiting(web: WebHouse, text: str) -> list[dict[str, str]]:
    return [row for row in web.rows("approvals", status="waiting") if row["approval"] in text]


def test_what_went_out_says_by_whose_word(web: WebHouse, browser: Browser) -> None:
    card = web.card(last=True)
    with web.service_reader() as workspace:
        shown = workspace.approval(card.approval)
        workspace.approve(card.approval, digest=card.digest, open_us=1)
    web.head  # noqa: B018  until it has left
    text = browser.get("/").text
    row = text[text.index(f'id="gone-{shown.run}-{shown.task}"') :].partition("</li>")[0]
    assert shown.recipients[0] in row
    assert "Your yes" in row
    assert f'href="/runs/{shown.run}"' in row
    with web.service_reader() as workspace:
        newest = workspace.today.went_out(limit=1)[0]
        assert (newest.run, newest.task, newest.by, newest.authority) == (
            *(shown.run, shown.task, "approval", card.approval),
        )
        assert workspace.today.went_out(since=newest.at + 1) == []
        # Labels were set as well, and are simply taken off again: nothing is said of them.
        assert len(workspace.rows("samples", order="done_at", after=0, limit=100)) > 10
        assert {one.act for one in workspace.today.went_out(limit=100)} == {"email.reply"}


def test_figures_are_those_of_the_day(web: WebHouse, browser: Browser) -> None:
    with web.service_reader() as workspace:
        before = workspace.today.figures()
        card = web.card(last=True)
        workspace.reject(card.approval, reason="no", digest=card.digest, open_us=90_000_000)
        after = workspace.today.figures()
    assert (after.decided, after.operator_us) == (before.decided + 1, before.operator_us + 90_000_000)
    text = browser.get("/").text
    assert f"<dt>Decided today</dt><dd>{after.decided:,}" in text


def test_the_page_before_everything_is_stopped_changes_nothing(web: WebHouse, browser: Browser) -> None:
    head = web.head
    assert "whoever approved it" in browser.get("/stop").text
    assert web.head == head
    for fields in (
        {},
        {"form_token": browser.get("/settings").token_of("/settings/theme")},
        {"form_token": "x" * 32},
    ):
        assert browser.post("/stop", {**fields, "answer": "stop"}).status == 403
    token = browser.get("/stop").token_of("/stop")
    assert browser.post("/stop", {"form_token": token, "answer": "perhaps"}).status == 400
    assert not web.front.status()["kill_switch"]


def test_a_page_from_an_earlier_stop_lets_nothing_go_on(stopped: WebHouse, browser: Browser) -> None:
    earlier = {"form_token": browser.get("/stop").token_of("/stop"), "answer": "go-on"}
    assert browser.post("/stop", earlier).status == 303
    stop = {"form_token": browser.get("/stop").token_of("/stop"), "answer": "stop"}
    assert browser.post("/stop", {**stop, "reason": "another, and worse"}).status == 303
    stale = browser.post("/stop", earlier)  # the back button, or a tab that lay open
    assert (stale.status, "not the stop that you were shown" in stale.text) == (403, True)
    assert stopped.front.status()["kill_switch"]
    assert browser.post("/stop", stop).status == 303  # to stop is taken from any page


def test_stopped_it_says_who_and_why_and_nothing_leaves(stopped: WebHouse, browser: Browser) -> None:
    text = browser.get("/").text
    assert "Everything is stopped since" in text
    assert "the &lt;b&gt;provider&lt;/b&gt; [U+202E]writes" in text
    assert "Go on" in browser.get("/stop").text
    with stopped.service_reader() as workspace:
        thrown = workspace.today.thrown()
        assert thrown is not None
        assert (thrown.actor, thrown.reason) == ("operator", WHY)


def test_what_is_leaving_is_taken_back_once_and_asks_anew(
    web: WebHouse, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.service.held.director, "undo_us", 3_600_000_000)
    card = web.card(last=True)
    run, task = (web.rows("approvals", approval=card.approval)[0][name] for name in ("run", "task"))
    with web.service_reader() as workspace:
        workspace.approve(card.approval, digest=card.digest, open_us=1)
    page = browser.get("/")
    row = page.text[page.text.index(f'id="leaving-{run}-{task}"') :].partition("</li>")[0]
    assert re.search(r"leaves in (59|60) min", row)
    fields = {"run": run, "task": str(task)}
    assert browser.post("/", fields).status == 403
    sent = {"form_token": page.token_of("/"), **fields}
    assert browser.post("/", sent).headers["location"] == "/"
    after = browser.get("/").text
    assert "Taken back. Its card asks anew." in after
    assert f'id="leaving-{run}-{task}"' not in after
    assert [one for one in web.rows("approvals", run=run) if one["status"] == "waiting"]
    # What is not leaving any more cannot be taken back: that is told, and nothing breaks.
    assert browser.post("/", sent).status == 303
    assert 'class="toast warn"' in browser.get("/").text


def test_incidents_stand_with_what_to_do(web: WebHouse, browser: Browser) -> None:
    about = (IncidentKind.SOURCE_SILENT, "nowhere")
    told = DetectIncident(*about, "Nothing was heard of <i>it</i>.", {}, ("check `mainstay doctor`",), "")
    web.ask(web.service.loop.ask(Request(told, "director")))
    try:
        text = browser.get("/").text
        assert "Nothing was heard of &lt;i&gt;it&lt;/i&gt;." in text
        assert "check <code>mainstay doctor</code>" in text
        assert text.count("Nothing was heard of") == 1
    finally:
        web.ask(web.service.loop.ask(Request(ClearIncident(*about), "director")))


def test_autonomy_that_was_earned_or_lost_lately_is_told(web: WebHouse, browser: Browser) -> None:
    now = web.clock.now()
    same = {"recipe": "r", "clean": 9, "errors": 0, "audits": "", "audits_clean": 0, "audits_errors": 0}
    same |= {"hold_us": 0, "target_ppm": 100_000, "withheld": 0, "position": 1}
    rows = [
        (
            "triage/email.reply/faq",
            {"level": "held", "changed_at": now - 1, "cause": "", "reason": "", "proposed": None},
        ),
        (
            "triage/email.reply/old",
            {"level": "ask", "changed_at": now - 8 * DAY, "cause": "slo", "reason": "", "proposed": None},
        ),
        (
            "triage/email.reply/billing",
            {"level": "ask", "changed_at": now - 2, "cause": "errors", "reason": "", "proposed": None},
        ),
    ]
    with rows_in(web, *(("autonomy", (kind,), {**same, **row}) for kind, row in rows)):
        text = browser.get("/").text
        assert "Faq replies" in text
        assert "Earned: it goes by itself after a pause" in text
        assert "because of errors among the ones that were looked at" in text
        assert "Old replies" not in text


def test_a_part_of_it_comes_alone(browser: Browser) -> None:
    part = browser.get("/?part=now")
    assert part.status == 200
    assert part.text.startswith('<div id="now"')
    assert "<html" not in part.text


def test_a_title_of_a_book_is_one_line(
    web: WebHouse, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mainstay.workspace.cards import CardReader

    shown = {"title": "x" * 200_000 + "\n\u202e", "recipients": ["a" * 90_000] * 30}
    monkeypatch.setattr(CardReader, "_shown", lambda self, row: shown)
    answer = browser.get("/")
    assert answer.status == 200
    assert len(answer.text) < 30_000


def test_a_disk_of_backups_that_never_answers_holds_no_page_up() -> None:
    import asyncio
    from types import SimpleNamespace
    from typing import Any

    asked: list[int] = []

    async def never(look: Any) -> None:
        asked.append(1)
        await asyncio.Event().wait()

    clock = SimpleNamespace(monotonic_s=lambda: 1_000.0)
    front: Any = SimpleNamespace(read_elsewhere=never, clock=clock)

    async def looking() -> None:
        backups = Backups(front)
        assert [await backups.now() for _ in range(2)] == [None, None]
        assert asked == [1], "one look is under way, and nobody begins another"
        assert backups._looking is not None
        backups._looking.cancel()

    asyncio.run(looking())


@pytest.mark.parametrize("asking", ["home", "settings", "a program"])
def test_nor_does_it_hold_what_has_nothing_to_do_with_it(
    web: WebHouse, browser: Browser, monkeypatch: pytest.MonkeyPatch, asking: str
) -> None:
    """A hung mount keeps its own thread, not the one in which searches, reports and looks wait for each other."""
    seen: list[str] = []

    def backup(*_: object) -> None:
        seen.append(threading.current_thread().name)

    if asking == "a program":
        monkeypatch.setattr("mainstay.workspace.backing.last_good", backup)
        web.ask(house.show_status(Asked(web.front, SimpleNamespace(), "", "")))  # type: ignore[arg-type]
    else:
        monkeypatch.setattr("mainstay.workspace.settings_shown.SettingsShown.backup", backup)
        web.clock.pass_s(120)
        browser.get("/" if asking == "home" else "/settings")
    assert {"web reading elsewhere_0"} == set(seen)


def test_backups_that_were_never_made_are_told(
    web: WebHouse, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mainstay.workspace.settings_shown import BackupState, SettingsShown

    states = [
        (BackupState(False, None, DAY, 7, Instant(0), 0), "Nothing is backed up by itself"),
        (BackupState(True, None, DAY, 7, Instant(0), 0), "yet to be made"),
        (BackupState(True, None, DAY, 7, Instant(web.clock.now() - 4 * DAY), 1), "4 d old"),
    ]
    for state, words in states:
        monkeypatch.setattr(SettingsShown, "backup", lambda self, state=state: state)
        web.clock.pass_s(61)
        browser.get("/")  # begins a look; what it finds is known to the next
        web.ask(web.front.read_slowly(lambda workspace: None))
        assert words in browser.get("/").text
