"""`mainstay demo --forget`: a sender of the sample mailbox is forgotten, and every file is searched for what is left.

A real director is at work while it happens. The search (`testing.remains`) reads each byte of each file of the
workspace, its keys, caches, logs and a backup from before, and tries every key that is left on every sealed value. Each
sentence that claims something is held against what the search found.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mainstay.cli.embedded import Embedded
from mainstay.cli.render import count, say, tell
from mainstay.cli.safe_text import safe_line
from mainstay.kernel.errors import WorkspaceUnsafe
from mainstay.runtime.clock import ManualClock
from mainstay.workspace import Workspace
from mainstay.workspace.folder import Folder

if TYPE_CHECKING:
    from mainstay.testing.remains import Remains

WHO = "dana@quartzmorrow.example"
THEIRS = ("quartzmorrow", "fennelgate", "larkspindle", "saltharbour")  # words that stand nowhere else
QUOTED = ("brindleford",)  # of somebody else, in a mail that quotes them
OTHERS = ("pebblewick", "tollgrove")
NOTE = "prefers to be called before noon, and was met at the saltharbour fair"
MAILS = (
    (
        WHO,
        "Dana Quill",
        "How do I invite a colleague to the desk? We are the choir of Quartzmorrow, in Fennelgate house; ask for "
        "Larkspindle.",
    ),
    (
        "rolf@tollgrove.example",
        "Rolf Ember",
        "How do I invite a colleague to the desk? We are in Pebblewick.",
    ),
    (
        "rolf@tollgrove.example",
        "Rolf Ember",
        f"How do I invite a colleague? Brindleford.\n\nOn Monday Dana Quill <{WHO}> wrote:\n> We are the choir of "
        "Quartzmorrow.",
    ),
)
SAMPLES = 10  # mails of the sample mailbox that come in besides


class ForgetDemo:
    """One run of the demonstration."""

    def __init__(self, place: Path | None, *, quiet: bool) -> None:
        self._place = place
        self._quiet = quiet
        self._claims: list[tuple[str, bool]] = []
        self._facts: dict[str, Any] = {}

    def run(self) -> bool:
        """All of it; whether every claim held."""
        began = time.monotonic()
        self._make()
        clock = ManualClock(time.time_ns() // 1_000)
        with Workspace(Folder(self._root), clock=clock) as workspace:
            with Embedded(workspace.folder, clock) as director:
                workspace.ingest()
                director.settle()
                self._live(workspace, director)
                self._forget(workspace, director)
            self._after(workspace)
        self._facts["seconds"] = round(time.monotonic() - began, 1)
        held = sum(one for _, one in self._claims)
        self._say("", f"{held} of {len(self._claims)} claims held, in {self._facts['seconds']} s.")
        return held == len(self._claims)

    def report(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "workspace": str(self._root),
            **self._facts,
            "held": all(held for _, held in self._claims),
            "claims": [{"claim": claim, "held": held} for claim, held in self._claims],
        }

    # --- chapters ----------------------------------------------------------------------------------------------------

    def _make(self) -> None:
        from mainstay.cli.demo_workspace import lay_out

        place = self._place or Path(tempfile.mkdtemp(prefix="mainstay-demo-"))
        if place.exists() and any(place.iterdir()):
            raise WorkspaceUnsafe(
                f"{place} is not empty.",
                remedy="Name an empty folder, or leave --workspace out.",
                path=str(place),
            )
        self._home = place.absolute()
        self._root = self._home / "north-desk"
        lay_out(self._home, self._root)
        inbox = self._root / "inbox.mbox"
        sample = re.split(rb"(?m)^(?=From )", inbox.read_bytes())[1 : SAMPLES + 1]
        inbox.write_bytes(b"".join([*sample, *map(_mail, range(len(MAILS)))]))

    def _live(self, workspace: Workspace, director: Embedded) -> None:
        """Somebody writes, is answered, and is noted about; another quotes them; a backup is made."""
        card = next(one for one in workspace.approvals() if one.message["from_address"] == WHO)
        workspace.memory.add(NOTE, about=WHO)
        workspace.approve(card.approval, digest=card.digest)
        director.settle()
        workspace.back_up(self._home / "backup")
        self._say(
            f"1. {WHO} wrote, was answered and noted about; somebody else quotes them. A backup was made.", ""
        )
        opened = self._opened(workspace)
        every = (*THEIRS, *QUOTED, *OTHERS)
        self._claim(f"with the keys, all {len(every)} words can be read", _in(opened, every) == [*every])
        clear = self._remains(workspace).in_the_clear(every)
        self._claim("none of them lies in any file in the clear", not clear)

    def _forget(self, workspace: Workspace, director: Embedded) -> None:
        plan = workspace.forgetting.plan(WHO).plan
        self._say("", f"2. mainstay forget {WHO}", "")
        self._say(
            f"   Held: {count(plan.messages, 'message')}, {plan.named_in} of others that name or quote them, "
            f"{count(plan.runs_ended + len(plan.runs_open), 'run')}, {count(len(plan.memories), 'note')}, "
            f"{count(plan.replies, 'reply', 'replies')}."
        )
        began = time.monotonic()
        done = workspace.forgetting.forget(f" {WHO.upper()} ")
        self._facts |= {"messages": done.messages, "forget_seconds": round(time.monotonic() - began, 2)}
        director.settle()
        self._claim("the director at work forgot them, however the address is spelled", done.messages == 2)
        self._search(workspace)

    def _search(self, workspace: Workspace) -> None:
        self._say("", "3. Every file is searched, and every key that is left is tried", "")
        remains = self._remains(workspace)
        files = [data for _, data in remains.files()]
        self._facts |= {"files": len(files), "bytes": sum(map(len, files)), "sealed": len(remains.tokens())}
        self._say(
            f"   {count(len(files), 'file')}, {self._facts['bytes']:,} bytes, "
            f"{count(self._facts['sealed'], 'sealed value')}, the backup from before among them."
        )
        opened = self._opened(workspace)
        self._claim("no word of theirs lies in any file", not remains.in_the_clear((*THEIRS, *QUOTED, WHO)))
        self._claim("no key opens anything of theirs", not _in(opened, THEIRS))
        self._claim("nor the mail in which they are quoted", not _in(opened, QUOTED))
        self._claim("what others wrote is all there", _in(opened, OTHERS) == [*OTHERS])

    def _after(self, workspace: Workspace) -> None:
        from mainstay.ledger.verify import Verified

        self._say("", "4. The director has ended", "")
        self._claim("the chain of the ledger verifies", isinstance(workspace.verify(), Verified))
        hits = workspace.memory.search(" ".join(THEIRS), k=50).hits
        said = " ".join(one.unit.text for one in hits).lower().encode()
        self._claim("a search of memory finds nothing of them", not _in(said, (*THEIRS, *QUOTED)))
        plan = workspace.forgetting.plan(WHO, mentions=False)
        self._claim("nothing can be forgotten of them any more", not plan.known)

    # --- within ------------------------------------------------------------------------------------------------------

    def _opened(self, workspace: Workspace) -> bytes:
        return b"\n".join(self._remains(workspace).opened()).lower()

    def _remains(self, workspace: Workspace) -> Remains:
        from mainstay.ledger.master_key import master_key_path, read_master_key
        from mainstay.testing.remains import Remains

        folder = workspace.folder
        return Remains(
            folder.keys,
            read_master_key(master_key_path(folder.id)),
            (self._home,),
            # Not the mails themselves, nor the embedder, which is made from what was installed.
            frozenset(
                {self._root / "inbox.mbox", self._root / "outbox", *folder.cache.glob("minilm-graph*.onnx")}
            ),
        )

    def _claim(self, claim: str, held: bool) -> None:
        self._claims.append((claim, held))
        if not self._quiet:
            tell(f"   {'✓' if held else '✗'} {safe_line(claim, 200)}", hang=5)

    def _say(self, *lines: str) -> None:
        if not self._quiet:
            say(*lines)


def _in(opened: bytes, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.encode() in opened]


def _mail(number: int) -> bytes:
    """One of the mails of this demonstration, as it lies in an mbox file."""
    sender, name, text = MAILS[number]
    return (
        f"From {sender} Mon Mar  2 09:0{number}:00 2026\nFrom: {name} <{sender}>\nTo: help@northdesk.example\n"
        f"Subject: Invite a colleague\nDate: Mon, 02 Mar 2026 09:0{number}:00 +0000\n"
        f"Message-ID: <{number}@forget.example>\n\n{text}\n\n"
    ).encode()
