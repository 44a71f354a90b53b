"""The embedder of this machine, loaded once. Where the weights are missing the tests skip, or fail in CI."""

import os
from pathlib import Path

import pytest

from mainstay.models import weights
from mainstay.models.base import Embedder, Unavailable
from mainstay.models.embedder import find_embedder
from tests.prepared import copied, embedder_cache

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


def demand(problem: Unavailable) -> None:
    reason = f"{problem.reason} {problem.remedy}"
    if IN_CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def weight_files() -> weights.WeightFiles:
    files = weights.find_weight_files()
    if isinstance(files, Unavailable):
        demand(files)
    assert isinstance(files, weights.WeightFiles)
    return files


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(embedder_cache(), tmp_path_factory.mktemp("embedder"))


@pytest.fixture(scope="session")
def onnx_embedder(weight_files: weights.WeightFiles, model_cache: Path) -> Embedder:
    found = find_embedder(model_cache)
    if isinstance(found, Unavailable):
        demand(found)
    assert not isinstance(found, Unavailable)
    return found
