"""Money: forged usage, prices that are no prices, many at once at the end of a budget, and the kill switch in mid-run.

Models answer over real HTTP on loopback; directors decide with their real loop. What is spent never goes below nothing
or beyond what was reserved, whatever anybody reports.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.agents.base import Brief
from mainstay.agents.base import Produced as Answered
from mainstay.config.settings import read_settings
from mainstay.kernel.budget import Limits
from mainstay.kernel.commands import AllowSpending, GrantApproval, ThrowKillSwitch
from mainstay.kernel.errors import ConfigError
from mainstay.kernel.ids import RunId
from mainstay.kernel.policy import evaluate
from mainstay.kernel.values import Micros, Usage
from mainstay.models import prices
from mainstay.models.base import Message, Prompt
from mainstay.models.bounds import worst_case
from mainstay.models.client import EndpointModel
from mainstay.models.metered import MeteredModel, Purse
from mainstay.models.prices import Price, price_of
from mainstay.models.settings import ModelSettings
from mainstay.runtime.tick import Request
from mainstay.testing.model_server import ModelServer, completion
from mainstay.testing.plans import ALLOW_ALL, ASK_ALL, act, plan_of, think
from tests.runtime.house import House, Thought, at_work, until
from tests.security.attacks import attack

PROMPT = Prompt("Be brief.", (Message("user", "Where is my parcel? It should be here by now."),), 50)
DEAR = Price(10_000_000, 40_000_000)  # micro-units for a million tokens
LEFT = 10_000_000


def worst_micros() -> int:
    most = worst_case(PROMPT)
    return DEAR.cost_micros(most.input_tokens, most.output_tokens)


def spent_with(*reports: Any, price: Price | None = DEAR, left: int = LEFT) -> tuple[Purse, int]:
    """A purse after a model that reports this of each call, and how many calls reached it."""
    purse = Purse(left)
    script = [completion("It is on its way.", usage=one) for one in reports]
    with ModelServer(*script) as server:
        endpoint = EndpointModel(ModelSettings("test", "scripted:small", url=server.url), lambda: "")
        model = MeteredModel(endpoint, price, purse)

        async def ask() -> None:
            for _ in reports:
                await model.complete(PROMPT)
            await endpoint.aclose()

        asyncio.run(ask())
        return purse, len(server.asked)


def believed(prompt: Prompt, reported: Any, answer: str) -> Usage:
    told = reported if isinstance(reported, dict) else {}
    asked, said = told.get("prompt_tokens", 0), told.get("completion_tokens", 0)
    return Usage(input_tokens=asked, output_tokens=said, calls=1)


def tokens(asked: Any, said: Any) -> dict[str, Any]:
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": 0}


FORGED = {
    "negative": tokens(-1_000_000, -1_000_000),
    "nothing": tokens(0, 0),
    "half-a-token": tokens(20.5, 6.5),
    "no-number": tokens(float("nan"), 6),
    "endless": tokens(float("inf"), float("inf")),
    "in-words": tokens("20", "6"),
    "true": tokens(True, True),
    "a-list": [20, 6],
    "not-there": None,
    "too-much": tokens(10**30, 10**30),
}


@pytest.mark.parametrize("report", FORGED.values(), ids=FORGED)
@attack(
    ("mainstay.models.bounds", "proven", believed),
    ("mainstay.models.metered", "MeteredModel._settled", lambda self, answer, ceiling: Usage(0, 0, 0, 1)),
)
def test_a_forged_report_of_usage_settles_at_the_worst_case(report: Any) -> None:
    purse, calls = spent_with(report)
    assert calls == 1
    assert purse.spent.cost_micros == worst_micros()
    assert purse.left_micros == LEFT - worst_micros()


@attack(("mainstay.models.metered", "Purse.reserve", lambda self, micros: True))
def test_an_empty_purse_makes_no_call() -> None:
    purse, calls = spent_with("honest", left=worst_micros() - 1)
    assert (calls, purse.left_micros, purse.spent.cost_micros) == (0, worst_micros() - 1, 0)


@attack(
    ("mainstay.models.metered", "MeteredModel.complete", lambda self, prompt: self._inner.complete(prompt))
)
def test_a_model_of_unknown_price_is_not_asked_with_an_empty_purse() -> None:
    purse, calls = spent_with("honest", price=None, left=0)
    assert (calls, purse.left_micros) == (0, 0)


@attack(("mainstay.models.metered", "MeteredModel._settled", lambda self, answer, ceiling: Usage(0, 0, 0, 1)))
def test_a_call_of_unknown_price_takes_all_that_was_allowed() -> None:
    purse, calls = spent_with("honest", price=None, left=500)
    assert (calls, purse.left_micros, purse.spent.cost_micros) == (1, 0, 500)


# --- prices ----------------------------------------------------------------------------------------------------------


def lax(text: str) -> int:
    number = float(text)
    return int(number * 1_000_000) if number == number and abs(number) != float("inf") else 0


@pytest.mark.parametrize("amount", ["-1", "-0.01", "NaN", "nan", "Infinity", "inf", "1e-9", "1e9", "٣"])
@attack(("mainstay.workflows.document", "parse_money", lax))
def test_a_price_that_is_none_is_refused_with_its_line(amount: str, tmp_path: Path) -> None:
    text = (
        f'[models.default]\nuse = "x:y"\nurl = "https://llm.example.org/v1"\nprice_input_usd = "{amount}"\n'
    )
    with pytest.raises(ConfigError) as caught:
        read_settings(text.encode(), tmp_path)
    assert caught.value.fields["line"] == 4


@pytest.mark.parametrize("amount", ["nan", "inf", "-inf", "-1.5", "0.5", "true", "[]"])
@attack(("mainstay.workflows.document", "Section.money", lambda self, key, default=None: 0))
def test_a_price_that_is_a_bare_number_is_refused(amount: str, tmp_path: Path) -> None:
    text = f'[models.default]\nuse = "x:y"\nurl = "https://llm.example.org/v1"\nprice_input_usd = {amount}\n'
    with pytest.raises(ConfigError):
        read_settings(text.encode(), tmp_path)


def table(amount: Decimal) -> Any:
    """A table of published prices with this one in it."""
    price = SimpleNamespace(input_mtok=amount, output_mtok=Decimal("1"))
    info = SimpleNamespace(get_prices=lambda hour, context: price)
    snapshot = SimpleNamespace(find_provider_model=lambda *names: (None, info))
    return lambda: snapshot


def taken(found: Any, names: Any) -> int:
    amounts = [getattr(one, name) for one in found for name in names if hasattr(one, name)]
    return int(amounts[0] * 1_000_000) if amounts and amounts[0].is_finite() else 0


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "-0.01", "-5", "Infinity", "-Infinity"])
@attack(("mainstay.models.prices", "_most", taken))
def test_a_published_price_that_is_none_is_unknown_and_never_free(
    amount: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = pytest.importorskip("genai_prices.data_snapshot")
    monkeypatch.setattr(snapshot, "get_snapshot", table(Decimal(amount)))
    prices._published.cache_clear()
    try:
        found = price_of(ModelSettings("m", "elsewhere:big", url="https://llm.example.org/v1"))
    finally:
        prices._published.cache_clear()
    assert found is None


# --- budgets ---------------------------------------------------------------------------------------------------------

PAID = plan_of(*(think(f"t{n}", cost_max_micros=30) for n in range(100)))


def free_of_charge(self: Any, number: int, amount: int) -> bool:
    return True


def run_house(house: House, story: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with at_work(house):
            await story()

    asyncio.run(whole())


@attack(("mainstay.kernel.draft", "Draft.affords", free_of_charge))
def test_a_hundred_tasks_at_once_do_not_spend_beyond_the_day() -> None:
    house = House(PAID, limits=Limits(day_micros=Micros(1_000)), ceilings={"thinker": 30})
    most = 0

    async def answer(brief: Brief) -> Answered:
        nonlocal most
        await asyncio.sleep(0)
        balances = house.director.balances
        most = max(most, balances.held + balances.day_spent)
        return Answered(Thought(), "because", (), Usage(30, calls=1))

    house.thinker.work_as = answer

    async def story() -> None:
        await house.ask(house.begin())
        await house.settled()

    run_house(house, story)
    assert most <= 1_000
    assert house.director.balances.day_spent <= 1_000
    assert len(house.thinker.asked) == 33, "as many as fit were asked, and nobody else"


@attack(("mainstay.kernel.draft", "Draft.affords", free_of_charge))
def test_a_hundred_runs_at_once_do_not_spend_beyond_the_day() -> None:
    plan = plan_of(think("only", cost_max_micros=30))
    house = House(plan, limits=Limits(day_micros=Micros(1_000)), ceilings={"thinker": 30})
    house.thinker.work_as = lambda brief: Answered(Thought(), "because", (), Usage(30, calls=1))

    async def story() -> None:
        await asyncio.gather(*(house.ask(house.begin(f"r{n}")) for n in range(100)))
        await house.settled()

    run_house(house, story)
    assert house.director.balances.day_spent == 990
    assert len(house.thinker.asked) == 33


@attack(("mainstay.kernel.going", "ceiling_of", lambda state, facts, spec: 0))
def test_whoever_costs_nobody_knows_what_is_asked_about_first() -> None:
    plan = plan_of(think("only", cost_max_micros=30))
    house = House(plan, ceilings={"thinker": None})
    run = house.run_of("one")

    async def story() -> None:
        await house.ask(house.begin())
        await house.settled()
        assert house.thinker.asked == []
        await house.ask(Request(AllowSpending(run, "price", 20, "operator")))
        await house.settled()

    run_house(house, story)
    assert len(house.thinker.asked) == 1
    assert house.status() == "succeeded"


@pytest.mark.parametrize("told", [Usage(10**9), Usage(31), Usage(-1), Usage(-(10**9), -5, -5)], ids=repr)
@attack(("mainstay.kernel.outcomes", "_believable", lambda command, hold: command))
def test_an_agent_that_reports_what_cannot_be_settles_at_what_was_held(told: Usage) -> None:
    """Whose agents are programs of their own, or somebody else's package, must not believe what these say of money."""
    house = House(plan_of(think("only", cost_max_micros=30)), ceilings={"thinker": 30})
    house.thinker.work_as = lambda brief: Answered(Thought(), "because", (), told)

    async def story() -> None:
        await house.ask(house.begin())
        await house.settled()

    run_house(house, story)
    assert house.director.balances.day_spent == 30
    (row,) = house.store.select("spent", limit=10)
    assert int(str(row["input_tokens"] or 0)) >= 0


# --- the kill switch -------------------------------------------------------------------------------------------------


def throw(on: bool = True) -> Request:
    return Request(ThrowKillSwitch("operator", on, "stop"), "operator")


@attack(
    ("mainstay.kernel.draft", "waits_for", lambda *a, **k: ""),
)
def test_the_kill_switch_in_mid_run_stops_paid_thinking() -> None:
    plan = plan_of(think("first", cost_max_micros=30), think("then", "first", cost_max_micros=30))
    house = House(plan, ceilings={"thinker": 30})
    go_on = asyncio.Event()

    async def answer(brief: Brief) -> Answered:
        await go_on.wait()
        return Answered(Thought(), "because", (), Usage(30, calls=1))

    house.thinker.work_as = answer

    async def story() -> None:
        await house.ask(house.begin())
        await until(lambda: len(house.thinker.asked) == 1)
        await house.ask(throw())
        go_on.set()
        await house.settled()
        assert len(house.thinker.asked) == 1, "what was under way is heard, and nothing more is paid"
        assert house.director.balances.day_spent == 30
        await house.ask(throw(on=False))
        await house.settled()

    run_house(house, story)
    assert len(house.thinker.asked) == 2
    assert house.status() == "succeeded"


def goes_on(verdicts: Any) -> Any:
    return lambda *given, killed=False, **more: verdicts(*given, killed=False, **more)


@attack(
    ("mainstay.kernel.door", "evaluate", goes_on(evaluate)),
)
def test_the_kill_switch_in_mid_run_stops_acts_that_a_rule_would_let_go() -> None:
    house = House(plan_of(think("first"), act("send", "first")), policy=ALLOW_ALL)
    go_on = asyncio.Event()

    async def answer(brief: Brief) -> Answered:
        await go_on.wait()
        return Answered(Thought(), "because")

    house.thinker.work_as = answer

    async def story() -> None:
        await house.ask(house.begin())
        await until(lambda: len(house.thinker.asked) == 1)
        await house.ask(throw())
        go_on.set()
        await house.settled()

    run_house(house, story)
    assert house.adapter.calls == []
    assert len(house.cards()) == 1, "it asks instead"


@attack(("mainstay.runtime.last_look", "LastLook.still_wanted", lambda self, run, task, attempt: True))
def test_the_kill_switch_stops_an_act_that_was_let_go_and_has_not_left() -> None:
    house = House(plan_of(act("send")), policy=ALLOW_ALL)

    async def thrown_just_before(instance: str) -> None:
        await house.ask(throw())

    house.performer.acting._refresh = thrown_just_before

    async def story() -> None:
        await house.ask(house.begin())
        await house.settled()

    run_house(house, story)
    assert house.adapter.calls == []


@attack(
    ("mainstay.kernel.cards", "_answerable", lambda draft, approval, shown: _as_if_alive(draft, approval))
)
def test_a_yes_under_the_kill_switch_lets_nothing_go() -> None:
    house = House(plan_of(act("send")), policy=ASK_ALL)

    async def story() -> None:
        await house.ask(house.begin())
        await house.settled()
        (card,) = house.cards()
        await house.ask(throw())
        run = RunId(card["run"])
        await house.ask(Request(GrantApproval(run, card["approval"], card["digest"], "operator", 5_000_000)))
        await house.settled()

    run_house(house, story)
    assert house.adapter.calls == []
    assert len(house.cards()) == 1


def _as_if_alive(draft: Any, approval: Any) -> Any:
    from mainstay.kernel import cards

    draft.facts = replace(draft.facts, killed=False)
    return cards._card(draft, approval)
