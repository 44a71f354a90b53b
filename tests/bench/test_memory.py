"""The bench of memory, small: its texts are what they say, and every figure is there."""

from pathlib import Path

import pytest

numpy = pytest.importorskip("numpy")

from mainstay.bench import memory  # noqa: E402
from mainstay.bench.memory_texts import joined, questions, sentences, units  # noqa: E402
from mainstay.models.scripted import ScriptedEmbedder  # noqa: E402


def test_texts_are_the_same_every_time_and_no_two_are_alike() -> None:
    assert sentences(300, 3) == sentences(300, 3)
    assert len(set(sentences(300, 3))) == 300
    assert len(set(questions(50))) == 50
    assert not set(questions(50)) & set(sentences(300, 3))


def test_a_joined_text_has_a_vector_near_both() -> None:
    texts = sentences(20, 3)
    vectors = ScriptedEmbedder().embed(texts)
    made = list(units(40, texts))
    rows = joined(vectors, [pair for _, pair in made])
    assert numpy.allclose(numpy.linalg.norm(rows, axis=1), 1, atol=1e-5)
    unit, (first, second) = made[-1]
    assert unit.text == f"{texts[first]} {texts[second]}"
    assert rows[-1] @ vectors[first] > rows[-1] @ vectors[(first + 7) % 20] or first == second


def test_every_figure_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_embedder", ScriptedEmbedder)
    found = memory.memory_recalled(tmp_path, lambda done, of: None, records=150, asked=10)
    assert found["rebuilds_agree"] == 1
    assert found["bits_agree"] > 0.5
    assert 0 < found["recall_p50_ms"] <= found["recall_p99_ms"]
    assert found["rebuild_cpu_s"] > 0
