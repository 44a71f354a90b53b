"""Every promise of the `Embedder` port, as a suite that any embedder can be held to.

    class TestMyEmbedder(EmbedderConformance):
        @pytest.fixture(scope="class")
        def embedder(self):
            return MyEmbedder()

The suite asks for equal bits where the port promises that company does not matter: an index built twice must
give the same digests, and "close" would not. How good the vectors are is for a benchmark to say.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mainstay.models.base import Embedder

TEXTS = (
    "Where is my parcel? It should have come on Monday.",
    "Could you send last month's invoice again, please",
    "hello",
    "",
    "   \n\t ",
    "Grüße aus Köln — ¿cuánto cuesta? 東京 Привет 🎉",
    "broken \ud800 surrogate, \x00 zero and \ufffd",
    "The quick brown fox jumps over the lazy dog. " * 12,
    "word " * 3000,
    "x" * 100_000,
)


class EmbedderConformance:
    """Subclass it as `Test…` and give it the fixture `embedder`."""

    @pytest.fixture
    def embedder(self) -> Embedder:
        """The implementation under test."""
        pytest.fail("the subclass must define the fixture `embedder`")

    def test_it_says_what_it_is(self, embedder: Embedder) -> None:
        assert embedder.model_id.strip()
        assert embedder.dimensions > 0
        assert len(embedder.recipe) >= 16
        assert embedder.recipe == embedder.recipe

    def test_a_vector_for_each_text(self, embedder: Embedder) -> None:
        vectors = embedder.embed(TEXTS)
        assert vectors.shape == (len(TEXTS), embedder.dimensions)
        assert vectors.dtype == "float32"

    def test_no_text_gives_no_vector(self, embedder: Embedder) -> None:
        vectors = embedder.embed([])
        assert vectors.shape == (0, embedder.dimensions)
        assert vectors.dtype == "float32"

    def test_every_vector_has_length_one(self, embedder: Embedder) -> None:
        squares = (embedder.embed(TEXTS) ** 2).sum(axis=1)
        assert [round(float(square), 4) for square in squares] == [1.0] * len(TEXTS)

    def test_the_same_text_always_gives_the_same_bits(self, embedder: Embedder) -> None:
        assert embedder.embed(TEXTS).tobytes() == embedder.embed(TEXTS).tobytes()

    def test_company_does_not_matter(self, embedder: Embedder) -> None:
        together = embedder.embed(TEXTS * 5)
        for row, text in enumerate(TEXTS):
            assert embedder.embed([text])[0].tobytes() == together[row].tobytes(), repr(text[:40])

    def test_order_does_not_matter(self, embedder: Embedder) -> None:
        forwards, backwards = embedder.embed(TEXTS), embedder.embed(TEXTS[::-1])
        assert forwards.tobytes() == backwards[::-1].tobytes()

    def test_threads_do_not_matter(self, embedder: Embedder) -> None:
        alone = embedder.embed(TEXTS).tobytes()
        with ThreadPoolExecutor(max_workers=4) as pool:
            at_once = list(pool.map(lambda _: embedder.embed(TEXTS).tobytes(), range(4)))
        assert at_once == [alone] * 4

    def test_the_result_belongs_to_the_caller(self, embedder: Embedder) -> None:
        first = embedder.embed(["hello"])
        before = first.tobytes()
        first[:] = 0
        assert embedder.embed(["hello"]).tobytes() == before

    def test_likeness_shows_in_the_product(self, embedder: Embedder) -> None:
        question, close, far = embedder.embed(
            ["Where is my parcel?", "My parcel: where is it now?", "Our choir sings on Tuesday evenings"]
        )
        assert question @ close > question @ far
