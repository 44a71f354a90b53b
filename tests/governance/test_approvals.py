from __future__ import annotations

from collections import Counter

import pytest

from mainstay.governance.approvals import card, in_doubt, recent, waiting
from mainstay.kernel.commands import Failed, GrantApproval, Proposed, RecordOutcome
from mainstay.kernel.errors import AmbiguousId, NotFound
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import RunId
from mainstay.kernel.values import Instant
from tests.ledger.any_run import START, Play, action


def asked(play: Play, text: str) -> RunId:
    run = play.start("pay")
    proposal = Proposed(action(run, 0, "bank.transfer", text, price_micros=None), "an invoice is due")
    play.command(RecordOutcome(run, 0, 1, proposal))
    return run


def test_cards_wait_longest_first() -> None:
    play = Play()
    first = asked(play, "one")
    play.now = Instant(START + 5)
    second = asked(play, "two")
    cards = waiting(play.store)
    assert [one.run for one in cards] == [first, second]
    assert cards[0].waits
    assert cards[0].price_micros is None
    assert cards[0].requested_at == START
    assert waiting(play.store, limit=1) == cards[:1]
    assert [one.run for one in recent(play.store)] == [second, first]


def test_a_card_is_found_by_its_id_or_the_beginning_of_it() -> None:
    play = Play()
    run = asked(play, "one")
    [only] = waiting(play.store)
    assert card(play.store, only.approval) == only
    assert card(play.store, only.approval[:4]) == only
    play.command(GrantApproval(run, only.approval, only.digest, "operator", 5, confirmed=True))
    granted = card(play.store, only.approval)
    assert (granted.status, granted.actor, granted.waits) == ("granted", "operator", False)
    with pytest.raises(NotFound):
        card(play.store, only.approval[:4])  # what was answered is asked for by its whole id


def test_no_card_and_several_are_told_apart() -> None:
    play = Play()
    for number in range(40):
        asked(play, f"effect {number}")
    [(first, _)] = Counter(one.approval[0] for one in waiting(play.store)).most_common(1)
    with pytest.raises(AmbiguousId, match="Type more of it"):
        card(play.store, first)
    for nothing in ("zz", ""):
        with pytest.raises(NotFound, match="mainstay approvals"):
            card(play.store, nothing)


def test_doubts_are_listed() -> None:
    play = Play()
    run = asked(play, "one")
    [only] = waiting(play.store)
    play.command(GrantApproval(run, only.approval, only.digest, "operator", 5, confirmed=True))
    attempt = play.runs[run].task(0).attempt
    play.command(RecordOutcome(run, 0, attempt, Failed(FailureClass.TIMEOUT, "no answer", usage=None)))
    [doubt] = in_doubt(play.store)
    assert (doubt.run, doubt.task, doubt.act, doubt.since) == (run, 0, "bank.transfer", START)
    assert doubt.digest == only.digest
    assert waiting(play.store) == []
