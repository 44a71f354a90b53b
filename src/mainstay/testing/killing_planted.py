"""Mistakes to be made on purpose in a director that is killed: `testing.killing` must find each of them.

Each is one that this design rules out by an order of two steps or by one word of a contract, so that nothing but a kill
at the wrong moment shows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mainstay.adapters.base import Adapter
from mainstay.kernel import outcomes
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.effects import WakeAt
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.recovery import Diagnosis, Remedy, remedy
from mainstay.workspace.serving import Service

SLOW_S = 0.05  # what stands in the wrong order must last long enough to be hit


def _called_before_the_commit(service: Service, provider: Adapter) -> None:
    loop = service.loop
    commit = loop._commit
    hand_out = loop._hand_out

    async def late(tick: Any) -> None:
        effects = [one for one in tick.effects if not isinstance(one.effect, WakeAt)]
        tick.effects = [one for one in tick.effects if isinstance(one.effect, WakeAt)]
        hand_out(effects)
        await asyncio.sleep(SLOW_S)
        await commit(tick)

    loop._commit = late  # type: ignore[method-assign]


def _answered_before_the_commit(service: Service, provider: Adapter) -> None:
    loop = service.loop
    commit = loop._commit

    async def late(tick: Any) -> None:
        answers, tick.answers = tick.answers, []
        for answer, value in answers:
            answer(value)
        await asyncio.sleep(SLOW_S)
        await commit(tick)

    loop._commit = late  # type: ignore[method-assign]


def _another_key_each_time(service: Service, provider: Adapter) -> None:
    call = provider.call

    async def renamed(operation: str, payload: bytes, *, key: IdempotencyKey) -> Any:
        return await call(operation, payload, key=IdempotencyKey(f"{key}.{service.held.director.epoch}"))

    provider.call = renamed  # type: ignore[method-assign]


def _once_is_tried_again(service: Service, provider: Adapter) -> None:
    def careless(diagnosis: Diagnosis) -> Remedy:
        if diagnosis.repeatability is Repeatability.ONCE and diagnosis.failure is FailureClass.LOST:
            return Remedy.RETRY
        return remedy(diagnosis)

    setattr(outcomes, "remedy", careless)  # noqa: B010


def _findable_is_not_looked_up(service: Service, provider: Adapter) -> None:
    def careless(diagnosis: Diagnosis) -> Remedy:
        if diagnosis.repeatability is Repeatability.FINDABLE:
            return remedy(replace(diagnosis, repeatability=Repeatability.KEYED))
        return remedy(diagnosis)

    setattr(outcomes, "remedy", careless)  # noqa: B010


PLANTED: Mapping[str, Callable[[Service, Adapter], None]] = {
    "called before the commit": _called_before_the_commit,
    "answered before the commit": _answered_before_the_commit,
    "another key each time": _another_key_each_time,
    "once is tried again": _once_is_tried_again,
    "findable is not looked up": _findable_is_not_looked_up,
}
