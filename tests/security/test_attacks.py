"""Attacks name weaknesses that can be planted: what was renamed or moved since is found here, and not by a long run."""

from __future__ import annotations

from functools import reduce
from importlib import import_module
from pathlib import Path

import pytest

from tests.security.conftest import MARK

FAMILIES = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py"))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_weakness_is_one_of_something_that_is_there(family: str) -> None:
    missing = []
    for test in vars(import_module(f"tests.security.{family}")).values():
        for mark in getattr(test, "pytestmark", ()):
            for module, name, _ in mark.args if mark.name == MARK else ():
                try:
                    reduce(getattr, name.split("."), import_module(module))
                except (ImportError, AttributeError) as error:
                    missing.append(f"{test.__name__}: {error}")
    assert missing == []
