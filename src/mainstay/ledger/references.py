"""Which blobs an event refers to, read from its stored bytes: so that what is gone can be missed without folding.

The fields are those of `kernel.events` that hold digests of blobs. A field of that name inside an adapter's answer
would be taken for one as well; adapters answer with ids and numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mainstay.kernel.events import (
    NUMBER_OF,
    ActionEdited,
    ActionProposed,
    ContextRecalled,
    FileSaved,
    MemoryRecorded,
    MessageReceived,
    MessageRejected,
    ModelFitted,
    PlanAccepted,
    RunStarted,
    TaskSucceeded,
    TemplateAdopted,
    WorkflowRegistered,
)

REFERRING = frozenset(
    NUMBER_OF[kind]
    for kind in (
        RunStarted,
        PlanAccepted,
        TaskSucceeded,
        ActionProposed,
        ActionEdited,
        MessageReceived,
        MessageRejected,
        WorkflowRegistered,
        ContextRecalled,
        MemoryRecorded,
        ModelFitted,
        TemplateAdopted,
        FileSaved,
    )
)

_FIELD = re.compile(
    rb'"(?:artifact|card|content|definition|log|payload|plan|raw|replaced|template)":"([0-9a-f]{64})"'
)
_LIST = re.compile(rb'"attachments":\[((?:"[0-9a-f]{64}",?)+)\]')
_DIGEST = re.compile(rb"[0-9a-f]{64}")


def references(number: int, data: bytes) -> Iterator[bytes]:
    """The digests of the blobs that an event of this type refers to, 32 bytes each."""
    if number not in REFERRING:
        return
    for found in _FIELD.findall(data):
        yield bytes.fromhex(found.decode())
    for listed in _LIST.findall(data):
        for found in _DIGEST.findall(listed):
            yield bytes.fromhex(found.decode())
