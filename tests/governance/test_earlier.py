"""The effect that a card has to be read with: the parent's, or the one that is taken back."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.governance.approvals import Card, not_taken_back, waiting
from mainstay.governance.earlier import Became, Earlier, Relation, earlier, tell
from mainstay.kernel.commands import Acted, CancelRun, Failed, Produced, RejectApproval, ResolveDoubt, Wake
from mainstay.kernel.events import Event, FailureClass
from mainstay.kernel.ids import RunId, run_stream
from mainstay.kernel.values import Instant
from mainstay.ledger.store import RecordedEvent
from tests.ledger.any_run import START, Play, action, fork
from tests.ledger.test_recovery_views import charged, grant, hear, propose


def events_of(play: Play, run: RunId) -> Sequence[tuple[RecordedEvent, Event]]:
    return [(one, play.codec.event(one)) for one in play.store.read(run_stream(run))]


def found(play: Play, card: Card) -> Earlier | None:
    return earlier(lambda run: events_of(play, run), card.run, card.task)


def only_card(play: Play, run: RunId) -> Card:
    [card] = [one for one in waiting(play.store) if one.run == run]
    return card


def told_reply() -> tuple[Play, RunId]:
    """An order whose reply is proposed."""
    play, run = charged()
    play.now = Instant(START + 60_000_000)
    play.command(Wake(run, 3))
    propose(play, run, 3, "email.reply", "it is on its way")
    return play, run


def forked(play: Play, parent: RunId, *, first: int) -> RunId:
    """A run that does everything from task `first` on anew."""
    point = fork(play.runs[parent], play.store.version(run_stream(parent)))
    kept = tuple(one for one in point.inherited if one.task < first)
    point = type(point)(point.parent, point.version, point.actor, "", kept)
    play.now = Instant(play.now + 1)
    child = play.start("order", forked=point)
    if first == 3:
        play.now = Instant(play.now + 60_000_000)
        play.command(Wake(child, 3))
        propose(play, child, 3, "email.reply", "again")
    else:
        propose(play, child, 2, "bank.transfer", "again")
    return child


def test_a_forked_card_shows_what_the_parent_did() -> None:
    play, run = told_reply()
    grant(play, run, 3)
    hear(play, run, 3, Acted())
    done_at = play.now
    card = only_card(play, forked(play, run, first=3))
    assert card.read_with
    assert card.parent == run
    before = found(play, card)
    assert before is not None
    effect = action(run, 3, "email.reply", "it is on its way")
    assert (before.relation, before.run, before.name) == (Relation.PARENT, run, "tell")
    assert (before.digest, before.card, before.became, before.at) == (
        effect.digest,
        effect.card,
        Became.DONE,
        done_at,
    )
    said = tell(before, "Your order", ["a@example.org"])
    assert said == (
        f"Run {run[:16]}, from which this one goes on, had the same task (email.reply 'Your order' to "
        "a@example.org): it was done at 2023-11-14 22:14:20"
    )


def test_what_the_parent_did_not_do_or_may_have_done_is_told_apart() -> None:
    play, run = told_reply()
    card = play.runs[run].task(3).act
    assert card is not None
    assert card.approval is not None
    play.command(RejectApproval(run, card.approval, "operator"))
    before = found(play, only_card(play, forked(play, run, first=3)))
    assert before is not None
    assert (before.became, before.reason) == (Became.NOT_DONE, "operator said no")

    play = Play()
    run = play.start("order")
    hear(play, run, 0, Failed(FailureClass.REFUSED, "no"))
    child = play.start("order", forked=fork(play.runs[run], 9))
    nothing_done = earlier(lambda one: events_of(play, one), child, 2)
    assert nothing_done is not None
    assert (nothing_done.became, nothing_done.digest) == (Became.NOT_DONE, "")


def test_a_payment_in_doubt_stays_in_doubt_for_whoever_forks() -> None:
    play, run = charged_but_unheard()
    before = found(play, only_card(play, forked(play, run, first=2)))
    assert before is not None
    assert (before.became, before.reason) == (Became.IN_DOUBT, "the line broke")
    assert "is in doubt since" in tell(before)
    play.command(ResolveDoubt(run, 2, "unknown", "operator"))
    given_up = found(play, only_card(play, forked(play, run, first=2)))
    assert given_up is not None
    assert given_up.became is Became.IN_DOUBT  # nobody knows, so nobody may read that it was not done


def charged_but_unheard() -> tuple[Play, RunId]:
    play = Play()
    run = play.start("order")
    hear(play, run, 0, Produced({}, "because"))
    propose(play, run, 1, "books.enter")
    hear(play, run, 1, Acted())
    propose(play, run, 2, "bank.transfer")
    grant(play, run, 2)
    hear(play, run, 2, Failed(FailureClass.IN_DOUBT, "the line broke"))
    return play, run


def test_a_fork_of_a_fork_finds_who_did_it() -> None:
    play, run = told_reply()
    grant(play, run, 3)
    hear(play, run, 3, Acted())
    point = fork(play.runs[run], play.store.version(run_stream(run)))
    play.now = Instant(play.now + 1)
    between = play.start("order", forked=point)  # it takes over everything, the reply too
    card = only_card(play, forked(play, between, first=3))
    assert card.parent == between
    before = found(play, card)
    assert before is not None
    assert (before.run, before.became) == (run, Became.DONE)


def test_the_card_of_a_compensation_says_what_it_takes_back() -> None:
    play, run = charged()
    play.command(CancelRun(run, "operator"))
    propose(play, run, 4, "bank.refund")
    card = only_card(play, run)
    assert (card.undo, card.undoes, card.read_with) == (True, 2, True)
    before = found(play, card)
    assert before is not None
    assert (before.relation, before.task, before.act) == (Relation.TAKES_BACK, 2, "bank.transfer")
    assert tell(before).startswith("This takes back charge (bank.transfer): it was done at ")
    grant(play, run, 4)
    hear(play, run, 4, Acted())
    taken = found(play, card)
    assert taken is not None
    assert taken.became is Became.TAKEN_BACK


def test_what_could_not_be_taken_back_is_listed() -> None:
    play, run = charged()
    play.command(CancelRun(run, "operator"))
    hear(play, run, 4, Failed(FailureClass.REFUSED, "no refunds here"))
    [doubt] = not_taken_back(play.store)
    assert (doubt.run, doubt.task, doubt.proposed, doubt.undoes) == (run, 4, False, 2)


def test_an_ordinary_card_needs_nothing_else() -> None:
    play, run = told_reply()
    card = only_card(play, run)
    assert not card.read_with
    assert found(play, card) is None
