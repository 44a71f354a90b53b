"""`mainstay.toml`: where things are and what they may cost, as frozen values.

Everything has a default that works in an empty folder; there, nothing is read and nothing leaves. Secrets
stand here only by reference (`keyring:support`); a password in the file is refused and never repeated in the
error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os.path import normpath
from pathlib import Path

from mainstay.config.accounts import AdapterSettings, read_adapter
from mainstay.config.approvals import ApprovalSettings, read_approvals
from mainstay.config.audit import AuditSettings, read_audit
from mainstay.config.autonomy import AutonomySettings, read_autonomy
from mainstay.config.console import ConsoleSettings, read_console
from mainstay.config.executables import ExecutableSettings, read_executable
from mainstay.config.lessons import read_lessons
from mainstay.config.limits import Throttles, read_recovery, read_throttles
from mainstay.config.living import (
    BackupSettings,
    LogSettings,
    read_backup,
    read_logs,
)
from mainstay.config.memory import MemorySettings, read_memory
from mainstay.config.models import ModelSettings, read_model
from mainstay.config.notify import NotifySettings, read_notify
from mainstay.config.objectives import NO_OBJECTIVES, ObjectiveSettings, read_objectives
from mainstay.config.reading import path_of
from mainstay.config.telemetry import TelemetrySettings, read_telemetry
from mainstay.config.toml import parse_toml
from mainstay.config.triage import TriageSettings, read_triage
from mainstay.kernel.breaker import BreakerSettings
from mainstay.kernel.values import Micros
from mainstay.memory.lesson_rules import Rules
from mainstay.workflows.calendar import find_zone
from mainstay.workflows.document import Document, Problems, Section

FILE = "mainstay.toml"
_TABLES = (
    *("workspace", "operator", "adapters", "models", "budgets", "throttles", "recovery", "lessons"),
    *("console", "notify", "logs", "backup", "memory", "triage", "approvals", "slo", "telemetry"),
    "autonomy",
    "audit",
    "agents",
)
_DAY, _MONTH = Micros(2_000_000), Micros(20_000_000)


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """The workspace itself."""

    name: str
    language: tuple[str, ...] = ("en",)  # what the operator reads; mail in another language always asks
    key: Path | None = None  # where the master key lies, outside of the workspace; None: the key home
    zone: str = ""  # where the operator lives, for rules and quiet hours; UTC without


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """Who stands under the replies."""

    name: str = ""
    signature: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """Limits in micro-units; None is no limit of that kind."""

    day_micros: Micros | None = _DAY
    month_micros: Micros | None = _MONTH
    run_micros: Micros | None = None
    workflow_micros: Micros | None = None  # per workflow and day


@dataclass(frozen=True)
class Settings:
    """All of `mainstay.toml`."""

    workspace: WorkspaceSettings
    operator: OperatorSettings = field(default_factory=OperatorSettings)
    adapters: Mapping[str, AdapterSettings] = field(default_factory=dict)
    models: Mapping[str, ModelSettings] = field(default_factory=dict)
    budgets: BudgetSettings = field(default_factory=BudgetSettings)
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)
    logs: LogSettings = field(default_factory=LogSettings)
    backup: BackupSettings = field(default_factory=BackupSettings)
    throttles: Throttles = ()  # by scope: "workspace", "adapter:NAME", "agent:NAME"
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    lessons: Rules = field(default_factory=Rules)
    memory: MemorySettings = field(default_factory=MemorySettings)
    triage: TriageSettings = field(default_factory=TriageSettings)
    approvals: ApprovalSettings = field(default_factory=ApprovalSettings)
    slo: ObjectiveSettings = NO_OBJECTIVES
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    autonomy: AutonomySettings = field(default_factory=AutonomySettings)
    agents: Mapping[str, ExecutableSettings] = field(default_factory=dict)  # programs of the operator's


def read_settings(raw: bytes, folder: Path, file: str = FILE) -> Settings:
    """The settings in the bytes of a file; `b""` gives the defaults. Raises `ConfigError` and its `also`.

    Paths are taken relative to `folder` and come out absolute.
    """
    return settings_of(parse_toml(raw, file), folder)


def settings_of(document: Document, folder: Path) -> Settings:
    """The same of a document that is parsed already."""
    top, problems = document.top, Problems()
    found: dict[str, object] = {}
    with problems.caught():
        top.only(*_TABLES)
    with problems.caught():
        found["workspace"] = _workspace(top.table("workspace"), folder)
    with problems.caught():
        found["operator"] = _operator(top.table("operator"))
    adapters: dict[str, AdapterSettings] = {}
    models: dict[str, ModelSettings] = {}
    with problems.caught():
        for name in top.table("adapters").data:
            with problems.caught():
                adapters[name] = read_adapter(top.table("adapters"), name, folder)
    with problems.caught():
        for name in top.table("models").data:
            with problems.caught():
                models[name] = read_model(top.table("models"), name)
    budgets, console, notify = BudgetSettings(), ConsoleSettings(), NotifySettings()
    logs, backup = LogSettings(), BackupSettings()
    with problems.caught():
        budgets = _budgets(top.table("budgets"))
    with problems.caught():
        console = read_console(top.table("console"), folder)
    with problems.caught():
        notify = read_notify(top.table("notify"), adapters)
    with problems.caught():
        logs = read_logs(top.table("logs"))
    with problems.caught():
        backup = read_backup(top.table("backup"), folder)
    throttles: Throttles = ()
    with problems.caught():
        # Of an adapter with a mistake in it the name is there all the same.
        throttles = read_throttles(top.table("throttles"), (*top.table("adapters").data,))
    breaker = BreakerSettings()
    with problems.caught():
        breaker = read_recovery(top.table("recovery"))
    lessons = Rules()
    with problems.caught():
        lessons = read_lessons(top.table("lessons"))
    memory = MemorySettings()
    with problems.caught():
        # Of a model with a mistake in it the name is there all the same.
        memory = read_memory(top.table("memory"), (*top.table("models").data,))
    triage = TriageSettings()
    with problems.caught():
        triage = read_triage(top.table("triage"))
    approvals = ApprovalSettings()
    with problems.caught():
        approvals = read_approvals(top.table("approvals"))
    slo = NO_OBJECTIVES
    with problems.caught():
        slo = read_objectives(top.table("slo"))
    telemetry = TelemetrySettings()
    with problems.caught():
        telemetry = read_telemetry(top.table("telemetry"))
    audit = AuditSettings()
    with problems.caught():
        audit = read_audit(top.table("audit"), folder)
    autonomy = AutonomySettings()
    with problems.caught():
        autonomy = read_autonomy(top.table("autonomy"))
    agents: dict[str, ExecutableSettings] = {}
    with problems.caught():
        for name in top.table("agents").data:
            with problems.caught():
                agents[name] = read_executable(top.table("agents"), name)
    problems.raise_any()
    workspace, operator = found["workspace"], found["operator"]
    assert isinstance(workspace, WorkspaceSettings)
    assert isinstance(operator, OperatorSettings)
    return Settings(
        *(workspace, operator, adapters, models, budgets, console, notify, logs, backup),
        *(throttles, breaker, lessons, memory, triage, approvals, slo),
        telemetry=telemetry,
        audit=audit,
        autonomy=autonomy,
        agents=agents,
    )


def _workspace(section: Section, folder: Path) -> WorkspaceSettings:
    section.only("name", "language", "key", "zone")
    key = path_of(section, "key", folder) if section.has("key") else None
    # By way of ".." a path may begin in the folder and end outside of it, or the other way round.
    if key is not None and Path(normpath(key)).is_relative_to(normpath(folder.absolute())):
        raise section.error(
            "key",
            "the key must lie outside of the workspace",
            why="a copy of the folder would hold the key to everything that is sealed in it",
            remedy="leave the line out, or name a place elsewhere",
        )
    language = section.words("language", ("en",))
    for one in language:
        if not (one.isascii() and one.isalpha() and one.islower() and len(one) in (2, 3)):
            raise section.error(
                "language", f"{one!r} is not a language code", remedy='write codes such as "en"'
            )
    if not language:
        raise section.error("language", "at least one language is needed", remedy='write ["en"]')
    zone = section.text("zone", "")
    try:
        if zone:
            find_zone(zone)
    except ValueError as error:
        raise section.error(
            "zone", str(error), remedy='write "Europe/Berlin", or leave it out for UTC'
        ) from None
    return WorkspaceSettings(section.name("name", _folder_name(folder)), language, key, zone)


def _folder_name(folder: Path) -> str:
    text = "".join(one if one.isalnum() and one.isascii() else "-" for one in folder.absolute().name.lower())
    text = text.strip("-")[:64]
    return text if text and text[0].isalpha() else "workspace"


def _operator(section: Section) -> OperatorSettings:
    section.only("name", "signature", "address")
    signature = section.text("signature", "").strip("\n")
    return OperatorSettings(section.text("name", ""), signature, section.text("address", ""))


def _budgets(section: Section) -> BudgetSettings:
    section.only("day_usd", "month_usd", "run_usd", "workflow_usd")
    defaults = BudgetSettings()

    def limit(key: str, default: Micros | None) -> Micros | None:
        amount = section.money(key, default)
        return None if amount is None else Micros(amount)

    return BudgetSettings(
        day_micros=limit("day_usd", defaults.day_micros),
        month_micros=limit("month_usd", defaults.month_micros),
        run_micros=limit("run_usd", defaults.run_micros),
        workflow_micros=limit("workflow_usd", defaults.workflow_micros),
    )
