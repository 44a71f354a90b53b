"""What was in force when something was decided is told with it: the policy of that time, the template's words."""

from mainstay.governance.explain import explain
from mainstay.governance.in_force import InForce, say_under
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.events import (
    ActionDenied,
    ActionProposed,
    ApprovalRequested,
    Event,
    EvidenceWeighed,
    PolicyAdopted,
    TaskSkipped,
    TemplateAdopted,
)
from mainstay.kernel.ids import ApprovalId, IdempotencyKey, StreamId, run_stream
from mainstay.kernel.policy import Action
from mainstay.kernel.recipe import written
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.store import Position, RecordedEvent, Version
from tests.governance.test_explain import a_reply_waits, events_of

FIRST, SECOND = Digest("a" * 64), Digest("b" * 64)
HOW, HOW_NEW = Digest("c" * 64), Digest("d" * 64)


def recorded(position: int, event: Event, stream: str = "workspace") -> tuple[RecordedEvent, Event]:
    name = StreamId(stream)
    plain = RecordedEvent(
        *(Position(position), name, Version(1), 1, 1, Instant(position), name, Position(0), "director"),
        *(bytes(16), bytes(32), b"{}"),
    )
    return plain, event


ADOPTED = (
    recorded(2, PolicyAdopted(FIRST)),
    recorded(3, TemplateAdopted("how-to", HOW)),
    recorded(10, PolicyAdopted(SECOND)),
    recorded(11, TemplateAdopted("how-to", HOW_NEW)),
)
ACTION = Action(
    *("email.reply", "support", "reply", "1.0", Repeatability.FINDABLE, Finality.FINAL_LOW),
    *(IdempotencyKey("0" * 32), Digest("0" * 64), Digest("1" * 64), Digest("2" * 64)),
)
ASKED = ApprovalRequested(1, ApprovalId("card"), Digest("e" * 64), "default", "why", Instant(0))


def proposed(recipe: str) -> ActionProposed:
    return ActionProposed(1, 1, ACTION, recipe=recipe)


def test_an_act_is_told_with_the_policy_of_its_time() -> None:
    in_force = InForce(ADOPTED)
    assert in_force.under(ASKED, 5) == {"policy": FIRST}
    assert in_force.under(ASKED, 12) == {"policy": SECOND}
    assert in_force.under(ActionDenied(1, "never", "why"), 1) == {}
    assert in_force.under(TaskSkipped(1, "why"), 12) == {}
    assert say_under({"policy": FIRST}) == " Under policy aaaaaaaaaaaa."


def test_a_draft_is_told_with_the_words_of_its_template() -> None:
    in_force = InForce(ADOPTED)
    old = proposed(written("00ff", "how-to", HOW))
    assert in_force.under(old, 5) == {"template": "how-to", "words": HOW}
    assert in_force.under(old, 12) == {}, "its words are others by then"
    assert in_force.under(proposed(written("00ff", "how-to", HOW_NEW)), 12)["words"] == HOW_NEW
    assert in_force.under(proposed("00ff"), 12) == {}


def test_what_a_decision_proved_and_its_policy_stand_in_the_story_of_its_run() -> None:
    play, run = a_reply_waits()
    events = events_of(play, run_stream(run))
    last = events[-1][0].position
    weighed = EvidenceWeighed("triage/email.reply/faq", "00ff", "clean", "decision", run, 4, 3, 0)
    story = explain([*events, recorded(last + 1, weighed, "autonomy")], lambda text: text, ADOPTED)
    (send,) = [one for one in story.chapters if one.task == 4]
    assert "speaks for triage/email.reply/faq: 3 right" in send.lines[-1].text
    (asked,) = [one for one in send.lines if one.event.startswith("approval.requested")]
    assert asked.under == {"policy": SECOND}
    assert "Under policy bbbbbbbbbbbb." in story.as_text()
    assert {"policy": SECOND} in [line["under"] for line in story.as_dict()["tasks"][-1]["lines"]]
