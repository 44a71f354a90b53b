"""For how long a program's key is good: the view of requests forgets what is over, and a fold anew forgets the same."""

from __future__ import annotations

from mainstay.kernel.commands import AnswerRequest, TakeRequest
from mainstay.kernel.governing import REQUEST_KEPT_US, REQUESTS_FORGOTTEN_MAX
from mainstay.kernel.values import SECOND
from mainstay.ledger.projections import STANDARD
from mainstay.ledger.rebuild import rebuild
from mainstay.ledger.rows import META
from mainstay.ledger.store import Put
from mainstay.runtime.tick import Request
from tests.runtime.house import House


def opened() -> House:
    house = House()
    house.director.boot()
    return house


def take(house: House, *names: str) -> None:
    house.director.handle([Request(TakeRequest(one, "body", "start")) for one in names])
    house.director.handle([Request(AnswerRequest(one, "{}")) for one in names])


def known(house: House) -> list[str]:
    return [str(row["request"]) for row in house.store.select("requests", limit=1_000)]


def folded_anew(house: House) -> list[dict[str, object]]:
    """The view as a rebuild makes it."""
    marks = [Put(META.name, (f"projection:{one.name}",), {"value": ""}) for one in STANDARD]
    epoch, at = house.director.epoch, house.clock.now()
    house.store.append((), epoch=epoch, at=at, changes=marks)
    rebuild(house.store, house.director.codec, STANDARD, epoch=epoch, at=at)
    return house.store.select("requests", limit=1_000)  # type: ignore[return-value]


def test_a_key_is_good_for_its_time_and_forgotten_after_it() -> None:
    house = opened()
    take(house, "a")
    house.clock.advance(REQUEST_KEPT_US - SECOND)
    take(house, "b")
    assert known(house) == ["a", "b"]
    house.clock.advance(SECOND)
    take(house, "c")
    assert known(house) == ["b", "c"]
    assert folded_anew(house) == house.store.select("requests", limit=1_000)


def test_each_that_is_taken_forgets_a_few_and_what_is_over_becomes_less() -> None:
    house = opened()
    old = [f"old {number:02}" for number in range(9)]
    take(house, *old)
    house.clock.advance(2 * REQUEST_KEPT_US)
    for number in range(9):
        before = set(known(house))
        take(house, f"new {number}")
        assert len(before - set(known(house))) <= REQUESTS_FORGOTTEN_MAX
    assert known(house) == [f"new {number}" for number in range(9)]
    kept = house.store.select("requests", limit=1_000)
    assert folded_anew(house) == kept


def test_several_in_one_tick_forget_different_ones() -> None:
    house = opened()
    take(house, "old 1", "old 2", "old 3", "old 4")
    house.clock.advance(REQUEST_KEPT_US)
    take(house, "new 1", "new 2", "new 3")
    told = [house.director.codec.event(one) for one in house.store.read("requests")]  # type: ignore[arg-type]
    gone = [name for one in told for name in getattr(one, "forgotten", ())]
    assert len(gone) == len(set(gone))
    assert folded_anew(house) == house.store.select("requests", limit=1_000)


def test_what_was_forgotten_may_be_asked_anew_also_in_the_same_tick() -> None:
    house = opened()
    take(house, "a")
    house.clock.advance(REQUEST_KEPT_US)
    take(house, "b", "a")
    assert known(house) == ["a", "b"]
    assert house.store.get("requests", ("a",))["at"] == house.clock.now()  # type: ignore[index]
    assert folded_anew(house) == house.store.select("requests", limit=1_000)
