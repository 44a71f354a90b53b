"""A machine that cannot run Mainstay is told so in one sentence, with what to do about it."""

import subprocess
from pathlib import Path

import pytest

from tests.repository.tree import ROOT


def _make_venv(python: str, venv: Path) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(ROOT / "scripts" / "make-venv.sh"), python, str(venv)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _interpreter(folder: Path, *, refuses: str) -> str:
    """A stand-in for a Python that fails whichever question holds this word."""
    path = folder / "python"
    path.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *{refuses}*) exit 1;; esac\n'
        'case "$*" in *--version*) echo "Python 3.9.2";; *"-m venv"*) mkdir "$3";; esac\n'
    )
    path.chmod(0o755)
    return str(path)


def test_a_missing_python_is_named(tmp_path: Path) -> None:
    ran = _make_venv("no-such-python", tmp_path / "venv")

    assert ran.returncode == 1
    assert "'no-such-python' was not found" in ran.stderr
    assert "make PYTHON=" in ran.stderr


@pytest.mark.parametrize(
    ("refuses", "said"),
    [("version_info", "is Python 3.9.2. Name another"), ("ensurepip", "apt-get install python3-venv")],
)
def test_an_unfit_python_is_refused_with_a_remedy(tmp_path: Path, refuses: str, said: str) -> None:
    ran = _make_venv(_interpreter(tmp_path, refuses=refuses), tmp_path / "venv")

    assert ran.returncode == 1
    assert said in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert not (tmp_path / "venv").exists()


def test_a_fit_python_makes_the_environment(tmp_path: Path) -> None:
    ran = _make_venv(_interpreter(tmp_path, refuses="nothing-asked"), tmp_path / "venv")

    assert ran.returncode == 0
    assert (tmp_path / "venv").is_dir()


def test_the_make_file_lists_its_commands() -> None:
    ran = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True)

    named = {word for word in ran.stdout.split() if word.isalpha()}
    assert {"setup", "demo", "test", "lint", "sim", "bench", "docs", "clean", "nightly"} <= named
