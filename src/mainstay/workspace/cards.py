"""Cards as a person reads them: opened from the views, the ledger and sealed blobs; nothing here decides.

A list opens one small blob a row and folds no run, so that it is quick however many wait; one card is read whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mainstay.governance.batches import (
    ANSWERED,
    REMARKED,
    TOGETHER_MAX,
    guard_of,
    is_remarked,
    likeness,
    why_alone,
)
from mainstay.governance.own_text import NOT_INSPECTED, OWN_TEXT, OwnText, own_text
from mainstay.governance.precedents import Precedent, precedents
from mainstay.governance.second_step import second_step
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.ids import RunId, SubjectId
from mainstay.kernel.plan import PROPOSED
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.workspace.drafts import Draft, Drafts, checks_made, drafts_of, place_of
from mainstay.workspace.effect_facts import Fact, facts_of, lines_of, title_of

if TYPE_CHECKING:
    from mainstay.governance.earlier import Earlier
    from mainstay.kernel.state import RunState
    from mainstay.ledger.store import EventReader, RecordedEvent
    from mainstay.runtime.artifacts import Artifacts

PAGE = 50
_ALL = 100_000
_FORGOTTEN = "[forgotten]"


@dataclass(frozen=True, slots=True)
class Card:
    """What a person must see to decide: what will happen, why it is asked, and how final it is."""

    approval: str
    status: str
    run: str
    task: int
    workflow: str
    act: str
    title: str
    recipients: tuple[str, ...]
    text: str  # exactly what will leave, as text
    attachments: tuple[str, ...]
    risky: tuple[Json, ...]  # name, value, source, seen_before
    finality: str
    rule: str
    reason: str
    rationale: str
    checks: tuple[Json, ...]  # the inspector's findings
    price_micros: int | None
    spent_micros: int
    digest: Digest
    requested_at: Instant
    expires_at: Instant  # 0: it waits until it is answered
    message: Json  # from, subject, text of what is answered
    # The effect before this one: of the run it goes on from, what it takes back, another answer to its message.
    read_with: str = ""
    kind: str = ""  # workflow/act/class: whose decisions are alike
    snoozed_until: Instant = Instant(0)
    second_step: str = ""  # what must be typed before it leaves; empty: a yes is enough
    precedents: tuple[Precedent, ...] = ()  # the last decisions on the like, newest first
    lessons: tuple[str, ...] = ()  # what earlier edits taught that went into it
    standing: str = ""  # of its kind of act: what is missing until it stops asking
    asks: str = (
        ""  # the card that asked in its place: what was approved was taken back, or it was asked again
    )
    content: str = ""  # what will be done, one fact a line, where it is no text
    facts: tuple[Fact, ...] = ()  # the same as names and values
    drafts: Drafts = field(
        default_factory=Drafts
    )  # the texts before and after this one, as far as there were any
    checks_made: int = 0  # by the inspectors; 0: they do not say
    checks_passed: tuple[str, ...] = ()  # of these, what was looked for and not found; empty: they do not say
    decided_at: Instant | None = None
    actor: str = ""  # who decided, if that was a person
    said: str = ""  # why they rejected it, if they said so
    again: str = ""  # the task from which `ask_again` goes on; empty: its run goes on, or it was asked again
    again_run: str = ""  # the run that asks again; its card is `asks`, once there is one
    taken_back: bool = (
        False  # it was approved, and taken back before it left: the card `asks` stands in its place
    )
    proposer: str = ""  # who asked for it from outside; empty: a workflow did


@dataclass(frozen=True, slots=True)
class CardLine:
    """A card in a list."""

    approval: str
    status: str
    run: str
    task: int
    workflow: str
    act: str
    kind: str
    title: str
    recipients: tuple[str, ...]
    finality: str
    rule: str
    reason: str
    digest: Digest
    requested_at: Instant
    expires_at: Instant  # 0: it waits until it is answered
    snoozed_until: Instant
    decided_at: Instant | None
    actor: str
    second_step: str  # what must be typed before it leaves; empty: a yes is enough
    text: str  # exactly what will leave, as text
    proposer: str = ""  # who asked for it from outside; empty: a workflow did
    attachments: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()  # what will be done, as names and values, where it is no text
    taken_back: bool = False  # it was approved, and taken back before it left: another card asks in its place


@dataclass(frozen=True, slots=True)
class Leaving:
    """An act that may leave and has not: `mainstay undo` takes it back."""

    run: str
    task: int
    workflow: str
    act: str
    title: str
    recipients: tuple[str, ...]
    finality: str
    digest: Digest
    approval: str  # empty: nobody was asked
    authority: str
    until: Instant  # 0: as soon as a director has room for it


@dataclass(frozen=True, slots=True)
class Preview:
    """Cards that can be decided together, and the guard that binds a decision to them."""

    cards: tuple[CardLine, ...]
    guard: str
    more: int  # that fit and are beyond what is decided in one go
    alone: int = 0  # that are alike, and of which an inspector found something: each wants a look
    apart: tuple[tuple[CardLine, str], ...] = ()  # the first that can only be decided by themselves, and why

    @property
    def chosen(self) -> list[tuple[str, str]]:
        """Each with the effect that it shows."""
        return [(one.approval, one.digest) for one in self.cards]


class CardReader:
    """Reads cards of one workspace."""

    def __init__(
        self,
        store: EventReader,
        artifacts: Callable[[], Artifacts],
        events: Callable[[str], list[tuple[RecordedEvent, Any]]],
        view: Callable[[Digest, SubjectId | None], Json],
        standing: Callable[[str], str] = lambda kind: "",
        look: Callable[[str], tuple[Json, ...]] = lambda text: (),
    ) -> None:
        self._store = store
        self._open = artifacts
        self._events = events
        self._view = view
        self._standing = standing
        self._look = look  # what is found in a text that a person wrote

    # --- lists -----------------------------------------------------------------------------------------------------

    def rows(
        self, *, now: Instant, limit: int = PAGE, status: str = "waiting", put_off: bool = False
    ) -> list[Json]:
        """Rows of the view, longest waiting first; those that are put off only if they are asked for."""
        where: dict[str, Any] = {"status": status}
        if put_off or status != "waiting":
            return self._store.select("approvals", where=where, order="requested_at", limit=limit)
        rows = self._store.select(
            "approvals", where=where | {"snoozed_until": 0}, order="requested_at", limit=limit
        )
        # Their time has come, and no director was at work to say so.
        late = self._store.select("approvals", where=where, order="snoozed_until", after=0, limit=_ALL)
        rows += [row for row in late if row["snoozed_until"] and _whole(row["snoozed_until"]) <= now]
        return sorted(rows, key=lambda row: (_whole(row["requested_at"]), str(row["approval"])))[:limit]

    def line(self, row: Json) -> CardLine:
        """A card as a list shows it."""
        from mainstay.governance.taken_back import asks_anew

        shown = self._shown(row)
        return CardLine(
            **{name: row[name] for name in ("approval", "status", "run", "task", "workflow", "act")},
            kind=row["kind"] or "",
            title=_title(row, shown),
            recipients=tuple(shown.get("recipients", ())),
            finality=row["finality"],
            rule=row["rule"] or "",
            reason=row["reason"] or "",
            digest=Digest(row["digest"]),
            requested_at=Instant(row["requested_at"]),
            expires_at=Instant(row["expires_at"]),
            snoozed_until=Instant(row["snoozed_until"] or 0),
            decided_at=row["decided_at"],
            actor=row["actor"] or "",
            second_step=second_step(
                row["finality"], shown, price_micros=row["price_micros"], digest=Digest(row["digest"])
            ),
            text=_text(shown),
            proposer=self._proposer(row),
            attachments=tuple(shown.get("attachments", ())),
            facts=_facts(shown),
            taken_back=asks_anew(self._store, row) is not None,
        )

    def leaving(self) -> list[Leaving]:
        """What may leave and can still be taken back, soonest first."""
        found: list[Leaving] = []
        for row in self._store.select("leaving", limit=_ALL):
            shown = self._shown(row)
            found.append(
                Leaving(
                    run=str(row["run"]),
                    task=_whole(row["task"]),
                    workflow=str(row["workflow"]),
                    act=str(row["act"]),
                    finality=str(row["finality"]),
                    title=_title(row, shown),
                    recipients=tuple(shown.get("recipients", ())),
                    digest=Digest(str(row["digest"])),
                    approval=str(row["approval"] or ""),
                    authority=str(row["authority"]),
                    until=Instant(_whole(row["until"])),
                )
            )
        return sorted(found, key=lambda one: (one.until, one.run, one.task))

    def preview(self, act: str, *, workflow: str, kind_class: str, now: Instant) -> Preview:
        """The waiting cards of this act that can be decided together. Raises `CommandRefused` where they differ."""
        of_act = [
            row
            for row in self.rows(now=now, limit=_ALL)
            if row["act"] == act
            and workflow in ("", row["workflow"])
            and kind_class in ("", str(row["kind"]).rpartition("/")[2])
        ]
        rows = [row for row in of_act if not why_alone(row)]
        alike = sorted({likeness(row) for row in rows})
        if len(alike) > 1:
            raise CommandRefused(
                f"Cards of {act} are of {len(alike)} kinds.",
                why="They are " + ", ".join(f"{kind} ({final})" for kind, final in alike[:8]) + ".",
                remedy="Name one with --workflow or --class: a batch holds one kind and one finality.",
            )
        looked_at = rows[: 2 * TOGETHER_MAX]
        whys = {str(row["approval"]): self._why_read_alone(row) for row in looked_at}
        remarked = {name: why for name, why in whys.items() if why}
        clean = [row for row in looked_at if row["approval"] not in remarked]
        lines = tuple(self.line(row) for row in clean[:TOGETHER_MAX])
        chosen = [(one.approval, str(one.digest)) for one in lines]
        reasons = [(row, why_alone(row) or remarked.get(str(row["approval"]), "")) for row in of_act]
        apart = [(row, why) for row, why in reasons if why]
        return Preview(
            lines,
            guard_of(chosen) if chosen else "",
            len(rows) - len(remarked) - len(lines),
            len(remarked),
            tuple((self.line(row), why) for row, why in apart[:PAGE]),
        )

    def _why_read_alone(self, row: Json) -> str:
        """What only its card tells; empty where a line in a list tells all of it."""
        from mainstay.kernel.evolve import evolve, nothing

        state = nothing(RunId(row["run"]))
        for _, event in self._events(row["run"]):
            state = evolve(state, event)
        if is_remarked(state):
            return REMARKED
        if own_text(self._store, row) is not None:
            return OWN_TEXT
        return ANSWERED if self._other_answer(row) is not None else ""

    # --- one card ----------------------------------------------------------------------------------------------------

    def card(self, row: Json) -> Card:
        """A card, whole."""
        from mainstay.governance.asked_again import asked_again
        from mainstay.governance.taken_back import asks_anew
        from mainstay.kernel.events import ActionProposed, ApprovalRejected
        from mainstay.kernel.evolve import evolve, nothing

        shown, state, rationale, said = self._shown(row), nothing(RunId(row["run"])), "", ""
        events = [event for _, event in self._events(row["run"])]
        for event in events:
            state = evolve(state, event)
            if isinstance(event, ActionProposed) and event.task == row["task"]:
                rationale = event.rationale
            if isinstance(event, ApprovalRejected) and event.approval == row["approval"]:
                said = event.reason_sealed
        run = self._store.get("runs", (row["run"],)) or {}
        line = self.line(row)
        anew = asked_again(self._store, row)
        before = self._read_with(row) if row["undo"] or row["parent"] else ""
        risky = tuple(shown.get("risky", ()))
        other = self._other_answer(row) if line.status == "waiting" else None
        if other is not None:
            said, written_to = self._told(other)
            before, risky = f"{said}. {before}".rstrip(". "), _known(risky, other, written_to)
        own = own_text(self._store, row)
        made, passed = checks_made(events, state, self._artifacts.open_text) if own is None else (0, ())
        return Card(
            approval=line.approval,
            status=line.status,
            run=line.run,
            task=line.task,
            workflow=line.workflow,
            act=line.act,
            title=line.title,
            recipients=line.recipients,
            text=line.text,
            attachments=line.attachments,
            risky=risky,
            finality=line.finality,
            rule=line.rule,
            reason=line.reason,
            rationale=self._artifacts.open_text(rationale),
            checks=self._checks(state) if own is None else self._checks_of_own(own, line.text),
            price_micros=row["price_micros"],
            spent_micros=_whole(run.get("spent")),
            digest=line.digest,
            requested_at=line.requested_at,
            expires_at=line.expires_at,
            message=message_of(state, self._view),
            read_with=before,
            kind=line.kind,
            snoozed_until=line.snoozed_until,
            second_step=line.second_step,
            precedents=precedents(self._store, row),
            lessons=_lessons(state),
            standing=self._standing(line.kind),
            asks=anew.approval if anew else str((asks_anew(self._store, row) or {}).get("approval", "")),
            content=lines_of(line.facts),
            facts=line.facts,
            drafts=place_of(self._drafts(events, row, state), line.digest),
            checks_made=made,
            checks_passed=passed,
            decided_at=line.decided_at,
            actor=line.actor,
            taken_back=line.taken_back,
            proposer=line.proposer,
            said=self._artifacts.open_text(said),
            again="" if anew or not shown else _again(line, state),
            again_run=anew.run if anew else "",
        )

    @property
    def _artifacts(self) -> Artifacts:
        return self._open()

    def _shown(self, row: Json) -> Json:
        subject = SubjectId(row["subject"]) if row["subject"] else None
        return self._artifacts.open_json(Digest(row["card"]), subject, b"card") or {}

    def _proposer(self, row: Json) -> str:
        """The name under which somebody outside proposed it; such runs are short, and few wait."""
        if row["workflow"] != PROPOSED:
            return ""
        began = self._events(row["run"])[0][1]
        return str(began.trigger.get("client", "")).rpartition(":")[2]

    def _read_with(self, row: Json) -> str:
        """The effect without which this card must not be answered, in one sentence; empty if there was none."""
        from mainstay.governance.earlier import earlier

        one = earlier(self._events, RunId(row["run"]), row["task"])
        return "" if one is None else self._told(one)[0]

    def _other_answer(self, row: Json) -> Earlier | None:
        """What another run of ours has answered to the message that this one is about."""
        from mainstay.governance.earlier import other_answer

        return other_answer(self._store, self._events, row)

    def _told(self, one: Earlier) -> tuple[str, tuple[str, ...]]:
        """An effect in one sentence, and whom it went to."""
        from mainstay.governance.earlier import tell

        shown = self._artifacts.open_json(one.card, one.subject, b"card") if one.card else None
        reason = self._artifacts.open_text(one.reason)
        title, recipients = (shown.get("title", ""), shown.get("recipients", ())) if shown else ("", ())
        told = tell(replace(one, reason=reason), str(title), [str(to) for to in recipients])
        return told, tuple(str(to) for to in recipients)

    def _drafts(self, events: list[Any], row: Json, state: RunState) -> list[Draft]:
        owner = state.head.owner

        def reply(reference: Json) -> str:
            kind = str(reference.get("kind", ""))
            found = self._artifacts.open_json(Digest(str(reference["artifact"])), owner, kind.encode())
            return str((found or {}).get("text", ""))

        def card(digest: Digest) -> str:
            return _text(self._artifacts.open_json(digest, owner, b"card") or {})

        return drafts_of(events, row["task"], reply, card)

    def _checks_of_own(self, own: OwnText, text: str) -> tuple[Json, ...]:
        """That no inspector saw a person's text, and what the look-through that an edit gets finds in it."""
        who = "you" if own.actor == "operator" else own.actor
        said = {
            "check": NOT_INSPECTED,
            "severity": "look",
            "remark": f"this text was written by {who}, and no inspector has seen it; "
            "the checks of its run were of the draft before it",
            "remedy": "read it once more",
        }
        return (said, *self._look(text))

    def _checks(self, state: RunState) -> tuple[Json, ...]:
        found: list[Json] = []
        for number, task in state.all_tasks():
            if task.output and state.spec(number).role == "inspector":
                found += [
                    {**finding, "remark": self._artifacts.open_text(str(finding.get("remark", "")))}
                    for finding in task.output.get("findings", ())
                ]
        return tuple(found)


def _again(line: CardLine, state: RunState) -> str:
    if line.status not in ("rejected", "expired") or not state.ended or state.plan is None:
        return ""
    return state.name(line.task) if line.task < len(state.plan.workflow.tasks) else ""


def _known(risky: tuple[Json, ...], other: Earlier, written_to: tuple[str, ...]) -> tuple[Json, ...]:
    """Whoever an answer has gone to since is nobody that was never written to."""
    if other.became != "done":
        return risky
    return tuple(
        {**one, "seen_before": True} if str(one.get("value", "")) in written_to else one for one in risky
    )


def _text(shown: Json) -> str:
    reply = (shown.get("request") or {}).get("reply")
    return str(reply.get("text", "")) if isinstance(reply, dict) else ""


def _title(row: Json, shown: Json) -> str:
    return title_of(str(row["act"]), shown, str(shown.get("title", _FORGOTTEN)))


def _facts(shown: Json) -> tuple[Fact, ...]:
    """What is done by an effect without a text."""
    return () if _text(shown) else facts_of(shown.get("request"))


def _lessons(state: RunState) -> tuple[str, ...]:
    """What earlier edits taught, as far as a draft of this run was made with it."""
    named = (task.output.get("lessons") for _, task in state.all_tasks() if task.output)
    return tuple(
        dict.fromkeys(str(one) for given in named if isinstance(given, list | tuple) for one in given)
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def message_of(state: RunState, view: Callable[[Digest, SubjectId | None], Json]) -> Json:
    """The message that a run answers, opened; empty where there is none."""
    trigger = state.head.trigger.get("message")
    if not isinstance(trigger, dict) or not trigger.get("content"):
        return {}
    return view(Digest(str(trigger["content"])), state.head.subject)
