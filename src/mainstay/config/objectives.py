"""`[slo.WORKFLOW]` of mainstay.toml: what share of a workflow's work must be well, and within which time.

    [slo.triage]
    success = "99%"
    proposal = { within = "PT5M", share = "95%" }
    effect = { within = "PT1M", share = "99%" }
    exact = true

What is not written is as in `DEFAULTS`; `false` leaves an objective out. That the workflow exists is checked where
all files of the folder are read (`config.files`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mainstay.governance.objectives import PPM, Kind, Objective
from mainstay.kernel.errors import ConfigError
from mainstay.kernel.values import DAY, MINUTE
from mainstay.workflows.document import NAME, NAME_RULE, Problems, Section, suggestion

DEFAULTS = (
    Objective(Kind.SUCCESS, 950_000),
    Objective(Kind.PROPOSAL, 900_000, 15 * MINUTE),
    Objective(Kind.EFFECT, 950_000, 10 * MINUTE),
    Objective(Kind.EXACTNESS, PPM),
)
_USUAL = {one.kind: one for one in DEFAULTS}
_SHARE = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,4}))? ?%")
_SHARE_LEAST, _SHARE_MOST = 500_000, 999_990
_WITHIN_MOST_US = 3 * DAY


@dataclass(frozen=True, slots=True)
class ObjectiveSettings:
    """What was written, by workflow, and where."""

    by_workflow: Mapping[str, tuple[Objective, ...]]
    lines: Mapping[str, int | None] = field(compare=False)
    file: str = field(default="", compare=False)

    def of(self, workflow: str) -> tuple[Objective, ...]:
        """The objectives of a workflow: its own, or those of all."""
        return self.by_workflow.get(workflow, DEFAULTS)

    def require_known(self, workflows: Collection[str]) -> None:
        """Raises `ConfigError` for objectives of a workflow that there is not."""
        problems = Problems()
        for name in self.by_workflow:
            if name not in workflows:
                with problems.caught():
                    raise ConfigError(
                        f"there is no workflow {name!r}",
                        file=self.file,
                        key=f"slo.{name}",
                        line=self.lines.get(name),
                        remedy=suggestion(name, workflows),
                    )
        problems.raise_any()


NO_OBJECTIVES = ObjectiveSettings({}, {})


def read_objectives(section: Section) -> ObjectiveSettings:
    """`[slo.WORKFLOW]`, each with what it does not say filled in."""
    problems, found = Problems(), dict[str, tuple[Objective, ...]]()
    lines: dict[str, int | None] = {}
    for name in section.data:
        with problems.caught():
            if NAME.fullmatch(name) is None:
                raise section.error(name, f"{name[:80]!r} is not a name", why=NAME_RULE)
            found[name] = _of_workflow(section.table(name))
            lines[name] = section.document.line((*section.path, name))
    problems.raise_any()
    return ObjectiveSettings(found, lines, section.document.file)


def parse_share(text: str) -> int:
    """Millionths of a share such as `99%` or `99.9%`. Raises `ValueError`."""
    match = _SHARE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a share")
    share = int(match[1]) * 10_000 + int((match[2] or "").ljust(4, "0"))
    if share == PPM:
        raise ValueError("100 % leaves no budget, so that one failure would be told for three days")
    if not _SHARE_LEAST <= share <= _SHARE_MOST:
        raise ValueError("a share lies between 50 % and 99.999 %")
    return share


def _of_workflow(section: Section) -> tuple[Objective, ...]:
    section.only("success", "proposal", "effect", "exact")
    problems, found = Problems(), list[Objective]()
    with problems.caught():
        if not _left_out(section, "success"):
            usual = _USUAL[Kind.SUCCESS].share_ppm
            found.append(Objective(Kind.SUCCESS, _share(section, "success", usual)))
    for kind in (Kind.PROPOSAL, Kind.EFFECT):
        with problems.caught():
            if not _left_out(section, str(kind)):
                found.append(_latency(section.table(str(kind)), kind))
    with problems.caught():
        if section.flag("exact", default=True):
            found.append(_USUAL[Kind.EXACTNESS])
    problems.raise_any()
    return tuple(found)


def _left_out(section: Section, key: str) -> bool:
    return section.has(key) and section.value(key) is False


def _latency(section: Section, kind: Kind) -> Objective:
    section.only("within", "share")
    usual = _USUAL[kind]
    within_us = section.duration_us("within", usual.within_us)
    assert within_us is not None
    if within_us > _WITHIN_MOST_US:
        raise section.error("within", "that is longer than the three days that are looked at")
    return Objective(kind, _share(section, "share", usual.share_ppm), within_us)


def _share(section: Section, key: str, default: int) -> int:
    if not section.has(key):
        return default
    share = section.parsed(key, parse_share, 'write "99%" or "99.9%"')
    assert isinstance(share, int)
    return share
