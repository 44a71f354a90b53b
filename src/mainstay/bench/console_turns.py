"""Figures of several turns: the median of each, and between what they lay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median, quantiles

Spread = dict[str, list[float]]


def medians(turns: Sequence[Mapping[str, float]]) -> tuple[dict[str, float], Spread]:
    """Of figures that every turn has: their medians; the smallest and the largest of each."""
    found = {name: [turn[name] for turn in turns] for name in turns[0]}
    return (
        {name: median(took) for name, took in found.items()},
        {name: [round(min(took), 2), round(max(took), 2)] for name, took in found.items()},
    )


def p95(took: Sequence[float]) -> float:
    """Of one alone, itself."""
    return quantiles(took, n=100)[94] if len(took) > 1 else took[0]
