"""What the files of a workspace say that is right by each file's rules, and yet not what anybody means.

None of these keeps a director from work; each would let something go wrong in silence. `mainstay doctor` and
`mainstay up` tell them. Mistakes are the business of `mainstay.config.files`, which refuses them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import assert_never

from mainstay.config.files import WorkspaceFiles
from mainstay.kernel.predicates import All, AnyOf, Compare, Not, Operator, Predicate, Ref
from mainstay.workflows.document import suggestion

_MAILBOX = Ref("trigger", ("message", "mailbox"))
_RECEIVED = "message.received/"


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that the operator should know. `part` names what it is about."""

    part: str
    detail: str
    remedy: str


def advice(files: WorkspaceFiles, acts: Collection[str]) -> Iterator[Advice]:
    """Everything, most important first. `acts` are those that can be done: "email.reply"."""
    yield from unheard_advice(files)
    unsigned = unsigned_templates(files)
    if unsigned:
        yield Advice(
            "signature",
            f"Replies cannot be signed: {', '.join(unsigned[:5])}{', ...' if len(unsigned) > 5 else ''} "
            "would use a name that mainstay.toml does not give.",
            "Fill in [operator] name.",
        )
    for rule, act in idle_rules(files, acts):
        yield Advice(
            "policy",
            f"The rule {rule!r} is about {act!r}, which no act matches.",
            suggestion(act, families(acts)),
        )

    for agent in idle_throttles(files):
        yield Advice(
            "throttles",
            f"[throttles] slows down agent.{agent}, which no workflow asks.",
            suggestion(agent, sorted(_agents(files))),
        )


def idle_throttles(files: WorkspaceFiles) -> tuple[str, ...]:
    """Agents that are throttled and never asked: most often a name with a slip in it."""
    throttled = (scope.partition(":") for scope, _ in files.settings.throttles)
    return tuple(name for kind, _, name in throttled if kind == "agent" and name not in _agents(files))


def _agents(files: WorkspaceFiles) -> set[str]:
    return {task.agent for file in files.workflows.values() for task in file.workflow.tasks}


def unheard_advice(files: WorkspaceFiles) -> Iterator[Advice]:
    """Of mailboxes alone."""
    for adapter, mailbox in unheard_mailboxes(files).items():
        yield Advice(
            f"mailbox {adapter}",
            f"No workflow listens to mailbox {mailbox!r}: its mail is taken in, and nothing is done about it.",
            f"Put `is: {mailbox}` under `on: where:` of a workflow, "
            f'or give [adapters.{adapter}] a mailbox that one listens to (mailbox = "support").',
        )


def unheard_mailboxes(files: WorkspaceFiles) -> dict[str, str]:
    """Accounts that are read although no workflow can begin with their mail, with the mailbox of each."""
    return {
        name: one.mailbox
        for name, one in files.settings.adapters.items()
        if one.source is not None and not listens(files, one.mailbox)
    }


def listens(files: WorkspaceFiles, mailbox: str) -> bool:
    """Whether a workflow may begin with a message in this mailbox."""
    triggers = [one.workflow.on for one in files.workflows.values()]
    return any(
        one is not None
        and one.event.startswith(_RECEIVED)
        and (one.where is None or _may_hold(one.where, mailbox))
        for one in triggers
    )


def unsigned_templates(files: WorkspaceFiles) -> list[str]:
    """Templates that sign with what the settings leave empty."""
    operator = files.settings.operator
    if operator.name or operator.signature:
        return []
    signing = {"operator.name", "operator.signature"}
    return sorted(name for name, one in files.templates.items() if signing & set(one.placeholders))


def idle_rules(files: WorkspaceFiles, acts: Collection[str]) -> list[tuple[str, str]]:
    """Rules with a star that matches nothing. Exact names are refused when the files are read."""
    return [
        (rule.name, rule.act)
        for rule in files.policy.rules
        if rule.act.endswith("*") and not rule.act.startswith(("*", "agent."))
        if not any(fnmatchcase(act, rule.act) for act in acts)
    ]


def families(acts: Collection[str]) -> list[str]:
    """Acts, and the stars that stand for all of one adapter."""
    return sorted({*acts, *(f"{act.partition('.')[0]}.*" for act in acts)})


def _may_hold(predicate: Predicate, mailbox: str) -> bool:
    """Whether it can be true of a message of this mailbox; of every other field nothing is known."""
    match predicate:
        case Compare(field=field, operator=operator, value=value) if field == _MAILBOX:
            match operator:
                case Operator.IS:
                    return bool(value == mailbox)
                case Operator.IS_NOT:
                    return bool(value != mailbox)
                case Operator.IN:
                    return mailbox in value
                case Operator.NOT_IN:
                    return mailbox not in value
                case _:
                    return True
        case Compare():
            return True
        case All(parts=parts):
            return all(_may_hold(part, mailbox) for part in parts)
        case AnyOf(parts=parts):
            return any(_may_hold(part, mailbox) for part in parts)
        case Not(part=part):
            return not _must_hold(part, mailbox)
        case _:
            assert_never(predicate)


def _must_hold(predicate: Predicate, mailbox: str) -> bool:
    """Whether it is true of every message of this mailbox."""
    match predicate:
        case Compare(field=field, operator=operator) if field == _MAILBOX:
            decided = operator in (Operator.IS, Operator.IS_NOT, Operator.IN, Operator.NOT_IN)
            return decided and _may_hold(predicate, mailbox)
        case Compare():
            return False
        case All(parts=parts):
            return all(_must_hold(part, mailbox) for part in parts)
        case AnyOf(parts=parts):
            return any(_must_hold(part, mailbox) for part in parts)
        case Not(part=part):
            return not _may_hold(part, mailbox)
        case _:
            assert_never(predicate)
