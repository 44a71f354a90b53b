"""`mainstay evaluate triage FILE.csv`: a labelled stream, and what triage would have done with it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.options import AsJson
from mainstay.cli.render import cells, count, counting, emit, say, show, table, tell

if TYPE_CHECKING:
    from mainstay.bench.triage_stream import Figures, Tally, Verdict
    from mainstay.models.base import Unavailable
    from mainstay.models.embedding_cache import CachedEmbedder

_RIGHT: dict[str, Any] = {"justify": "right"}
_BAR = 22  # a full bar and its share fit beside the other columns into 80


def add_to(app: typer.Typer) -> None:
    """Put this command into the group."""
    app.command("triage")(triage)


def triage(
    file: Annotated[
        Path, typer.Argument(help="A CSV file with the columns text and label.", metavar="FILE.csv")
    ],
    target_error: Annotated[
        float, typer.Option("--target-error", min=0.001, max=0.5, help="The promised share of errors.")
    ] = 0.02,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Chooses the audits.")] = 1,
    intents: Annotated[
        Path | None,
        typer.Option("--intents", help="Intents and descriptions: .json, .csv or an intents.toml."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Stream a labelled file through triage, with an operator who answers what is asked, and tell what came of it.

    Messages come in the order of the file. The label `oos` means that a message belongs to no intent. Without
    --intents the labels themselves are the intents, their names the descriptions.
    """
    from mainstay.bench.labelled import described, read_descriptions, read_labelled
    from mainstay.bench.triage_stream import run_stream
    from mainstay.models.base import Unavailable
    from mainstay.models.user_cache import user_cache

    messages = read_labelled(file)
    known = described(messages) if intents is None else read_descriptions(intents)
    found = user_cache()
    embedder = None if isinstance(found, Unavailable) else found
    if not as_json:
        say(
            f"{count(len(messages), 'message')}, {count(len(known), 'intent')} known at the start, seed {seed}."
        )
        _tell_embedder(found)
    with counting("Messages", total=len(messages), quiet=as_json) as more:
        figures = run_stream(messages, known, embedder, target_error=target_error, seed=seed, more=more)
    if as_json:
        emit(_value(figures, len(known), seed, found))
    else:
        _print(figures, embedder)
    return 0


def _tell_embedder(found: CachedEmbedder | Unavailable) -> None:
    from mainstay.models.base import Unavailable

    if isinstance(found, Unavailable):
        tell(f"By words alone, which understand far less: {found.reason} {found.remedy}")
    else:
        say(f"By meaning: {found.model_id}.")


def _print(figures: Figures, embedder: CachedEmbedder | None) -> None:
    from mainstay.bench.triage_stream import WINDOW

    say("")
    made = table(
        "Messages",
        ("Automatic", _RIGHT),
        ("Errors", _RIGHT),
        ("Asked", _RIGHT),
        ("Audits", _RIGHT),
        "Asked of all",
    )
    for number, one in enumerate(figures.windows):
        first = number * WINDOW + 1
        name = f"{first:,} to {first + one.messages - 1:,}"
        made.add_row(*cells(name, one.automatic, one.errors, one.asked, one.audits, _bar(one)))
    show(made)
    say("")
    total, last = figures.total, figures.last
    tell(
        f"Asked {_asked(total)} over the whole stream"
        + (f", {_asked(last)} of the last {last.messages:,}." if last.messages < total.messages else "."),
        f"Whole stream: {_said(figures.verdict)}",
        f"First {figures.windows[0].messages:,}: {_said(figures.first)}",
        f"Unknown messages: {total.unknown:,}, of which {total.unknown_automatic:,} were handled automatically.",
        f"Left to a person by a flag or the language: {total.flagged:,}. Audits: {total.audits:,}.",
    )
    for name, times in (("decision", figures.decide_ms), ("learning", figures.learn_ms)):
        told = _times(times)
        say(f"A {name} took {told['p50']:.1f} ms (p50), {told['p95']:.1f} (p95), {told['max']:.1f} (most).")
    if embedder is not None:
        say(f"embeddings computed: {embedder.computed:,}, from cache: {embedder.reused:,}")


def _bar(one: Tally) -> str:
    mark = "█" if sys.stdout.isatty() else "#"
    share = one.asked / one.messages
    return f"{mark * round(_BAR * share):<{_BAR}} {100 * share:.0f} %"


def _asked(one: Tally) -> str:
    """As a count and a share: a rate per 1,000 reads as more than there were where the stream is shorter."""
    share = 100 * one.asked / one.messages if one.messages else 0.0
    return f"{one.asked:,} ({share:.1f} %)"


def _said(one: Verdict) -> str:
    if not one.automatic:
        return f"nothing was automatic; {100 * one.promised:g} % were promised."
    kept = "kept" if one.kept else "BROKEN"
    rate = 100 * one.errors / one.automatic
    return (
        f"{count(one.errors, 'error')} in {one.automatic:,} automatic ({rate:.2f} %), promised "
        f"{100 * one.promised:g} %: {kept} (p = {one.probability:.3f})."
    )


def _times(times: list[float]) -> dict[str, float]:
    from mainstay.bench.triage_stream import percentile

    return {
        "p50": round(percentile(times, 0.5), 3),
        "p95": round(percentile(times, 0.95), 3),
        "max": round(max(times, default=0.0), 3),
    }


def _value(figures: Figures, intents: int, seed: int, found: CachedEmbedder | Unavailable) -> dict[str, Any]:
    from mainstay.models.base import Unavailable

    missing = isinstance(found, Unavailable)
    return {
        "target_error": figures.target_error,
        "seed": seed,
        "intents": intents,
        "embedder": None if isinstance(found, Unavailable) else found.model_id,
        "by_words_because": found.reason if isinstance(found, Unavailable) else None,
        "windows": [one.value() for one in figures.windows],
        "total": figures.total.value(),
        "last": figures.last.value(),
        "verdict": figures.verdict.value(),
        "first": figures.first.value(),
        "decide_ms": _times(figures.decide_ms),
        "learn_ms": _times(figures.learn_ms),
        "embeddings": {"computed": 0, "cached": 0}
        if missing or isinstance(found, Unavailable)
        else {"computed": found.computed, "cached": found.reused},
    }
