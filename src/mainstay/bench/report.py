"""What a bench found: figures, goals, and a table for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that must be reached. `at_least` says which side is good."""

    field: str
    bound: float
    at_least: bool = False
    words: str = ""

    def met(self, value: float) -> bool:
        """Whether the figure is on the good side."""
        return value >= self.bound if self.at_least else value <= self.bound


# On two busy cores, SQLite with synchronous=FULL, hash chain on.
GOALS = (
    Goal("steps_per_s", 5_000, at_least=True, words="steps a second, all workflows at once"),
    Goal("cpu_us_per_step", 150, words="processor time a step, µs"),
    Goal("bytes_per_step", 1_229, words="bytes on disk a step, log folded"),
    Goal("peak_mb", 64, words="largest memory, MB"),
    Goal("one_at_a_time_ratio", 3, words="one at a time: a step against a raw commit of its rows"),
    Goal("task_ratio", 2, words="time a task: one large run against runs of 100"),
    Goal("growth_at_tenfold", 1.1, words="processor time a step with ten times the workflows"),
    Goal("lost", 0, words="accepted runs lost by a kill -9"),
    Goal("repeated_though_done", 0, words="finished steps done again after it"),
    Goal("recover_s", 1, words="restart until work goes on, s"),
    Goal("append_growth", 1.3, words="an append: p50 at the end against the beginning"),
    Goal("boot_s", 3, words="boot, from the start of the process, s"),
    Goal("boot_after_it_s", 3, words="boot after a crash loop, s"),
    Goal("boot_growth", 2, words="boot: the whole ledger against the early one"),
    Goal("boot_peak_mb", 250, words="boot: largest memory, MB"),
    Goal("verdict_us", 100, words="a verdict with 50 rules: median, CPU µs"),
    Goal("digest_us", 200, words="canonical form and digest of a mail of 20 KB: median, CPU µs"),
    Goal("verified_per_s", 100_000, at_least=True, words="events proved a processor second, checkpoints too"),
    Goal("list_cpu_ms", 500, words="`approvals`: median, CPU ms, process start included"),
    Goal("show_cpu_ms", 500, words="`approvals show`: median, CPU ms"),
    Goal("live_approve_cpu_ms", 500, words="`approve` beside a director at work: median, CPU ms"),
    Goal("live_reject_cpu_ms", 500, words="`reject` beside a director at work: median, CPU ms"),
    Goal("live_edit_cpu_ms", 500, words="`edit` beside a director at work: median, CPU ms"),
    Goal("live_snooze_cpu_ms", 500, words="`snooze` beside a director at work: median, CPU ms"),
    Goal("live_undo_cpu_ms", 500, words="`undo` beside a director at work: median, CPU ms"),
    Goal("first_byte_p95_ms", 50, words="pages: first byte, p95, ms"),
    Goal("page_kb", 150, words="the heaviest page with all it loads, kB"),
    Goal("script_kb", 40, words="scripts, compressed, kB"),
    Goal("console_mb", 250, words="memory of the server, MB"),
    Goal("house_us", 1_000, words="figures of the rail, counted anew, CPU µs"),
    Goal("to_message_p95_ms", 500, words="from an event's commit to its message: p95, ms"),
    Goal("to_part_p95_ms", 500, words="from an event's commit to the part that shows it: p95, ms"),
    Goal("director_slower_by_streams", 0.1, words="director with 10 streams: slower by, share, CPU"),
    Goal("key_to_paint_p95_ms", 100, words="from a key to its paint: p95, ms"),
    Goal("small_recall_p50_ms", 25, words="smaller memory: a recall, p50, CPU ms"),
    Goal("small_recall_p99_ms", 50, words="smaller memory: a recall, p99, CPU ms"),
    Goal("small_ingested_per_cpu_s", 70, at_least=True, words="short texts embedded a processor second"),
    Goal("small_rebuilds_agree", 1, at_least=True, words="smaller memory: two rebuilds have one digest"),
    Goal("large_recall_p50_ms", 60, words="larger memory: a recall, p50, CPU ms"),
    Goal("large_recall_p99_ms", 120, words="larger memory: a recall, p99, CPU ms"),
    Goal(
        "large_ingested_per_cpu_s", 70, at_least=True, words="short texts embedded a processor second, again"
    ),
    Goal("large_rebuild_cpu_s", 5, words="larger memory: index from cached vectors, CPU s"),
    Goal("large_rebuilds_agree", 1, at_least=True, words="larger memory: two rebuilds have one digest"),
)
_WORDS = {
    "cards": "cards that wait",
    "list_ms": "`approvals` without a director: shortest, ms",
    "list_json_ms": "`approvals --json` without a director: shortest, ms",
    "list_json_cpu_ms": "`approvals --json` without a director: median, CPU ms",
    "show_ms": "`approvals show` without a director: shortest, ms",
    "approve_ms": "`approve` without a director: shortest, ms",
    "approve_cpu_ms": "`approve` without a director: median, CPU ms",
    "reject_ms": "`reject` without a director: shortest, ms",
    "reject_cpu_ms": "`reject` without a director: median, CPU ms",
    "edit_ms": "`edit` without a director: shortest, ms",
    "edit_cpu_ms": "`edit` without a director: median, CPU ms",
    "snooze_ms": "`snooze` without a director: shortest, ms",
    "snooze_cpu_ms": "`snooze` without a director: median, CPU ms",
    "undo_ms": "`undo` without a director: shortest, ms",
    "undo_cpu_ms": "`undo` without a director: median, CPU ms",
    "live_list_ms": "`approvals` beside a director: shortest, ms",
    "live_list_cpu_ms": "`approvals` beside a director: median, CPU ms",
    "live_list_json_ms": "`approvals --json` beside a director: shortest, ms",
    "live_list_json_cpu_ms": "`approvals --json` beside a director: median, CPU ms",
    "live_show_ms": "`approvals show` beside a director: shortest, ms",
    "live_show_cpu_ms": "`approvals show` beside a director: median, CPU ms",
    "live_approve_ms": "`approve` beside a director: shortest, ms",
    "live_reject_ms": "`reject` beside a director: shortest, ms",
    "live_edit_ms": "`edit` beside a director: shortest, ms",
    "live_snooze_ms": "`snooze` beside a director: shortest, ms",
    "live_undo_ms": "`undo` beside a director: shortest, ms",
    "started_s": "`up`, from its start until it answers, s",
    "pages": "pages that were visited",
    "pages_missing": "pages that were not there",
    "quiet_after_s": "until the server had nothing to do after its start, s",
    "first_visit_cpu_ms": "the first visit of a page: median, CPU ms",
    "first_byte_p50_ms": "pages: first byte, p50, ms",
    "page_cpu_ms": "a page: median, CPU ms",
    "page_cpu_p95_ms": "a page: p95, CPU ms",
    "first_byte_slowest_page": "the slowest page",
    "first_byte_slowest_p95_ms": "its first byte: p95, ms",
    "loaded_steps_per_s": "steps a second while pages listen",
    "to_message_p50_ms": "from an event's commit to its message: p50, ms",
    "to_part_p50_ms": "from an event's commit to the part that shows it: p50, ms",
    "parts_per_s": "parts fetched anew a second",
    "parts_refused": "of these refused",
    "load_cpu_share": "the process at that load with 10 pages, share of a core",
    "load_cpu_share_alone": "the same without pages",
    "step_cpu_us_alone": "a step in a crowd without pages, CPU µs of the director",
    "director_slower_by_pages": "director with 10 pages that fetch parts: slower by, share, CPU",
    "key_to_paint_p50_ms": "from a key to its paint: p50, ms",
    "key_to_paint": "from a key to its paint",
    "verdict_p99_us": "a verdict: p99, CPU µs",
    "digest_p99_us": "canonical form and digest: p99, CPU µs",
    "chain_per_s": "the same without checkpoints",
    "bare_per_s": "bare hashes of the same events, from memory",
    "verified_to_bare": "a proof beside the bare hashes",
    "signed_ms": "a checkpoint of 10,000 events: proved and signed, CPU ms",
    "exported_per_s": "events exported a processor second, JSON lines",
    "exported_csv_per_s": "the same as CSV",
    "workflows_per_s": "workflows a second",
    "events_per_step": "events a step",
    "ticks": "commits in all",
    "raw_events_per_s_single": "raw SQLite, one event a transaction, a second",
    "raw_events_per_s_batched": "raw SQLite, 1,000 events a transaction, a second",
    "step_p50_ms_one_at_a_time": "one at a time: p50 of a step, ms",
    "raw_commit_p50_ms": "raw commit of the same rows: p50, ms",
    "us_per_task": "one large run: µs a task",
    "us_per_task_of_100": "runs of 100: µs a task",
    "open_runs_at_kill": "unfinished runs at the kill",
    "in_flight_at_kill": "steps in flight at the kill",
    "repeated_in_flight": "of these done again",
    "events": "events",
    "runs": "runs",
    "unfinished": "unfinished runs",
    "events_of_unfinished": "their events",
    "filled_events_per_s": "filled, events a second",
    "ledger_mb": "ledger, MB",
    "bytes_per_event": "bytes an event",
    "append_p50_ms_first": "an append at the beginning: p50, ms",
    "append_p50_ms_last": "an append at the end: p50, ms",
    "append_p99_ms_last": "an append at the end: p99, ms",
    "append_growth_beside_raw": "the same beside bare SQLite",
    "append_growth_largest": "the largest of all windows, beside bare SQLite",
    "cold_boot_s": "boot with nothing in the page cache, s",
    "crash_loop_boot_s": "boot that takes all work under way for failed, s",
    "first_boot_s": "boot from the early ledger, s",
    "first_cold_boot_s": "the same with nothing in the page cache, s",
    "first_boot_peak_mb": "the same: largest memory, MB",
    "first_crash_loop_boot_s": "boot that takes all work under way for failed, early ledger, s",
    "first_boot_after_it_s": "the boot after that, early ledger, s",
    "fill_growth_mb": "memory of the process that fills: the end against the first tenth, MB",
    "small_records": "smaller memory: records",
    "large_records": "larger memory: records",
    "small_rebuild_cpu_s": "smaller memory: index from cached vectors, CPU s",
    "small_bits_agree": "smaller memory: 20 nearest found by signs, share",
    "small_memory_peak_mb": "smaller memory: largest memory, MB",
    "large_bits_agree": "larger memory: 20 nearest found by signs, share",
    "large_memory_peak_mb": "larger memory: largest memory, MB",
    "cold_boot_growth": "boot with nothing in the page cache: whole against early",
}


@dataclass(frozen=True, slots=True)
class Report:
    """Figures by name; what was asked for; on what machine, and how busy it was."""

    figures: dict[str, Any]
    options: dict[str, Any]
    machine: dict[str, Any]
    title: str = "mainstay bench engine"

    @property
    def missed(self) -> tuple[Goal, ...]:
        """The goals that were measured and not met."""
        return tuple(
            goal for goal in GOALS if goal.field in self.figures and not goal.met(self.figures[goal.field])
        )

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON values, figures at the top level."""
        return {
            **{name: _rounded(value) for name, value in self.figures.items()},
            "missed": [goal.field for goal in self.missed],
            "options": self.options,
            "machine": self.machine,
        }

    def render(self, console: Console) -> None:
        """A table: what was measured, what is asked for, and whether it is met."""
        from rich.table import Table

        table = Table(title=self.title, title_justify="left")
        table.add_column("")
        table.add_column("measured", justify="right")
        table.add_column("goal", justify="right")
        goals = {goal.field: goal for goal in GOALS}
        spread = self.figures.get("spread", {})  # of turns, where a figure is a median of some
        for name, value in self.figures.items():
            goal = goals.get(name)
            if goal is not None:
                sign = "≥" if goal.at_least else "≤"
                style = "green" if goal.met(value) else "bold red"
                bound = f"{sign} {goal.bound:,g} {'met' if goal.met(value) else 'MISSED'}"
                table.add_row(goal.words, f"[{style}]{_text(value)}[/]{_between(spread.get(name))}", bound)
            elif name in _WORDS:
                table.add_row(_WORDS[name], _text(value) + _between(spread.get(name)), "")
        console.print(table)
        if "durability" in self.figures:
            pragmas = ", ".join(f"{name}={value}" for name, value in self.figures["durability"].items())
            console.print(f"durability: {pragmas}", highlight=False)
        console.print(
            "machine: " + ", ".join(f"{name} {value}" for name, value in self.machine.items()),
            highlight=False,
        )


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def _between(turns: list[float] | None) -> str:
    return f" ({_text(turns[0])} to {_text(turns[1])})" if turns else ""


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
