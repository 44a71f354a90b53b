"""The embedder of this machine, loaded once. Where the weights are missing the tests skip, or fail in CI."""

import os

import pytest

from mainstay.models.base import Embedder, Unavailable
from mainstay.models.embedder import find_embedder
from mainstay.models.embedding_cache import CachedEmbedder, InMemoryEmbeddingCache
from tests.prepared import embedder_cache

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    found = find_embedder(embedder_cache())
    if isinstance(found, Unavailable):
        reason = f"{found.reason} {found.remedy}"
        pytest.fail(reason, pytrace=False) if IN_CI else pytest.skip(reason)
    assert not isinstance(found, Unavailable)
    # The sample is read by a dozen tests: each text is computed once.
    return CachedEmbedder(found, InMemoryEmbeddingCache(), secret=bytes(32))
