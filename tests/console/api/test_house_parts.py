"""Documents, models, programs, the log, the key that signs and dry runs: by the API what the command line does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from mainstay.runtime.logs import log_to, stop_logging
from mainstay.testing.model_server import Asked, Given, ModelServer, completion
from tests.console.api.conftest import Heard, Program
from tests.security.web_house import WebHouse

DOCUMENT = f"""# Delivery of samples

{"Parcels leave at four on every working day. " * 4}

## Holidays

{"None leave in the week of the fair, nor in the one after it. " * 4}
"""
MESSAGE = {"from_address": "new@example.org", "subject": "Refund", "text": "A refund, please."}


def _until_over(web: WebHouse, program: Program, begun: Heard) -> dict[str, object]:
    assert begun.status == 202, begun.text
    for _ in range(200):
        found: dict[str, object] = program.get(begun.headers["location"]).json
        if found["state"] != "running":
            return found
        web.ask(asyncio.sleep(0.02))
    raise AssertionError(found)


def test_a_document_is_found_known_again_and_corrected(web: WebHouse, program: Program) -> None:
    said = {"text": DOCUMENT, "title": "Delivery", "source": "https://example.org/delivery"}
    first = program.ask("PUT", "memory/documents/delivery", said)
    assert (first.status, first.json["became"]) == (200, "new"), first.text
    before = web.head
    again = program.ask("PUT", "memory/documents/delivery", said)
    assert (again.json["became"], again.json["memory"]) == ("unchanged", first.json["memory"])
    assert web.head == before
    shorter = {**said, "text": DOCUMENT.partition("## ")[0]}
    changed = program.ask("PUT", "memory/documents/delivery", shorter)
    assert (changed.json["became"], changed.json["retracted"]) == ("changed", 1)
    shown = program.get(f"memory/record?memory={first.json['memory']}").json
    assert shown["fields"]["source"] == said["source"]


@pytest.mark.parametrize(
    "said",
    [
        {"text": ""},
        {"text": "x" * 400_001},
        {"text": "x", "path": "/etc/passwd"},
        {"text": "x", "form": "pdf"},
        {"text": " \n"},
        {"text": "x", "space": "no-such-space"},
    ],
)
def test_a_document_is_text_of_a_bounded_length(
    web: WebHouse, program: Program, said: dict[str, str]
) -> None:
    before = web.head
    assert program.ask("PUT", "memory/documents/odd", said).status in (409, 422)
    assert web.head == before


def test_the_index_is_made_anew_by_the_director(web: WebHouse, program: Program) -> None:
    before = program.get("memory/stats").json
    found = _until_over(web, program, program.post("memory/rebuild"))
    assert found["state"] == "done", found
    assert isinstance(found["result"], dict)
    assert found["result"]["standing"]["units"] >= before["standing"]["units"]


def test_no_model_is_configured_and_none_is_tried(web: WebHouse, program: Program) -> None:
    assert program.get("models?reach=true").json == []
    heard = program.post("models/default/check")
    assert (heard.status, heard.kind) == (404, "not-found")


@pytest.fixture
def model(web: WebHouse) -> Iterator[ModelServer]:
    """A model on loopback that mainstay.toml names; nobody knows what it costs."""
    settings = web.root / "mainstay.toml"
    before = settings.read_bytes()
    with ModelServer(_answering) as server:
        named = f'\n[models.sample]\nuse = "scripted:small"\nurl = "{server.url}"\n'
        settings.write_bytes(before + named.encode())
        try:
            yield server
        finally:
            settings.write_bytes(before)


def _answering(asked: Asked) -> Given:
    models = asked.path.endswith("/models")
    return Given(raw=b'{"data": [{"id": "small"}]}') if models else completion("Ready.")(asked)


@pytest.mark.long  # the libraries that speak to models take seconds to load
def test_a_model_is_tried_where_its_price_is_known_or_agreed_to(
    web: WebHouse, program: Program, model: ModelServer
) -> None:
    (state,) = program.get("models").json
    assert (state["name"], state["reached"], state["price"]) == ("sample", None, None)
    assert program.get("models?reach=true").json[0]["reached"] is True
    asked = len(model.asked)
    refused = _until_over(web, program, program.post("models/sample/check"))
    assert refused["state"] == "failed"
    assert "Nobody knows" in str(refused["error"])
    assert len(model.asked) == asked, "no call was made"
    done = _until_over(web, program, program.post("models/sample/check", {"unpriced": True}))
    assert done["state"] == "done", done
    assert isinstance(done["result"], dict)
    assert (done["result"]["answer"], done["result"]["trouble"]) == ("Ready.", "")


def test_programs_of_ones_own_are_listed_and_not_trusted_by_a_request(program: Program) -> None:
    found = program.get("agents").json
    assert found["agents"] == []
    assert isinstance(found["sandbox"], str)
    assert program.get("agents/pricing").status == 404
    paths = program.get("openapi.json").json["paths"]
    assert not [path for path in paths if "trust" in path]


def test_the_log_is_shown_newest_first_and_by_its_gravity(web: WebHouse, program: Program) -> None:
    handler = log_to(web.root / ".mainstay" / "logs", size_mb=1, count=1)
    try:
        log = logging.getLogger("mainstay")
        for number in range(3):
            log.warning("sample line %d", number, extra={"event": "sample"})
    finally:
        stop_logging(handler)
    first = program.get("logs?level=warning&limit=2").json
    assert [one["said"] for one in first["items"]] == ["sample line 2", "sample line 1"]
    second = program.get(f"logs?level=warning&limit=2&cursor={first['next']}").json
    assert second["items"][0]["said"] == "sample line 0"
    assert second["items"][0]["event"] == "sample"
    assert "sample line" not in program.get("logs?level=error").text


def test_the_key_that_signs_is_changed_once_for_each_look(web: WebHouse, program: Program) -> None:
    program.post("audit/sign", key="")
    shown = program.get("audit/key")
    assert shown.headers["etag"] == f'"{shown.json["public"]}"'
    assert program.post("audit/rotate-key", key="").status == 428
    changed = program.post("audit/rotate-key", key="", If_Match=shown.headers["etag"])
    assert (changed.status, changed.json["before"]) == (200, shown.json["key"]), changed.text
    again = program.post("audit/rotate-key", key="", If_Match=shown.headers["etag"])
    assert (again.status, again.kind) == (412, "stale")
    assert program.get("audit/key").json["public"] == changed.json["public"]


def test_a_workflow_is_tried_with_a_message_of_the_inbox_or_with_plain_values(
    web: WebHouse, program: Program
) -> None:
    before = web.head
    key = next(one["key"] for one in program.get("inbox").json["items"] if one["key"])
    told = program.post("workflows/triage/try", {"message": key}, key="")
    assert told.status == 200, told.text
    assert told.json["steps"][0]["task"] == "annotate"
    said = {"message": MESSAGE | {"mailbox": "support"}}
    given = program.post(
        "workflows/triage/try",
        {"trigger": said, "answers": {"annotate.intent": "refund", "annotate.reply_expected": True}},
        key="",
    )
    steps = {one["task"]: one for one in given.json["steps"]}
    assert steps["send"]["state"] == "asks"
    assert program.post("workflows/nothing/try", {}, key="").status == 404
    assert program.post("workflows/triage/try", {"message": key, "trigger": said}, key="").status == 422
    assert web.head == before


def test_what_was_rejected_is_asked_about_anew_once(web: WebHouse, program: Program) -> None:
    card = web.card(last=True)
    assert program.decide(card.approval, "reject").status == 200
    first = program.post(f"approvals/{card.approval}/ask-again")
    assert first.status == 200, first.text
    again = program.post(f"approvals/{card.approval}/ask-again")
    assert (again.json["run"], again.json["events"]) == (first.json["run"], 0)
