"""docs/sdk.md: its examples run, and its tables name every public call and nothing else."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path

import pytest

import mainstay
from mainstay import Workspace
from mainstay.workspace.folder import Folder
from mainstay.workspace.steering import Steering
from mainstay.workspace.triage import Triage
from tests.docs.pages import rows, snippets, text_of

PAGE = "sdk.md"
OPTIONS = doctest.ELLIPSIS


def test_the_examples_run(desk: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk.root.parent)
    text = "\n".join(one.text for one in snippets(PAGE, "python"))
    test = doctest.DocTestParser().get_doctest(text, {}, PAGE, PAGE, 0)
    said: list[str] = []
    result = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=said.append)
    assert result.failed == 0, "".join(said)
    assert result.attempted > 10


def test_every_public_call_is_told_and_no_other() -> None:
    table = [*rows(PAGE, "## Open, read, close"), *rows(PAGE, "## Decide")]
    told = {name for row in table for name in re.findall(r"`(\w+)[(`]", row[0])}
    told |= set(re.findall(r"`Workspace\.(\w+)\(", text_of(PAGE)))
    public = {name for name in dir(Workspace) if not name.startswith("_")}
    assert told == public - {"close"}


def test_arguments_that_the_tables_name_exist() -> None:
    for row in rows(PAGE, "## Decide"):
        for name, arguments in re.findall(r"`(\w+)\(([^)]*)\)`", row[0]):
            known = inspect.signature(getattr(Workspace, name)).parameters
            assert set(re.findall(r"(\w+)=", arguments)) <= set(known), name


def test_every_call_of_steering_is_told_and_no_other() -> None:
    told = {name for row in rows(PAGE, "## Steer") for name in re.findall(r"`(\w+)[(`]", row[0])}
    assert told == {name for name in dir(Steering) if not name.startswith("_")}
    for row in rows(PAGE, "## Steer"):
        for name, arguments in re.findall(r"`(\w+)\(([^)]*)\)`", row[0]):
            known = inspect.signature(getattr(Steering, name)).parameters
            assert set(re.findall(r"(\w+)=", arguments)) <= set(known), name


def test_every_call_of_triage_is_told_and_no_other() -> None:
    told = {name for row in rows(PAGE, "## Triage") for name in re.findall(r"`(\w+)\(", row[0])}
    assert told == {name for name in dir(Triage) if not name.startswith("_")}
    for row in rows(PAGE, "## Triage"):
        for name, arguments in re.findall(r"`(\w+)\(([^)]*)\)`", row[0]):
            known = inspect.signature(getattr(Triage, name)).parameters
            assert set(re.findall(r"(\w+)=", arguments)) <= set(known), name


def test_what_the_front_door_exports_is_told() -> None:
    for name in set(mainstay.__all__) - {"__version__"}:
        assert f"`{name}`" in text_of(PAGE) or f"`mainstay.{name}`" in text_of(PAGE)


def test_the_page_was_written_for_a_folder_that_the_tests_make(desk: Folder) -> None:
    assert desk.root == Path(desk.root.parent, "my-desk")
