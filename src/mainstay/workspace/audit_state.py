"""How the audit stands: how far the ledger has come, how far that is signed and where, and what the last proofs said.

Nothing is proved here; it is what a person looks at before they have it proved. What came of a proof is kept in a file
of the workspace's state, with its time: one for the daily proof, one for the last that a person asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mainstay.kernel.values import Json
from mainstay.workspace.folder import Folder

MARK = "audited"  # in the workspace's state: when the daily proof was done last, and what came of it
ASKED_MARK = "verified"  # the same of the last that a person asked for


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """One of the files that say what was signed."""

    path: str
    outside: bool  # not beside the key, but where the settings say
    written_at: int  # microseconds; 0: it is not there
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class AuditState:
    """How far the ledger has come, and how far that was signed. Nothing is proved by this."""

    head: int
    hash: str
    signed_through: int  # 0: nothing was signed yet
    signed_at: int
    root: str
    key: str  # the fingerprint of the key in hand; empty: there is none
    public: str
    files: tuple[CheckpointFile, ...]
    verified: Json | None  # what came of the last proof that a person asked for
    full: Json | None  # and of the daily one

    @property
    def unsigned(self) -> int:
        """Events since the last checkpoint."""
        return max(0, self.head - self.signed_through)


def audit_state(folder: Folder, key_file: Path, files: Sequence[Path]) -> AuditState:
    """As it is now; of `files` the first lies beside the key, the others where the settings say."""
    from mainstay.ledger.signing import read_signing_key
    from mainstay.ledger.sqlite_reader import SqliteReader

    key = read_signing_key(key_file)
    with closing(SqliteReader(folder.ledger, tables=None)) as reader:
        rows = reader.select("checkpoints", order="through", descending=True, limit=1)
        last = rows[0] if rows else {}
        return AuditState(
            *(int(reader.head), reader.head_hash.hex()),
            signed_through=int(str(last.get("through") or 0)),
            signed_at=int(str(last.get("at") or 0)),
            root=str(last.get("root") or ""),
            key=key.fingerprint if key is not None else "",
            public=key.public.hex() if key is not None else "",
            files=tuple(_file(path, place > 0) for place, path in enumerate(files)),
            verified=last_proved(folder, ASKED_MARK),
            full=last_proved(folder, MARK),
        )


def last_proved(folder: Folder, mark: str) -> Json | None:
    """What came of the last proof of this kind; None where there was none, or its file says nothing."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((folder.state / mark).read_bytes(), type=dict)
    return None


def _file(named: Path, outside: bool) -> CheckpointFile:
    path = named.resolve()  # the settings may name it by a detour
    try:
        found = path.stat()
    except OSError:
        return CheckpointFile(str(path), outside, 0)
    return CheckpointFile(str(path), outside, found.st_mtime_ns // 1_000, found.st_size)
