"""A whole triage as an artifact, and back: what `artifact` packs, and which part is which.

It is done in two steps, since packing takes a tenth of a second and a decision waits for as long as the state must not
change: `taken` copies, which takes some milliseconds, and `packed` makes the bytes of that.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any

from mainstay.agents.triage.artifact import pack, unpack
from mainstay.agents.triage.decision import Decision, Near
from mainstay.agents.triage.discriminant import Discriminant
from mainstay.agents.triage.examples import Examples
from mainstay.agents.triage.gate import Gate
from mainstay.agents.triage.parts import Parts
from mainstay.agents.triage.regression import Regression
from mainstay.kernel.errors import CommandRefused


@dataclass(frozen=True, slots=True)
class Taken:
    """A copy of a state: nothing that is learned later changes it."""

    recipe: str
    parts: Parts  # of these only what is never changed in place
    ids: list[str]
    numbers: dict[str, Any]
    arrays: dict[str, Any]


def taken(parts: Parts, *, recipe: str) -> Taken:
    """A copy of the parts, to be packed later."""
    fits = {
        "regression": parts.regression.state(),
        "discriminant": parts.discriminant.state(),
        "gate": parts.gate.state(),
    }
    arrays: dict[str, Any] = {
        "examples.rows": parts.examples.rows.copy(),
        "examples.classes": parts.examples.classes.copy(),
        "examples.right": parts.examples.right.copy(),
    }
    for of, (_, own) in fits.items():
        arrays |= {f"{of}.{name}": array.copy() for name, array in own.items()}
    numbers = {name: deepcopy(told) for name, (told, _) in fits.items()}
    return Taken(recipe, parts, list(parts.examples.ids), numbers, arrays)


def packed(state: Taken) -> bytes:
    """The copy as bytes."""
    parts = state.parts
    header: dict[str, Any] = {
        "recipe": state.recipe,
        "seed": parts.seed,
        "classes": list(parts.classes),
        "seeds": sorted(parts.seeds.items()),
        "past": sorted([number, *counts] for number, counts in parts.past.items()),
        "pending": [asdict(one) for one in parts.pending],
        "ids": state.ids,
        "fits": state.numbers,
    }
    return pack(header, state.arrays)


def thaw(data: bytes, *, recipe: str) -> Parts:
    """The parts again. Raises `CommandRefused` for damaged bytes, and for those of another recipe."""
    header, arrays = unpack(data)
    if header["recipe"] != recipe:
        raise CommandRefused(
            "The fitted triage was made by another recipe",
            why="Vectors and features of two recipes do not mix, nor does the evidence about them.",
            remedy="Fit it anew from the ledger.",
            made_by=header["recipe"],
            wanted=recipe,
        )
    fits = header["fits"]
    return Parts(
        seed=int(header["seed"]),
        classes=tuple(header["classes"]),
        seeds=dict(header["seeds"]),
        past={number: (named, right) for number, named, right in header["past"]},
        pending=tuple(_decision(one) for one in header["pending"]),
        examples=Examples.of(header["ids"], **_below("examples.", arrays)),
        regression=Regression.of(fits["regression"], _below("regression.", arrays)),
        discriminant=Discriminant.of(fits["discriminant"], _below("discriminant.", arrays)),
        gate=Gate.of(fits["gate"], _below("gate.", arrays)),
    )


def _below(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): one for name, one in arrays.items() if name.startswith(prefix)}


def _decision(told: dict[str, Any]) -> Decision:
    listed = {name: tuple(told[name]) for name in ("flags", "features")}
    return Decision(**{**told, **listed, "evidence": tuple(Near(**one) for one in told["evidence"])})
