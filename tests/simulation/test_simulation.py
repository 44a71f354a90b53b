"""The simulation itself: a few histories of each kind, and that it repeats, tells and shortens them."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mainstay.kernel.errors import StorageFull
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.testing.faults import Chaos, Crash, FaultyStore, Point
from mainstay.testing.history import History
from mainstay.testing.mix import RATES, draw, smaller
from mainstay.testing.planted import PLANTED
from mainstay.testing.scenarios import every_point, scenarios, shipped
from mainstay.testing.simulation import RARE, Failure, attempt, main, run_seed, run_seeds, shrink


# `make sim` goes through thousands.
@pytest.mark.parametrize(
    "first", [0, *(pytest.param(first, marks=pytest.mark.long) for first in range(25, 100, 25))]
)
def test_random_histories_keep_every_promise(first: int) -> None:
    seen = run_seeds(first, 25)
    assert seen.failures == []
    assert seen.seeds == 25
    assert seen.paths["crash"] > 5


@pytest.mark.long
@pytest.mark.parametrize("name", scenarios())
def test_a_crash_at_any_one_boundary_breaks_nothing(name: str) -> None:
    crashed: Counter[str] = Counter()

    def ran(history: History) -> None:
        crashed.update(path for path in history.paths if path.startswith("crash: "))

    points = every_point(scenarios()[name], ran=ran)
    assert 20 <= points <= crashed.total()  # one each; a task that ends every director adds its own
    assert crashed[f"crash: {Point.COMMIT_TORN}"]


def test_every_shipped_workflow_is_among_the_scenarios() -> None:
    files = sorted(Path("src/mainstay/data").rglob("workflows/*.yaml"))
    assert len(shipped()) == len(files) >= 2
    for mix in shipped().values():
        history = History(11, mix)
        history.run()
        assert history.audit.states
        assert all(state.ended for state in history.audit.states.values())


def test_a_seed_on_a_real_sqlite_file_loses_power_and_nothing_else() -> None:
    seen = Counter[str]()
    for seed in (7, 57, 107, 157):
        history, failure = run_seed(seed)
        assert failure is None
        seen += history.paths
    assert seen["SQLite file"] > 4
    assert seen["crash"] > 4


def test_a_seed_is_one_history() -> None:
    one, other = (run_seed(21)[0] for _ in range(2))
    assert one.disk.head_hash == other.disk.head_hash
    assert one.paths == other.paths


@pytest.mark.long
def test_the_figures_come_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = {name: mix for name, mix in scenarios().items() if name in ("a keyed act", "a findable act")}
    monkeypatch.setattr("mainstay.testing.simulation.scenarios", lambda: few)  # all of them take a minute
    assert main(["--seeds", "10", "--workers", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seeds"] == 10
    assert told["points"] > 60
    assert told["failures"] == []


@pytest.mark.long
def test_a_failing_history_is_made_short_and_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = next(one for one in PLANTED if one.name == "counts are not kept")
    with planted.active() as parts:
        monkeypatch.setattr("mainstay.testing.history.Parts", lambda: parts)
        seed = next(seed for seed in range(100) if run_seed(seed)[1] is not None)
        failure = run_seed(seed)[1]
        assert failure is not None
        short = shrink(failure)
        assert main(["--seed", str(seed), "-v"]) == 1
    assert short.audit.position < run_seed(seed)[0].audit.position
    told = capsys.readouterr().out
    assert f"Seed {seed} broke a promise: counts equal what the log says" in told
    assert "TaskSucceeded(" in told
    assert f"--seed {seed} -v" in told


def test_what_raises_is_a_failure_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainstay.testing.history.History.step", lambda self: 1 / 0)
    failure = attempt(History(1, draw(1)), 1)
    assert failure is not None
    assert failure.rule == "ZeroDivisionError"
    assert isinstance(failure, Failure)


def test_a_mix_gets_smaller() -> None:
    mix = draw(3)
    for less in smaller(mix):
        assert less != mix
        assert len(less.rates) <= len(mix.rates)


def test_every_fault_that_can_be_drawn_is_a_path_that_must_be_gone() -> None:
    counted = " ".join(RARE)
    named = {
        "crash",
        "zombie",
        "cancel",
        "cancel halfway",
        "kill switch",
        "stale yes",
        "cancel task",
    }  # counted by what comes of them
    hidden = {kind for kind in RATES if kind not in counted} - named
    assert hidden <= {
        "call: request lost",
        "call: answer lost",
        "call: silent before",
        "call: silent after",
        "call: raised before",
        "call: raised after",
        "look-up: silent",
        "look-up: raised",
        "refresh failed",
    }, hidden


# --- the disk -------------------------------------------------------------------------------------


def test_a_full_disk_writes_nothing_and_a_torn_append_is_whole_or_not_there() -> None:
    disk = InMemoryStore()
    epoch = disk.acquire()
    full = FaultyStore(disk, Chaos(1, {"disk full": 1.0}))
    with pytest.raises(StorageFull):
        full.append((), epoch=epoch, at=0, blobs={"a" * 64: b"x"})  # type: ignore[arg-type,dict-item]
    assert disk.blob("a" * 64) is None  # type: ignore[arg-type]
    kept = Counter[bool]()
    for seed in range(20):
        disk = InMemoryStore()
        epoch = disk.acquire()
        chaos = Chaos(seed, {}, crash_at=2)
        with pytest.raises(Crash):
            FaultyStore(disk, chaos).append((), epoch=epoch, at=0, blobs={"a" * 64: b"x"})  # type: ignore[arg-type,dict-item]
        kept[disk.blob("a" * 64) is not None] += 1  # type: ignore[arg-type]
    assert kept[True]
    assert kept[False]


def test_quiet_chaos_still_counts_its_boundaries() -> None:
    chaos = Chaos(1, {"crash": 1.0})
    with pytest.raises(Crash):
        chaos.point(Point.BOOT)
    quiet = replace(chaos, quiet=True)
    quiet.point(Point.BOOT)
    assert quiet.points == chaos.points + 1
