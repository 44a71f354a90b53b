"""What is installed is what was tested: pinned by hash, from wherever the user's own index is."""

import tomllib
from pathlib import Path

import pytest

from scripts.check_pins import complaints
from tests.repository.tree import ROOT

REQUIREMENTS = ROOT / "requirements"
PINNED_FILES = sorted(REQUIREMENTS.glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
_HASH = "--hash=sha256:" + "0" * 64


@pytest.mark.parametrize("path", PINNED_FILES, ids=lambda path: path.name)
def test_every_requirement_is_pinned_by_hash_and_names_no_place(path: Path) -> None:
    assert complaints(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"rich>=13 {_HASH}", "not a name pinned"),
        ("rich==15.0.0", "no hash"),
        ("rich==15.0.0 --hash=md5:00", "no sha256"),
        (f"--find-links wheels\nrich==15.0.0 {_HASH}", "not a name pinned"),
        (f"rich==15.0.0 {_HASH}\n# from https://index.example/simple", "an address"),
        (f"rich @ file:///wheels/rich.whl {_HASH}", "not a name pinned"),
    ],
)
def test_a_careless_requirement_is_named(text: str, said: str) -> None:
    assert any(said in complaint for complaint in complaints(text))


def test_a_pin_with_hashes_over_several_lines_is_fine() -> None:
    assert complaints(f"# made by us\nrich==15.0.0 \\\n    {_HASH} \\\n    {_HASH}\n    # via typer\n") == []


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("runtime", PROJECT["dependencies"]),
        ("embedder", PROJECT["optional-dependencies"]["embedder"]),
        ("secrets", PROJECT["optional-dependencies"]["secrets"]),
        ("models", PROJECT["optional-dependencies"]["models"]),
        ("documents", PROJECT["optional-dependencies"]["documents"]),
        ("console", PROJECT["optional-dependencies"]["console"]),
    ],
)
def test_the_project_and_its_requirement_files_ask_for_the_same(name: str, declared: list[str]) -> None:
    lines = (REQUIREMENTS / f"{name}.in").read_text("utf-8").splitlines()
    asked = {line for line in lines if line and not line.startswith(("#", "-c"))}
    pinned = {
        line.partition("==")[0] for line in (REQUIREMENTS / f"{name}.txt").read_text("utf-8").splitlines()
    }

    assert asked == set(declared)
    assert {line.partition(">=")[0].partition("[")[0].lower() for line in asked} <= pinned


def test_two_files_never_ask_for_two_versions() -> None:
    versions: dict[str, set[str]] = {}
    for path in PINNED_FILES:
        for line in path.read_text("utf-8").splitlines():
            name, pinned, rest = line.partition("==")
            if pinned and not line.startswith((" ", "#")):
                versions.setdefault(name, set()).add(rest.partition(" ")[0])

    assert {name: sorted(seen) for name, seen in versions.items() if len(seen) > 1} == {}


def test_the_weights_a_user_installs_later_are_the_ones_we_tested() -> None:
    def pin(path: Path) -> list[str]:
        return [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]

    shipped = ROOT / "src" / "mainstay" / "models" / "data" / "weights.txt"

    assert pin(shipped) == pin(REQUIREMENTS / "weights.txt")
