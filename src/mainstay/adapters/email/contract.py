"""What an e-mail account can do: the contract that rules, plans and recipes know it by, before any of it is loaded."""

from __future__ import annotations

from dataclasses import replace

from mainstay.kernel.contract import Contract, Field, FieldType, Finality, Operation, Repeatability, Schema

# With pauses that grow to a quarter of an hour: about a day and a half. Mail servers themselves try for longer
# (RFC 5321, 4.5.4.1: four to five days); an answer to a customer is stale by then.
REPLY_ATTEMPT_MAX = 200


def contract(repeatability: Repeatability) -> Contract:
    """The contract of an account whose replies may be repeated so."""
    reply = Operation(
        name="reply",
        request=Schema((Field("message", FieldType.MESSAGE), Field("reply", FieldType.REPLY))),
        response=Schema(
            (Field("message_id", FieldType.STRING), Field("sent_copy", FieldType.BOOL, required=False))
        ),
        repeatability=repeatability,
        finality=Finality.FINAL_LOW,
        timeout_s=180.0,  # a relay may look at a mail for long before it answers the final dot
        grace_s=300.0,
        attempt_max=REPLY_ATTEMPT_MAX,
    )
    label = Operation(
        name="label",
        request=Schema((Field("message", FieldType.MESSAGE), Field("labels", FieldType.STRINGS))),
        response=Schema((Field("labels", FieldType.STRINGS),)),
        repeatability=Repeatability.KEYED,
        finality=Finality.REVERSIBLE,
        attempt_max=REPLY_ATTEMPT_MAX,
    )
    unlabel = replace(label, name="unlabel")
    # Still 1.0: the version is part of what was approved, and `unlabel` changes nothing of the other two.
    return Contract(adapter="email", major=1, minor=0, operations=(reply, label, unlabel))
