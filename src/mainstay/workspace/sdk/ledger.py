"""`Ledger`: the ledger as a whole: to prove, compare, export, back up, compact and measure it.

Each takes as long as the ledger is, and most say how far they are. Proofs need no key, except to open what an export
shall show opened. What is in an event is left to `sdk.runs`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mainstay.kernel.ids import RunId, run_stream
from mainstay.kernel.values import Json
from mainstay.ledger.short_ids import find_id
from mainstay.workspace.doors import director_runs
from mainstay.workspace.sdk.opened import Opened

if TYPE_CHECKING:
    from mainstay.ledger.agreement import Difference
    from mainstay.ledger.backup import BackupReport
    from mainstay.ledger.backup import Progress as Copying
    from mainstay.ledger.compaction import Compaction
    from mainstay.ledger.compaction import Progress as Sealing
    from mainstay.ledger.stats import LedgerStats
    from mainstay.ledger.verify import Broken, Progress, Verified
    from mainstay.workspace.auditing import Auditing


class Ledger(Opened):
    """What can be done with the ledger without deciding anything."""

    def verify(self, progress: Progress | None = None) -> Verified | Broken:
        """Prove that the ledger is whole and what was signed, or name the first position that is not."""
        return self.auditing.verify(progress)

    @cached_property
    def auditing(self) -> Auditing:
        """The proof that the ledger is whole and is what was signed; its checkpoints and their key."""
        from mainstay.workspace.auditing import Auditing

        return Auditing(self.folder, self._clock)

    def differences(
        self, progress: Callable[[int, int], None] = lambda done, of: None
    ) -> tuple[Difference, ...]:
        """The views and snapshots that are not what the events say, by a fold of the whole ledger; needs no key.

        Raises `LedgerCorrupt` for an event that was changed. Where a view differs, the next director that starts here
        folds all of them anew.
        """
        from mainstay.ledger.agreement import differences
        from mainstay.ledger.projections import STANDARD
        from mainstay.ledger.rows import SNAPSHOTS

        found = differences(
            self.folder.ledger, self._codec, STANDARD, scratch=self.folder.state, progress=progress
        )
        if any(one.table != SNAPSHOTS.name for one in found):
            self.folder.anew.touch()
        return found

    def export(
        self,
        *,
        form: str = "jsonl",
        since: int = 0,
        until: int | None = None,
        run: str = "",
        types: tuple[str, ...] = (),
        opened: bool = False,
    ) -> Iterator[bytes]:
        """The ledger as CloudEvents, one JSON object a line, or as CSV; sealed values stay sealed, unless `opened`."""
        from mainstay.ledger.export import Selection
        from mainstay.workspace.exporting import exported

        stream = run_stream(RunId(find_id(self._store, "runs", "run", run))) if run else ""
        return exported(
            self._store,
            f"urn:mainstay:{self.folder.id}",
            form=form,
            selection=Selection(since, until, stream, types),
            artifacts=(lambda: self._artifacts) if opened else None,
        )

    def export_to(
        self, target: str | os.PathLike[str], *, replacing: bool = False, form: str = "jsonl", **chosen: Any
    ) -> Json:
        """The same into a file, which is there whole or not at all; how many `events`, and the `file`.

        Raises `CommandRefused` where something is there already (unless `replacing`), or within Mainstay's own folders.
        """
        from mainstay.workspace.exporting import export_to

        pieces = self.export(form=form, **chosen)  # a ledger that is not there is told before a file is made
        return export_to(Path(target), pieces, self.folder, form=form, replacing=replacing)

    def back_up(
        self,
        target: str | os.PathLike[str],
        *,
        keys_to: str | os.PathLike[str] | None = None,
        progress: Copying = lambda what, done, of: None,
    ) -> BackupReport:
        """Copy the ledger, also while a director works, and prove the copy.

        Keys are never in it; with `keys_to` they are copied to a file of their own, after it and so as fresh.
        """
        from mainstay import __version__
        from mainstay.ledger.backup import back_up, copy_keys
        from mainstay.workspace.signing_places import places_of

        now = self._clock.now()
        report = back_up(
            self.folder.state,
            Path(target),
            at=now,
            version=__version__,
            checkpoints=places_of(self.folder).files[0],
            progress=progress,
        )
        if keys_to is not None:
            copy_keys(self.folder.state, Path(keys_to))
        return report

    def compact(self, *, before: int | None = None, progress: Sealing = lambda done, of: None) -> Compaction:
        """Seal what is over in compressed files; no event is dropped. A director at work does it, if there is one."""
        from mainstay.workspace.compacting import compact_beside
        from mainstay.workspace.ledger_care import compact_ledger

        self._store  # noqa: B018  says that there is no ledger, if there is none
        if director_runs(self.folder):
            return compact_beside(self.folder, before=before, progress=progress)
        return compact_ledger(self.folder, before=before, now=self._clock.now(), progress=progress)

    def stats(self) -> LedgerStats:
        """The ledger in numbers: what it is made of, how it grows, when the disk will be full."""
        from mainstay.ledger.stats import ledger_stats

        self._store  # noqa: B018  says that there is no ledger, if there is none
        return ledger_stats(self.folder.ledger, self.folder.blobs, now=self._clock.now())
