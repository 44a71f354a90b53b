"""`mainstay evaluate recall`: how much of the evidence recall finds in your own records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace
from mainstay.cli.render import counting, emit, show, table, tell

if TYPE_CHECKING:
    from mainstay.bench.recall_evaluation import RecallReport, Told
    from mainstay.memory.policy import RetrievalPolicy


def add_to(group: typer.Typer) -> None:
    """Put this command into the group."""
    group.command("recall")(recall)


def recall(
    records: Annotated[Path, typer.Argument(help="JSON lines: id, text, actor, time, thread.")],
    questions: Annotated[Path, typer.Argument(help="JSON lines: question, evidence (ids), thread.")],
    k: Annotated[str, typer.Option("--k", help="How many hits are looked at.")] = "5,10,20",
    policy: Annotated[
        str, typer.Option("--policy", help="A retrieval policy whose limits hold.", show_default="none but k")
    ] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Store records in a fresh memory, ask each question, and tell how much of its evidence was found.

    Measured for the ranking that ships and, beside it, for keywords alone and vectors alone. A question with a thread
    is asked within it. Vectors are cached for this user: a second run computes none.
    """
    from mainstay.bench.recall_evaluation import POLICY, evaluate
    from mainstay.bench.recall_files import read_files
    from mainstay.models.base import Unavailable
    from mainstay.models.user_cache import user_cache

    ks = _ks(k)
    files = read_files(records, questions)
    limits = _policy(policy, workspace) if policy else POLICY
    embedder = user_cache()
    with _shown(as_json) as told:
        report = evaluate(
            files, None if isinstance(embedder, Unavailable) else embedder, ks=ks, policy=limits, told=told
        )
    if as_json:
        emit(report.as_dict())
        return
    _render(report, ks)
    if isinstance(embedder, Unavailable):
        tell(f"Keywords alone: {embedder.reason} {embedder.remedy}")


def _ks(given: str) -> tuple[int, ...]:
    from mainstay.kernel.errors import CommandRefused

    parts = [part.strip() for part in given.split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdigit() and 0 < int(part) <= 1_000 for part in parts):
        raise CommandRefused(
            f"--k {given[:80]!r} is no list of numbers.",
            why="It says how many hits are looked at, each from 1 to 1,000.",
            remedy="Write for example --k 5,10,20.",
        )
    return tuple(sorted({int(part) for part in parts}))


def _policy(name: str, workspace: Path) -> RetrievalPolicy:
    """A policy of the workspace, if there is one here, or one that ships."""
    from mainstay.config.recall import read_recalls
    from mainstay.kernel.errors import NotFound

    folder = workspace / "policies"
    known = read_recalls((path.name, path.read_bytes()) for path in folder.glob("*.toml")).policies
    if name not in known:
        raise NotFound(
            f"There is no retrieval policy {name[:80]!r}.",
            why="There are " + ", ".join(sorted(known)) + ".",
            remedy="Name one of these, or leave --policy out.",
        )
    return known[name]


@contextmanager
def _shown(quiet: bool) -> Iterator[Told]:
    """One bar for the vectors, one for the questions, each when it begins."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        bars: dict[str, tuple[object, list[int]]] = {}

        def told(what: str, done: int, of: int) -> None:
            if what not in bars:
                stack.close()
                bars[what] = stack.enter_context(counting(what.capitalize(), total=of, quiet=quiet)), [0]
            advance, before = bars[what]
            advance(done - before[0])  # type: ignore[operator]
            before[0] = done

        yield told


def _render(report: RecallReport, ks: tuple[int, ...]) -> None:
    made = table("Evidence found", *((f"k = {k}", {"justify": "right"}) for k in ks))
    for name, by_k in report.recall.items():
        label = f"{name} ({report.ranker})" if name == "hybrid" else f"{name} alone"
        made.add_row(label, *(f"{100 * by_k[k]:.1f} %" for k in ks))
    show(made)
    tell(
        f"{report.questions:,} questions about {report.records:,} records; policy {report.policy} "
        f"{report.policy_version}.",
        f"A question took {report.latency_p50_ms:.1f} ms (p50) and {report.latency_p99_ms:.1f} ms (p99), "
        + ("its embedding included." if report.questions_embedded else "with its embedding from the cache."),
        f"Vectors: {report.embedded:,} computed, {report.cached:,} from the cache.",
    )
    if report.untimed:
        tell(
            f"{report.untimed:,} records have no time that can be read; questions about when find them by words."
        )
