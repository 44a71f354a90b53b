"""The operator's own programs: from `[agents]` to agents, and what the operator says of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from mainstay.agents.base import Data, MessageView, Reply, schema_of
from mainstay.agents.executable import Executable, Program
from mainstay.config.executables import ExecutableSettings, FieldSettings
from mainstay.kernel.contract import FieldType
from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.plan import Role
from mainstay.kernel.values import Json
from mainstay.net.box import MB, Limits

if TYPE_CHECKING:
    from mainstay.config.settings import Settings

FILE_BYTES_MAX: Final = 64 * MB  # all files of one program
Known = Callable[[str], Json | None]  # the row of the view `executables`
Operate = Callable[..., Json]

_PYTHON: Mapping[FieldType, Any] = {
    FieldType.BOOL: bool,
    FieldType.INT: int,
    FieldType.NUMBER: float,
    FieldType.STRING: str,
    FieldType.STRINGS: tuple[str, ...],
    FieldType.TEXT: str,
    FieldType.MESSAGE: MessageView,
    FieldType.REPLY: Reply,
    FieldType.RECORDS: tuple[dict[str, Any], ...],
    FieldType.RECORD: dict[str, Any],
}


@dataclass(frozen=True, slots=True)
class ExecutableState:
    """One program as it stands. State: trusted, changed, untrusted, missing."""

    name: str
    role: str
    run: str
    files: tuple[str, ...]
    state: str
    digest: str  # of the files as they are now; empty where they cannot be read
    trusted: str
    trusted_at: int
    trusted_by: str
    problem: str = ""


def executable_agents(root: Path, settings: Settings, known: Known) -> tuple[Executable, ...]:
    """The programs of the settings as agents."""
    own = tuple(address for one in settings.adapters.values() for address in (one.address, *one.aliases))
    return tuple(
        _agent(root, one, known, own=own, languages=settings.workspace.language)
        for one in settings.agents.values()
    )


def trusted_digest(row: Json | None) -> str:
    """What a row of the view says is trusted; empty for nothing."""
    return str(row["digest"]) if row is not None else ""


def read_program(root: Path, settings: ExecutableSettings) -> Program:
    """The files of a program, each opened once and read whole. Raises `CommandRefused`."""
    files: dict[str, bytes] = {}
    for place in (settings.run, *settings.files):
        files[place] = _read(root, place, FILE_BYTES_MAX - sum(map(len, files.values())))
    return Program(files)


class Executables:
    """What the operator says of their programs."""

    def __init__(self, root: Path, settings: Callable[[], Settings], known: Known, operate: Operate) -> None:
        """`settings` are read at each call, for the programs of a file that was changed meanwhile."""
        self._root = root
        self._settings = settings
        self._known = known
        self._operate = operate

    def all(self) -> tuple[ExecutableState, ...]:
        """Every program of the settings."""
        return tuple(self.show(name) for name in self._settings().agents)

    def show(self, name: str) -> ExecutableState:
        """One program. Raises `NotFound`."""
        settings = self._of(name)
        row = self._known(name)
        trusted, problem, found = trusted_digest(row), "", ""
        try:
            found = read_program(self._root, settings).digest
        except CommandRefused as error:
            problem = str(error)
        state = (
            "missing" if problem else "trusted" if found == trusted else "changed" if trusted else "untrusted"
        )
        at, by = (int(row["at"]), str(row["actor"])) if row is not None else (0, "")
        return ExecutableState(
            *(name, settings.role.value, settings.run, settings.files, state),
            *(found, trusted, at, by, problem),
        )

    @property
    def sandbox(self) -> str:
        """Why this machine can run none of them; empty: it can. It is tried once, with nothing of theirs."""
        from mainstay.net.sandbox import why_not

        return why_not()

    def trust(self, name: str, *, digest: str | None = None, actor: str = "operator") -> Json:
        """Trust the files as they are now; with a digest (or its beginning) only if they are these."""
        found = read_program(self._root, self._of(name)).digest
        if digest is not None and (len(digest) < 8 or not found.startswith(digest)):
            raise CommandRefused(
                f"The files of {name!r} are not those that you looked at.",
                why=f"Their digest is {found[:16]} now.",
                remedy=f"Look at them again: `mainstay agents check {name}`.",
            )
        return self._operate("trust", name=name, digest=found, actor=actor)

    def distrust(self, name: str, *, actor: str = "operator") -> Json:
        """Run it no more. It may have left the settings already."""
        if name not in self._settings().agents and self._known(name) is None:
            self._of(name)
        return self._operate("distrust", name=name, actor=actor)

    def _of(self, name: str) -> ExecutableSettings:
        agents = self._settings().agents
        found = agents.get(name)
        if found is None:
            known = ", ".join(agents) or "none"
            raise NotFound(
                f"There is no program {name[:80]!r}.",
                why=f"[agents] of mainstay.toml names {known}.",
                remedy="docs/executables.md tells how to add one.",
            )
        return found


def _agent(
    root: Path,
    settings: ExecutableSettings,
    known: Known,
    *,
    own: tuple[str, ...],
    languages: tuple[str, ...],
) -> Executable:
    name = settings.name
    gives = settings.output and _model(f"{name} output", settings.output)
    made = Executable(
        name,
        settings.role,
        input=_model(f"{name} input", settings.input),
        output=gives or None,
        read=lambda: read_program(root, settings),
        trusted=lambda: trusted_digest(known(name)),
        limits=Limits(
            wall_s=settings.timeout_s,
            cpu_s=int(settings.timeout_s) + 1,
            memory_max=settings.memory_mb * MB,
            pids_max=settings.processes,
            scratch_max=settings.scratch_mb * MB,
        ),
        recalls=settings.recall,
        own_addresses=own,
        languages=languages,
    )
    schema_of(made.input)  # raises where a declared type is one that workflows do not know
    assert made.role in (Role.SPECIALIST, Role.EXECUTOR)
    return made


def _model(name: str, fields: Mapping[str, FieldSettings]) -> type[Data]:
    from pydantic import ConfigDict, create_model

    class Strict(Data):
        model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    parts: dict[str, Any] = {}
    for field, one in fields.items():
        python: Any = _PYTHON[one.type] if one.required else _PYTHON[one.type] | None
        if one.type is FieldType.TEXT:
            python = Annotated[python, "text"]  # kept sealed
        parts[field] = (python, ...) if one.required else (python, None)
    made: type[Data] = create_model(name, __base__=Strict, **parts)
    return made


def _read(root: Path, place: str, most: int) -> bytes:
    """A file inside of the folder, by no link that leads out of it."""
    try:
        real = (root / place).resolve(strict=True)
        if not real.is_relative_to(root.resolve()):
            raise CommandRefused(f"{place} leads out of the workspace folder.", remedy="Put a copy into it.")
        opened = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CommandRefused(
            f"{place} cannot be read.",
            why=error.strerror or str(error),
            remedy="Look at [agents] in mainstay.toml.",
        ) from None
    with open(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise CommandRefused(f"{place} is not a file.", remedy="Look at [agents] in mainstay.toml.")
        data = file.read(most + 1)
    if len(data) > most:
        raise CommandRefused(f"The files of this program are larger than {FILE_BYTES_MAX // MB} MB.")
    return data
