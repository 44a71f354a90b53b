"""What an event refers to is known without folding: a blob that is gone is missed, whatever event it belongs to."""

import re
from dataclasses import fields
from typing import get_type_hints

import pytest

from mainstay.kernel.events import (
    NUMBERS,
    ContextRecalled,
    Event,
    MemoryRecorded,
    ModelFitted,
    TemplateAdopted,
)
from mainstay.kernel.ids import digest
from mainstay.kernel.values import Digest
from mainstay.ledger.codec import Codec
from mainstay.ledger.references import REFERRING, references

BLOB = digest(b"blob")
NO_BLOB = {"digest", "policy"}  # of an effect, and of rules: what is hashed stands elsewhere


def _never(name: Digest) -> object:
    raise KeyError(name)


@pytest.mark.parametrize(
    "event",
    [
        MemoryRecorded("m", 1, "notes", "note", BLOB, digest(b"a keyed mark")),
        ContextRecalled(1, 1, BLOB, 3),
        ModelFitted("triage", 1, "recipe", BLOB, 50, 100),
        TemplateAdopted("faq", BLOB),
    ],
)
def test_what_is_remembered_recalled_or_fitted_refers_to_one_blob(event: Event) -> None:
    number, _, data = Codec(_never).encode(event)  # type: ignore[arg-type]
    assert list(references(number, data)) == [bytes.fromhex(BLOB)]


def test_no_event_holds_the_address_of_a_blob_that_is_not_missed() -> None:
    for number, kind in NUMBERS.items():
        told = get_type_hints(kind)
        for one in fields(kind):
            if one.name in NO_BLOB or not re.search(r"\bDigest\b", str(told[one.name])):
                continue
            data = f'{{"{one.name}":"{BLOB}"}}' if "tuple" not in str(told[one.name]) else ""
            data = data or f'{{"{one.name}":["{BLOB}"]}}'
            assert number in REFERRING, f"{kind.__name__}.{one.name}"
            assert list(references(number, data.encode())) == [bytes.fromhex(BLOB)], (
                f"{kind.__name__}.{one.name}"
            )
