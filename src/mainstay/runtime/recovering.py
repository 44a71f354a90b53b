"""What a new director asks of itself first: what was under way is settled, what was lost is looked for.

It gives requests, which the boot decides in one tick; nothing here decides or appends.
"""

from __future__ import annotations

from collections.abc import Mapping

from mainstay.kernel.commands import ClearIncident, DetectIncident, ReconcileRun, RecoverRun, ReleaseRun
from mainstay.kernel.events import IncidentKind
from mainstay.kernel.house import CRASH_LOOP
from mainstay.kernel.ids import RunId
from mainstay.ledger.store import EventStore
from mainstay.runtime.asking_again import to_judge_again
from mainstay.runtime.boot import Open
from mainstay.runtime.lines import Lines
from mainstay.runtime.lost_time import let_go
from mainstay.runtime.tick import Request


def to_recover(
    store: EventStore, runs: Mapping[RunId, Open], lines: Lines, *, restored: bool, unclean: int
) -> list[Request]:
    """What to settle after `unclean` directors in a row that ended untimely; after a restore, what to look for."""
    suspected = unclean >= CRASH_LOOP
    requests: list[Request] = []
    if restored:
        requests = [*(Request(ReconcileRun(run)) for run in runs), *let_go(store)]
    requests += [Request(RecoverRun(run, suspected)) for run in runs]
    # Rules may have come into force under a bare lock, which loads the run that it decides about and no other.
    requests += to_judge_again(runs)
    if suspected:
        requests.append(Request(_crash_loop(unclean)))
    elif unclean == 0:
        requests.append(Request(ClearIncident(IncidentKind.CRASH_LOOP, "")))
    return requests + _stranded(store, lines)


def _crash_loop(unclean: int) -> DetectIncident:
    return DetectIncident(
        IncidentKind.CRASH_LOOP,
        "",
        f"{unclean} directors in a row ended untimely",
        {"unclean": unclean},
        ("`mainstay logs` shows how they ended", "`mainstay doctor` looks at the house"),
        "work that was under way counts as a failed attempt each time, and is given up at its limit",
    )


def _stranded(store: EventStore, lines: Lines) -> list[Request]:
    """Queued runs that nothing keeps waiting: what they waited for ended where their line was not loaded."""
    found: list[Request] = []
    for workflow in lines.queues():
        for run in lines.ready(workflow):
            row = store.get("open_runs", (run,))
            found.append(Request(ReleaseRun(run, RunId(str(row["behind"] if row else "")))))
    return found
