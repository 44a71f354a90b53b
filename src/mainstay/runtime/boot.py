"""What a director reads before its first decision: the standing of the workspace, and the runs that are not over.

Rules of this file:

- It reads and folds; nothing here decides, appends or remembers. `runtime.director` keeps what it is given.
- The cost of a boot is the cost of what is open: neither the number of events nor that of finished runs enters it.
- What is read for many runs is read for many at once: a query for each is what made boots slow.
- The caller holds the workspace, so nobody writes between two reads.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mainstay.kernel.autonomy import Level
from mainstay.kernel.autonomy import Standing as KindStanding
from mainstay.kernel.budget import Balances, day_of, month_of
from mainstay.kernel.cards import on_its_way_out
from mainstay.kernel.counting import KEPT, quarter_of
from mainstay.kernel.events import BreakerOpened
from mainstay.kernel.house import House, Registered
from mainstay.kernel.ids import RunId, run_stream
from mainstay.kernel.plan import Plan
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import Phase, RunState
from mainstay.kernel.values import DAY, Digest, Instant
from mainstay.ledger.codec import Codec
from mainstay.ledger.rows import META
from mainstay.ledger.run_snapshot import load_run
from mainstay.ledger.store import EventReader, EventStore, Value, Version
from mainstay.runtime.lines import thread_of

Plans = Callable[[Digest], Plan]
BUCKET = "bucket:"  # names of the levels of throttles in the store's small facts
TOGETHER = 256  # runs whose events are in memory at the same time
_ALL = 1_000_000_000  # rows: of what is open, all are read


@dataclass(slots=True)
class Open:
    """A run in memory."""

    state: RunState
    version: int
    snapshot_at: int = 0


@dataclass(slots=True)
class Standing:
    """What every decision needs besides the run itself."""

    balances: Balances
    house: House = field(default_factory=House)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    breakers: list[BreakerOpened] = field(default_factory=list)  # those that are open
    buckets: dict[str, int] = field(default_factory=dict)
    autonomy: dict[str, KindStanding] = field(default_factory=dict)
    templates: dict[str, Digest] = field(default_factory=dict)
    breached: set[tuple[str, str]] = field(default_factory=set)  # objectives that are not met
    lately: list[tuple[str, int, int]] = field(
        default_factory=list
    )  # act, quarter of an hour, how many were done
    # The day or month in which a warning of each budget was given.
    warned: dict[str, int] = field(default_factory=dict)


def read_standing(store: EventReader, now: Instant) -> Standing:
    """Balances, counts, definitions, pauses, breakers and the kill switch, as the views have them."""
    balances = Balances()
    balances.roll(now)
    standing = Standing(balances, _read_house(store))
    for row in store.select("done", limit=_ALL):
        standing.counts[str(row["workflow"]), str(row["act"])] = _int(row["count"])
    for row in store.select("spent", where={"day": balances.day}, limit=_ALL):
        cost = _int(row["cost_micros"] or 0)
        balances.day_spent += cost
        balances.workflow_day_spent[str(row["workflow"])] = cost
    balances.month_spent = _month_spent(store, balances.month)
    for row in store.select("breakers", limit=_ALL):
        opened = BreakerOpened(
            str(row["adapter"]),
            str(row["operation"]),
            Instant(_int(row["until"])),
            _int(row["failures"]),
            _int(row["opened"]),
            str(row["reason"]),
        )
        standing.breakers.append(opened)
    for row in store.select(META.name, order="name", after=BUCKET, limit=_ALL):
        name = str(row["name"])
        if not name.startswith(BUCKET):
            break
        standing.buckets[name.removeprefix(BUCKET)] = int(str(row["value"]))
    of_workflows = [(f"workflow:{name}", day_of) for name in standing.house.workflows]
    for scope, of in (("day", day_of), ("month", month_of), *of_workflows):
        warned = store.get("house", (f"warned:{scope}",))
        if warned is not None:
            standing.warned[scope] = of(Instant(_int(warned["at"])))
    for row in store.select("autonomy", limit=_ALL):
        standing.autonomy[str(row["kind"])] = _kind_standing(row)
    rows = store.select("done_lately", order="quarter", after=quarter_of(now) - KEPT, limit=_ALL)
    standing.lately = [(str(row["act"]), _int(row["quarter"]), _int(row["count"])) for row in rows]
    for row in store.select("objectives", limit=_ALL):
        if row["met_at"] is None:
            standing.breached.add((str(row["workflow"]), str(row["objective"])))
    for row in store.select("templates", limit=_ALL):
        standing.templates[str(row["name"])] = Digest(str(row["template"]))
    held = store.get("house", ("held",))
    balances.held = int(str(held["value"])) if held else 0
    return standing


def _kind_standing(row: Mapping[str, Value]) -> KindStanding:
    return KindStanding(
        str(row["recipe"] or ""),
        Level(str(row["level"] or Level.ASK)),
        _int(row["clean"] or 0),
        _int(row["errors"] or 0),
        str(row["audits"] or ""),
        _int(row["audits_clean"] or 0),
        _int(row["audits_errors"] or 0),
        _int(row["hold_us"] or 0),
        _int(row["target_ppm"] or 0),
        str(row["proposed"] or ""),
        bool(row["withheld"]),
    )


def _read_house(store: EventReader) -> House:
    house = House()
    for row in store.select("workflows", limit=_ALL):
        one = Registered(str(row["name"]), _int(row["version"]), Digest(str(row["definition"])))
        house.workflows[one.name] = one
    for row in store.select("pauses", limit=_ALL):
        house.paused.add((str(row["scope"]), str(row["name"])))
    for row in store.select("incidents", where={"cleared_at": None}, limit=_ALL):
        house.incidents.add((str(row["kind"]), str(row["subject"])))
    for row in store.select("schedules", limit=_ALL):
        if row["workflow"] not in house.workflows:
            continue  # it was retired
        house.fired[str(row["workflow"])] = Instant(_int(row["due"]))
    facts = {str(row["key"]): str(row["value"]) for row in store.select("house", limit=_ALL)}
    house.policy = Digest(facts.get("policy", ""))
    house.killed = facts.get("kill_switch") == "on"
    house.epoch = int(facts.get("epoch", 0))
    # Before the first director that counted there was none, or one of an older version: taken to have ended well.
    house.clean = "unclean" not in facts or facts.get("clean") == facts.get("epoch")
    house.unclean = int(facts.get("unclean", 0))
    house.restored = bool(facts.get("restored"))
    lost = store.get("house", ("lost_since",))
    house.lost_until = Instant(_int(lost["at"])) if lost is not None else Instant(0)
    return house


def _month_spent(store: EventReader, month: int) -> int:
    rows = store.select("spent", order="day", descending=True, limit=_ALL)
    return sum(
        _int(row["cost_micros"] or 0) for row in rows if month_of(Instant(_int(row["day"]) * DAY)) == month
    )


def fold_open(
    store: EventStore, codec: Codec, plans: Plans, *, besides: Container[RunId] = ()
) -> Iterator[tuple[RunId, Open]]:
    """Every run that is not over, in the order in which they began, without those that are known already."""
    rows = store.select("open_runs", order="position", limit=_ALL)
    wanted = [run for row in rows if (run := RunId(str(row["run"]))) not in besides]
    for first in range(0, len(wanted), TOGETHER):
        yield from _fold(store, codec, plans, wanted[first : first + TOGETHER])


def fold_run(store: EventStore, codec: Codec, plans: Plans, run: RunId) -> Open | None:
    """One run from its snapshot and the events after it; None when there is no such run, or it is over."""
    return next((one for _, one in _fold(store, codec, plans, (run,))), None)


def fold_ended(store: EventStore, codec: Codec, run: RunId) -> RunState | None:
    """A run as its events leave it, whether or not it is over; None when there never was one."""
    state = nothing(run)
    for recorded in store.read(run_stream(run)):
        event: Any = codec.event(recorded)
        state = evolve(state, event)
    return state if state.plan is not None else None


def _fold(
    store: EventStore, codec: Codec, plans: Plans, runs: Sequence[RunId]
) -> Iterator[tuple[RunId, Open]]:
    saved = {run_stream(run): load_run(store, run, plans) or (nothing(run), 0) for run in runs}
    after = {stream: Version(version) for stream, (_, version) in saved.items()}
    decode = codec.decode
    for stream, events in store.read_many(after):
        state, snapshot_at = saved.pop(stream)
        for _, kind, schema, data in events:
            event: Any = decode(kind, schema, data)
            state = evolve(state, event)
        version = snapshot_at + len(events)
        if version and (state.left or not state.ended):
            yield state.head.run, Open(state, version, snapshot_at)


def snapshot_due(state: RunState, tail: int, *, every: int) -> bool:
    """Whether a run should be saved, `tail` events after the last time.

    A boot folds what was not saved, at ten times the cost of reading what was. A run that goes on is saved now and
    then; one that only waits for a person may wait for weeks, so it is saved when it begins to. Seldom enough that what
    is written stays in proportion to the events: a run of ten thousand tasks writes a handful.
    """
    if tail < every // 4 or state.ended:
        return False
    at_rest = not state.busy and tail >= max(every // 4, state.size // 8)
    return at_rest or tail >= max(every, state.size // 2)


def answered_by_hand(store: EventStore, runs: Mapping[RunId, Open]) -> Iterator[RunId]:
    """The runs whose thread the operator answered by hand while an effect of theirs was under way."""
    for row in store.select("open_runs", order="position", limit=_ALL):
        one = runs.get(RunId(str(row["run"])))
        if one is None or one.state.ended:
            continue
        thread = thread_of(one.state.head)
        own: dict[str, Value] = {"thread": thread, "own": 1}
        if thread and store.select("messages", where=own, order="position", after=row["position"], limit=1):
            yield one.state.head.run


def cards_agree(store: EventStore, states: Iterable[RunState]) -> bool:
    """Whether the views show exactly the cards that these runs wait on, and what of them can still be taken back."""
    waiting = leaving = 0
    for state in states:
        for number, task in state.all_tasks() if not state.ended else ():
            if on_its_way_out(task):
                leaving += 1
                if store.get("leaving", (state.head.run, number)) is None:
                    return False
            if task.phase is not Phase.APPROVAL or task.act is None or task.act.authority:
                continue
            waiting += 1
            row = store.get("approvals", (task.act.approval or "",))
            if row is None or row["status"] != "waiting" or row["digest"] != task.act.action.digest:
                return False
    if leaving != store.count("leaving"):
        return False
    return waiting == store.count("approvals", where={"status": "waiting"})


def held_by_workflow(states: Iterable[RunState]) -> dict[str, int]:
    """Money held by these runs, by their workflow."""
    held: dict[str, int] = {}
    for state in states:
        if state.held:
            held[state.head.workflow] = held.get(state.head.workflow, 0) + state.held
    return held


def _int(value: Value) -> int:
    assert isinstance(value, int)
    return value
