"""Files that the operator edits come into force while a director is at work: written, recorded and adopted as one.

The file is written first. If the machine stops between that and the event, the next start finds a file that differs
from what is in force, and adopts it; the other way round, it would put the old text back in force. From the look at
what the file says until it is written nothing else is decided here, so of two who save at once one is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.agents.template import Template
from mainstay.config.files import RuleFiles, load_settings, load_workflows
from mainstay.kernel.autonomy import goes_by_itself
from mainstay.kernel.commands import (
    AdoptPolicy,
    AdoptTemplate,
    Command,
    RecordFile,
    RegisterWorkflow,
    RetireTemplate,
    RetireWorkflow,
    RevokeAutonomy,
)
from mainstay.kernel.errors import CommandRefused, ConfigError
from mainstay.kernel.house import Registered
from mainstay.kernel.persons import is_person
from mainstay.kernel.values import Digest, Json
from mainstay.runtime.asking_again import made_from_other_words, made_otherwise, to_judge_again
from mainstay.runtime.director import Director
from mainstay.runtime.tick import Answer, Request
from mainstay.workflows.loader import WorkflowFile
from mainstay.workspace.assembly import Assembly
from mainstay.workspace.edited_files import (
    NOTHING,
    TEMPLATE,
    WORKFLOW,
    Place,
    digest_of,
    place_named,
    read,
    remove,
    require_looked_at,
    require_new_name,
    require_shown,
    write,
)
from mainstay.workspace.judged_edit import Judged, judge, workflow_of
from mainstay.workspace.registering import registration, registrations

if TYPE_CHECKING:
    from asyncio import Lock  # whoever decides about one card loads no loop

Ask = Callable[[Request], Awaitable[Answer]]


@dataclass
class _Step:
    """What a file that was saved leads to, in the tick of its own event."""

    commands: list[Command] = field(default_factory=list)
    blobs: dict[Digest, bytes] = field(default_factory=dict)
    rules: Callable[[], RuleFiles] | None = None  # the house goes on with these, once they are durable
    workflows: Mapping[str, WorkflowFile] | None = None
    waits_for: Sequence[ConfigError] = ()  # why it is not in force yet

    def take(self, request: Request) -> None:
        """Do this as well."""
        self.commands.append(request.command)
        self.blobs |= request.blobs


ON_FILES = frozenset({"save_file", "remove_file", "foresee_file", "apply_workflows"})


async def of_file(desk: FileDesk, operation: str, arguments: Json) -> Json:
    """One of `ON_FILES`, as it comes through a door."""
    match operation:
        case "save_file":
            return await desk.save(**arguments)
        case "remove_file":
            return await desk.remove(**arguments)
        case "foresee_file":
            return await desk.foresee(**arguments)
        case _:
            return await desk.apply_workflows(**arguments)


class FileDesk:
    """Takes files of workflows, templates and rules into one director."""

    def __init__(
        self,
        director: Director,
        assembly: Assembly,
        ask: Ask,
        adopted: Callable[[], None] = lambda: None,
        *,
        one_at_a_time: Lock,
    ) -> None:
        self._director = director
        self._assembly = assembly
        self._ask = ask
        self._adopted = adopted
        # What comes into force does so one after the other: the director is offered one policy at a time.
        self.one_at_a_time = one_at_a_time

    @property
    def _root(self) -> Path:
        return self._assembly.folder.root

    async def save(self, *, file: str, content: str, shown: str, actor: str, via: str = "") -> Json:
        """Let a file say this, if it still says what has the digest `shown` (empty: it is not there), and adopt it.

        Raises `ConfigError` for what is wrong with it, `FileChanged` where it says something else by now.
        """
        place, raw = place_named(file), content.encode()
        if shown == NOTHING:
            require_new_name(place)
        async with self.one_at_a_time:
            return await self._put(place, raw, Digest(shown), actor, via)

    async def remove(self, *, file: str, shown: str, actor: str, via: str = "") -> Json:
        """Take a file away, and what it says out of force; what runs follow it is kept. Raises the same."""
        async with self.one_at_a_time:
            return await self._put(place_named(file), None, Digest(shown), actor, via)

    async def foresee(self, *, file: str, content: str) -> Json:
        """What saving this would lead to: which kinds of act would ask again, and how many runs would be judged anew.

        Nothing is written. Raises `ConfigError` for what is wrong with it.
        """
        place = place_named(file)
        judged = self._judged(place, content.encode())
        director, asks = self._director, list[Request]()
        if judged.template is not None:
            template = judged.template
            asks = made_from_other_words(director.autonomy, place.name, template.digest, 0)
            concerned = to_judge_again(director.runs, 0, place.name)
        elif (one := judged.workflow(place)) is not None:
            asks, concerned = self._otherwise(one), []
        else:
            concerned = to_judge_again(director.runs)
        kinds = [one.command.kind for one in asks if isinstance(one.command, RevokeAutonomy)]
        by_itself = sum(goes_by_itself(one) for one in director.autonomy.kinds.values())
        return {"asks_again": sorted(kinds), "judged": len(concerned), "by_itself": by_itself}

    async def apply_workflows(self, *, actor: str, lost: bool = False, looked_at: str = "") -> Json:
        """Put the workflows of the folder in force, and retire those that have no file any more.

        Raises the first `ConfigError`, whose `also` has the others, and then nothing has changed. A folder without any
        workflow, where some are in force, is refused unless `lost` says that it is meant. With the digest of what was
        `looked_at` (`folder_digest`) others raise `FileChanged`.
        """
        _require_person(actor)
        async with self.one_at_a_time:
            return await self._apply_workflows(actor, looked_at, lost=lost)

    async def _apply_workflows(self, actor: str, looked_at: str, *, lost: bool) -> Json:
        director = self._director
        found, broken = load_workflows(self._root, self._assembly.catalog)
        if broken:
            broken[0].also = broken[1:]
            raise broken[0]
        in_force = {name: one.definition for name, one in director.workflows.items()}
        require_looked_at(looked_at, {name: one.plan.digest for name, one in found.items()}, in_force)
        load_settings(self._root).slo.require_known(found)
        if not found and director.workflows and not lost:
            raise CommandRefused(
                "There is no workflow in the files, and nothing was changed.",
                why=f"In force are {', '.join(sorted(director.workflows))}.",
                remedy="Put the files of workflows/ back. If none shall be in force, run it with --yes.",
            )
        requests = registrations(director, found)
        self._assembly.adopt_workflows(found)
        director.plans |= {one.plan.digest: one.plan for one in found.values()}
        for request in requests:
            await self._ask(replace(request, actor=actor))
        await self._ask_again()
        done = [one.command for one in requests]
        return {
            "registered": [one.name for one in done if isinstance(one, RegisterWorkflow)],
            "retired": [one.name for one in done if isinstance(one, RetireWorkflow)],
            "in_force": len(director.workflows),
        }

    # --- within ----------------------------------------------------------------------------------------------------

    async def _put(self, place: Place, content: bytes | None, shown: Digest, actor: str, via: str) -> Json:
        _require_person(actor)
        before = read(self._root, place)
        require_shown(place, before, shown)
        if content == before:
            raise CommandRefused(f"{place.file} says this already.", why="Nothing was changed.")
        step = self._step(place, content, before, self._judged(place, content))
        if content is None:
            remove(self._root, place, shown=shown)
        else:
            write(self._root, place, content, shown=shown)
        digest = digest_of(content)
        blobs = {digest_of(one): one for one in (content, before) if one is not None}
        record = RecordFile(place.file, digest, shown, actor, via)
        if step.workflows is not None:  # a schedule looks at its plan in the very tick of its event
            self._assembly.adopt_workflows(step.workflows)
            self._director.plans |= {one.plan.digest: one.plan for one in step.workflows.values()}
        follow = tuple(step.commands)
        answer = await self._ask(Request(record, actor, blobs=blobs | step.blobs, follow=follow))
        if step.rules is not None:
            self._assembly.adopt(step.rules())
            self._adopted()
        await self._ask_again()
        return {
            "file": place.file,
            "content": digest,
            "position": answer.position,
            "changed": sorted(_said(one) for one in follow),
            "waits_for": [str(one) for one in step.waits_for],
        }

    def _judged(self, place: Place, content: bytes | None) -> Judged:
        judged = judge(self._root, place, content, self._assembly.catalog)
        if judged.errors:
            first = judged.errors[0]
            first.also = judged.errors[1:]
            raise first
        return judged

    def _step(self, place: Place, content: bytes | None, before: bytes | None, judged: Judged) -> _Step:
        step = _Step()
        if place.kind is WORKFLOW:
            self._workflow(step, place, before, judged)
        elif place.kind is TEMPLATE:
            self._template(step, place, judged)
        elif judged.rules is None:
            step.waits_for = judged.elsewhere
        else:
            self._policy(step, judged.rules)
        return step

    def _workflow(self, step: _Step, place: Place, before: bytes | None, judged: Judged) -> None:
        known, found = self._director.workflows, judged.workflow(place)
        if found is not None:
            name = found.workflow.name
            if name not in known or known[name].definition != found.plan.digest:
                step.take(registration(found))
        was = workflow_of(before, place)
        if was in known and was not in (judged.workflows or {}):
            step.commands.append(RetireWorkflow(was, "operator"))
        mine = {name: one for name, one in self._assembly.written.workflows.items() if name != was}
        step.workflows = mine | ({found.workflow.name: found} if found is not None else {})

    def _template(self, step: _Step, place: Place, judged: Judged) -> None:
        known, template = self._director.templates, judged.template
        if template is not None and known.get(place.name) != template.digest:
            step.commands.append(AdoptTemplate(place.name, template.digest))
            step.blobs[template.digest] = template.text.encode()
        elif template is None and place.name in known:
            step.commands.append(RetireTemplate(place.name))

        def with_it() -> RuleFiles:
            written = self._assembly.written
            templates: dict[str, Template] = {**written.templates}
            templates.pop(place.name, None)
            if template is not None:
                templates[place.name] = template
            return RuleFiles(written.policy, written.policy_text, templates)

        step.rules = with_it

    def _policy(self, step: _Step, rules: RuleFiles) -> None:
        policy = rules.policy
        if policy.digest != self._director.house.policy:
            self._director.offered[policy.digest] = policy
            step.commands.append(AdoptPolicy(policy.digest))
            step.blobs[policy.digest] = rules.text
        step.rules = lambda: RuleFiles(policy, rules.text, self._assembly.written.templates)

    async def _ask_again(self) -> None:
        for request in self._director.outdated():
            await self._ask(request)

    def _otherwise(self, one: WorkflowFile) -> list[Request]:
        """What would be made another way by this workflow."""
        director, plan = self._director, one.plan
        name = one.workflow.name
        with_it = {name: Registered(name, one.workflow.version, plan.digest)}
        known = director.plans

        def plan_of(definition: Digest) -> object:
            return plan if definition == plan.digest else known[definition]

        return made_otherwise(director.autonomy, director.recipes, with_it, plan_of)  # type: ignore[arg-type]


def _said(command: Command) -> str:
    match command:
        case RegisterWorkflow(name=name, version=version):
            return f"workflow {name}, version {version}, is in force"
        case RetireWorkflow(name=name):
            return f"workflow {name} starts no more runs"
        case AdoptTemplate(name=name):
            return f"template {name} is in force"
        case RetireTemplate(name=name):
            return f"template {name} is there no more"
        case _:
            return "the rules are in force"


def _require_person(actor: str) -> None:
    if not is_person(actor):
        raise CommandRefused(
            "Only a person changes workflows, templates and rules.",
            why=f"{actor[:80]!r} is no person.",
            remedy="Edit it yourself, from the console or with an editor.",
        )
