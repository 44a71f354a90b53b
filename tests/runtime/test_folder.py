"""The workspace's own mark: made whole or not at all, and never quietly replaced."""

from pathlib import Path

import pytest

from mainstay.kernel.errors import WorkspaceUnsafe
from mainstay.workspace.folder import STATE, Folder, adopt, create, open_vault


def test_what_a_full_disk_left_of_an_init_is_completed_by_the_next(short_path: Path) -> None:
    root = short_path / "desk"
    (root / STATE).mkdir(parents=True, mode=0o700)
    (root / STATE / "id").write_text("")
    folder, _ = create(root, "desk")
    assert len(folder.id) == 16
    open_vault(folder, None).close()


def test_an_id_that_was_lost_later_is_told_and_not_made_up(short_path: Path) -> None:
    folder, _ = create(short_path / "desk", "desk")
    open_vault(folder, None).close()  # from here on there are keys that belong to it
    (folder.state / "id").write_text("\n")
    for ask in (lambda: folder.id, lambda: adopt(folder), lambda: open_vault(folder, None)):
        with pytest.raises(WorkspaceUnsafe, match="backup"):
            ask()
    assert (folder.state / "id").read_text() == "\n"


def test_making_it_twice_changes_nothing(short_path: Path) -> None:
    folder, written = create(short_path / "desk", "desk")
    again, second = create(short_path / "desk", "desk")
    assert written
    assert second == ()
    assert folder.id == again.id == Folder(short_path / "desk").id
    assert sorted(one.name for one in folder.state.iterdir()) == ["id"]
