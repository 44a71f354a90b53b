"""The workspace folder as a whole: every file read, every mistake gathered, references across files checked.

    mainstay.toml            settings
    workflows/*.yaml         workflows, checked against a catalog where one is given
    policies/*.toml          one policy of all files, in the order of their names, and retrieval policies
    templates/*.md           templates of replies
    intents.toml             what people write about
    approved-replies.jsonl   past answers
    forbidden-words.txt      what must not leave the house

Each is optional. Reading changes nothing and needs neither network nor secrets.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mainstay.agents.intents import ApprovedReply, Intent
from mainstay.agents.template import Template
from mainstay.config.intents import (
    read_approved_replies,
    read_forbidden_words,
    read_intents,
)
from mainstay.config.policies import policy_text, read_policy
from mainstay.config.recall import Recalls, read_recalls
from mainstay.config.settings import FILE, Settings, read_settings
from mainstay.config.templates import read_templates
from mainstay.kernel.errors import ConfigError, PolicyError, TemplateError, WorkflowError
from mainstay.kernel.policy import Policy
from mainstay.workflows.catalog import Catalog
from mainstay.workflows.document import Problems, suggestion
from mainstay.workflows.loader import WorkflowFile, read_workflow
from mainstay.workflows.typing import check

Instead = Mapping[str, bytes | None]  # what a file would say, and None for one that would not be there
AS_THEY_ARE: Instead = {}
FILE_MAX = 1_000  # files of one kind; more is a folder that is not meant for us
_READ_MAX = 20 * 1024 * 1024
INTENTS, REPLIES, WORDS = "intents.toml", "approved-replies.jsonl", "forbidden-words.txt"


@dataclass(frozen=True)
class WorkspaceFiles:
    """All that the files of a workspace say."""

    settings: Settings
    workflows: Mapping[str, WorkflowFile] = field(default_factory=dict)  # by the workflow's name
    policy: Policy = field(default_factory=lambda: Policy(()))
    policy_text: bytes = b""  # as the ledger keeps it
    templates: Mapping[str, Template] = field(default_factory=dict)
    intents: tuple[Intent, ...] = ()
    approved_replies: tuple[ApprovedReply, ...] = ()
    forbidden_words: tuple[str, ...] = ()
    recalls: Recalls = field(default_factory=lambda: read_recalls(()))


def load_workspace_files(
    folder: Path,
    catalog: Catalog | None = None,
    *,
    acts: Collection[str] | None = None,
    workflows: bool = True,
) -> WorkspaceFiles:
    """Everything in the folder. Raises the first `ConfigError`; its `also` lists every other one.

    Without a catalog, workflows are read and compiled but not typed: whether an agent exists is then not
    known. `acts` are those that rules may name; left out, they are the catalog's, if there is one.
    `workflows=False` leaves these unread: the catalog that they are held against is made from the other files.
    """
    if acts is None and catalog is not None:
        acts = catalog.acts
    problems = Problems()
    settings: Settings | None = None
    with problems.caught():
        settings = read_settings(_optional(folder, FILE), folder)
    policy, templates, text = Policy(()), dict[str, Template](), b""
    recalls = read_recalls(())
    with problems.caught():
        policies = _all(folder, "policies", ".toml", PolicyError)
        with problems.caught():
            policy = read_policy(policies, acts)
            text = policy_text(policies)
        with problems.caught(known=True):
            recalls = read_recalls(policies)
    with problems.caught():
        templates.update(read_templates(_all(folder, "templates", ".md", TemplateError)))
    templates_whole = not problems.found
    intents: tuple[Intent, ...] = ()
    with problems.caught():
        # Names of files are enough here: a template with a mistake in it is there all the same.
        intents = read_intents(_optional(folder, INTENTS), INTENTS, _names(folder))
        if templates_whole:
            _refuse_strangers(templates, intents)
    replies: tuple[ApprovedReply, ...] = ()
    with problems.caught():
        ids = {intent.id for intent in intents} or None
        replies = read_approved_replies(_optional(folder, REPLIES), REPLIES, ids)
    words: tuple[str, ...] = ()
    with problems.caught():
        words = read_forbidden_words(_optional(folder, WORDS), WORDS)
    found: dict[str, WorkflowFile] = {}
    if workflows:
        found, broken = load_workflows(folder, catalog)
        problems.found += broken
        if not problems.found:  # of settings with a mistake in them there is nothing to ask
            with problems.caught():
                settings.slo.require_known(found)
    problems.raise_any()
    assert settings is not None
    return WorkspaceFiles(settings, found, policy, text, templates, intents, replies, words, recalls)


@dataclass(frozen=True)
class RuleFiles:
    """What can be changed while a director is at work."""

    policy: Policy
    text: bytes  # of the policy, as the ledger keeps it
    templates: Mapping[str, Template]


def load_rules(
    folder: Path, acts: Collection[str] | None = None, *, instead: Instead = AS_THEY_ARE
) -> RuleFiles:
    """Rules and templates alone, held against the intents. Raises the first `ConfigError`; its `also` has the others.

    Each file is read twice: one that is being written is refused. `instead`: as if some of them said something else.
    """
    policies = _still(folder, "policies", ".toml", PolicyError, instead)
    written = _still(folder, "templates", ".md", TemplateError, instead)
    problems = Problems()
    policy, templates = Policy(()), dict[str, Template]()
    with problems.caught():
        policy = read_policy(policies, acts)
    with problems.caught():
        read_recalls(policies)
    with problems.caught():
        templates.update(read_templates(written))
        known = tuple(file.rpartition("/")[2].removesuffix(".md") for file, _ in written)
        _refuse_strangers(templates, read_intents(_optional(folder, INTENTS), INTENTS, known))
    problems.raise_any()
    return RuleFiles(policy, policy_text(policies), templates)


def load_recalls(folder: Path, *, instead: Instead = AS_THEY_ARE) -> Recalls:
    """The retrieval policies alone. Raises `ConfigError`."""
    return read_recalls(_all(folder, "policies", ".toml", PolicyError, instead))


def _still(
    folder: Path, kind: str, ending: str, error_type: type[ConfigError], instead: Instead
) -> list[tuple[str, bytes]]:
    found = _all(folder, kind, ending, error_type, instead)
    for (file, raw), (again, now) in zip(
        found, _all(folder, kind, ending, error_type, instead), strict=False
    ):
        if file != again or raw != now:
            raise error_type("the file is being written", file=file, remedy="wait a moment, and try again")
    return found


def load_settings(folder: Path) -> Settings:
    """The settings alone."""
    return read_settings(_optional(folder, FILE), folder)


def load_workflows(
    folder: Path, catalog: Catalog | None = None, *, instead: Instead = AS_THEY_ARE
) -> tuple[dict[str, WorkflowFile], tuple[ConfigError, ...]]:
    """The workflows of the folder that can be read, and what is wrong: with a catalog, also in what they mean.

    `instead`: as if some of the files said something else.
    """
    problems, found = Problems(), dict[str, WorkflowFile]()
    with problems.caught():
        for file, raw in _all(folder, "workflows", ".yaml", WorkflowError, instead):
            with problems.caught():
                one = read_workflow(raw, file)
                if one.workflow.name in found:
                    other = found[one.workflow.name].document.file
                    raise one.document.error(
                        ("name",),
                        f"{other} is a workflow called {one.workflow.name!r} already",
                        remedy="give this one another name",
                    )
                found[one.workflow.name] = one
                if catalog is not None:
                    check(one.workflow, catalog, one.document)
    return found, tuple(problems.found)


def _refuse_strangers(templates: Mapping[str, Template], intents: tuple[Intent, ...]) -> None:
    names = [intent.id for intent in intents]
    problems = Problems()
    for name, template in templates.items():
        intent = template.fields.get("intent", "")
        if intent and names and intent not in names:
            with problems.caught():
                raise TemplateError(
                    f"there is no intent {intent!r}",
                    file=f"templates/{name}.md",
                    key="intent",
                    line=template.lines.get("intent"),
                    remedy=suggestion(intent, names),
                )
    problems.raise_any()


def _names(folder: Path) -> tuple[str, ...]:
    return tuple(path.stem for path in sorted((folder / "templates").glob("[!.]*.md")))


def _all(
    folder: Path,
    kind: str,
    ending: str,
    error_type: type[ConfigError],
    instead: Instead = AS_THEY_ARE,
) -> list[tuple[str, bytes]]:
    here = {file.partition("/")[2] for file in instead if file.startswith(f"{kind}/")}
    try:
        names = [entry.name for entry in os.scandir(folder / kind) if not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        names = []  # there may be none
    except OSError as error:
        raise error_type("the folder cannot be read", file=kind, why=error.strerror or "") from None
    names = sorted(name for name in {*names, *here} if instead.get(f"{kind}/{name}", b"") is not None)
    for name in names:
        if ending == ".yaml" and name.endswith(".yml"):
            raise error_type(
                "this file would not be read", file=f"{kind}/{name}", remedy=f"call it {name[:-4]}.yaml"
            )
    names = [name for name in names if name.endswith(ending)]
    if len(names) > FILE_MAX:
        raise error_type(f"there are {len(names)} files, and at most {FILE_MAX} are read", file=kind)
    found: list[tuple[str, bytes]] = []
    for file in (f"{kind}/{name}" for name in names):
        said = instead.get(file)
        found.append((file, _bytes(folder, file, error_type) if said is None else said))
    return found


def _optional(folder: Path, name: str) -> bytes:
    return _bytes(folder, name, ConfigError) if (folder / name).exists() else b""


def _bytes(folder: Path, name: str, error_type: type[ConfigError]) -> bytes:
    path = folder / name
    try:
        if not path.is_file():
            raise error_type("this is not a file", file=name, remedy="remove it, or put a file there")
        # A reader that is told a limit cannot be filled up by a file that grows.
        with path.open("rb") as source:
            return source.read(_READ_MAX)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise error_type(
            "the file cannot be read", file=name, why=why, remedy="look at its permissions"
        ) from None
