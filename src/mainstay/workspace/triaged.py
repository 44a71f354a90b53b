"""What became of one message: read from the ledger, put into a word and a reason.

Rules of this file: a word says what the operator would say; the reason is the ledger's own where it has one. What is
`sealed` is not opened: then sender, subject and reason stay empty, and no key is needed. In which order messages are
listed, and how many, is left to `inbox`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mainstay.kernel.values import Json
from mainstay.workspace.left_to_you import NOTED, SENDS, flags_of, is_left

if TYPE_CHECKING:
    from mainstay.governance.explain import Story
    from mainstay.kernel.state import RunState
    from mainstay.ledger.store import RecordedEvent
    from mainstay.workspace.cards import Card

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
CARDS_MAX = 200  # of one run
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
_BY_CARD = {
    "rejected": (REJECTED, "nothing was sent"),
    "cancelled": (CANCELLED, "you gave its answer up"),
    "expired": (LEFT, "nobody answered its card in time, so nothing was sent"),
}  # by the status of the newest card, where nothing waits and nothing was sent


class Asked(Protocol):
    """What is asked of a workspace about its messages; `Workspace` is one."""

    def rows(self, table: str, **options: Any) -> list[Json]:
        """See `Workspace.rows`."""

    def in_doubt(self, *, sealed: bool = False) -> list[Json]:
        """See `Workspace.in_doubt`."""

    def run(self, short: str) -> tuple[Json, RunState]:
        """See `Workspace.run`."""

    def events(self, short: str) -> list[tuple[RecordedEvent, Any]]:
        """See `Workspace.events`."""

    def explain(self, short: str) -> Story:
        """See `Workspace.explain`."""

    def approval(self, short: str) -> Card:
        """See `Workspace.approval`."""

    def message(self, run: str) -> Json:
        """See `Workspace.message`."""

    def received(self, row: Json) -> Json:
        """See `Workspace.received`."""


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
    key: str = ""  # by which the ledger knows the message
    position: int = 0  # in the ledger, of what came first of it here


class Reading:
    """One look at the ledger."""

    def __init__(self, workspace: Asked, *, sealed: bool) -> None:
        self._workspace = workspace
        self._sealed = sealed
        self._doubts = {str(row["run"]): row for row in workspace.in_doubt(sealed=sealed)}

    def of_run(self, row: Json) -> Triaged:
        """What became of the message that began a run."""
        workspace, run = self._workspace, str(row["run"])
        _, state = workspace.run(run)
        task = next((one for number, one in state.all_tasks() if state.name(number) == NOTED), None)
        noted = (task.output or {}) if task is not None else {}
        message = {} if self._sealed else workspace.message(run)
        outcome, why = self._became(row, state, noted)
        if outcome in (LEFT, FAILED, REFUSED) and self._answered(_thread(state), int(row["position"])):
            outcome, why = ANSWERED, "your own answer was seen"
        return Triaged(
            run=run,
            message_id=str(message.get("message_id", "")),
            sender=str(message.get("from_address", "")),
            subject=str(message.get("subject", "")),
            intent=str(noted.get("intent", "")),
            flags=flags_of(noted),
            outcome=outcome,
            why=why,
            spent_micros=int(row["spent"] or 0),
            at=int(row["started_at"]),
            key=str(row["message"] or ""),
            position=int(row["position"]),
        )

    def unreadable(self, row: Json) -> Triaged:
        """What came in and could not be read, unless it was tried again or put away since."""
        outcome, why = self._settled(str(row["item"])) or (UNREADABLE, str(row["reason"]))
        return Triaged("", "", "", "", "", (), outcome, why, 0, int(row["at"]), position=int(row["position"]))

    def unheard(self, row: Json) -> Triaged | None:
        """A message that began no run although it is new; None where your own answer to it was seen."""
        if self._answered(str(row["thread"]), int(row["position"])):
            return None
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
            key=str(row["message"]),
            position=int(row["position"]),
        )

    # --- within ----------------------------------------------------------------------------------------------------

    def _became(self, row: Json, state: RunState, noted: Mapping[str, Any]) -> tuple[str, str]:
        workspace, run = self._workspace, str(row["run"])
        acts = {
            state.name(number): task.phase.name.lower()
            for number, task in state.all_tasks()
            if state.spec(number).act.endswith(SENDS)
        }
        outcome, why = outcome_of(str(row["status"]), acts, noted, flags_of(noted))
        if outcome == REPLACED:
            outcome, why = _overtaken(workspace, run)
        if outcome == UNDER_WAY and any(task.phase.name == "BLOCKED" for _, task in state.all_tasks()):
            outcome, why = STOPPED, "for want of money: see `mainstay costs`"
        if run in self._doubts:
            return _in_doubt(self._doubts[run])
        cards = workspace.rows(
            "approvals", where={"run": run}, order="requested_at", descending=True, limit=CARDS_MAX
        )
        waiting = next((one for one in cards if one["status"] == "waiting"), None)
        if waiting is not None:
            why = str(waiting["reason"])
            return WAITS, why if self._sealed else _remarks(workspace, waiting) or why
        if outcome != SENT and cards and cards[0]["status"] in _BY_CARD:
            return _BY_CARD[str(cards[0]["status"])]
        if outcome == FAILED and (settled := self._settled(run)) is not None:
            return settled
        if self._sealed:
            return outcome, "" if outcome != SENT else why
        if outcome == FAILED:
            return outcome, given_up(workspace, run) or why
        if outcome in (LEFT, REFUSED):
            return outcome, given_up(workspace, run) or _rationale(workspace, run) or why
        return outcome, why

    def _settled(self, letter: str) -> tuple[str, str] | None:
        """What became of a dead letter that waits no more."""
        found = self._workspace.rows("dead_letters", where={"letter": letter}, limit=1)
        return _SETTLED.get(str(found[0]["status"])) if found else None

    def _answered(self, thread: str, position: int) -> bool:
        """Whether an answer of the operator's own was seen in the thread since."""
        own = {"thread": thread, "own": 1}
        found = self._workspace.rows("messages", where=own, order="position", descending=True, limit=1)
        return bool(thread and found) and int(found[0]["position"]) > position


def outcome_of(
    status: str, acts: Mapping[str, str], noted: Mapping[str, Any], flags: tuple[str, ...]
) -> tuple[str, str]:
    """What a run's status, what was sent and what was noted say by themselves."""
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


def given_up(workspace: Asked, run: str) -> str:
    """Why the task failed that ended it, or which rule forbade it; of several the last, "" where none did."""
    last, told = 0, ""
    for chapter in workspace.explain(run).chapters:
        for line in chapter.lines:
            if line.event.startswith(("task.failed", "action.denied")) and line.position > last:
                last, told = line.position, f"{chapter.name}: {line.text[:1].lower()}{line.text[1:]}"
    return told


def _in_doubt(row: Json) -> tuple[str, str]:
    why = str(row["reason"])
    return (NOT_TAKEN_BACK, f"{row['act']}: {why}") if row["kind"] == "compensation" else (DOUBT, why)


def _thread(state: RunState) -> str:
    trigger = state.head.trigger.get("message")
    return str(trigger.get("thread", "")) if isinstance(trigger, dict) else ""


def _overtaken(workspace: Asked, run: str) -> tuple[str, str]:
    """Why a run was superseded, as its own event says: the view has no more than the word."""
    from mainstay.kernel.events import RunSuperseded

    reasons = [event.reason for _, event in workspace.events(run) if isinstance(event, RunSuperseded)]
    return _OVERTAKEN.get(reasons[-1] if reasons else "", (REPLACED, "a newer message in the thread"))


def _remarks(workspace: Asked, card: Json) -> str:
    checks = workspace.approval(str(card["approval"])).checks
    remarks = [str(one["remark"]) for one in checks if one["severity"] != "note"]
    return "; ".join(one.removeprefix("the message is flagged ") for one in remarks)


def _rationale(workspace: Asked, run: str) -> str:
    for chapter in workspace.explain(run).chapters:
        if chapter.name == NOTED:
            said = next((line.rationale for line in reversed(chapter.lines) if line.rationale), "")
            parts = [one for one in said.split(". ") if one.startswith("The message ")]
            return (
                parts[0].removeprefix("The message ").removesuffix(": left to a person.") if parts else said
            )
    return ""
