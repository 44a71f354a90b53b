"""Recall as agents see it."""

import asyncio

from mainstay.agents.intents import ApprovedReply
from mainstay.agents.tools import NoTools, example_units, reply_units
from tests.agents.recalling import Recalling
from tests.agents.sample import intents, replies


def test_a_past_reply_is_found_by_its_question_and_says_its_answer() -> None:
    tools = Recalling(reply_units(replies()))
    first = asyncio.run(tools.recall("The link to set a new password is expired", limit=3, intent="login"))[0]
    assert first.source == "reply:sample-05"
    assert first.fields["answer"].startswith("only the newest link works")
    assert (
        asyncio.run(tools.recall("The link to set a new password is expired", limit=3, intent="press")) == []
    )


def test_examples_are_cited_as_the_specialist_cites_them() -> None:
    tools = Recalling(example_units(intents()))
    assert asyncio.run(tools.recall("I forgot my password", limit=1))[0].source == "intent:login#1"


def test_when_a_reply_was_approved_is_known_where_the_file_says_it() -> None:
    one = ApprovedReply("a", "login", "en", "", "How?", "So.", "2026-03-02T07:14:00Z")
    [dated] = reply_units([one])
    assert dated.at == 1_772_435_640_000_000
    [undated] = reply_units([ApprovedReply("a", "login", "en", "", "How?", "So.", "")])
    assert undated.at == 0


def test_nothing_remembered_is_nothing_found() -> None:
    assert asyncio.run(NoTools().recall("anything", limit=5)) == ()
