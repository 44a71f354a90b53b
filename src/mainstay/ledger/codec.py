"""Events to stored bytes and back, as JSON that a person can read in the file.

Rules of the file:

- A field that has its default is not written: the bytes on disk are a figure that we answer for.
- What is read is what was written: types are checked, and a field that this version does not know is
  refused (`LedgerTooNew`): folding an event without half of what it says is worse than stopping.
- A plan is written as its digest, an event of an old shape is brought forward by `ledger.upcasters`.
- Equal events have equal bytes.

Each event class is turned once into a msgspec `Struct` of the same fields, because msgspec leaves out
defaults and refuses unknown fields for those only. Tried and dropped: encoding the dataclasses as they are
(a third more bytes, unknown fields pass) and pydantic (ten times the time).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from operator import attrgetter
from typing import Any, get_type_hints

import msgspec

from mainstay.kernel.errors import LedgerCorrupt, LedgerTooNew
from mainstay.kernel.events import NUMBERS, Event
from mainstay.kernel.plan import Plan
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.store import RecordedEvent
from mainstay.ledger.upcasters import UPCASTERS, Upcasters, schema_of, upcast

Plans = Callable[[Digest], Plan]  # raises KeyError for a plan that there is not

_encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder(Json).decode  # to say the type at every call takes four times as long
_IRREGULAR: dict[str, str] = {"ActionInDoubt": "action.in_doubt"}


def _name(kind: type[Event]) -> str:
    *noun, verb = (word.lower() for word in re.findall("[A-Z][a-z]+", kind.__name__))
    return _IRREGULAR.get(kind.__name__) or f"{'_'.join(noun)}.{verb}"


NAMES: dict[int, str] = {number: _name(kind) for number, kind in NUMBERS.items()}


def event_name(number: int, schema: int) -> str:
    """The public name of an event's type: `message.received/1`, as in workflow triggers and exports."""
    return f"{NAMES.get(number, f'unknown.{number}')}/{schema}"


class Codec:
    """Encodes and decodes every event; `plans` finds the plan behind a digest."""

    def __init__(self, plans: Plans, upcasters: Upcasters = UPCASTERS) -> None:
        self._plans = plans
        self._upcasters = upcasters
        self._schemas = {number: schema_of(number, upcasters) for number in NUMBERS}
        self._writers = {
            kind: (number, self._schemas[number], _form(kind).written) for number, kind in NUMBERS.items()
        }
        self._readers = {
            (number, self._schemas[number]): (_form(kind).decode, _form(kind).read)
            for number, kind in NUMBERS.items()
        }

    def schema(self, number: int) -> int:
        """The schema in which events of this type are written."""
        return self._schemas[number]

    def encode(self, event: Event) -> tuple[int, int, bytes]:
        """Type number, schema version and bytes. Its JSON fields must be JSON (`storable`)."""
        number, schema, written = self._writers[type(event)]
        return number, schema, _encode_json(written(event))

    def decode(self, type: int, schema: int, data: bytes) -> Event:
        """The event that was written.

        Raises `LedgerTooNew` for a type, shape or field of a later version, `LedgerCorrupt` for bytes that
        never were such an event.
        """
        reader = self._readers.get((type, schema))
        try:
            if reader is not None:
                decode, read = reader
                event: Event = read(decode(data), self._plans)
                return event
            return self._decode_old(type, schema, data)
        except msgspec.ValidationError as error:
            if "unknown field" in str(error):
                raise _too_new(type, schema, f"It has a field that is not known here: {error}.") from error
            raise _corrupt(type, schema, str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _corrupt(type, schema, str(error)) from error

    def event(self, recorded: RecordedEvent) -> Event:
        """`decode` for an event as it stands in the ledger; its errors name the position."""
        try:
            return self.decode(recorded.type, recorded.schema, recorded.data)
        except (LedgerCorrupt, LedgerTooNew) as error:
            error.fields["position"] = recorded.position
            error.why = f"At position {recorded.position}: {error.why}"
            raise

    def _decode_old(self, number: int, schema: int, data: bytes) -> Event:
        kind = NUMBERS.get(number)
        if kind is None or schema > self._schemas[number]:
            raise _too_new(number, schema, f"This version does not know {event_name(number, schema)}.")
        if schema < 1:
            raise _corrupt(number, schema, "there never was such a schema")
        old = msgspec.json.decode(data, type=dict[str, Any])
        form = _form(kind)
        try:
            now = upcast(number, schema, old, self._upcasters)
        except (
            KeyError,
            TypeError,
            ValueError,
        ) as error:  # an upcaster may rely on the shape it was made for
            raise _corrupt(number, schema, f"{type(error).__name__} {error}") from error
        struct = msgspec.convert(now, form.struct)
        event: Event = form.read(struct, self._plans)
        return event


def storable(value: Json) -> Json:
    """The value as it will be read back: tuples as lists, keys as text.

    For what comes from outside (an agent's output, an adapter's answer) before it enters an event, so that
    a fold of the ledger equals the state in memory. Raises `ValueError` for what is not JSON.
    """
    try:
        return _decode_json(_encode_json(value))
    except (TypeError, UnicodeEncodeError, msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"this cannot be kept as JSON: {error}") from error


class Form:
    """How records of one dataclass are written: a struct of the same fields, with plans as digests."""

    def __init__(self, kind: type[Any]) -> None:
        hints = get_type_hints(kind)
        own = fields(kind)
        self.kind = kind
        self.names = tuple(one.name for one in own)
        self._get = _getter(self.names)
        # By place: plans, and records within the record.
        self._plan_at = tuple(at for at, one in enumerate(own) if hints[one.name] is Plan)
        self._records = tuple(
            (at, _form(hints[one.name]))
            for at, one in enumerate(own)
            if hints[one.name] is not Plan and is_dataclass(hints[one.name])
        )
        # msgspec leaves out a default when it is the very same object. That is sure for 0, "", (), False and
        # None; for any other default we put the very object in its place.
        self._defaults = tuple(
            (at, one.default)
            for at, one in enumerate(own)
            if one.default is not MISSING and one.default and not isinstance(one.default, bool)
        )
        self._plain = not (self._plan_at or self._records or self._defaults)
        self.struct = msgspec.defstruct(
            kind.__name__,
            [self._field(one.name, hints[one.name], one) for one in own],
            frozen=True,
            omit_defaults=True,
            forbid_unknown_fields=True,
        )
        self.decode = msgspec.json.Decoder(self.struct).decode
        self.written: Callable[[Any], Any] = self._written_plain if self._plain else self._written
        self.read: Callable[[Any, Plans], Any] = self._read_plain if self._plain else self._read

    def _field(self, name: str, hint: Any, one: Any) -> tuple[Any, ...]:
        stored = str if hint is Plan else _form(hint).struct if is_dataclass(hint) else hint
        if one.default_factory is not MISSING:
            return (name, stored, msgspec.field(default_factory=one.default_factory))
        return (name, stored) if one.default is MISSING else (name, stored, one.default)

    def _written_plain(self, record: Any) -> Any:
        return self.struct(*self._get(record))

    def _written(self, record: Any) -> Any:
        values = list(self._get(record))
        for at in self._plan_at:
            values[at] = values[at].digest
        for at, form in self._records:
            values[at] = form.written(values[at])
        for at, default in self._defaults:
            if values[at] == default:
                values[at] = default
        return self.struct(*values)

    def _read_plain(self, struct: Any, plans: Plans) -> Any:
        return self.kind(*self._get(struct))

    def _read(self, struct: Any, plans: Plans) -> Any:
        values = list(self._get(struct))
        for at in self._plan_at:
            try:
                values[at] = plans(values[at])
            except KeyError:
                raise LedgerCorrupt(
                    "A plan that a run follows is missing.",
                    why=f"There is no plan {values[at]}, or it is not what its digest says.",
                    remedy="Run `mainstay audit verify`, and restore the last backup.",
                    plan=values[at],
                ) from None
        for at, form in self._records:
            values[at] = form.read(values[at], plans)
        return self.kind(*values)


_forms: dict[type[Any], Form] = {}  # derived from the classes alone, so one for all codecs


def _form(kind: Any) -> Form:
    form = _forms.get(kind)
    if form is None:
        form = _forms[kind] = Form(kind)
    return form


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    match len(names):
        case 0:
            return lambda _: ()
        case 1:
            one = attrgetter(names[0])
            return lambda record: (one(record),)
        case _:
            return attrgetter(*names)


def _too_new(number: int, schema: int, why: str) -> LedgerTooNew:
    return LedgerTooNew(
        why=why,
        remedy="Upgrade Mainstay, or restore a backup from before the upgrade.",
        type=number,
        schema=schema,
        name=event_name(number, schema),
    )


def _corrupt(number: int, schema: int, why: str) -> LedgerCorrupt:
    return LedgerCorrupt(
        "An event of the ledger cannot be read.",
        why=f"Its bytes are no {event_name(number, schema)}: {why}.",
        remedy="Run `mainstay audit verify`; it names the first bad position. Then restore the last backup.",
        type=number,
        schema=schema,
    )
