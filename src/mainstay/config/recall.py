"""Retrieval policies: `[recall.NAME]` tables of the files in `policies/`, and the spaces that they may name.

A policy narrows where a task may look and limits what it is handed. What is shipped may be written anew under its own
name, and then counts no more. A policy about a space that is not there would never find anything, so it is refused,
with its line; `[space.NAME]` declares a space beside those that are always there.

A policy's version is a hash of what it says: the log of a recall names it, so a change of a limit is seen there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from mainstay.config.toml import parse_toml
from mainstay.kernel.errors import PolicyError
from mainstay.kernel.ids import digest
from mainstay.kernel.values import DAY
from mainstay.memory.policy import Recency, RetrievalPolicy
from mainstay.memory.records import SPACES
from mainstay.workflows.document import NAME, NAME_RULE, Problems, Section, kind, suggestion

HITS_MAX = 50
TOKEN_MAX = 100_000
OTHERWISE = ("nothing", "best", "ask")
_KEYS = (
    "spaces",
    "kinds",
    "where",
    "hits",
    "tokens",
    "per_source",
    "score_min",
    "recency",
    "neighbours",
    "otherwise",
)


@dataclass(frozen=True, slots=True)
class Recalls:
    """The retrieval policies of a workspace by name, and its spaces with what lies in each."""

    policies: Mapping[str, RetrievalPolicy] = field(default_factory=dict)
    spaces: Mapping[str, str] = field(default_factory=dict)


def versioned(policy: RetrievalPolicy) -> RetrievalPolicy:
    """The policy with the hash of what it says as its version."""
    said = msgspec.json.encode(replace(policy, version=""), order="sorted")
    return replace(policy, version=digest(said)[:12])


SHIPPED: Mapping[str, RetrievalPolicy] = {
    one.name: versioned(one)
    for one in (
        # Replies that the operator wrote down as good, and those approved here: the newer answer is the truer one.
        RetrievalPolicy(
            "approved-replies",
            spaces=("replies", "mail"),
            kinds=("reply",),
            hits_max=5,
            token_max=1_500,
            recency=Recency(180.0, 0.05),
        ),
        # What people wrote before, and what was made of it.
        RetrievalPolicy(
            "past-threads",
            spaces=("examples", "mail"),
            kinds=("example", "message", "reply"),
            hits_max=8,
            token_max=2_000,
            per_source_max=3,
        ),
        RetrievalPolicy(
            "lessons", spaces=("lessons",), hits_max=20, token_max=2_000, recency=Recency(90.0, 0.05)
        ),
        RetrievalPolicy(
            "notes",
            spaces=("notes", "documents"),
            hits_max=10,
            token_max=3_000,
            per_source_max=4,
            neighbours=1,
        ),
    )
}


EVERYTHING = "everything"


def of_everything(spaces: Iterable[str]) -> RetrievalPolicy:
    """What a person who looks something up is shown; no task is given so much. Examples say nothing of anybody."""
    wanted = tuple(space for space in spaces if space != "examples")
    return versioned(RetrievalPolicy(EVERYTHING, spaces=wanted, hits_max=10, token_max=20_000))


def read_recalls(files: Iterable[tuple[str, bytes]]) -> Recalls:
    """What the files say, beside what is shipped. Raises `PolicyError` with file and line."""
    problems = Problems()
    spaces = dict(SPACES)
    found: dict[str, tuple[RetrievalPolicy, Section]] = {}
    for file, raw in sorted(files):
        with problems.caught():
            top = parse_toml(raw, file, PolicyError).top
            for name in top.table("space").data:
                with problems.caught():
                    spaces[name] = _space(_named(top.table("space"), name))
            for name in top.table("recall").data:
                with problems.caught():
                    section = _named(top.table("recall"), name)
                    if name in found:
                        other = found[name][1].document.file
                        raise section.error("", f"the retrieval policy {name!r} stands in {other} already")
                    found[name] = _policy(section, name), section
    # Last, since a later file may declare what an earlier one names.
    for policy, section in found.values():
        for index, space in enumerate(policy.spaces):
            with problems.caught():
                _known(section, index, space, spaces)
    problems.raise_any()
    own = {name: versioned(policy) for name, (policy, _) in found.items()}
    return Recalls({**SHIPPED, EVERYTHING: of_everything(spaces), **own}, spaces)


def _named(tables: Section, name: str) -> Section:
    if NAME.fullmatch(name) is None:
        raise tables.error(name, f"{name[:80]!r} is not a name", why=NAME_RULE)
    return tables.table(name)


def _space(section: Section) -> str:
    section.only("about")
    return section.text("about")


def _known(section: Section, index: int, space: str, spaces: Mapping[str, str]) -> None:
    if space in spaces:
        return
    path = (*section.path, "spaces")
    raise section.document.error(
        (*path, index) if (*path, index) in section.document.lines else path,
        f"there is no space {space!r}",
        why="the policy would look where nothing can be, and find nothing",
        remedy=f'{suggestion(space, spaces)} - or declare it: [space.{space[:64]}] about = "..."',
    )


def _policy(section: Section, name: str) -> RetrievalPolicy:
    section.only(*_KEYS)
    return RetrievalPolicy(
        name,
        spaces=section.words("spaces", ()),
        kinds=section.words("kinds", ()),
        filters=_filters(section.table("where")),
        hits_max=section.whole("hits", 10, least=1, most=HITS_MAX),
        token_max=section.whole("tokens", 2_000, least=1, most=TOKEN_MAX),
        per_source_max=section.whole("per_source", 0, least=0, most=HITS_MAX),
        score_min=_share(section, "score_min", 0.0),
        recency=_recency(section.table("recency")) if section.has("recency") else None,
        neighbours=section.whole("neighbours", 0, least=0, most=5),
        otherwise=section.choice("otherwise", OTHERWISE, "nothing"),  # type: ignore[arg-type]  # one of these
    )


def _filters(where: Section) -> dict[str, Any]:
    for key, value in where.data.items():
        listed = value if isinstance(value, list) else [value]
        if not listed or not all(isinstance(one, str | int | float | bool) for one in listed):
            raise where.error(
                key, f"{key!r} must be a text, a number or a list of them, and is {kind(value)}"
            )
    return dict(where.data)


def _recency(section: Section) -> Recency:
    section.only("half_life", "weight")
    half_life = section.duration_us("half_life")
    if not half_life or half_life < 0:
        raise section.error("half_life", "it has no half-life", remedy='write half_life = "P30D"')
    return Recency(half_life / DAY, _share(section, "weight", 0.1))


def _share(section: Section, key: str, default: float) -> float:
    value = section.data.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise section.error(key, f"{key!r} must lie between 0 and 1")
    return float(value)
