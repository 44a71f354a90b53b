"""`Executable`: a program of the operator's as an agent. It speaks `agents.protocol`, in the sandbox.

Rules of this file:

- The bytes that are run are the bytes whose digest was trusted: they are read once, digested, compared and handed to
  the sandbox as they were read. What lies on the disk a moment later plays no part.
- Whatever the program does is a value: a broken line, a crash, a limit that it passed.
- It proposes with values alone. Request and features of an act are made of these and of the brief by the shipped
  proposer, so recipients come from the message that is answered, and what policy looks at is our own reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final

from pydantic import ValidationError

from mainstay.agents import base, protocol, ways
from mainstay.agents.base import Brief, Data, Outcome, Reply, Tools
from mainstay.agents.executor import Proposer
from mainstay.kernel.errors import MainstayError, Unavailable
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import digest
from mainstay.kernel.plan import Role
from mainstay.kernel.values import Digest
from mainstay.net import sandbox
from mainstay.net.box import Box, Ended, Limits

AT_ONCE: Final = 4  # programs of one agent that run at the same time
_TOLD_MAX: Final = 500  # characters of what it said on stderr, in a failure
_NOT_ITS_TO_SAY: Final = ("message", "intent", "confidence", "flags")


@dataclass(frozen=True, slots=True)
class Program:
    """What is run: files by their name in the sandbox, read at once. The first is what is started."""

    files: Mapping[str, bytes]

    @property
    def digest(self) -> Digest:
        """Of all of them, by name and content."""
        parts = [f"{name}\0{len(data)}\0{digest(data)}" for name, data in self.files.items()]
        return digest("\n".join(parts).encode())

    @property
    def command(self) -> str:
        """What is started, as it lies in the sandbox."""
        return str(PurePosixPath(sandbox.PROGRAM) / next(iter(self.files)))


class Executable:
    """One configured program. `read` reads its files; `trusted` tells the digest that the operator vouched for."""

    def __init__(
        self,
        name: str,
        role: Role,
        *,
        input: type[Data],
        output: type[Data] | None,
        read: Callable[[], Program],
        trusted: Callable[[], str],
        limits: Limits,
        recalls: bool = False,
        own_addresses: tuple[str, ...] = (),
        languages: tuple[str, ...] = ("en",),
    ) -> None:
        self.name = name
        self.role = role
        self.input = input
        self.output = output
        self._read = read
        self._trusted = trusted
        self._limits = limits
        self._recalls = recalls
        self._proposer = Proposer(own_addresses=own_addresses, languages=languages)

    @property
    def recipe(self) -> str:
        """The bytes that are trusted: others are another way of making it."""
        return ways.program(self._trusted())

    @property
    def cost_max_micros(self) -> int | None:
        """It has no way to spend."""
        return 0

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        # A program dies with the thread that started it, so these stay.
        return ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"agent-{self.name}")

    async def work(self, brief: Brief, tools: Tools) -> Outcome:
        """One attempt. Nothing is started unless its bytes are those that are trusted."""
        trusted = self._trusted()
        inputs = self.input.model_validate({name: brief.inputs[name] for name in self._given(brief)})
        try:
            program = await asyncio.to_thread(self._read)
        except MainstayError as error:
            return base.Failed(FailureClass.REFUSED, str(error))
        if program.digest != trusted:
            return base.Failed(FailureClass.REFUSED, self._untrusted(trusted))
        loop = asyncio.get_running_loop()
        talk = _Talk(self, brief, tools, loop)
        try:
            said = await loop.run_in_executor(
                self._threads, talk.through, program, protocol.brief_line(brief, inputs)
            )
        except asyncio.CancelledError:
            talk.stop()
            raise
        except Unavailable as error:
            return base.Failed(FailureClass.REFUSED, str(error))
        return await self._heard(said, talk.ended, brief, tools)

    def _given(self, brief: Brief) -> tuple[str, ...]:
        return tuple(name for name in self.input.model_fields if name in brief.inputs)

    def _untrusted(self, trusted: str) -> str:
        what = "its files are not those that you trusted" if trusted else "nobody has vouched for it yet"
        return (
            f"the program of agent {self.name!r} was not started: {what}. Look at them, then run "
            f"`mainstay agents trust {self.name}`."
        )

    async def _heard(
        self, said: protocol.LastWord | protocol.Broken, ended: Ended | None, brief: Brief, tools: Tools
    ) -> Outcome:
        match said:
            case protocol.Produced() if self.output is not None:
                return self._produced(self.output, said)
            case protocol.Proposed() if brief.act:
                return await self._proposed(said, brief, tools)
            case protocol.Failed(reason, retry):
                kind = FailureClass.TRANSIENT if retry else FailureClass.REFUSED
                return base.Failed(kind, f"agent {self.name!r}: {reason}")
            case protocol.NeedsInput(question):
                return base.NeedsInput(question)
            case protocol.Broken(why):
                return base.Failed(FailureClass.INVALID, f"agent {self.name!r}: {why}{_how(ended)}")
            case _:
                wanted = "proposed" if brief.act else "produced"
                return base.Failed(
                    FailureClass.INVALID, f"agent {self.name!r} said the wrong last word: {wanted!r} was due"
                )

    def _produced(self, output: type[Data], said: protocol.Produced) -> Outcome:
        try:
            made = output.model_validate(said.output)
        except ValidationError as error:
            one = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, one["loc"]))
            return base.Failed(
                FailureClass.INVALID, f"agent {self.name!r} broke its types: {where}: {one['msg']}"
            )
        return base.Produced(made, said.rationale, said.evidence)

    async def _proposed(self, said: protocol.Proposed, brief: Brief, tools: Tools) -> Outcome:
        values = {name: value for name, value in said.values.items() if name not in _NOT_ITS_TO_SAY}
        try:
            if "reply" in values:
                values["reply"] = _reply(values["reply"], self.name)
            answer = await self._proposer.work(replace(brief, inputs={**brief.inputs, **values}), tools)
        except ValidationError as error:
            one = error.errors(include_url=False, include_input=False)[0]
            return base.Failed(FailureClass.INVALID, f"agent {self.name!r} broke its types: {one['msg']}")
        if isinstance(answer, base.Proposed):
            return replace(answer, rationale=said.rationale, evidence=said.evidence)
        return answer


class _Talk:
    """One conversation, in a thread of its own."""

    def __init__(
        self, agent: Executable, brief: Brief, tools: Tools, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._agent = agent
        self._brief = brief
        self._tools = tools
        self._loop = loop
        self._box: Box | None = None
        self._over = False
        self.ended: Ended | None = None

    def through(self, program: Program, first: bytes) -> protocol.LastWord | protocol.Broken:
        """From the brief to the last word. Raises `Unavailable` where there is no sandbox."""
        with sandbox.start([program.command], inputs=program.files, limits=self._agent._limits) as box:
            self._box = box
            if self._over:
                box.stop()
            box.send(first)
            said = self._said(box)
            if isinstance(said, protocol.Broken) and box.process.poll() is None and box.says_no_more:
                box.process.wait()
            self.ended = box.close()
        return said

    def _said(self, box: Box) -> protocol.LastWord | protocol.Broken:
        for _ in range(protocol.RECALLS_MAX + 1):
            said = protocol.read(box.line())
            if not isinstance(said, protocol.Recall):
                return said
            if not self._agent._recalls:
                return protocol.Broken("it asked for memory, which its settings do not let it")
            box.send(protocol.recalled_line(self._recalled(said)))
        return protocol.Broken(f"it asked for memory more than {protocol.RECALLS_MAX} times")

    def _recalled(self, said: protocol.Recall) -> tuple[base.Recalled, ...]:
        asked = asyncio.run_coroutine_threadsafe(self._asked(said), self._loop)
        return asked.result(timeout=self._agent._limits.wall_s)

    async def _asked(self, said: protocol.Recall) -> tuple[base.Recalled, ...]:
        return tuple(await self._tools.recall(said.cue, limit=said.limit))

    def stop(self) -> None:
        """Nobody waits any more."""
        self._over = True
        if self._box is not None:
            self._box.stop()


def _reply(value: object, name: str) -> Reply:
    """The text of an answer. What it leans on and which model wrote it is not a program's to claim."""
    if not isinstance(value, Mapping) or not set(value) <= {"text", "subject"}:
        value = {"": value}  # what no reply has
    return Reply.model_validate({**value, "model": f"executable:{name}"})


def _how(ended: Ended | None) -> str:
    if ended is None:
        return ""
    told = f"; it said: {ended.errors.strip()[-_TOLD_MAX:]}" if ended.errors.strip() else ""
    match ended.how:
        case "time" | "memory" | "output":
            return f" (it passed its limit of {ended.how}){told}"
        case _:
            return f" (exit code {ended.code}){told}" if ended.code else told
