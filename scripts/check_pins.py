"""Check that the requirement files pin everything by version and hash, and name no place to fetch it from.

Usage: python scripts/check_pins.py. Prints each complaint as FILE: what is wrong, and exits with 1 if
there is one. An address of an index in these files would tie everybody who installs Mainstay to one mirror.
"""

import re
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"
_PIN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+]+( ; .+)?$")
_HASH = re.compile(r"^--hash=sha256:[0-9a-f]{64}$")


def complaints(text: str) -> list[str]:
    """What is wrong with one requirement file's text; nothing if it pins, hashes and names no place."""
    found: list[str] = []
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for statement in "\n".join(lines).replace("\\\n", " ").splitlines():
        pin, *hashes = re.split(r"\s+(?=--)", statement.strip())
        if not _PIN.match(pin):
            found.append(
                f"'{pin}' is not a name pinned to one version (nor may a file hold options or addresses)"
            )
        elif not hashes:
            found.append(f"'{pin}' has no hash")
        found += [f"'{pin}' has '{value}', which is no sha256" for value in hashes if not _HASH.match(value)]
    if "://" in text:
        found.append("holds an address; run scripts/pin.sh, which writes none")
    return found


def main() -> int:
    """Check every file; the number to exit with."""
    files = sorted(REQUIREMENTS.glob("*.txt"))
    found = [
        f"{path.name}: {complaint}" for path in files for complaint in complaints(path.read_text("utf-8"))
    ]
    for line in found:
        print(line, file=sys.stderr)
    if not found:
        print(f"{len(files)} requirement files: all pinned by hash, no address")
    return 1 if found or not files else 0


if __name__ == "__main__":
    raise SystemExit(main())
