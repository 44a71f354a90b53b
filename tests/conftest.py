"""What holds for the whole suite: no network beyond loopback, a home for each test, the same draw each time.

Fixtures of one part live in that part's own conftest. What property tests share (strategies)
is a plain module, imported by name, because a fixture cannot be drawn from.
"""

import itertools
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer.main
from hypothesis import HealthCheck, settings

import network_guard
from mainstay.cli import main as command_line
from mainstay.net import withheld
from mainstay.runtime import collector
from tests import prepared

if TYPE_CHECKING:
    from tests.security.web_house import WebHouse

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")

# The suite draws the same examples everywhere; `make nightly` looks for new ones.
_SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("suite", derandomize=True, database=None, max_examples=50, **_SHARED)
settings.register_profile("explore", max_examples=500, **_SHARED)
settings.load_profile(os.environ.get("MAINSTAY_TEST_PROFILE", "suite"))

network_guard.install()

# A director settles the collector of its process after boot, for life. These processes outlive hundreds of directors:
# what the first of them froze was never freed again, gigabytes in the end.
collector.settle_collector = lambda: None

# A process makes its parser of the command line once. Here hundreds of commands are typed in one, a parser for each.
command_line.whole = cache(command_line.whole)
typer.main.get_command = lru_cache(maxsize=8)(typer.main.get_command)

# Python 3.11 reads a traceback's source with a parser that two threads cannot use at once: a fault that a server logged
# while pytest showed a failure ended the whole run ("AST constructor recursion depth mismatch"). Without its marks.
traceback._extract_caret_anchors_from_line_segment = lambda *_: None

_run_folder = pytest.StashKey[Path | None]()


def pytest_configure(config: pytest.Config) -> None:
    """Give the processes that tests start the same guard and the same source tree, and the run its folder."""
    config.stash[_run_folder] = prepared.begin()
    guard, source = str(ROOT / "tests" / "guard"), str(ROOT / "src")
    inherited = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    others = [part for part in inherited if part not in (guard, source)]
    os.environ["PYTHONPATH"] = os.pathsep.join([guard, source, *others])


def pytest_unconfigure(config: pytest.Config) -> None:
    place = config.stash.get(_run_folder, None)
    if place is not None:
        prepared.end(place)


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


@pytest.fixture(autouse=True, scope="module")
def _secrets_of_one_file() -> Iterator[None]:
    """A process withholds every secret that it ever handed out: those of one file are none to the texts of another."""
    values, folded = dict(withheld._values), list(withheld._folded)
    yield
    withheld._values.clear()
    withheld._values.update(values)
    withheld._folded[:] = folded


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


# Imported when somebody visits: the server brings a second of imports with it.
@pytest.fixture(scope="module")
def _web_house() -> Iterator["WebHouse"]:
    from tests.security.web_house import copied_house

    with copied_house() as house:
        yield house


@pytest.fixture
def web(_web_house: "WebHouse") -> "WebHouse":
    """A director and its web server, one for each file of tests, as if nobody had visited for a while."""
    _web_house.require_alive()
    _web_house.clock.pass_s(60)
    return _web_house


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A temporary folder whose name leaves room for a socket's: a path of about a hundred characters."""
    path = Path(tempfile.mkdtemp(prefix="ms-", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
