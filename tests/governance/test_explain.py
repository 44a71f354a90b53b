from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.governance.explain import Story, explain
from mainstay.governance.narration import say
from mainstay.kernel.commands import (
    Acted,
    CancelRun,
    GrantApproval,
    Inspected,
    Outcome,
    Produced,
    Proposed,
    RecordOutcome,
    RejectApproval,
)
from mainstay.kernel.events import Event, MessageReceived
from mainstay.kernel.ids import RunId, StreamId, SubjectId, run_stream
from mainstay.kernel.values import Digest, Instant, Usage
from mainstay.ledger.store import RecordedEvent
from tests.ledger.any_event import any_event
from tests.ledger.any_run import START, Play, action, wander


def closed(sealed: str) -> str | None:
    return None


def events_of(play: Play, *streams: str) -> Sequence[tuple[RecordedEvent, Event]]:
    found = [one for one in play.store.read_all(limit=100_000) if one.stream in streams]
    return [(one, play.codec.event(one)) for one in found]


def told(play: Play, run: RunId) -> Story:
    return explain(events_of(play, run_stream(run)), closed)


def answer(play: Play, run: RunId, task: int, outcome: Outcome) -> None:
    play.now = Instant(play.now + 1_000_000)
    play.command(RecordOutcome(run, task, play.runs[run].task(task).attempt, outcome))


def a_reply_waits() -> tuple[Play, RunId]:
    play = Play()
    run = play.start("triage", trigger={"message": {"key": "abcdef0123456789"}})
    usage = Usage(120, 10, 5, 1)
    answer(
        play,
        run,
        0,
        Produced({"intent": "billing"}, "it asks about an invoice", ("intent:billing@3",), usage),
    )
    answer(play, run, 3, Proposed(action(run, 3, "email.label", "l"), "the intent is plain"))
    answer(play, run, 3, Acted())
    answer(play, run, 1, Produced({"reply": "r"}, "the template for invoices fits", ("reply:17@1",)))
    answer(play, run, 2, Inspected("passed", (), "six checks passed"))
    answer(play, run, 4, Proposed(action(run, 4, "email.reply", "r"), "the draft passed"))
    return play, run


def chapter_text(story: Story, name: str) -> str:
    [chapter] = [one for one in story.chapters if one.name == name]
    return "\n".join(line.text for line in chapter.lines)


def test_a_story_says_who_what_why_from_which_evidence_and_for_how_much() -> None:
    play, run = a_reply_waits()
    card = play.runs[run].task(4).act
    assert card is not None
    assert card.approval is not None
    play.command(
        GrantApproval(run, card.approval, card.action.digest, "operator", 9_000_000, confirmed=True),
        "operator",
    )
    answer(play, run, 4, Acted())
    story = told(play, run)
    assert (story.workflow, story.status, story.cost_micros) == ("triage", "succeeded", 120)
    assert (story.started_at, story.operator_us) == (START, 9_000_000)
    text = story.as_text()
    assert text.startswith(
        f"Run {run[:16]} of triage: succeeded, 2023-11-14 22:13:20 to 2023-11-14 22:13:27 UTC"
    )
    assert "because message abcdef012345 came in" in text
    assert "It is done: it asks about an invoice. $0.00012. Evidence: intent:billing@3." in text
    assert "send (executor propose-send for email.reply): succeeded" in text
    send = chapter_text(story, "send")
    assert f"It waits for a yes to effect {card.action.digest[:12]}" in send
    assert "by rule 'default': no rule allows this, so it asks" in send
    assert f"operator approved effect {card.action.digest[:12]} (card {card.approval}) after 9.0 s" in send
    assert f"was let go, by the operator's approval {card.approval}" in send
    assert "was let go, by rule 'labels are free'" in chapter_text(story, "label")


def test_a_cause_is_named_unless_it_is_the_line_before() -> None:
    play = Play()
    play.now = Instant(START + 1)
    inbox = StreamId("inbox:support")
    message = MessageReceived("support", "k" * 32, "t" * 32, SubjectId("5" * 32), Digest("c" * 64), 900)
    play.append(inbox, [message])
    run = play.start("triage")
    story = explain(events_of(play, inbox, run_stream(run)), closed)
    assert story.lines[0].text == "Message kkkkkkkkkkkk came in to support, 900 bytes"
    assert [line.cause for line in story.lines] == [0, 1, 2]
    assert "from #" not in story.as_text()
    answer(play, run, 0, Produced({}, "read"))
    skipped = told(play, run)
    assert "[#4, director]" in skipped.as_text()


def test_sealed_reasons_are_opened_or_said_to_be_forgotten() -> None:
    play, run = a_reply_waits()
    card = play.runs[run].task(4).act
    assert card is not None
    assert card.approval is not None
    play.command(RejectApproval(run, card.approval, "operator", "sealed", 4_000_000), "operator")
    events = events_of(play, run_stream(run))
    opened = explain(events, {"sealed": "wrong tone"}.get)
    assert "operator said no after 4.0 s: wrong tone" in opened.as_text()
    forgotten = explain(events, closed)
    assert "operator said no after 4.0 s (the reason was forgotten)" in forgotten.as_text()


def test_a_run_that_was_ended_says_what_it_gave_up() -> None:
    play, run = a_reply_waits()
    play.command(CancelRun(run, "operator", "not ours"))
    story = told(play, run)
    assert story.status == "cancelled"
    assert story.lines[-1].text == "operator ended it: not ours; its waiting card was withdrawn"


def test_a_message_that_started_nothing_has_a_story_too() -> None:
    play = Play()
    inbox = StreamId("inbox:support")
    message = MessageReceived(
        "support",
        "k" * 32,
        "t" * 32,
        SubjectId("5" * 32),
        Digest("c" * 64),
        9,
        automatic="bulk",
        history=True,
    )
    play.append(inbox, [message])
    story = explain(events_of(play, inbox), closed)
    assert story.run is None
    assert "from a machine (bulk), older than the account's start" in story.as_text()
    assert story.as_dict()["run"] is None


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_every_line_is_told_once_and_the_costs_add_up(seed: int) -> None:
    play = wander(seed)
    for run, state in play.runs.items():
        story = told(play, run)
        lines = [*story.lines, *(line for one in story.chapters for line in one.lines)]
        assert sorted(line.position for line in lines) == [
            one.position for one, _ in events_of(play, run_stream(run))
        ]
        assert sum(line.cost_micros for line in lines) == story.cost_micros == state.spent
        assert story.status == state.status.name.lower()
        assert (story.ended_at is not None) is state.ended
        data = story.as_dict()
        assert sum(len(one["lines"]) for one in data["tasks"]) + len(data["lines"]) == len(lines)
        text = story.as_text()
        assert all(f"[#{line.position}" in text for line in lines)


@given(any_event())
@settings(max_examples=300)
def test_every_event_can_be_said(event: Event) -> None:
    said = say(event, closed)
    assert said
    assert "Instant(" not in said
    assert "{" not in said or "{" in repr(event)
