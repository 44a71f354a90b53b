"""What is refused says what to send: fields and addresses of the API, and nothing of the command line."""

from __future__ import annotations

import pytest

from mainstay.console.api.words import in_words_of_the_api
from mainstay.kernel.errors import CommandRefused, FileChanged, MainstayError, NotFound, StaleApproval
from tests.console.api.conftest import Program


@pytest.mark.parametrize("said", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_is_not_said_to_be_json_is_refused_before_it_is_read(program: Program, said: str) -> None:
    heard = program.post("memory/records", b'{"text": "x"}', Content_Type=said)
    assert (heard.status, heard.kind) == (415, "wrong-content-type"), heard.text
    assert "Content-Type: application/json" in heard.json["remedy"]


@pytest.mark.parametrize("said", ["application/json", "application/JSON; charset=utf-8"])
def test_one_that_is_said_to_be_json_is_read(program: Program, said: str) -> None:
    heard = program.post("memory/records", b'{"nothing": "x"}', Content_Type=said)
    assert (heard.status, heard.kind) == (422, "invalid"), heard.text


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (
            CommandRefused("No.", remedy="Give --confirm 'a@b.example', or ...", second_step="a@b.example"),
            'Send it again with `"confirm": "a@b.example"`. Nothing was done.',
        ),
        (
            CommandRefused("No.", remedy="Change it, or send it --anyway.", findings=[{"check": "x"}]),
            'Change the text, or send it again with `"anyway": true`, which stands for all `findings`.',
        ),
        (
            FileChanged("Changed.", remedy="Your text is still here.", file="a"),
            "`GET` it again: its `ETag` goes back as `If-Match`. Nothing was done.",
        ),
        (
            NotFound("No card.", remedy="`mainstay approvals` lists what waits."),
            "`GET /approvals` lists what waits.",
        ),
        (NotFound("No run.", remedy="`mainstay runs` lists them."), "`GET /runs` lists them."),
        (
            StaleApproval("Late.", remedy="`mainstay approvals` lists what waits now."),
            "`GET /approvals` lists what waits now.",
        ),
        (
            CommandRefused("No.", remedy="Run `mainstay connect email`."),
            "Run `mainstay connect email`.",  # what the API has not is left to the machine
        ),
    ],
)
def test_remedies_name_what_the_api_takes(error: MainstayError, remedy: str) -> None:
    assert in_words_of_the_api(error) == remedy


def test_a_card_that_is_not_there_is_looked_for_at_an_address(program: Program) -> None:
    heard = program.get("approvals/ffffffffffff0000")
    assert (heard.status, heard.kind) == (404, "not-found")
    assert "mainstay " not in heard.json["remedy"]
    assert "/approvals" in heard.json["remedy"]
