"""`Workspace.settings`: what is set and where that stands, where things lie, and what is installed. Reading alone.

    for table in workspace.settings.all():
        for one in table.keys:
            print(table.name, one.key, one.value, one.line or "default")

Settings are as the file says now; a director goes by what it said when it started (`changed_since`). Secrets are shown
by reference, never by value.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import TYPE_CHECKING

from mainstay.kernel.values import Instant
from mainstay.workspace.folder import Folder

if TYPE_CHECKING:
    from mainstay.config.recorded import ShownTable
    from mainstay.config.settings import Settings

ENVIRONMENT = ("MAINSTAY_KEY_HOME", "XDG_CONFIG_HOME")  # the variables that change where things lie

# As pyproject.toml has them; a test compares.
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "embedder": ("numpy", "onnx", "onnxruntime"),
    "secrets": ("keyring", "pyrage"),
    "models": ("pydantic-ai-slim", "genai-prices"),
    "documents": ("pypdf",),
    "console": (
        *("argon2-cffi", "fastapi", "jinja2", "prometheus-client"),
        *("python-multipart", "starlette", "uvicorn"),
    ),
    "mcp": ("mcp",),
    "telemetry": ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"),
}


@dataclass(frozen=True, slots=True)
class BackupState:
    """What is backed up by rule, and when that was last done well."""

    configured: bool
    folder: Path | None
    every_us: int
    keep: int
    at: Instant  # of the newest one that is whole; 0: none
    count: int


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie, and how large they are."""

    root: Path
    ledger: Path
    ledger_bytes: int
    log_bytes: int  # written, and not folded into the file yet
    keys: Path
    master_key: Path
    signing_key: Path
    checkpoints: tuple[Path, ...]
    logs: Path
    disk_free_bytes: int
    environment: Mapping[str, str]  # of `ENVIRONMENT`, those that are set


@dataclass(frozen=True, slots=True)
class Extra:
    """A library that comes with an extra, and which version is installed; empty for none."""

    extra: str
    library: str
    version: str


class SettingsShown:
    """The settings of one workspace, for whoever looks."""

    def __init__(
        self, folder: Folder, settings: Callable[[], Settings], key: Callable[[], Path | None]
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._key = key

    def all(self) -> tuple[ShownTable, ...]:
        """Every key of every table, with its value or what stands for it. Raises `ConfigError`."""
        from mainstay.config.recorded import shown

        return shown(self._raw(), self._folder.root)

    def name(self) -> str:
        """What the workspace is called. Raises `ConfigError`."""
        return self._settings().workspace.name

    def adapters(self) -> tuple[str, ...]:
        """The names of the adapters that are configured."""
        return tuple(self._settings().adapters)

    def budgets(self) -> Mapping[str, int | None]:
        """The limits in micro-units, by scope: day, month, run, workflow (in a day); None where there is none."""
        one = self._settings().budgets
        return {
            "day": one.day_micros,
            "month": one.month_micros,
            "run": one.run_micros,
            "workflow": one.workflow_micros,
        }

    def backup(self) -> BackupState:
        """Whether and when it is backed up. Raises `ConfigError`."""
        from mainstay.ledger.backup_manifest import backups

        rule = self._settings().backup
        found = backups(rule.folder) if rule.folder is not None else []
        own = [one for _, one in found if one.workspace == self._folder.id]
        last = Instant(max((one.made_at for one in own), default=0))
        return BackupState(rule.folder is not None, rule.folder, rule.every_us, rule.keep, last, len(own))

    def places(self) -> Places:
        """Where things lie."""
        from mainstay.ledger.master_key import master_key_path
        from mainstay.workspace.signing_places import places_of

        folder, signing = self._folder, places_of(self._folder)
        return Places(
            root=folder.root,
            ledger=folder.ledger,
            ledger_bytes=_size(folder.ledger),
            log_bytes=_size(folder.ledger.with_name(folder.ledger.name + "-wal")),
            keys=folder.keys,
            master_key=_plain(self._key() or master_key_path(folder.id)),
            signing_key=_plain(signing.key),
            checkpoints=tuple(map(_plain, signing.files)),
            logs=folder.logs,
            disk_free_bytes=disk_usage(folder.state).free,
            environment={name: os.environ[name] for name in ENVIRONMENT if os.environ.get(name)},
        )

    def changed_since(self, at: Instant | int) -> bool:
        """Whether the file was written after that: then a director that started then goes by an older one."""
        try:
            return self._file.stat().st_mtime * 1_000_000 > at
        except OSError:
            return False

    def extras(self) -> tuple[str, str, tuple[Extra, ...]]:
        """Our version, that of Python, and every library of an extra with its version."""
        from mainstay import __version__

        return __version__, ".".join(map(str, sys.version_info[:3])), tuple(_extras())

    @property
    def _file(self) -> Path:
        from mainstay.config.settings import FILE

        return self._folder.root / FILE

    def _raw(self) -> bytes:
        return self._file.read_bytes() if self._file.exists() else b""


def _extras() -> Iterator[Extra]:
    from importlib.metadata import PackageNotFoundError, version

    for extra, libraries in EXTRAS.items():
        for one in libraries:
            try:
                yield Extra(extra, one, version(one))
            except PackageNotFoundError:
                yield Extra(extra, one, "")


def _plain(path: Path) -> Path:
    """The same place without a way back on the way there."""
    return Path(os.path.normpath(path))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
