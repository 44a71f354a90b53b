"""`mainstay policy`: what may happen by itself, what asks, what is refused; why, since when, and what a change does."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, new_typer, open_workspace
from mainstay.cli.render import cells, clock_time, count, emit, say, show, table, tell
from mainstay.cli.safe_text import safe_line

if TYPE_CHECKING:
    from mainstay.kernel.policy import Rule
    from mainstay.kernel.policy_trace import Traced
    from mainstay.workspace.policy_compared import Compared
    from mainstay.workspace.policy_explained import Explained
    from mainstay.workspace.policy_versions import PolicyVersion

Version = Annotated[
    str,
    typer.Argument(help="The beginning of a digest, or `files`.", metavar="[VERSION]", show_default=False),
]
_SHORT = 12  # digits of a digest

group = new_typer("Rules: what may happen by itself, what asks you and what is refused.")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    group.command("check")(check)
    group.command("explain")(explain)
    group.command("diff")(diff)
    group.command("list")(versions)
    group.command("apply")(apply)
    app.add_typer(group, name="policy")


def check(workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Whether the rules can be read, rules that never match or change nothing, and acts no rule speaks of."""
    with open_workspace(workspace) as opened:
        found = opened.policies.check()
    if as_json:
        return emit(asdict(found))
    say(
        f"{count(found.rules, 'rule')}, {found.digest[:_SHORT]}: {'in force' if found.in_force else 'not in force'}"
    )
    for one in found.remarks:
        who = f"{safe_line(one.rule)}: " if one.rule else ""
        tell(f"{one.kind:<10} {who}{safe_line(one.what)}", hang=11)
    if not found.remarks:
        say("Nothing to remark.")
    if not found.in_force:
        say("`mainstay policy apply` puts them in force; `mainstay policy diff` shows what that changes.")
    return None


def explain(
    card: Annotated[
        str, typer.Argument(help="A card, or a run with its TASK.", metavar="CARD|RUN", show_default=False)
    ] = "",
    task: Annotated[
        int | None, typer.Argument(help="The number of a task of that run.", show_default=False)
    ] = None,
    act: Annotated[str, typer.Option("--act", help="An act such as email.reply.", show_default=False)] = "",
    given: Annotated[
        list[str] | None,
        typer.Option("--set", help="What a rule may look at: recipient_known=false.", show_default=False),
    ] = None,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Why something is allowed, asked or denied: the verdict, and every rule in order."""
    with open_workspace(workspace) as opened:
        if act:
            found = opened.policies.explain_act(act, _pairs(given or []))
        elif card:
            found = opened.policies.explain(card, task)
        else:
            raise typer.BadParameter("name a card, a run and a task, or --act")
    if as_json:
        return emit(_explained(found))
    return _tell_verdict(found)


def diff(
    old: Version = "", new: Version = "", workspace: InWorkspace = HERE, as_json: AsJson = False
) -> None:
    """What differs between the rules in force and the files, or two versions, and which cards that concerns."""
    with open_workspace(workspace) as opened:
        if old and not new:
            old, new = ("", old) if old == "files" else (old, "")
        found = opened.policies.difference(old, new)
    if as_json:
        return emit(_compared(found))
    say(f"From {_name(found.old)} to {_name(found.new)}")
    rules = found.rules
    if rules.nothing:
        return say("They say the same.")
    for rule in rules.added:
        say(f"+ {_rule(rule)}")
    for rule in rules.removed:
        say(f"- {_rule(rule)}")
    for changed in rules.changed:
        say(f"~ {safe_line(changed.new.name)}: {', '.join(changed.fields)}")
        say(f"  - {_rule(changed.old)}")
        say(f"  + {_rule(changed.new)}")
    for name in rules.moved:
        say(f"  {safe_line(name)}: moved")
    say(f"{count(len(found.cards), 'waiting card')} of {found.judged} judged otherwise")
    for card in found.cards:
        said = f"{card.old.decision} ({card.old.rule}) -> {card.new.decision} ({card.new.rule})"
        say(f"  {card.approval}  {safe_line(card.act)}  {safe_line(said, 160)}")
    if found.waiting > found.judged:
        say(f"{found.waiting - found.judged} more wait and were not looked at.")
    return None


def versions(workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Every version of the rules that was in force, with its date, and the files."""
    with open_workspace(workspace) as opened:
        found = opened.policies.versions()
    if as_json:
        return emit([asdict(one) for one in found])
    if not found:
        return say("No rules were ever in force here.")
    made = table(("Version", {"no_wrap": True}), "In force since", ("Rules", {"justify": "right"}), "")
    for one in found:
        state = ", ".join(
            word for word, holds in (("in force", one.in_force), ("the files", one.in_files)) if holds
        )
        since = clock_time(one.at) if one.at else "never"
        rules = str(one.rules) if one.rules is not None else "not kept"
        made.add_row(*cells(one.digest[:_SHORT], since, rules, state))
    return show(made)


def apply(
    yes: Annotated[
        bool, typer.Option("--yes", help="Yes: also if the files have no rule, and some are in force.")
    ] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Put the rules and templates of the folder in force, also while a director is at work; one mistake refuses all."""
    with open_workspace(workspace) as opened:
        done = opened.policies.apply(without_rules=yes)
    if as_json:
        return emit(done)
    what = "are in force now" if done["changed"] else "were in force already"
    say(f"{count(done['rules'], 'rule')} ({done['policy'][:_SHORT]}) {what}.")
    if done["templates"]:
        say(f"Templates that say something new: {', '.join(map(safe_line, done['templates']))}.")
    if done["retired"]:
        say(f"Templates that are there no more: {', '.join(map(safe_line, done['retired']))}.")
    return say(
        "Waiting cards were judged again." if done["changed"] or done["templates"] else "Nothing was written."
    )


def _pairs(given: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for one in given:
        name, found, value = one.partition("=")
        if not found:
            raise typer.BadParameter(f"--set {one[:60]!r} is not NAME=VALUE")
        pairs[name.strip()] = value.strip()
    return pairs


def _tell_verdict(found: Explained) -> None:
    from mainstay.governance.policy_check import value_text

    verdict = found.verdict
    by = "decided above the rules, by" if found.above else "by the rule"
    tell(f"{safe_line(found.act)}: {verdict.decision}, {by} {safe_line(verdict.rule)!r}", hang=2)
    tell(f"  {safe_line(verdict.reason, 300)}", hang=2)
    say("")
    for number, one in enumerate(found.rules, 1):
        tell(f"{number:>3}. {one.rule.then!s:<5} {safe_line(one.rule.name)}: {_why(one)}", hang=5)
    if found.rules:
        say("")
    for name, value in sorted((found.features | found.circumstances).items()):
        if value not in ("", None):
            tell(f"  {name:<24} {safe_line(value_text(value))}", hang=27)
    tell(f"  {'finality':<24} {found.finality}", hang=27)
    if found.left_out:
        tell(f"Not looked at, since nobody proposed it: {', '.join(found.left_out)}.")


def _why(one: Traced) -> str:
    from mainstay.governance.policy_check import condition_text, value_text

    if not one.of_act:
        return f"speaks of {safe_line(one.rule.act)}"
    if one.failed is None:
        return "matches"
    field = one.failed.field.removesuffix("_micros")
    actual = one.actual
    seen = value_text(getattr(actual, "least", actual))
    return f"no match: {safe_line(condition_text(one.failed))}, and {field} is {safe_line(seen)}"


def _rule(rule: Rule) -> str:
    from mainstay.governance.policy_check import condition_text

    when = " and ".join(condition_text(one) for one in rule.conditions)
    return safe_line(f"{rule.then} {rule.act}{' where ' + when if when else ''} ({rule.name})", 300)


def _name(one: PolicyVersion) -> str:
    where = "in force" if one.in_force else "the files" if one.in_files else clock_time(one.at)
    return f"{one.digest[:_SHORT]} ({where})"


def _rule_value(rule: Rule) -> dict[str, Any]:
    conditions = [
        {"field": one.field, "operator": str(one.operator), "value": one.value} for one in rule.conditions
    ]
    return {
        "name": rule.name,
        "then": str(rule.then),
        "act": rule.act,
        "when": conditions,
        "why": rule.why,
    }


def _explained(found: Explained) -> dict[str, Any]:
    verdict = found.verdict
    return {
        "act": found.act,
        "verdict": {"decision": str(verdict.decision), "rule": verdict.rule, "reason": verdict.reason},
        "above_the_rules": found.above,
        "policy": found.policy,
        "rules": [
            _rule_value(one.rule)
            | {
                "matched": one.matched,
                "of_act": one.of_act,
                "failed": one.failed.field if one.failed else None,
            }
            for one in found.rules
        ],
        "circumstances": found.circumstances,
        "features": found.features,
        "finality": found.finality,
        "left_out": list(found.left_out),
    }


def _compared(found: Compared) -> dict[str, Any]:
    rules = found.rules
    return {
        "old": asdict(found.old),
        "new": asdict(found.new),
        "added": [_rule_value(one) for one in rules.added],
        "removed": [_rule_value(one) for one in rules.removed],
        "changed": [
            {"old": _rule_value(one.old), "new": _rule_value(one.new), "fields": list(one.fields)}
            for one in rules.changed
        ],
        "moved": list(rules.moved),
        "cards": [
            {
                "approval": one.approval,
                "run": one.run,
                "task": one.task,
                "act": one.act,
                "old": {"decision": str(one.old.decision), "rule": one.old.rule},
                "new": {"decision": str(one.new.decision), "rule": one.new.rule},
            }
            for one in found.cards
        ],
        "judged": found.judged,
        "waiting": found.waiting,
    }
