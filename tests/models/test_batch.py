"""Batches: found again after a crash anywhere, paid for once, settled one by one."""

import asyncio
from collections.abc import Mapping

import pytest

from mainstay.models.base import Completion, Message, Prompt, Unanswered
from mainstay.models.batch import Answered, batch_key, in_batch
from mainstay.models.batch_spending import BatchSpending
from mainstay.models.bounds import worst_case
from mainstay.models.embedding_cache import InMemoryEmbeddingCache
from mainstay.models.metered import Purse
from mainstay.models.openai_batch import OpenAIBatch
from mainstay.models.prices import Price
from mainstay.models.settings import ModelSettings
from mainstay.models.spending import Answers
from mainstay.testing.batch_server import BatchScript
from mainstay.testing.model_server import Asked, Given, ModelServer, completion, refusal
from tests.models.sealing import OpenSeal, keyed_hash

PRICE = Price(1_000_000, 2_000_000)
PROMPTS = {f"message {n}": Prompt("Be brief.", (Message("user", f"number {n}"),), 20) for n in range(6)}


def echo(asked: Asked) -> Given:
    return completion(asked.body["messages"][-1]["content"])(asked)


def answers(
    script: BatchScript,
    purse: Purse | None = None,
    prompts: Mapping[str, Prompt] = PROMPTS,
    *,
    price: Price | None = PRICE,
    attempt: int = 1,
    deadline_s: float = 600.0,
) -> Mapping[str, Answered]:
    time = [0.0]

    async def sleep(for_s: float) -> None:
        time[0] += for_s

    async def all_of_it() -> Mapping[str, Answered]:
        client = OpenAIBatch(ModelSettings("test", "scripted:small", url=server.url), lambda: "sk-1")
        try:
            return await in_batch(
                client,
                prompts,
                price=price,
                purse=purse or Purse(1_000_000),
                attempt=attempt,
                deadline_s=deadline_s,
                now=lambda: time[0],
                sleep=sleep,
            )
        finally:
            await client.aclose()

    with ModelServer(script) as server:
        return asyncio.run(all_of_it())


def test_each_prompt_gets_its_answer_and_nothing_is_left_with_the_provider() -> None:
    script, purse = BatchScript(echo, works_after=3), Purse(1_000_000)
    found = answers(script, purse)
    assert list(found) == list(PROMPTS)
    for name, prompt in PROMPTS.items():
        answer = found[name]
        assert isinstance(answer, Completion)
        assert answer.text == prompt.messages[0].text
        assert answer.usage.cost_micros == PRICE.cost_micros(
            answer.usage.input_tokens, answer.usage.output_tokens
        )
    assert purse.spent.calls == 6
    assert purse.left_micros == 1_000_000 - purse.spent.cost_micros
    assert script.files == {}


@pytest.mark.parametrize(
    "fault",
    [
        "GET /batches",
        "POST /files",
        "after:POST /files",
        "POST /batches",
        "after:POST /batches",  # it was made, and nobody heard of it
    ],
)
def test_whatever_fails_on_the_way_there_is_never_a_second_batch(fault: str) -> None:
    script = BatchScript(echo, fail=(fault,))
    first = answers(script)
    assert {one.cause for one in first.values() if isinstance(one, Unanswered)} == {"unreachable"}
    second = answers(script)
    assert all(isinstance(one, Completion) for one in second.values())
    assert len(script.batches) == 1


def test_a_batch_is_found_on_a_later_page_of_the_list() -> None:
    script = BatchScript(echo, works_after=1_000, page_size=2)
    late = answers(script, deadline_s=1)
    for n in range(5):
        answers(script, prompts={"other": Prompt("", (Message("user", f"other {n}"),), 5)}, deadline_s=1)
    assert {one.cause for one in late.values() if isinstance(one, Unanswered)} == {"timeout"}
    answers(script, deadline_s=1)
    assert len(script.batches) == 6


def test_what_may_have_been_made_is_settled_at_the_worst_case() -> None:
    purse = Purse(1_000_000)
    answers(BatchScript(echo, fail=("after:POST /batches",)), purse)
    worst = sum(
        PRICE.cost_micros(worst_case(one).input_tokens, worst_case(one).output_tokens)
        for one in PROMPTS.values()
    )
    assert purse.left_micros == 1_000_000 - worst
    purse = Purse(1_000_000)
    answers(BatchScript(echo, fail=("POST /files",)), purse)
    assert purse.left_micros == 1_000_000


def test_a_batch_that_is_over_too_early_has_some_answers() -> None:
    purse = Purse(1_000_000)
    found = answers(BatchScript(echo, ends="expired"), purse)
    causes = [one.cause if isinstance(one, Unanswered) else "" for one in found.values()]
    assert causes == ["", "", "", "timeout", "timeout", "timeout"]
    assert purse.spent.calls == 3


def test_a_batch_that_failed_as_a_whole_costs_nothing_and_another_may_follow() -> None:
    purse, script = Purse(1_000_000), BatchScript(echo, ends="failed")
    found = answers(script, purse)
    assert {one.cause for one in found.values() if isinstance(one, Unanswered)} == {"refused"}
    assert purse.left_micros == 1_000_000
    answers(script, attempt=2)
    assert len(script.batches) == 2


def test_one_that_is_refused_and_one_without_its_form_are_told_alone() -> None:
    def some(asked: Asked) -> Given:
        text = asked.body["messages"][-1]["content"]
        return (
            refusal(400)
            if text == "number 1"
            else completion('{"n": 2}' if text == "number 2" else "no")(asked)
        )

    schema = {"type": "object", "required": ["n"]}
    prompts = {name: Prompt("", one.messages, 20, schema) for name, one in list(PROMPTS.items())[1:4]}
    found = list(answers(BatchScript(some), prompts=prompts).values())
    assert [one.cause if isinstance(one, Unanswered) else one.text for one in found] == [
        "refused",
        '{"n": 2}',
        "broken",
    ]


def test_nothing_is_submitted_at_an_unknown_price_or_with_too_little_left() -> None:
    script = BatchScript(echo)
    for found in (answers(script, price=None), answers(script, Purse(100))):
        assert {one.cause for one in found.values() if isinstance(one, Unanswered)} == {"refused"}
    assert script.batches == []


def test_the_key_depends_on_everything_that_is_asked() -> None:
    key = batch_key("a:b", PROMPTS)
    assert key == batch_key("a:b", dict(reversed(list(PROMPTS.items()))))
    other = {**PROMPTS, "message 0": Prompt("Be long.", PROMPTS["message 0"].messages, 20)}
    assert (
        len({key, batch_key("a:c", PROMPTS), batch_key("a:b", PROMPTS, attempt=2), batch_key("a:b", other)})
        == 4
    )


def kept_answers(
    server: ModelServer, shelf: InMemoryEmbeddingCache, **more: object
) -> tuple[BatchSpending, list[Answered]]:
    async def no_wait(for_s: float) -> None:
        return None

    async def all_of_it() -> tuple[BatchSpending, list[Answered]]:
        settings = ModelSettings("test", "scripted:small", ("customer",), url=server.url)
        client = OpenAIBatch(settings, lambda: "sk-1")
        given: dict[str, object] = {"cost_max_micros": 1_000_000, "data_class": "customer", **more}
        spending = BatchSpending(
            settings,
            client,
            PRICE,
            answers=Answers(shelf, OpenSeal(), keyed_hash(b"k" * 16)),
            **given,  # type: ignore[arg-type]
        )
        try:
            return spending, list((await spending.complete(PROMPTS, sleep=no_wait)).values())
        finally:
            await client.aclose()

    return asyncio.run(all_of_it())


def test_what_a_batch_answered_is_kept_and_never_asked_again() -> None:
    script, shelf = BatchScript(echo), InMemoryEmbeddingCache()
    with ModelServer(script) as server:
        first, answered = kept_answers(server, shelf)
        second, again = kept_answers(server, shelf)
    assert [one.text for one in answered if isinstance(one, Completion)] == [
        one.text for one in again if isinstance(one, Completion)
    ]
    assert len(script.batches) == 1
    ((used,), (spared,)) = first.uses, second.uses
    assert (used.calls, used.cached, spared.calls, spared.cached) == (6, 0, 0, 6)
    assert spared.saved_micros == used.cost_micros > 0


def test_a_crash_before_the_answers_are_kept_finds_the_batch_again() -> None:
    class Crash(Exception):
        """The process ends here."""

    class Torn(InMemoryEmbeddingCache):
        def put(self, entries: object) -> None:
            raise Crash

    script = BatchScript(echo)
    with ModelServer(script) as server:
        with pytest.raises(Crash):
            kept_answers(server, Torn())
        assert script.files, "nothing is removed before it is kept"
        _, answered = kept_answers(server, InMemoryEmbeddingCache())
    assert all(isinstance(one, Completion) for one in answered)
    assert len(script.batches) == 1


def test_a_batch_is_held_to_the_data_class() -> None:
    script = BatchScript(echo)
    with ModelServer(script) as server:
        _, answered = kept_answers(server, InMemoryEmbeddingCache(), data_class="medical")
    assert {one.cause for one in answered if isinstance(one, Unanswered)} == {"refused"}
    assert script.batches == []


def test_answers_that_were_removed_already_are_asked_for_as_another_attempt() -> None:
    script = BatchScript(echo)
    answers(script)
    gone = answers(script)
    assert {one.detail for one in gone.values() if isinstance(one, Unanswered)} == {
        "the answers of this batch of scripted:small were removed already"
    }
    assert all(isinstance(one, Completion) for one in answers(script, attempt=2).values())
