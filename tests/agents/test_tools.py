"""Recall as agents see it."""

from mainstay.agents.tools import RecallTools, example_records, reply_records
from mainstay.memory.recall import Recollection
from tests.agents.sample import intents, replies


def test_a_past_reply_is_found_by_its_question_and_says_its_answer() -> None:
    tools = RecallTools(Recollection(reply_records(replies())))
    first = tools.recall("The link to set a new password is expired", limit=3, intent="login")[0]
    assert first.source == "reply:sample-05"
    assert first.fields["answer"].startswith("only the newest link works")
    assert tools.recall("The link to set a new password is expired", limit=3, intent="press") == ()


def test_examples_are_cited_as_the_specialist_cites_them() -> None:
    tools = RecallTools(Recollection(example_records(intents())))
    assert tools.recall("I forgot my password", limit=1)[0].source == "intent:login#1"


def test_nothing_remembered_is_nothing_found() -> None:
    assert RecallTools().recall("anything", limit=5) == ()
