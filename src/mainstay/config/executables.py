"""`[agents.NAME]` of `mainstay.toml`: a program of the operator's as an agent, with its types and limits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from mainstay.kernel.contract import FieldType
from mainstay.kernel.plan import Role
from mainstay.kernel.values import SECOND
from mainstay.workflows.document import NAME, NAME_RULE, Section

SHIPPED: Final = ("intent", "reply-writer", "reply-checks", "proposer")
TAKEN: Final = tuple(one for one in FieldType if one not in (FieldType.ANY, FieldType.FINDINGS))
GIVEN: Final = tuple(one for one in TAKEN if one is not FieldType.MESSAGE)
ROLES: Final = (Role.SPECIALIST, Role.EXECUTOR)
_KEYS: Final = (
    *("run", "files", "role", "input", "output", "recall", "timeout", "memory_mb", "processes"),
    "scratch_mb",
)


@dataclass(frozen=True, slots=True)
class FieldSettings:
    """One declared field: `"string"`, or `"string?"` where it may be absent."""

    type: FieldType
    required: bool


@dataclass(frozen=True)
class ExecutableSettings:
    """One program."""

    name: str
    run: str  # relative to the workspace folder, as `files`
    role: Role
    input: Mapping[str, FieldSettings]
    output: Mapping[str, FieldSettings]
    files: tuple[str, ...] = ()
    recall: bool = False
    timeout_s: float = 30.0
    memory_mb: int = 512
    processes: int = 32
    scratch_mb: int = 64


def read_executable(agents: Section, name: str) -> ExecutableSettings:
    """One table of `[agents]`. Raises `ConfigError` with file, key and line."""
    if NAME.fullmatch(name) is None:
        raise agents.error(name, f"{name!r} cannot be the name of an agent", why=NAME_RULE)
    if name in SHIPPED:
        raise agents.error(
            name, f"{name!r} is an agent that Mainstay brings", remedy="give yours another name"
        )
    section = agents.table(name)
    section.only(*_KEYS)
    role = Role(section.choice("role", [str(one) for one in ROLES]))
    output = _fields(section, "output", GIVEN)
    if role is Role.SPECIALIST and not output:
        raise section.error("", "what it gives is missing", remedy='write output = { price = "number" }')
    timeout_us = section.duration_us("timeout", 30 * SECOND)
    assert timeout_us is not None
    if not 0 < timeout_us <= 600 * SECOND:
        raise section.error("timeout", "a program has ten minutes at most", remedy='write "PT30S"')
    return ExecutableSettings(
        name=name,
        run=_place(section, "run", section.text("run")),
        role=role,
        input=_fields(section, "input", TAKEN),
        output=output,
        files=tuple(_place(section, "files", one) for one in section.words("files", ())),
        recall=section.flag("recall", False),
        timeout_s=timeout_us / SECOND,
        memory_mb=section.whole("memory_mb", 512, least=16, most=65_536),
        processes=section.whole("processes", 32, least=2, most=1_000),
        scratch_mb=section.whole("scratch_mb", 64, least=1, most=4_096),
    )


def _fields(section: Section, key: str, allowed: Collection[FieldType]) -> dict[str, FieldSettings]:
    table, found = section.table(key), dict[str, FieldSettings]()
    words = [str(one) for one in allowed]
    for name in table.data:
        if NAME.fullmatch(name) is None or name.startswith("model_"):
            raise table.error(name, f"{name[:80]!r} cannot be the name of a field", why=NAME_RULE)
        written = table.text(name)
        plain = written.removesuffix("?")
        if plain not in words:
            raise table.error(
                name,
                f"{written[:40]!r} is no type",
                remedy=f"there is {', '.join(words)}; with '?' it may be absent",
            )
        found[name] = FieldSettings(FieldType(plain), required=plain == written)
    return found


def _place(section: Section, key: str, text: str) -> str:
    """A path inside of the workspace folder, and outside of what Mainstay keeps there."""
    path = PurePosixPath(text)
    inside = not path.is_absolute() and ".." not in path.parts and path.parts and "\0" not in text
    if not inside or path.parts[0] == ".mainstay":
        raise section.error(
            key, f"{text[:80]!r} is no place in the workspace folder", remedy='write "agents/pricing.py"'
        )
    return str(path)
