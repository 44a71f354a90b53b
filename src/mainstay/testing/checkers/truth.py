"""Checks after everything: the chain, the views, the messages, and the truth of every act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mainstay.kernel.ids import IdempotencyKey, RunId
from mainstay.kernel.plan import Plan
from mainstay.kernel.predicates import holds
from mainstay.kernel.state import Phase
from mainstay.kernel.values import Instant, Json
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.store import EventStore, RowChange
from mainstay.ledger.verify import Verified, verify
from mainstay.testing.checkers.books import Books, Started
from mainstay.testing.checkers.cards import Cards
from mainstay.testing.checkers.money import Money
from mainstay.testing.checkers.promise import demand
from mainstay.testing.process import VIEWS
from mainstay.testing.world import MESSAGE


def chain_holds(store: EventStore) -> None:
    """Nothing in the ledger was altered."""
    demand(isinstance(verify(store), Verified), "the chain holds")


def views_equal_a_rebuild(store: EventStore, changes: Sequence[RowChange]) -> None:
    """Every view shows what a projection from the first event on gives."""
    scratch = InMemoryStore(tables=VIEWS.tables)
    scratch.append((), epoch=scratch.acquire(), at=Instant(0), changes=changes)
    for table in VIEWS.tables:
        rows = store.select(table.name, limit=100_000)
        again = scratch.select(table.name, limit=100_000)
        if table.name == "house":
            rows = [row for row in rows if row["key"] != "held"]
        demand(rows == again, "views equal a rebuild", table.name)


def messages_are_whole(cards: Cards, mailbox: Mapping[str, Json], triggered: Mapping[str, Plan]) -> None:
    """No message is lost, and each that matches has started one run."""
    demand(set(cards.messages) == set(mailbox), "no message is lost")
    for name, plan in triggered.items():
        on = plan.workflow.on
        if on is None or on.event != MESSAGE:
            continue
        for key, trigger in mailbox.items():
            wanted = on.where is None or holds(on.where, {"trigger": trigger})
            demand(cards.runs_of[name, key] == wanted, "a message starts one run", f"{name} {key}")


def spending_is_booked(money: Money, really_spent: Mapping[RunId, int]) -> None:
    """What was really spent stands in the books, or more."""
    for run, spent in really_spent.items():
        booked = money.run_spent[run]
        demand(spent <= booked, "what was spent is in the books", f"{spent}, not {booked}, in {run}")


def acts_are_told_truly(books: Books, money: Money) -> None:
    """What happened is told as done, and what did not is not, wherever anybody can know."""
    for provider in books.providers.values():
        for one in provider.done:
            act = books.acts.get(one.key)
            if act is None:
                # It left after the backup that was restored: this ledger never heard of it.
                demand(bool(books.restored_at), "what happened stands in the ledger", one.key)
                continue
            if not _nobody_can_know(books, one.key, act):
                _told_truly(books, money, act, happened=True)
    for key, act in books.acts.items():
        if not any(provider.did(key) for provider in books.providers.values()):
            _told_truly(books, money, act, happened=False)


def _nobody_can_know(books: Books, key: IdempotencyKey, act: Started) -> bool:
    """What can be taken back, and left after the backup: after the restore it is not looked for, by design."""
    return bool(books.restored_at) and act.reversible and key in books.lost


def _told_truly(books: Books, money: Money, act: Started, *, happened: bool) -> None:
    task = books.states[act.run].task(act.task)
    if books.said.get((act.run, act.task)) == "unknown":
        return
    where = f"task {act.task} of {act.run} is {task.phase.name}, by {act.digest[:8]}"
    if happened:
        demand(task.phase is Phase.SUCCEEDED, "what happened is not told as not done", where)
        spent = money.run_spent[act.run]
        demand(act.price <= spent, "what was spent is in the books", f"{act.price}, {where}")
    else:
        same = task.act is not None and task.act.action.digest == act.digest
        demand(not (same and task.phase is Phase.SUCCEEDED), "what is told as done happened", where)
