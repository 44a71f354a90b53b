"""Where the signing key of a workspace lies, where its checkpoints are kept, and what signs there."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.kernel.errors import MainstayError
from mainstay.workspace.folder import Folder

if TYPE_CHECKING:
    from mainstay.config.audit import AuditSettings
    from mainstay.ledger.store import EventReader
    from mainstay.runtime.signing import Signing

FRONTIER = "frontier"  # in the workspace's state: what the next root goes on from


@dataclass(frozen=True, slots=True)
class Places:
    """Where the signing key lies, and where checkpoints are kept: first beside the key."""

    key: Path
    files: tuple[Path, ...]
    settings: AuditSettings


def places_of(folder: Folder) -> Places:
    """As mainstay.toml says; one that cannot be read says nothing."""
    from mainstay.config.audit import AuditSettings
    from mainstay.config.settings import FILE, read_settings
    from mainstay.ledger.checkpoints import checkpoints_path, file_in
    from mainstay.ledger.master_key import master_key_path
    from mainstay.ledger.signing import signing_key_path

    audit, master = AuditSettings(), master_key_path(folder.id)
    with suppress(MainstayError, OSError):
        settings = read_settings((folder.root / FILE).read_bytes(), folder.root)
        audit, master = settings.audit, settings.workspace.key or master
    others = tuple(file_in(place, folder.id) for place in audit.checkpoints)
    return Places(signing_key_path(master), (checkpoints_path(master), *others), audit)


def signing_of(folder: Folder, reader: EventReader) -> Signing:
    """What signs for whoever holds the lock of this workspace."""
    from mainstay.runtime.signing import Rhythm, Signing

    places = places_of(folder)
    return Signing(
        reader,
        workspace=folder.id,
        key=places.key,
        places=places.files,
        frontier=folder.state / FRONTIER,
        rhythm=Rhythm(places.settings.every_us, places.settings.every_events),
    )
