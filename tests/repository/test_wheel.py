"""What is tracked in the package is in the wheel: an installation has its SQL, templates and sample mail."""

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.repository.tree import ROOT, name_of, tracked_files

PACKAGE = ROOT / "src" / "mainstay"
_BUILD = "import setuptools.build_meta as b; print(b.build_wheel('.'))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel of the tracked files alone, built without a network by the pinned backend."""
    if int(version("setuptools").partition(".")[0]) < 77:
        pytest.skip("the build backend here is not the pinned one: run `make setup`")
    folder = tmp_path_factory.mktemp("wheel")
    for path in tracked_files():
        if PACKAGE in path.parents or path.parent == ROOT:
            copy = folder / name_of(path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    built = subprocess.run(
        [sys.executable, "-c", _BUILD], cwd=folder, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return zipfile.ZipFile(folder / built.stdout.splitlines()[-1])


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    tracked = {
        path.relative_to(ROOT / "src").as_posix()
        for path in tracked_files()
        if PACKAGE in path.parents and not path.name.startswith(".git")
    }

    assert tracked - set(wheel.namelist()) == set()


def test_the_wheel_brings_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    texts = {
        Path(name).name: wheel.read(name).decode("utf-8") for name in wheel.namelist() if "dist-info" in name
    }

    assert "mainstay = mainstay.cli.main:main" in texts["entry_points.txt"]
    assert "Apache License" in texts["LICENSE"]
