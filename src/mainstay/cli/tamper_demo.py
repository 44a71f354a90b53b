"""`mainstay demo --tamper`: a ledger is tampered with in every way there is, and each is found, by its position.

A real workspace with a signed ledger; the forger edits its file as one would who knows it well. Every sentence that
claims something is held against what `Workspace.verify` says when it is printed.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mainstay.cli.render import say, tell
from mainstay.kernel.errors import WorkspaceUnsafe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mainstay.ledger.verify import Broken, Verified
    from mainstay.workspace import Workspace

DECISIONS = 24


class TamperDemo:
    """One run of the demonstration."""

    def __init__(self, place: Path | None, *, quiet: bool) -> None:
        self._place = place
        self._quiet = quiet
        self._claims: list[tuple[str, bool]] = []
        self._facts: dict[str, Any] = {}

    def run(self) -> bool:
        """All of it; whether every claim held."""
        began = time.monotonic()
        with self._made() as root:
            self._workspace = root
            self._sign(root)
            self._rows()
            self._chain()
            self._statements()
            self._stranger(root)
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

    def _sign(self, root: Path) -> None:
        from mainstay.ledger.verify import Verified

        self._say("1. A ledger, and what was signed about it", "")
        with self._opened(root) as workspace:
            for number in range(DECISIONS):
                workspace.kill_switch(on=number % 2 == 0, reason=f"decision {number}")
                if number in (DECISIONS // 2 - 1, DECISIONS - 1):
                    workspace.auditing.sign()
            found = workspace.verify()
            self._public = str(workspace.auditing.key()["public"])
        whole = isinstance(found, Verified) and found.checkpoints == 2
        self._claim("the chain holds, and bears out both checkpoints", whole)
        if isinstance(found, Verified):
            self._facts["events"], self._signed = found.positions, found.through
            self._say(
                f"   {found.positions} events, signed up to {found.through}, root {found.root.hex()[:16]}.",
                "",
            )

    def _rows(self) -> None:
        self._say("2. Somebody edits the file", "")
        self._tampered("a byte is changed", 7, "UPDATE events SET at = at + 1 WHERE position = 7")
        self._tampered("an event is deleted", 9, "DELETE FROM events WHERE position = 9")
        self._tampered(
            "two events are swapped",
            4,
            "UPDATE events SET position = -4 WHERE position = 4",
            "UPDATE events SET position = 4 WHERE position = 5",
            "UPDATE events SET position = 5 WHERE position = -4",
        )
        self._say("")

    def _chain(self) -> None:
        self._say("3. Somebody edits it and makes every hash anew: the chain holds from end to end", "")
        self._tampered(
            "who decided is rewritten",
            1,
            "UPDATE events SET data = CAST(replace(data, 'operator', 'somebody') AS BLOB) WHERE position = 5",
            rehash=True,
        )
        self._tampered(
            "the end is cut off, with the mark of it",
            11,
            "DELETE FROM events WHERE position > 10",
            rehash=True,
        )
        self._say("")

    def _statements(self) -> None:
        from mainstay.workspace.folder import Folder
        from mainstay.workspace.signing_places import places_of

        self._say("4. Somebody goes for the checkpoints themselves", "")
        for claim, cut in (("the last line is cut off", -1), ("a line is left out", 1)):
            with self._copy() as root:
                file = places_of(Folder(root)).files[0]
                lines = file.read_bytes().splitlines(keepends=True)
                del lines[cut]
                file.write_bytes(b"".join(lines))
                self._found(claim, self._verified(root))
        self._say("")

    def _stranger(self, root: Path) -> None:
        from mainstay.ledger.verify import Verified
        from mainstay.testing.forging import forge
        from mainstay.workspace.folder import Folder
        from mainstay.workspace.signing_places import places_of
        from mainstay.workspace.verifying import verify_ledger

        self._say(
            "5. An auditor has the file, the checkpoints and a public key; no workspace, and no key of yours",
            "",
        )
        with self._copy() as copy:
            folder = Folder(copy)
            named = {"checkpoints": places_of(folder).files[0], "public_keys": (self._public,)}
            found = verify_ledger(folder.ledger, **named)  # type: ignore[arg-type]
            self._claim("they prove the same", isinstance(found, Verified) and found.checkpoints == 2)
            forge(folder.ledger, "UPDATE events SET at = at + 1 WHERE position = 3", rehash=True)
            self._found("and see the same", verify_ledger(folder.ledger, **named), 1)  # type: ignore[arg-type]
        del root

    # --- parts -------------------------------------------------------------------------------------------------------

    def _tampered(self, claim: str, position: int, *statements: str, rehash: bool = False) -> None:
        from mainstay.testing.forging import forge
        from mainstay.workspace.folder import Folder

        with self._copy() as root:
            forge(Folder(root).ledger, *statements, rehash=rehash)
            self._found(claim, self._verified(root), position)

    def _found(self, claim: str, found: Verified | Broken, position: int | None = None) -> None:
        from mainstay.ledger.verify import Broken

        seen = isinstance(found, Broken) and position in (None, found.position)
        self._claim(f"{claim}: found", seen)
        if isinstance(found, Broken):
            where = f"position {found.position}: " if found.position else ""
            # Where the file lies is of no interest here.
            self._tell(f"     {where}{found.reason.rpartition('/')[2]}")

    def _verified(self, root: Path) -> Verified | Broken:
        with self._opened(root) as workspace:
            return workspace.verify()

    @contextmanager
    def _opened(self, root: Path) -> Iterator[Workspace]:
        from mainstay.workspace import Workspace

        with Workspace.open(root) as workspace:
            yield workspace

    @contextmanager
    def _copy(self) -> Iterator[Path]:
        """Workspace and keys once more, for one forger."""
        with tempfile.TemporaryDirectory(prefix="mainstay-demo-") as folder:
            place = Path(folder) / "copy"
            shutil.copytree(self._workspace.parent, place)
            yield place / self._workspace.name

    @contextmanager
    def _made(self) -> Iterator[Path]:
        from mainstay.workspace.folder import Folder, adopt

        if self._place is not None and self._place.exists() and any(self._place.iterdir()):
            raise WorkspaceUnsafe(
                f"{self._place} is not empty.",
                why="The demonstration makes a workspace of its own.",
                remedy="Name a folder that is new or empty.",
            )
        with tempfile.TemporaryDirectory(prefix="mainstay-demo-") as folder:
            place = self._place or Path(folder)
            root = place / "desk"
            root.mkdir(mode=0o700, parents=True)
            (place / "keys").mkdir(mode=0o700)
            (root / "mainstay.toml").write_text(
                '[workspace]\nname = "desk"\nkey = "../keys/master.key"\n', "utf-8"
            )
            from mainstay.ledger.master_key import create_master_key

            create_master_key(place / "keys" / "master.key")
            (root / ".mainstay").mkdir(mode=0o700)
            (root / ".mainstay" / "id").write_text("de30" * 4 + "\n", "ascii")
            adopt(Folder(root))
            yield root

    def _claim(self, claim: str, held: bool) -> None:
        self._claims.append((claim, held))
        self._say(f"   {'✓' if held else 'NOT SO'} {claim}")

    def _say(self, *lines: str) -> None:
        if not self._quiet:
            say(*lines)

    def _tell(self, line: str) -> None:
        if not self._quiet:
            tell(line, hang=5)
