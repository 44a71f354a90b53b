"""Every page is on the index, and every command that a page tells a reader to type is one."""

from __future__ import annotations

import re
import shlex
from functools import cache
from typing import Any

import pytest
import typer

from tests.docs.pages import DOCS, PAGES, all_snippets, prose_of, text_of
from tests.repository.tree import ROOT

TRIED = {"python", "yaml", "toml", "json", "text", "markdown", "sh"}


def test_every_page_is_on_the_index() -> None:
    linked = set(re.findall(r"\]\((\w+\.md)\)", text_of("README.md")))
    assert {page.name for page in DOCS.glob("*.md")} - {"README.md", "benchmarks.md"} == linked - {
        "benchmarks.md"
    }


def test_the_front_page_leads_to_the_index() -> None:
    assert "(docs/README.md)" in (ROOT / "README.md").read_text("utf-8")


def test_every_snippet_is_of_a_kind_that_is_tried() -> None:
    assert {one.language for one in all_snippets(*TRIED)} <= TRIED
    fences = sum(text_of(page.name).count("\n```") for page in PAGES)
    assert fences == 2 * len(all_snippets(*TRIED)), "a snippet has no language, or one that no test tries"


COMMANDS = sorted(
    {line for one in all_snippets("sh") for line in one.text.strip().split("\n")}
    | {said for page in PAGES for said in re.findall(r"`((?:mainstay|make|pip) [^`]+)`", prose_of(page.name))}
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_can_be_typed(command: str) -> None:
    program, *arguments = shlex.split(command, comments=True)
    match program:
        case "make":
            targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
            assert set(arguments) <= set(targets)
        case "pip":
            (extra,) = re.findall(r"mainstay\[(\w+)\]", command)
            assert f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text("utf-8")
        case "mainstay":
            _parse(arguments)
        case other:
            pytest.fail(f"nothing knows how to try {other!r}")


@cache
def _command_line() -> Any:
    from mainstay.cli.main import app

    return typer.main.get_command(app)


def _parse(arguments: list[str]) -> None:
    """Let the command line read the arguments, without doing what they say."""
    command: Any = _command_line()
    while hasattr(command, "commands"):
        if command.invoke_without_command and (not arguments or arguments[0].startswith("-")):
            break  # a group that lists by itself
        name = arguments.pop(0)
        assert name in command.commands, f"there is no command {name!r}"
        command = command.commands[name]
    command.make_context(command.name, arguments)
