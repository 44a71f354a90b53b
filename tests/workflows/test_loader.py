"""The workflow language: what each key becomes, and what each mistake is answered with."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.data import sample_path
from mainstay.kernel.errors import ConfigError, WorkflowError
from mainstay.kernel.plan import (
    All,
    AnyOf,
    Compare,
    Literal,
    Not,
    Operator,
    Ref,
    Role,
    Supersede,
    TaskKind,
    TaskSpec,
    Trigger,
    Workflow,
)
from mainstay.kernel.values import DAY
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
        assert replace(mine, inputs=()) == replace(told, inputs=())
        assert set(told.inputs) <= set(mine.inputs)
    assert (sample.on, sample.key, sample.supersede) == (example.on, example.key, example.supersede)


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
    found = task("{ act: email.label, agent: careful, role: executor, compensate: email.unlabel }")
    assert (found.agent, found.compensate) == ("careful", "email.unlabel")


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
        ("recall: past-threads", "deadline: P1D", 7, "tasks.annotate.deadline", "nobody approved"),
        ("needs: [inspect]", "needs: inspect", 13, "tasks.send.needs", "a list of texts"),
        ("needs: [inspect]", "needs: [inspec]", 13, "tasks.send.needs", "did you mean 'inspect'?"),
        ("needs: [inspect]", "needs: [inspect, inspect]", 13, "tasks.send.needs", "stands twice"),
        ("deadline: P2D", "deadline: 2 days", 14, "tasks.send.deadline", "P2D"),
        ("deadline: P2D", "timeout: P2D", 14, "tasks.send.timeout", "a day at most"),
        ("compensate: null", "compensate: 3", 14, "tasks.send.compensate", "must be a text"),
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
