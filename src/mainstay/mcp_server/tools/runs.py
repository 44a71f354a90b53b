"""Workflows and runs: what there is to start, starting it, and what became of it."""

from __future__ import annotations

from mcp_types import CallToolResult

from mainstay.governance.explain import Chapter, Line, Story
from mainstay.kernel.values import Json
from mainstay.mcp_server.offer import Call, Tool
from mainstay.mcp_server.outside import OUTSIDE, body, line, result
from mainstay.mcp_server.schema import closed
from mainstay.mcp_server.tools.plain import (
    CURSOR,
    REQUEST,
    RUN,
    TEXT,
    TIME,
    WHOLE,
    YES,
    limit,
    listed,
    moment,
    page_of,
    usd,
)
from mainstay.workspace.run_search import STATUSES, FoundRun, RunFilter
from mainstay.workspace.workspace import Workspace

PAGE = 20
CHAPTER_MAX = 40
LINE_MAX = 60  # of a chapter

_WORKFLOW = closed(
    {
        "name": TEXT,
        "version": WHOLE,
        "definition": TEXT,
        "begins": TEXT,
        "by_hand": YES,
        "inputs": listed(TEXT),
        "tasks": listed(TEXT),
        "acts": listed(TEXT),
    },
    "name",
    "version",
    "begins",
    "by_hand",
)
_ACT = closed({"act": TEXT, "finality": TEXT, "arguments": {"type": "object"}}, "act", "arguments")
_ROW = closed(
    {
        "run": TEXT,
        "workflow": TEXT,
        "status": TEXT,
        "title": OUTSIDE,
        "sender": OUTSIDE,
        "started_at": TIME,
        "ended_at": TIME,
        "spent_usd": TEXT,
        "card": TEXT,
    },
    "run",
    "workflow",
    "status",
)
_LINE = closed(
    {"at": TIME, "event": TEXT, "actor": TEXT, "said": OUTSIDE, "rationale": OUTSIDE}, "event", "said"
)
_STORY = closed(
    {
        "run": TEXT,
        "workflow": TEXT,
        "status": TEXT,
        "started_at": TIME,
        "ended_at": TIME,
        "spent_usd": TEXT,
        "message": closed({"from": OUTSIDE, "subject": OUTSIDE, "text": OUTSIDE}),
        "cards": listed(TEXT),
        "lines": listed(_LINE),
        "tasks": listed(
            closed(
                {"task": TEXT, "act": TEXT, "agent": TEXT, "phase": TEXT, "lines": listed(_LINE)},
                "task",
                "phase",
            )
        ),
        "left_out": WHOLE,
    },
    "run",
    "workflow",
    "status",
    "tasks",
)


async def list_workflows(call: Call) -> CallToolResult:
    """What can be started and proposed."""
    workflows = await call.house.read(lambda workspace: workspace.startable())
    acts = await call.house.read(lambda workspace: workspace.proposable())
    found: Json = {
        "workflows": [
            {
                "name": one.name,
                "version": one.version,
                "definition": one.definition,
                "begins": one.begins,
                "by_hand": one.by_hand,
                "inputs": list(one.inputs),
                "tasks": list(one.tasks)[:100],
                "acts": list(one.acts),
            }
            for one in workflows
        ],
        "acts": [{"act": one.act, "finality": str(one.finality), "arguments": one.arguments} for one in acts],
    }
    return result(f"{len(workflows)} workflows in force, {len(acts)} acts that can be proposed.", found)


async def start_run(call: Call) -> CallToolResult:
    """Start a run by hand."""
    workflow, given = str(call.given["workflow"]), dict(call.given.get("input", {}))
    request = f"{call.client.actor}\n{call.given['request']}"
    decided = await call.house.act(
        lambda workspace: workspace.start_by_hand(workflow, given, request=request, actor=call.client.actor)
    )
    found: Json = {"run": decided.run, "status": decided.status, "begun": bool(decided.events)}
    if not decided.live:
        found["note"] = "No director is at work: it begins at the next `mainstay up`."
    return result("It was started before." if not decided.events else "Started.", found)


async def list_runs(call: Call) -> CallToolResult:
    """Runs, newest first."""
    wanted = RunFilter(status=call.given.get("status", ""), workflow=call.given.get("workflow", ""))
    most, before = call.given.get("limit", PAGE), page_of(call.given.get("cursor"))
    page = await call.house.read_slowly(
        lambda workspace: workspace.run_search.page(wanted, limit=most, before=before)
    )
    found: Json = {"runs": [_row(one) for one in page.runs]}
    if page.older:
        found["next"] = str(page.older)
    return result(f"{len(page.runs)} runs." if page.runs else "No such run.", found)


async def show_run(call: Call) -> CallToolResult:
    """One run, told."""
    found = await shown_run(call, str(call.given["run"]))
    return result(f"Run {found['run'][-8:]} of {found['workflow']}: {found['status']}.", found)


async def shown_run(call: Call, run: str) -> Json:
    """The same as plain data. Raises `NotFound`."""

    def look(workspace: Workspace) -> tuple[Story, Json, list[str]]:
        story = workspace.explain(run)
        cards = workspace.rows("approvals", where={"run": run, "status": "waiting"}, limit=20)
        return story, workspace.message(run), [str(one["approval"]) for one in cards]

    story, message, cards = await call.house.read_slowly(look)
    chapters = story.chapters[:CHAPTER_MAX]
    found: Json = {
        "run": str(story.run),
        "workflow": story.workflow,
        "status": story.status,
        "started_at": moment(story.started_at),
        "spent_usd": usd(story.cost_micros),
        "cards": cards,
        "lines": [_line(one) for one in story.lines[:LINE_MAX]],
        "tasks": [_chapter(one) for one in chapters],
        "left_out": len(story.chapters) - len(chapters),
    }
    if story.ended_at is not None:
        found["ended_at"] = moment(story.ended_at)
    if message.get("from_address"):
        found["message"] = {
            "from": line(message["from_address"]),
            "subject": line(message.get("subject")),
            "text": body(message.get("text"), 8_000),
        }
    return found


def _row(one: FoundRun) -> Json:
    found: Json = {
        "run": one.run,
        "workflow": one.workflow,
        "status": one.status,
        "title": line(one.title),
        "sender": line(one.sender),
        "started_at": moment(one.started_at),
        "spent_usd": usd(one.spent_micros),
    }
    if one.ended_at is not None:
        found["ended_at"] = moment(one.ended_at)
    if one.card:
        found["card"] = one.card
    return found


def _chapter(one: Chapter) -> Json:
    return {
        "task": one.name,
        "act": one.act,
        "agent": one.agent,
        "phase": one.phase,
        "lines": [_line(each) for each in one.lines[:LINE_MAX]],
    }


def _line(one: Line) -> Json:
    # A line of ours may quote what an agent or an outside system said, so all of it is marked.
    found: Json = {
        "at": moment(one.at),
        "event": one.event,
        "actor": one.actor,
        "said": body(one.text, 1_000),
    }
    if one.rationale:
        found["rationale"] = body(one.rationale, 2_000)
    return found


TOOLS = (
    Tool(
        "list_workflows",
        "What can be started and proposed",
        "The workflows in force with what begins each, and the acts that can be proposed with the JSON schema of "
        "their arguments.",
        "read",
        closed({}),
        list_workflows,
        closed({"workflows": listed(_WORKFLOW), "acts": listed(_ACT)}, "workflows", "acts"),
    ),
    Tool(
        "start_run",
        "Start a run",
        "Start a run of a workflow that is begun by hand. What it wants to send still asks the operator as always. "
        "Give a request id of your own: the same one never starts a second run.",
        "start",
        closed(
            {
                "workflow": {"type": "string", "minLength": 1, "maxLength": 80},
                "input": {"type": "object", "description": "the fields that the workflow reads"},
                "request": REQUEST,
            },
            "workflow",
            "request",
        ),
        start_run,
        closed({"run": TEXT, "status": TEXT, "begun": YES, "note": TEXT}, "run", "status", "begun"),
        reads_only=False,
    ),
    Tool(
        "list_runs",
        "Runs",
        "Runs, newest first, with what each is about. `waiting` are those whose card waits for the operator.",
        "read",
        closed(
            {
                "status": {"type": "string", "enum": list(STATUSES)},
                "workflow": {"type": "string", "maxLength": 80},
                "limit": limit(50, PAGE),
                "cursor": CURSOR,
            }
        ),
        list_runs,
        closed({"runs": listed(_ROW), "next": TEXT}, "runs"),
    ),
    Tool(
        "show_run",
        "A run, told",
        "What happened in a run, in order, and why: its message, its tasks, what was proposed, decided and sent.",
        "read",
        closed({"run": RUN}, "run"),
        show_run,
        _STORY,
    ),
)
