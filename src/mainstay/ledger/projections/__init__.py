"""The standard views: what a director needs at boot, and what an operator looks at.

    runs            one row for each run, written at its start and its end, never in between
    open_runs       runs that are not over: what a restart folds
    approvals       every card, waiting or answered
    in_doubt        acts of which only the operator can say whether they happened
    done            how often a workflow has done an act: what counting rules look at
    recipients      to whom we have written
    written         when we wrote to whom: what the limit of replies looks at
    spent           money, runs and operator minutes by workflow and day
    messages        every message by its key: what makes a second delivery nothing
    rejected        what came in and could not be read
    cursors         how far each source was read
    workflows       the definitions in force
    house           policy, kill switch, epoch, warnings

A table belongs to one projection; `STANDARD` is all of them. `house` also holds rows that the director writes
itself (`held`); a rebuild writes them again.
"""

from mainstay.ledger.projection import Projection
from mainstay.ledger.projections.acts import Approvals, Done, InDoubt, Recipients
from mainstay.ledger.projections.costs import Spent
from mainstay.ledger.projections.house import House, Workflows
from mainstay.ledger.projections.inbox import Cursors, Messages, Rejected
from mainstay.ledger.projections.runs import OpenRuns, Runs
from mainstay.ledger.projections.written import Written

STANDARD: tuple[Projection, ...] = (
    Runs(),
    OpenRuns(),
    Approvals(),
    InDoubt(),
    Done(),
    Recipients(),
    Written(),
    Spent(),
    Messages(),
    Rejected(),
    Cursors(),
    Workflows(),
    House(),
)

TABLES = tuple(table for projection in STANDARD for table in projection.tables)

__all__ = ["STANDARD", "TABLES"]
