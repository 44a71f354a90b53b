"""Acting: an effect leaves the house, or is looked for at the other side.

Rules of this file:

- An effect leaves only past `_may_leave`: the digest of the very bytes is computed once more, then kill switch, epoch
  and whether it is still wanted are checked, directly before the call.
- What an adapter raises is an outcome; after the call has begun nobody knows what became of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import assert_never

from mainstay.adapters.base import Absent, Adapter, Done, Found, InDoubt, NotNow, Refused, Unknown
from mainstay.kernel.commands import Acted, Failed, Outcome, Sighting, Sought, Withheld
from mainstay.kernel.contract import Finality
from mainstay.kernel.effects import InvokeAdapter
from mainstay.kernel.errors import StaleEpoch
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import effect_digest
from mainstay.kernel.values import Json
from mainstay.ledger.codec import storable
from mainstay.models import traces
from mainstay.runtime.artifacts import Artifacts, SubjectForgotten
from mainstay.runtime.gate import Gate
from mainstay.runtime.reasons import place_of, sealed

Refresh = Callable[
    [str], Awaitable[None]
]  # (adapter instance): read its mailbox once more before a final act
_NO_SPAN = nullcontext[None](None)


class Acting:
    """Calls the adapters of one workspace."""

    def __init__(
        self,
        *,
        adapters: Mapping[str, Adapter],
        artifacts: Artifacts,
        gate: Gate,
        refresh: Refresh,
        noticed: Callable[[str, Exception], None],
    ) -> None:
        self._adapters = adapters
        self._artifacts = artifacts
        self._gate = gate
        self._refresh = refresh
        self._noticed = noticed

    async def call(self, effect: InvokeAdapter) -> Outcome:
        """Carry the action out, if it may leave."""
        action = effect.action
        adapter = self._adapters.get(action.adapter)
        if adapter is None:
            return Failed(
                FailureClass.TRANSIENT, f"adapter {action.adapter!r} is not configured in this workspace"
            )
        try:
            payload = self._artifacts.get(action.payload, effect.owner, b"payload")
        except SubjectForgotten:
            return Failed(FailureClass.REFUSED, "the recipient was forgotten before it left")
        try:
            if action.finality is not Finality.REVERSIBLE:
                await self._refresh(action.adapter)
        except Exception as error:  # a mailbox that cannot be read must not stop what was approved for ever
            self._noticed(f"refresh of {action.adapter}", error)
            reason = "the mailbox could not be read once more before sending"
            return Failed(FailureClass.TRANSIENT, reason, exception=place_of(error))
        stopped = self._may_leave(effect, payload)
        if stopped is not None:
            return stopped
        try:
            with self._span(effect) as span:
                answer = await adapter.call(action.operation, payload, key=action.key)
                if span is not None:
                    span.ended("" if isinstance(answer, Done) else type(answer).__name__)
        except Exception as error:  # it may have been handed over before the adapter's code failed
            self._noticed(f"adapter {action.adapter}", error)
            reason = f"adapter {action.adapter!r} raised {type(error).__name__}"
            return Failed(FailureClass.BUG, reason, exception=place_of(error))
        match answer:
            case Done(response):
                return Acted(_kept(response))
            case Refused(reason):
                return Failed(FailureClass.REFUSED, sealed(self._artifacts, reason, effect.owner))
            case NotNow(reason, retry_after_s):
                failure = FailureClass.THROTTLED if retry_after_s is not None else FailureClass.TRANSIENT
                after = None if retry_after_s is None else int(retry_after_s * 1_000_000)
                return Failed(failure, sealed(self._artifacts, reason, effect.owner), after)
            case InDoubt(reason):
                return Failed(FailureClass.IN_DOUBT, sealed(self._artifacts, reason, effect.owner))
            case _:
                assert_never(answer)

    def _may_leave(self, effect: InvokeAdapter, payload: bytes) -> Outcome | None:
        """The last look, directly before the call; None when it may leave."""
        action = effect.action
        again = effect_digest(
            adapter=action.adapter,
            operation=action.operation,
            contract=self._adapters[action.adapter].contract.version,
            price_micros=action.price_micros,
            key=action.key,
            payload=payload,
        )
        if again != action.digest:
            reason = "what would leave is not what was approved: its digest, contract or price has changed"
            return Failed(FailureClass.REFUSED, reason)
        if not self._gate.epoch_holds():
            raise StaleEpoch(
                why="Another process took this workspace over.",
                remedy="Nothing was sent. End this process; the newer one carries on.",
            )
        overtaken = self._gate.overtaken(effect.run)
        if overtaken:
            return Withheld(overtaken)
        if not self._gate.still_wanted(effect.run, effect.task, effect.attempt):
            return Failed(FailureClass.STOPPED, "it was stopped before it left")
        return None

    def _span(self, effect: InvokeAdapter) -> AbstractContextManager[traces.Silent | None]:
        """The span of a call that leaves the house."""
        if not traces.listening():
            return _NO_SPAN
        action = effect.action
        return traces.act(
            action.act, adapter=action.adapter, run=effect.run, task=effect.task, attempt=effect.attempt
        )

    async def look_up(self, effect: InvokeAdapter) -> Outcome:
        """Whether the other side knows of it: what cannot be told is unknown."""
        action = effect.action
        adapter = self._adapters.get(action.adapter)
        if adapter is None:
            return Sought(Sighting.UNKNOWN)
        try:
            payload = self._artifacts.get(action.payload, effect.owner, b"payload")
            answer = await adapter.find(action.operation, payload, key=action.key)
        except SubjectForgotten:
            return Sought(Sighting.UNKNOWN)
        except Exception as error:  # a look-up that fails proves nothing
            self._noticed(f"adapter {action.adapter}", error)
            return Sought(Sighting.UNKNOWN)
        match answer:
            case Found(response):
                return Sought(Sighting.FOUND, _kept(response))
            case Absent():
                return Sought(Sighting.ABSENT)
            case Unknown():
                return Sought(Sighting.UNKNOWN)
            case _:
                assert_never(answer)


def _kept(response: Json) -> Json:
    """The other side's answer as it may stand in an event. That it was done matters more than what it said."""
    try:
        return storable(response)
    except ValueError:
        return {}
