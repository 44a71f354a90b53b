"""Trials that programs begin: what they ask of the command line, within which bounds, and who may."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mainstay.console.api import trials
from mainstay.console.api.trials import Labelled, OfAutonomy, OfRecall, OfTriage, Question, Remembered
from mainstay.kernel.errors import CommandRefused, Unavailable
from tests.console.api.conftest import Issue, Program
from tests.security.web_house import WebHouse

SIMULATE = {"workflow": "triage", "histories": 3}
TRIAGE = {"of": "triage", "messages": [{"text": "Where is it?", "label": "order"}]}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Sequence[str], dict[str, str]]]:
    """What the command line was asked, and what stood in its files."""
    heard: list[tuple[Sequence[str], dict[str, str]]] = []

    async def answer(root: Path, how: Sequence[str], files: Mapping[str, str] = {}) -> dict[str, Any]:
        heard.append((how, dict(files)))
        return {"figures": 1}

    monkeypatch.setattr(trials, "_told", answer)
    return heard


def over(web: WebHouse, program: Program, location: str) -> dict[str, Any]:
    for _ in range(100):
        found: dict[str, Any] = program.get(location).json
        if found["state"] != "running":
            return found
        web.ask(asyncio.sleep(0.02))
    raise AssertionError(found)


def test_a_workflow_is_simulated_by_the_command_line(
    web: WebHouse, program: Program, told: list[tuple[Sequence[str], dict[str, str]]]
) -> None:
    begun = program.post("simulate", SIMULATE, key="simulate-it")
    assert begun.status == 202, begun.text
    assert over(web, program, begun.headers["location"])["result"] == {"figures": 1}
    assert program.post("simulate", SIMULATE, key="simulate-it").json["state"] == "done"
    assert told == [
        (
            *(("simulate", "triage", "--seeds", "3", "--seed", "0", "--workers", "1", "--workspace", "."),),
            {},
        )
    ]


def test_what_is_evaluated_comes_with_the_request(
    web: WebHouse, program: Program, told: list[tuple[Sequence[str], dict[str, str]]]
) -> None:
    begun = program.post("evaluate", TRIAGE)
    assert begun.status == 202, begun.text
    over(web, program, begun.headers["location"])
    ((how, files),) = told
    assert how[:3] == ("evaluate", "triage", "{messages}")
    assert files == {"messages": "text,label\r\nWhere is it?,order\r\n"}


@pytest.mark.parametrize(
    ("said", "how", "files"),
    [
        (
            OfAutonomy(of="autonomy", target=0.05, kinds=20, seed=3),
            ("evaluate", "autonomy", "--target", "5%", "--kinds", "20", "--seed", "3"),
            {},
        ),
        (
            OfTriage(of="triage", messages=[Labelled(text='a "b"\nc', label="x")], intents={"x": "of x"}),
            (
                *("evaluate", "triage", "{messages}", "--target-error", "0.02", "--seed", "1"),
                *("--intents", "{intents}"),
            ),
            {
                "messages": 'text,label\r\n"a ""b""\nc",x\r\n',
                "intents": "id,description\r\nx,of x\r\n",
            },
        ),
        (
            OfRecall(
                of="recall",
                records=[Remembered(id="m1", text="Open on Mondays.")],
                questions=[Question(question="When?", evidence=["m1"])],
                policy="lessons",
            ),
            (
                *("evaluate", "recall", "{records}", "{questions}", "--k", "5,10,20", "--policy", "lessons"),
                *("--workspace", "."),
            ),
            {
                "records": json.dumps(
                    {"id": "m1", "text": "Open on Mondays.", "actor": "", "time": "", "thread": ""}
                )
                + "\n",
                "questions": json.dumps({"question": "When?", "evidence": ["m1"], "thread": ""}) + "\n",
            },
        ),
    ],
    ids=["autonomy", "triage", "recall"],
)
def test_each_is_a_command_and_its_files(said: Any, how: Sequence[str], files: dict[str, str]) -> None:
    assert trials._evaluated(said) == (how, files)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("simulate", {**SIMULATE, "histories": trials.HISTORIES_MAX + 1}),
        ("simulate", {"workflow": "--help"}),
        ("simulate", {"workflow": "triage", "workers": 64}),
        ("evaluate", {"of": "autonomy", "kinds": trials.KINDS_MAX + 1}),
        ("evaluate", {"of": "everything"}),
        ("evaluate", {"of": "triage", "messages": []}),
        ("evaluate", {"of": "triage", "file": "/etc/passwd"}),
        ("evaluate", {"of": "recall", "records": [], "questions": []}),
    ],
)
def test_more_than_the_bounds_and_files_of_this_machine_are_refused(
    program: Program, path: str, body: Any, told: list[Any]
) -> None:
    heard = program.post(path, body)
    assert (heard.status, heard.kind) == (422, "invalid"), heard.text
    assert told == []


def test_to_read_is_not_enough_and_no_agent_begins_one(issue: Issue, agent: Program, told: list[Any]) -> None:
    for one in (issue(["read", "memory", "start", "propose"]), agent):
        for path, body in (("simulate", SIMULATE), ("evaluate", TRIAGE)):
            heard = one.post(path, body)
            assert (heard.status, heard.kind) == (403, "scope-missing")
    assert told == []


# --- the process -------------------------------------------------------------------------------------------------


def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, **files: str) -> dict[str, Any]:
    """What a program in the place of our own is told to say."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    monkeypatch.setattr(trials.sys, "executable", str(program))
    how = ("evaluate", *(f"{{{name}}}" for name in files))
    return asyncio.run(trials._told(tmp_path, how, files))


def test_the_command_reads_what_it_is_given_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = """printf '{"how": "%s %s %s", "text": "%s"}' "$2" "$3" "$4" "$(cat "$5")" """
    told = run(tmp_path, monkeypatch, script, messages="said by somebody")
    assert told == {"how": "-m mainstay.cli.with_parent evaluate", "text": "said by somebody"}
    assert [one.name for one in tmp_path.iterdir()] == ["python"]


def test_what_the_command_refuses_is_told_in_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = """printf '{"what": "%s is wrong", "why": "", "remedy": "Mend it.", "exit_code": 2}' "$5" """
    with pytest.raises(CommandRefused, match="messages is wrong"):
        run(tmp_path, monkeypatch, script, messages="x")


@pytest.mark.parametrize("script", ["exit 1", "printf no", "exec sleep 60"])
def test_what_comes_to_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(trials, "TIMEOUT_S", 0.2)
    with pytest.raises(Unavailable, match="came to nothing"):
        run(tmp_path, monkeypatch, script)


def test_what_takes_too_long_is_ended_and_not_left_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "TIMEOUT_S", 0.2)
    ended: list[int | None] = []
    begin = asyncio.create_subprocess_exec

    async def begun(*how: Any, **more: Any) -> Any:
        child = await begin(*how, **more)
        wait = child.wait

        async def waited() -> int | None:
            ended.append(await asyncio.wait_for(wait(), 10))
            return ended[-1]

        monkeypatch.setattr(child, "wait", waited)
        return child

    monkeypatch.setattr(asyncio, "create_subprocess_exec", begun)
    with pytest.raises(Unavailable):
        run(tmp_path, monkeypatch, "exec sleep 60")
    assert ended == [-signal.SIGKILL]


def test_no_module_that_lies_in_the_workspace_is_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "mainstay.py").write_text("open('ran', 'w').close()")
    with suppress(Unavailable, CommandRefused):
        asyncio.run(trials._told(tmp_path, ("--version",)))
    assert [one.name for one in tmp_path.iterdir()] == ["mainstay.py"]


@pytest.mark.long
def test_the_real_thing(web: WebHouse, program: Program) -> None:
    for path, body, known in (
        ("simulate", SIMULATE, "violations"),
        ("evaluate", {"of": "autonomy", "kinds": 20}, "degraded"),
        ("evaluate", TRIAGE, "verdict"),
    ):
        begun = program.post(path, body)
        for _ in range(600):
            found = program.get(begun.headers["location"]).json
            if found["state"] != "running":
                break
            web.ask(asyncio.sleep(0.2))
        assert found["state"] == "done", found
        assert known in found["result"]
