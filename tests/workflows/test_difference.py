"""How two versions differ: told by what they mean, key by key, and empty exactly where they say the same."""

import dataclasses

import pytest
from hypothesis import given

from mainstay.kernel.plan import Workflow
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND
from mainstay.workflows.difference import Change, difference, duration_text, instant_text, value_text
from mainstay.workflows.loader import read_workflow
from tests.workflows.test_canonical import workflows

OLD = """\
name: a
version: 1
on: { event: message.received/1, where: { field: message.mailbox, is: support } }
key: message.thread
tasks:
  first: { role: specialist, agent: x, in: { message: ${trigger.message} } }
  label: { act: email.label, in: { labels: [a, b] }, needs: [first] }
  gone: { role: specialist, agent: y }
"""


def read(text: str) -> Workflow:
    return read_workflow(text.encode(), "a.yaml").workflow


def changed(*pairs: tuple[str, str]) -> tuple[Change, ...]:
    text = OLD
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return difference(read(OLD), read(text))


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("version: 1", "version: 2", Change("", "version", "1", "2")),
        (
            "is: support",
            "in: [a, b]",
            Change(
                "", "on.where", *("trigger.message.mailbox is support", "trigger.message.mailbox in [a, b]")
            ),
        ),
        ("tasks:", "priority: low\ntasks:", Change("", "priority", "normal", "low")),
        ("tasks:", "concurrency: 5\ntasks:", Change("", "concurrency.runs", "", "5")),
        ("tasks:", "delay: PT10M\ntasks:", Change("", "delay", "", "PT10M")),
        (
            "${trigger.message} }",
            "${trigger.message} }, deadline: P2D",
            Change("first", "deadline", "", "P2D"),
        ),
        ("${trigger.message} }", "x }", Change("first", "in.message", "${trigger.message}", "x")),
        ("needs: [first]", "optional: true, needs: [first]", Change("label", "optional", "false", "true")),
        (
            "agent: y",
            "agent: y, not_before: 2026-12-24T08:00:00+01:00",
            Change("gone", "not_before", "", "2026-12-24T07:00:00+00:00"),
        ),
        ("agent: y", 'agent: y, budget: { usd_max: "0.02" }', Change("gone", "budget", "", "$0.02")),
    ],
)
def test_one_key(old: str, new: str, change: Change) -> None:
    assert changed((old, new)) == (change,)


def test_a_trigger_by_the_calendar_instead_of_an_event() -> None:
    found = changed(
        (
            "event: message.received/1, where: { field: message.mailbox, is: support }",
            'schedule: "0 9 * * *"',
        ),
        ("key: message.thread\n", ""),
        ("in: { message: ${trigger.message} }", "in: {}"),
    )
    assert [(one.key, one.after) for one in found if one.after] == [
        ("on.schedule", "0 9 * * *"),
        ("on.zone", "UTC"),
        ("on.missed", "once"),
    ]


def test_tasks_that_came_and_went() -> None:
    found = changed(
        ("  gone: { role: specialist, agent: y }", "  new: { act: a.b, in: { x: 1 }, timeout: PT2M }")
    )
    assert found == (
        Change("new", "", "", "act a.b"),
        Change("new", "in.x", "", "1"),
        Change("new", "timeout", "", "PT2M"),
        Change("gone", "", "specialist y", ""),
    )


def test_what_takes_an_act_back() -> None:
    found = changed(("[a, b] }", "[a, b] }, compensate: { act: email.unlabel, in: { labels: [a] } }"))
    assert {one.key: one.after for one in found} == {
        "compensate": "email.unlabel",
        "compensate.in.labels": "[a]",
        "compensate.timeout": "PT1M",
        "compensate.attempts_max": "5",
    }


def test_how_it_was_written_is_no_difference() -> None:
    moved = OLD.replace("  gone: { role: specialist, agent: y }\n", "").replace(
        "  first:", "  gone: { agent: y, role: specialist, optional: false } # first\n  first:"
    )
    assert difference(read(OLD), read(moved)) == ()


@given(workflow=workflows)
def test_a_version_does_not_differ_from_itself(workflow: Workflow) -> None:
    assert difference(workflow, workflow) == () or len({one.name for one in workflow.tasks}) < len(
        workflow.tasks
    )


def test_every_attribute_that_a_file_can_set_is_told() -> None:
    # Of a file, every key: what the loader reads, the difference must see.
    base = read(OLD)
    for field in dataclasses.fields(Workflow):
        if field.name in ("name", "tasks"):
            continue
        other = {
            "version": 2,
            "on": None,
            "key": None,
            "supersede": "waiting",
            "cost_max_micros": 1,
            "optional_inputs": ("a",),
            "priority": type(base.priority).LOW,
            "runs_max": 3,
            "key_max": 3,
            "deadline_us": DAY,
            "delay_us": DAY,
        }[field.name]
        assert difference(base, dataclasses.replace(base, **{field.name: other})), field.name  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (None, ""),
        (0, ""),
        (30 * SECOND, "PT30S"),
        (2 * DAY, "P2D"),
        (DAY + 90 * MINUTE, "P1DT1H30M"),
        (HOUR, "PT1H"),
        (1_500_000, "PT1.5S"),
    ],
)
def test_durations(us: int | None, text: str) -> None:
    assert duration_text(us) == text


def test_values() -> None:
    assert value_text(("a", "1", 1, True, 0.5, "true", "")) == '[a, "1", 1, true, 0.5, "true", ""]'
    assert instant_text(0) == ""
