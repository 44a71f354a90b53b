"""What became of each message of a mailbox: read from the ledger, put into words and groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mainstay.cli.render import count, table
from mainstay.cli.safe_text import safe_line
from mainstay.kernel.values import money
from mainstay.workspace.left_to_you import NOTED, SENDS, flags_of, is_left

if TYPE_CHECKING:
    from rich.table import Table

    from mainstay.workspace import Workspace

WAITS, DOUBT, SENT, LEFT, ANSWERED, NO_ANSWER, REPLACED, REFUSED, REJECTED, CANCELLED = (
    "waits for you",
    "in doubt",
    "sent",
    "left to you",
    "answered by hand",
    "no answer needed",
    "replaced",
    "refused",
    "rejected by you",
    "cancelled",
)
FAILED, UNREADABLE, UNHEARD, UNDER_WAY = "failed", "unreadable", "no workflow", "under way"
NOT_TAKEN_BACK, STOPPED, FORGOTTEN = "not taken back", "stopped", "forgotten"
PUT_AWAY, TRIED_AGAIN = "put away", "tried again"
ORDER = (
    WAITS, DOUBT, NOT_TAKEN_BACK, STOPPED, SENT, LEFT, FAILED, REFUSED, NO_ANSWER, REPLACED, ANSWERED, REJECTED,
    CANCELLED, FORGOTTEN, UNREADABLE, UNHEARD, UNDER_WAY, TRIED_AGAIN, PUT_AWAY,
)  # fmt: skip
FOR_YOU = (WAITS, DOUBT, NOT_TAKEN_BACK, STOPPED, LEFT, FAILED, REFUSED, UNREADABLE, UNHEARD)
"""What only the operator can bring to an end."""
MESSAGE_MAX = 10_000
_MEANING = {
    WAITS: "a reply is drafted and inspected; it leaves when you approve it",
    SENT: "approved by you, and delivered",
    LEFT: "no draft: risky, or like nothing that you have taught it",
    DOUBT: "nobody but you can say whether it went out",
    NOT_TAKEN_BACK: "the run ends, and something that it did could not be taken back",
    STOPPED: "a budget is used up, or nobody knows a price: `mainstay costs` says what can be done",
    FAILED: "it was given up, with the reason",
    REFUSED: "an agent or a rule refused to go on",
    ANSWERED: "you have answered it yourself",
    REJECTED: "you said no to the draft",
    CANCELLED: "you ended it",
    UNHEARD: "no workflow listened to its mailbox",
    NO_ANSWER: "thanks, machines, newsletters",
    REPLACED: "a newer message of the same thread took its place",
    FORGOTTEN: "whoever it is about was forgotten, and its run was ended",
    UNREADABLE: "kept aside, with the reason",
    UNDER_WAY: "not settled yet",
    TRIED_AGAIN: "it was given up, and what you began anew goes on from there",
    PUT_AWAY: "it was given up, and you wanted no more of it",
}
_STANDING = {
    "delayed": "it begins later",
    "queued": "it waits for its turn",
    "paused": "its run is paused",
    "compensating": "it takes back what it did",
}
_SETTLED = {
    "purged": (PUT_AWAY, "you put it away"),
    "replayed": (TRIED_AGAIN, "you had it tried again"),
}  # by the status of a dead letter
_OVERTAKEN = {
    "whoever it is about was forgotten": (FORGOTTEN, "it is about somebody who was forgotten"),
    "answered by hand": (ANSWERED, "your own answer was seen"),
}  # by the reason for which a run was superseded; every other is a newer message
_SHOWN = {WAITS: 8, LEFT: 10, REFUSED: 4, SENT: 3, NO_ANSWER: 4}
_SHOWN_OTHERWISE = 2


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
    at: int = 0  # when it came in, in microseconds


def read_triaged(workspace: Workspace, *, newest: int = MESSAGE_MAX, sealed: bool = False) -> list[Triaged]:
    """What became of the newest messages, oldest first: of runs, and of mail that could not be read or began none.

    `sealed`: nothing is opened. Sender, subject and reason stay empty, and no key is needed.
    """
    reading = _Reading(workspace, sealed=sealed)
    found = [reading.of_run(row) for row in workspace.runs(limit=newest)]
    rejected = workspace.rows("rejected", order="at", descending=True, limit=newest)
    found += [reading.unreadable(row) for row in rejected]
    found += reading.unheard(newest)
    return sorted(found, key=lambda one: one.at)[-newest:]


class _Reading:
    """One look at the ledger: the lists that each message is held against are read once."""

    def __init__(self, workspace: Workspace, *, sealed: bool) -> None:
        self._workspace = workspace
        self._sealed = sealed
        cards = workspace.rows("approvals", order="requested_at", descending=True, limit=MESSAGE_MAX)[::-1]
        self._cards = {str(row["run"]): row for row in cards}  # of each run the newest
        self._waiting = {str(row["run"]): row for row in cards if row["status"] == "waiting"}
        self._doubts = {str(row["run"]): row for row in workspace.in_doubt(sealed=sealed)}
        own = workspace.rows(
            "messages", where={"own": 1}, order="position", descending=True, limit=MESSAGE_MAX
        )[::-1]
        self._answered_at = {str(row["thread"]): int(row["position"]) for row in own}
        self._settled: dict[str, tuple[str, str]] = {}  # dead letters that wait no more: what became of each
        for status, became in _SETTLED.items():
            letters = workspace.rows(
                "dead_letters", where={"status": status}, order="at", descending=True, limit=MESSAGE_MAX
            )
            self._settled |= {str(row["letter"]): became for row in letters}

    def of_run(self, row: dict[str, Any]) -> Triaged:
        """What became of the message that began a run."""
        workspace, run = self._workspace, str(row["run"])
        _, state = workspace.run(run)
        tasks = {state.name(number): task for number, task in state.all_tasks()}
        acts = {
            state.name(number): task.phase.name.lower()
            for number, task in state.all_tasks()
            if state.spec(number).act.endswith(SENDS)
        }
        noted = (tasks[NOTED].output or {}) if NOTED in tasks else {}
        flags = flags_of(noted)
        message = {} if self._sealed else workspace.message(run)
        outcome, why = _outcome(str(row["status"]), acts, noted, flags)
        trigger = state.head.trigger.get("message")
        if outcome == REPLACED:
            outcome, why = _overtaken(workspace, run)
        thread = str(trigger.get("thread", "")) if isinstance(trigger, dict) else ""
        if outcome == UNDER_WAY and any(task.phase.name == "BLOCKED" for task in tasks.values()):
            outcome, why = STOPPED, "for want of money: see `mainstay costs`"
        card = self._cards.get(run)
        if run in self._doubts:
            doubt = self._doubts[run]
            outcome, why = DOUBT, str(doubt["reason"])
            if doubt["kind"] == "compensation":
                outcome, why = NOT_TAKEN_BACK, f"{doubt['act']}: {why}"
        elif run in self._waiting:
            outcome, why = WAITS, str(self._waiting[run]["reason"])
            why = why if self._sealed else _remarks(workspace, run) or why
        elif outcome == SENT:
            pass
        elif card is not None and card["status"] == "rejected":
            outcome, why = REJECTED, "nothing was sent"
        elif card is not None and card["status"] == "cancelled":
            outcome, why = CANCELLED, "you gave its answer up"
        elif card is not None and card["status"] == "expired":
            outcome, why = LEFT, "nobody answered its card in time, so nothing was sent"
        elif outcome == FAILED and run in self._settled:
            outcome, why = self._settled[run]
        elif self._sealed:
            why = ""
        elif outcome == FAILED:
            why = given_up(workspace, run) or why
        elif outcome in (LEFT, REFUSED):
            why = given_up(workspace, run) or _rationale(workspace, run) or why
        if outcome in (LEFT, FAILED, REFUSED) and self._answered_at.get(thread, 0) > int(row["position"]):
            outcome, why = ANSWERED, "your own answer was seen"
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
            at=int(row["started_at"]),
        )

    def unreadable(self, row: dict[str, Any]) -> Triaged:
        """What came in and could not be read, unless it was tried again or put away since."""
        outcome, why = self._settled.get(str(row["item"]), (UNREADABLE, str(row["reason"])))
        return Triaged("", "", "", "", "", (), outcome, why, 0, int(row["at"]))

    def unheard(self, newest: int) -> list[Triaged]:
        """Messages that began no run although they are new: nothing listens to their mailbox."""
        workspace = self._workspace
        rows = workspace.rows(
            "messages", where={"own": 0, "history": 0}, order="position", descending=True, limit=newest
        )
        begun = {str(row["message"]) for row in workspace.rows("runs", limit=MESSAGE_MAX)}
        return [
            self._unheard(row)
            for row in rows
            if str(row["message"]) not in begun
            if self._answered_at.get(str(row["thread"]), 0) < int(row["position"])
        ]

    def _unheard(self, row: dict[str, Any]) -> Triaged:
        message = {} if self._sealed else self._workspace.received(row)
        return Triaged(
            run="",
            message_id=str(message.get("message_id", "")),
            sender=str(message.get("from_address", "")),
            subject=str(message.get("subject", "")),
            intent="",
            flags=(),
            outcome=UNHEARD,
            why=f"nothing listened for it in mailbox {row['mailbox']!r}",
            spent_micros=0,
            at=int(row["received_at"]),
        )


def _outcome(
    status: str, acts: dict[str, str], noted: dict[str, Any], flags: tuple[str, ...]
) -> tuple[str, str]:
    if status == "superseded":
        return REPLACED, "a newer message in the thread"
    if "succeeded" in acts.values():
        return SENT, "you or a rule of yours let it go"
    if status == "failed":
        return FAILED, "it was given up"
    if status == "cancelled":
        return CANCELLED, "its run was ended"
    if status == "running":
        return UNDER_WAY, "its tasks go on"
    if status != "succeeded":
        return UNDER_WAY, _STANDING.get(status, status)
    if noted.get("reply_expected"):
        return REFUSED, "the draft was refused"
    if "machine" in flags:
        return NO_ANSWER, "sent by a machine"
    if is_left(noted, flags):
        return LEFT, ", ".join(flags)
    return NO_ANSWER, f"nobody expects an answer to {noted.get('intent', 'this')}"


def _overtaken(workspace: Workspace, run: str) -> tuple[str, str]:
    """Why a run was superseded, as its own event says: the view has no more than the word."""
    from mainstay.kernel.events import RunSuperseded

    reasons = [event.reason for _, event in workspace.events(run) if isinstance(event, RunSuperseded)]
    return _OVERTAKEN.get(reasons[-1] if reasons else "", (REPLACED, "a newer message in the thread"))


def given_up(workspace: Workspace, run: str) -> str:
    """Why the task failed that ended it, or which rule forbade it; of several the last, "" where none did."""
    last, told = 0, ""
    for chapter in workspace.explain(run).chapters:
        for line in chapter.lines:
            if line.event.startswith(("task.failed", "action.denied")) and line.position > last:
                last, told = line.position, f"{chapter.name}: {line.text[:1].lower()}{line.text[1:]}"
    return told


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
        shown = of if every else _chosen(of, _SHOWN.get(outcome, _SHOWN_OTHERWISE))
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
