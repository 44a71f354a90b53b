"""What the demo compares with: what the sample mailbox says of itself, and what lies in the delivery folder."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from mainstay.data import sample_path

_THREAD = re.compile(rb"^(?:References|In-Reply-To):(.*(?:\n[ \t].*)*)", re.MULTILINE | re.IGNORECASE)
_ID = re.compile(rb"<([^<>\s]+)>")
_KEY = re.compile(rb"^X-Mainstay-Key:[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Expected:
    """One message of the sample, as expected.csv describes it."""

    message_id: str
    disposition: str


def read_expected() -> dict[str, list[Expected]]:
    """The messages of both batches, in the order of their files."""
    found: dict[str, list[Expected]] = {"first": [], "second": []}
    for row in csv.DictReader(sample_path("expected.csv").read_text("utf-8").splitlines()):
        found[row["batch"]].append(Expected(row["message_id"].strip("<>"), row["disposition"]))
    return found


def thread_ids(mbox: str) -> set[str]:
    """The Message-IDs that messages of a sample file answer."""
    raw = sample_path(mbox).read_bytes()
    return {one.decode("latin-1") for names in _THREAD.findall(raw) for one in _ID.findall(names)}


def delivered_files(root: Path) -> list[Path]:
    """The mails in the delivery folder."""
    return sorted(
        path for part in ("new", "cur") for path in (root / "outbox" / part).glob("*") if path.is_file()
    )


def delivered_by_key(root: Path) -> dict[str, int]:
    """How often each idempotency key lies in the delivery folder."""
    found: dict[str, int] = {}
    for path in delivered_files(root):
        match = _KEY.search(path.read_bytes())
        key = match.group(1).decode("latin-1") if match else path.name
        found[key] = found.get(key, 0) + 1
    return found
