from __future__ import annotations

from dataclasses import fields, replace

import msgspec
import pytest
from hypothesis import given, settings

from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.errors import LedgerCorrupt, LedgerTooNew
from mainstay.kernel.events import (
    NUMBERS,
    ActionInDoubt,
    ActionProposed,
    AttemptFailed,
    Event,
    FailureClass,
    KillSwitchThrown,
    MessageReceived,
    PlanAccepted,
    RunSucceeded,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.ids import IdempotencyKey, StreamId
from mainstay.kernel.policy import Action
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.codec import NAMES, Codec, event_name, storable
from mainstay.ledger.store import Position, RecordedEvent, Version
from tests.ledger.any_event import PLANS, any_event

CODEC = Codec(PLANS.__getitem__)
ACTION = Action(
    act="email.reply",
    adapter="support",
    operation="reply",
    contract="1.0",
    repeatability=Repeatability.FINDABLE,
    finality=Finality.FINAL_LOW,
    key=IdempotencyKey("k" * 32),
    payload=Digest("a" * 64),
    card=Digest("b" * 64),
    digest=Digest("c" * 64),
)


def text_of(event: Event) -> str:
    return CODEC.encode(event)[2].decode()


@given(any_event())
@settings(max_examples=400)
def test_what_is_read_is_what_was_written(event: Event) -> None:
    assert CODEC.decode(*CODEC.encode(event)) == event


@given(any_event())
@settings(max_examples=200)
def test_equal_events_have_equal_bytes(event: Event) -> None:
    written = CODEC.encode(event)
    assert CODEC.encode(CODEC.decode(*written)) == written


def test_defaults_are_not_written() -> None:
    assert text_of(TaskStarted(3, 1)) == '{"task":3,"attempt":1}'
    assert text_of(RunSucceeded()) == "{}"


def test_a_large_default_is_not_written_either_whatever_object_it_is() -> None:
    computed = replace(ACTION, timeout_us=int("30000000"), grace_us=int("120000000"))
    written = text_of(ActionProposed(1, 1, computed))
    assert "_us" not in written
    assert written == text_of(ActionProposed(1, 1, ACTION))


def test_a_plan_is_written_as_its_digest_and_found_again() -> None:
    plan = next(iter(PLANS.values()))
    written = CODEC.encode(PlanAccepted(plan))
    assert msgspec.json.decode(written[2]) == {"plan": plan.digest}
    read = CODEC.decode(*written)
    assert isinstance(read, PlanAccepted)
    assert read.plan is plan


def test_a_plan_that_is_gone_is_a_damaged_ledger() -> None:
    number, schema, _ = CODEC.encode(PlanAccepted(next(iter(PLANS.values()))))
    with pytest.raises(LedgerCorrupt, match="There is no plan 00"):
        CODEC.decode(number, schema, b'{"plan":"00"}')


def test_what_is_written_can_be_read_by_a_person() -> None:
    event = AttemptFailed(2, 1, FailureClass.THROTTLED, "asked to wait", Instant(1_000_000))
    assert text_of(event) == (
        '{"task":2,"attempt":1,"failure":"throttled","reason":"asked to wait","retry_at":1000000}'
    )


@pytest.mark.parametrize(("type", "schema"), [(999, 1), (4, 2), (4, 65_535)])
def test_a_type_or_shape_of_a_later_version_is_refused_by_name(type: int, schema: int) -> None:
    with pytest.raises(LedgerTooNew) as caught:
        CODEC.decode(type, schema, b"{}")
    assert caught.value.fields["name"] == event_name(type, schema)
    assert event_name(type, schema) in str(caught.value)


def test_a_field_of_a_later_version_is_refused() -> None:
    with pytest.raises(LedgerTooNew, match="urgency"):
        CODEC.decode(3, 1, b'{"task":1,"attempt":1,"urgency":5}')
    with pytest.raises(LedgerTooNew, match="urgency"):
        data = CODEC.encode(ActionProposed(1, 1, ACTION))[2]
        CODEC.decode(20, 1, data.replace(b'"act"', b'"urgency":5,"act"'))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"task":1}',
        b'{"task":"1","attempt":1}',
        b'{"task":1.5,"attempt":1}',
        b'{"task":1,"attempt":1}{}',
        b'{"task":1,"attempt":"\xff"}',
        b"\x00\x01",
    ],
)
def test_bytes_that_never_were_such_an_event_are_damage(data: bytes) -> None:
    with pytest.raises(LedgerCorrupt, match=r"task\.started/1"):
        CODEC.decode(3, 1, data)


def test_schema_zero_is_damage() -> None:
    with pytest.raises(LedgerCorrupt):
        CODEC.decode(3, 0, b'{"task":1,"attempt":1}')


def test_an_error_over_a_recorded_event_names_its_position() -> None:
    recorded = RecordedEvent(
        position=Position(17),
        stream=StreamId("run:x"),
        version=Version(1),
        type=3,
        schema=1,
        at=Instant(0),
        correlation=StreamId("run:x"),
        causation=Position(0),
        actor="director",
        transaction=bytes(16),
        hash=bytes(32),
        data=b"{}",
    )
    with pytest.raises(LedgerCorrupt, match="position 17") as caught:
        CODEC.event(recorded)
    assert caught.value.fields["position"] == 17


def _seconds_became_micros(fields: Json) -> Json:
    return {"task": fields["task"], "attempt": fields["attempt"], "hold": fields["hold_usd"] * 1_000_000}


def _number_became_task(fields: Json) -> Json:
    return {"task": fields["number"], "attempt": fields["attempt"], "hold_usd": fields["hold_usd"]}


# TaskStarted as it might have looked in two earlier versions.
FAKE_PAST = {(3, 1): _number_became_task, (3, 2): _seconds_became_micros}


def test_old_shapes_are_brought_forward_one_change_at_a_time() -> None:
    codec = Codec(PLANS.__getitem__, upcasters=FAKE_PAST)
    assert codec.decode(3, 1, b'{"number":5,"attempt":1,"hold_usd":2}') == TaskStarted(5, 1, 2_000_000)
    assert codec.decode(3, 2, b'{"task":5,"attempt":1,"hold_usd":2}') == TaskStarted(5, 1, 2_000_000)


def test_with_an_upcaster_new_events_are_written_in_the_next_schema() -> None:
    codec = Codec(PLANS.__getitem__, upcasters=FAKE_PAST)
    written = codec.encode(TaskStarted(5, 1))
    assert written == (3, 3, b'{"task":5,"attempt":1}')
    assert codec.decode(*written) == TaskStarted(5, 1)
    assert codec.encode(RunSucceeded())[1] == 1
    with pytest.raises(LedgerTooNew):
        codec.decode(3, 4, written[2])


def test_an_old_shape_that_makes_no_sense_is_damage() -> None:
    codec = Codec(PLANS.__getitem__, upcasters=FAKE_PAST)
    with pytest.raises(LedgerCorrupt):
        codec.decode(3, 1, b'{"number":"five","attempt":1,"hold_usd":2}')
    with pytest.raises(LedgerCorrupt):
        codec.decode(3, 1, b'{"attempt":1}')


def test_names_are_those_that_workflows_use() -> None:
    names = {NUMBERS[number]: name for number, name in NAMES.items()}
    assert names[MessageReceived] == "message.received"
    assert names[TaskSucceeded] == "task.succeeded"
    assert names[ActionInDoubt] == "action.in_doubt"
    assert names[KillSwitchThrown] == "kill_switch.thrown"
    assert len(set(NAMES.values())) == len(NUMBERS)
    assert event_name(40, 1) == "message.received/1"


def test_every_number_and_first_field_is_kept_for_ever() -> None:
    """Numbers are never used again: this list only grows."""
    assert {number: [one.name for one in fields(kind)][:2] for number, kind in NUMBERS.items()} == {
        1: ["run", "workflow"],
        2: ["plan"],
        3: ["task", "attempt"],
        4: ["task", "attempt"],
        5: [],
        6: ["reason", "cost"],
        7: ["behind", "line"],
        8: ["after"],
        9: ["reason", "by"],
        10: ["actor", "reason"],
        11: ["task", "attempt"],
        12: ["task", "attempt"],
        13: ["task", "reason"],
        14: ["task", "count"],
        15: ["task", "inspector"],
        16: ["task", "scope"],
        17: ["until"],
        18: ["task", "scope"],
        19: ["task", "at"],
        20: ["task", "attempt"],
        21: ["task", "rule"],
        22: ["task", "approval"],
        23: ["task"],
        24: ["task", "approval"],
        25: ["task", "approval"],
        26: ["task", "approval"],
        27: ["task", "approval"],
        28: ["task", "attempt"],
        29: ["task", "attempt"],
        30: ["task", "attempt"],
        31: ["task", "attempt"],
        32: ["task", "answer"],
        33: ["actor", "reason"],
        34: ["actor"],
        35: ["task", "actor"],
        36: ["task", "actor"],
        37: ["task", "actor"],
        38: ["parent", "version"],
        39: ["lost", "restored"],
        40: ["mailbox", "message_key"],
        41: ["mailbox", "item_key"],
        42: ["mailbox", "message_key"],
        43: ["source", "cursor"],
        50: ["epoch", "version"],
        51: ["name", "version"],
        52: ["policy"],
        53: ["actor", "on"],
        54: ["scope", "used"],
        55: ["epoch"],
        56: ["scope", "name"],
        57: ["scope", "name"],
        58: ["adapter", "operation"],
        59: ["adapter", "operation"],
        60: ["workflow", "due"],
        61: ["kind", "subject"],
        62: ["kind", "subject"],
        63: ["backup_head", "backup_hash"],
        64: ["letter", "kind"],
        65: ["letter", "kind"],
        66: ["name", "actor"],
        67: ["file", "content"],
        70: ["task", "attempt"],
        71: ["ending", "reason"],
        72: ["tasks"],
        73: ["task", "attempt"],
        74: ["task", "attempt"],
        75: ["task", "attempt"],
        76: ["scope", "amount"],
        77: ["task", "approval"],
        78: ["task", "approval"],
        79: ["task", "attempt"],
        80: ["memory", "version"],
        81: ["memory", "version"],
        82: ["model", "version"],
        83: ["run", "task"],
        84: ["run", "task"],
        85: ["task", "actor"],
        86: ["task", "would"],
        90: ["kind", "recipe"],
        91: ["kind", "recipe"],
        92: ["kind", "recipe"],
        93: ["kind", "cause"],
        94: ["name", "template"],
        95: ["link", "approval"],
        96: ["link", "device"],
        97: ["device", "name"],
        98: ["device", "actor"],
        99: ["workflow", "objective"],
        100: ["workflow", "objective"],
        101: ["through", "root"],
        102: ["key", "public"],
        103: ["subject", "actor"],
        104: ["subject", "runs"],
        105: ["name", "digest"],
        106: ["name", "actor"],
        107: ["reference", "actor"],
        108: ["token", "name"],
        109: ["token", "actor"],
        110: ["name"],
        111: ["request", "body"],
        112: ["request", "answer_sealed"],
    }


def test_storable_is_what_will_be_read_back() -> None:
    given_value: Json = {"pair": (1, 2), "deep": {"x": [(3,)]}, "none": None}
    stored = storable(given_value)
    assert stored == {"pair": [1, 2], "deep": {"x": [[3]]}, "none": None}
    event = TaskSucceeded(1, 1, stored)
    assert CODEC.decode(*CODEC.encode(event)) == event


@pytest.mark.parametrize("value", [{"x": object()}, {"x": "\ud800"}, {(1, 2): 3}, [1]])
def test_storable_refuses_what_is_not_json(value: object) -> None:
    with pytest.raises(ValueError, match="cannot be kept"):
        storable(value)  # type: ignore[arg-type]
