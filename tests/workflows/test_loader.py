"""The workflow language: what each key becomes, and what each mistake is answered with."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.data import sample_path
from mainstay.kernel.errors import ConfigError, WorkflowError
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
from mainstay.kernel.values import DAY, MINUTE, SECOND
from mainstay.workflows.loader import WorkflowFile, compiled, read_workflow

TRIAGE = """\
name: triage
version: 3
on: { event: message.received/1, where: { field: message.mailbox, is: support } }
key: message.thread                      # one run at a time per key; the next waits or supersedes
supersede: waiting                       # a newer message in the thread replaces a card that still waits
tasks:
  annotate: { role: specialist, agent: intent, in: { message: ${trigger.message} }, recall: past-threads }
  draft:    { role: executor, agent: reply-writer, when: { field: annotate.reply_expected, is: true },
              in: { message: ${trigger.message}, intent: ${annotate.intent} }, recall: approved-replies,
              budget: { usd_max: "0.02" } }
  inspect:  { role: inspector, agent: reply-checks, in: { draft: ${draft.reply} }, revisions_max: 1 }
  label:    { act: email.label, in: { message: ${trigger.message}, labels: ${annotate.labels} } }
  send:     { act: email.reply, needs: [inspect], in: { message: ${trigger.message}, reply: ${draft.reply} },
              compensate: null, deadline: P2D }
"""

MESSAGE = Ref("trigger", ("message",))


def read(text: str) -> WorkflowFile:
    return read_workflow(text.encode(), "workflows/a.yaml")


def task(text: str) -> TaskSpec:
    """The task of a workflow with one task of interest, `t`, after a task `first`."""
    file = read(f"name: a\nversion: 1\ntasks:\n  first: {{ role: specialist, agent: x }}\n  t: {text}\n")
    return file.workflow.tasks[1]


def test_the_whole_language_by_example() -> None:
    file = read(TRIAGE)
    think = {"kind": TaskKind.THINK}
    act = {"kind": TaskKind.ACT, "role": Role.EXECUTOR, "agent": "proposer"}
    assert file.workflow == Workflow(
        name="triage",
        version=3,
        on=Trigger(
            "message.received/1", Compare(Ref("trigger", ("message", "mailbox")), Operator.IS, "support")
        ),
        key=Ref("trigger", ("message", "thread")),
        supersede=Supersede.WAITING,
        tasks=(
            TaskSpec(
                name="annotate",
                role=Role.SPECIALIST,
                agent="intent",
                inputs=(("message", MESSAGE),),
                recall="past-threads",
                **think,
            ),
            TaskSpec(
                name="draft",
                role=Role.EXECUTOR,
                agent="reply-writer",
                when=Compare(Ref("annotate", ("reply_expected",)), Operator.IS, True),
                inputs=(("message", MESSAGE), ("intent", Ref("annotate", ("intent",)))),
                recall="approved-replies",
                cost_max_micros=20_000,
                **think,
            ),
            TaskSpec(
                name="inspect",
                role=Role.INSPECTOR,
                agent="reply-checks",
                inputs=(("draft", Ref("draft", ("reply",))),),
                revisions_max=1,
                **think,
            ),
            TaskSpec(
                name="label",
                act="email.label",
                inputs=(("message", MESSAGE), ("labels", Ref("annotate", ("labels",)))),
                **act,
            ),
            TaskSpec(
                name="send",
                act="email.reply",
                needs=("inspect",),
                deadline_us=2 * DAY,
                inputs=(("message", MESSAGE), ("reply", Ref("draft", ("reply",)))),
                **act,
            ),
        ),
    )
    assert file.plan.needs == ((), (0,), (1,), (0,), (2, 1))
    assert file.plan.inspected[2] == 1


def test_the_sample_workspace_says_the_same() -> None:
    raw = sample_path("workspace", "workflows", "triage.yaml").read_bytes()
    sample, example = read_workflow(raw, "triage.yaml").workflow, read(TRIAGE).workflow
    # The sample binds more inputs, so that the inspector sees the message and rules may speak of the intent.
    for mine, told in zip(sample.tasks, example.tasks, strict=True):
        assert replace(mine, inputs=(), compensate=None) == replace(told, inputs=())
        assert set(told.inputs) <= set(mine.inputs)
    assert (sample.on, sample.key, sample.supersede) == (example.on, example.key, example.supersede)
    assert {one.name: one.compensate.act for one in sample.tasks if one.compensate} == {
        "label": "email.unlabel"
    }


def test_the_rest_of_a_task() -> None:
    found = task(
        "{ role: specialist, agent: y, for_each: { ref: ${first.lines}, max: 7 }, optional: true,"
        " needs: [first], timeout: PT2M, attempts_max: 2, data_class: public,"
        " in: { line: ${item}, tone: kind, tries: 3, share: 0.5, loud: false, tags: [a, b] } }"
    )
    assert found == TaskSpec(
        name="t",
        kind=TaskKind.THINK,
        role=Role.SPECIALIST,
        agent="y",
        for_each=Ref("first", ("lines",)),
        item_max=7,
        optional=True,
        needs=("first",),
        timeout_s=120.0,
        attempt_max=2,
        data_class="public",
        inputs=(
            ("line", Ref("item")),
            ("tone", Literal("kind")),
            ("tries", Literal(3)),
            ("share", Literal(0.5)),
            ("loud", Literal(False)),
            ("tags", Literal(("a", "b"))),
        ),
    )


def test_for_each_may_be_a_plain_reference() -> None:
    found = task("{ role: specialist, agent: y, for_each: ${first.lines} }")
    assert (found.for_each, found.item_max) == (Ref("first", ("lines",)), 100)


def test_an_act_may_name_its_executor_and_what_undoes_it() -> None:
    found = task(
        "{ act: email.label, agent: careful, role: executor, in: { labels: [a] }, data_class: public,"
        ' budget: { usd_max: "0.01" }, timeout: PT2M, compensate: email.unlabel }'
    )
    assert found.agent == "careful"
    assert found.compensate == TaskSpec(
        name="undo t",
        kind=TaskKind.ACT,
        role=Role.EXECUTOR,
        agent="careful",
        act="email.unlabel",
        inputs=(("labels", Literal(("a",))),),
        cost_max_micros=10_000,
        data_class="public",
    )


def test_what_undoes_an_act_may_have_inputs_of_its_own() -> None:
    found = task(
        "{ act: email.label, needs: [first], for_each: ${first.lines}, in: { labels: [a] }, compensate:"
        " { act: email.unlabel, timeout: PT5M, attempts_max: 9, in: { what: ${t.undo}, one: ${item.a},"
        " which: ${first.name}, mail: ${trigger.message} } } }"
    )
    undo = found.compensate
    assert undo is not None
    assert (undo.name, undo.timeout_s, undo.attempt_max) == ("undo t", 300.0, 9)
    assert undo.inputs == (
        ("what", Ref("t", ("undo",))),
        ("one", Ref("item", ("a",))),
        ("which", Ref("first", ("name",))),
        ("mail", MESSAGE),
    )


def test_what_undoes_an_act_keeps_the_act_waiting_for_nothing() -> None:
    text = TRIAGE.replace(
        "labels: ${annotate.labels} } }",
        "labels: ${annotate.labels} }, compensate: { act: email.unlabel, in: { message: ${trigger.message},"
        " labels: ${label.labels} } } }",
    )
    assert read(text).plan.needs == read(TRIAGE).plan.needs


def test_times_of_a_task() -> None:
    found = task(
        "{ role: specialist, agent: y, deadline: P2D, delay: PT10M, not_before: 2026-12-24T08:00:00+01:00 }"
    )
    assert (found.deadline_us, found.delay_us) == (2 * DAY, 10 * MINUTE)
    assert found.not_before == 1_798_095_600 * SECOND


def top(*lines: str) -> Workflow:
    tasks = "tasks:\n  t: { role: specialist, agent: x, delay: PT10M }"
    return read("\n".join(("name: a", "version: 1", *lines, tasks))).workflow


def test_what_stands_at_the_top() -> None:
    plain = top()
    assert (plain.priority, plain.runs_max, plain.key_max, plain.deadline_us, plain.delay_us) == (
        Priority.NORMAL,
        None,
        1,
        None,
        0,
    )
    found = top(
        "on: { event: message.received/1 }",
        "key: message.thread",
        "priority: high",
        "concurrency: { runs: 5, key: 2 }",
        "delay: PT1M",
        "deadline: P3D",
    )
    assert (found.priority, found.runs_max, found.key_max) == (Priority.HIGH, 5, 2)
    assert (found.deadline_us, found.delay_us) == (3 * DAY, MINUTE)
    assert top("concurrency: 4").runs_max == 4
    assert top("concurrency: { runs: 4 }").runs_max == 4


def test_a_schedule_instead_of_an_event() -> None:
    found = top('on: { schedule: "0 9 * * mon-fri", zone: Europe/Berlin, missed: skip }', "key: schedule.due")
    assert found.on == Trigger(
        "schedule.due/1", schedule=Schedule("0 9 * * MON-FRI", "Europe/Berlin", Missed.SKIP)
    )
    assert found.key == Ref("trigger", ("schedule", "due"))
    assert top('on: { schedule: "*/5 * * * *" }').on == Trigger(
        "schedule.due/1", schedule=Schedule("*/5 * * * *", "UTC", Missed.ONCE)
    )


@pytest.mark.parametrize(
    ("line", "key", "says"),
    [
        ('on: { schedule: "0 9 * *" }', "on.schedule", "it has 4 fields, and five are needed"),
        ('on: { schedule: "0 0 9 * * *" }', "on.schedule", "it has 6 fields"),
        ('on: { schedule: "60 9 * * *" }', "on.schedule", "the field minute cannot be read"),
        ('on: { schedule: "0 9 * * FRI-SUN" }', "on.schedule", "the field day of the week cannot be read"),
        ('on: { schedule: "0 9 31 2 *" }', "on.schedule", "the field day of the month cannot be read"),
        ('on: { schedule: "0 9 */30 2 MON#5" }', "on.schedule", "no day ever meets it"),
        ('on: { schedule: "@daily" }', "on.schedule", "it has 1 fields"),
        ("on: { schedule: 9 }", "on.schedule", "must be a text"),
        ('on: { schedule: "0 9 * * *", zone: Europe/Berln }', "on.zone", "did you mean 'Europe/Berlin'?"),
        ('on: { schedule: "0 9 * * *", zone: right/UTC }', "on.zone", "there is no time zone"),
        ('on: { schedule: "0 9 * * *", zone: ../etc }', "on.zone", "there is no time zone"),
        ('on: { schedule: "0 9 * * *", missed: twice }', "on.missed", "cannot be 'twice'"),
        ('on: { schedule: "0 9 * * *", event: message.received/1 }', "on.event", "a schedule or an event"),
        (
            'on: { schedule: "0 9 * * *", where: { field: a.b, is: 1 } }',
            "on.where",
            "stands beside a schedule",
        ),
        ("on: { event: message.received/1, zone: UTC }", "on.zone", "'zone' belongs to a schedule"),
        ("on: { event: schedule.due/1 }", "on.event", "is what a schedule gives off"),
        ("priority: urgent", "priority", "cannot be 'urgent'"),
        ("concurrency: 0", "concurrency", "between 1 and"),
        ("concurrency: {}", "concurrency", "says nothing"),
        ("concurrency: { all: 2 }", "concurrency.all", "there is no key 'all' here"),
        ("concurrency: { key: 2 }", "concurrency.key", "this workflow has no key"),
        ("delay: 10", "delay", "write PT30S"),
        ("deadline: PT10M", "tasks.t.delay", "over before this task may begin"),
    ],
)
def test_what_cannot_stand_at_the_top(line: str, key: str, says: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        top(line)
    assert says in str(caught.value)
    assert (caught.value.key, caught.value.line) == (key, 5 if key.startswith("tasks") else 3)


@pytest.mark.parametrize(
    ("lines", "key", "says"),
    [
        (["concurrency: { runs: 1, key: 2 }"], "concurrency.key", "never fit among 1 runs"),
        (["concurrency: { key: 2 }", "supersede: waiting"], "concurrency.key", "never a second"),
        (["deadline: PT1M", "delay: PT1M"], "deadline", "over before its 'delay' is"),
    ],
)
def test_what_never_goes_together(lines: list[str], key: str, says: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        top("on: { event: message.received/1 }", "key: message.thread", *lines)
    errors = (caught.value, *caught.value.also)
    assert any(says in str(one) and one.key == key for one in errors)


@pytest.mark.parametrize(
    ("task_text", "key", "says"),
    [
        ("{ role: specialist, agent: y, compensate: a.b }", "compensate", "belongs to a task with 'act'"),
        ("{ act: a.b, compensate: 3 }", "compensate", "write adapter.operation"),
        ("{ act: a.b, compensate: undo }", "compensate", "'undo' is not an act"),
        ("{ act: a.b, compensate: { in: { x: 1 } } }", "compensate", "the key 'act' is missing"),
        ("{ act: a.b, compensate: { act: a.c, when: {} } }", "compensate.when", "is always taken back"),
        (
            "{ act: a.b, compensate: { act: a.c, compensate: a.d } }",
            "compensate.compensate",
            "not taken back",
        ),
        ("{ act: a.b, compensate: { act: a.c, for_each: x } }", "compensate.for_each", "each item"),
        ("{ act: a.b, compensate: { act: a.c, agent: x } }", "compensate.agent", "taken from the act"),
        ("{ act: a.b, compensate: { act: a.c, inn: {} } }", "compensate.inn", "did you mean 'in'?"),
        (
            "{ act: a.b, compensate: { act: a.c, in: { x: ${item} } } }",
            "compensate.in.x",
            "only an act with 'for_each' has an item",
        ),
        (
            "{ act: a.b, compensate: { act: a.c, in: { x: ${frist.a} } } }",
            "compensate.in.x",
            "did you mean 'first'?",
        ),
        (
            "{ act: a.b, compensate: { act: a.c, in: { x: ${first.a} } } }",
            "compensate.in.x",
            "'t' does not wait for 'first'",
        ),
        ("{ act: a.b, not_before: 2026-12-24 }", "not_before", "how far its clock is from UTC"),
        ("{ act: a.b, not_before: 2026-12-24T08:00:00 }", "not_before", "how far its clock is from UTC"),
        ("{ act: a.b, not_before: tomorrow }", "not_before", "is not a time such as"),
        ("{ act: a.b, not_before: 1969-12-24T08:00:00Z }", "not_before", "before 1970"),
        ("{ act: a.b, delay: soon }", "delay", "write PT30S"),
    ],
)
def test_what_a_task_cannot_say(task_text: str, key: str, says: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        task(task_text)
    assert says in str(caught.value)
    assert (caught.value.key, caught.value.line) == (f"tasks.t.{key}", 5)


def test_predicates_nest() -> None:
    found = task(
        "{ role: specialist, agent: y, when: { or: ["
        "{ and: [{ field: first.a, above: 3 }, { field: first.b, not_in: [x, y] }] },"
        "{ not: { field: trigger.message.reply, exists: true } }, { field: first.c, contains: z } ] } }"
    )
    assert found.when == AnyOf(
        (
            All(
                (
                    Compare(Ref("first", ("a",)), Operator.ABOVE, 3),
                    Compare(Ref("first", ("b",)), Operator.NOT_IN, ("x", "y")),
                )
            ),
            Not(Compare(Ref("trigger", ("message", "reply")), Operator.EXISTS, True)),
            Compare(Ref("first", ("c",)), Operator.CONTAINS, "z"),
        )
    )


def test_the_budget_of_a_run() -> None:
    file = read('name: a\nversion: 1\nbudget: { usd_max: "1.50" }\ntasks: { t: { act: a.b } }')
    assert file.workflow.cost_max_micros == 1_500_000


def test_the_same_text_gives_the_same_digest_and_another_text_another() -> None:
    assert read(TRIAGE).plan.digest == read(TRIAGE + "# a comment\n").plan.digest
    assert read(TRIAGE).plan.digest != read(TRIAGE.replace("P2D", "P3D")).plan.digest


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "says"),
    [
        ("name: triage", "nam: triage", 1, "nam", "did you mean 'name'?"),
        ("name: triage", "name: Triage Mail", 1, "name", "is not a name"),
        ("version: 3", "version: three", 2, "version", "a whole number, and is a text"),
        ("version: 3", "version: 0", 2, "version", "between 1 and"),
        ("version: 3", "version: true", 2, "version", "whole number"),
        ("event: message.received/1, ", "", 3, "on", "'event' is missing in on"),
        ("is: support", "equals: support", 3, "on.where.equals", "there is no key 'equals'"),
        ("is: support", "is: support, is_not: x", 3, "on.where", "more than one operator"),
        (", is: support", "", 3, "on.where", "no operator"),
        ("is: support", "is: [support]", 3, "on.where.is", "for a list use 'in'"),
        ("is: support", "in: support", 3, "on.where.in", "takes a list"),
        ("is: support", "in: []", 3, "on.where.in", "takes a list"),
        ("is: support", "above: x", 3, "on.where.above", "takes a number"),
        ("is: support", "exists: maybe", 3, "on.where.exists", "true or false"),
        ("field: message.mailbox", "field: ${message.mailbox}", 3, "on.where.field", "without ${}"),
        ("key: message.thread", "key: thread", 4, "key", "is not a field"),
        ("supersede: waiting", "supersede: always", 5, "supersede", "there is never, waiting"),
        ("key: message.thread", "#", 5, "supersede", "there is no key"),
        ("role: specialist", "role: specialst", 7, "tasks.annotate.role", "did you mean 'specialist'?"),
        ("agent: intent, ", "", 7, "tasks.annotate", "'agent' is missing"),
        ("role: specialist, agent: intent, ", "", 7, "tasks.annotate", "neither who does it nor what act"),
        ("recall: past-threads", "recal: past-threads", 7, "tasks.annotate.recal", "did you mean 'recall'?"),
        (
            "${trigger.message} }, recall",
            "${trigger} }, recall",
            7,
            "tasks.annotate.in.message",
            "which field",
        ),
        (
            "${trigger.message} }, recall",
            '"a ${trigger.message}" }, recall',
            7,
            "tasks.annotate.in.message",
            "must be the whole value",
        ),
        (
            "${trigger.message} }, recall",
            '"${trigger.message}${a.b}" }, recall',
            7,
            "tasks.annotate.in.message",
            "must be the whole value",
        ),
        (
            "${trigger.message} }, recall",
            '"${trigger message}" }, recall',
            7,
            "tasks.annotate.in.message",
            "is not a reference",
        ),
        (
            "${trigger.message} }, recall",
            "[x, ${trigger.message}] }, recall",
            7,
            "tasks.annotate.in.message[2]",
            "cannot stand inside a list",
        ),
        ("${trigger.message} }, recall", "{ a: b } }, recall", 7, "tasks.annotate.in.message", "a table"),
        ("${trigger.message} }, recall", "null }, recall", 7, "tasks.annotate.in.message", "empty"),
        ("${annotate.intent}", "${anotate.intent}", 9, "tasks.draft.in.intent", "did you mean 'annotate'?"),
        ("field: annotate.reply_expected", "field: message.reply", 8, "tasks.draft.when", "trigger.message"),
        ("${annotate.intent}", "${item.intent}", 9, "tasks.draft.in.intent", "only a task with 'for_each'"),
        ('usd_max: "0.02"', "usd_max: 0.02", 10, "tasks.draft.budget.usd_max", "write it as text"),
        ('usd_max: "0.02"', 'usd_max: "-1"', 10, "tasks.draft.budget.usd_max", "is not an amount"),
        ('usd_max: "0.02"', 'max: "1"', 10, "tasks.draft.budget.max", "did you mean 'usd_max'?"),
        ("revisions_max: 1", "revisions_max: -1", 11, "tasks.inspect.revisions_max", "between 0 and 10"),
        ("role: inspector", "role: specialist", 11, "tasks.inspect.revisions_max", "belongs to an inspector"),
        ("act: email.label", "act: label", 12, "tasks.label.act", "is not an act"),
        ("act: email.label", "act: email.label, role: planner", 12, "tasks.label.role", "executor"),
        ("act: email.label", "act: email.label, recall: x", 12, "tasks.label.recall", "asks an agent"),
        ("recall: past-threads", "compensate: a.b", 7, "tasks.annotate.compensate", "with 'act'"),
        ("needs: [inspect]", "needs: inspect", 13, "tasks.send.needs", "a list of texts"),
        ("needs: [inspect]", "needs: [inspec]", 13, "tasks.send.needs", "did you mean 'inspect'?"),
        ("needs: [inspect]", "needs: [inspect, inspect]", 13, "tasks.send.needs", "stands twice"),
        ("deadline: P2D", "deadline: 2 days", 14, "tasks.send.deadline", "P2D"),
        ("deadline: P2D", "timeout: P2D", 14, "tasks.send.timeout", "a day at most"),
        ("compensate: null", "compensate: 3", 14, "tasks.send.compensate", "cannot be a number"),
        ("  send: ", "  Send: ", 13, "tasks.Send", "cannot be the name of a task"),
        ("  send: ", "  item: ", 13, "tasks.item", "a meaning of its own"),
        ("needs: [inspect]", "optional: yes", 13, "tasks.send.optional", "true or false"),
    ],
)
def test_a_mistake_is_answered_with_file_line_and_key(
    old: str, new: str, line: int, key: str, says: str
) -> None:
    assert old in TRIAGE
    with pytest.raises(WorkflowError) as caught:
        read(TRIAGE.replace(old, new, 1))
    error = caught.value
    assert (error.file, error.line, error.key) == ("workflows/a.yaml", line, key)
    assert says in str(error)
    assert str(error).startswith(f"workflows/a.yaml:{line}: {key}: ")


def test_a_cycle_names_the_tasks_and_the_line_of_one() -> None:
    text = (
        "name: a\nversion: 1\ntasks:\n"
        "  one: { role: specialist, agent: x, in: { a: ${two.b} } }\n"
        "  two: { role: specialist, agent: x, in: { a: ${three.b} } }\n"
        "  three: { role: specialist, agent: x, needs: [one] }\n"
    )
    with pytest.raises(WorkflowError) as caught:
        read(text)
    assert (caught.value.line, caught.value.key) == (4, "tasks.one")
    assert "wait for each other: one, two, three" in str(caught.value)


def test_a_task_that_waits_for_itself() -> None:
    with pytest.raises(WorkflowError, match="wait for each other: t"):
        task("{ role: specialist, agent: x, in: { a: ${t.b} } }")


def test_a_book_in_a_key_does_not_fill_the_screen() -> None:
    for text in ("name: " + "x" * 200_000, "y" * 900 + ": 1", "tasks: { " + "Z" * 900 + ": {} }"):
        with pytest.raises(WorkflowError) as caught:
            read(text)
        assert all(len(str(one)) < 1_000 for one in (caught.value, *caught.value.also))


def test_no_tasks() -> None:
    for tasks in ("", "tasks: {}", "tasks: []", "tasks: hello"):
        with pytest.raises(WorkflowError, match="tasks"):
            read(f"name: a\nversion: 1\n{tasks}\n")


def test_all_mistakes_of_a_file_come_at_once() -> None:
    text = (
        TRIAGE.replace("version: 3", "version: x")
        .replace("P2D", "soon")
        .replace("role: inspector", "role: i")
    )
    with pytest.raises(WorkflowError) as caught:
        read(text)
    error = caught.value
    assert [one.line for one in (error, *error.also)] == [2, 11, 13 + 1]
    assert error.as_dict()["fields"]["also"] == [str(one) for one in error.also]


def test_a_proposed_workflow_is_judged_without_a_file() -> None:
    looped = Workflow(
        "proposed",
        1,
        (TaskSpec("t", TaskKind.THINK, Role.SPECIALIST, "x", inputs=(("a", Ref("t", ("b",))),)),),
    )
    with pytest.raises(WorkflowError, match=r"proposed: tasks\.t: these tasks wait for each other"):
        compiled(looped)


_PIECES = st.lists(st.sampled_from(TRIAGE.split(" ")), min_size=1, max_size=60).map(" ".join)


@st.composite
def _damaged(draw: st.DrawFn) -> str:
    start = draw(st.integers(0, len(TRIAGE)))
    end = draw(st.integers(start, min(len(TRIAGE), start + 30)))
    return TRIAGE[:start] + draw(st.one_of(st.text(max_size=6), _PIECES)) + TRIAGE[end:]


@given(text=st.one_of(_damaged(), _PIECES))
def test_a_damaged_file_gives_a_workflow_or_a_workflow_error(text: str) -> None:
    try:
        found: WorkflowFile | ConfigError = read_workflow(text.encode(errors="replace"), "a.yaml")
    except ConfigError as error:
        found = error
    if isinstance(found, WorkflowFile):
        assert found.plan.size >= 1
    else:
        assert (type(found), found.file) == (WorkflowError, "a.yaml")


def test_a_card_may_wait_until_it_is_answered() -> None:
    act = "name: w\nversion: 1\ntasks:\n  t: { act: email.reply%s }\n"
    assert read(act % "").workflow.tasks[0].silence is Silence.EXPIRE
    assert read(act % ", silence: hold").workflow.tasks[0].silence is Silence.HOLD
    for wrong in (", silence: approve", ", silence: hold, deadline: P2D"):
        with pytest.raises(WorkflowError):
            read(act % wrong)
    with pytest.raises(WorkflowError, match="belongs to a task with 'act'"):
        read("name: w\nversion: 1\ntasks:\n  t: { role: specialist, agent: x, silence: hold }\n")
