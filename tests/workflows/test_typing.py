"""Typing against a catalog: everything a workflow names exists, and every value fits where it goes."""

import pytest

from mainstay.kernel.contract import Field, FieldType, Finality, Operation, Repeatability, Schema
from mainstay.kernel.errors import WorkflowError
from mainstay.kernel.plan import Role, TaskKind, TaskSpec, Workflow
from mainstay.kernel.predicates import Ref
from mainstay.workflows.catalog import MESSAGE_RECEIVED, AgentSignature, Catalog
from mainstay.workflows.loader import read_workflow
from mainstay.workflows.typing import check, fits


def schema(**types: str) -> Schema:
    """Fields by name; a type that ends in `?` is not required."""
    return Schema(
        tuple(
            Field(name, FieldType(kind.rstrip("?")), not kind.endswith("?")) for name, kind in types.items()
        )
    )


def operation(name: str, request: Schema, response: Schema | None = None) -> Operation:
    return Operation(name, request, response or Schema(), Repeatability.FINDABLE, Finality.FINAL_LOW)


CATALOG = Catalog(
    agents={
        "intent": AgentSignature(
            Role.SPECIALIST,
            schema(message="message"),
            schema(
                intent="string", confidence="number", reply_expected="bool", labels="strings", flags="strings"
            ),
        ),
        "reply-writer": AgentSignature(
            Role.EXECUTOR, schema(message="message", intent="string", tone="string?"), schema(reply="reply")
        ),
        "proposer": AgentSignature(
            Role.EXECUTOR,
            schema(message="message?", reply="reply?", intent="string", flags="strings"),
            schema(),
        ),
        "reply-checks": AgentSignature(Role.INSPECTOR, schema(draft="reply"), schema(findings="findings")),
        "lines": AgentSignature(
            Role.SPECIALIST, schema(message="message"), schema(lines="records", note="text", count="int")
        ),
        "line": AgentSignature(Role.SPECIALIST, schema(line="record"), schema(sum="number")),
        "word": AgentSignature(Role.SPECIALIST, schema(word="string"), schema(text="text")),
        "total": AgentSignature(Role.SPECIALIST, schema(rows="records"), schema(sum="number")),
        "costly": AgentSignature(
            Role.SPECIALIST, schema(message="message"), schema(), cost_max_micros=20_000
        ),
        "anything": AgentSignature(Role.SPECIALIST, schema(value="any"), schema(value="any")),
    },
    acts={
        "email.reply": operation("reply", schema(message="message", reply="reply")),
        "email.label": operation("label", schema(message="message", labels="strings"), schema(undo="string")),
        "email.unlabel": operation("unlabel", schema(message="message", undo="string")),
        "email.relabel": operation("relabel", schema(message="message", labels="string")),
        "email.strip": operation("strip", schema(message="message")),
        "email.forward": operation("forward", schema(message="message", address="string")),
    },
    events={"message.received/1": MESSAGE_RECEIVED},
    recalls=frozenset({"past-threads", "approved-replies"}),
)

TRIAGE = """\
name: triage
version: 3
on: { event: message.received/1, where: { field: message.mailbox, is: support } }
key: message.thread
tasks:
  annotate: { role: specialist, agent: intent, in: { message: ${trigger.message} }, recall: past-threads }
  draft:
    role: executor
    agent: reply-writer
    when: { field: annotate.reply_expected, is: true }
    in: { message: ${trigger.message}, intent: ${annotate.intent} }
  inspect: { role: inspector, agent: reply-checks, in: { draft: ${draft.reply} }, revisions_max: 1 }
  label: { act: email.label, in: { message: ${trigger.message}, labels: ${annotate.labels} } }
  send: { act: email.reply, needs: [inspect], in: { message: ${trigger.message}, reply: ${draft.reply} } }
"""


def checked(text: str) -> None:
    file = read_workflow(text.encode(), "workflows/triage.yaml")
    check(file.workflow, CATALOG, file.document)


def refusal(text: str) -> WorkflowError:
    with pytest.raises(WorkflowError) as caught:
        checked(text)
    return caught.value


def test_the_triage_workflow_fits() -> None:
    checked(TRIAGE)


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "says"),
    [
        ("message.received/1", "message.recieved/1", 3, "on.event", "did you mean 'message.received/1'?"),
        ("field: message.mailbox", "field: message.mailbx", 3, "on.where.field", "trigger.message.mailbox"),
        ("is: support", "is: 3", 3, "on.where.is", "message.mailbox is string, and 3 is not"),
        ("is: support", "above: 3", 3, "on.where.above", "cannot be compared with 'above'"),
        (
            "field: message.mailbox",
            "field: message.automatic",
            3,
            "on.where.is",
            "is bool, and 'support' is not",
        ),
        ("key: message.thread", "key: message.automatic", 4, "key", "is bool, and a key is a string"),
        ("key: message.thread", "key: message.tread", 4, "key", "trigger.message.thread"),
        (
            "agent: intent,",
            "agent: intend,",
            6,
            "tasks.annotate.agent",
            "specialist called 'intend'. did you mean 'intent'?",
        ),
        (
            "agent: intent,",
            "agent: zzz,",
            6,
            "tasks.annotate.agent",
            "there is anything, costly, intent, line, lines",
        ),
        (
            "agent: intent,",
            "agent: reply-writer,",
            6,
            "tasks.annotate.role",
            "has the role executor, not specialist",
        ),
        (
            "recall: past-threads",
            "recall: past-thread",
            6,
            "tasks.annotate.recall",
            "did you mean 'past-threads'?",
        ),
        (
            "${trigger.message} }, recall",
            "${trigger.massage} }, recall",
            6,
            "tasks.annotate.in.message",
            "there is no ${trigger.massage}. did you mean '${trigger.message}'?",
        ),
        (
            "${trigger.message} }, recall",
            "hello }, recall",
            6,
            "tasks.annotate.in.message",
            "this is string, and 'intent' takes 'message' as message",
        ),
        (
            "in: { message: ${trigger.message} }, recall",
            "in: {}, recall",
            6,
            "tasks.annotate.in",
            "'intent' needs message (message)",
        ),
        (
            "in: { message: ${trigger.message} }, recall",
            "in: { message: ${trigger.message}, x: 1 }, recall",
            6,
            "tasks.annotate.in.x",
            "takes no input 'x'",
        ),
        (
            "field: annotate.reply_expected",
            "field: annotate.reply_wanted",
            10,
            "tasks.draft.when.field",
            "annotate.reply_expected",
        ),
        ("is: true", "is: yes", 10, "tasks.draft.when.is", "is bool, and 'yes' is not"),
        (
            "is: true",
            "contains: yes",
            10,
            "tasks.draft.when.contains",
            "it can be compared with is, is_not, exists",
        ),
        (
            "annotate.reply_expected, is: true",
            "annotate.confidence, above: high",
            10,
            "tasks.draft.when.above",
            "number",
        ),
        (
            "annotate.reply_expected, is: true",
            "annotate.labels, is: x",
            10,
            "tasks.draft.when.is",
            "is strings",
        ),
        (
            "${annotate.intent}",
            "${annotate.labels}",
            11,
            "tasks.draft.in.intent",
            "annotate.labels is strings, and 'reply-writer' takes 'intent' as string",
        ),
        (
            "${annotate.intent}",
            "${annotate.itent}",
            11,
            "tasks.draft.in.intent",
            "did you mean '${annotate.intent}'?",
        ),
        (
            "${draft.reply} }, revisions_max: 1",
            "hello }, revisions_max: 1",
            12,
            "tasks.inspect.in.draft",
            "as reply",
        ),
        ("act: email.label", "act: email.lable", 13, "tasks.label.act", "did you mean 'email.label'?"),
        (
            "${annotate.labels}",
            "${annotate.intent}",
            13,
            "tasks.label.in.labels",
            "takes 'labels' as strings",
        ),
        ("${annotate.labels}", "[1, 2]", 13, "tasks.label.in.labels", "takes 'labels' as strings"),
        (", reply: ${draft.reply} }", " }", 14, "tasks.send.in", "'email.reply' needs reply (reply)"),
        (
            "needs: [inspect]",
            "needs: [inspect], compensate: email.unreply",
            14,
            "tasks.send.compensate",
            "there is no act 'email.unreply'",
        ),
        (
            "needs: [inspect]",
            "needs: [inspect], compensate: email.forward",
            14,
            "tasks.send.compensate",
            "'email.forward' needs address (string). write compensate: { act: email.forward, in: { ... } }",
        ),
        (
            "act: email.label",
            "act: email.label, compensate: { act: email.unlabel, in: { message: ${trigger.message} } }",
            13,
            "tasks.label.compensate.in",
            "'email.unlabel' needs undo (string). bind it under 'in'",
        ),
        (
            "act: email.label",
            "act: email.label, compensate: { act: email.unlable }",
            13,
            "tasks.label.compensate.act",
            "did you mean 'email.unlabel'?",
        ),
        (
            "act: email.label",
            "act: email.label, compensate: { act: email.unlabel, in: { message: ${label.undo}, undo: x } }",
            13,
            "tasks.label.compensate.in.message",
            "label.undo is string, and 'email.unlabel' takes 'message' as message",
        ),
        (
            "act: email.label",
            "act: email.label, compensate: { act: email.unlabel,"
            " in: { message: ${trigger.message}, undo: ${label.undone} } }",
            13,
            "tasks.label.compensate.in.undo",
            "did you mean '${label.undo}'?",
        ),
        (
            "act: email.label",
            "act: email.label, compensate: email.relabel",
            13,
            "tasks.label.compensate",
            "'email.relabel' takes 'labels' as string",
        ),
        (
            "needs: [inspect]",
            "agent: propper",
            14,
            "tasks.send.agent",
            "there is no executor called 'propper'",
        ),
        ("needs: [inspect]", "agent: intent", 14, "tasks.send", "has the role specialist, not executor"),
    ],
)
def test_a_misfit_is_answered_with_line_and_key(old: str, new: str, line: int, key: str, says: str) -> None:
    assert old in TRIAGE
    error = refusal(TRIAGE.replace(old, new, 1))
    assert says in str(error)
    assert (error.file, error.line) == ("workflows/triage.yaml", line)
    assert error.key.startswith(key)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("is: support", "in: [support, sales]"),
        ("is: support", "exists: true"),
        ("${annotate.labels}", "[a, b]"),
        ("${annotate.labels}", "[]"),
        ("intent: ${annotate.intent}", "intent: pricing, tone: kind"),
        ("annotate.reply_expected, is: true", "annotate.labels, contains: x"),
        ("annotate.reply_expected, is: true", "annotate.confidence, above: 1"),
        ("annotate.reply_expected, is: true", "trigger.message.language, is: no"),
        ("act: email.label", "act: email.label, compensate: email.strip"),
        (
            "act: email.label",
            "act: email.label, compensate: { act: email.unlabel,"
            " in: { message: ${trigger.message}, undo: ${label.undo} } }",
        ),
        (
            "act: email.reply",
            "act: email.reply, compensate: email.strip",
        ),  # what it does not take is passed over
    ],
)
def test_what_fits(old: str, new: str) -> None:
    assert old in TRIAGE
    checked(TRIAGE.replace(old, new, 1))


def fanned(tasks: str) -> str:
    head = "name: a\nversion: 1\non: { event: message.received/1 }\ntasks:\n"
    return head + "  read: { role: specialist, agent: lines, in: { message: ${trigger.message} } }\n" + tasks


def test_a_fan_out_over_records_and_over_strings() -> None:
    checked(
        fanned(
            "  each: { role: specialist, agent: line, for_each: ${read.lines}, in: { line: ${item} } }\n"
            "  p: { role: specialist, agent: anything, for_each: ${read.lines}, in: { value: ${item.a} } }\n"
            "  sum: { role: specialist, agent: total, in: { rows: ${each.items} } }\n"
            "  kind: { role: specialist, agent: intent, in: { message: ${trigger.message} } }\n"
            "  word: { role: specialist, agent: word, for_each: ${kind.labels}, in: { word: ${item} } }\n"
        )
    )


@pytest.mark.parametrize(
    ("task", "says"),
    [
        (
            "{ agent: line, for_each: ${read.note}, in: { line: ${item} } }",
            "read.note is text, and 'for_each' needs",
        ),
        ("{ agent: line, for_each: ${read.lins}, in: { line: ${item} } }", "did you mean '${read.lines}'?"),
        (
            "{ agent: word, for_each: ${read.lines}, in: { word: ${item} } }",
            "item is record, and 'word' takes",
        ),
        ("{ agent: word, in: { word: ${item} } }", "only a task with 'for_each' has an item"),
        (
            "{ agent: anything, in: { value: 1 }, when: { field: read.note, is: x } }",
            "read.note is text",
        ),
    ],
)
def test_a_fan_out_that_cannot_be(task: str, says: str) -> None:
    error = refusal(fanned("  t: " + task.replace("{ agent", "{ role: specialist, agent", 1) + "\n"))
    assert says in str(error)
    assert error.line == 6


def test_the_fields_of_one_item_are_not_those_of_all() -> None:
    text = fanned(
        "  each: { role: specialist, agent: line, for_each: ${read.lines}, in: { line: ${item} } }\n"
        "  t: { role: specialist, agent: anything, in: { value: ${each.sum} } }\n"
    )
    assert "there is no ${each.sum}" in str(refusal(text))


def test_each_item_is_taken_back_by_itself() -> None:
    act = "{{ act: email.label, for_each: ${{read.lines}}, in: {{ message: ${{trigger.message}}, labels: [a] }}, "
    undo = "compensate: {{ act: email.unlabel, in: {{ message: ${{trigger.message}}, undo: {undo} }} }} }}"
    text = "  t: " + act + undo + "\n"
    checked(fanned(text.format(undo="${t.undo}")))
    checked(fanned(text.format(undo="${item.undo}")))
    assert "there is no ${t.items}" in str(refusal(fanned(text.format(undo="${t.items}"))))


SCHEDULED = """\
name: report
version: 1
on: { schedule: "0 9 * * MON-FRI", zone: Europe/Berlin }
key: schedule.due
tasks:
  t: { role: specialist, agent: anything, in: { value: ${trigger.schedule.due} } }
  u: { role: specialist, agent: anything, in: { value: 1 }, when: { field: trigger.schedule.missed, above: 1 } }
"""


def test_the_fields_of_a_schedule() -> None:
    checked(SCHEDULED)
    error = refusal(SCHEDULED.replace("${trigger.schedule.due}", "${trigger.schedule.do}"))
    assert "did you mean '${trigger.schedule.due}'?" in str(error)
    error = refusal(SCHEDULED.replace("above: 1", "contains: x"))
    assert "trigger.schedule.missed is int" in str(error)
    error = refusal(SCHEDULED.replace("key: schedule.due", "key: message.thread"))
    assert (error.line, error.key) == (4, "key")


def test_an_inspector_needs_something_that_can_be_done_again() -> None:
    nothing = TRIAGE.replace("draft: ${draft.reply}", "draft: ${trigger.message}")
    found = refusal(nothing)
    assert any("nothing to inspect" in str(error) for error in (found, *found.also))
    check = "  check: { role: inspector, agent: any, in: { x: ${label.undo} }, revisions_max: 1 }\n"
    sent = TRIAGE.replace("  send:", check + "  send:")
    found = refusal(sent)
    assert any("acts cannot be sent back" in str(error) for error in (found, *found.also))


def test_an_act_also_takes_what_its_executor_tells_policy() -> None:
    more = "reply: ${draft.reply}, intent: ${annotate.intent}, flags: ${annotate.flags}"
    checked(TRIAGE.replace("reply: ${draft.reply} } }", more + " } }"))
    error = refusal(TRIAGE.replace("reply: ${draft.reply} } }", more.replace(".flags", ".intent") + " } }"))
    assert "'email.reply' takes 'flags' as strings" in str(error)


def test_an_agent_that_costs_needs_a_budget() -> None:
    task = "  t: { role: specialist, agent: costly, in: { message: ${trigger.message} } }\n"
    error = refusal(TRIAGE + task)
    assert "may cost $0.02 an attempt, and the task has no budget" in str(error)
    assert (error.line, error.key) == (15, "tasks.t.budget")
    checked(TRIAGE + task.replace("costly,", 'costly, budget: { usd_max: "0.01" },'))


def test_every_misfit_is_told_at_once() -> None:
    text = TRIAGE.replace("agent: intent,", "agent: inten,").replace("email.label", "email.lable")
    error = refusal(text)
    assert [one.line for one in (error, *error.also)] == [6, 13]


def test_without_a_trigger_its_fields_are_taken_on_trust() -> None:
    task = "{ role: specialist, agent: intent, in: { message: ${trigger.anything} } }"
    checked(f"name: a\nversion: 1\ntasks:\n  t: {task}\n")


def test_a_proposed_workflow_is_checked_without_a_file() -> None:
    spec = TaskSpec(
        "t", TaskKind.THINK, Role.SPECIALIST, "intnt", inputs=(("message", Ref("trigger", ("message",))),)
    )
    with pytest.raises(WorkflowError, match=r"proposed: tasks\.t\.agent: .*did you mean 'intent'"):
        check(Workflow("proposed", 1, (spec,)), CATALOG)


@pytest.mark.parametrize("one", FieldType)
def test_a_type_fits_itself_and_the_unchecked_one(one: FieldType) -> None:
    assert fits(one, one)
    assert fits(one, FieldType.ANY)
    assert fits(FieldType.ANY, one)


def test_nothing_personal_fits_where_short_texts_go() -> None:
    assert fits(FieldType.STRING, FieldType.TEXT)
    assert not fits(FieldType.TEXT, FieldType.STRING)
    assert fits(FieldType.INT, FieldType.NUMBER)
    assert not fits(FieldType.NUMBER, FieldType.INT)
    assert not fits(FieldType.BOOL, FieldType.INT)
