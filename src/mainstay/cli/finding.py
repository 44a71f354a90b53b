"""What a check of `mainstay doctor` says of one thing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. Level: ok, note (nothing to do), warn, fail, mended."""

    part: str
    level: str
    detail: str
    remedy: str = ""
