"""The proposer: requests that the e-mail adapter understands, features that are not personal, refusals."""

import asyncio
from typing import Any

import pytest

from mainstay.adapters.email.address import Address
from mainstay.adapters.email.compose import compose
from mainstay.agents.base import Failed, MessageView, Outcome, Proposed, Reply, schema_of
from mainstay.agents.executor import Proposer, ProposerInput
from mainstay.agents.tools import NoTools
from mainstay.kernel.contract import FieldType
from mainstay.kernel.events import FailureClass
from mainstay.kernel.ids import IdempotencyKey
from tests.agents.sample import NOW, OWN, brief, message

REPLY = Reply(text="Hello Pat,\n\nhere it is.", subject="Re: Hello", template="how-to")


def propose(act: str = "email.reply", **inputs: Any) -> Outcome:
    return asyncio.run(Proposer(own_addresses=OWN).work(brief(inputs, act=act), NoTools()))


def proposed(**inputs: Any) -> Proposed:
    outcome = propose(**inputs)
    assert isinstance(outcome, Proposed), outcome
    return outcome


def test_a_reply_is_a_request_that_the_adapter_can_render() -> None:
    asked = message(references=("m0@customer.example",), reply_to="desk@customer.example")
    outcome = proposed(message=asked, reply=REPLY)
    composed = compose(
        outcome.request,
        own=Address(OWN[0]),
        key=IdempotencyKey("0" * 32),
        at=NOW,
        seal_key=b"k" * 32,
        witness=False,
    )
    assert composed.to == ("desk@customer.example",)
    assert composed.subject == "Re: Hello"
    assert b"In-Reply-To: <m1@customer.example>" in composed.message
    assert b"here it is." in composed.message


def test_a_label_is_a_request_without_the_text() -> None:
    outcome = proposed(act="email.label", message=message("very secret"), labels=["support", "how-to"])
    assert outcome.request["labels"] == ["support", "how-to"]
    assert outcome.request["message"]["message_id"] == "m1@customer.example"
    assert "secret" not in repr(outcome.request)
    assert outcome.rationale == "Set support, how-to."


def test_features_are_typed_and_hold_nothing_personal() -> None:
    asked = message("I want a refund.", sender_known=True, attachments=("scan.pdf",))
    features = proposed(message=asked, reply=REPLY, intent="refund", confidence=0.8).features
    assert features == {
        "intent": "refund",
        "confidence": 0.8,
        "recipient_known": True,
        "reply_to_differs": False,
        "automatic": False,
        "attachments": 1,
        "language": "en",
        "mailbox": "support",
        "template": "how-to",
        "template_digest": "",
        "drafted_by": "template",
        "leans_on_approved": False,
        "flags": ["money"],
        "flagged": True,
    }
    for personal in ("pat", "customer", "hello", "scan"):
        assert personal not in repr(features).lower()


def test_a_diverted_answer_goes_to_nobody_known() -> None:
    asked = message(sender_known=True, reply_to="pat@elsewhere.example")
    features = proposed(message=asked, reply=REPLY).features
    assert features["reply_to_differs"]
    assert not features["recipient_known"]


def test_flags_given_by_the_workflow_are_added_to_those_of_the_rules() -> None:
    features = proposed(
        message=message("I want a refund."), reply=REPLY, flags=("unknown", "threat")
    ).features
    assert features["flags"] == ["money", "threat", "unknown"]


@pytest.mark.parametrize(
    ("asked", "reply", "reason"),
    [
        (message(automatic="it came through a mailing list"), REPLY, "machine"),
        (message(from_address=""), REPLY, "no sender"),
        (message(from_address="Help@northdesk.example"), REPLY, "our own"),
        (message(reply_to="help@northdesk.example"), REPLY, "our own"),
        (message(), REPLY.model_copy(update={"missing": ("operator.name",)}), "gaps"),
        (None, REPLY, "no message"),
    ],
)
def test_what_must_not_be_answered_is_refused(asked: MessageView | None, reply: Reply, reason: str) -> None:
    outcome = propose(**({"message": asked} if asked else {}), reply=reply)
    assert isinstance(outcome, Failed)
    assert outcome.failure is FailureClass.REFUSED
    assert reason in outcome.reason


def test_a_machines_mail_may_be_labelled() -> None:
    outcome = proposed(act="email.label", message=message(automatic="a list"), labels=[])
    assert outcome.features["automatic"]
    assert outcome.rationale == "No label to set."


def test_labels_that_come_off_are_not_said_to_be_set() -> None:
    assert (
        proposed(act="email.unlabel", message=message("x"), labels=["a", "b"]).rationale == "Take off a, b."
    )
    assert proposed(act="email.unlabel", message=message("x"), labels=[]).rationale == "No label to take off."


def test_an_act_of_another_kind_passes_its_inputs_on() -> None:
    outcome = proposed(act="calendar.create", title="Demo", message=message(), guests=({"name": "x"},))
    assert outcome.request["title"] == "Demo"
    assert outcome.request["guests"] == [{"name": "x"}]


def test_optional_fields_have_the_type_of_what_they_may_hold() -> None:
    types = {field.name: (field.type, field.required) for field in schema_of(ProposerInput).fields}
    assert types["message"] == (FieldType.MESSAGE, False)
    assert types["confidence"] == (FieldType.NUMBER, False)
