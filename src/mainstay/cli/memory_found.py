"""`mainstay memory search | rebuild | stats | why`: what is found and what spoke for it, and how memory stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, given_before, open_workspace
from mainstay.cli.render import clock_time, count, counting, emit, say, short_run, tell
from mainstay.cli.safe_text import safe_line
from mainstay.kernel.errors import CommandRefused

if TYPE_CHECKING:
    from mainstay.memory.context import Context, Hit
    from mainstay.workspace.memory_look import MemoryStats
    from mainstay.workspace.recall_log import RecallLog

TEXT_SHOWN_MAX = 400
_FEATURES_SHOWN = 4
_SHARE_OF_BEST = 0.05  # of the best hit's score: what reaches less is a tail that fills the screen
_ALIKE_MIN, _COVERED_MIN = 0.2, 0.05  # below both it is neither alike nor of the same words
_PART_SHOWN_MIN = 0.05


def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="What is looked for, in words.", metavar="QUERY")],
    space: Annotated[
        str, typer.Option("--space", "-s", help="Look in this space alone.", show_default=False)
    ] = "",
    kind: Annotated[str, typer.Option("--kind", help="Find this kind alone.", show_default=False)] = "",
    k: Annotated[int, typer.Option("--k", "-k", min=1, max=50, help="At most so many.")] = 10,
    as_of: Annotated[
        int | None,
        typer.Option("--as-of", min=0, help="What was believed at this position.", show_default=False),
    ] = None,
    policy: Annotated[
        str, typer.Option("--policy", "-p", help="As this retrieval policy would.", show_default=False)
    ] = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Find what is remembered, best first, with what spoke for each."""
    workspace, as_json = given_before(context, workspace, as_json)
    if not query.strip():
        raise CommandRefused(
            "There is nothing to look for.",
            why="The query is empty.",
            remedy="Say in a few words what it is about.",
        )
    with open_workspace(workspace) as opened:
        found = opened.memory.search(query, space=space, kind=kind, k=k, as_of=as_of, policy=policy)
    if as_json:
        return emit(_value(found))
    # A policy has limits of its own and is shown as it answers; without one the tail is of no use to a reader.
    shown = found.hits if policy else _near(found.hits)
    if not shown:
        say("Nothing was found." + (" The policy asks a person then." if found.ask else ""))
    for hit in shown:
        unit = hit.unit
        head = (
            f"{hit.rank:>2}. {_score(hit.score, hit.features)}  {unit.id}"
            if not hit.neighbour_of
            else f"      beside it  {unit.id}"
        )
        when = f", {clock_time(unit.at)}" if unit.at else ""
        say(f"{head}  ({unit.kind} in {unit.space}{when})")
        tell(f"    {safe_line(unit.text, TEXT_SHOWN_MAX)}", hang=4)
        tell(f"    from {safe_line(_place(unit.source, unit.fields))}", hang=4)
        if hit.features:
            say(f"    because {_because(hit.features, found.ranker)}")
    if weak := len(found.hits) - len(shown):
        return _say_weak(found, weak)
    if found.dropped:
        left = count(len(found.dropped), "more was", "more were")
        crowded = not policy and all(one.reason == "too many hits" for one in found.dropped)
        say(f"{left} found: -k shows more." if crowded else f"{left} found and left out: {_reasons(found)}.")
    return _say_how(found)


def rebuild(context: typer.Context, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Make the index anew from the ledger, and compute every vector that is missing.

    The digest is the same after each rebuild of the same ledger.
    """
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened, counting("Vectors", quiet=as_json) as more:
        before = 0

        def tell_more(done: int, of: int) -> None:
            nonlocal before
            more(done - before)
            before = done

        found = opened.memory.rebuild(tell_more)
    if as_json:
        return emit(_stats_value(found))
    return say(
        f"Rebuilt: {count(found.standing.units, 'unit')}, digest {found.digest[:16]}.", *_vectors(found)
    )


def stats(context: typer.Context, workspace: InWorkspace = HERE, as_json: AsJson = False) -> None:
    """Memory in numbers: what can be found where, what is missing, and whether it searches by meaning."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        found = opened.memory.stats()
    if as_json:
        return emit(_stats_value(found))
    one = found.standing
    say(f"{sum(found.spaces.values()):,} memories can be found, through position {one.through:,}:")
    for space, number in found.spaces.items():
        say(f"  {number:>9,}  {space}")
    say(f"  {found.superseded:>9,}  superseded versions, found with --as-of")
    say(f"  {found.retracted:>9,}  retracted")
    if one.forgotten:
        say(f"  {one.forgotten:>9,}  forgotten: their keys were destroyed")
    if one.unreadable:
        say(f"  {one.unreadable:>9,}  cannot be opened: `mainstay audit verify` tells why")
    return say(*_vectors(found), f"Ranked by {one.ranker}.", f"Digest {found.digest[:16]}")


def why(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="A run's id, or its end.", metavar="RUN")],
    task: Annotated[str, typer.Argument(help="The task, by its name.", metavar="TASK")],
    attempt: Annotated[
        int, typer.Option("--attempt", "-a", min=0, help="Of this attempt alone; 0: of all.")
    ] = 0,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """What a task recalled and why; what was dropped and why."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        logs = opened.memory.why(run, task, attempt=attempt)
    if as_json:
        return emit(logs)
    for log in logs:
        _say_log(log)
    return None


def _say_log(log: RecallLog) -> None:
    given = f"{count(log.hits, 'memory was', 'memories were')} given ({log.tokens:,} tokens), {log.dropped} dropped"
    say(f"Run {short_run(log.run)}, task {log.task}, attempt {log.attempt}: {given}.")
    if log.recalls is None:
        return say("  [forgotten]: what it recalled, and why, went with the key of whom it was about.")
    for one in log.recalls:
        named = f"  by {one['policy']} (version {one['version']}), ranked by {one['ranker']}"
        filters = ", ".join(
            f"{name} {safe_line(str(value))}" for name, value in sorted(one["filters"].items())
        )
        say(named + (f", only {filters}" if filters else ""), f"  question {one['query']} (a keyed hash)")
        for hit in one["hits"]:
            aside = f"  set aside: {safe_line(hit['set_aside'])}" if hit.get("set_aside") else ""
            say(f"   {hit['rank']:>2}. {hit['score']:.2g}  {hit['id']}  {hit['tokens']} tokens{aside}")
            tell(f"       {safe_line(hit['text'] or '[not there any more]', 200)}", hang=7)
            if hit["features"]:
                say(f"       because {_because(hit['features'], one['ranker'])}")
        for left in one["dropped"]:
            say(f"    -  {left['score']:.2g}  {left['id']}  dropped: {left['why']}")
        if one["dropped_in_all"] > len(one["dropped"]):
            say(f"    -  and {one['dropped_in_all'] - len(one['dropped'])} more")
    return None


def _near(hits: Sequence[Hit]) -> list[Hit]:
    """The hits that are worth a reader's lines: not far below the best, and alike or of the same words."""
    least = _SHARE_OF_BEST * max((hit.score for hit in hits), default=0.0)
    return [
        hit
        for hit in hits
        if hit.score >= least
        and (
            hit.features.get("vector", 0.0) >= _ALIKE_MIN or hit.features.get("covered", 0.0) >= _COVERED_MIN
        )
    ]


def _score(score: float, features: Mapping[str, float]) -> str:
    """Two digits that say something however small it is: what is found by meaning alone ranks far below 0.01."""
    alike = features.get("vector", 0.0)
    return f"{score:.2g}" + (f" (alike {alike:.2f})" if alike else "")


def _say_weak(found: Context, weak: int) -> None:
    say(f"{count(weak, 'weaker hit is', 'weaker hits are')} not shown: --json has all.")
    return _say_how(found)


def _because(features: Mapping[str, float], ranker: str) -> str:
    """What added most to the score. Refined weights are the shipped ones, moved a little: these stand for them."""
    from mainstay.memory.ranking import BY_WORDS, shipped

    weights = (BY_WORDS if ranker == BY_WORDS.name else shipped()).weights
    parts = {name: weights.get(name, 0.0) * value for name, value in features.items()}
    strongest = sorted(parts.items(), key=lambda one: (-abs(one[1]), one[0]))
    shown = [
        f"{name.replace('_', ' ')} {part:+.2f}" for name, part in strongest if abs(part) >= _PART_SHOWN_MIN
    ]
    return ", ".join(shown[:_FEATURES_SHOWN]) or "nothing else was nearer"


def _place(source: str, fields: Mapping[str, Any]) -> str:
    place = ", ".join(str(fields[name]) for name in ("title", "place") if fields.get(name))
    return f"{source} ({place})" if place else source


def _reasons(found: Context) -> str:
    counts: dict[str, int] = {}
    for one in found.dropped:
        counts[one.reason] = counts.get(one.reason, 0) + 1
    return ", ".join(f"{number} {reason}" for reason, number in sorted(counts.items()))


def _say_how(found: Context) -> None:
    if not found.by_meaning:
        say("By words alone: `mainstay memory stats` tells why.")
    elif found.missing:
        say(
            f"{count(found.missing, 'memory', 'memories')} had no vector yet, and could be found by words alone."
        )


def _value(found: Context) -> dict[str, Any]:
    return {
        "policy": found.policy,
        "version": found.version,
        "ranker": found.ranker,
        "digest": found.digest,
        "tokens": found.tokens,
        "by_meaning": found.by_meaning,
        "missing": found.missing,
        "ask": found.ask,
        "hits": [
            {
                "id": hit.unit.id,
                "rank": hit.rank,
                "score": hit.score,
                "features": dict(hit.features),
                "tokens": hit.tokens,
                "neighbour_of": hit.neighbour_of,
                "space": hit.unit.space,
                "kind": hit.unit.kind,
                "source": hit.unit.source,
                "actor": hit.unit.actor,
                "at": hit.unit.at,
                "text": hit.unit.text,
                "fields": dict(hit.unit.fields),
            }
            for hit in found.hits
        ],
        "dropped": [
            {"id": one.unit.id, "score": one.score, "why": one.reason, "tokens": one.tokens}
            for one in found.dropped
        ],
    }


def _stats_value(found: MemoryStats) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(found.standing),
        "spaces": dict(found.spaces),
        "superseded": found.superseded,
        "retracted": found.retracted,
        "digest": found.digest,
        "embedder": found.embedder,
        "why_not": found.why_not,
    }


def _vectors(found: MemoryStats) -> list[str]:
    if not found.embedder:
        return [f"Words alone are searched: {safe_line(found.why_not)}"]
    missing = found.standing.missing
    if not missing:
        return [f"All have a vector of {found.embedder}."]
    return [
        f"{missing:,} have no vector yet; words alone find these. A director at work computes them, "
        "and so does `mainstay memory rebuild`."
    ]
