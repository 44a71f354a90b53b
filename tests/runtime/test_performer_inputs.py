"""What a run's input refers to is opened before an agent is asked; a reference to nothing ends that task alone."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mainstay.agents.base import Data, Produced
from mainstay.kernel.commands import Failed, RecordOutcome
from mainstay.kernel.effects import InvokeAgent
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Role
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.keys import InMemoryKeys
from mainstay.ledger.sealing import Vault
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.clock import SystemClock
from mainstay.runtime.performer import Performer
from mainstay.runtime.tick import Owed


class Nobody:
    """An agent that must not be asked."""

    name, role, recipe, cost_max_micros = "nobody", Role.SPECIALIST, "", 0
    input: type[Data] = Data
    output: type[Data] | None = None

    async def work(self, brief: Any, tools: Any) -> Produced:
        raise AssertionError("it was asked all the same")


@pytest.mark.parametrize(
    "given",
    [
        {"message": {"content": "", "thread": "t"}},
        {"message": {"content": "../../../etc/passwd", "thread": "t"}},
        {"message": {"content": "f" * 64, "thread": "t"}},
        {"reply": {"artifact": "f" * 64, "kind": "reply"}},
        {"reply": {"artifact": "f" * 64, "kind": "no such kind"}},
        {"reply": {"artifact": "f" * 64}},
    ],
)
def test_a_reference_to_nothing_fails_its_task(tmp_path: Path, given: dict[str, Any]) -> None:
    artifacts = Artifacts(Vault(bytes(32), InMemoryKeys()), BlobStore(tmp_path, lambda digest: None))
    performer = Performer(
        clock=SystemClock(),
        agents={"nobody": Nobody()},
        artifacts=artifacts,
        gate=None,  # type: ignore[arg-type]  # no act comes of it
        routes=lambda act, inputs: None,
        adapters={},
        tools=lambda brief: None,  # type: ignore[arg-type,return-value]
    )
    effect = InvokeAgent(RunId("run"), 0, 1, "first", Role.SPECIALIST, "nobody", given, 1.0)
    request = asyncio.run(performer.perform(Owed(effect, 0)))
    assert request is not None
    assert isinstance(request.command, RecordOutcome)
    outcome = request.command.outcome
    assert isinstance(outcome, Failed)
    assert outcome.failure is FailureClass.INVALID
