"""The embedder of this machine, loaded once. Where the weights are missing the tests skip, or fail in CI."""

import os

import pytest

from mainstay.models.base import Embedder, Unavailable
from mainstay.models.embedder import find_embedder

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    found = find_embedder(tmp_path_factory.mktemp("embedder"))
    if isinstance(found, Unavailable):
        reason = f"{found.reason} {found.remedy}"
        pytest.fail(reason, pytrace=False) if IN_CI else pytest.skip(reason)
    assert not isinstance(found, Unavailable)
    return found
