"""What a request lacks is told in the words of the house, with the place and the names that would be taken."""

from __future__ import annotations

import json
import re

import pytest

from mainstay.console.api.wanted import PATTERNS
from tests.console.api.conftest import Program

PROPOSED = {"act": "email.label", "arguments": {}}


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        (
            "proposals",
            {**PROPOSED, "request": "one"},
            "`request` in the body: there is no such field. It knows: act, arguments, why.",
        ),
        ("proposals", {"act": 3}, "`act` in the body: it wants a text."),
        ("proposals", {}, "`act` in the body: it is needed, and was not sent."),
        ("proposals", {"act": "label"}, "`act` in the body: it wants an act, as `email.reply` is one."),
        (
            "proposals",
            {**PROPOSED, "why": "x" * 2_001},
            "`why` in the body: at most 2,000 characters are taken.",
        ),
        ("proposals", [1], "The body: it wants an object."),
        (
            "approvals/None/approve",
            {},
            "`card` in the address: it wants 4 to 64 hexadecimal digits, as an id has them.",
        ),
        (
            "decisions",
            {"answer": "approve", "cards": [{"approval": "0" * 8, "digest": "0" * 64, "x": 1}], "guard": "g"},
            "`cards.0.x` in the body: there is no such field. It knows: approval, digest.",
        ),
        (
            "decisions",
            {"answer": "maybe", "cards": [], "guard": "g"},
            "`answer` in the body: it wants one of 'approve', 'reject'.",
        ),
        ("memory/retract", {"memories": []}, "`memories` in the body: it must not be empty."),
        ("approvals/abcd/snooze", {"until": 1.5}, "`until` in the body: it wants a whole number."),
    ],
)
def test_where_and_what_was_expected(program: Program, path: str, body: object, why: str) -> None:
    heard = program.post(path, body)
    assert (heard.status, heard.kind, heard.json["why"]) == (422, "invalid", why)
    assert heard.json.keys() == {"type", "title", "status", "what", "why", "remedy", "fields"}


def test_a_header_and_a_filter_are_told_by_their_names(program: Program) -> None:
    heard = program.post("proposals", PROPOSED, key="")
    assert heard.json["why"] == "The header Idempotency-Key: it is needed, and was not sent."
    heard = program.post("proposals", PROPOSED, key="short")
    assert (
        heard.json["why"]
        == "The header Idempotency-Key: it wants 8 to 200 visible characters without blanks."
    )
    heard = program.get("approvals?limit=900")
    assert heard.json["why"] == "`limit` in the query: it wants at most 200."
    heard = program.get("approvals?limit=abc")
    assert heard.json["why"] == "`limit` in the query: it wants a whole number."


def test_every_pattern_has_words(program: Program) -> None:
    found: set[str] = set()

    def look(value: object) -> None:
        match value:
            case dict():
                found.update(one for name, one in value.items() if name == "pattern" and isinstance(one, str))
                for one in value.values():
                    look(one)
            case list():
                for one in value:
                    look(one)

    look(program.get("openapi.json").json)
    assert found <= PATTERNS.keys()
    assert not any(re.search(r"[\^$]", words) for words in PATTERNS.values()), json.dumps(PATTERNS)


def test_another_method_is_told_which_ones_there_are(program: Program) -> None:
    heard = program.ask("DELETE", "runs").json
    assert (heard["why"], heard["status"]) == ("It knows: GET, POST.", 405)
