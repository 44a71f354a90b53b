"""Metering, limits, caching, typed answers, and all of them as one brief's spending."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.values import NO_USAGE, Usage
from mainstay.models.answer_cache import CachedModel
from mainstay.models.base import Completion, Message, ModelUse, Prompt, Unanswered
from mainstay.models.bounds import input_tokens_bound, proven, worst_case
from mainstay.models.embedding_cache import InMemoryEmbeddingCache
from mainstay.models.limited import LimitedModel, Turnstile
from mainstay.models.metered import MeteredModel, Purse
from mainstay.models.prices import Price
from mainstay.models.scripted import ScriptedModel, in_turn
from mainstay.models.settings import ModelSettings
from mainstay.models.spending import Answers, Spending, Supply
from mainstay.models.typed import TypedModel
from tests.models.sealing import OpenSeal, keyed_hash

PRICE = Price(1_000_000, 2_000_000)  # one micro-unit a token in, two out
SCHEMA = {"type": "object", "properties": {"intent": {"enum": ["a", "b"]}}, "required": ["intent"]}


def prompt(text: str = "Where is my parcel?", limit: int = 20, **more: object) -> Prompt:
    return Prompt("Be brief.", (Message("user", text),), limit, **more)  # type: ignore[arg-type]


def run(model: object, asked: Prompt | None = None) -> Completion | Unanswered:
    answer: Completion | Unanswered = asyncio.run(model.complete(asked or prompt()))  # type: ignore[attr-defined]
    return answer


def worst(asked: Prompt) -> int:
    usage = worst_case(asked)
    return PRICE.cost_micros(usage.input_tokens, usage.output_tokens)


class Reports:
    """A model that reports the usage that it is given, and counts its calls."""

    model_id = "scripted:one"

    def __init__(self, answer: Completion | Unanswered) -> None:
        self.answer = answer
        self.calls = 0

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        self.calls += 1
        return self.answer


# --- bounds -------------------------------------------------------------------------------------------------


@given(st.text(max_size=200))
def test_the_bound_is_at_least_the_bytes(text: str) -> None:
    assert input_tokens_bound(prompt(text)) >= len(text.encode("utf-8", "replace"))


def test_the_bound_knows_characters_that_grow_and_text_that_poses_as_a_control_token() -> None:
    assert input_tokens_bound(prompt("\ufdfa" * 10)) > input_tokens_bound(prompt("xyz" * 10))
    assert input_tokens_bound(prompt("<|im_start|>")) > input_tokens_bound(prompt("x|im_start|>"))


def test_a_report_at_the_bounds_is_believed_and_one_beyond_is_not() -> None:
    asked, answer = prompt(limit=10), "x" * 640
    most = input_tokens_bound(asked)
    assert proven(asked, {"prompt_tokens": most, "completion_tokens": 10}, answer) == Usage(0, most, 10, 1)
    assert proven(asked, {"prompt_tokens": most + 1, "completion_tokens": 10}, answer) is None
    assert proven(asked, {"prompt_tokens": most, "completion_tokens": 11}, answer) is None
    assert proven(asked, {"prompt_tokens": most, "completion_tokens": 9}, answer) is None


# --- metering -----------------------------------------------------------------------------------------------


def test_what_was_consumed_is_settled_and_the_rest_given_back() -> None:
    purse = Purse(10_000)
    answer = run(MeteredModel(Reports(Completion("Yes.", "m", Usage(0, 100, 5, 1))), PRICE, purse))
    assert isinstance(answer, Completion)
    assert answer.usage == Usage(110, 100, 5, 1)
    assert purse.left_micros == 10_000 - 110
    assert purse.use("m") == (ModelUse("m", 1, 100, 5, 110),)


def test_one_micro_unit_too_little_and_no_call_is_made() -> None:
    asked, model = prompt(), Reports(Completion("Yes.", "m", NO_USAGE))
    answer = run(MeteredModel(model, PRICE, Purse(worst(asked) - 1)), asked)
    assert isinstance(answer, Unanswered)
    assert (answer.cause, answer.usage, model.calls) == ("refused", NO_USAGE, 0)
    assert isinstance(run(MeteredModel(model, PRICE, Purse(worst(asked))), asked), Completion)


@pytest.mark.parametrize(
    "answer",
    [
        Unanswered("timeout", "late"),
        Completion("Yes.", "m", Usage(0, 3, 3, 1), unproven=True),
        Completion("Yes.", "m", Usage(0, 10_000_000, 3, 1)),
    ],
)
def test_what_is_unknown_or_cannot_be_is_settled_at_the_worst_case(answer: Completion | Unanswered) -> None:
    purse, asked = Purse(10_000), prompt()
    told = run(MeteredModel(Reports(answer), PRICE, purse), asked)
    assert told.usage is not None
    assert told.usage.cost_micros == worst(asked) == 10_000 - purse.left_micros
    assert told.usage.input_tokens == worst_case(asked).input_tokens


def test_a_refusal_costs_nothing() -> None:
    purse = Purse(10_000)
    run(MeteredModel(Reports(Unanswered("limited", "slowly", NO_USAGE)), PRICE, purse))
    assert (purse.left_micros, purse.use("m")) == (10_000, ())


def test_a_call_that_is_given_up_costs_the_worst_case() -> None:
    class Hangs:
        model_id = "scripted:slow"

        async def complete(self, prompt: Prompt) -> Completion:
            await asyncio.get_running_loop().create_future()
            raise AssertionError

    purse, asked = Purse(10_000), prompt()

    async def give_up() -> None:
        call = asyncio.create_task(MeteredModel(Hangs(), PRICE, purse).complete(asked))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    asyncio.run(give_up())
    assert purse.left_micros == 10_000 - worst(asked)


def test_calls_at_once_never_spend_beyond_the_purse() -> None:
    asked = prompt()
    model = Reports(Completion("Yes.", "m", Usage(0, 20, 20, 1)))
    purse = Purse(worst(asked) * 7 + 5)

    class Slow(Reports):
        async def complete(self, prompt: Prompt) -> Completion | Unanswered:
            await asyncio.sleep(0)
            return await super().complete(prompt)

    slow = Slow(model.answer)
    metered = MeteredModel(slow, PRICE, purse)

    async def hundred() -> list[Completion | Unanswered]:
        return list(await asyncio.gather(*(metered.complete(asked) for _ in range(100))))

    answers = asyncio.run(hundred())
    assert sum(isinstance(one, Completion) for one in answers) == slow.calls == 7
    assert purse.left_micros == worst(asked) * 7 + 5 - 7 * 60


def test_an_unknown_price_takes_all_that_is_left_once() -> None:
    purse, model = Purse(500), Reports(Completion("Yes.", "m", Usage(0, 20, 5, 1)))
    metered = MeteredModel(model, None, purse)
    first, second = run(metered), run(metered)
    assert isinstance(first, Completion)
    assert first.usage == Usage(500, 20, 5, 1)
    assert isinstance(second, Unanswered)
    assert (second.cause, model.calls) == ("refused", 1)
    assert "price_input_usd" in second.remedy


# --- limits -------------------------------------------------------------------------------------------------


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 100.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at

    async def sleep(self, for_s: float) -> None:
        self.slept.append(round(for_s, 6))
        self.at += for_s


def turnstile(clock: Clock, **more: object) -> Turnstile:
    settings: dict[str, object] = {"concurrency": 2, "wait_max_s": 30.0, **more}
    return Turnstile(now=clock.now, sleep=clock.sleep, **settings)  # type: ignore[arg-type]


def test_never_more_at_once_than_allowed_and_in_order() -> None:
    running, most, order = 0, 0, []

    class Watched:
        model_id = "scripted:watched"

        async def complete(self, prompt: Prompt) -> Completion:
            nonlocal running, most
            running += 1
            most = max(most, running)
            order.append(prompt.messages[0].text)
            for _ in range(3):
                await asyncio.sleep(0)
            running -= 1
            return Completion("Yes.", "m", NO_USAGE)

    model = LimitedModel(Watched(), Turnstile(concurrency=3))

    async def all_of_them() -> None:
        await asyncio.gather(*(model.complete(prompt(str(n))) for n in range(20)))

    asyncio.run(all_of_them())
    assert most == 3
    assert order == [str(n) for n in range(20)]


def test_a_waiting_call_that_is_given_up_leaves_its_place_to_the_next() -> None:
    async def story() -> bool:
        stile = Turnstile(concurrency=1)
        assert await stile.enter() is None
        second, third = asyncio.create_task(stile.enter()), asyncio.create_task(stile.enter())
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        stile.leave()
        assert await third is None
        stile.leave()
        return await stile.enter() is None

    assert asyncio.run(story())


def test_a_place_that_comes_in_the_moment_of_giving_up_is_not_lost() -> None:
    async def story() -> Unanswered | None:
        stile = Turnstile(concurrency=1, wait_max_s=0.5)
        await stile.enter()
        second = asyncio.create_task(stile.enter())
        await asyncio.sleep(0)
        stile.leave()  # the place is the second's now, which does not know yet
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        return await stile.enter()

    assert asyncio.run(story()) is None


def test_so_many_a_minute_and_no_longer_wait_than_the_bound() -> None:
    clock = Clock()
    stile = turnstile(clock, calls_per_minute=6, wait_max_s=25.0)

    async def story() -> list[Unanswered | None]:
        answers = []
        for _ in range(3):
            answers.append(await stile.enter())
            stile.leave()
        return answers

    assert asyncio.run(story()) == [None, None, None]
    assert clock.slept == [10.0, 10.0]


def test_who_would_wait_too_long_is_told_before_the_call() -> None:
    clock = Clock()
    model = Reports(Unanswered("limited", "slowly", NO_USAGE, 60.0))
    limited = LimitedModel(model, turnstile(clock))
    first, second = run(limited), run(limited)
    assert model.calls == 1
    assert isinstance(second, Unanswered)
    assert (second.cause, second.usage, second.retry_after_s) == ("limited", NO_USAGE, 60.0)
    clock.at += 60
    run(limited)
    assert (model.calls, first.usage) == (2, NO_USAGE)


def test_a_place_that_never_comes_is_given_up_in_time() -> None:
    async def story() -> Unanswered | None:
        stile = Turnstile(concurrency=1, wait_max_s=0.01)
        await stile.enter()
        return await stile.enter()

    answer = asyncio.run(story())
    assert answer is not None
    assert answer.cause == "limited"


# --- typed answers ------------------------------------------------------------------------------------------


def test_an_answer_that_fits_is_taken_out_of_its_fence() -> None:
    answer = run(
        TypedModel(ScriptedModel(in_turn('```json\n{"intent": "a"}\n```'))), prompt(output_schema=SCHEMA)
    )
    assert isinstance(answer, Completion)
    assert answer.text == '{"intent": "a"}'


@pytest.mark.parametrize(
    "wrong", ["Sure! It is a.", '{"intent": "c"}', "{}", '{"intent": NaN}', "[" * 100_000]
)
def test_a_wrong_answer_is_asked_for_once_more_and_both_are_paid_for(wrong: str) -> None:
    model = ScriptedModel(in_turn(wrong, '{"intent": "b"}'))
    answer = run(TypedModel(model), prompt(output_schema=SCHEMA))
    assert isinstance(answer, Completion)
    assert (answer.text, answer.usage.calls) == ('{"intent": "b"}', 2)
    again = model.prompts[1].messages
    assert [one.role for one in again] == ["user", "assistant", "user"]
    assert len(again[1].text) <= 4_000


def test_two_wrong_answers_are_none() -> None:
    model = ScriptedModel(in_turn("no", "no"))
    answer = run(TypedModel(model), prompt(output_schema=SCHEMA))
    assert isinstance(answer, Unanswered)
    assert answer.cause == "broken"
    assert answer.usage is not None
    assert answer.usage.calls == 2


def test_the_first_call_is_paid_for_also_if_the_second_fails() -> None:
    model = ScriptedModel(in_turn("no", Unanswered("limited", "slowly", NO_USAGE, 3.0)))
    answer = run(TypedModel(model), prompt(output_schema=SCHEMA))
    assert isinstance(answer, Unanswered)
    assert (answer.cause, answer.retry_after_s) == ("limited", 3.0)
    assert answer.usage is not None
    assert answer.usage.calls == 1


# --- the cache ----------------------------------------------------------------------------------------------


def cached(
    inner: object, shelf: InMemoryEmbeddingCache, seal: OpenSeal | None = None, **more: object
) -> CachedModel:
    return CachedModel(inner, shelf, seal or OpenSeal(), keyed_hash(b"k" * 16), **more)  # type: ignore[arg-type]


def test_the_second_time_nobody_is_asked_and_what_is_spared_is_counted() -> None:
    shelf, purse = InMemoryEmbeddingCache(), Purse(0)
    model = Reports(Completion("It is on its way to Köln.", "m", Usage(110, 100, 5, 1), cut=True))
    first = run(cached(model, shelf))
    second = run(cached(model, shelf, purse=purse, price=PRICE))
    assert isinstance(first, Completion)
    assert isinstance(second, Completion)
    assert model.calls == 1
    assert second == replace(first, usage=NO_USAGE, cached=True)
    assert purse.use("m") == (ModelUse("m", 0, cached=1, saved_micros=110),)


@pytest.mark.parametrize(
    "other",
    [
        prompt("Where is my Parcel?"),
        prompt(limit=21),
        prompt(output_schema=SCHEMA),
        replace(prompt(), system="Be long."),
        replace(prompt(), messages=(Message("assistant", "Where is my parcel?"),)),
        prompt(temperature=0.5),
    ],
)
def test_another_question_is_asked(other: Prompt) -> None:
    shelf, model = InMemoryEmbeddingCache(), Reports(Completion("Yes.", "m", NO_USAGE))
    run(cached(model, shelf))
    run(cached(model, shelf), other)
    assert model.calls == 2


def test_warm_answers_and_faults_are_not_kept() -> None:
    shelf = InMemoryEmbeddingCache()
    warm, fails = Reports(Completion("Yes.", "m", NO_USAGE)), Reports(Unanswered("refused", "no", NO_USAGE))
    for _ in range(2):
        run(cached(warm, shelf), prompt(temperature=0.5))
        run(cached(fails, shelf))
    assert (warm.calls, fails.calls) == (2, 2)


def test_an_answer_that_was_forgotten_or_damaged_is_asked_for_again() -> None:
    shelf, seal, model = InMemoryEmbeddingCache(), OpenSeal(), Reports(Completion("Yes.", "m", NO_USAGE))
    run(cached(model, shelf, seal))
    seal.forgotten = True
    run(cached(model, shelf, seal))
    assert model.calls == 2


def test_no_word_of_question_or_answer_lies_on_the_shelf() -> None:
    kept: dict[bytes, bytes] = {}

    class Shelf(InMemoryEmbeddingCache):
        def put(self, entries: object) -> None:
            kept.update(entries)  # type: ignore[call-overload]

    run(cached(Reports(Completion("Sesame opens.", "m", NO_USAGE)), Shelf()), prompt("Say parcel"))
    ((key, sealed),) = kept.items()
    for word in (b"Sesame", b"parcel", b"Be brief"):
        assert word not in key + sealed


# --- all of it ----------------------------------------------------------------------------------------------


def spending(
    model: object, *, cost_max: int = 10_000, data_class: str = "customer", **more: object
) -> Spending:
    allowed = ("public", "customer")
    settings = ModelSettings("default", "scripted:one", allowed, url="http://localhost", output_token_max=20)
    supply = Supply(settings, model, more.pop("price", PRICE))  # type: ignore[arg-type]
    return Spending(supply, cost_max_micros=cost_max, data_class=data_class, **more)  # type: ignore[arg-type]


def test_what_may_not_be_sent_is_refused_before_anything_else() -> None:
    model, shelf = Reports(Completion("Yes.", "m", NO_USAGE)), InMemoryEmbeddingCache()
    answers = Answers(shelf, OpenSeal(), keyed_hash(b"k" * 16))
    run(spending(model, answers=answers))
    secret = spending(model, data_class="medical", answers=answers)
    answer = run(secret)
    assert isinstance(answer, Unanswered)
    assert (answer.cause, answer.usage, secret.model, secret.uses, model.calls) == (
        "refused",
        NO_USAGE,
        "",
        (),
        1,
    )
    assert "allowed_data" in answer.remedy


def test_the_model_s_own_limit_of_output_is_kept() -> None:
    model = ScriptedModel(lambda asked: str(asked.output_token_max))
    answer = run(spending(model), prompt(limit=5_000))
    assert isinstance(answer, Completion)
    assert answer.text == "20"


def test_a_repair_is_reserved_like_any_other_call() -> None:
    asked = prompt(output_schema=SCHEMA)
    poor = spending(ScriptedModel(in_turn("no", '{"intent": "a"}')), cost_max=worst(asked) + 50)
    answer = run(poor, asked)
    assert isinstance(answer, Unanswered)
    assert answer.cause == "refused"
    rich = spending(ScriptedModel(in_turn("no", '{"intent": "a"}')), cost_max=worst(asked) * 3)
    assert isinstance(run(rich, asked), Completion)
    (used,) = rich.uses
    assert used.calls == 2
    assert used.cost_micros > 0


def test_the_same_evaluation_a_second_time_makes_no_call() -> None:
    model = ScriptedModel(lambda asked: '{"intent": "a"}')
    answers = Answers(InMemoryEmbeddingCache(), OpenSeal(), keyed_hash(b"k" * 16))
    questions = [prompt(f"message {n}", output_schema=SCHEMA) for n in range(30)]
    for _ in range(2):
        brief = spending(model, cost_max=1_000_000, answers=answers)
        for question in questions:
            assert isinstance(run(brief, question), Completion)
    assert len(model.prompts) == 30
    (used,) = brief.uses
    assert (used.calls, used.cached, used.cost_micros) == (0, 30, 0)
    assert used.saved_micros > 0
