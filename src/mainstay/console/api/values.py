"""The values that requests are made of, each with its bounds.

What one of these takes, the house takes: a text that could be no text, a number that no column holds, or a list
without an end does not come further than this.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

WHOLE_MAX = 2**63 - 1
TEXT_MAX = 20_000
REASON_MAX = 2_000
NAME_MAX = 120
NESTED_MAX = 200  # fields of an object that is as free as a workflow's trigger
# A NUL ends a text for some readers and not for others; half a surrogate is no character.
_TEXT = r"^[^\u0000]*$"


def whole_characters(text: str) -> str:
    """The same, where it holds no half of a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half a character") from None
    return text


Text = Annotated[str, Field(max_length=TEXT_MAX, pattern=_TEXT), AfterValidator(whole_characters)]
Said = Annotated[
    str, Field(min_length=1, max_length=TEXT_MAX, pattern=_TEXT), AfterValidator(whole_characters)
]
Reason = Annotated[str, Field(max_length=REASON_MAX, pattern=_TEXT), AfterValidator(whole_characters)]
Name = Annotated[
    str, Field(min_length=1, max_length=NAME_MAX, pattern=_TEXT), AfterValidator(whole_characters)
]
Named = Annotated[str, Field(max_length=NAME_MAX, pattern=_TEXT), AfterValidator(whole_characters)]
Digits = r"^[0-9a-f]{4,64}$"
Id = Annotated[str, Field(pattern=Digits, description="An id, or its beginning where no other begins so.")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="A digest, whole.")]
Whole = Annotated[int, Field(ge=0, le=WHOLE_MAX, strict=True)]
Time = Annotated[int, Field(ge=0, le=WHOLE_MAX, strict=True, description="Microseconds since 1970, UTC.")]
Micros = Annotated[int, Field(ge=0, le=10**15, strict=True, description="Millionths of a dollar.")]
Task = Annotated[int, Field(ge=0, le=1_000_000, strict=True, description="The number of a task in its run.")]
Free = Annotated[dict[str, Any], Field(max_length=NESTED_MAX)]

RunId = Annotated[
    str,
    Path(pattern=Digits, description="The id of a run, or what it begins or ends with.", examples=["0197"]),
]
CardId = Annotated[str, Path(pattern=Digits, description="The id of a card, or its beginning.")]
LetterId = Annotated[str, Path(pattern=Digits, description="The id of a dead letter, or its beginning.")]
NamePath = Annotated[
    str,
    Path(
        max_length=NAME_MAX,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="A name.",
        examples=["triage"],
    ),
]
KindQuery = Annotated[
    str,
    Query(
        min_length=1,
        max_length=300,
        pattern=r"^[^\u0000]+$",
        description="A kind of act: workflow/act/class, or its beginning.",
        examples=["triage/email.reply/faq"],
    ),
]
SinceQuery = Annotated[
    int, Query(ge=0, le=WHOLE_MAX, description="From this time on: microseconds since 1970.")
]
UntilQuery = Annotated[
    int | None, Query(ge=0, le=WHOLE_MAX, description="Before this time: microseconds since 1970.")
]
WorkflowQuery = Annotated[str, Query(max_length=NAME_MAX, description="Of this workflow alone.")]


class Strict(BaseModel):
    """What is sent: these fields, and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
