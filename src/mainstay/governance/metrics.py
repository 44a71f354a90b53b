"""Figures of a workspace for Prometheus: from the views, and from what only a director at work knows.

Rules of this file:

- A label is a name that the operator gave (workflow, act, model, account) or a word of ours: no address, subject or
  text, and no class of an act, which may come out of a message.
- Each label has at most `VALUES_MAX` values; what is beyond stands under `other`. So the number of series is bounded
  however long a workspace runs.
- `prometheus-client` is imported when it is asked for, and nothing is registered for good: each call reads anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mainstay.governance.cards_waiting import cards_waiting
from mainstay.governance.costs import budgets
from mainstay.governance.durations import Durations
from mainstay.governance.objectives import WINDOWS, Reading
from mainstay.kernel.budget import Limits
from mainstay.kernel.errors import Unavailable
from mainstay.kernel.values import SECOND, Instant
from mainstay.ledger.projections import STANDARD
from mainstay.ledger.rows import META
from mainstay.ledger.store import EventReader, Value

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
INSTALL = "pip install 'mainstay[console]'"
VALUES_MAX = 100
OTHER = "other"
_ROWS_MAX = 200_000
_STATUSES = (
    "granted",
    "edited",
    "rejected",
    "denied",
    "expired",
    "cancelled",
    "superseded",
    "happened",
    "withdrawn",
)
_STATES = ("ok", "degraded", "down")
_LEVELS = ("shadow", "ask", "held", "automatic")

NO_NUMBERS: Mapping[str, float] = {}


@dataclass(frozen=True, slots=True)
class DirectorFacts:
    """What stands in no view. Without a director nearly all of it is empty."""

    version: str
    alive: bool = False
    state: str = "down"  # of `workspace.health`
    epoch: int = 0
    in_flight: int = 0  # effects that are being performed
    queued: int = 0  # requests and effects that wait for their turn
    deferred: Mapping[str, int] = field(default_factory=dict)  # starts that wait, by scope
    ticks: Durations = field(default_factory=Durations)
    ingest_lag_s: Mapping[str, float] = field(default_factory=dict)  # since each mailbox answered last
    disk_free_bytes: int | None = None
    limits: Limits = field(default_factory=Limits)
    objectives: tuple[Reading, ...] = ()


def metrics(store: EventReader, facts: DirectorFacts, *, now: Instant) -> bytes:
    """All figures in Prometheus's text format. Raises `Unavailable` where its library is missing."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ImportError:
        raise Unavailable(
            "There are no metrics without prometheus-client.", why="It is not installed.", remedy=INSTALL
        ) from None
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(store, facts, now))
    return generate_latest(registry)


@dataclass(frozen=True, slots=True, eq=False)  # a registry keeps it in a set
class _Figures:
    store: EventReader
    facts: DirectorFacts
    now: Instant

    def collect(self) -> Iterator[Any]:
        """Every family of figures, in the order in which people ask."""
        yield from self._house()
        yield from self._runs()
        yield from self._cards()
        yield from self._money()
        yield from self._governance()
        yield from self._director()

    # --- the parts -------------------------------------------------------------------------------------------------

    def _house(self) -> Iterator[Any]:
        facts, store = self.facts, self.store
        yield _gauge("build", "The version at work, as a label.", {(facts.version,): 1.0}, ("version",))
        states = {(name,): float(name == facts.state) for name in _STATES}
        yield _gauge("health", "1 for the state that holds: ok, degraded or down.", states, ("state",))
        yield _gauge("director_up", "Whether a director is at work.", {(): float(facts.alive)})
        yield _gauge("director_epoch", "How often a director has taken this workspace.", {(): facts.epoch})
        yield _counter("events", "Events in the ledger.", {(): float(store.head)})
        marks = {
            (one.name,): float(_text(store.get(META.name, (f"projection:{one.name}",))) == str(one.version))
            for one in STANDARD
        }
        yield _gauge("view_current", "Whether a view is of this version and whole.", marks, ("view",))
        kinds = Counter(
            str(row["kind"]) for row in store.select("incidents", where={"cleared_at": None}, limit=_ROWS_MAX)
        )
        yield _gauge("incidents_open", "What is wrong with the house.", _labelled(kinds), ("kind",))
        killed = _text(store.get("house", ("kill_switch",))) == "on"
        yield _gauge("kill_switch", "Whether the kill switch is on.", {(): float(killed)})

    def _runs(self) -> Iterator[Any]:
        store = self.store
        running = Counter({str(row["name"]): 0 for row in store.select("workflows", limit=_ROWS_MAX)})
        running.update(str(row["workflow"]) for row in store.select("open_runs", limit=_ROWS_MAX))
        yield _gauge("open_runs", "Runs that are not over.", _labelled(running), ("workflow",))
        ends: Counter[tuple[str, str]] = Counter()
        for row in store.select("spent", order="day", limit=_ROWS_MAX):
            for outcome in ("succeeded", "failed", "withdrawn"):
                ends[str(row["workflow"]), outcome] += _number(row[outcome])
        yield _counter(
            "runs_ended", "Runs by how they ended.", _labelled_pairs(ends), ("workflow", "outcome")
        )
        done = {
            (str(row["workflow"]), str(row["act"])): _number(row["count"])
            for row in store.select("done", limit=_ROWS_MAX)
        }
        yield _counter("acts_done", "Acts that happened.", _labelled_pairs(done), ("workflow", "act"))
        wrong = Counter(
            (str(row["workflow"]), str(row["what"])) for row in store.select("mistakes", limit=_ROWS_MAX)
        )
        yield _counter(
            "acts_wrong",
            "Acts that turned out to be wrong after they had left.",
            _labelled_pairs(wrong),
            ("workflow", "what"),
        )
        yield _gauge(
            "acts_in_doubt",
            "Acts of which only a person can say whether they happened.",
            {(): store.count("in_doubt")},
        )
        letters = store.count("dead_letters", where={"status": "waiting"})
        yield _gauge("dead_letters", "What was given up and waits for a person.", {(): letters})

    def _cards(self) -> Iterator[Any]:
        store = self.store
        waiting, put_off = cards_waiting(store, self.now)
        yield _gauge("cards_waiting", "Cards for the operator.", {(): waiting})
        yield _gauge("cards_put_off", "Cards that the operator put off to later.", {(): put_off})
        some = store.select("approvals", where={"status": "waiting"}, order="requested_at", limit=put_off + 1)
        oldest = [one for one in some if _number(one["snoozed_until"]) <= self.now]  # one, if any waits
        age_s = (self.now - _number(oldest[0]["requested_at"])) / SECOND if oldest else 0.0
        yield _gauge("cards_oldest_seconds", "For how long the oldest card waits.", {(): max(0.0, age_s)})
        answered = {(name,): store.count("approvals", where={"status": name}) for name in _STATUSES}
        yield _counter("cards_answered", "Cards by what became of them.", answered, ("outcome",))

    def _money(self) -> Iterator[Any]:
        store = self.store
        spent: Counter[str] = Counter()
        minutes: Counter[str] = Counter()
        for row in store.select("spent", order="day", limit=_ROWS_MAX):
            spent[str(row["workflow"])] += _number(row["cost_micros"])
            minutes[str(row["workflow"])] += _number(row["operator_us"])
        yield _counter("spent_usd", "Money that was spent.", _labelled(spent, 1e-6), ("workflow",))
        yield _counter(
            "operator_seconds",
            "The operator's own time at cards.",
            _labelled(minutes, 1 / SECOND),
            ("workflow",),
        )
        found = budgets(store, self.facts.limits, now=self.now)
        used = {(name,): found[name]["spent_micros"] / 1e6 for name in ("day", "month")}
        yield _gauge("budget_spent_usd", "Spent of the budget of this day and month, UTC.", used, ("period",))
        limits = {
            (name,): found[name]["limit_micros"] / 1e6
            for name in ("day", "month")
            if found[name]["limit_micros"] is not None
        }
        yield _gauge("budget_limit_usd", "These budgets.", limits, ("period",))
        yield _gauge("budget_held_usd", "Held for what is under way.", {(): found["held_micros"] / 1e6})
        yield from self._models()

    def _models(self) -> Iterator[Any]:
        calls: Counter[tuple[str, str]] = Counter()
        tokens: Counter[tuple[str, str]] = Counter()
        for row in self.store.select("models_used", order="day", limit=_ROWS_MAX):
            model = str(row["model"])
            calls[model, "asked"] += _number(row["calls"])
            calls[model, "cache"] += _number(row["cached"])
            tokens[model, "input"] += _number(row["input_tokens"])
            tokens[model, "output"] += _number(row["output_tokens"])
        yield _counter(
            "model_calls",
            "Answers of models, asked for or from the cache.",
            _labelled_pairs(calls),
            ("model", "from"),
        )
        yield _counter("model_tokens", "Tokens of models.", _labelled_pairs(tokens), ("model", "type"))

    def _governance(self) -> Iterator[Any]:
        levels: Counter[str] = Counter()
        for row in self.store.select("autonomy", limit=_ROWS_MAX):
            level = str(row["level"] or "ask")
            levels[level if level in _LEVELS else OTHER] += 1
        kinds = {(name,): float(levels[name]) for name in _LEVELS}
        yield _gauge("autonomy_kinds", "Kinds of acts by how far they go by themselves.", kinds, ("level",))
        burning: dict[tuple[str, ...], float] = {}
        left: dict[tuple[str, ...], float] = {}
        missed: dict[tuple[str, ...], float] = {}
        for one in self.facts.objectives[: VALUES_MAX * 4]:
            place = (one.workflow, str(one.objective.kind))
            left[place] = one.left_ppm / 1e6
            missed[place] = float(one.breach is not None)
            for window in WINDOWS:
                burn = one.burn_milli(window)
                if burn is not None:
                    burning[*place, window] = burn / 1e3
        names = ("workflow", "objective")
        yield _gauge(
            "objective_burn_rate", "How many times too fast a budget burns.", burning, (*names, "window")
        )
        yield _gauge("objective_budget_left", "The share of three days' budget that is left.", left, names)
        yield _gauge("objective_missed", "Whether an objective is missed now.", missed, names)

    def _director(self) -> Iterator[Any]:
        facts = self.facts
        yield _gauge("performer_in_flight", "Effects that are being performed.", {(): facts.in_flight})
        yield _gauge("director_queued", "Requests and effects that wait for their turn.", {(): facts.queued})
        yield _gauge(
            "starts_deferred", "Starts that wait, by what for.", _labelled(facts.deferred), ("scope",)
        )
        lag = {(name,): seconds for name, seconds in list(facts.ingest_lag_s.items())[:VALUES_MAX]}
        yield _gauge("ingest_lag_seconds", "Since a mailbox answered last.", lag, ("mailbox",))
        if facts.disk_free_bytes is not None:
            yield _gauge("disk_free_bytes", "Free space where the ledger lies.", {(): facts.disk_free_bytes})
        from prometheus_client.core import HistogramMetricFamily

        said = "How long a tick took: deciding, and making it durable."
        ticks = HistogramMetricFamily("mainstay_tick_seconds", said)
        ticks.add_metric([], facts.ticks.buckets(), facts.ticks.sum_s)
        yield ticks


# --- families --------------------------------------------------------------------------------------------------------

Series = Mapping[Any, float]  # by the values of its labels


def _gauge(name: str, said: str, series: Series, labels: tuple[str, ...] = ()) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return _family(GaugeMetricFamily, name, said, series, labels)


def _counter(name: str, said: str, series: Series, labels: tuple[str, ...] = ()) -> Any:
    from prometheus_client.core import CounterMetricFamily

    return _family(CounterMetricFamily, name, said, series, labels)


def _family(kind: Any, name: str, said: str, series: Series, labels: tuple[str, ...]) -> Any:
    family = kind(f"mainstay_{name}", said, labels=labels)
    for values, number in series.items():
        family.add_metric(values, float(number))
    return family


def _labelled(counts: Mapping[str, float], factor: float = 1.0) -> dict[tuple[str, ...], float]:
    """By one label; beyond `VALUES_MAX` they are summed under `other`."""
    found: dict[tuple[str, ...], float] = {}
    for name in sorted(counts):
        place = (name,) if len(found) < VALUES_MAX else (OTHER,)
        found[place] = found.get(place, 0.0) + counts[name] * factor
    return found


def _labelled_pairs(counts: Mapping[tuple[str, str], float]) -> dict[tuple[str, ...], float]:
    """By two labels: of the first at most `VALUES_MAX` values, and of pairs four times as many."""
    found: dict[tuple[str, ...], float] = {}
    first: set[str] = set()
    for one, other in sorted(counts):
        if one not in first and len(first) >= VALUES_MAX:
            place = (OTHER, other)
        else:
            first.add(one)
            place = (one, other)
        if place not in found and len(found) >= 4 * VALUES_MAX:
            place = (OTHER, OTHER)
        found[place] = found.get(place, 0.0) + counts[one, other]
    return found


def _text(row: Mapping[str, Value] | None) -> str:
    return str(row["value"]) if row is not None else ""


def _number(value: Value) -> int:
    return value if isinstance(value, int) else 0
