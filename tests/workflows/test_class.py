"""`class:` of an act: under which class evidence about it is kept."""

import pytest

from mainstay.kernel.errors import WorkflowError
from mainstay.kernel.predicates import Literal, Ref
from mainstay.workflows.canonical import canonical, restore
from mainstay.workflows.loader import read_workflow
from mainstay.workflows.typing import check
from tests.workflows.test_typing import CATALOG

TEXT = """
name: triage
version: 1
on: { event: message.received/1 }
tasks:
  annotate: { role: specialist, agent: intent, in: { message: "${trigger.message}" } }
  lines: { role: specialist, agent: lines, in: { message: "${trigger.message}" } }
  draft:
    role: executor
    agent: reply-writer
    in: { message: "${trigger.message}", intent: "${annotate.intent}" }
  send: { act: email.reply, in: { message: "${trigger.message}", reply: "${draft.reply}" }CLASS }
"""


def read(written: str) -> object:
    file = read_workflow(TEXT.replace("CLASS", written).encode(), "triage.yaml")
    check(file.workflow, CATALOG, file.document)
    return file.workflow


@pytest.mark.parametrize(
    ("written", "binding"),
    [
        (', class: "${annotate.intent}"', Ref("annotate", ("intent",))),
        (', class: "${annotate.reply_expected}"', Ref("annotate", ("reply_expected",))),
        (', class: "${lines.count}"', Ref("lines", ("count",))),
        (", class: routine", Literal("routine")),
    ],
)
def test_a_word_or_a_short_field(written: str, binding: object) -> None:
    file = read_workflow(TEXT.replace("CLASS", written).encode(), "triage.yaml")
    check(file.workflow, CATALOG, file.document)
    assert file.workflow.tasks[-1].kind_class == binding
    assert restore(canonical(file.workflow)) == file.workflow
    if isinstance(binding, Ref):
        assert binding.source in {file.workflow.tasks[one].name for one in file.plan.needs[-1]}


def test_without_one_the_bytes_stay_what_they_were() -> None:
    file = read_workflow(TEXT.replace("CLASS", "").encode(), "triage.yaml")
    assert file.workflow.tasks[-1].kind_class is None
    assert b'class"' not in canonical(file.workflow).replace(b"data_class", b"")


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (', class: "${lines.note}"', "a class is a bool, an int or a string"),
        (', class: "${trigger.message}"', "a class is a bool, an int or a string"),
        (', class: "${annotate.confidence}"', "a class is a bool, an int or a string"),
        (', class: "${annotate.labels}"', "a class is a bool, an int or a string"),
        (', class: "${annotate.intents}"', "there is no"),
        (', class: "Two Words"', "cannot be a class"),
        (", class: 7", "cannot be a class"),
        (", class: [a]", "cannot be a class"),
        (', class: "x ${annotate.intent}"', "must be the whole value"),
    ],
)
def test_anything_else_is_refused_where_it_stands(written: str, says: str) -> None:
    with pytest.raises(WorkflowError, match=says) as raised:
        read(written)
    assert raised.value.fields["line"] == 12


def test_only_an_act_has_one() -> None:
    text = TEXT.replace("CLASS", "").replace("agent: intent,", "agent: intent, class: routine,")
    with pytest.raises(WorkflowError, match="belongs to a task with 'act'"):
        read_workflow(text.encode(), "triage.yaml")
