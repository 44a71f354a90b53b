"""Questions worth asking, with what is needed to answer them: our words outside the fence, everybody else's within."""

from __future__ import annotations

import json
import re

from mcp_types import GetPromptResult, PromptMessage, TextContent

from mainstay.kernel.errors import NotFound
from mainstay.mcp_server.offer import Call, Parameter, Prompt
from mainstay.mcp_server.outside import fenced, line, lines
from mainstay.mcp_server.tools.plain import moment
from mainstay.mcp_server.tools.runs import shown_run
from mainstay.mcp_server.tools.status import standing

CARD_MAX = 15
_RUN = re.compile(r"[0-9a-f]{32}")


async def needed_today(call: Call) -> str:
    """What waits for the operator, as text."""
    stands = await standing(call)
    cards = await call.house.read(lambda workspace: workspace.cards(limit=CARD_MAX))
    told = {
        **stands,
        "cards": [
            {
                "approval": one.approval,
                "act": one.act,
                "title": line(one.title),
                "recipients": lines(one.recipients, 5),
                "reason": one.reason,
                "waits_since": moment(one.requested_at),
            }
            for one in cards
        ],
    }
    return fenced(json.dumps(told, ensure_ascii=False, indent=1))


async def today(call: Call) -> GetPromptResult:
    """What needs me today?"""
    asked = (
        "What needs me today? Tell me in a few lines which cards wait and which of them are urgent, what is in doubt, "
        "and what is wrong with the house. Decide nothing: I decide in the console."
    )
    return _asked("What waits for the operator, and how the house stands", asked, await needed_today(call))


async def run_explained(call: Call) -> GetPromptResult:
    """What happened in a run?"""
    run = str(call.given["run"])
    if _RUN.fullmatch(run) is None:
        raise NotFound("This is no id of a run.", remedy="Use the whole id, as `list_runs` gives it.")
    told = fenced(json.dumps(await shown_run(call, run), ensure_ascii=False, indent=1))
    asked = "Tell me in plain words what happened in this run, what was decided by whom, and whether anything is left."
    return _asked("A run and its story", asked, told)


def _asked(description: str, asked: str, told: str) -> GetPromptResult:
    text = TextContent(type="text", text=f"{asked}\n\n{told}")
    return GetPromptResult(description=description, messages=[PromptMessage(role="user", content=text)])


PROMPTS = (
    Prompt(
        "today",
        "What needs me today?",
        "What waits for your decision, what is in doubt, what is wrong.",
        "read",
        today,
    ),
    Prompt(
        "explain_run",
        "What happened in this run?",
        "The story of one run, to be told in plain words.",
        "read",
        run_explained,
        (Parameter("run", "the whole id of the run"),),
    ),
)
