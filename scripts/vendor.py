"""Take what the console serves of others out of their published packages: `python scripts/vendor.py`.

Reads vendor.toml, fetches each package with `npm pack`, checks the sum that its registry published, and writes the
named files with their licences, and SHA256SUMS, which a test holds the tree to. Nothing of npm is needed at run time.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INTO = ROOT / "src" / "mainstay" / "console" / "static" / "vendor"
SUMS = "SHA256SUMS"


def main() -> None:
    """Write the files, all or none of a package."""
    wanted = tomllib.loads((ROOT / "vendor.toml").read_text("utf-8"))["package"]
    INTO.mkdir(parents=True, exist_ok=True)
    written: dict[str, str] = {}
    for package in wanted:
        for name, content in taken(package).items():
            (INTO / name).write_bytes(content)
            written[name] = hashlib.sha256(content).hexdigest()
            print(f"{name:24} {len(content):>8,} bytes  {package['name']} {package['version']}")
    for extra in {one.name for one in INTO.iterdir()} - written.keys() - {SUMS}:
        (INTO / extra).unlink()
    (INTO / SUMS).write_text("".join(f"{sum_}  {name}\n" for name, sum_ in sorted(written.items())), "utf-8")


def taken(package: dict[str, object]) -> dict[str, bytes]:
    """The files of one package under our names. Ends the program where the package is not the one that is named."""
    with tempfile.TemporaryDirectory() as folder:
        told = subprocess.run(
            ["npm", "pack", "--silent", f"{package['name']}@{package['version']}"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        archive = Path(folder) / told.stdout.split()[-1]
        found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != package["integrity"]:
            sys.exit(
                f"{package['name']} {package['version']} is not what vendor.toml names: its sum is {found}"
            )
        files = package["files"]
        assert isinstance(files, dict), "vendor.toml maps the package's files to ours"
        with tarfile.open(archive) as opened:
            return {name: _read(opened, f"package/{inside}") for inside, name in files.items()}


def _read(opened: tarfile.TarFile, name: str) -> bytes:
    member = opened.extractfile(name)
    if member is None:
        sys.exit(f"the package has no {name}")
    return member.read()


if __name__ == "__main__":
    main()
