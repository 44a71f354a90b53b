"""What holds for the whole suite: no network beyond loopback, a home for each test, the same draw each time.

Fixtures of one part live in that part's own conftest. What property tests share (strategies)
is a plain module, imported by name, because a fixture cannot be drawn from.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import network_guard
from tests.security.web_house import _web_house, web  # noqa: F401  one web server a worker, for all who visit it

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")

# The suite draws the same examples everywhere; `make nightly` looks for new ones.
_SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("suite", derandomize=True, database=None, max_examples=50, **_SHARED)
settings.register_profile("explore", max_examples=500, **_SHARED)
settings.load_profile(os.environ.get("MAINSTAY_TEST_PROFILE", "suite"))

network_guard.install()


def pytest_configure() -> None:
    """Give the processes that tests start the same guard and the same source tree."""
    guard, source = str(ROOT / "tests" / "guard"), str(ROOT / "src")
    inherited = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    others = [part for part in inherited if part not in (guard, source)]
    os.environ["PYTHONPATH"] = os.pathsep.join([guard, source, *others])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Honour `@pytest.mark.binary("dovecot")`."""
    for mark in item.iter_markers("binary"):
        for name in mark.args:
            demand_binary(name)


def find_binary(name: str) -> str | None:
    """The path of a program of the system. Servers lie in sbin, often missing from a plain user's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")


def demand_binary(name: str) -> str:
    """The path of a program, or a skip that says how to get it; where CI runs, its absence is a failure."""
    path = find_binary(name)
    if path is not None:
        return path
    reason = f"{name} is not installed: run scripts/install-test-system-packages.sh as root"
    if IN_CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def require_binary() -> Callable[[str], str]:
    """`require_binary("dovecot")` is the program's path; skips out loud where it is missing, fails in CI."""
    return demand_binary


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


_home_number = itertools.count()


@pytest.fixture(autouse=True)
def home(_homes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for this test alone: nothing of whoever runs the suite is seen or touched."""
    home = _homes / str(next(_home_number))
    home.mkdir()
    for name in list(os.environ):
        if name.startswith("MAINSTAY_") and not name.startswith("MAINSTAY_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(home / "keys"))
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    # Output is compared as text: no colours, and one width whatever the terminal.
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    return home


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A temporary folder whose name leaves room for a socket's: a path of about a hundred characters."""
    path = Path(tempfile.mkdtemp(prefix="ms-", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
