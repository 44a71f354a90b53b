"""What became of each message of a mailbox: read from the ledger, put into words and groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mainstay.cli.render import count, table
from mainstay.cli.safe_text import safe_line
from mainstay.kernel.values import money

if TYPE_CHECKING:
    from rich.table import Table

    from mainstay.workspace import Workspace

WAITS, SENT, LEFT, NO_ANSWER, REPLACED, REFUSED, UNREADABLE, UNDER_WAY = (
    "waits for you",
    "sent",
    "left to you",
    "no answer needed",
    "replaced",
    "refused",
    "unreadable",
    "under way",
)
ORDER = (WAITS, SENT, LEFT, REFUSED, NO_ANSWER, REPLACED, UNREADABLE, UNDER_WAY)
_MEANING = {
    WAITS: "a reply is drafted and inspected; it leaves when you approve it",
    SENT: "approved by you, and delivered",
    LEFT: "no draft: risky, or like nothing that you have taught it",
    REFUSED: "an agent or a rule refused to go on",
    NO_ANSWER: "thanks, machines, newsletters",
    REPLACED: "a newer message of the same thread took its place",
    UNREADABLE: "kept aside, with the reason",
    UNDER_WAY: "not settled yet",
}
_SHOWN = {WAITS: 8, LEFT: 10, REFUSED: 4, SENT: 3, NO_ANSWER: 4, REPLACED: 2, UNREADABLE: 2, UNDER_WAY: 2}


@dataclass(frozen=True, slots=True)
class Triaged:
    """One message, and what became of it."""

    run: str
    message_id: str
    sender: str
    subject: str
    intent: str
    flags: tuple[str, ...]
    outcome: str
    why: str
    spent_micros: int


def read_triaged(workspace: Workspace) -> list[Triaged]:
    """One for every run and every message that could not be read, oldest first."""
    waiting = {
        str(row["run"]): row for row in workspace.rows("approvals", where={"status": "waiting"}, limit=10_000)
    }
    found = [_of_run(workspace, row, waiting) for row in reversed(workspace.runs(limit=10_000))]
    found += [
        Triaged("", "", "", "", "", (), UNREADABLE, str(row["reason"]), 0) for row in workspace.rejected()
    ]
    return found


def _of_run(workspace: Workspace, row: dict[str, Any], waiting: dict[str, Any]) -> Triaged:
    run = str(row["run"])
    _, state = workspace.run(run)
    tasks = {state.name(number): task for number, task in state.all_tasks()}
    phases = {name: task.phase.name.lower() for name, task in tasks.items()}
    noted = (tasks["annotate"].output or {}) if "annotate" in tasks else {}
    flags = tuple(str(one) for one in noted.get("flags", ()))
    message = workspace.message(run)
    outcome, why = _outcome(str(row["status"]), phases, noted, flags)
    if run in waiting:
        outcome, why = WAITS, str(waiting[run]["reason"])
        checks = _remarks(workspace, run)
        why = checks or why
    elif outcome in (LEFT, REFUSED):
        why = _rationale(workspace, run) or why
    return Triaged(
        run=run,
        message_id=str(message.get("message_id", "")),
        sender=str(message.get("from_address", "")),
        subject=str(message.get("subject", "")),
        intent=str(noted.get("intent", "")),
        flags=flags,
        outcome=outcome,
        why=why,
        spent_micros=int(row["spent"] or 0),
    )


def _outcome(
    status: str, phases: dict[str, str], noted: dict[str, Any], flags: tuple[str, ...]
) -> tuple[str, str]:
    if status == "superseded":
        return REPLACED, "a newer message in the thread"
    if status == "failed":
        return REFUSED, "it was given up"
    if status not in ("succeeded", "running"):
        return UNDER_WAY, status
    if phases.get("send") == "succeeded" or phases.get("send") == "done":
        return SENT, "you approved it"
    if status == "running":
        return UNDER_WAY, "its tasks go on"
    if noted.get("reply_expected"):
        return REFUSED, "the draft was refused"
    if "machine" in flags:
        return NO_ANSWER, "sent by a machine"
    if flags and set(flags) - {"language"}:
        return LEFT, ", ".join(flags)
    return NO_ANSWER, f"nobody expects an answer to {noted.get('intent', 'this')}"


def _remarks(workspace: Workspace, run: str) -> str:
    card = next(
        (one for one in workspace.rows("approvals", where={"run": run, "status": "waiting"}, limit=1)), None
    )
    checks = workspace.approval(str(card["approval"])).checks if card else ()
    remarks = [str(one["remark"]) for one in checks if one["severity"] != "note"]
    return "; ".join(one.removeprefix("the message is flagged ") for one in remarks)


def _rationale(workspace: Workspace, run: str) -> str:
    for chapter in workspace.explain(run).chapters:
        if chapter.name == "annotate":
            said = next((line.rationale for line in reversed(chapter.lines) if line.rationale), "")
            parts = [one for one in said.split(". ") if one.startswith("The message ")]
            return (
                parts[0].removeprefix("The message ").removesuffix(": left to a person.") if parts else said
            )
    return ""


# --- as tables ----------------------------------------------------------------------------------------------


def summary(found: list[Triaged], *, duplicates: int) -> Table:
    """How many of each kind, what that means, and what it cost."""
    made = table(("", {"justify": "right"}), "Outcome", "Meaning", ("Cost", {"justify": "right"}))
    for outcome in ORDER:
        of = [one for one in found if one.outcome == outcome]
        if of:
            made.add_row(
                f"{len(of):,}", outcome, _MEANING[outcome], money(sum(one.spent_micros for one in of))
            )
    if duplicates:
        made.add_row(f"{duplicates:,}", "duplicates", "known already; nothing new began", money(0))
    return made


def details(found: list[Triaged], *, every: bool) -> tuple[Table, int]:
    """The messages by outcome, and how many are left out."""
    widths = (("From", 21), ("Subject", 27), ("Intent", 12), ("Why", 31))
    made = table(
        *((name, {"no_wrap": True, "overflow": "ellipsis", "width": width}) for name, width in widths)
    )
    left_out = 0
    for outcome in ORDER:
        of = [one for one in found if one.outcome == outcome]
        shown = of if every else _chosen(of, _SHOWN[outcome])
        left_out += len(of) - len(shown)
        if shown:
            made.add_row(f"{outcome} ({len(of)})", style="bold")
        for one in shown:
            sender, subject = safe_line(one.sender) or "?", safe_line(one.subject) or "(none)"
            made.add_row(f"  {sender}", subject, one.intent, safe_line(one.why))
    return made, left_out


def _chosen(of: list[Triaged], most: int) -> list[Triaged]:
    """Of many, the ones that differ: each reason once, then the first of the rest."""
    seen: set[str] = set()
    first = [one for one in of if one.why not in seen and not seen.add(one.why)]  # type: ignore[func-returns-value]
    rest = [one for one in of if one not in first]
    chosen = (first + rest)[:most]
    return [one for one in of if one in chosen]


def flags_line(found: list[Triaged]) -> str:
    """How often each flag was raised."""
    raised: dict[str, int] = {}
    for one in found:
        for flag in one.flags:
            raised[flag] = raised.get(flag, 0) + 1
    ordered = sorted(raised.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{name} {number}" for name, number in ordered)


def drafted(found: list[Triaged]) -> str:
    """How many there are, in words."""
    return count(sum(one.outcome == WAITS for one in found), "draft")
