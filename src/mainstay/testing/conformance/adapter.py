"""What every adapter promises, as a suite that a new one passes in a few lines.

    class TestMyAdapter(AdapterConformance):
        @contextmanager
        def opened(self):
            yield Specimen(MyAdapter(...), (Example("post", {"text": "Hello"}),))

The tests are plain methods that pytest finds by their names, and `run` calls them without pytest. Each
opens the adapter anew. Where the other side can count (`Example.count`), it is asked how often a thing
really happened.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from mainstay.adapters.base import Absent, Adapter, Done, Found, InDoubt, Refused, Rendered, Unknown
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.ids import IdempotencyKey, derive
from mainstay.kernel.values import Instant, Json

AT = Instant(1_700_000_000_000_000)


@dataclass(frozen=True, slots=True)
class Example:
    """A request that works. `count` asks the other side how many times it happened under a key."""

    operation: str
    request: Json
    count: Callable[[IdempotencyKey], Awaitable[int]] | None = None


@dataclass(frozen=True, slots=True)
class Specimen:
    """An adapter, ready to be called, and one example for each of its operations."""

    adapter: Adapter
    examples: tuple[Example, ...]


def _key(name: str) -> IdempotencyKey:
    return IdempotencyKey(derive("conformance", name).hex())


def _finished(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


class AdapterConformance(ABC):
    """The suite. A subclass opens the adapter; everything else is here."""

    @abstractmethod
    def opened(self) -> AbstractContextManager[Specimen]:
        """An adapter whose other side is there, for the length of one test."""

    def test_the_contract_is_well_formed(self) -> None:
        with self.opened() as specimen:
            contract = specimen.adapter.contract
            assert contract.adapter.isidentifier(), "the name stands before the dot in `act: name.operation`"
            assert contract.operations, "an adapter without operations does nothing"
            names = [operation.name for operation in contract.operations]
            assert len(names) == len(set(names)), "two operations of one name"
            for operation in contract.operations:
                assert operation.name.isidentifier(), operation.name
                assert operation.timeout_s > 0, "every wait has a deadline"
                assert operation.attempt_max >= 1
                fields = operation.request.names
                assert len(fields) == len(set(fields)), f"two fields of one name in {operation.name}"
            assert contract == specimen.adapter.contract, "a contract does not change while it is in use"

    def test_there_is_an_example_for_each_operation(self) -> None:
        with self.opened() as specimen:
            declared = {operation.name for operation in specimen.adapter.contract.operations}
            assert {example.operation for example in specimen.examples} == declared

    def test_rendering_is_deterministic_and_whole(self) -> None:
        with self.opened() as specimen:
            for example in specimen.examples:
                first = _rendered(specimen, example, "render")
                request = json.loads(json.dumps(example.request))
                again = specimen.adapter.render(example.operation, request, key=_key("render"), at=AT)
                assert first == again, "the same request gave two effects: an approval would bind neither"
                assert first.payload, "there is nothing to approve"
                assert first.title, "an effect needs a line for the list"
                assert "\n" not in first.title

    def test_rendering_leaves_the_request_as_it_was(self) -> None:
        with self.opened() as specimen:
            for example in specimen.examples:
                before = json.dumps(example.request, sort_keys=True)
                _rendered(specimen, example, "unchanged")
                assert json.dumps(example.request, sort_keys=True) == before

    def test_an_unknown_operation_is_refused(self) -> None:
        with self.opened() as specimen:
            adapter, key = specimen.adapter, _key("unknown")
            assert _refusal(adapter, "no_such_operation"), (
                "an operation that is not in the contract was rendered"
            )
            result = _finished(adapter.call("no_such_operation", b"{}", key=key))
            assert isinstance(result, Refused), result
            found = _finished(adapter.find("no_such_operation", b"{}", key=key))
            assert isinstance(found, Unknown | Absent), found

    def test_an_empty_request_is_refused_with_a_reason(self) -> None:
        with self.opened() as specimen:
            for operation in specimen.adapter.contract.operations:
                if not any(field.required for field in operation.request.fields):
                    continue
                assert _refusal(specimen.adapter, operation.name), (
                    f"{operation.name} was rendered from nothing"
                )

    def test_a_call_does_it_and_says_so(self) -> None:
        with self.opened() as specimen:
            for example in specimen.examples:
                payload = _rendered(specimen, example, "call").payload
                result = _finished(_call(specimen, example, payload, "call"))
                assert isinstance(result, Done), result
                json.dumps(result.response)
                _assert_count(example, "call", 1)

    def test_two_calls_under_one_key_do_one_thing_where_the_contract_says_keyed(self) -> None:
        with self.opened() as specimen:
            for example in _with(specimen, Repeatability.KEYED):
                payload = _rendered(specimen, example, "twice").payload

                async def twice(example: Example = example, payload: bytes = payload) -> list[Any]:
                    calls = [_call(specimen, example, payload, "twice") for _ in range(3)]
                    return [*await asyncio.gather(*calls), await _call(specimen, example, payload, "twice")]

                for result in _finished(twice()):
                    assert isinstance(result, Done), result
                _assert_count(example, "twice", 1)

    def test_what_was_done_is_found_where_it_can_be_looked_up(self) -> None:
        with self.opened() as specimen:
            examples = _with(specimen, Repeatability.FINDABLE)
            for example in examples:
                payload = _rendered(specimen, example, "find").payload
                assert isinstance(_finished(_call(specimen, example, payload, "find")), Done)
                found = _finished(specimen.adapter.find(example.operation, payload, key=_key("find")))
                assert isinstance(found, Found), found
                again = _finished(specimen.adapter.find(example.operation, payload, key=_key("find")))
                assert isinstance(again, Found), "looking changed what is there"
                _assert_count(example, "find", 1)

    def test_what_was_not_done_is_never_found(self) -> None:
        with self.opened() as specimen:
            for example in specimen.examples:
                payload = _rendered(specimen, example, "never").payload
                found = _finished(specimen.adapter.find(example.operation, payload, key=_key("never")))
                assert isinstance(found, Absent | Unknown), found
                _assert_count(example, "never", 0)

    def test_two_keys_are_two_things(self) -> None:
        with self.opened() as specimen:
            for example in specimen.examples:
                for name in ("one", "other"):
                    payload = _rendered(specimen, example, name).payload
                    result = _finished(_call(specimen, example, payload, name))
                    assert isinstance(result, Done), result
                for name in ("one", "other"):
                    _assert_count(example, name, 1)


def _rendered(specimen: Specimen, example: Example, name: str) -> Rendered:
    return specimen.adapter.render(example.operation, example.request, key=_key(name), at=AT)


def _refusal(adapter: Adapter, operation: str) -> str:
    """The reason for which an empty request is refused; empty if it is not, or without a reason."""
    try:
        adapter.render(operation, {}, key=_key("refused"), at=AT)
    except ValueError as error:
        return str(error)
    return ""


async def _call(specimen: Specimen, example: Example, payload: bytes, name: str) -> Any:
    result = await specimen.adapter.call(example.operation, payload, key=_key(name))
    assert not isinstance(result, InDoubt), f"nothing went wrong, and it is in doubt: {result.reason}"
    return result


def _with(specimen: Specimen, repeatability: Repeatability) -> list[Example]:
    """Examples of operations that may be repeated so."""
    declared = {operation.name: operation for operation in specimen.adapter.contract.operations}
    return [
        example for example in specimen.examples if declared[example.operation].repeatability is repeatability
    ]


def _assert_count(example: Example, name: str, expected: int) -> None:
    if example.count is None:
        return

    async def counted() -> int:
        assert example.count is not None
        return await example.count(_key(name))

    count = _finished(counted())
    assert count == expected, f"{example.operation} happened {count} times instead of {expected}"


def run(suite: AdapterConformance) -> dict[str, str | None]:
    """Every promise with None where it holds and the reason where it does not: for `adapters check`."""
    results: dict[str, str | None] = {}
    for name in sorted(dir(suite)):
        if not name.startswith("test_"):
            continue
        try:
            getattr(suite, name)()
        except AssertionError as error:
            results[name[5:].replace("_", " ")] = str(error) or "it does not hold"
        else:
            results[name[5:].replace("_", " ")] = None
    return results
