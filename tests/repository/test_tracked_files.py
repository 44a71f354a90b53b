"""No tracked file is tied to one machine, and every file says what it is for."""

import ast
import re
from pathlib import Path

import pytest

from tests.repository.tree import ROOT, name_of, tracked_files

# Put together here, so that this file does not hold what it forbids.
_REGISTRY_HOSTS = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "registry." + "npmjs",
    "deb." + "debian.org",
    "archive." + "ubuntu.com",
]
_MACHINE_PATHS = ["/" + "root/", "/opt/" + "wheels", "/opt/" + "pypi", "/home/" + "runner", "/" + "Users/"]


def _traces(content: bytes) -> list[str]:
    """What in a file's bytes names a registry's host, this checkout's place or another machine's folders."""
    here = str(ROOT)
    folders = [*_MACHINE_PATHS, *([here + "/"] if here.count("/") > 1 else [])]
    found = [host for host in _REGISTRY_HOSTS if host.encode() in content]
    # A path begins where no name precedes it: "docs/root/" is no machine's folder.
    found += [path for path in folders if re.search(rb"(?<![\w.-])" + re.escape(path.encode()), content)]
    return found


def test_no_file_names_a_registry_or_a_place_on_a_machine() -> None:
    tied = {name_of(path): traces for path in tracked_files() if (traces := _traces(path.read_bytes()))}

    assert tied == {}


@pytest.mark.parametrize("trace", [*_REGISTRY_HOSTS, *_MACHINE_PATHS, str(ROOT) + "/"])
def test_the_search_finds_what_it_looks_for(trace: str) -> None:
    assert _traces(f"see {trace}thing\n".encode()) == [trace]


def test_a_path_inside_the_repository_is_not_mistaken_for_a_machines() -> None:
    assert _traces(b"see docs" + _MACHINE_PATHS[0].encode() + b"index.md") == []


def test_every_source_file_says_what_it_is_for() -> None:
    silent = [
        name_of(path)
        for path in _python_files(ROOT / "src")
        if not (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").strip()
    ]

    assert silent == []


def test_text_files_end_lines_as_unix_does() -> None:
    ours = {".py", ".md", ".toml", ".yaml", ".sql", ".sh", ".txt", ".in", ".html", ".css"}
    samples = (ROOT / "src" / "mainstay" / "data", ROOT / "tests")
    carriage_returns = [
        name_of(path)
        for path in tracked_files()
        if path.suffix in ours
        and not (path.suffix != ".py" and any(folder in path.parents for folder in samples))
        and b"\r" in path.read_bytes()
    ]

    assert carriage_returns == []


def test_what_a_user_may_rely_on_is_written_down() -> None:
    tracked = {name_of(path) for path in tracked_files()}

    assert {"LICENSE", "README.md", "CONTRIBUTING.md", "Makefile", ".ci/run", "pyproject.toml"} <= tracked
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")
    assert "END OF TERMS AND CONDITIONS" in (ROOT / "LICENSE").read_text("utf-8")


def _python_files(folder: Path) -> list[Path]:
    return [path for path in tracked_files() if path.suffix == ".py" and folder in path.parents]
