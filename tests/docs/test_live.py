"""docs/live.md says what the code does."""

from __future__ import annotations

from pathlib import Path

from mainstay.console import live
from mainstay.console.limits import Limits
from mainstay.workspace.moves import CALM, LOOKED_AT_MAX, TOPICS, topics_of

TEXT = " ".join((Path(__file__).parents[2] / "docs" / "live.md").read_text("utf-8").split())


def test_its_figures_are_those_of_the_code() -> None:
    limits = Limits()
    for said in (
        f"of more than {LOOKED_AT_MAX:,} events",
        f"gathered for {live.GATHERED_S:g} s",
        f"with more than {live.GATHERED_S * live.TOLD_PER_S:g} streams for longer, {live.TOLD_PER_S} tellings a second",
        f"for {live.CALM_S:g} s.",
        f"for {live.BUSY_S:g} s while the director is catching up",
        f"Every {live.HEARTBEAT_S:g} s",
        f"stays full for {live.SLOW_S:g} s",
        f"at most {limits.streams_each} streams and all devices {limits.streams}",
        "(" + ", ".join(f"`{one}`" for one in topics_of(CALM)) + ")",
        ", ".join(f"`{one}`" for one in TOPICS),
    ):
        assert said in TEXT, said
