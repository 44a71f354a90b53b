"""The drafts that led to a card, from the events of its run."""

from __future__ import annotations

from typing import Any

from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.events import ActionEdited, ActionProposed, TaskSucceeded
from mainstay.kernel.ids import ApprovalId, IdempotencyKey
from mainstay.kernel.policy import Action
from mainstay.kernel.values import Digest
from mainstay.workspace.drafts import Draft, drafts_of, place_of

SEND = 4


def drafted(text: str, *, task: int = 1) -> TaskSucceeded:
    return TaskSucceeded(task, 1, {"reply": {"artifact": text, "kind": "reply"}})


def action(text: str, digest: str) -> Action:
    blob = Digest(text)
    return Action(
        *("email.reply", "support", "reply", "1", Repeatability.ONCE, Finality.FINAL_LOW),
        *(IdempotencyKey("k"), blob, blob, Digest(digest)),
    )


def proposed(text: str, digest: str, *, task: int = SEND) -> ActionProposed:
    return ActionProposed(task, 1, action(text, digest))


def edited(text: str, digest: str) -> ActionEdited:
    return ActionEdited(SEND, ApprovalId("a"), action(text, digest), "operator")


def drafts(*events: Any) -> list[Draft]:
    return drafts_of(events, SEND, lambda reference: str(reference["artifact"]), str)


def test_one_text_is_one_draft_however_often_it_is_named() -> None:
    found = drafts(drafted("hello"), proposed("hello", "d1"), proposed("hello", "d2"))
    assert [one.text for one in found] == ["hello"]
    assert place_of(found, Digest("d2")).before is None


def test_what_the_inspector_sent_back_comes_before() -> None:
    found = drafts(drafted("first"), drafted("second"), proposed("second", "d"))
    place = place_of(found, Digest("d"))
    assert (place.number, place.before) == (2, Draft("first"))


def test_an_edit_stands_between_what_was_asked_and_what_was_sent() -> None:
    found = drafts(drafted("first"), proposed("first", "d1"), edited("mine", "d2"))
    asked, sent = place_of(found, Digest("d1")), place_of(found, Digest("d2"))
    assert asked.after is not None
    assert (asked.after.text, asked.after.actor) == ("mine", "operator")
    assert sent.before is not None
    assert sent.before.digests == ("d1",)


def test_drafts_of_other_acts_are_none_of_this_one() -> None:
    found = drafts(
        drafted("for another", task=2),
        drafted("for this"),
        proposed("other", "d0", task=9),
        proposed("for this", "d"),
    )
    assert [one.text for one in found] == ["for this"]


def test_an_effect_that_is_not_there_has_no_place() -> None:
    assert place_of(drafts(proposed("text", "d")), Digest("e")).before is None
    assert drafts() == []
