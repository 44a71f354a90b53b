"""Rules: the files they stand in, what is to remark of them, which are in force, and one file with its rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms, queries
from mainstay.console.pages.versions import Compared, compared
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.governance.policy_check import condition_text
from mainstay.kernel.errors import ConfigError, NotFound
from mainstay.kernel.policy import Rule
from mainstay.workspace import Workspace
from mainstay.workspace.edit_history import Entry
from mainstay.workspace.edited_files import POLICY, place_of
from mainstay.workspace.editing import FileText
from mainstay.workspace.policies import Checked
from mainstay.workspace.policy_compared import Compared as Rules
from mainstay.workspace.serving_web import Front

FORM = "policies"
NAME_MAX, DIGEST_MAX = 120, 128


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule as people read it."""

    name: str
    then: str
    act: str
    when: Sequence[str]
    why: str


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One file of rules in the list."""

    name: str
    rules: int | None  # None: it cannot be read


@dataclass(frozen=True, slots=True)
class AllRules:
    """What the page of all rules shows."""

    files: Sequence[PolicyFile]
    in_force: Sequence[RuleLine]
    since: Entry | None
    checked: Checked | None  # None: a file is wrong
    errors: Sequence[ConfigError]
    pending: Rules | None  # what the files would change, where they are not in force


@dataclass(frozen=True, slots=True)
class OnePolicy:
    """What the page of one file shows."""

    file: FileText | None
    text: str
    rules: Sequence[RuleLine]
    errors: Sequence[ConfigError]
    entries: Sequence[Entry]
    comparison: Compared | None


class PolicyPages:
    """The rules, and one file of them."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """All rules."""
        found = await self._front.read(_all)
        return page(request, "policies.html", topics=("rules", "approvals"), found=found)

    async def act(self, request: Request) -> Response:
        """Put the files in force."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, FORM, fields)
        if fields.get("do") != "apply":
            raise Refused(400, "This is no answer.", remedy="Nothing was changed. Load the page again.")
        looked_at = forms.text(fields, "policy", most=DIGEST_MAX)
        told = await self._front.act(lambda workspace: workspace.policies.apply(looked_at=looked_at))
        changed = told["changed"] or told["templates"] or told["retired"]
        return done(
            request,
            "/policies",
            "The files are in force; waiting cards were judged again." if changed else "",
        )

    async def show_one(self, request: Request) -> Response:
        """One file."""
        name = str(request.path_params["name"])[:NAME_MAX]
        old, new = queries.number(request, "from"), queries.number(request, "to")
        told = await self._front.read(lambda workspace: _told(workspace, name, old, new))
        return page(request, "policy.html", topics=("rules",), told=told, name=name)


def _all(workspace: Workspace) -> AllRules:
    editing, policies = workspace.editing, workspace.policies
    files = [PolicyFile(one.name, editing.rules_in(one.name)) for one in editing.listed("policy")]
    lines = [rule_line(one) for one in policies.policy().rules]
    since = next((one for one in editing.history.of_rules() if one.in_force), None)
    try:
        checked = policies.check()
        pending = policies.difference() if not checked.in_force else None
    except ConfigError as error:
        return AllRules(files, lines, since, None, (error, *error.also), None)
    return AllRules(files, lines, since, checked, (), pending)


def _told(workspace: Workspace, name: str, old: int, new: int) -> OnePolicy:
    editing, history, place = workspace.editing, workspace.editing.history, place_of(POLICY, name)
    entries = history.of_policy(place)
    try:
        file = editing.read("policy", name)
    except NotFound:
        if all(_said(workspace, one, name) is None for one in entries):
            raise
        file = None
    text = file.text if file is not None else ""
    errors = editing.check(file.file, file.text).errors if file is not None else ()
    rules = editing.rules_of(place, text)
    comparison = compared(entries, old, new, lambda one: _said(workspace, one, name))
    return OnePolicy(file, text, [rule_line(one) for one in rules], errors, entries, comparison)


def _said(workspace: Workspace, one: Entry, name: str) -> str | None:
    """What the file said then; nothing where it was not there."""
    history = workspace.editing.history
    if one.text:
        return history.text(one.text)
    return history.text_in_policy(one.digest, place_of(POLICY, name)) if one.digest else ""


def rule_line(rule: Rule) -> RuleLine:
    """A rule as people read it."""
    return RuleLine(
        rule.name, str(rule.then), rule.act, [condition_text(one) for one in rule.conditions], rule.why
    )
