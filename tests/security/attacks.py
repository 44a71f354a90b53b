"""How an attack names the weakness against which it must be seen to fail."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., Any])
Patch = tuple[str, str, Any]  # module, attribute, what stands in its place


def attack(*patches: Patch) -> Callable[[Test], Test]:
    """The test runs twice: as the product stands, and with this weakness planted, where it must fail."""
    assert patches, "an attack names a weakness, or nobody knows whether its test can fail"
    marked: Any = pytest.mark.weakness(*patches)
    return lambda test: marked(test)
