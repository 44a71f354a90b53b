"""Peers, side by side, without the peers: a fake engine speaks the protocol, and the table is judged on given figures.

The fake keeps a journal file of its own and goes on from it after a kill, so that what the driver counts is real.
"""

import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import protocol, table
from benchmarks.peers.children import PeerFailed, followed
from benchmarks.peers.environments import HERE, ROOT
from benchmarks.peers.rounds import PEERS, STEPS, Bench, Peer, Work, measure
from scripts.check_pins import complaints

PINNED = sorted(HERE.glob("requirements-*.txt"))
_FAKE = """
import asyncio
import sys
from contextlib import asynccontextmanager

sys.path.insert(0, {here!r})
from protocol import STEPS, append_only, lines, main


class Journalled:
    def __init__(self, given):
        self.path = given.folder / "journal"
        self.stops_after = given.workflows * STEPS * 4 // 5 if given.form == "victim" else None
        self.executed = 0

    def recorded(self):
        return {{(name, int(number)) for name, number in (line.split() for line in lines(self.path))}}

    @asynccontextmanager
    async def working(self):
        self.journal = append_only(self.path)
        yield

    async def run(self, names, accepted):
        for name in names:
            accepted(name)
        await self.recover(names)

    async def recover(self, names):
        done = self.recorded()
        for number in range(STEPS):
            for name in names:
                if (name, number) not in done:
                    if self.executed == self.stops_after:
                        await asyncio.Event().wait()  # for the kill
                    self.executed += 1
                    self.seen(name, number)
                    self.journal(f"{{name}} {{number}}")

    def finished(self, names):
        return {{name for name, number in self.recorded() if number == STEPS - 1}} & set(names)

    def stored_bytes(self):
        return self.path.stat().st_size

    def setting(self):
        return "a journal"

    def durability(self):
        return {{"fsync": "off"}}


main(Journalled, ("rich",), ("plain", "fancy"))
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    pythons = {"fake": sys.executable, "broken": sys.executable}
    return Bench(tmp_path, pythons, None, lambda part: lambda done, of: None)


@pytest.fixture
def fake(tmp_path: Path) -> Peer:
    program = tmp_path / "fake_flow.py"
    program.write_text(_FAKE.format(here=str(HERE)))
    return Peer("fake", "Fake", str(program), "fake")


@pytest.fixture
def broken(tmp_path: Path) -> Peer:
    program = tmp_path / "broken_flow.py"
    program.write_text("import sys\nsys.exit('no such engine')\n")
    return Peer("broken", "Broken", str(program), "broken")


def test_rounds_and_kills_of_an_engine_that_keeps_its_promise(bench: Bench, fake: Peer) -> None:
    rows = {fake: table.Row("Fake", recovers=True)}

    measure(bench, rows, Work(workflows=20, single=2, rounds=2, kills=1, seed=1))

    row = rows[fake]
    assert (row.missing, len(row.rounds), len(row.kills)) == ("", 2, 1)
    assert row.rounds[0]["steps"] == 20 * STEPS
    for name in ("steps_per_s", "cpu_us_per_step", "bytes_per_step", "step_p50_ms"):
        assert (row.figure(name) or 0) > 0
    assert row.figure("server_cpu_us_per_step") is None
    assert row.rounds[0]["versions"].keys() == {"python", "rich"}
    [kill] = row.kills
    assert 0.3 * 20 * STEPS <= kill["killed_at_step"] <= 0.8 * 20 * STEPS
    assert (kill["accepted"], kill["finished"], kill["lost"]) == (20, 20, 0)
    assert kill["repeated"] <= 1
    assert kill["repeated_though_done"] == 0
    assert kill["recover_s"] > 0


def test_the_settings_of_an_engine_are_told(bench: Bench, fake: Peer) -> None:
    assert bench.settings(fake) == ["plain", "fancy"]


def test_an_engine_that_fails_leaves_the_run_and_the_others_go_on(
    bench: Bench, fake: Peer, broken: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {peer: table.Row(peer.words, recovers=True) for peer in (broken, fake)}

    measure(bench, rows, Work(workflows=3, single=1, rounds=2, kills=0, seed=1))

    assert (rows[broken].missing, rows[broken].failed, rows[broken].rounds) == ("it failed", True, [])
    assert len(rows[fake].rounds) == 2
    assert capsys.readouterr().err == "Broken failed: no such engine\n"


def test_without_ours_there_is_nothing_to_compare(bench: Bench, fake: Peer, broken: Peer) -> None:
    rows = {peer: table.Row(peer.words, recovers=True, ours=peer is broken) for peer in (broken, fake)}

    measure(bench, rows, Work(workflows=3, single=1, rounds=2, kills=1, seed=1))

    assert (rows[fake].rounds, rows[fake].kills) == ([], [])


def test_a_program_that_ends_without_a_result_has_failed(tmp_path: Path) -> None:
    silent = tmp_path / "silent.py"
    silent.write_text("print('no JSON')\n")

    with pytest.raises(PeerFailed, match="it said nothing"):
        followed([sys.executable, str(silent)], {}, lambda done, of: None)


def test_what_a_kill_cost_is_counted() -> None:
    before = ["a 0", "a 1", "b 0"]
    after = [*before, "a 1", "b 0", "b 1"]

    judged = protocol.judged(["a", "b", "c"], 1, before, after, {("b", 0)})

    assert judged["killed_at_step"] == 3
    assert (judged["accepted"], judged["finished"], judged["lost"]) == (3, 1, 2)
    assert (judged["repeated"], judged["repeated_though_done"]) == (2, 1)


def _row(name: str, *speeds: float, **given: Any) -> table.Row:
    rounds = [
        {
            "steps_per_s": speed,
            "cpu_us_per_step": 1_234.5,
            "server_cpu_us_per_step": given.get("server"),
            "bytes_per_step": 700,
            "step_p50_ms": 0.5,
            "setting": "its fastest",
            "durability": {"synchronous": 2},
            "versions": {"python": "3.11.7"},
        }
        for speed in speeds
    ]
    kill = {"accepted": 10, "lost": 1, "repeated": 4, "repeated_though_done": 2, "recover_s": 0.25}
    return table.Row(
        name,
        given.get("recovers", True),
        given.get("ours", False),
        rounds,
        [kill, kill] if speeds else [],
        given.get("missing", ""),
    )


def _measured(*rows: table.Row) -> table.Measured:
    return table.Measured(rows, "2 cores", "1 May 2026", "3 rounds.", (0.1, 0.2), (0.3, 0.4))


def test_the_ratio_is_the_median_of_each_rounds_own() -> None:
    """Where a busy minute slows one round of all, the ratio does not change."""
    measured = _measured(_row("Ours", 1_000, 100, 900, ours=True), _row("Theirs", 50, 5, 30))

    assert measured.ratio(measured.rows[1]) == 20
    assert measured.against_goal() == (
        True,
        "Goal: at least 20 times the steps a second of the fastest engine that recovers. "
        "It is Theirs, ours is 20.0 times as fast: met.",
    )


def test_the_goal_is_held_against_the_fastest_that_recovers() -> None:
    measured = _measured(
        _row("Ours", 100, ours=True),
        _row("Slow", 1),
        _row("Fast", 10),
        _row("Forgets", 50, recovers=False),
    )

    met, said = measured.against_goal()

    assert not met
    assert "It is Fast, ours is 10.0 times as fast: MISSED." in said


def test_a_goal_is_not_met_by_an_engine_that_is_missing() -> None:
    measured = _measured(_row("Ours", 100, ours=True), _row("Slow", 1), _row("Absent", missing="no server"))

    met, said = measured.against_goal()

    assert not met
    assert "not judged, one is missing (Absent)" in said


def test_the_table_is_aligned_and_says_what_is_missing() -> None:
    measured = _measured(
        _row("Ours", 8_000, 8_500, ours=True),
        _row("Theirs, with a server", 400, 425, server=900.0),
        _row("Absent", missing="no PostgreSQL could be started"),
    )

    lines = table.markdown(measured).splitlines()

    grid = [line for line in lines if line.startswith("|")]
    assert len(grid) == 5
    assert len({len(line) for line in grid}) == 1
    assert "8,250 (8,000 to 8,500)" in grid[2]
    assert "20.0 times" in grid[3]
    assert "1,234 + 900 server" in grid[3]
    assert "2 of 20 |         8 |             4 |      0.25 |" in grid[3]
    assert "not measured here" in grid[4]
    assert "- Absent: **not measured here**, no PostgreSQL could be started." in lines
    assert "- Theirs, with a server: its fastest; synchronous=2; python 3.11.7." in lines
    assert any("Load average 0.1 before, 0.2 after" in line for line in lines)


def test_the_table_goes_between_the_markers_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")

    table.written(page, "new\n")
    table.written(page, "newer\n")

    assert page.read_text() == f"before\n{table.BEGIN}\nnewer\n{table.END}\nafter\n"


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"only {table.BEGIN}\n")

    with pytest.raises(ValueError, match="nothing was written"):
        table.written(page, "new\n")
    assert page.read_text() == f"only {table.BEGIN}\n"


def test_the_document_has_the_markers() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")

    assert page.count(table.BEGIN) == page.count(table.END) == 1
    assert page.index(table.BEGIN) < page.index(table.END)


@pytest.mark.parametrize("path", PINNED, ids=lambda path: path.name)
def test_what_a_peer_needs_is_pinned_by_hash_and_names_no_place(path: Path) -> None:
    assert complaints(path.read_text("utf-8")) == []


def test_every_peer_has_a_program_and_pins() -> None:
    for peer in PEERS:
        assert (HERE / peer.program).is_file()
        assert not peer.environment or HERE / f"requirements-{peer.environment}.txt" in PINNED
