"""A dry run: what a workflow would do with an input, decided by the real kernel and thought by the real agents.

    told = workspace.dry_run.message("triage", key)
    for step in told.steps:
        print(step.task, step.state, step.rule)

Rules of this file:

- Nothing leaves, nothing is written: what is made stays in memory, no adapter is called, no card is made. A wait is
  passed over, and whoever would be asked is taken to say yes, so that the whole way shows.
- Rules, counts and levels of autonomy are those in force now. Agents are asked that think on this device and cost
  nothing, as their files say and without what they learned since; in the place of any other the person says what it
  would answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from mainstay.kernel.commands import (
    StartRun,
)
from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.ids import RunId, SubjectId, derive
from mainstay.kernel.plan import Plan
from mainstay.kernel.predicates import holds
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.blobs import InMemoryBlobs
from mainstay.ledger.store import EventReader
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.clock import Clock
from mainstay.runtime.performer import Performer
from mainstay.workspace.dry_walk import STEPS_MAX, DryStep, Walk
from mainstay.workspace.run_changes import read_changes
from mainstay.workspace.starting import require_plain

if TYPE_CHECKING:
    from mainstay.agents.base import Brief, Tools
    from mainstay.kernel.facts import Facts
    from mainstay.workspace.assembly import Assembly

MESSAGE = "message"
Answers = Iterable[str] | Mapping[str, Any]  # TASK.FIELD=VALUE as people write it, or values by TASK.FIELD


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a workflow would do."""

    workflow: str
    definition: Digest
    version: int
    starts: bool  # such an input would start it by itself
    status: str  # how the run would end; "running": it would wait for what was not said
    steps: tuple[DryStep, ...]
    unasked: tuple[str, ...]  # agents that were not asked, since they cost something or are programs
    left_out: int  # steps beyond those that are told


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """A message that may be tried."""

    key: str
    subject: str
    sender: str


@dataclass(slots=True)
class DryRuns:
    """Dry runs of one workspace's workflows."""

    store: Callable[[], EventReader]
    artifacts: Callable[[], Artifacts]
    assembly: Callable[[], Assembly]
    plan_of: Callable[[Digest], Plan]
    facts: Callable[[], Facts]
    clock: Clock

    def plan(self, workflow: str) -> Plan:
        """What new runs of it follow. Raises `NotFound`."""
        row = self.store().get("workflows", (workflow,))
        if row is None:
            raise NotFound(
                f"There is no workflow {workflow[:80]!r} in force.",
                remedy="`mainstay up` puts those of the folder in force.",
            )
        return self.plan_of(Digest(str(row["definition"])))

    def messages(self, *, limit: int = 30) -> list[InboxMessage]:
        """The newest messages, to choose from."""
        rows = self.store().select("correspondence", order="position", descending=True, limit=4 * limit)
        found: list[InboxMessage] = []
        for row in rows:
            if row["kind"] == "reply" or len(found) == limit:
                continue
            subject = SubjectId(str(row["subject"])) if row["subject"] else None
            view = self.artifacts().open_json(Digest(str(row["content"])), subject, b"message")
            if view is None:
                continue  # whoever wrote it was forgotten
            sender = str(view.get("from_name") or view.get("from_address") or "")
            key = str(row["memory"]).removeprefix("message:")
            found.append(InboxMessage(key, str(view.get("subject") or "(no subject)"), sender))
        return found

    def message(self, workflow: str, key: str, *, answers: Answers = ()) -> DryRun:
        """With a message of the inbox. Raises `NotFound`."""
        row = self.store().get("messages", (key,))
        if row is None or not row["content"]:
            raise NotFound("There is no such message in the inbox.", remedy="Choose another one.")
        trigger: Json = {
            MESSAGE: {
                "key": key,
                "mailbox": row["mailbox"],
                "thread": row["thread"],
                "content": row["content"],
                "automatic": bool(row["automatic"]),
                "attachments": 0,
            }
        }
        subject = SubjectId(str(row["subject"])) if row["subject"] else None
        under = SubjectId(str(row["sealed_under"])) if row["sealed_under"] else None
        return self._run(workflow, trigger, answers, subject, under, self._scratch())

    def typed(self, workflow: str, text: str, *, answers: Answers = ()) -> DryRun:
        """With the fields of a trigger as JSON; a message is given by its text, subject and sender."""
        try:
            trigger = msgspec.json.decode(text.encode() or b"{}", type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise CommandRefused(
                "The input is no JSON object.",
                why=str(error),
                remedy='Write for instance {"topic": "spring"}.',
            ) from error
        return self._tried(workflow, trigger, answers)

    def given(self, workflow: str, trigger: Json, *, answers: Mapping[str, Any]) -> DryRun:
        """The same with plain values, as a program gives them. Raises `CommandRefused` for one that is none."""
        message = trigger.get(MESSAGE)
        rest = {name: value for name, value in trigger.items() if name != MESSAGE}
        for part in (rest, message if isinstance(message, dict) else {}, dict(answers)):
            require_plain(part)
        if message is not None and not isinstance(message, dict):
            raise CommandRefused("The message is none.", why="It is given by its text, subject and sender.")
        return self._tried(workflow, dict(trigger), answers)

    # --- the walk --------------------------------------------------------------------------------------------------

    def _tried(self, workflow: str, trigger: Json, answers: Answers) -> DryRun:
        artifacts = self._scratch()
        message = trigger.get(MESSAGE)
        if isinstance(message, dict) and "content" not in message:
            trigger[MESSAGE] = self._invented(message, artifacts)
        return self._run(workflow, trigger, answers, None, None, artifacts)

    def _run(
        self,
        workflow: str,
        trigger: Json,
        answers: Answers,
        subject: SubjectId | None,
        under: SubjectId | None,
        artifacts: Artifacts,
    ) -> DryRun:
        plan = self.plan(workflow)
        assembly = self.assembly()
        free = {name: one for name, one in assembly.agents.items() if _is_free(name, one, assembly)}
        ceilings = dict.fromkeys(free, 0)
        facts = replace(self.facts(), plans={plan.digest: plan}, ceilings=ceilings, performing=True)
        walk = Walk(plan, facts, artifacts, _answers(answers), frozenset(free))
        walk.performer = Performer(
            clock=self.clock,
            agents=free,
            artifacts=artifacts,
            gate=_OpenGate(),
            routes=assembly.route,
            adapters={},
            tools=lambda brief: _tools(assembly, brief),
        )
        run = RunId(derive("dry run", workflow, int(facts.now)).hex()[:32])
        start = StartRun(run, workflow, plan.digest, trigger, "", subject, sealed_under=under)
        asyncio.run(walk.go(start))
        on = plan.workflow.on
        return DryRun(
            workflow,
            plan.digest,
            plan.workflow.version,
            starts=on is not None and (on.where is None or holds(on.where, {"trigger": trigger})),
            status=walk.state.status.name.lower(),
            steps=walk.steps(),
            unasked=tuple(sorted(walk.unasked)),
            left_out=max(0, len(walk.told) - STEPS_MAX),
        )

    def _scratch(self) -> Artifacts:
        """What is made in a dry run lies in memory; what the ledger has is read from there."""
        real = self.artifacts()

        def known(digest: Digest) -> bytes | None:
            with contextlib.suppress(NotFound):
                return real.blobs.read(digest)
            return None

        return Artifacts(real.vault, InMemoryBlobs(known), known=real.known)

    def _invented(self, message: Json, artifacts: Artifacts) -> Json:
        from mainstay.agents.base import MessageView

        known = {name: value for name, value in message.items() if name in MessageView.model_fields}
        given = {"message_id": "dry-run", "thread": "dry-run", "mailbox": "", "from_address": "", **known}
        given.setdefault("new_text", given.get("text", ""))
        try:
            view = MessageView.model_validate(given)
        except ValueError as error:
            raise CommandRefused("The message is none.", why=str(error).splitlines()[0]) from error
        content = artifacts.put(view.model_dump_json().encode(), None, b"message")
        fields = {name: value for name, value in message.items() if name not in MessageView.model_fields}
        return {
            "key": "dry-run",
            "mailbox": view.mailbox,
            "thread": view.thread,
            "content": content,
            "automatic": bool(view.automatic),
            "attachments": len(view.attachments),
            **fields,
        }


class _OpenGate:
    """Nothing is called, so nothing holds it back."""

    def epoch_holds(self) -> bool:
        """See `Gate.epoch_holds`."""
        return True

    def still_wanted(self, run: RunId, task: int, attempt: int) -> bool:
        """See `Gate.still_wanted`."""
        return True

    def leaves_unasked(self, run: RunId, task: int, action: Any) -> bool:
        """See `Gate.leaves_unasked`: rendered as what a person would look at."""
        return False

    def overtaken(self, run: RunId) -> str:
        """See `Gate.overtaken`."""
        return ""


def _is_free(name: str, agent: Any, assembly: Assembly) -> bool:
    return agent.cost_max_micros == 0 and name not in assembly.untyped.settings.agents


def _tools(assembly: Assembly, brief: Brief) -> Tools:
    """What an agent may use, but for a language model."""
    from mainstay.workspace.tools import TaskTools

    keyed_hash = assembly.artifacts.vault.keyed_hash
    return TaskTools(brief, assembly.opened_memory, assembly.untyped.recalls.policies, keyed_hash)


def _answers(said: Answers) -> dict[str, dict[tuple[str, ...], Any]]:
    """What tasks are to answer, by task and field. Raises `CommandRefused`."""
    found: dict[str, dict[tuple[str, ...], Any]] = {}
    for name, value in (said if isinstance(said, Mapping) else read_changes(said)).items():
        task, *path = name.split(".")
        if not path:
            raise CommandRefused(f"{name!r} names no field of a task.", remedy="Write TASK.FIELD=VALUE.")
        found.setdefault(task, {})[tuple(path)] = value
    return found
