"""What would be wrong if a file of workflows/, templates/ or policies/ said something else: asked of the same code that
loads it, with every other file as it is. Nothing is written.

A mistake that stood elsewhere before is no reason to refuse an edit, or two broken files could never be mended one
after the other. It is told apart: rules are one policy of all their files, so that they come into force only when none
of them is wrong.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mainstay.agents.template import Template
from mainstay.config.files import (
    AS_THEY_ARE,
    Instead,
    RuleFiles,
    load_recalls,
    load_rules,
    load_settings,
    load_workflows,
)
from mainstay.config.templates import read_templates
from mainstay.kernel.errors import ConfigError
from mainstay.workflows.catalog import Catalog
from mainstay.workflows.loader import WorkflowFile, read_workflow
from mainstay.workspace.edited_files import POLICY, TEMPLATE, WORKFLOW, Place, too_large

_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_SEEN = frozenset("\n\t\u200c\u200d")  # joiners belong to Indic scripts and to emoji
_REMEDY = "take it out, or edit the file with an editor if it is meant"


@dataclass(frozen=True)
class Judged:
    """An edit, held against everything else."""

    errors: tuple[ConfigError, ...] = ()  # in the file, or elsewhere because of it: it is not saved
    elsewhere: tuple[ConfigError, ...] = ()  # in other files, and not because of it
    workflows: dict[str, WorkflowFile] | None = None  # all that can be read, of a workflow's file
    rules: RuleFiles | None = None  # of a file of rules or a template, where none of them is wrong
    template: Template | None = None

    def workflow(self, place: Place) -> WorkflowFile | None:
        """The one that the file would be."""
        found = (self.workflows or {}).values()
        return next((one for one in found if one.document.file == place.file), None)


def judge(root: Path, place: Place, content: bytes | None, catalog: Catalog) -> Judged:
    """What is wrong with it, and what it would be. `content` is None for a file that would be gone."""
    if content is not None:
        wrong = unseen(place, content)
        if len(content) > place.kind.size_max:
            wrong = (too_large(place),)
        if wrong:
            return Judged(wrong)
    instead = {place.file: content}
    match place.kind:
        case kind if kind is WORKFLOW:
            return _workflow(root, place, instead, catalog)
        case kind if kind is TEMPLATE:
            return _template(root, place, instead, catalog)
        case _:
            return _policy(root, place, instead, catalog)


def unseen(place: Place, content: bytes) -> tuple[ConfigError, ...]:
    """Characters that cannot be seen and steer how others are: a page cannot show them, so it saves none."""
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return ()  # the loader has words for that
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return ()
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        hidden = next((one for one in line if one not in _SEEN and unicodedata.category(one) in _UNSEEN), "")
        if hidden:
            what = f"there is a character that cannot be seen (U+{ord(hidden):04X})"
            found.append(ConfigError(what, file=place.file, line=number, remedy=_REMEDY))
    return tuple(found[:20])


def workflow_of(content: bytes | None, place: Place) -> str:
    """The name of the workflow that a file is; empty where it is none that can be read."""
    try:
        return read_workflow(content, place.file).workflow.name if content is not None else ""
    except ConfigError:
        return ""


def _workflow(root: Path, place: Place, instead: Instead, catalog: Catalog) -> Judged:
    found, broken = _workflows(root, instead, catalog)
    errors, elsewhere = _parted(place, broken, lambda: _workflows(root, AS_THEY_ARE, catalog)[1])
    return Judged(errors, elsewhere, workflows=found)


def _workflows(
    root: Path, instead: Instead, catalog: Catalog
) -> tuple[dict[str, WorkflowFile], tuple[ConfigError, ...]]:
    found, broken = load_workflows(root, catalog, instead=instead)
    # Of a workflow that cannot be read it would be said as well that it is not there.
    return found, broken or _unmet(root, found)


def _template(root: Path, place: Place, instead: Instead, catalog: Catalog) -> Judged:
    rules, broken = _rules(root, instead, catalog)
    errors, elsewhere = _parted(place, broken, lambda: _rules(root, AS_THEY_ARE, catalog)[1])
    content = instead[place.file]
    if errors or content is None:
        return Judged(errors, elsewhere, rules=rules)
    template = read_templates([(place.file, content)])[place.name]
    return Judged(errors, elsewhere, rules=rules, template=template)


def _policy(root: Path, place: Place, instead: Instead, catalog: Catalog) -> Judged:
    rules, broken = _rules(root, instead, catalog)
    if rules is not None:
        recalls = frozenset(load_recalls(root, instead=instead).policies)
        broken += load_workflows(root, replace(catalog, recalls=recalls))[1]

    def before() -> tuple[ConfigError, ...]:
        return _rules(root, AS_THEY_ARE, catalog)[1] + load_workflows(root, catalog)[1]

    errors, elsewhere = _parted(place, broken, before)
    assert place.kind is POLICY
    return Judged(errors, elsewhere, rules=rules)


def _rules(
    root: Path, instead: Instead, catalog: Catalog
) -> tuple[RuleFiles | None, tuple[ConfigError, ...]]:
    try:
        return load_rules(root, catalog.acts, instead=instead), ()
    except ConfigError as error:
        return None, (error, *error.also)


def _unmet(root: Path, workflows: dict[str, WorkflowFile]) -> tuple[ConfigError, ...]:
    """Objectives of workflows that are not there."""
    try:
        load_settings(root).slo.require_known(workflows)
    except ConfigError as error:
        return (error, *error.also)
    return ()


def _parted(
    place: Place, found: tuple[ConfigError, ...], before: Callable[[], tuple[ConfigError, ...]]
) -> tuple[tuple[ConfigError, ...], tuple[ConfigError, ...]]:
    """What the edit is to blame for, and what was wrong anyway."""
    if not found:
        return (), ()
    known = {str(one) for one in before() if one.file != place.file}
    errors = tuple(one for one in found if str(one) not in known)
    return errors, tuple(one for one in found if str(one) in known)
