"""`mainstay demo --autonomy`: a kind of act earns its autonomy, goes by itself, is audited, and loses it again.

A real director over a ledger on disk, under a clock of its own; acts and the answers to them are scripted. Every
sentence that claims something is held against the events in the ledger when it is printed.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mainstay.cli.render import say, tell
from mainstay.kernel.autonomy import AutonomyRules, Level
from mainstay.kernel.errors import WorkspaceUnsafe
from mainstay.kernel.events import (
    ActionStarted,
    AutonomyGranted,
    AutonomyProposed,
    AutonomyRevoked,
    Event,
    EvidenceWeighed,
)
from mainstay.kernel.ids import RunId, run_stream
from mainstay.kernel.state import Phase
from mainstay.kernel.values import MINUTE

if TYPE_CHECKING:
    from mainstay.testing.earning import Earning

NEEDED = 43
LOOK_MAX = 80  # acts until one is drawn, or is not
Kind = TypeVar("Kind", bound=Event)


class AutonomyDemo:
    """One run of the demonstration."""

    def __init__(self, place: Path | None, *, quiet: bool) -> None:
        self._place = place
        self._quiet = quiet
        self._claims: list[tuple[str, bool]] = []
        self._facts: dict[str, Any] = {}

    def run(self) -> bool:
        """All of it; whether every claim held."""
        from mainstay.ledger.projections import TABLES
        from mainstay.ledger.sqlite import SqliteStore
        from mainstay.testing.earning import Earning

        began = time.monotonic()
        ledger = self._ledger()
        store = SqliteStore(ledger, tables=TABLES)
        try:
            earning = self._earning = Earning(store=store)
            self._earn(earning)
            self._go(earning)
            self._lose(earning)
            self._hold(ledger)
        finally:
            store.close()
        self._facts["seconds"] = round(time.monotonic() - began, 1)
        kept = sum(held for _, held in self._claims)
        self._say("", f"{kept} of {len(self._claims)} claims held, in {self._facts['seconds']} s.")
        return kept == len(self._claims)

    def report(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            **self._facts,
            "held": all(held for _, held in self._claims),
            "claims": [{"claim": claim, "held": held} for claim, held in self._claims],
        }

    # --- chapters ----------------------------------------------------------------------------------------------------

    def _earn(self, earning: Earning) -> None:
        from mainstay.governance.autonomy import missing
        from mainstay.testing.earning import KIND

        self._say("1. It asks, and every answer is evidence", f"   The kind of act: {KIND}.", "")
        asked = []
        for _ in range(NEEDED - 1):
            run = earning.decided(clean=True)
            asked.append(earning.rule(run) == "default")
            earning.clock.advance(30 * MINUTE)
        told = missing(earning.store, KIND, AutonomyRules(), now=earning.clock.now())
        self._say(f"   After {NEEDED - 1} clean decisions: {told}.")
        self._facts["told_before"] = told
        self._claim(f"each of the first {NEEDED - 1} acts asked", all(asked))
        self._claim("nothing was proposed by then", not self._of(AutonomyProposed))
        self._claim("a grant without proof does nothing", not earning.grant("held"))
        earning.decided(clean=True)
        proposed = self._only(AutonomyProposed)
        self._claim(f"clean decision {NEEDED} proposes it", proposed is not None and proposed.clean == NEEDED)
        self._claim("and grants nothing by itself", earning.standing().level is Level.ASK)
        earning.grant("held")
        granted = self._only(AutonomyGranted)
        self._claim("the operator grants it", granted is not None and granted.level == "held")
        self._facts["worst"] = granted.worst if granted is not None else None
        self._say(
            f"   Granted: each waits {AutonomyRules().hold_us // MINUTE} minutes before it leaves. Were all of them "
            f"wrong from one moment on, at most {self._facts['worst']} would leave unseen (in 19 of 20 cases).",
        )

    def _go(self, earning: Earning) -> None:
        self._say("", "2. It goes by itself, and is looked at at random", "")
        run = self._next(lambda run: earning.state(run).phase is Phase.HELD)
        earning.wait(14 * MINUTE)
        self._claim("the first act by itself has not left after 14 minutes", not self._left(run))
        earning.wait(2 * MINUTE)
        authority = [event.authority for event in self._left(run)]
        self._claim(
            "after its window it left, by what its kind has earned", authority == ["autonomy:" + _kind()]
        )
        audit = self._next(lambda run: earning.rule(run) == "audit")
        self._claim("one that was drawn waits for a person", earning.state(audit).phase is Phase.APPROVAL)
        before = len(earning.standing().audits)
        earning.answer(audit, clean=True)
        [*_, weighed] = self._of(EvidenceWeighed)
        self._claim(
            "its approval is a clean audit", weighed.source == "audit" and len(weighed.audits) > before
        )

    def _lose(self, earning: Earning) -> None:
        self._say("", "3. Two errors, and it asks again", "")
        held = [self._next(lambda run: earning.state(run).phase is Phase.HELD) for _ in range(3)]
        earning.undo(held[0])
        self._claim("an act that is taken back in its window never leaves", not self._left(held[0]))
        self._claim("and counts as an error at once", earning.standing().audits.endswith("x"))
        self._claim("one error is not yet the end of it", earning.standing().level is Level.HELD)
        earning.undo(held[1])
        revoked = self._only(AutonomyRevoked)
        self._claim("the second demotes", revoked is not None and revoked.cause == "errors")
        self._say(f"   {revoked.reason if revoked is not None else 'Nothing was taken back'}.")
        asks = earning.state(held[2]).phase is Phase.APPROVAL and not self._left(held[2])
        self._claim("what still waited in its window asks as well", asks)
        after = [earning.act() for _ in range(10)]
        phases = {earning.state(run).phase for run in after}
        self._claim("every act after that asks", phases == {Phase.APPROVAL})
        self._claim("the evidence begins anew", earning.standing().clean == 0)
        self._claim("and no grant can be had on the old one", not earning.grant("held"))

    def _hold(self, ledger: Path) -> None:
        from mainstay.ledger.verify import Verified, verify

        earning = self._earning
        standing = earning.standing()
        earning.boot({"proposer": "one way"})
        self._say("", "4. It stands in the ledger", "")
        self._claim("after a restart everything stands as before", earning.standing() == standing)
        try:
            earning.agrees()
            agrees = True
        except AssertionError:
            agrees = False
        self._claim("the fold of the events, the view and the director say the same", agrees)
        self._claim("the ledger's chain is whole", isinstance(verify(ledger), Verified))
        self._facts["decisions"] = len(self._of(EvidenceWeighed))

    # --- within ------------------------------------------------------------------------------------------------------

    def _ledger(self) -> Path:
        place = self._place or Path(tempfile.mkdtemp(prefix="mainstay-demo-"))
        if place.exists() and any(place.iterdir()):
            raise WorkspaceUnsafe(
                f"{place} is not empty.",
                remedy="Name an empty folder, or leave --workspace out.",
                path=str(place),
            )
        place.mkdir(parents=True, exist_ok=True)
        self._facts["ledger"] = str(place.absolute() / "ledger.sqlite3")
        return place.absolute() / "ledger.sqlite3"

    def _next(self, wanted: Callable[[RunId], bool]) -> RunId:
        """The first of the next acts of which something holds; the others are approved, and left to go."""
        for _ in range(LOOK_MAX):
            run = self._earning.act()
            if wanted(run):
                return run
            if self._earning.state(run).phase is Phase.APPROVAL:
                self._earning.answer(run, clean=True)
        raise AssertionError("it never came")

    def _of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self._earning.events() if isinstance(event, kind)]

    def _only(self, kind: type[Kind]) -> Kind | None:
        """The one event of this kind; None where there is none, or more than one."""
        found = self._of(kind)
        return found[0] if len(found) == 1 else None

    def _left(self, run: RunId) -> list[ActionStarted]:
        earning = self._earning
        events = (earning.director.codec.event(one) for one in earning.store.read(run_stream(run)))
        return [event for event in events if isinstance(event, ActionStarted)]

    def _claim(self, claim: str, held: bool) -> None:
        self._claims.append((claim, held))
        self._say(f"   {'ok' if held else 'NOT SO':<7}{claim}")

    def _say(self, *lines: str) -> None:
        if not self._quiet:
            if lines and not lines[0]:
                say("")
                lines = lines[1:]
            tell(*lines, hang=10)


def _kind() -> str:
    from mainstay.testing.earning import KIND

    return KIND
