"""`mainstay lessons`: what your edits taught, what that does to later drafts, and how to take a lesson back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, given_before, new_typer, open_workspace
from mainstay.cli.render import cells, clock_time, count, emit, say, short_run, show, table, tell
from mainstay.cli.safe_text import safe_line

if TYPE_CHECKING:
    from mainstay.governance.effect import Arm, Difference
    from mainstay.governance.lessons import LessonReport
    from mainstay.workspace.lessons import TaughtLesson

Name = Annotated[str, typer.Argument(help="A lesson's name, or its beginning.", metavar="LESSON")]
_RIGHT = {"justify": "right"}

group = new_typer("What your edits of drafts taught.")


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    group.callback(invoke_without_command=True)(lessons)
    group.info.no_args_is_help = False
    group.command("show")(lesson_show)
    group.command("retire")(retire)
    app.add_typer(group, name="lessons", no_args_is_help=False)


def lessons(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Also those that were retired.")] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """What your edits of drafts taught, and what each lesson does to later drafts."""
    context.obj = (workspace, as_json)
    if context.invoked_subcommand is not None:
        return None
    with open_workspace(workspace) as opened:
        found = opened.lessons.all(retracted=every)
        report = opened.lessons.report()
    if as_json:
        return emit({"lessons": [asdict(one) for one in found], **figures(report)})
    if not found:
        say("No lesson is in force." if report.lessons else "Nothing was learned yet.")
        return say("Edit a draft before you approve it: the next draft of its kind carries the change.")
    made = table(
        # The name is never cut: it is what `show` and `retire` are given.
        ("Lesson", {"no_wrap": True}),
        "Drafts of",
        "What it does",
        ("With", _RIGHT),
        ("Without", _RIGHT),
        ("Less", _RIGHT),
    )
    for one in found:
        effect = one.figures.effect
        made.add_row(
            *cells(
                one.lesson,
                one.intent,
                ("retired; " if one.retracted else "") + _in_short(one),
                _arm(effect.given),
                _arm(effect.withheld),
                difference_text(one.figures.told),
            )
        )
    show(made)
    return tell_effect(report)


def lesson_show(
    context: typer.Context, lesson: Name, workspace: InWorkspace = HERE, as_json: AsJson = False
) -> None:
    """One lesson: what was changed, in which drafts, who agrees, and what it does."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        found = opened.lessons.show(lesson)
    if as_json:
        return emit(asdict(found) | {"applicable": found.applicable})
    state = "retired" if found.retracted else "in force" if found.applicable else "in force for a model alone"
    say(f"{found.lesson}, version {found.version}: {state}")
    say(f"Drafts of    {safe_line(found.intent)}, template {safe_line(found.template)}")
    if found.anchor:
        tell(f"After        {safe_line(found.anchor)}", hang=13)
    for head, texts in (("Instead of", found.before), ("Now", found.after)):
        for text in texts:
            tell(f"{head:<12} {safe_line(text)}", hang=13)
    if not found.after:
        say("Now          (left out)")
    runs = ", ".join(map(short_run, found.runs))
    tell(f"Learned      {clock_time(found.recorded_at)}, from {runs or 'nobody'}", hang=13)
    effect = found.figures.effect
    say(f"With it      {_arm(effect.given)} of the words changed, in {count(effect.given.count, 'draft')}")
    say(f"Without it   {_arm(effect.withheld)}, in {count(effect.withheld.count, 'draft')}")
    return say(f"Less         {difference_text(found.figures.told)}")


def retire(
    context: typer.Context,
    lesson: Name,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why.", show_default=False)] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Apply a lesson no more. Taught again by another edit, it begins anew."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        kept = opened.lessons.retire(lesson, reason=reason)
    if as_json:
        return emit(kept)
    done = "is retired" if kept.became == "retracted" else "was retired before; nothing was written"
    return say(f"{kept.memory} {done}.")


def tell_effect(report: LessonReport) -> None:
    """What all lessons do together, in two lines."""
    if not report.lessons:
        return None
    tell(
        f"Lessons      {report.in_force} in force, {len(report.lessons) - report.in_force} retired; "
        f"in {count(report.drafts, 'draft')} {report.changed:.1%} of the words were changed",
        hang=13,
    )
    return tell(
        f"Their effect {_arm(report.given)} with ({report.given.count}), {_arm(report.withheld)} without "
        f"({report.withheld.count}); less by, each compared with itself: {difference_text(report.overall)}",
        hang=13,
    )


def figures(report: LessonReport) -> dict[str, Any]:
    """The same for a program."""
    return {
        "in_force": report.in_force,
        "retired": len(report.lessons) - report.in_force,
        "drafts": report.drafts,
        "changed_share": report.changed,
        "given": {"drafts": report.given.count, "changed_share": report.given.mean},
        "withheld": {"drafts": report.withheld.count, "changed_share": report.withheld.mean},
        "effect": asdict(report.overall) if report.overall is not None else None,
    }


def difference_text(told: Difference | None) -> str:
    """`7.1 points (3.0 to 11.2)`; what it is short of, where that cannot be told."""
    if told is None:
        return "not known yet"
    points = f"{100 * told.reduction:.1f} points"
    if told.interval is None:
        return points
    low, high = told.interval
    return f"{points} ({100 * low:.1f} to {100 * high:.1f})"


def _arm(arm: Arm) -> str:
    return f"{arm.mean:.1%}" if arm.count else "-"


def _in_short(one: TaughtLesson) -> str:
    old, new = " ".join(one.before), " ".join(one.after)
    if not old:
        return f"adds: {safe_line(new, 60)}"
    return f"leaves out: {safe_line(old, 60)}" if not new else f"says: {safe_line(new, 60)}"
