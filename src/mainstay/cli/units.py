"""What a service manager is told of a workspace: units of systemd, property lists of launchd. Texts, no more.

- The director is started again when it fails, later each time; ended on purpose it stays ended.
- The director says that it is alive (`WatchdogSec`): one that hangs is killed and started again.
- Hardening is what a user's own manager can do without privileges.
"""

from __future__ import annotations

import plistlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HEARTBEAT_EVERY_S = 300
WATCHDOG_S = 180


@dataclass(frozen=True, slots=True)
class Service:
    """One workspace as a service."""

    label: str  # "mainstay-desk-1a2b3c4d"
    name: str
    root: Path
    python: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> tuple[str, ...]:
        """A command of ours on this workspace."""
        return (self.python, "-P", "-m", "mainstay", *arguments, "--workspace", str(self.root))


def systemd_units(service: Service) -> dict[str, str]:
    """File names and texts: the director, and the look at its sign of life with the timer that runs it."""
    environment = "".join(
        f"Environment={_quoted(f'{name}={value}')}\n" for name, value in sorted(service.environment.items())
    )
    director = f"""\
[Unit]
Description=Mainstay director of {_percent(service.name)}
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={_command(service.command("up"))}
{environment}Environment=PYTHONUNBUFFERED=1
Restart=on-failure
RestartSec=5
RestartSteps=6
RestartMaxDelaySec=300
WatchdogSec={WATCHDOG_S}
TimeoutStartSec=1800
TimeoutStopSec=60
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"""
    look = f"""\
[Unit]
Description=Look whether the Mainstay director of {_percent(service.name)} is alive

[Service]
Type=oneshot
ExecStart={_command(service.command("heartbeat", "check", "--quiet"))}
{environment}TimeoutStartSec=300
UMask=0077
NoNewPrivileges=yes
"""
    timer = f"""\
[Unit]
Description=Every {HEARTBEAT_EVERY_S // 60} minutes: is the Mainstay director of {_percent(service.name)} alive?

[Timer]
OnActiveSec={HEARTBEAT_EVERY_S}
OnUnitActiveSec={HEARTBEAT_EVERY_S}
AccuracySec=30

[Install]
WantedBy=timers.target
"""
    return {
        f"{service.label}.service": director,
        f"{service.label}-heartbeat.service": look,
        f"{service.label}-heartbeat.timer": timer,
    }


def launchd_files(service: Service) -> dict[str, str]:
    """The same for launchd: an agent of the user, and one that looks."""
    director = {
        "Label": f"org.{service.label}",
        "ProgramArguments": list(service.command("up")),
        "EnvironmentVariables": {**service.environment, "PYTHONUNBUFFERED": "1"},
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ExitTimeOut": 60,
        "Umask": 0o077,
        "ProcessType": "Background",
    }
    look = {
        "Label": f"org.{service.label}-heartbeat",
        "ProgramArguments": list(service.command("heartbeat", "check", "--quiet")),
        "EnvironmentVariables": dict(service.environment),
        "StartInterval": HEARTBEAT_EVERY_S,
        "Umask": 0o077,
    }
    return {
        f"{one['Label']}.plist": plistlib.dumps(one, sort_keys=False).decode() for one in (director, look)
    }


def _command(words: Sequence[str]) -> str:
    return " ".join(_quoted(word.replace("$", "$$")) for word in words)


def _quoted(text: str) -> str:
    """As one word of a unit file."""
    return '"' + _percent(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _percent(text: str) -> str:
    return text.replace("%", "%%").replace("\n", " ")
