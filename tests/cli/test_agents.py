"""`mainstay agents`, and a program that works in a workflow of a real workspace."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mainstay.cli.main import run
from mainstay.cli.trust_checkup import agents
from mainstay.models.scripted import ScriptedEmbedder
from mainstay.net import sandbox
from mainstay.workspace.assembly import Assembly
from mainstay.workspace.folder import Folder
from mainstay.workspace.serving import Service
from mainstay.workspace.workspace import Workspace

OFFER = """
name: offer
version: 1
tasks:
  price: { role: specialist, agent: pricing, in: { amount: 2 } }
"""

PRICING = """#!/usr/bin/env python3
import json, sys
brief = json.loads(sys.stdin.readline())
prices = dict(line.strip().split(",") for line in open("/agent/agents/prices.csv"))
price = float(prices["chair"]) * brief["inputs"]["amount"]
print(json.dumps({"kind": "produced", "output": {"price": price}, "rationale": "By the list of prices."}))
"""
SETTINGS = """
[agents.pricing]
run = "agents/pricing.py"
files = ["agents/prices.csv"]
role = "specialist"
input = { amount = "int", note = "text?" }
output = { price = "number" }
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    root = tmp_path / "house"
    Workspace.create(root, "house")[0].close()
    (root / "agents").mkdir()
    (root / "agents" / "pricing.py").write_text(PRICING)
    (root / "agents" / "prices.csv").write_text("chair,40\ntable,90\n")
    (root / "mainstay.toml").write_text((root / "mainstay.toml").read_text() + SETTINGS)
    return root


@pytest.fixture
def told(house: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    def command(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert run([*arguments, "--json", "-w", str(house)]) == code
        return json.loads(capsys.readouterr().out)

    return command


@pytest.mark.long
def test_a_program_is_trusted_by_its_bytes_until_they_change(house: Path, told: Callable[..., Any]) -> None:
    (one,) = told("agents")["agents"]
    assert (one["name"], one["state"]) == ("pricing", "untrusted")
    done = told("agents", "trust", "pricing", "--digest", one["digest"][:16])
    assert done["changed"] is True
    assert told("agents", "list")["agents"][0]["state"] == "trusted"
    assert told("agents", "trust", "pricing")["changed"] is False  # once is enough
    (house / "agents" / "prices.csv").write_text("chair,1\n")  # a declared file counts as the program does
    assert told("agents", "check", "pricing", code=1)["state"] == "changed"
    told("agents", "trust", "pricing", "--digest", one["digest"][:16], code=5)
    for digest in ("", " ", one["digest"][:7]):  # such as an unset variable of a script
        told("agents", "trust", "pricing", "--digest", digest, code=5)
    assert told("agents", "distrust", "pricing")["changed"] is True
    assert told("agents")["agents"][0]["state"] == "untrusted"


def test_doctor_tells_of_a_program_that_is_not_trusted_and_of_a_sandbox_that_is_not_there(
    house: Path, told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts() -> dict[str, str]:
        return {one.part: one.level for one in agents(Folder(house), False)}

    monkeypatch.setattr(sandbox, "why_not", lambda: "")
    assert parts() == {"agent pricing": "warn"}
    told("agents", "trust", "pricing")
    assert parts() == {"agent pricing": "ok"}
    monkeypatch.setattr(sandbox, "why_not", lambda: "bubblewrap (bwrap) is not installed")
    assert parts() == {"sandbox": "fail", "agent pricing": "ok"}


def test_a_program_that_is_not_there_is_told_with_what_to_do(told: Callable[..., Any]) -> None:
    assert told("agents", "trust", "nobody", code=5)["remedy"]


@pytest.mark.parametrize("place", ["../outside.py", "/etc/passwd", ".mainstay/ledger.sqlite3"])
def test_a_program_lies_in_the_folder_of_the_operator(
    place: str, house: Path, told: Callable[..., Any]
) -> None:
    file = house / "mainstay.toml"
    file.write_text(file.read_text().replace("agents/pricing.py", place))
    assert told("agents", code=2)["error"] == "ConfigError"


def test_a_link_out_of_the_folder_is_not_followed(
    house: Path, tmp_path: Path, told: Callable[..., Any]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    (house / "agents" / "prices.csv").unlink()
    (house / "agents" / "prices.csv").symlink_to(secret)
    (one,) = told("agents")["agents"]
    assert one["state"] == "missing"
    assert "leads out" in one["problem"]
    told("agents", "trust", "pricing", code=5)


class _Scripted(Assembly):
    embedder = ScriptedEmbedder()


@pytest.mark.binary("bwrap")
def test_a_trusted_program_works_in_a_workflow_and_a_changed_one_is_told_with_its_remedy(
    house: Path, told: Callable[..., Any]
) -> None:
    for other in (house / "workflows").glob("*.yaml"):
        other.unlink()
    (house / "workflows" / "offer.yaml").write_text(OFFER)
    told("agents", "trust", "pricing")
    asyncio.run(worked(house, "one"))
    (house / "agents" / "prices.csv").write_text("chair,1\n")
    asyncio.run(worked(house, "two"))
    with Workspace.open(house) as opened:
        first, second = sorted(opened.runs(), key=lambda row: row["started_at"])
        assert len(opened.rows("dead_letters")) == 1
        _, state = opened.run(str(first["run"]))
    assert (first["status"], second["status"]) == ("succeeded", "failed")
    assert state.task(0).output == {"price": 80.0}
    assert "mainstay agents trust pricing" in str(told("explain", str(second["run"])))


async def worked(house: Path, request: str) -> None:
    """Start a run in a director that then goes on until nothing is left to do."""
    service, ready = Service(Folder(house), ingest=False, assembly=_Scripted), asyncio.Event()
    working = asyncio.create_task(service.run(ready.set))
    await ready.wait()
    asked = {"workflow": "offer", "trigger": {}, "request": request, "key": "", "actor": "operator"}
    await service._operate("start", asked)
    while not service.loop.quiet:
        await asyncio.sleep(0.005)
    service.stop()
    await working
