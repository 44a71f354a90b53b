"""Views of the workspace itself: which definitions are in force, and the few facts of the house."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.events import (
    BudgetWarned,
    DirectorStarted,
    DirectorStopped,
    Event,
    KillSwitchThrown,
    LedgerRestored,
    PolicyAdopted,
    WorkflowRegistered,
    WorkflowRetired,
)
from mainstay.kernel.ids import StreamId
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import ColumnType, Delete, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT


class Workflows:
    """The definition of each workflow that is in force for new runs."""

    name = "workflows"
    version = 2
    tables = (
        Table(
            "workflows",
            (("name", _TEXT), ("version", _INTEGER), ("definition", _TEXT), ("position", _INTEGER)),
            key=("name",),
        ),
    )
    events = frozenset[type[Event]]({WorkflowRegistered, WorkflowRetired})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """A newer definition takes the place of the older; what is retired leaves."""
        match event:
            case WorkflowRegistered():
                columns: dict[str, Value] = {
                    "version": event.version,
                    "definition": event.definition,
                    "position": position,
                }
                return (Put("workflows", (event.name,), columns),)
            case WorkflowRetired(name=name):
                return (Delete("workflows", (name,)),)
            case _:
                return ()


class House:
    """Facts by key: `policy`, `kill_switch` (on or off), `epoch`, `version`, `warned:SCOPE`, and

    `clean`     the epoch of the last director that ended as it should; a later `epoch` is at work or ended otherwise
    `unclean`   how many before this one ended otherwise, in a row
    `lost_since`  what left between then and its own time is not in this ledger: it was restored from a backup
    `restored`  head and hash of the backup that this ledger came from, until a director begins and reconciles it
    """

    name = "house"
    version = 2
    tables = (
        Table(
            "house",
            (("key", _TEXT), ("value", _TEXT), ("at", _INTEGER), ("position", _INTEGER)),
            key=("key",),
        ),
    )
    events = frozenset[type[Event]](
        {DirectorStarted, DirectorStopped, PolicyAdopted, KillSwitchThrown, BudgetWarned, LedgerRestored}
    )

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """The newest value of each fact."""
        changes: list[RowChange] = []
        match event:
            case DirectorStarted():
                facts = {"epoch": str(event.epoch), "version": event.version, "unclean": str(event.unclean)}
                changes.append(Delete("house", ("restored",)))
            case DirectorStopped(epoch=epoch):
                facts = {"clean": str(epoch)}
            case LedgerRestored(backup_head=head, backup_hash=hash_, backup_at=backup_at):
                facts = {"restored": f"{head} {hash_}", "lost_since": str(backup_at)}
            case PolicyAdopted(policy=policy):
                facts = {"policy": policy}
            case KillSwitchThrown(on=on):
                facts = {"kill_switch": "on" if on else "off"}
            case BudgetWarned(scope=scope, used=used, limit=limit):
                facts = {f"warned:{scope}": f"{used}/{limit}"}
            case _:
                return ()
        changes += (
            Put("house", (key,), {"value": value, "at": at, "position": position})
            for key, value in facts.items()
        )
        return changes
