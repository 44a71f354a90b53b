"""What is printed to be copied works as it stands."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from mainstay.workspace.called import called, login_line


@pytest.mark.parametrize(
    ("argument", "found", "line", "full"),
    [
        ("bin/mainstay", "/usr/bin/mainstay", "mainstay", "mainstay"),
        ("bin/mainstay", None, "bin/mainstay", "{here}/bin/mainstay"),
        ("/elsewhere/x y/mainstay", None, "'/elsewhere/x y/mainstay'", "'/elsewhere/x y/mainstay'"),
        ("/lib/mainstay/__main__.py", None, "mainstay", "mainstay"),
    ],
)
def test_by_name_where_the_shell_finds_it(
    argument: str, found: str | None, line: str, full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [argument])
    monkeypatch.setattr(shutil, "which", lambda name: found)
    assert called() == line
    assert called(anywhere=True) == full.format(here=tmp_path)


def test_the_line_names_the_workspace_without_detours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/mainstay")
    (tmp_path / "north desk").mkdir()
    assert login_line(tmp_path / "x" / ".." / "north desk") == (
        f"mainstay login --workspace '{tmp_path.resolve()}/north desk'"
    )
