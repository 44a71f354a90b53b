"""`[autonomy]` of mainstay.toml: how many errors may pass, how long an act can be taken back, and how far it may go.

[autonomy]
target = "10%"          # promoted where the evidence shows fewer errors than this
hold = "PT15M"          # how long each act can be taken back before it leaves
most = "held"           # no kind goes further: "ask", "held", "automatic"
promote = "propose"     # or "by itself": granted as soon as it is proved

[[autonomy.kind]]       # for some kinds other words; the first that fits counts
act = "email.reply"
class = "refund*"
target = "2%"
most = "ask"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from mainstay.kernel.levels import PPM, AutonomyRules, Level
from mainstay.kernel.values import DAY
from mainstay.workflows.document import Problems, Section

_KEYS = ("target", "hold", "most", "promote")
_PATTERNS = ("workflow", "act", "class")
_PERCENT = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,4})?) *%")
_PATTERN = re.compile(r"[a-z0-9_.*?-]{1,64}")
_TARGET_MIN_PPM, _TARGET_MAX_PPM = 1_000, 500_000
_HOLD_MAX_US = 7 * DAY


@dataclass(frozen=True, slots=True)
class KindRules:
    """Settings of the kinds that fit: workflow, act and class may each end in, or hold, a star."""

    workflow: str = "*"
    act: str = "*"
    kind_class: str = "*"
    rules: AutonomyRules = field(default_factory=AutonomyRules)

    def fits(self, kind: str) -> bool:
        """Whether a kind, written `workflow/act/class`, is one of these."""
        workflow, act, kind_class = (*kind.split("/", 2), "", "")[:3]
        pairs = ((workflow, self.workflow), (act, self.act), (kind_class, self.kind_class))
        return all(fnmatchcase(one, pattern) for one, pattern in pairs)


@dataclass(frozen=True, slots=True)
class AutonomySettings:
    """How far acts may go by themselves."""

    rules: AutonomyRules = field(default_factory=AutonomyRules)
    kinds: tuple[KindRules, ...] = ()

    def of(self, kind: str) -> AutonomyRules:
        """The settings of one kind."""
        return next((one.rules for one in self.kinds if one.fits(kind)), self.rules)


class RulesByKind(Mapping[str, AutonomyRules]):
    """The settings of every kind there could be, for the kernel, which asks by a kind's name."""

    def __init__(self, settings: AutonomySettings) -> None:
        self._settings = settings

    def __getitem__(self, kind: str) -> AutonomyRules:
        return self._settings.of(kind)

    def __contains__(self, kind: object) -> bool:
        return isinstance(kind, str)

    def __iter__(self) -> Iterator[str]:
        return iter(())  # they are made by patterns, and have no list

    def __len__(self) -> int:
        return len(self._settings.kinds)


def read_autonomy(section: Section) -> AutonomySettings:
    """`[autonomy]`. Raises for the first value that makes no sense, with its line."""
    section.only(*_KEYS, "kind")
    rules = _rules(section, AutonomyRules())
    problems, kinds = Problems(), list[KindRules]()
    for one in section.tables("kind"):
        with problems.caught():
            kinds.append(_kind(one, rules))
    problems.raise_any()
    return AutonomySettings(rules, tuple(kinds))


def parse_share(text: str) -> int:
    """Millionths of a share that is written `10%` or `0.5%`. Raises `ValueError`."""
    match = _PERCENT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a share in percent")
    return round(float(match[1]) * PPM / 100)


def _rules(section: Section, usual: AutonomyRules) -> AutonomyRules:
    target = section.parsed("target", parse_share, 'write "10%", or "2%" for what must hardly ever be wrong')
    target_ppm = usual.target_ppm if target is None else target
    if not _TARGET_MIN_PPM <= target_ppm <= _TARGET_MAX_PPM:
        raise section.error(
            "target",
            f"{100 * target_ppm / PPM:g}% cannot be the share of errors that may pass",
            why="below 0.1% nobody decides often enough to prove it; above 50% it would prove nothing",
            remedy='write "10%": proved by 43 decisions without an error',
        )
    hold_us = section.duration_us("hold", usual.hold_us)
    assert hold_us is not None
    if hold_us > _HOLD_MAX_US:
        raise section.error(
            "hold",
            "an act that waits for more than a week before it leaves would come too late",
            remedy='write "PT15M"; a kind that is granted "automatic" leaves without a window',
        )
    most = Level(section.choice("most", _LEVELS, str(usual.most)))
    usually = "by itself" if usual.by_itself else "propose"
    by_itself = section.choice("promote", ("propose", "by itself"), usually) == "by itself"
    return replace(usual, target_ppm=target_ppm, hold_us=hold_us, most=most, by_itself=by_itself)


_LEVELS = (str(Level.ASK), str(Level.HELD), str(Level.AUTOMATIC))


def _kind(section: Section, usual: AutonomyRules) -> KindRules:
    section.only(*_PATTERNS, *_KEYS)
    if not any(section.has(one) for one in _PATTERNS):
        raise section.error(
            "",
            "this does not say of which kinds of act",
            why="what holds of all of them stands in [autonomy]",
            remedy='add act = "email.reply", workflow = "triage" or class = "refund"',
        )
    workflow, act, kind_class = (_pattern(section, one) for one in _PATTERNS)
    return KindRules(workflow, act, kind_class, _rules(section, usual))


def _pattern(section: Section, key: str) -> str:
    text = section.text(key, "*")
    if _PATTERN.fullmatch(text) is None:
        raise section.error(
            key,
            f"{text[:80]!r} cannot fit any {key}",
            why="names have lower-case letters, digits, '-', '_' and '.'; a star stands for any of them",
            remedy='write a name, or its beginning and a star: "refund*"',
        )
    return text
