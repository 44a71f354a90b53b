"""Attacks, each by script against the running product, and each seen to fail against a planted weakness.

    from tests.security.attacks import attack

    @attack(("mainstay.console.guard", "is_own_host", lambda *_: True))
    def test_a_foreign_host_is_refused(...) -> None:

runs twice: as it stands, and with the weakness planted, where it must fail (`pytest tests/security` and `make long`,
which CI runs; `make test` leaves the second out). A test that passes all the same watches nothing, and is reported. A
weakness is module, attribute (`Class.method` too) and what stands in its place.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

MARK = "weakness"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARK}(*patches): what the attack must be seen to fail against")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker(MARK)
    if marker is None:
        return
    seen = pytest.mark.xfail(
        strict=True, raises=(AssertionError, pytest.fail.Exception), reason="a weakness is planted"
    )
    both = [
        pytest.param((), id="held"),
        pytest.param(marker.args, id="planted", marks=(seen, pytest.mark.long)),
    ]
    metafunc.parametrize("planted", both, indirect=True)


@pytest.fixture(autouse=True)
def planted(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether a weakness is planted for this test."""
    patches: tuple[tuple[str, str, Any], ...] = getattr(request, "param", ())
    with pytest.MonkeyPatch.context() as patching:
        for module, name, instead in patches:
            owner: Any = import_module(module)
            *path, attribute = name.split(".")
            for part in path:
                owner = getattr(owner, part)
            patching.setattr(owner, attribute, instead)
        yield bool(patches)


@pytest.fixture
def patience_s(planted: bool) -> float:
    """How long to wait for what must come: long on a slow machine, a moment where a weakness keeps it away."""
    return 0.5 if planted else 60.0
