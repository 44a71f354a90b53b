"""The graph against an independent forward pass, and the properties that its cache relies on."""

import hashlib

import numpy
import pytest

from mainstay.models import weights
from mainstay.models.embedder import graph_path
from mainstay.models.minilm_graph import build_minilm
from mainstay.models.wordpiece import WordPiece
from tests.models import minilm_reference

TEXTS = (
    "",
    "hello",
    "Where is my parcel? It should have come on Monday.",
    "Grüße aus Köln — ¿cuánto cuesta? 東京 Привет 🎉",
    "The quick brown fox jumps over the lazy dog. " * 4,
    "An endless complaint about the invoice. " * 60,
)


@pytest.fixture(scope="module")
def tensors(weight_files):
    return weights.read_safetensors(weight_files.weights)


def test_its_numbers_are_those_of_the_published_model(onnx_embedder, weight_files, tensors):
    vocabulary = weight_files.vocabulary.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    tokenizer = WordPiece(vocabulary)
    vectors = onnx_embedder.embed(TEXTS)
    for text, vector in zip(TEXTS, vectors, strict=True):
        expected = minilm_reference.embed(tensors, tokenizer.encode(text))
        assert numpy.abs(vector - expected).max() < 1e-5, text[:40]


@pytest.mark.long
def test_it_is_valid_onnx_and_built_to_the_byte_again(onnx_embedder, model_cache, tensors):
    onnx = pytest.importorskip("onnx")
    built = build_minilm(tensors)
    assert hashlib.sha256(built).hexdigest() == weights.file_sha256(graph_path(model_cache))
    onnx.checker.check_model(built, full_check=True)


def test_the_reader_gives_every_tensor_its_shape(tensors):
    assert tensors["embeddings.word_embeddings.weight"].shape == (30522, 384)
    assert tensors["encoder.layer.5.output.dense.weight"].shape == (384, 1536)
    assert "embeddings.position_ids" not in tensors
    assert not tensors["pooler.dense.bias"].flags.writeable
