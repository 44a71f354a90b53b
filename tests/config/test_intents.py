"""Intents, past replies and forbidden words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.agents.flags import FLAGS as RAISED
from mainstay.agents.intents import ApprovedReply, Intent
from mainstay.config.intents import (
    FLAGS,
    read_approved_replies,
    read_forbidden_words,
    read_intents,
)
from mainstay.data import sample_path
from mainstay.kernel.errors import ConfigError

INTENTS = """\
[[intent]]
id = "refund"
name = "Refund request"
description = "Wants money back."
reply_expected = true
labels = ["billing"]
flags = ["money"]
template = "refund"
examples = ["I want my money back."]

[[intent]]
id = "small-talk"
description = "Says something nice."
reply_expected = false
"""


def test_intents_by_example() -> None:
    assert read_intents(INTENTS.encode(), "intents.toml", ["refund"]) == (
        Intent(
            id="refund",
            name="Refund request",
            description="Wants money back.",
            reply_expected=True,
            labels=("billing",),
            flags=("money",),
            template="refund",
            examples=("I want my money back.",),
        ),
        Intent("small-talk", "Small talk", "Says something nice.", reply_expected=False),
    )


def test_the_sample_is_read_in_full() -> None:
    intents = read_intents(sample_path("workspace", "intents.toml").read_bytes(), "intents.toml")
    replies = read_approved_replies(
        sample_path("workspace", "approved-replies.jsonl").read_bytes(), "r", {one.id for one in intents}
    )
    words = read_forbidden_words(sample_path("workspace", "forbidden-words.txt").read_bytes(), "w")
    assert len(intents) >= 10
    assert len(replies) >= 20
    assert "asap" in words


def test_an_intent_may_raise_every_flag_that_there_is() -> None:
    assert FLAGS == RAISED


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "says"),
    [
        ("[[intent]]", "[[intents]]", 1, "intents", "did you mean 'intent'?"),
        ('id = "refund"', 'id = "Refund"', 2, "intent[1].id", "is not a name"),
        ('id = "refund"', 'id = "unknown"', 2, "intent[1].id", "belong to no intent"),
        ('id = "refund"', 'id = "small-talk"', 12, "intent[2].id", "stands twice"),
        ('description = "Wants money back."', "", 1, "intent[1]", "'description' is missing"),
        ("reply_expected = true", "reply_expected = 1", 5, "intent[1].reply_expected", "true or false"),
        ("reply_expected = true", "reply_expected = false", 8, "intent[1].template", "no reply is expected"),
        ('template = "refund"', "", 1, "intent[1]", "there is no template for it"),
        ('template = "refund"', 'template = "refnd"', 8, "intent[1].template", "did you mean 'refund'?"),
        ('flags = ["money"]', 'flags = ["mony"]', 7, "intent[1].flags", "did you mean 'money'?"),
        ('labels = ["billing"]', "labels = [1]", 6, "intent[1].labels", "a list of texts"),
        ('labels = ["billing"]', 'label = ["billing"]', 6, "intent[1].label", "did you mean 'labels'?"),
    ],
)
def test_a_mistake_in_an_intent(old: str, new: str, line: int, key: str, says: str) -> None:
    assert old in INTENTS
    with pytest.raises(ConfigError) as caught:
        read_intents(INTENTS.replace(old, new, 1).encode(), "intents.toml", ["refund"])
    assert says in str(caught.value)
    assert (caught.value.file, caught.value.line, caught.value.key) == ("intents.toml", line, key)


REPLY = (
    '{"id": "1", "intent": "refund", "question": "q", "answer": "a", "approved_at": "2026-01-01T10:00:00Z"}'
)


def test_replies_by_example() -> None:
    assert read_approved_replies(f"{REPLY}\n\n".encode(), "r.jsonl", ["refund"]) == (
        ApprovedReply("1", "refund", "en", "", "q", "a", "2026-01-01T10:00:00Z"),
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        (REPLY, "stands twice"),
        (REPLY.replace('"answer": "a", ', ""), "'answer' is missing"),
        (REPLY.replace('"1"', '"2"').replace('"a"', "3"), "must be a text"),
        (REPLY.replace('"1"', '"2"').replace("refund", "refnd"), "did you mean 'refund'?"),
        (REPLY.replace('"1"', '"2"').replace("2026-01-01T", "yesterday "), "is not a time"),
        (REPLY.replace('"id"', '"ID"'), "there is no key 'ID'"),
    ],
)
def test_a_mistake_in_a_reply_names_its_line(line: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_approved_replies(f"{REPLY}\n{line}\n".encode(), "r.jsonl", ["refund"])
    assert says in str(caught.value)
    assert (caught.value.file, caught.value.line) == ("r.jsonl", 2)


def test_forbidden_words_are_folded_and_counted_once() -> None:
    text = "# comment\n\nASAP\n  You  People \nasap\nStraße\n"
    assert read_forbidden_words(text.encode(), "w") == ("asap", "you people", "strasse")


@given(raw=st.one_of(st.binary(max_size=80), st.text(max_size=80).map(str.encode)))
def test_arbitrary_bytes_are_read_or_refused(raw: bytes) -> None:
    for read in (read_intents, read_approved_replies, read_forbidden_words):
        try:
            found: object = type(read(raw, "f"))
        except ConfigError as error:
            found = error.file
        assert found in (tuple, "f")
