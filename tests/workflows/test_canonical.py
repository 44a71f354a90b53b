"""Canonical bytes: what was written is what is read, and equal workflows have equal digests."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.errors import WorkflowError
from mainstay.kernel.ids import digest
from mainstay.kernel.plan import (
    Missed,
    Priority,
    Role,
    Schedule,
    Silence,
    Supersede,
    TaskKind,
    TaskSpec,
    Trigger,
    Workflow,
)
from mainstay.kernel.predicates import All, AnyOf, Compare, Literal, Not, Operator, Ref
from mainstay.workflows.canonical import canonical, definition_digest, restore

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
refs = st.builds(Ref, names, st.lists(names, max_size=3).map(tuple))
scalars = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)
values = st.one_of(scalars, st.lists(scalars, max_size=3).map(tuple))
compares = st.builds(Compare, refs, st.sampled_from(Operator), values)
predicates = st.recursive(
    compares,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)
plain_tasks = st.builds(
    TaskSpec,
    name=names,
    kind=st.sampled_from(TaskKind),
    role=st.sampled_from(Role),
    agent=names,
    act=names,
    inputs=st.lists(st.tuples(names, st.one_of(refs, st.builds(Literal, values))), max_size=3).map(tuple),
    needs=st.lists(names, max_size=3).map(tuple),
    when=st.none() | predicates,
    for_each=st.none() | refs,
    item_max=st.integers(1, 1000),
    optional=st.booleans(),
    recall=names,
    cost_max_micros=st.integers(0, 10**9),
    revisions_max=st.integers(0, 3),
    deadline_us=st.none() | st.integers(1, 10**12),
    delay_us=st.just(0) | st.integers(1, 10**12),
    not_before=st.just(0) | st.integers(1, 10**16),
    timeout_s=st.floats(0.1, 1000),
    attempt_max=st.integers(1, 9),
    data_class=names,
    kind_class=st.none() | refs,
    silence=st.sampled_from(Silence),
)
tasks = st.builds(lambda task, undo: replace(task, compensate=undo), plain_tasks, st.none() | plain_tasks)
triggers = st.builds(Trigger, names, st.none() | predicates) | st.builds(
    Trigger,
    st.just("schedule.due/1"),
    schedule=st.builds(Schedule, names, names, st.sampled_from(Missed)),
)
workflows = st.builds(
    Workflow,
    name=names,
    version=st.integers(1, 99),
    tasks=st.lists(tasks, max_size=4).map(tuple),
    on=st.none() | triggers,
    key=st.none() | refs,
    supersede=st.sampled_from(Supersede),
    cost_max_micros=st.none() | st.integers(0, 10**9),
    optional_inputs=st.lists(names, max_size=2).map(tuple),
    priority=st.sampled_from(Priority),
    runs_max=st.none() | st.integers(1, 99),
    key_max=st.integers(1, 9),
    deadline_us=st.none() | st.integers(1, 10**12),
    delay_us=st.just(0) | st.integers(1, 10**12),
)


@given(workflow=workflows)
def test_what_was_written_is_what_is_read(workflow: Workflow) -> None:
    raw = canonical(workflow)
    assert restore(raw) == workflow
    assert canonical(restore(raw)) == raw
    assert definition_digest(workflow) == digest(raw)


def test_every_attribute_of_a_task_counts() -> None:
    task = TaskSpec("t", TaskKind.ACT, Role.EXECUTOR, "a")
    plain = definition_digest(Workflow("w", 1, (task,)))
    changes = [
        {"name": "u"},
        {"kind": TaskKind.THINK},
        {"role": Role.PLANNER},
        {"agent": "b"},
        {"act": "x.y"},
        {"inputs": (("a", Literal(1)),)},
        {"needs": ("u",)},
        {"when": Compare(Ref("t", ("a",)), Operator.IS, 1)},
        {"for_each": Ref("t", ("a",))},
        {"item_max": 1},
        {"optional": True},
        {"recall": "r"},
        {"cost_max_micros": 1},
        {"revisions_max": 1},
        {"compensate": task},
        {"deadline_us": 1},
        {"delay_us": 1},
        {"not_before": 1},
        {"timeout_s": 1.0},
        {"attempt_max": 1},
        {"data_class": "public"},
        {"kind_class": Literal("risky")},
        {"silence": Silence.HOLD},
    ]
    assert {name for change in changes for name in change} == set(TaskSpec.__dataclass_fields__)
    digests = {definition_digest(Workflow("w", 1, (replace(task, **change),))) for change in changes}  # type: ignore[arg-type]
    assert len(digests) == len(changes)
    assert plain not in digests


def test_every_attribute_of_a_workflow_counts() -> None:
    workflow = Workflow("w", 1, (TaskSpec("t", TaskKind.ACT, Role.EXECUTOR, "a"),))
    schedule = Schedule("0 9 * * *")
    changes = [
        {"name": "v"},
        {"version": 2},
        {"tasks": ()},
        {"on": Trigger("e/1")},
        {"on": Trigger("e/1", schedule=schedule)},
        {"on": Trigger("e/1", schedule=replace(schedule, zone="Asia/Tokyo"))},
        {"on": Trigger("e/1", schedule=replace(schedule, missed=Missed.ALL))},
        {"key": Ref("trigger", ("a",))},
        {"supersede": Supersede.WAITING},
        {"cost_max_micros": 1},
        {"optional_inputs": ("a",)},
        {"priority": Priority.HIGH},
        {"runs_max": 1},
        {"key_max": 2},
        {"deadline_us": 1},
        {"delay_us": 1},
    ]
    assert {name for change in changes for name in change} == set(Workflow.__dataclass_fields__)
    digests = {definition_digest(replace(workflow, **change)) for change in changes}  # type: ignore[arg-type]
    assert len(digests) == len(changes)
    assert definition_digest(workflow) not in digests


@given(workflow=workflows)
def test_only_what_is_new_is_written_in_the_new_form(workflow: Workflow) -> None:
    # An older build must refuse a definition by its number, not follow it without its delay.
    value = json.loads(canonical(workflow))
    first = {
        *(
            "format",
            "name",
            "version",
            "tasks",
            "on",
            "key",
            "supersede",
            "cost_max_micros",
            "optional_inputs",
        )
    }
    task = {name for name in TaskSpec.__dataclass_fields__ if name not in ("delay_us", "not_before")}
    old = (
        set(value) == first
        and set(value["on"] or ("event", "where")) == {"event", "where"}
        and all(set(one) == task and one["compensate"] is None for one in value["tasks"])
    )
    assert value["format"] == (1 if old else 2)


def test_true_is_not_one() -> None:
    def of(value: object) -> bytes:
        return canonical(
            Workflow("w", 1, (), on=Trigger("e", Compare(Ref("trigger", ("a",)), Operator.IS, value)))
        )

    assert len({of(1), of(True), of("1"), of(1.0)}) == 4


def test_the_bytes_are_sorted_and_compact_and_written_down() -> None:
    # A digest in a ledger must be the digest of these bytes in ten years too: this is the form.
    task = TaskSpec("t", TaskKind.THINK, Role.SPECIALIST, "a", inputs=(("m", Ref("trigger", ("message",))),))
    assert canonical(Workflow("w", 1, (task,), on=Trigger("e/1"))) == (
        b'{"cost_max_micros":null,"format":1,"key":null,"name":"w","on":{"event":"e/1","where":null},'
        b'"optional_inputs":[],"supersede":"never","tasks":[{"act":"","agent":"a","attempt_max":5,'
        b'"compensate":null,"cost_max_micros":0,"data_class":"customer","deadline_us":null,"for_each":null,'
        b'"inputs":[["m",{"ref":["trigger","message"]}]],"item_max":100,"kind":"think","name":"t","needs":[],'
        b'"optional":false,"recall":"","revisions_max":0,"role":"specialist","timeout_s":60.0,"when":null}],'
        b'"version":1}'
    )


def test_an_attribute_that_an_older_build_did_not_know_reads_as_its_default() -> None:
    value = json.loads(canonical(Workflow("w", 1, (TaskSpec("t", TaskKind.ACT, Role.EXECUTOR, "a"),))))
    del value["tasks"][0]["data_class"]
    assert restore(json.dumps(value).encode()).tasks[0].data_class == "customer"


@given(
    raw=st.binary(max_size=60) | st.sampled_from([b"{}", b"[]", b"null", b'{"format":1}', b'{"format":[]}'])
)
def test_other_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(WorkflowError):
        restore(raw)


def test_a_newer_format_says_so() -> None:
    with pytest.raises(WorkflowError, match="format 3"):
        restore(b'{"format":3}')
