"""Plans, workflows and templates that want to be programs: unknown tools, cycles, floods, tags, bombs and class walks.

They lie in the folder or come from a planner; either way they are data, and refused with the place of the mistake.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from mainstay.agents.base import Produced
from mainstay.agents.planner import TemplatePlanner
from mainstay.agents.template import parse_template, render
from mainstay.agents.tools import NoTools
from mainstay.config.files import load_workspace_files
from mainstay.kernel.errors import ConfigError, TemplateError
from mainstay.kernel.plan import TASK_MAX, PlanRefused, Workflow, compile_plan
from mainstay.kernel.values import Digest
from mainstay.testing.plans import act, plan_of, think
from mainstay.workflows.document import Document
from mainstay.workspace.known import catalog_of
from tests.agents.sample import brief
from tests.runtime.house import House, at_work
from tests.security.attacks import attack

HEAD = "name: odd\nversion: 1\non: { event: message.received/1 }\n"


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")


def refused(folder: Path, workflow: str) -> ConfigError:
    write(folder, "workflows/odd.yaml", HEAD + workflow)
    with pytest.raises(ConfigError) as caught:
        untyped = load_workspace_files(folder)
        load_workspace_files(folder, catalog_of(untyped))
    return caught.value


# --- what a plan names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["shell.run", "os.system", "email.reply_all"])
@attack(("mainstay.config.files", "check", lambda *given: None))
def test_a_workflow_with_an_unknown_act_is_refused_at_its_line(name: str, tmp_path: Path) -> None:
    error = refused(tmp_path, f'tasks:\n  run: {{ act: "{name}", in: {{}} }}\n')
    assert error.fields["line"] == 5


@pytest.mark.parametrize("agent", ["eval", "../../bin/sh", "mainstay.cli.main"])
@attack(("mainstay.config.files", "check", lambda *given: None))
def test_a_workflow_with_an_unknown_agent_is_refused(agent: str, tmp_path: Path) -> None:
    error = refused(tmp_path, f'tasks:\n  think: {{ role: specialist, agent: "{agent}", in: {{}} }}\n')
    assert error.fields["line"] == 5


@attack(("mainstay.kernel.contract", "Contract.operation", lambda self, name: self.operations[0]))
def test_an_act_that_no_adapter_knows_calls_nobody() -> None:
    house = House(plan_of(act("run", act="email.shell")))

    async def story() -> None:
        async with at_work(house):
            await house.ask(house.begin())
            await house.settled()

    asyncio.run(story())
    assert house.adapter.calls == []
    assert house.status() == "failed"


# --- how a plan hangs together --------------------------------------------------------------------------------

WORKFLOW = plan_of(think("only"), name="odd").workflow


def plan(*tasks: dict[str, Any]) -> Any:
    """What the planner makes of a plan that somebody proposed."""
    planner = TemplatePlanner({"odd": WORKFLOW}, lambda workflow: Digest("0" * 64))
    return asyncio.run(planner.work(brief({"workflow": "odd", "tasks": list(tasks)}), NoTools()))


def task(name: str, *needs: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "agent": "thinker", "needs": list(needs), **more}


@attack(("mainstay.kernel.plan", "_refuse_cycle", lambda *given: None))
def test_a_proposed_plan_with_a_cycle_is_refused() -> None:
    made = plan(task("a", "c"), task("b", "a"), task("c", "b"))
    assert not isinstance(made, Produced)
    assert "refused" in made.reason


@attack(("mainstay.kernel.plan", "_refuse_cycle", lambda *given: None))
def test_a_task_that_needs_itself_is_refused() -> None:
    assert not isinstance(plan(task("a", "a")), Produced)


@attack(("mainstay.agents.planner", "PROPOSED_TASK_MAX", 10**9))
def test_a_proposed_plan_of_ten_thousand_tasks_is_refused() -> None:
    assert not isinstance(plan(*(task(f"t{n}") for n in range(10_000))), Produced)


@attack(("mainstay.kernel.plan", "TASK_MAX", 10**9))
def test_no_plan_is_larger_than_what_was_measured() -> None:
    tasks = tuple(think(f"t{n}") for n in range(TASK_MAX + 1))
    with pytest.raises(PlanRefused, match=str(TASK_MAX)):
        compile_plan(Workflow("odd", 1, tasks), Digest("0" * 64))


@pytest.mark.parametrize(
    "odd",
    [
        {"act": "email.reply'; DROP TABLE runs; --"},
        {"name": "a b; rm"},
        {"agent": "x" * 200},
        {"role": "director"},
        {"budget": {"usd_max": "1000"}},
        {"timeout_s": 1e9},
    ],
)
@attack(("mainstay.agents.planner", "_spec", lambda number, told: think(f"t{number}")))
def test_a_proposed_task_says_nothing_but_what_it_may(odd: dict[str, Any]) -> None:
    assert not isinstance(plan(task("a") | odd), Produced)


# --- YAML -----------------------------------------------------------------------------------------------------


def constructs(raw: bytes, file: str, *more: Any) -> Document:
    data = yaml.unsafe_load(raw)
    return Document(file, data if isinstance(data, dict) else {"name": data})


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "tag",
    [
        '!!python/object/apply:os.mkdir ["{}"]',
        '!!python/object/apply:os.system ["touch {}"]',
        '!!python/object/new:os.system ["touch {}"]',
        '!<tag:yaml.org,2002:python/object/apply:os.system> ["touch {}"]',
    ],
)
@attack(("mainstay.workflows.loader", "parse_yaml", constructs))
def test_a_tag_constructs_nothing(tag: str, tmp_path: Path) -> None:
    made = tmp_path / "made"
    try:
        refused(tmp_path, f"description: {tag.format(made)}\ntasks: {{}}\n")
    finally:
        assert not made.exists()


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        "a: &a {x: 1}\nb: {<<: *a}\n",
        "description: !!binary aGVsbG8=\n",
        "description: !!set {a, b}\n",
    ],
    ids=["bomb", "merge", "binary", "set"],
)
@attack(("mainstay.workflows.yaml_text", "_Builder.refuse_extras", lambda self, event, path: None))
def test_anchors_aliases_and_tags_are_refused_where_they_stand(text: str, tmp_path: Path) -> None:
    error = refused(tmp_path, text)
    assert error.what.startswith(("anchors", "aliases", "tags"))
    assert error.fields["line"] == 4


@attack(("mainstay.workflows.yaml_text", "DEPTH_MAX", 10**9))
def test_deep_nesting_is_refused_before_it_costs_a_stack(tmp_path: Path) -> None:
    error = refused(tmp_path, "tasks: " + "[" * 200 + "]" * 200 + "\n")
    assert "deep" in error.what


@attack(("mainstay.workflows.yaml_text", "read_text", lambda raw, file, error_type: raw.decode()))
def test_a_file_of_a_megabyte_is_not_parsed(tmp_path: Path) -> None:
    error = refused(tmp_path, "description: " + "x" * 1_000_000 + "\ntasks: {}\n")
    assert "bytes" in error.what


# --- templates ------------------------------------------------------------------------------------------------

WALKS = (
    "{{ x.__class__ }}",
    "{{ message.__class__.__mro__ }}",
    "{{ operator.name.__init__.__globals__ }}",
    "{{ message['__class__'] }}",
    "{{ message.subject | attr('__class__') }}",
    "{% for x in range(1000000000) %}a{% endfor %}",
    "{% import os %}",
    "{{ 7 * 7 }}",
    "{{{{ message.subject }}}}",
    "{# comment #}",
    "{{ message.subject",
)


@pytest.mark.parametrize("walk", WALKS)
@attack(("mainstay.agents.template", "_placeholders", lambda *given: []))
def test_a_template_that_wants_to_be_a_program_is_refused_at_its_line(walk: str, tmp_path: Path) -> None:
    write(tmp_path, "templates/odd.md", f"Hello,\n\n{walk}\n")
    with pytest.raises(TemplateError) as caught:
        load_workspace_files(tmp_path)
    assert caught.value.fields["line"] == 3


def twice(template: Any, text: str, values: Any) -> str:
    from mainstay.agents.template import _PLACEHOLDER

    for _ in range(2):
        text = _PLACEHOLDER.sub(lambda match: values.get(match[1]) or "", text)
    return text


@attack(("mainstay.agents.template", "_filled", twice))
def test_what_a_correspondent_wrote_never_becomes_a_placeholder() -> None:
    template = parse_template("Dear {{ message.sender_name }},\nyours", name="t")
    values = {"message.sender_name": "{{ operator.signature }}", "message.subject": "Hello"}
    text = render(template, values | {"operator.signature": "the secret signature"})
    assert text == "Dear {{ operator.signature }},\nyours"


@attack(("mainstay.agents.template", "_filled", lambda template, text, values: text.format(x=values)))
def test_braces_of_python_mean_nothing() -> None:
    template = parse_template("Dear {x.__class__!r},\nyours", name="t")
    assert render(template, {"message.subject": "Hello"}) == "Dear {x.__class__!r},\nyours"
