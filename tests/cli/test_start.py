"""A command's start: what is imported, since seconds depend on the machine."""

import json
import subprocess
import sys

import pytest

from tests.cli.conftest import Desk

HEAVY = (
    "pydantic",
    "rich",
    "asyncio",
    "cryptography",
    "yaml",
    "ssl",
    "imap_tools",
    "aiosmtplib",
    "selectolax",
    "numpy",
)
OURS_HEAVY = (
    "mainstay.kernel.events",
    "mainstay.workspace.assembly",
    "mainstay.workspace.serving",
    "mainstay.runtime.director",
)
MODULES_MAX = {"--help": 230, "runs": 440, "status": 460, "approve": 588}
SETTINGS = {"mainstay.models", "mainstay.models.settings"}  # what [models.NAME] may say: frozen values alone
LIGHT = SETTINGS | {
    *("mainstay.agents", "mainstay.agents.intents", "mainstay.agents.template", "mainstay.agents.ways"),
    *("mainstay.adapters", "mainstay.adapters.email", "mainstay.adapters.email.contract"),
    *("mainstay.models.base", "mainstay.models.embedder"),
}  # what files say, what is promised, and what is there: told without loading it
_LISTED = """
import json, sys
from mainstay.cli.main import run
code = run(sys.argv[1:])
sys.stderr.write(json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""


def _imported(*arguments: str) -> list[str]:
    finished = subprocess.run(
        [sys.executable, "-c", _LISTED, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    said = json.loads(finished.stderr.splitlines()[-1])
    assert said["code"] == 0
    modules: list[str] = said["modules"]
    return modules


def test_help_imports_little() -> None:
    modules = _imported("--help")

    assert not [one for one in HEAVY if one in modules]
    assert [one for one in modules if one.startswith("mainstay.ledger")] == []
    assert len(modules) <= MODULES_MAX["--help"]


@pytest.mark.parametrize("command", ["runs", "status"])
def test_a_look_imports_no_agent_no_adapter_and_no_director(desk: Desk, command: str) -> None:
    modules = _imported(command, "-w", str(desk.root))

    # The parser itself brings pydantic, and a table rich: nothing else of what is heavy may come. Only `status` folds
    # runs, to count what was left to the operator; it opens nothing that is sealed.
    folds = {"mainstay.kernel.events"} if command == "status" else set()
    assert not [one for one in (*HEAVY[2:], *OURS_HEAVY) if one in modules and one not in folds]
    ours = [
        one for one in modules if one.startswith(("mainstay.agents", "mainstay.adapters", "mainstay.models"))
    ]
    assert set(ours) <= SETTINGS
    assert len(modules) <= MODULES_MAX[command]


def test_a_decision_under_the_lock_loads_what_it_needs(desk: Desk, low_cards: list[str]) -> None:
    """The director decides, with rules and settings: no agent, no adapter, no loop, nothing that computes vectors."""
    card = low_cards[0]

    modules = _imported("approve", card, "-w", str(desk.root))

    assert desk.status_of(card) == "granted"

    needed = {"pydantic", "rich", "cryptography", "yaml"}  # the parser's, the key's, the workflows'
    assert not [one for one in HEAVY if one in modules and one not in needed]
    for heavy in ("mainstay.agents", "mainstay.adapters", "mainstay.models"):
        ours = {one for one in modules if one.startswith(heavy)}
        assert ours <= LIGHT, ours - LIGHT
    assert "mainstay.runtime.performer" not in modules
    assert len(modules) <= MODULES_MAX["approve"]
