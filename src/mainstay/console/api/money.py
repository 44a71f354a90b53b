"""What it costs, in money and in the operator's minutes; what was promised; how workflows did."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel

from mainstay.console.api.noun import Noun, Reading
from mainstay.console.api.values import NamePath, SinceQuery, UntilQuery, WorkflowQuery
from mainstay.governance.costs import Overview
from mainstay.governance.operator_time import OperatorTime
from mainstay.governance.report import Report
from mainstay.governance.stopped import Stopped
from mainstay.workspace.objectives import ObjectiveState

noun = Noun("costs")

DAY_MAX = 1_000_000
Day = Annotated[int, Query(ge=0, le=DAY_MAX, description="A day since 1970 (UTC).", examples=[20_500])]


class Objective(BaseModel):
    """How an objective stands."""

    state: str
    missed_since: int | None
    reading: dict[str, Any]


@noun.get("/costs", response_model=Overview)
async def show_costs(asked: Reading, since: Day, until: Day, workflow: WorkflowQuery = "") -> Any:
    """What was spent from day to day, both included. By workflow, day, outcome and model."""
    return await asked.read_slowly(
        lambda workspace: workspace.costs_overview(since=since, until=until, workflow=workflow)
    )


@noun.get("/budgets", response_model=dict[str, Any])
async def show_budgets(asked: Reading) -> Any:
    """How much of the budgets is spent, held, and likely to be spent."""
    return await asked.read(lambda workspace: workspace.budgets())


@noun.get("/budgets/stopped", response_model=list[Stopped])
async def list_stopped(asked: Reading) -> Any:
    """What waits for money, and what can be done about it."""
    return await asked.read_slowly(lambda workspace: list(workspace.stopped()))


@noun.get("/slo", response_model=list[Objective])
async def list_objectives(asked: Reading, workflow: WorkflowQuery = "") -> Any:
    """How the objectives of the workflows stand."""
    found = await asked.read_slowly(lambda workspace: workspace.slo.show(workflow))
    return [_objective(one) for one in found]


@noun.get("/slo/minutes", response_model=list[OperatorTime])
async def list_minutes(
    asked: Reading, workflow: WorkflowQuery = "", weeks: Annotated[int, Query(ge=1, le=52)] = 4
) -> Any:
    """What the workflows took of the operator's own time, by week."""
    return await asked.read_slowly(lambda workspace: list(workspace.slo.minutes(workflow, weeks=weeks)))


@noun.get("/workflows/{name}/report", response_model=Report)
async def report_workflow(
    asked: Reading, name: NamePath, since: SinceQuery = 0, until: UntilQuery = None
) -> Any:
    """How the runs of a workflow did: outcomes, times, retries, cost and minutes."""
    return await asked.read_slowly(lambda workspace: workspace.report(name, since=since, until=until))


def _objective(one: ObjectiveState) -> Objective:
    import msgspec

    return Objective(state=one.state, missed_since=one.missed_since, reading=msgspec.to_builtins(one.reading))
