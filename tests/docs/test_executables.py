"""The programs of the tutorial do what the page says of them."""

import asyncio

import pytest

from mainstay.agents import base
from mainstay.agents.base import Brief
from mainstay.agents.executable import Executable, Program
from mainstay.agents.tools import NoTools
from mainstay.config.settings import Settings, read_settings
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Role
from mainstay.kernel.values import Instant
from mainstay.workspace.executables import executable_agents
from tests.docs.pages import snippets

PAGE = "executables.md"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    (one,) = snippets(PAGE, "toml")
    return read_settings(one.text.encode(), tmp_path_factory.mktemp("desk"))


def program(file: str, **more: bytes) -> Program:
    (one,) = (one for one in snippets(PAGE, "text") if one.file == file)
    return Program({file: one.text.encode(), **{f"agents/{name}.csv": data for name, data in more.items()}})


def worked(settings: Settings, of: Program, **inputs: object) -> base.Outcome:
    from pathlib import Path

    (pricing,) = executable_agents(Path(), settings, lambda name: {"digest": of.digest})
    assert isinstance(pricing, Executable)
    pricing._read = lambda: of
    brief = Brief(RunId("r"), "price", 1, Role.SPECIALIST, dict(inputs), Instant(0))
    return asyncio.run(pricing.work(brief, NoTools()))


@pytest.mark.binary("bwrap")
def test_the_first_one_gives_a_price_or_asks(settings: Settings) -> None:
    of = program("agents/pricing.py", prices=b"chair,40\ntable,90\n")
    made = worked(settings, of, article="chair", amount=2)
    assert isinstance(made, base.Produced)
    assert made.output.model_dump() == {"price": 80.0}
    assert worked(settings, of, article="lamp", amount=1) == base.NeedsInput("What does a lamp cost?")


@pytest.mark.binary("bwrap")
def test_the_one_in_shell_says_why_it_fails(settings: Settings) -> None:
    made = worked(settings, program("agents/shop.sh"), article="chair", amount=2)
    assert isinstance(made, base.Failed)
    assert "the shop is closed today" in made.reason
