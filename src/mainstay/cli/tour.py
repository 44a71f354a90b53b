"""What `mainstay demo` does and shows, chapter by chapter. Each claim is looked up, not assumed."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import wrap
from typing import Any

from mainstay.cli import triaged
from mainstay.cli.demo_workspace import append_second, hold_approved, lay_out
from mainstay.cli.director_process import DirectorProcess
from mainstay.cli.render import console, count, counting, say, short_card, show
from mainstay.cli.safe_text import safe_line
from mainstay.cli.sample_facts import Expected, delivered_by_key, delivered_files, read_expected, thread_ids
from mainstay.kernel.errors import DirectorUnavailable, MainstayError, WorkspaceUnsafe
from mainstay.kernel.values import money
from mainstay.workspace import Card, Workspace
from mainstay.workspace.called import called, login_line
from mainstay.workspace.folder import Folder
from mainstay.workspace.triaged import ORDER

SETTLE_TIMEOUT_S = 120.0
PAUSE_S = 1.2
LOOK_EVERY_S = 0.01
APPROVED_BEFORE_KILL = 2
_READING = 62  # columns of the delivered mail


class Tour:
    """One run of the demo."""

    def __init__(self, place: Path | None, *, fast: bool, every: bool, quiet: bool) -> None:
        self._place = place
        self._every = every
        self._quiet = quiet
        self._pause_s = 0.0 if fast or quiet or not sys.stdout.isatty() else PAUSE_S
        self._claims: list[tuple[str, bool]] = []
        self._began = time.monotonic()
        self._approved: list[Card] = []
        self._facts: dict[str, Any] = {}

    def run(self) -> bool:
        """All chapters; whether every claim held."""
        self._make()
        try:
            self._triage()
            self._look()
            self._approve()
            self._kill()
            self._verify()
        finally:
            self._director.stop()
            self._workspace.close()
        self._end()
        return all(held for _, held in self._claims)

    def report(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "workspace": str(self._root),
            "seconds": round(time.monotonic() - self._began, 1),
            "held": all(held for _, held in self._claims),
            "claims": [{"claim": claim, "held": held} for claim, held in self._claims],
            **self._facts,
        }

    def serve(self) -> None:
        """Go to work on what the demo left, with its console, until Ctrl-C."""
        from mainstay.cli.serve import serve
        from mainstay.workspace.web_socket import bound_anywhere

        self._heading("Now you")
        self._say(
            "A director goes to work on it, and serves its console on this machine alone. Open the link below in a",
            "browser: what is left waits for your decision. Nothing leaves this machine: mail goes into a folder.",
        )
        with Workspace(Folder(self._root)) as workspace:
            serve(workspace, as_json=False, ingest=True, listening=bound_anywhere(), with_link=True)

    # --- chapters --------------------------------------------------------------------------------------------------

    def _make(self) -> None:
        place = self._place or Path(tempfile.mkdtemp(prefix="mainstay-demo-"))
        if place.exists() and any(place.iterdir()):
            raise WorkspaceUnsafe(
                f"{place} is not empty.",
                remedy="Name an empty folder, or leave --workspace out.",
                path=str(place),
            )
        self._root = place.absolute() / "north-desk"
        lay_out(place.absolute(), self._root)
        self._expected = read_expected()
        self._workspace = Workspace.open(self._root)
        self._director = DirectorProcess(self._workspace.folder, place.absolute() / "director.log")
        self._heading("A workspace of its own")
        self._say(
            f"Sample data in {self._root}: the desk of an invented shop.",
            "No account, no key, no network: mail comes from a file, and what is sent goes into a folder.",
        )

    def _triage(self) -> None:
        first = self._expected["first"]
        self._heading(f"{count(len(first), 'message')} arrive")
        self._say(f"`mainstay up` runs as a process of its own and reads {self._root.name}/inbox.mbox.")
        began = time.monotonic()
        with counting("Triage", total=len(first), quiet=self._quiet) as progress:
            self._director.start()
            self._until(lambda: self._settled(len(first)), progress=progress)
        took = time.monotonic() - began
        search = "by meaning, with the embedder on this machine"
        if "by words" in self._director_said():
            search = "by keywords only: `mainstay setup embedder` adds search by meaning"
        self._facts |= {"triage_seconds": round(took, 1), "search": search}
        self._say(f"Done in {took:.1f} s. Past answers and intents are searched {search}.")

    def _look(self) -> None:
        found = self._workspace.inbox.newest()
        first = self._expected["first"]
        duplicates = sum(one.disposition == "duplicate" for one in first)
        if not self._quiet:
            self._say("")
            show(triaged.summary(found, duplicates=duplicates))
            rows, left_out = triaged.details(found, every=self._every)
            self._say("")
            show(rows)
            if left_out:
                self._say(f"{left_out} more: `mainstay demo --all` shows every message.")
        spent = sum(one.spent_micros for one in found)
        self._facts["outcomes"] = {name: sum(one.outcome == name for one in found) for name in ORDER}
        self._facts["spent_micros"] = spent
        self._say(
            "",
            *wrap(f"Flags raised: {triaged.flags_line(found)}.", 98),
            f"{triaged.drafted(found)} {'waits' if self._workspace.waiting() == 1 else 'wait'} for you. "
            f"Spent: {_spent(spent)}.",
        )
        self._claim("every message is accounted for", len(found) + duplicates == len(first))
        self._claim("nothing was sent without you", not delivered_files(self._root))
        self._pause()

    def _approve(self) -> None:
        self._heading("You approve one, by its digest")
        card = self._free_cards()[0]
        self._say(
            f"Card {short_card(card.approval)}: {safe_line(card.title)}",
            f"  to      {', '.join(safe_line(one) for one in card.recipients)}",
            f"  why     {safe_line(card.reason)}",
            f"  effect  {card.digest}",
            "",
            f"$ mainstay approve {short_card(card.approval)} --digest {card.digest[:12]}",
        )
        decided = self._workspace.approve(card.approval, digest=card.digest, confirm=card.second_step)
        self._approved.append(card)
        self._until(lambda: len(delivered_files(self._root)) >= 1)
        files = delivered_files(self._root)
        self._say("", f"In the delivery folder, {files[0].relative_to(self._root)}:", "")
        self._say(*(f"  | {line}" for line in _reading(files[0])), "")
        self._claim("the director performed it at once", decided.live)
        self._claim(
            "the mail lies in the delivery folder, once", list(delivered_by_key(self._root).values()) == [1]
        )
        again = self._workspace.approve(card.approval, digest=card.digest, confirm=card.second_step)
        self._claim(
            "the same yes once more decides nothing and sends nothing",
            again.events == 0 and list(delivered_by_key(self._root).values()) == [1],
        )
        self._pause()

    def _kill(self) -> None:
        second = self._expected["second"]
        self._heading(f"{count(len(second), 'more message')}, and the director is killed in the middle")
        cards = self._free_cards()[:APPROVED_BEFORE_KILL]
        runs_before = self._count("runs")
        append_second(self._root)
        reading = threading.Thread(target=self._read_second, daemon=True)
        reading.start()
        self._until(lambda: self._count("runs") > runs_before)
        for card in cards:
            self._workspace.approve(card.approval, digest=card.digest, confirm=card.second_step)
            self._approved.append(card)
        self._until(lambda: self._moving() < self._count("runs") - runs_before)
        self._director.kill()
        reading.join()
        moving, sent = self._moving(), len(delivered_files(self._root))
        begun = self._count("runs") - runs_before
        self._say(
            f"Process {self._director.pid} got SIGKILL. Of {count(begun, 'new run')}, {moving} were under way;",
            f"of {count(len(cards), 'card')} that you had just approved, {sent - 1} had been sent. It starts again:",
        )
        if not moving and begun >= _distinct(second) and sent == len(self._approved):
            self._say("(It had finished just before: this machine is quicker than the kill.)")
        everything = len(self._expected["first"]) + len(second)
        with counting("Going on", quiet=self._quiet):
            self._director.start()
            self._workspace.ingest()
            self._until(lambda: self._settled(everything))
            self._until(lambda: len(delivered_files(self._root)) >= len(self._approved))
        self._compare()
        self._pause()

    def _compare(self) -> None:
        both = self._expected["first"] + self._expected["second"]
        received, rejected = self._count("messages"), len(self._workspace.rejected())
        duplicates = len(both) - _distinct(both)
        runs_of: dict[str, int] = {}
        for row in self._workspace.runs(limit=10_000):
            message_id = str(self._workspace.message(str(row["run"])).get("message_id", ""))
            runs_of[message_id] = runs_of.get(message_id, 0) + 1
        missing = {one.message_id for one in both if one.message_id} - set(runs_of)
        self._claim(
            f"{received} received + {rejected} unreadable + {duplicates} duplicates = {len(both)}: none is lost",
            received + rejected + duplicates == len(both) and len(missing) <= rejected,
        )
        self._claim(
            f"{received} messages, {self._count('runs')} runs: none is doubled",
            self._count("runs") == received and set(runs_of.values()) == {1},
        )
        copies = delivered_by_key(self._root)
        self._claim(
            f"{count(len(self._approved), 'mail')} approved, {len(self._approved)} delivered, each key once",
            sorted(copies.values()) == [1] * len(self._approved),
        )
        self._claim("nothing is in doubt", not self._workspace.in_doubt())
        self._facts["runs"] = self._count("runs")
        self._facts["delivered"] = len(copies)

    def _verify(self) -> None:
        from mainstay.ledger.verify import Broken, Verified

        self._heading("The ledger proves it")
        self._say("$ mainstay audit verify")
        found = self._workspace.verify()
        self._claim("the hash chain holds", isinstance(found, Verified))
        if isinstance(found, Broken):
            self._say(f"Broken at position {found.position}: {found.reason}")
        else:
            self._say(
                f"{found.positions:,} events and {found.blobs:,} blobs, head {found.head_hash.hex()[:16]}."
            )
            self._facts["events"] = int(found.positions)

    def _end(self) -> None:
        failed = [claim for claim, held in self._claims if not held]
        hold_approved(self._root)
        self._heading("That was it" if not failed else "Something did not hold")
        seconds = time.monotonic() - self._began
        self._say(
            *(f"FAILED: {claim}" for claim in failed),
            f"{len(self._claims) - len(failed)} of {len(self._claims)} claims checked and held, in {seconds:.0f} s.",
            "From here on what you approve is held for a while before it leaves (`[approvals] undo` in its",
            "mainstay.toml): `u` in the console, or `mainstay undo`, takes it back until then.",
            f"The workspace stays in {self._root}. Try:",
            "",
            f"  {called()} approvals -w {self._root}",
            f"  {called()} explain {self._approved[0].run[-8:] if self._approved else 'RUN'} -w {self._root}",
            f"  {called()} up -w {self._root}",
            f"  {login_line(self._root)}",
            "",
            "The last one prints a link to the console, while the one before it is at work.",
        )

    # --- looking ---------------------------------------------------------------------------------------------------

    def _count(self, table: str) -> int:
        try:
            return self._workspace.count(table)
        except MainstayError:
            return 0  # the director is still making the ledger

    def _moving(self) -> int:
        """Runs that neither ended nor wait for a person."""
        return self._count("open_runs") - self._workspace.waiting()  # nothing is put off here

    def _settled(self, messages: int) -> int | None:
        """How many messages have come to rest; None when all of the first `messages` have."""
        if not self._workspace.folder.ledger.exists():
            return 0
        seen = self._count("messages") + self._count("rejected") + self._duplicates(messages)
        rest = seen - self._moving() if seen else 0
        return None if seen >= messages and self._moving() == 0 else max(0, min(rest, messages))

    def _duplicates(self, messages: int) -> int:
        first = self._expected["first"]
        of = first if messages == len(first) else first + self._expected["second"]
        cursor = self._workspace.rows("cursors", limit=1)
        expected = sum(one.disposition == "duplicate" for one in of)
        # After a kill a message may be read twice, so counts of the cursor can only be too high.
        return min(expected, int(cursor[0]["duplicates"] or 0)) if cursor else 0

    def _free_cards(self) -> list[Card]:
        """Cards that no message of the second batch is going to replace, plainest first."""
        ahead = thread_ids("second.mbox")
        cards = [
            card
            for card in self._workspace.approvals(limit=1_000)
            if not ahead & {card.message.get("message_id", ""), *card.message.get("references", ())}
        ]
        return sorted(cards, key=lambda card: len(card.checks))

    def _until(
        self, done: Callable[[], int | bool | None], *, progress: Callable[[int], None] = lambda more: None
    ) -> None:
        """Look until it is so: True, or None for a count that has reached its end. Raises after a long while."""
        deadline = time.monotonic() + SETTLE_TIMEOUT_S
        shown = 0
        while (found := done()) is not None and found is not True:
            if time.monotonic() > deadline:
                raise DirectorUnavailable(
                    "The demo waited in vain.",
                    why=f"Nothing came of it in {SETTLE_TIMEOUT_S:.0f} s.",
                    remedy=f"Read {self._root.parent / 'director.log'}.",
                )
            if found is not False and found > shown:
                progress(found - shown)
                shown = found
            time.sleep(LOOK_EVERY_S)

    def _read_second(self) -> None:
        try:
            self._workspace_of_thread().ingest()
        except MainstayError:
            return  # it was killed before it could answer, as intended

    def _workspace_of_thread(self) -> Workspace:
        return Workspace.open(self._root)

    def _director_said(self) -> str:
        return (self._root.parent / "director.log").read_text("utf-8", errors="replace")

    # --- saying ----------------------------------------------------------------------------------------------------

    def _heading(self, text: str) -> None:
        if not self._quiet:
            out = console()
            out.print()
            out.print(text, style="bold")
            out.print("─" * len(text))

    def _say(self, *lines: str) -> None:
        if not self._quiet:
            say(*lines)
            sys.stdout.flush()

    def _claim(self, claim: str, held: bool) -> None:
        self._claims.append((claim, bool(held)))
        self._say(f"  {'✓' if held else '✗'} {claim}")

    def _pause(self) -> None:
        if self._pause_s:
            time.sleep(self._pause_s)


def _reading(path: Path) -> list[str]:
    """What matters of a delivered mail."""
    from email import message_from_bytes, policy

    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    names = ("From", "To", "Subject", "In-Reply-To", "X-Mainstay-Key")
    lines = [f"{name}: {safe_line(str(mail[name]), _READING)}" for name in names if mail[name]]
    text = mail.get_content().strip().splitlines() if not mail.is_multipart() else []
    return [*lines, "", *(safe_line(line) for line in text[:6]), *(["…"] if len(text) > 6 else [])]


def _spent(micros: int) -> str:
    if not micros:
        return "nothing, since all of it was done on this machine"
    return f"{money(micros)}: held for drafts that were replaced half-way, where nothing proves that they were free"


def _distinct(expected: list[Expected]) -> int:
    return sum(one.disposition != "duplicate" for one in expected)
