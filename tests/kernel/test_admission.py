"""Whether a start may happen now: which of pause, breaker and throttle keeps it, and when that ends."""

import pytest

from mainstay.kernel.admission import FOREVER, Admission
from mainstay.kernel.breaker import BreakerSettings
from mainstay.kernel.commands import Admit, CancelRun
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.events import ActionStarted, BreakerOpened, FailureClass, StartDeferred
from mainstay.kernel.facts import Facts
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.state import Phase, Status
from mainstay.kernel.throttle import Rate
from mainstay.kernel.values import HOUR, MINUTE, SECOND, Digest, Instant
from mainstay.testing.plans import NOW, RUN, act, action, plan_of, think
from mainstay.testing.spec import Playbook
from tests.strategies import maintained, recomputed

REST = Instant(NOW + MINUTE)
OPENED = BreakerOpened("email", "reply", REST, 5, 1, "no answer")


def admission(*paused: tuple[str, str], **rates: Rate) -> Admission:
    named = {name.replace("_", ":", 1): rate for name, rate in rates.items()}
    made = Admission(named, BreakerSettings())
    made.paused = set(paused)
    made.refresh()
    return made


def with_open_breaker() -> Admission:
    made = admission()
    made.breakers.note(OPENED)
    made.refresh()
    return made


def by(book: Playbook, made: Admission) -> Playbook:
    facts = book.facts
    book.facts = Facts(
        facts.now, facts.policy, facts.balances, facts.limits, facts.counts, facts.plans, admission=made
    )
    return book


def acts(made: Admission, **taken: int) -> str:
    counts = {name.replace("__", ":"): count for name, count in taken.items()}
    return made.defers_act("sample", "email", "reply", NOW, counts)


# --- which scope -----------------------------------------------------------------------------------------------


def test_nothing_keeps_anything_by_default() -> None:
    made = admission()
    assert made.idle
    assert (acts(made), made.defers_thinking("sample", "thinker", NOW)) == ("", "")


@pytest.mark.parametrize(
    ("paused", "thinking", "acting"),
    [
        (("workspace", ""), "pause:workspace", "pause:workspace"),
        (("workflow", "sample"), "pause:workflow:sample", "pause:workflow:sample"),
        (("workflow", "other"), "", ""),
        (("adapter", "email"), "", "pause:adapter:email"),
        (("adapter", "bank"), "", ""),
    ],
)
def test_a_pause_keeps_what_lies_in_its_scope(paused: tuple[str, str], thinking: str, acting: str) -> None:
    made = admission(paused)
    assert made.defers_thinking("sample", "thinker", NOW) == thinking
    assert acts(made) == acting
    for scope in {thinking, acting} - {""}:
        assert made.free_at(scope, NOW) == FOREVER, "no clock ends a pause"
        made.paused.clear()
        made.refresh()
        assert made.idle
        assert made.free_at(scope, NOW) == NOW


def test_the_wider_pause_is_named_first_and_a_pause_before_a_breaker_before_a_throttle() -> None:
    made = admission(
        ("workspace", ""), ("workflow", "sample"), ("adapter", "email"), adapter_email=Rate(1, MINUTE, 1)
    )
    made.breakers.note(OPENED)
    made.buckets.take("adapter:email", NOW)
    made.refresh()
    said = []
    for scope in (("workspace", ""), ("workflow", "sample"), ("adapter", "email")):
        said.append(acts(made))
        made.paused.remove(scope)
    said.append(acts(made))
    made.breakers = admission().breakers
    said.append(acts(made))
    assert said == [
        "pause:workspace",
        "pause:workflow:sample",
        "pause:adapter:email",
        "breaker:email.reply",
        "throttle:adapter:email",
    ]


def test_a_throttle_of_the_whole_workspace_keeps_both_and_each_has_its_own() -> None:
    made = admission(workspace=Rate(1, MINUTE, 1), agent_thinker=Rate(1, MINUTE, 1))
    made.buckets.take("agent:thinker", NOW)
    assert made.defers_thinking("sample", "thinker", NOW) == "throttle:agent:thinker"
    assert made.defers_thinking("sample", "other", NOW) == ""
    made.buckets.take("workspace", NOW)
    assert made.defers_thinking("sample", "other", NOW) == "throttle:workspace"
    assert acts(made) == "throttle:workspace"
    assert made.free_at("throttle:workspace", NOW) == NOW + MINUTE


def test_what_this_decision_has_taken_counts() -> None:
    made = admission(adapter_email=Rate(1, MINUTE, 2))
    assert [acts(made, adapter__email=taken) for taken in range(3)] == ["", "", "throttle:adapter:email"]


# --- breakers --------------------------------------------------------------------------------------------------


def test_an_open_breaker_keeps_its_operation_until_its_rest_is_over_and_then_lets_one_go() -> None:
    made = with_open_breaker()
    assert acts(made) == "breaker:email.reply"
    assert made.defers_act("sample", "email", "label", NOW) == ""
    assert made.defers_thinking("sample", "thinker", NOW) == ""
    assert made.free_at("breaker:email.reply", NOW) == REST
    assert made.free_at("breaker:email.reply", REST) == REST
    assert made.defers_act("sample", "email", "reply", REST) == ""
    one = {"breaker:email.reply": 1}
    assert made.defers_act("sample", "email", "reply", REST, one) == "breaker:email.reply"
    made.breakers.hear(
        ActionStarted(0, 1, IdempotencyKey("k"), Digest("d"), "rule:x"), "email", "reply", REST
    )
    assert made.free_at("breaker:email.reply", REST) == FOREVER, (
        "what becomes of the call decides, not a clock"
    )


def test_of_a_breaker_that_is_closed_one_decision_may_take_many() -> None:
    made = admission(workspace=Rate(9, SECOND, 9))
    assert acts(made, breaker__email=9, **{"breaker__email.reply": 9}) == ""


def test_a_name_with_dots_in_it_is_the_adapters() -> None:
    made = admission()
    made.breakers.note(BreakerOpened("my.mail", "reply", REST, 5, 1, "no answer"))
    made.refresh()
    scope = made.defers_act("sample", "my.mail", "reply", NOW)
    assert made.free_at(scope, NOW) == REST


# --- a run under it --------------------------------------------------------------------------------------------


def test_a_deferred_start_is_said_once_and_admitted_when_there_is_room() -> None:
    made = admission(agent_thinker=Rate(1, MINUTE, 1))
    made.buckets.take("agent:thinker", NOW)
    book = by(Playbook(plan_of(think("only"))), made).start()
    assert book.last[-1] == StartDeferred(0, "throttle:agent:thinker")
    book.stands(only=Phase.RETRYING).owes()
    book.tell(Admit(RUN, 0)).then()
    book.later(MINUTE).tell(Admit(RUN, 0)).stands(only=Phase.RUNNING)
    book.tell(Admit(RUN, 0)).then()


def test_two_starts_of_one_decision_cannot_both_take_the_last_token() -> None:
    made = admission(agent_thinker=Rate(1, MINUTE, 1))
    book = by(Playbook(plan_of(think("a"), think("b"))), made).start()
    assert book.asked() == ["a"]
    book.stands(b=Phase.RETRYING)
    assert maintained(book.state) == recomputed(book.state)


def test_an_act_that_waits_for_a_breaker_has_not_left_and_may_be_given_up() -> None:
    book = by(Playbook(plan_of(act("send"), act("other", "send"))), with_open_breaker()).start()
    book.proposes("send", action(0)).stands(send=Phase.RETRYING).owes()
    assert book.last[-1] == StartDeferred(0, "breaker:email.reply")
    assert not book.act("send").tried
    book.tell(CancelRun(RUN, "me")).ended(Status.CANCELLED)


def test_a_retry_waits_for_the_breaker_too_and_keeps_that_it_may_have_arrived() -> None:
    made = admission()
    book = by(Playbook(plan_of(act("send"))), made).start()
    book.proposes("send", action(0, repeatability=Repeatability.KEYED)).fails("send", FailureClass.TIMEOUT)
    made.breakers.note(BreakerOpened("email", "reply", Instant(NOW + HOUR), 5, 1, "no answer"))
    made.refresh()
    book.later(MINUTE).wakes("send").then(StartDeferred(0, "breaker:email.reply"))
    assert book.act("send").tried
    book.later(HOUR).tell(Admit(RUN, 0)).then(ActionStarted)
