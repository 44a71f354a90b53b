"""The figures for Prometheus: what they say of a house that lived, no word of a person, and a bound on their number."""

from __future__ import annotations

import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mainstay.config.objectives import DEFAULTS
from mainstay.governance.durations import BOUNDS_S, Durations
from mainstay.governance.metrics import VALUES_MAX, DirectorFacts, metrics
from mainstay.governance.samples import readings
from mainstay.kernel.budget import Limits
from mainstay.kernel.errors import Unavailable
from mainstay.kernel.values import HOUR, Instant, Micros
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projections import TABLES
from mainstay.ledger.store import Put, RowChange
from tests.ledger.any_run import Play, wander

Samples = dict[str, dict[tuple[tuple[str, str], ...], float]]


def parsed(text: bytes) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def read(play: Play, facts: DirectorFacts | None = None, *, later: int = 0) -> Samples:
    now = Instant(play.now + later)
    return parsed(metrics(play.store, facts or DirectorFacts("1.0"), now=now))


@pytest.mark.parametrize("seed", [20, 43, 50])
def test_they_say_what_the_views_say(seed: int) -> None:
    play = wander(seed)
    found = read(play, later=HOUR)
    assert found["mainstay_events_total"][()] == play.store.head
    assert sum(found.get("mainstay_open_runs", {}).values()) == play.store.count("open_runs")
    cards = play.store.select("approvals", where={"status": "waiting"}, order="requested_at", limit=1_000)
    now = [one for one in cards if int(str(one["snoozed_until"] or 0)) <= play.now + HOUR]
    assert found["mainstay_cards_waiting"][()] == len(now)
    assert found["mainstay_cards_put_off"][()] == len(cards) - len(now)
    assert found["mainstay_acts_in_doubt"][()] == play.store.count("in_doubt")
    assert sum(found.get("mainstay_acts_done_total", {}).values()) == sum(play.counts.values())
    spent = sum(int(str(row["cost_micros"] or 0)) for row in play.store.select("spent", limit=1_000))
    assert sum(found["mainstay_spent_usd_total"].values()) == pytest.approx(spent / 1e6)
    if now:
        waited = (play.now + HOUR - int(str(now[0]["requested_at"]))) / 1e6
        assert found["mainstay_cards_oldest_seconds"][()] == pytest.approx(waited)


def test_what_only_a_director_knows() -> None:
    play = Play()
    ticks = Durations()
    for took_s in (0.0005, 0.003, 0.003, 9.0):
        ticks.observe(took_s)
    facts = DirectorFacts(
        "1.0",
        alive=True,
        state="degraded",
        epoch=7,
        in_flight=3,
        queued=2,
        deferred={"throttle:agent:writer": 4},
        ticks=ticks,
        ingest_lag_s={"support": 12.5},
        disk_free_bytes=5_000,
        limits=Limits(Micros(2_000_000), None),
        objectives=readings(play.store, {"triage": DEFAULTS}, play.now),
    )
    found = read(play, facts)
    assert found["mainstay_director_up"][()] == 1
    assert found["mainstay_health"] == {
        (("state", "ok"),): 0,
        (("state", "degraded"),): 1,
        (("state", "down"),): 0,
    }
    assert found["mainstay_starts_deferred"] == {(("scope", "throttle:agent:writer"),): 4}
    assert found["mainstay_ingest_lag_seconds"] == {(("mailbox", "support"),): 12.5}
    buckets = found["mainstay_tick_seconds_bucket"]
    assert [buckets[("le", str(bound)),] for bound in (0.001, 0.0025, 0.005, 5.0)] == [1, 1, 3, 3]
    assert (buckets[("le", "+Inf"),], found["mainstay_tick_seconds_count"][()]) == (4, 4)
    assert found["mainstay_tick_seconds_sum"][()] == pytest.approx(9.0065)
    assert found["mainstay_budget_limit_usd"] == {(("period", "day"),): 2.0}
    assert found["mainstay_objective_budget_left"][("objective", "success"), ("workflow", "triage")] == 1
    assert "mainstay_objective_burn_rate" not in found, "of too few events there is no rate"


def test_the_histogram_counts_a_bound_with_what_lies_below_it() -> None:
    one = Durations()
    for bound in BOUNDS_S:
        one.observe(bound)
    assert [count for _, count in one.buckets()] == [*range(1, len(BOUNDS_S) + 1), len(BOUNDS_S)]


def test_a_class_of_acts_which_may_be_a_persons_word_is_in_no_label() -> None:
    store = store_with(
        [
            Put("autonomy", (f"triage/email.reply/ada@example.org {n}",), {"level": level})
            for n, level in enumerate(("ask", "held", "ask", "automatic"))
        ]
    )
    text = metrics(store, DirectorFacts("1.0"), now=Instant(0))
    assert b"ada" not in text
    kinds = parsed(text)["mainstay_autonomy_kinds"]
    assert {labels[0][1]: number for labels, number in kinds.items()} == {
        "shadow": 0,
        "ask": 2,
        "held": 1,
        "automatic": 1,
    }


def test_however_many_names_there_are_the_series_are_bounded_and_the_sums_hold() -> None:
    runs: list[RowChange] = [
        Put("open_runs", (f"{n:032x}",), {"workflow": f"w{n}", "position": n}) for n in range(500)
    ]
    done: list[RowChange] = [Put("done", (f"w{n % 250}", f"act{n}"), {"count": 2}) for n in range(2_000)]
    found = parsed(metrics(store_with(runs + done), DirectorFacts("1.0"), now=Instant(0)))
    assert len(found["mainstay_open_runs"]) == VALUES_MAX + 1
    assert sum(found["mainstay_open_runs"].values()) == 500
    assert len(found["mainstay_acts_done_total"]) <= 4 * VALUES_MAX + 2 * VALUES_MAX
    assert sum(found["mainstay_acts_done_total"].values()) == 4_000


def test_a_name_cannot_write_a_line_of_its_own() -> None:
    evil = 'w"} 1\nmainstay_kill_switch 1\n#'
    store = store_with([Put("open_runs", ("0" * 32,), {"workflow": evil, "position": 1})])
    found = parsed(metrics(store, DirectorFacts("1.0"), now=Instant(0)))
    assert found["mainstay_open_runs"] == {(("workflow", evil),): 1}
    assert found["mainstay_kill_switch"] == {(): 0}


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(Unavailable, match="prometheus-client") as caught:
        metrics(store_with([]), DirectorFacts("1.0"), now=Instant(0))
    assert caught.value.remedy == "pip install 'mainstay[console]'"


def store_with(rows: list[RowChange]) -> InMemoryStore:
    store = InMemoryStore(tables=TABLES)
    store.append((), epoch=store.acquire(), at=Instant(0), changes=rows)
    return store
