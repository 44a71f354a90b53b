"""What `mainstay doctor` says of secrets, and of programs of the operator's own."""

from __future__ import annotations

from collections.abc import Iterable

from mainstay.cli.finding import Finding
from mainstay.workspace.folder import Folder

_LEVELS = {"expiring": "warn"}
_STATES = {
    "changed": "was changed since it was trusted, and is not run",
    "untrusted": "is not trusted yet, and is not run",
}


def secrets(folder: Folder, fix: bool) -> Iterable[Finding]:
    """How each secret stands. `mainstay secrets check` searches files for them besides."""
    from mainstay.workspace.workspace import Workspace

    with Workspace.open(folder.root) as opened:
        found = opened.secrets.all()
    for one in found:
        if one.state == "well":
            yield Finding(f"secret {one.reference}", "ok", f"is there, for {', '.join(one.used)}")
            continue
        # Whether the director has a variable, a shell beside it cannot know.
        unseen = one.kind == "env" and one.state == "missing"
        level = "warn" if unseen else _LEVELS.get(one.state, "fail")
        yield Finding(f"secret {one.reference}", level, one.problem, one.remedy)


def agents(folder: Folder, fix: bool) -> Iterable[Finding]:
    """Whether programs of the operator's can run, and which would."""
    from mainstay.net.sandbox import INSTALL, why_not
    from mainstay.workspace.workspace import Workspace

    with Workspace.open(folder.root) as opened:
        found = opened.executables.all()
    if not found:
        return
    reason = why_not()
    if reason:
        yield Finding("sandbox", "fail", f"No program of yours can run: {reason}.", INSTALL)
    for one in found:
        if one.state == "trusted":
            yield Finding(f"agent {one.name}", "ok", f"{one.run} is trusted as it is")
        else:
            detail = one.problem or f"{one.run} {_STATES[one.state]}"
            yield Finding(
                f"agent {one.name}", "warn", detail, f"Look at it, then `mainstay agents trust {one.name}`."
            )
