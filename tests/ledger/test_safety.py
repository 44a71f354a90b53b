"""Folders that would lose a ledger are refused before anything is opened in them."""

import os
import stat
from pathlib import Path

import pytest

from mainstay.kernel.errors import WorkspaceUnsafe
from mainstay.ledger.safety import check_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "work" / ".mainstay"
    made.mkdir(parents=True)
    return made


def mounts(tmp_path: Path, *lines: str) -> Path:
    table = tmp_path / "mounts"
    table.write_text("".join(line + "\n" for line in ("/dev/root / ext4 rw 0 0", *lines)))
    return table


def test_a_local_folder_is_made_private(folder: Path) -> None:
    folder.chmod(0o755)
    check_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs", "fuse.rclone"])
def test_a_network_file_system_is_refused_and_named(folder: Path, tmp_path: Path, kind: str) -> None:
    table = mounts(tmp_path, f"server:/x {folder.parent} {kind} rw 0 0")
    with pytest.raises(WorkspaceUnsafe, match="network") as refused:
        check_folder(folder, mounts=table)
    assert refused.value.fields["kind"] == kind


def test_the_deepest_and_last_mount_decides(folder: Path, tmp_path: Path) -> None:
    above = f"server:/x {tmp_path} nfs4 rw 0 0"
    check_folder(folder, mounts=mounts(tmp_path, above, f"/dev/sda1 {folder.parent} ext4 rw 0 0"))
    with pytest.raises(WorkspaceUnsafe):
        check_folder(folder, mounts=mounts(tmp_path, f"/dev/sda1 {tmp_path} ext4 rw 0 0", above))


def test_a_mount_point_with_blanks_and_letters_of_any_script_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "my déjà"
    folder.mkdir()
    table = mounts(tmp_path, f"server:/x {str(folder).replace(' ', chr(92) + '040')} nfs rw 0 0")
    with pytest.raises(WorkspaceUnsafe):
        check_folder(folder, mounts=table)


def test_local_fuse_and_a_missing_mount_table_are_accepted(folder: Path, tmp_path: Path) -> None:
    check_folder(folder, mounts=mounts(tmp_path, f"x {tmp_path} fuse.fuse-overlayfs rw 0 0"))
    check_folder(folder, mounts=tmp_path / "no such table")


@pytest.mark.parametrize(
    ("mark", "program"),
    [
        (".stfolder", "Syncthing"),
        (".dropbox.cache", "Dropbox"),
        (".tmp.driveupload", "Google Drive"),
        (".nextcloudsync.log", "Nextcloud"),
    ],
)
def test_a_synchronised_folder_is_refused_and_the_program_named(
    folder: Path, tmp_path: Path, mark: str, program: str
) -> None:
    (tmp_path / mark).mkdir()
    with pytest.raises(WorkspaceUnsafe, match=program):
        check_folder(folder)


@pytest.mark.parametrize(
    "place",
    [
        "OneDrive",
        "OneDrive - Example Ltd",
        "Google Drive",
        "Library/Mobile Documents",
        "Library/CloudStorage",
    ],
)
def test_synchronised_folders_are_known_by_name(tmp_path: Path, place: str) -> None:
    folder = tmp_path / place / "work"
    folder.mkdir(parents=True)
    with pytest.raises(WorkspaceUnsafe):
        check_folder(folder)


def test_dropboxs_settings_in_the_home_folder_mean_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / ".dropbox").mkdir()
    check_folder(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(folder: Path) -> None:
    folder.chmod(0o500)
    with pytest.raises(WorkspaceUnsafe, match="read-only"):
        check_folder(folder)


def test_a_read_only_mount_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(WorkspaceUnsafe, match="read-only"):
        check_folder(folder)
