"""One run: its figures, its plan, its timeline, its events, and what a person does with it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mainstay.kernel.events import (
    ActionProposed,
    AttemptFailed,
    PlanAccepted,
    RunStarted,
    TaskExpanded,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.events.task import FailureClass
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Role, TaskKind, TaskSpec, Workflow, compile_plan
from mainstay.kernel.predicates import Ref
from mainstay.kernel.run import nothing
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.codec import Codec
from mainstay.ledger.store import RecordedEvent
from mainstay.workspace.run_fold import RunFold
from mainstay.workspace.run_look import plan_tasks
from mainstay.workspace.timeline import Teller, timeline
from tests.security.web_house import Browser, WebHouse


@pytest.fixture
def browser(web: WebHouse) -> Browser:
    return web.log_in()


@pytest.fixture
def waiting(web: WebHouse) -> dict[str, Any]:
    """The row of a card that waits, of a run that no other test here ends."""
    return [row for row in web.rows("approvals", status="waiting") if not row["snoozed_until"]][-1]


def test_it_shows_figures_plan_timeline_and_where_to_decide(
    browser: Browser, waiting: dict[str, Any]
) -> None:
    answer = browser.get(f"/runs/{waiting['run']}")
    assert answer.status == 200
    assert "Waits for you" in answer.text
    assert f'href="/approvals/{waiting["approval"]}"' in answer.text
    assert re.search(r'aria-label="Plan: \d of 5 tasks done, 1 waiting', answer.text)
    for task in ("annotate", "draft", "inspect", "label", "send"):
        assert f'aria-label="{task}: ' in answer.text
    assert f'id="run-now" hx-get="/runs/{waiting["run"]}?part=now"' in answer.text


def test_each_box_leads_to_the_events_of_its_task(browser: Browser, waiting: dict[str, Any]) -> None:
    run = waiting["run"]
    links = re.findall(
        rf'href="/runs/{run}\?task=(\d+)#timeline" class="box', browser.get(f"/runs/{run}").text
    )
    assert links == ["0", "1", "3", "2", "4"] or sorted(links) == ["0", "1", "2", "3", "4"]
    told = browser.get(f"/runs/{run}?task=1").text
    assert "Timeline: draft" in told
    assert "task.started/1" in told
    assert "context.recalled/1" in told


def test_colours_come_from_classes_alone(browser: Browser, waiting: dict[str, Any]) -> None:
    picture = re.search(r"<svg class=\"plan\".*?</svg>", browser.get(f"/runs/{waiting['run']}").text, re.S)
    assert picture
    assert not re.search(r"style=|fill=|stroke=|#[0-9a-f]{3,6}\b", picture[0].replace("url(#tip)", ""))


def test_events_are_told_with_their_json_and_paged(
    web: WebHouse, browser: Browser, waiting: dict[str, Any]
) -> None:
    run = waiting["run"]
    answer = browser.get(f"/runs/{run}/events")
    versions = [int(one) for one in re.findall(r'<li id="event-(\d+)"', answer.text)]
    assert versions == sorted(versions, reverse=True)
    assert versions[-1] == 1
    assert "run.started/1" in answer.text
    assert "sealed:" not in answer.text
    earlier = browser.get(f"/runs/{run}/events?before=4").text
    assert re.findall(r'<li id="event-(\d+)"', earlier) == ["3", "2", "1"]


def test_what_is_sealed_deep_within_an_event_is_opened_too(web: WebHouse, browser: Browser) -> None:
    with web.service_reader() as opened:
        run = next(
            str(row["run"])
            for row in opened.runs(limit=200)
            if any(b'"remark":"sealed:' in recorded.data for recorded, _ in opened.events(str(row["run"])))
        )
    text = browser.get(f"/runs/{run}/events").text
    assert "&#34;remark&#34;" in text
    assert "sealed:" not in text


def test_an_unknown_run_and_nonsense_are_no_pages(browser: Browser) -> None:
    assert browser.get("/runs/" + "f" * 32).status == 404
    assert browser.get("/runs/nonsense").status == 404
    assert browser.get("/runs/%3Cscript%3E").status == 404


def test_a_short_id_leads_to_the_whole(browser: Browser, waiting: dict[str, Any]) -> None:
    answer = browser.get(f"/runs/{waiting['run'][-8:]}")
    assert (answer.status, answer.headers["location"]) == (303, f"/runs/{waiting['run']}")


# --- steering --------------------------------------------------------------------------------------------------------


def send(browser: Browser, path: str, **fields: str) -> Any:
    token = browser.get(path).token_of(path)
    return browser.post(path, {"form_token": token, **fields})


def test_pause_and_go_on(web: WebHouse, browser: Browser, waiting: dict[str, Any]) -> None:
    run = waiting["run"]
    assert send(browser, f"/runs/{run}/pause", reason="a moment").status == 303
    page = browser.get(f"/runs/{run}")
    assert "Paused" in page.text
    assert "Paused: nothing new of this run starts." in page.text  # said once
    token = page.token_of(f"/runs/{run}/resume")
    assert browser.post(f"/runs/{run}/resume", {"form_token": token}).status == 303
    assert web.rows("runs", run=run)[0]["status"] == "running"


def test_without_its_token_nothing_is_done(web: WebHouse, browser: Browser, waiting: dict[str, Any]) -> None:
    head = web.head
    assert browser.post(f"/runs/{waiting['run']}/cancel", {}).status == 403
    assert web.head == head


def test_a_fork_shows_first_what_it_would_do(
    web: WebHouse, browser: Browser, waiting: dict[str, Any]
) -> None:
    path = f"/runs/{waiting['run']}/fork"
    head = web.head
    shown = send(browser, path, changes="annotate.intent=invoice", preview="1")
    assert shown.status == 200
    assert "annotate.intent=invoice" in shown.text
    assert "Asks you" in shown.text
    assert web.head == head
    done = send(browser, path, changes="annotate.intent=invoice", reason="what if")
    assert done.status == 303
    new = done.headers["location"].rpartition("/")[2]
    assert web.rows("runs", run=new)[0]["parent"] == waiting["run"]
    assert f'href="/runs/{waiting["run"]}"' in browser.get(f"/runs/{new}").text
    assert new in browser.get(f"/runs/{waiting['run']}").text
    again = send(browser, path, changes="annotate.intent=invoice", reason="what if")
    assert again.headers["location"] == f"/runs/{new}"
    assert web.rows("runs", run=new)[0]["parent"] == waiting["run"]
    assert send(browser, f"/runs/{new}/cancel").status == 303


def test_one_more_is_one_more_however_often_it_is_pressed(
    web: WebHouse, browser: Browser, waiting: dict[str, Any]
) -> None:
    path = f"/runs/{waiting['run']}/fork"
    assert send(browser, path, again="1").status == 400  # it does not say which form it is
    page = browser.get(path)
    named = re.search(r'name="press" value="([^"]+)"', page.text)
    assert named is not None
    fields = {"form_token": page.token_of(path), "again": "1", "press": named[1]}
    first, second = browser.post(path, fields), browser.post(path, fields)
    assert (first.status, second.status) == (303, 303)
    assert first.headers["location"] == second.headers["location"]
    other = browser.post(path, {**fields, "press": "0" * 24})
    assert other.headers["location"] != first.headers["location"]
    for one in (first, other):
        assert send(browser, f"{one.headers['location']}/cancel").status == 303


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("fork", {"changes": "no equals sign"}),
        ("fork", {"changes": "nobody.field=1"}),
        ("fork", {"at": "999999"}),
        ("fork", {"at": "soon"}),
        ("restart", {"first": "send"}),
        ("allow", {"amount": "much"}),
        ("allow", {"amount": "-1"}),
        ("cancel", {"task": "no such task"}),
    ],
)
def test_what_is_refused_shows_the_form_again_with_what_was_typed(
    web: WebHouse, browser: Browser, waiting: dict[str, Any], action: str, fields: dict[str, str]
) -> None:
    head = web.head
    path = f"/runs/{waiting['run']}/{action}"
    token = browser.get(f"/runs/{waiting['run']}/cancel").token_of()
    answer = browser.post(path, {"form_token": token, "reason": "typed words", **fields})
    assert answer.status in (404, 409, 422)
    assert 'role="alert"' in answer.text
    if action in ("fork", "cancel"):
        assert "typed words" in answer.text
    assert web.head == head


def test_cancel_and_restart(web: WebHouse, browser: Browser) -> None:
    card = [row for row in web.rows("approvals", status="waiting") if not row["snoozed_until"]][-2]
    run = card["run"]
    assert send(browser, f"/runs/{run}/cancel", reason="not needed").status == 303
    assert web.rows("runs", run=run)[0]["status"] in ("cancelled", "compensating")
    for _ in range(200):
        if web.rows("runs", run=run)[0]["status"] == "cancelled":
            break
        assert web.head
    page = browser.get(f"/runs/{run}")
    assert "Cancelled" in page.text
    shown = browser.get(f"/runs/{run}/restart?first=draft")
    assert "Takes over" in shown.text
    done = send(browser, f"/runs/{run}/restart", first="draft")
    assert done.status == 303
    new = done.headers["location"].rpartition("/")[2]
    assert web.rows("runs", run=new)[0]["parent"] == run


def test_there_is_no_other_action(browser: Browser, waiting: dict[str, Any]) -> None:
    assert browser.get(f"/runs/{waiting['run']}/explode").status == 404


# --- a run of many tasks ---------------------------------------------------------------------------------------------

ITEMS = 2_000


def fanned() -> tuple[RunFold, list[tuple[RecordedEvent, Any]]]:
    """A run that fans out widely, with one item that was tried twice."""
    tasks = (
        TaskSpec("list", TaskKind.THINK, Role.SPECIALIST, "lister"),
        TaskSpec(
            *("each", TaskKind.THINK, Role.SPECIALIST, "worker"),
            needs=("list",),
            for_each=Ref("list", ("items",)),
            item_max=ITEMS,
        ),
        TaskSpec("join", TaskKind.THINK, Role.EXECUTOR, "joiner", needs=("each",)),
    )
    plan = compile_plan(Workflow("fan", 1, tasks), Digest("d" * 64))
    codec = Codec(lambda digest: plan)
    events: list[Any] = [
        RunStarted(RunId("run"), "fan", plan.digest),
        PlanAccepted(plan),
        TaskStarted(0, 1),
        TaskSucceeded(0, 1, {"items": list(range(ITEMS))}, 7),
        TaskExpanded(1, ITEMS),
    ]
    for item in range(ITEMS // 2):
        events.append(TaskStarted(3 + item, 1))
        if item == 5:
            events.append(AttemptFailed(3 + item, 1, FailureClass.TRANSIENT, "no answer", Instant(1), 2))
            events.append(TaskStarted(3 + item, 2))
        events.append(TaskSucceeded(3 + item, 1 + (item == 5), {}, 3, f"because {item}"))
    fold, recorded = RunFold(nothing(RunId("run"))), []
    for version, event in enumerate(events, 1):
        number, schema, data = codec.encode(event)
        one = RecordedEvent(
            *(
                version,
                "run:run",
                version,
                number,
                schema,
                Instant(version),
                "run:run",
                0,
                "director",
                b"",
                b"",
                data,
            )  # type: ignore[arg-type]
        )
        fold.take(one, event)
        recorded.append((one, event))
    return fold, recorded


@pytest.fixture(scope="module")
def wide() -> tuple[RunFold, list[tuple[RecordedEvent, Any]]]:
    return fanned()


def teller(recorded: list[tuple[RecordedEvent, Any]]) -> Teller:
    return Teller(lambda versions: [recorded[one - 1] for one in sorted(set(versions))], lambda one: one, str)


def test_a_fan_out_is_one_task_of_the_plan_with_its_items_counted(wide: Any) -> None:
    tasks = {one.name: one for one in plan_tasks(wide[0])}
    assert set(tasks) == {"list", "each", "join"}
    assert tasks["each"].count == ITEMS
    assert tasks["each"].of == {"done": ITEMS // 2, "next": ITEMS // 2}
    assert tasks["each"].said == "1,000 of 2,000 done"
    assert tasks["join"].state == "next"


def test_its_timeline_comes_in_pages_that_follow_one_another(wide: Any) -> None:
    fold, recorded = wide
    seen: list[int] = []
    before = 0
    for _ in range(3):
        page = timeline(fold, teller(recorded), before=before, limit=40)
        seen += [one.version for one in page.groups]
        before = page.older
    assert len(seen) == len(set(seen)) == 120
    assert seen == sorted(seen, reverse=True)


def test_attempts_are_counted_and_what_failed_is_told(wide: Any) -> None:
    fold, recorded = wide
    one = timeline(fold, teller(recorded), task=8).groups[0]
    assert (one.name, one.attempts, one.cost_micros) == ("each[5]", 2, 5)
    assert [line.event for line in one.lines] == [
        *("task.started/1", "attempt.failed/1", "task.started/1", "task.succeeded/1")
    ]
    whole = timeline(fold, teller(recorded), before=fold.tasks[8].last + 1, limit=1).groups[0]
    assert "no answer" in whole.troubles[0].text


def test_to_ask_for_a_fan_out_is_to_ask_for_its_items(wide: Any) -> None:
    fold, recorded = wide
    page = timeline(fold, teller(recorded), task=1, limit=10)
    assert page.older
    assert all(one.name.startswith("each") for one in page.groups)


def test_what_was_folded_in_steps_is_what_is_folded_at_once(wide: Any) -> None:
    fold, recorded = wide
    again = RunFold(nothing(RunId("run")))
    for one, event in recorded[:100]:
        again.take(one, event)
    for one, event in recorded[100:]:
        again.take(one, event)
    assert again.state == fold.state
    assert again.tasks == fold.tasks
    assert not any(isinstance(event, ActionProposed) for _, event in recorded)
