"""What the console serves of others is what vendor.toml names, byte for byte, with its licence beside it."""

from __future__ import annotations

import hashlib
import tomllib
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENDOR = files("mainstay.console").joinpath("static", "vendor")
SUMS = "SHA256SUMS"


def test_every_file_has_its_sum_and_no_other_lies_there() -> None:
    lines = VENDOR.joinpath(SUMS).read_text("utf-8").splitlines()
    told = {name: sum_ for sum_, name in map(str.split, lines)}
    found = {
        one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in VENDOR.iterdir() if one.name != SUMS
    }
    assert found == told


def test_every_file_is_named_with_its_package_and_licence() -> None:
    packages = tomllib.loads((ROOT / "vendor.toml").read_text("utf-8"))["package"]
    named = {name for package in packages for name in package["files"].values()}
    assert named == {one.name for one in VENDOR.iterdir()} - {SUMS}
    for package in packages:
        assert package["integrity"].startswith("sha512-")
        assert any(name.endswith(".LICENSE.txt") for name in package["files"].values())
