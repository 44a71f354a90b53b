"""The fake outside world misbehaves exactly as it is told to, and its witness counts what really happened."""

import asyncio

import pytest

from mainstay.adapters.base import Absent, Done, Found, InDoubt, NotNow, Refused, Unknown
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.ids import IdempotencyKey
from mainstay.testing.fakes import FakeAdapter, Fault, fake_contract

KEY = IdempotencyKey("ab" * 16)


def call(adapter, key=KEY):
    return stepped(adapter.call("act", b"payload", key=key))


def find(adapter, key=KEY):
    return stepped(adapter.find("act", b"payload", key=key))


def stepped(coroutine):
    """Run without a loop: a coroutine that suspends would need one, and the simulator has none."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value


@pytest.mark.parametrize(
    ("fault", "result", "happened"),
    [
        (Fault.NONE, Done, 1),
        (Fault.REFUSED, Refused, 0),
        (Fault.NOT_NOW, NotNow, 0),
        (Fault.LOST_REQUEST, InDoubt, 0),
        (Fault.LOST_ANSWER, InDoubt, 1),
        (Fault.LATE_ANSWER, Done, 1),
        (Fault.DOUBLED, Done, 2),
    ],
)
def test_each_fault_does_what_it_says(fault, result, happened):
    adapter = FakeAdapter(fake_contract(Repeatability.FINDABLE))
    adapter.plan([fault])
    assert type(call(adapter)) is result
    assert adapter.happened(KEY) == happened
    assert adapter.last_fault is fault
    assert len(adapter.calls) == 1
    assert type(call(adapter)) is Done  # the plan is used up


def test_a_key_that_is_honoured_makes_doubles_and_repeats_harmless():
    adapter = FakeAdapter(
        fake_contract(Repeatability.KEYED), faults=lambda operation, key, attempt: Fault.DOUBLED
    )
    call(adapter)
    call(adapter)
    assert adapter.happened(KEY) == 1
    assert len(adapter.calls) == 2


def test_looking_up():
    adapter = FakeAdapter(fake_contract(Repeatability.FINDABLE), seen_after=1)
    assert type(find(adapter)) is Unknown
    call(adapter)
    assert type(find(adapter)) is Found
    adapter.unreachable = True
    assert type(find(adapter)) is Unknown
    sure = FakeAdapter(fake_contract(Repeatability.FINDABLE), authoritative=True)
    assert type(find(sure)) is Absent
    once = FakeAdapter(fake_contract(Repeatability.ONCE), authoritative=True)
    call(once)
    assert type(find(once)) is Unknown


def test_faults_know_the_attempt():
    seen = []
    adapter = FakeAdapter(
        fake_contract(Repeatability.KEYED),
        faults=lambda operation, key, attempt: seen.append((operation, key, attempt)) or Fault.NOT_NOW,
    )
    call(adapter)
    call(adapter)
    assert seen == [("act", KEY, 1), ("act", KEY, 2)]
    assert asyncio.run(adapter.call("nothing", b"", key=KEY)) == Refused("fake has no operation 'nothing'")
