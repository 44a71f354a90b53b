"""`[triage]` of mainstay.toml: the error allowed of what nobody looks at, and how much of it is looked at anyway."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.memory.gate_rules import AUDIT_SHARE, TARGET_ERROR
from mainstay.workflows.document import Section, kind

TARGET_MIN, TARGET_MAX = 0.002, 0.2
AUDIT_MIN, AUDIT_MAX = 0.01, 0.5


@dataclass(frozen=True, slots=True)
class TriageSettings:
    """What the gate promises."""

    target_error: float = TARGET_ERROR  # of what passes
    audit_share: float = (
        AUDIT_SHARE  # of what would pass: a person looks at it, and so the promise is checked
    )


def read_triage(section: Section) -> TriageSettings:
    """`[triage]`."""
    section.only("target_error", "audit_share")
    return TriageSettings(
        _share(
            section,
            "target_error",
            TARGET_ERROR,
            (TARGET_MIN, TARGET_MAX),
            "it is the share that may be wrong of what nobody looks at",
        ),
        _share(
            section,
            "audit_share",
            AUDIT_SHARE,
            (AUDIT_MIN, AUDIT_MAX),
            "without a sample that a person looks at, nobody would know whether the promise is kept",
        ),
    )


def _share(section: Section, key: str, default: float, bounds: tuple[float, float], why: str) -> float:
    if not section.has(key):
        return default
    value = section.value(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise section.error(
            key, f"{key!r} must be a number, and is {kind(value)}", remedy=f"write {default:g}"
        )
    least, most = bounds
    if not least <= value <= most:
        raise section.error(
            key, f"{key!r} must lie between {least:g} and {most:g}", why=why, remedy=f"write {default:g}"
        )
    return float(value)
