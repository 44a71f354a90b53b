"""The workspace that `testing.killing` kills again and again: real files, a real director, and a provider outside.

The provider is what a careful outside system is, in three ways. What is `keyed` it does once for each key; what is
`findable` it does as often as it is told, and says afterwards whether it happened; what may be called `once` it does as
often as it is told and keeps no books. All it does stands in an append-only file beside the ledger, a line when a
request arrives and one with its effect, so that what happened can be held against what the ledger says. `kill -9`
leaves the kernel's cache alone, so that file is whole.

Each act comes in two forms, one of which asks the operator first.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from mainstay.adapters.base import Absent, CallResult, Done, FindResult, Found, Refused, Rendered, Unknown
from mainstay.agents.base import Agent, Brief, Data, Produced, Tools, schema_of
from mainstay.agents.executor import Proposer
from mainstay.kernel.contract import Contract, Field, FieldType, Finality, Operation, Repeatability, Schema
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.plan import Role
from mainstay.kernel.values import Instant, Json
from mainstay.runtime.routes import Route
from mainstay.workflows.catalog import AgentSignature, Catalog
from mainstay.workspace.assembly import Assembly
from mainstay.workspace.folder import Folder, adopt
from mainstay.workspace.serving import Service

KINDS = tuple(str(one) for one in Repeatability)
WORKFLOWS = tuple(kind + asked for kind in KINDS for asked in ("", "_asked"))
PROVIDER = "provider"
KEY_HOME = "MAINSTAY_KEY_HOME"  # see `ledger.master_key`
WITNESS, MARKS, LOG = "witness", "marks", "log"
TRAVEL_MAX_S = 0.03  # of a request, of the work, and of its answer

_SETTINGS = """[workspace]
name = "killed"

[operator]
name = "Sample Operator"
address = "operator@example.org"
"""
_POLICY = """[[rule]]
name = "free"
when = { act = "provider.*" }
then = "allow"
why = "the sample provider does no harm"
"""
_ASKS = """
[[rule]]
name = "ask about {name}"
when = {{ act = "provider.{name}" }}
then = "ask"
why = "its name says so"
"""
_WORKFLOW = """name: {name}
version: 1
tasks:
  think:
    role: specialist
    agent: thinker
    in:
      text: ${{trigger.text}}
  act:
    act: provider.{name}
    in:
      text: ${{think.text}}
  after:
    role: specialist
    agent: thinker
    needs: [act]
    in:
      text: ${{think.text}}
"""


def lay_out(root: Path) -> Folder:
    """A new workspace with all these workflows."""
    texts = {f"workflows/{name}.yaml": _WORKFLOW.format(name=name) for name in WORKFLOWS}
    asks = "".join(_ASKS.format(name=name) for name in WORKFLOWS if name.endswith("_asked"))
    texts |= {"mainstay.toml": _SETTINGS, "policies/default.toml": _POLICY + asks}
    for place, text in texts.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text, encoding="utf-8")
    folder = Folder(root)
    adopt(folder)
    return folder


@contextmanager
def own_keys(place: Path) -> Iterator[None]:
    """Master keys lie here meanwhile, and nothing of whoever runs this is touched."""
    before = os.environ.get(KEY_HOME)
    os.environ[KEY_HOME] = str(place)
    try:
        yield
    finally:
        if before is None:
            del os.environ[KEY_HOME]
        else:
            os.environ[KEY_HOME] = before


class AppendOnly:
    """A file in which each line is one write, so that it is whole whoever is killed."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, *words: object) -> None:
        """One line."""
        os.write(self._handle, " ".join(map(str, words)).encode() + b"\n")


def lines(path: Path) -> list[list[str]]:
    """The lines of such a file, in words."""
    return [line.split(" ") for line in path.read_text().split("\n")[:-1]] if path.exists() else []


class Provider:
    """The outside system: see the module. A line of its file is `cycle phase operation key text`."""

    def __init__(self, root: Path, cycle: int, draw: random.Random) -> None:
        self._file = AppendOnly(root / WITNESS)
        self._done = {key for _, phase, _, key, _ in lines(root / WITNESS) if phase == "done"}
        self._cycle = cycle
        self._draw = draw
        self.contract = Contract(
            PROVIDER,
            1,
            0,
            tuple(
                Operation(
                    name,
                    Schema((Field("text", FieldType.STRING),)),
                    Schema((Field("key", FieldType.STRING),)),
                    Repeatability(name.removesuffix("_asked")),
                    Finality.FINAL_LOW,
                    attempt_max=10_000,  # a cycle may cost each act an attempt
                )
                for name in WORKFLOWS
            ),
        )

    def render(self, operation: str, request: Json, *, key: IdempotencyKey, at: Instant) -> Rendered:
        """See `Adapter.render`."""
        return Rendered(
            json.dumps({"text": request["text"]}).encode(),
            f"do {request['text']}",
            finality=Finality.FINAL_LOW,
        )

    async def call(self, operation: str, payload: bytes, *, key: IdempotencyKey) -> CallResult:
        """See `Adapter.call`."""
        if self.contract.operation(operation) is None:
            return Refused(f"there is no operation {operation!r}")
        text = json.loads(payload)["text"]
        await self._travel()
        self._file.write(self._cycle, "received", operation, key, text)
        await self._travel()
        if not (operation.startswith("keyed") and key in self._done):
            self._done.add(key)
            self._file.write(self._cycle, "done", operation, key, text)
        await self._travel()
        return Done({"key": key})

    async def find(self, operation: str, payload: bytes, *, key: IdempotencyKey) -> FindResult:
        """See `Adapter.find`. What is not there cannot be under way: whoever called it has died."""
        await self._travel()
        if not operation.startswith("findable"):
            return Unknown("there is nothing to look into")
        return Found({"key": key}) if key in self._done else Absent()

    async def _travel(self) -> None:
        await asyncio.sleep(self._draw.random() * TRAVEL_MAX_S)


class _Text(Data):
    text: str


class _Thinker:
    """Says what it was told."""

    name = "thinker"
    role = Role.SPECIALIST
    recipe = "thinker 1"
    input: type[Data] = _Text
    output: type[Data] | None = _Text
    cost_max_micros = 0

    async def work(self, brief: Brief, tools: Tools) -> Produced:
        return Produced(_Text(text=brief.inputs["text"]), "it was told so", ("trigger",))


class House(Assembly):
    """The parts of such a workspace: all of Mainstay's own, but for the provider and who thinks."""

    provider: Provider | None = None  # none where the ledger is only looked at

    @cached_property
    def adapters(self) -> Mapping[str, Any]:
        """The provider."""
        return {PROVIDER: self.provider} if self.provider is not None else {}

    def route(self, act: str, inputs: Json) -> Route | None:
        """See `Assembly.route`."""
        operation = act.partition(".")[2]
        found = self.provider.contract.operation(operation) if self.provider else None
        return Route(PROVIDER, self.provider, found) if self.provider and found else None

    @cached_property
    def agents(self) -> Mapping[str, Agent]:
        """See `Assembly.agents`."""
        return self.light_agents

    @cached_property
    def light_agents(self) -> Mapping[str, Agent]:
        """Who thinks, and who proposes."""
        return {one.name: one for one in (_Thinker(), Proposer())}

    @cached_property
    def catalog(self) -> Catalog:
        """See `Assembly.catalog`."""
        assert self.provider is not None, "only a director reads workflows here"
        agents = {
            one.name: AgentSignature(
                one.role, schema_of(one.input), schema_of(one.output) if one.output else Schema()
            )
            for one in self.light_agents.values()
        }
        acts = {f"{PROVIDER}.{one.name}": one for one in self.provider.contract.operations}
        return Catalog(agents=agents, acts=acts)


def be_killed(root: str, key_home: str, cycle: int, seed: int, planted: str) -> None:
    """The life of one director: boots, works, and says in the file of marks how far it came. Ends by a signal.

    `planted` names a mistake of `killing_planted` to make.
    """
    os.environ[KEY_HOME] = key_home  # it may have been forked from a process that knows another
    folder = Folder(Path(root))
    marks = AppendOnly(folder.root / MARKS)
    marks.write("boot")
    log = os.open(folder.root / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.WARNING, force=True)
    provider = Provider(folder.root, cycle, random.Random(seed))

    class Here(House):
        pass

    Here.provider = provider
    service = Service(folder, ingest=False, assembly=Here)
    store = service.held.store
    append = store.append

    def marked(*given: Any, **named: Any) -> Any:
        marks.write("commit")
        result = append(*given, **named)
        marks.write("committed")
        return result

    store.append = marked  # type: ignore[method-assign]  # only to say when it is under way
    if planted:
        from mainstay.testing.killing_planted import PLANTED

        PLANTED[planted](service, provider)

    async def live() -> None:
        service.stop_on_signals()
        await service.run(lambda: marks.write("ready"))

    asyncio.run(live())
