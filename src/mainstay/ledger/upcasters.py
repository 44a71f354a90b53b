"""What brings an event of an old shape to the next one: one tiny function for each change, kept for ever.

An event's schema number is 1 plus the number of its upcasters, so a change of shape is exactly one entry
here. An upcaster gets the fields as they were stored and returns them in the next shape; it knows nothing of
later changes, since they are applied in order. A field added with a default is no change of shape and needs
no entry.

When you add one, add a golden log of the version before (`scripts/make_golden_log.py`), so that it is folded
for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mainstay.kernel.values import Json

Upcaster = Callable[[Json], Json]
Upcasters = Mapping[tuple[int, int], Upcaster]  # by type number and the schema it comes from

UPCASTERS: Upcasters = {}


def schema_of(number: int, upcasters: Upcasters) -> int:
    """The schema in which events of this type are written today."""
    schema = 1
    while (number, schema) in upcasters:
        schema += 1
    return schema


def upcast(number: int, schema: int, fields: Json, upcasters: Upcasters) -> Json:
    """The fields in today's shape."""
    while (change := upcasters.get((number, schema))) is not None:
        fields = change(fields)
        schema += 1
    return fields
