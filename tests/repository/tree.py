"""The tracked files of this repository, as the tests of the repository see them."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_NOT_OURS = {
    ".git",
    ".venv",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".import_linter_cache",
    ".hypothesis",
}


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file under version control; in an unpacked archive, every file that is not a tool's cache."""
    asked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if asked.returncode == 0 and asked.stdout:
        paths = [ROOT / name for name in asked.stdout.decode("utf-8").split("\0") if name]
        # Deleted but not yet committed, or a link: nothing to read.
        return tuple(path for path in paths if path.is_file() and not path.is_symlink())
    everything = ROOT.rglob("*")
    return tuple(
        sorted(
            path
            for path in everything
            if path.is_file() and not _NOT_OURS & set(path.relative_to(ROOT).parts)
        )
    )


def name_of(path: Path) -> str:
    """The path as a person in the repository's root would type it."""
    return path.relative_to(ROOT).as_posix()
