"""Is a folder a safe place for a ledger? Asked before anything is opened in it.

A network file system lies about locks and about fsync; a synchronising program copies a ledger while it is
being written and brings back old pages. Both lose what was acknowledged, so both are refused. What is
looked at: the mount table (where the system has one in /proc) and the marks that synchronising programs
leave in their folders.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mainstay.kernel.errors import WorkspaceUnsafe

_NETWORK = frozenset(
    (
        *("9p", "afs", "acfs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "glusterfs", "lustre"),
        *("ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs"),
    )
)
_LOCAL_FUSE = frozenset({"fuse.fuse-overlayfs", "fuse.lxcfs"})
_MARKS = {
    ".dropbox.cache": "Dropbox",
    ".stfolder": "Syncthing",
    ".tmp.driveupload": "Google Drive",
    ".tmp.drivedownload": "Google Drive",
    ".849C9593-D756-4E56-8D6E-42412F2A707B": "OneDrive",
    ".nextcloudsync.log": "Nextcloud",
    ".owncloudsync.log": "ownCloud",
}
_NAMES = {"OneDrive": "OneDrive", "Google Drive": "Google Drive", "GoogleDrive": "Google Drive"}
_MAC_PLACES = {"Mobile Documents": "iCloud Drive", "CloudStorage": "a cloud drive"}  # below ~/Library


def check_folder(folder: str | os.PathLike[str], *, mounts: Path = Path("/proc/mounts")) -> str:
    """Refuse a folder that cannot hold a ledger safely, or that is somebody else's; where a link leads counts.

    One that others could look into is made private (mode 0700); what was mended, or nothing.
    """
    path = Path(folder).resolve()
    if kind := _network(path, mounts):
        raise WorkspaceUnsafe(
            f"{path} lies on a network file system.",
            why=f"It is mounted as {kind}, which cannot promise that a locked file stays locked "
            "and a written one written.",
            remedy="Move the workspace to a disk of this machine.",
            path=str(path),
            kind=kind,
        )
    if program := _synchronised(path):
        raise WorkspaceUnsafe(
            f"{path} is kept in step by {program}.",
            why="Copying a ledger while it is being written damages it.",
            remedy=f"Move the workspace out of the folder that {program} watches.",
            path=str(path),
            kind=program,
        )
    if os.statvfs(path).f_flag & os.ST_RDONLY or not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise WorkspaceUnsafe(
            f"{path} is read-only.",
            why="Every step is written down before it is taken.",
            remedy="Make it writable for you (chmod u+rwx), or copy the workspace elsewhere.",
            path=str(path),
        )
    return _make_private(path)


def _make_private(path: Path) -> str:
    status = path.stat()
    if status.st_uid not in (os.getuid(), 0):
        raise WorkspaceUnsafe(
            f"{path} is somebody else's.",
            why=f"It belongs to user {status.st_uid}, who can put another ledger in its place.",
            remedy="Make it yours (chown), or name another folder.",
            path=str(path),
        )
    if not stat.S_IMODE(status.st_mode) & 0o077:
        return ""
    try:
        path.chmod(0o700)
    except OSError as error:
        raise WorkspaceUnsafe(
            f"Others can look into {path}.",
            why=f"Its mode is {stat.S_IMODE(status.st_mode):o} and cannot be changed: {error.strerror}.",
            remedy=f"Make it yours (chown) and private: chmod 700 {path}",
            path=str(path),
        ) from error
    return f"{path} had mode {stat.S_IMODE(status.st_mode):o} and is private now"


def _network(path: Path, mounts: Path) -> str:
    """The type of the network file system that `path` lies on, or nothing."""
    deepest, kind = -1, ""
    for point, found in _mounted(mounts):
        if path.is_relative_to(point) and len(point.parts) >= deepest:
            deepest, kind = len(point.parts), found
    remote = kind in _NETWORK or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE)
    return kind if remote else ""


def _mounted(mounts: Path) -> Iterator[tuple[Path, str]]:
    try:
        lines = mounts.read_text("utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return  # not Linux: nothing to ask
    for line in lines:
        words = line.split(" ")
        if len(words) >= 3:
            # The kernel writes blanks and the like as octal escapes.
            point = words[1].encode("utf-8", "surrogateescape").decode("unicode_escape")
            yield Path(point.encode("latin-1").decode("utf-8", "surrogateescape")), words[2]


def _synchronised(path: Path) -> str:
    """The program that keeps `path` in step with other machines, or nothing."""
    for place in (path, *path.parents):
        for mark, program in _MARKS.items():
            if (place / mark).exists():
                return program
        if (place / ".dropbox").is_file():  # a folder of this name in the home directory is only its settings
            return "Dropbox"
        for name, program in _NAMES.items():
            if place.name == name or place.name.startswith(name + " - "):
                return program
        if place.parent.name == "Library" and place.name in _MAC_PLACES:
            return _MAC_PLACES[place.name]
    return ""
