"""The bench at a tiny size: every field is there, kill and restart lose nothing, goals are judged by their side."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mainstay.bench import engine
from mainstay.bench.crash import WITNESS
from mainstay.bench.engine import Options, run_engine
from mainstay.bench.process import PartFailed, kill_part, run_part
from mainstay.bench.raw import Recorder
from mainstay.bench.report import GOALS, Report
from mainstay.bench.rig import chain, fan_and_chain

FIELDS = {
    "steps_per_s",
    "workflows_per_s",
    "cpu_us_per_step",
    "peak_mb",
    "bytes_per_step",
    "events_per_step",
    "ticks",
    "raw_events_per_s_single",
    "raw_events_per_s_batched",
    "step_p50_ms_one_at_a_time",
    "raw_commit_p50_ms",
    "one_at_a_time_ratio",
    "durability",
    "machine",
    "missed",
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = str(tmp_path_factory.mktemp("bench"))
    return run_engine(Options(workflows=20, steps=3, rounds=1, tasks=40, folder=folder))


def test_every_field_is_there_and_is_json(report: Report) -> None:
    told = json.loads(json.dumps(report.as_dict()))

    assert told.keys() >= FIELDS | {"task_ratio", "cpu_us_per_task"}
    assert all(told[name] > 0 for name in FIELDS if isinstance(told[name], int | float))


def test_the_engine_is_measured_as_it_runs(report: Report) -> None:
    durability = report.figures["durability"]

    assert (durability["journal_mode"], durability["synchronous"]) == ("wal", 2)
    # One start and one end of the run, its plan, a start and an end of each step.
    assert report.figures["events_per_step"] == (3 + 2 * 3) / 3
    # A step in the middle: two events, what was spent by workflow and run, what is held.
    assert report.figures["rows_per_commit"] >= 4


def test_nothing_is_left_behind(report: Report) -> None:
    assert list(Path(report.options["folder"]).iterdir()) == []


def test_a_kill_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    figures = run_engine(Options(workflows=20, steps=10, kill=True, folder=str(tmp_path))).figures

    assert figures["accepted"] == 20
    assert figures["lost"] == figures["steps_missing"] == figures["repeated_though_done"] == 0
    assert 0 < figures["open_runs_at_kill"] <= 20
    assert figures["repeated_in_flight"] <= figures["in_flight_at_kill"]
    assert figures["chain_holds"] is True
    assert figures["recover_s"] > 0


def test_what_the_killed_process_promised_is_counted(tmp_path: Path) -> None:
    """The counting itself: a promise that the ledger does not know, and a step done again, are seen."""
    kill_part("victim", tmp_path, at=20, workflows=10, steps=6)
    with (tmp_path / "accepted").open("a") as accepted:
        accepted.write("never\n")
    first_step = next(
        line for line in (tmp_path / WITNESS).read_text().splitlines() if line.endswith(" step0")
    )
    with (tmp_path / WITNESS).open("a") as witness:
        witness.write(first_step + "\n")

    figures = run_part("survivor", tmp_path, workflows=10, steps=6)

    assert figures["lost"] == 1
    assert figures["steps_missing"] == 6
    assert figures["repeated_though_done"] == 1


def test_a_part_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(PartFailed, match="no_such_part"):
        run_part("no_such_part", tmp_path)


def test_a_goal_knows_its_good_side() -> None:
    report = Report({"steps_per_s": 4_999.0, "cpu_us_per_step": 150.0, "lost": 1}, {}, {})

    assert [goal.field for goal in report.missed] == ["steps_per_s", "lost"]
    assert len({goal.field for goal in GOALS}) == len(GOALS)


def test_the_usual_transaction_is_the_most_frequent_one() -> None:
    recorder = Recorder()
    for rows in (1, 2, 2):
        recorder.note("BEGIN IMMEDIATE", ())
        recorder.note("INSERT INTO events VALUES (?)", [(number,) for number in range(rows)])
        recorder.note("COMMIT", ())

    assert [len(rows) for [(_, rows)] in recorder.usual()] == [2, 2]


def test_shapes_of_plans() -> None:
    assert [len(needed) for needed in chain(3).needs] == [0, 1, 1]
    plan = fan_and_chain(100)
    assert plan.size == 100
    assert max(len(waiting) for waiting in plan.dependents) == max(len(needed) for needed in plan.needs) == 48


def test_the_command_prints_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Options] = []

    def measured(options: Options, told: Callable[[str, int, int], None]) -> Report:
        asked.append(options)
        return Report({"lost": 1}, {}, {})

    monkeypatch.setattr(engine, "run_engine", measured)

    assert engine.main(["--workflows", "7", "--kill", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["missed"] == ["lost"]
    assert asked == [Options(workflows=7, kill=True)]
