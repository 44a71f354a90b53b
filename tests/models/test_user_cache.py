"""The user's own cache: a secret for its owner alone, made once and made again when torn."""

import os
from pathlib import Path

import pytest

from mainstay.models import user_cache as module
from mainstay.models.base import Embedder
from mainstay.models.scripted import ScriptedEmbedder


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Embedder:
    embedder = ScriptedEmbedder()
    monkeypatch.setattr("mainstay.models.embedder.find_embedder", lambda folder: embedder)
    return embedder


def test_a_second_process_finds_what_the_first_computed(found: Embedder, tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    first, second = (module.user_cache(tmp_path / "cache") for _ in range(2))
    first.embed(["text"])  # type: ignore[union-attr]
    second.embed(["text"])  # type: ignore[union-attr]
    assert (second.computed, second.reused) == (0, 1)  # type: ignore[union-attr]
    assert b"text" not in (tmp_path / "cache" / "vectors.sqlite3").read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")
def test_the_secret_is_for_its_owner_alone(found: Embedder, tmp_path: Path) -> None:
    module.user_cache(tmp_path)
    assert (tmp_path / "vectors.key").stat().st_mode & 0o777 == 0o600


def test_a_torn_secret_is_made_again(found: Embedder, tmp_path: Path) -> None:
    (tmp_path / "vectors.key").write_bytes(b"torn")
    module.user_cache(tmp_path)
    assert len((tmp_path / "vectors.key").read_bytes()) == 32


def test_the_folder_is_that_of_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert module.user_folder() == tmp_path / "mainstay"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert module.user_folder().is_relative_to(Path.home())
