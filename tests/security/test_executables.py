"""Programs of the operator's that are changed, exchanged or pretended: none is started but the one that was trusted."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from mainstay.agents import base
from mainstay.agents.base import Brief
from mainstay.agents.executable import Executable
from mainstay.agents.tools import NoTools
from mainstay.config.settings import Settings, read_settings
from mainstay.kernel.errors import CommandRefused, ConfigError
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Role
from mainstay.kernel.values import Digest, Instant
from mainstay.net import sandbox
from mainstay.workspace.executables import executable_agents, read_program
from tests.security.attacks import attack

pytestmark = pytest.mark.binary("bwrap")

TABLE = """
[agents.{name}]
run = "agents/it"
files = ["agents/data"]
role = "specialist"
output = {{ said = "string" }}
"""
SAYS = '#!/bin/sh\nread brief\necho \'{{"kind":"produced","output":{{"said":"{}"}},"rationale":"x"}}\'\n'


class House:
    """A folder with one program, and who vouches for it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings: Settings = read_settings(TABLE.format(name="own").encode(), root)
        (root / "agents").mkdir()
        self.program = root / "agents" / "it"
        self.program.write_text(SAYS.format("trusted"))
        (root / "agents" / "data").write_text("data")
        self.trusted = read_program(root, self.settings.agents["own"]).digest

    def agent(self) -> Executable:
        """It, as the director has it."""
        (one,) = executable_agents(self.root, self.settings, lambda name: {"digest": self.trusted})
        return one

    def worked(self, one: Executable | None = None) -> base.Outcome:
        """What it says in an attempt."""
        brief = Brief(RunId("r"), "t", 1, Role.SPECIALIST, {}, Instant(0))
        return asyncio.run((one or self.agent()).work(brief, NoTools()))

    def said(self, one: Executable | None = None) -> str:
        """Its word, or why it said none."""
        made = self.worked(one)
        return str(made.output.model_dump()["said"]) if isinstance(made, base.Produced) else str(made)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


IGNORED = ("mainstay.agents.executable", "Program.digest", "0" * 64)


@attack(IGNORED)
def test_a_changed_program_and_a_changed_file_of_it_are_not_started(house: House) -> None:
    if IGNORED[2] == read_program(house.root, house.settings.agents["own"]).digest:
        house.trusted = Digest(IGNORED[2])  # the weakness: every program has the digest that is trusted
    assert house.said() == "trusted"
    house.program.write_text(SAYS.format("changed"))
    assert "mainstay agents trust own" in house.said()
    house.program.write_text(SAYS.format("trusted"))
    (house.root / "agents" / "data").write_text("other data")
    assert "mainstay agents trust own" in house.said()


def _read_again(command: Any, *, inputs: Any, limits: Any) -> Any:
    """The weakness: what is started is read from the disk once more."""
    return _starting(command, inputs={**inputs, "agents/it": _again[-1].read_bytes()}, limits=limits)


_starting = sandbox.start
_again: list[Path] = []


@attack(("mainstay.net.sandbox", "start", _read_again))
def test_a_program_that_is_exchanged_between_check_and_start_is_run_as_it_was_checked(
    house: House,
) -> None:
    _again.append(house.program)
    starting = sandbox.start

    def exchanging(*arguments: Any, **more: Any) -> Any:
        house.program.write_text(SAYS.format("exchanged"))
        return starting(*arguments, **more)

    with pytest.MonkeyPatch.context() as patch:  # undone before a planted weakness is
        patch.setattr(sandbox, "start", exchanging)
        assert house.said() == "trusted"
    assert "mainstay agents trust own" in house.said()  # and the next time it is seen


@attack(("mainstay.workspace.executables", "Path.is_relative_to", lambda self, *other: True))
def test_no_link_leads_out_of_the_folder(house: House, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("a secret")
    data = house.root / "agents" / "data"
    data.unlink()
    data.symlink_to(secret)
    try:
        read = read_program(house.root, house.settings.agents["own"])
    except CommandRefused:
        return
    pytest.fail(f"it read {read.files}")


@attack(("mainstay.workspace.executables", "stat.S_ISREG", lambda mode: True))
def test_no_pipe_and_no_device_is_read(house: House) -> None:
    data = house.root / "agents" / "data"
    data.unlink()
    os.mkfifo(data)
    with pytest.raises(CommandRefused, match="not a file"):
        read_program(house.root, house.settings.agents["own"])


@attack(("mainstay.config.executables", "SHIPPED", ()))
def test_no_program_takes_the_name_of_an_agent_that_is_shipped(tmp_path: Path) -> None:
    from mainstay.config import executables
    from mainstay.config.files import load_workspace_files
    from mainstay.workspace.agents import make_agents

    shipped = make_agents(load_workspace_files(tmp_path), None)
    assert set(shipped) == {"intent", "reply-writer", "reply-checks", "proposer"}
    for name in shipped:
        try:
            read_settings(TABLE.format(name=name).encode(), tmp_path)
        except ConfigError:
            continue
        pytest.fail(f"{name} was taken: {executables.SHIPPED}")
