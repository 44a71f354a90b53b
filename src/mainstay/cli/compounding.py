"""`mainstay demo --compounding`: what is asked of the operator falls as decisions are made, and the error stays small.

The sample stream goes through a real director in a folder of its own, under an injected clock. A scripted operator
answers whatever is asked, and nothing else: a reply that is right is approved, a wrong annotation is corrected, what
needs only a look gets one. The truth of each message is known to the script alone. Every figure is read from the
ledger afterwards.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mainstay.cli.curve import curve, spark
from mainstay.cli.embedded import Embedded
from mainstay.cli.render import console, count, counting, say, show
from mainstay.data.stream import SIZE, UNKNOWN, Sample, stream
from mainstay.kernel.errors import WorkspaceUnsafe
from mainstay.kernel.values import SECOND
from mainstay.runtime.clock import ManualClock
from mainstay.workspace import Workspace
from mainstay.workspace.folder import Folder
from mainstay.workspace.triage import Window

if TYPE_CHECKING:
    from mainstay.workspace.triage import Annotated

BEGIN = 1_767_225_600 * SECOND  # 2026-01-01, 00:00 UTC
BATCH = 20  # messages of a day
WINDOW = 120
DAY_US = 86_400 * SECOND
# How long the scripted operator has each kind of thing before them.
LOOK_US, APPROVE_US, CORRECT_US = 8 * SECOND, 25 * SECOND, 45 * SECOND
TARGET_ERROR = 0.02
POLICY = """# What this demonstration lets happen without a person: replies, once twenty were approved, by the gate.

[[rule]]
name = "labels are free"
when = { act = "email.label" }
then = "allow"
why = "a label can be taken off again"

[[rule]]
name = "taking labels back is free"
when = { act = "email.unlabel" }
then = "allow"
why = "a label can be set again"

[[rule]]
name = "first twenty replies ask"
when = { act = "email.reply", done_by_this_workflow_below = 20 }
then = "ask"
why = "fewer than twenty replies of this workflow have been sent so far"

[[rule]]
name = "replies may leave"
when = { act = "email.reply" }
then = "allow"
why = "this demonstration lets replies leave that the gate is sure of"
"""


class Compounding:
    """One run of the demonstration."""

    def __init__(self, place: Path | None, *, quiet: bool, size: int = SIZE) -> None:
        self._place = place
        self._quiet = quiet
        self._samples = list(stream(size))
        self._truth = {one.address: one for one in self._samples}
        self._clock = ManualClock(BEGIN)
        self._claims: list[tuple[str, bool]] = []
        self._windows: list[Window] = []
        self._asked: set[str] = set()  # senders whose messages led to a question
        self._facts: dict[str, Any] = {}

    def run(self) -> bool:
        """All of it; whether every claim held."""
        began = time.monotonic()
        self._make()
        self._say(
            f"Sample data in {self._root}: {count(len(self._samples), 'message')} to an invented shop, made by a "
            "generator.",
            "A real director works on them under a clock of its own; a scripted operator answers what it asks.",
            "",
        )
        with self._workspace, Embedded(self._workspace.folder, self._clock) as director:
            with counting("Messages", total=len(self._samples), quiet=self._quiet) as progress:
                for start in range(0, len(self._samples), BATCH):
                    batch = self._samples[start : start + BATCH]
                    self._day(director, batch)
                    progress(len(batch))
            self._read()
        self._facts["seconds"] = round(time.monotonic() - began, 1)
        self._tell()
        return all(held for _, held in self._claims)

    def report(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "workspace": str(self._root),
            "messages": len(self._samples),
            "target_error": TARGET_ERROR,
            "windows": [asdict(one) for one in self._windows],
            **self._facts,
            "held": all(held for _, held in self._claims),
            "claims": [{"claim": claim, "held": held} for claim, held in self._claims],
        }

    # --- the desk ----------------------------------------------------------------------------------------------------

    def _make(self) -> None:
        from mainstay.cli.demo_workspace import lay_out

        place = self._place or Path(tempfile.mkdtemp(prefix="mainstay-demo-"))
        if place.exists() and any(place.iterdir()):
            raise WorkspaceUnsafe(
                f"{place} is not empty.",
                remedy="Name an empty folder, or leave --workspace out.",
                path=str(place),
            )
        self._root = place.absolute() / "north-desk"
        lay_out(place.absolute(), self._root)
        (self._root / "inbox.mbox").write_bytes(b"")
        (self._root / "policies" / "default.toml").write_text(POLICY, "utf-8")
        self._workspace = Workspace(Folder(self._root), clock=self._clock)

    # --- a day -------------------------------------------------------------------------------------------------------

    def _day(self, director: Embedded, batch: Sequence[Sample]) -> None:
        """Some messages come in; the operator answers everything that is asked about them."""
        self._clock.advance(DAY_US)
        date = formatdate(self._clock.now() / SECOND)
        with (self._root / "inbox.mbox").open("ab") as inbox:
            inbox.writelines(one.mail(date) for one in batch)
        self._workspace.ingest()
        director.settle()
        self._answer(self._workspace.triage.latest(limit=len(batch)))
        director.settle()
        self._approve_rest()
        director.settle()

    def _answer(self, annotated: Sequence[Annotated]) -> None:
        cards = self._cards()
        for one in reversed(annotated):
            truth = self._truth[one.sender].intent
            mine = cards.get(one.run, [])
            if not mine and one.status != "waiting":
                continue
            self._asked.add(one.sender)
            if one.said != truth:
                self._pass(CORRECT_US)
                self._workspace.triage.review(one.run, intent=truth, open_us=CORRECT_US)
            elif mine:
                self._pass(APPROVE_US)
                for card in mine:
                    self._say_yes(card, APPROVE_US)
            else:
                self._pass(LOOK_US)
                self._workspace.triage.review(one.run, open_us=LOOK_US)

    def _approve_rest(self) -> None:
        """What goes on with a corrected annotation, and asks for that."""
        for cards in self._cards().values():
            for card in cards:
                self._pass(LOOK_US)
                self._say_yes(card, LOOK_US)

    def _say_yes(self, card: dict[str, Any], open_us: int) -> None:
        high = card["finality"] == "final_high_stake"
        typed = self._workspace.glance(card["approval"]).second_step if high else ""
        self._workspace.approve(card["approval"], digest=card["digest"], open_us=open_us, confirm=typed)

    def _cards(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self._workspace.rows("approvals", where={"status": "waiting"}, limit=1_000):
            found.setdefault(str(row["run"]), []).append(row)
        return found

    def _pass(self, us: int) -> None:
        self._clock.advance(us)

    # --- what came of it ---------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """The figures, from the ledger; what is asked for a reason besides the gate is asked all the same."""
        workspace = self._workspace
        found = workspace.triage.latest(limit=len(self._samples) + 1)[::-1]
        by_card = {str(row["run"]) for row in workspace.rows("approvals", limit=100_000) if not row["parent"]}
        open_us = self._open_us()
        wrong = strangers = foreign = 0
        windows = workspace.triage.windows(size=WINDOW)
        for place, window in enumerate(windows):
            mine = found[place * WINDOW : place * WINDOW + window.messages]
            free = [one for one in mine if one.status == "automatic" and one.run not in by_card]
            errors = [one for one in free if one.said != self._truth[one.sender].intent]
            strangers += sum(self._truth[one.sender].intent == UNKNOWN for one in free)
            foreign += sum(self._truth[one.sender].foreign for one in free)
            wrong += len(errors)
            self._windows.append(
                replace(
                    window,
                    automatic=len(free),
                    asked=window.messages - len(free),
                    errors=len(errors),
                    open_us=sum(open_us.get(one.run, 0) for one in mine),
                )
            )
        automatic = sum(one.automatic for one in self._windows)
        self._facts |= {
            "annotated": len(found),
            "asked": sum(one.asked for one in self._windows),
            "automatic": automatic,
            "errors": wrong,
            "learned": len({row["run"] for row in workspace.rows("annotation_words", limit=100_000)}),
            "fits": workspace.count("fits"),
        }
        self._claim_all(len(found), automatic, wrong, strangers, foreign)

    def _open_us(self) -> dict[str, int]:
        """How long the operator had the things of each run before them; of a fork's for the run it goes on from."""
        workspace = self._workspace
        parents = {str(row["run"]): str(row["parent"] or "") for row in workspace.rows("runs", limit=100_000)}
        found: dict[str, int] = {}
        rows = workspace.rows("approvals", limit=100_000) + workspace.rows("annotations", limit=100_000)
        for row in rows:
            run = str(row["run"])
            run = parents.get(run) or run
            found[run] = found.get(run, 0) + int(row["open_us"] or 0)
        return found

    def _claim_all(self, annotated: int, automatic: int, wrong: int, strangers: int, foreign: int) -> None:
        from mainstay.ledger.verify import Verified

        windows = self._windows
        full = [one for one in windows if one.messages == WINDOW] or windows
        first, last = full[0], full[-1]
        self._claim("every message was annotated", annotated == len(self._samples))
        self._claim("every message of the first window was asked about", first.asked == first.messages)
        self._claim(
            f"of the last {last.messages} messages {last.asked} were asked about: less than half of the first",
            2 * last.asked < first.asked,
        )
        allowed = _binomial_max(automatic, TARGET_ERROR)
        self._claim(
            f"{wrong} of {automatic} handled without a person were wrong; {100 * TARGET_ERROR:g} % is promised",
            wrong <= allowed,
        )
        of = sum(one.intent == UNKNOWN for one in self._samples)
        self._claim(f"of {of} that belong to none of the intents {strangers} passed", 50 * strangers <= of)
        self._claim("none in another language passed", foreign == 0)
        self._claim("the ledger's chain is whole", isinstance(self._workspace.verify(), Verified))

    def _claim(self, text: str, held: bool) -> None:
        self._claims.append((text, held))

    def _tell(self) -> None:
        if self._quiet:
            return
        fancy = console().encoding.lower().startswith("utf")
        show(curve(self._windows, unicode=fancy))
        facts = self._facts
        minutes = sum(one.open_us for one in self._windows) / 60_000_000
        line = spark([one.asked / one.messages for one in self._windows]) + "  " if fancy else ""
        self._say(
            "",
            f"{line}{facts['asked']} asked, {facts['automatic']} automatic, {facts['errors']} of them wrong; "
            f"{minutes:.0f} minutes of the operator, by the times that the script takes.",
            f"What was decided was learned at once; {count(facts['fits'], 'fitted version')} in the ledger. "
            f"{facts['seconds']} s on this machine.",
            "",
        )
        for text, held in self._claims:
            self._say(f"{'✓' if fancy and held else 'ok' if held else 'NOT SO'}  {text}")
        self._say("", f"To look around: mainstay triage --all -w {self._root}")

    def _say(self, *lines: str) -> None:
        if not self._quiet:
            say(*lines)


def _binomial_max(cases: int, share: float, alpha: float = 0.05) -> int:
    """The most errors of so many cases that a true share of `share` explains, one-sided."""
    chance = total = (1.0 - share) ** cases
    errors = 0
    while total < 1.0 - alpha and errors < cases:
        chance *= (cases - errors) / (errors + 1) * share / (1.0 - share)
        errors += 1
        total += chance
    return errors
