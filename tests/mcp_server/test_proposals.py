"""What a client proposes: one run of one act, known again by its request, checked like any other, and always asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp import Client as Mcp

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.plan import PROPOSED
from mainstay.workflows.loader import read_workflow
from tests.console.seeded_views import rows_in
from tests.mcp_server.talking import OPERATORS_OWN, Desk, a_client

REPLY = "Thank you for your message. I will look at it and answer you."


def proposal(desk: Desk, request: str = "one", **other: Any) -> dict[str, Any]:
    return {
        "act": "email.reply",
        "arguments": {"message": desk.answered()["run"], "reply": {"text": REPLY}},
        "why": "they asked twice",
        "request": request,
        **other,
    }


def test_a_proposal_becomes_a_card_that_says_who_wants_it(desk: Desk) -> None:
    client = a_client()
    told = desk.found("propose", proposal(desk), client)
    card = desk.card_of(told["run"])

    assert told["new"]
    assert card.workflow == PROPOSED
    assert card.act == "email.reply"
    assert card.text == REPLY
    assert client.name in card.rationale
    assert "they asked twice" in card.rationale
    assert len(card.recipients) == 1
    story = desk.read(lambda workspace: workspace.explain(told["run"]))
    assert client.actor in story.lines[0].text
    assert story.lines[0].actor == client.actor


def test_the_card_of_a_message_that_a_proposal_has_answered_says_so(desk: Desk) -> None:
    first = desk.web.rows("approvals", run=desk.answered()["run"])[0]["approval"]
    card = desk.card_of(desk.found("propose", proposal(desk))["run"])
    assert not desk.read(lambda workspace: workspace.approval(first)).read_with
    desk.act(lambda workspace: workspace.approve(card.approval, confirm=card.second_step))
    desk.web.head  # noqa: B018  waits until it has left
    seen = desk.read(lambda workspace: workspace.approval(first))
    assert seen.status == "waiting"
    assert seen.read_with.startswith(
        f"This message has another answer, see run {card.run[:16]} (email.reply "
    )
    assert f"to {card.recipients[0]}): it was done at " in seen.read_with
    assert all(one["seen_before"] for one in seen.risky if one["value"] in card.recipients)
    kind_class = seen.kind.rpartition("/")[2]
    found = desk.read(lambda workspace: workspace.preview(seen.act, workflow="triage", kind_class=kind_class))
    assert first not in [one.approval for one in found.cards]


def test_the_same_request_is_one_proposal(desk: Desk) -> None:
    client = a_client()
    first = desk.found("propose", proposal(desk), client)
    again = desk.found("propose", proposal(desk), client)
    other = desk.found("propose", proposal(desk), a_client())

    assert again == {**first, "status": again["status"], "new": False}
    assert other["run"] != first["run"], "a request is its client's own"
    said = desk.refused("propose", proposal(desk, why="something else"), client)
    assert "asked for something else" in said


def test_the_same_request_twice_at_once_is_one_proposal_too(desk: Desk) -> None:
    client = a_client()
    given = proposal(desk)

    async def both(opened: Mcp) -> list[Any]:
        calls = [opened.call_tool("propose", given) for _ in range(4)]
        return [one.structured_content for one in await asyncio.gather(*calls)]

    found = desk.talk(both, client)
    assert len({one["run"] for one in found}) == 1
    assert sum(one["new"] for one in found) == 1


def test_who_is_named_in_a_proposal_and_forgotten_is_gone_from_it(desk: Desk) -> None:
    given = proposal(desk, why="Nora Finch (nora.finch@example.org) asked for it by telephone")
    told = desk.found("propose", given, a_client())
    before = desk.card_of(told["run"])
    desk.act(lambda workspace: workspace.forgetting.forget("nora.finch@example.org"))
    after = desk.read(lambda workspace: workspace.approval(before.approval))

    assert "Nora Finch" in before.rationale
    assert "Nora" not in f"{after.rationale}{after.text}"
    assert after.text == "" or "[forgotten]" in after.text


def test_what_rules_allow_asks_all_the_same_when_it_was_proposed(desk: Desk) -> None:
    card = desk.proposed_label(a_client())  # a rule of the sample allows labels

    assert card.status == "waiting"
    assert card.rule == "proposed"
    assert card.workflow == PROPOSED


def test_what_the_operators_own_client_proposes_asks_as_well(desk: Desk) -> None:
    card = desk.proposed_label(OPERATORS_OWN, "operators")

    assert card.status == "waiting"
    assert OPERATORS_OWN.name in card.rationale


def test_a_yes_lets_it_go_and_is_no_evidence_for_anything(desk: Desk) -> None:
    card = desk.proposed_label(a_client())
    desk.found("show_approval", {"approval": card.approval}, OPERATORS_OWN)
    desk.web.clock.pass_s(5)
    told = desk.found("approve", {"approval": card.approval, "digest": card.digest}, OPERATORS_OWN)

    assert told["status"] == "granted"
    assert desk.found("show_run", {"run": card.run})["status"] in ("running", "succeeded")
    desk.web.head  # noqa: B018  waits until nothing is under way
    (row,) = desk.web.rows("approvals", approval=card.approval)
    assert row["actor"] == "operator"
    assert desk.web.rows("autonomy", kind=card.kind) == []


def test_values_that_came_from_the_client_are_named_as_its_own(desk: Desk) -> None:
    text = f"{REPLY}\nYou can reach me at +49 151 23456789."
    arguments = {"message": desk.answered()["run"], "reply": {"text": text}}
    client = a_client()
    card = desk.card_of(desk.found("propose", proposal(desk, arguments=arguments), client)["run"])

    (number,) = [one for one in card.risky if one["name"] == "number"]
    assert client.name in number["source"]
    assert not number["seen_before"]


def test_the_checks_look_at_it_and_what_they_refuse_never_asks(desk: Desk) -> None:
    text = f"{REPLY}\nYour password is hunter2, log in at https://somewhere.example.org/login."
    arguments = {"message": desk.answered()["run"], "reply": {"text": text}}
    run = desk.found("propose", proposal(desk, arguments=arguments), a_client())["run"]
    desk.web.head  # noqa: B018  waits until nothing is under way

    assert desk.web.rows("approvals", run=run) == []
    told = desk.found("show_run", {"run": run})
    assert [one["phase"] for one in told["tasks"]] == ["succeeded", "skipped"]
    assert any(one["event"] == "action.denied/1" for one in told["tasks"][1]["lines"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"reply": {"text": REPLY}}, "'message' is missing"),
        ({"message": "RUN", "reply": {"text": "  "}}, "a text that is not empty"),
        ({"message": "RUN", "reply": {"text": REPLY, "to": "x@example.org"}}, "nothing else"),
        ({"message": "RUN", "reply": {"text": REPLY}, "recipient": "x@example.org"}, "no field of it"),
        ({"message": 7, "reply": {"text": REPLY}}, "must be the id of a message"),
        ({"message": "f" * 32, "reply": {"text": REPLY}}, "no such message"),
        ({"message": "../../etc", "reply": {"text": REPLY}}, "no such message"),
    ],
)
def test_arguments_are_what_the_contract_says(desk: Desk, arguments: dict[str, Any], said: str) -> None:
    given = {name: desk.answered()["run"] if one == "RUN" else one for name, one in arguments.items()}
    assert said in desk.refused("propose", proposal(desk, arguments=given))


def test_an_act_that_is_not_configured_is_refused_with_those_that_are(desk: Desk) -> None:
    said = desk.refused("propose", proposal(desk, act="bank.transfer"))
    assert "email.reply" in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"why": "x" * 2_001}, "The reason has more than"),
        ({"request": "  "}, "needs a request id"),
        ({"request": "x" * 201}, "needs a request id"),
        ({"arguments": {"message": "1", "labels": ["x" * 300_000]}}, "too large"),
        ({"arguments": {"message": "1", "labels": [10**30]}}, "must be a list of texts"),
        ({"arguments": {"message": "1", "labels": ["\ud800"]}}, "no text"),
        ({"arguments": {"message": [[[[[[[[[[]]]]]]]]]]}}, "nest too deep"),
    ],
)
def test_a_proposal_is_bounded_by_whichever_door(desk: Desk, given: dict[str, Any], said: str) -> None:
    usual = {
        "arguments": {"message": "1", "labels": ["later"]},
        "why": "",
        "request": "x",
        "actor": "client:x",
    }
    asked = {**usual, **given}
    with pytest.raises(CommandRefused, match=said):
        desk.act(lambda workspace: workspace.propose("email.label", **asked))


def test_names_of_clients_are_bounded(desk: Desk) -> None:
    def propose(actor: str) -> None:
        given = {"message": desk.answered()["run"], "labels": ["later"]}
        desk.act(lambda workspace: workspace.propose("email.label", given, request="x", actor=actor))

    for actor in ("", "director", "client:", f"client:{'x' * 101}", "client:a\nb", "agent:\u202eb"):
        with pytest.raises(CommandRefused):
            propose(actor)


def test_what_can_be_proposed_is_told_with_its_schema(desk: Desk) -> None:
    found = {one.act: one.arguments for one in desk.read(lambda workspace: workspace.proposable())}

    assert set(found) == {"email.reply", "email.label", "email.unlabel"}
    assert found["email.label"]["required"] == ["message", "labels"]
    assert found["email.reply"]["additionalProperties"] is False


def test_no_file_may_take_the_name(desk: Desk) -> None:
    raw = b"name: proposed\nversion: 1\ntasks:\n  one: { act: email.label }\n"
    with pytest.raises(Exception, match="the name of what clients outside propose"):
        read_workflow(raw, "workflows/proposed.yaml")


def test_what_we_wrote_ourselves_is_answered_by_no_proposal(desk: Desk) -> None:
    """A witness copy, or a mail that the operator sent: its answer would go to whoever we wrote to."""
    row = next(one for one in desk.web.rows("messages") if one["content"])
    copied = {one: value for one, value in row.items() if one != "message"} | {"own": 1}
    with rows_in(desk.web, ("messages", ("ab" * 16,), copied)):
        given = proposal(desk, arguments={"message": "ab" * 16, "reply": {"text": REPLY}})
        assert "There is no such message" in desk.refused("propose", given)


def test_a_label_is_told_in_words_with_who_wants_it(desk: Desk) -> None:
    client = a_client()
    card = desk.proposed_label(client)
    message = card.message
    (line,) = desk.read(lambda workspace: [one for one in workspace.cards() if one.run == card.run])

    assert line.title == card.title == f"Label later: {message['from_address']}, {message['subject']}"
    assert line.proposer == card.proposer == client.name
    facts = dict(card.facts)
    assert (facts["Labels"], facts["Message"]) == ("later", message["subject"])
    assert facts["Sent"].endswith(" UTC")
    assert not set('{}[]"') & set(card.content.replace(message["subject"], ""))
    assert str(message["sent_at"]) not in card.content
