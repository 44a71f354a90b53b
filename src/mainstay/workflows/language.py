"""References and predicates: the two closed languages inside a workflow file.

`${task.field}` is a whole value or nothing; there is no pasting of references into other text, since a text
made of several sources has no one type and no one origin. A predicate is one field, one operator and one
value, or `and`, `or`, `not` over such; there are no functions and no arithmetic.
"""

from __future__ import annotations

import re
from typing import Any

from mainstay.kernel.predicates import All, AnyOf, Binding, Compare, Literal, Not, Operator, Predicate, Ref
from mainstay.workflows.document import Document, Path, Section, is_scalar, kind, suggestion

OPERATORS = tuple(str(operator) for operator in Operator)
_WORDS = ("field", *OPERATORS, "and", "or", "not")
_REF = re.compile(r"\$\{([a-z][a-z0-9_-]{0,63})((?:\.[A-Za-z_][A-Za-z0-9_-]{0,63}){0,8})\}")
_FIELD = re.compile(r"[a-z][a-z0-9_-]{0,63}(?:\.[A-Za-z_][A-Za-z0-9_-]{0,63}){1,8}")


def parse_binding(document: Document, path: Path, value: Any) -> Binding:
    """What an input is bound to: a reference, or a literal that stands in the file."""
    if isinstance(value, str):
        return parse_ref(document, path, value) if "${" in value else Literal(value)
    if isinstance(value, list):
        for index, one in enumerate(value):
            if isinstance(one, str) and "${" in one:
                raise document.error(
                    (*path, index),
                    "a reference cannot stand inside a list",
                    remedy="refer to one field that is a list, or let a task make the list",
                )
            if not is_scalar(one):
                raise document.error(
                    (*path, index), f"a list holds texts and numbers, and this is {kind(one)}"
                )
        return Literal(tuple(value))
    if not is_scalar(value):
        raise document.error(
            path,
            f"an input cannot be {kind(value)}",
            remedy="give a reference, a text, a number or a list of them",
        )
    return Literal(value)


def parse_ref(document: Document, path: Path, value: Any) -> Ref:
    """The reference that a value is. Raises for anything that is not exactly one `${source.field}`."""
    text = value if isinstance(value, str) else ""
    match = _REF.fullmatch(text.strip())
    if match is not None:
        source, rest = match[1], tuple(match[2].split(".")[1:])
        if not rest and source != "item":
            raise document.error(
                path,
                f"{text} does not say which field",
                remedy=f"write ${{{source}.field}} with the field's name",
            )
        return Ref(source, rest)
    if _REF.search(text):
        raise document.error(
            path,
            "a reference must be the whole value",
            why="text around it, or a second reference, would give the value two origins",
            remedy="bind the reference to an input of its own",
        )
    raise document.error(path, f"{str(value)[:80]!r} is not a reference", remedy="write ${task.field}")


def parse_field(document: Document, path: Path, value: Any, *, of_trigger: bool) -> Ref:
    """A dotted field of a predicate or key; with `of_trigger` one of the trigger, which need not be named."""
    if not isinstance(value, str) or not _FIELD.fullmatch(value):
        remedy = "write source.field without ${}" if of_trigger or "$" in str(value) else "write task.field"
        if of_trigger:
            remedy = "write a field of the trigger, such as message.thread, without ${}"
        raise document.error(path, f"{str(value)[:80]!r} is not a field", remedy=remedy)
    source, *rest = value.split(".")
    if of_trigger and source != "trigger":
        return Ref("trigger", (source, *rest))
    return Ref(source, tuple(rest))


def parse_predicate(section: Section, *, of_trigger: bool) -> Predicate:
    """A predicate and all its parts."""
    section.only(*_WORDS)
    joined = [word for word in ("and", "or", "not") if section.has(word)]
    if joined:
        if len(section.data) > 1:
            raise section.error(
                joined[0], f"{joined[0]!r} stands alone in its table", remedy="nest the parts"
            )
        return _joined(section, joined[0], of_trigger=of_trigger)
    field = parse_field(
        section.document, (*section.path, "field"), section.value("field"), of_trigger=of_trigger
    )
    found = [word for word in OPERATORS if section.has(word)]
    if len(found) != 1:
        count = "no operator" if not found else "more than one operator: " + ", ".join(found)
        raise section.error(
            "",
            f"this compares with {count}",
            remedy="give one of " + ", ".join(OPERATORS) + "; join two with 'and'",
        )
    operator = Operator(found[0])
    return Compare(field, operator, compared_value(section, found[0], operator))


def compared_value(section: Section, key: str, operator: Operator) -> Any:
    """The value a field is compared with, which must suit the operator."""
    value = section.value(key)
    match operator:
        case Operator.IN | Operator.NOT_IN:
            if not isinstance(value, list) or not value or not all(is_scalar(one) for one in value):
                raise section.error(
                    key, f"{key!r} takes a list of texts or numbers, and this is {kind(value)}"
                )
            return tuple(value)
        case Operator.BELOW | Operator.ABOVE:
            if isinstance(value, bool | str) or not is_scalar(value):
                raise section.error(key, f"{key!r} takes a number, and this is {kind(value)}")
        case Operator.EXISTS:
            return section.flag(key)
        case Operator.CONTAINS:
            if not isinstance(value, str) or not value:
                raise section.error(key, f"{key!r} takes a text, and this is {kind(value)}")
        case Operator.IS | Operator.IS_NOT:
            if not is_scalar(value):
                raise section.error(
                    key,
                    f"{key!r} takes a single value, and this is {kind(value)}",
                    remedy="for a list use 'in'",
                )
    return value


def _joined(section: Section, word: str, *, of_trigger: bool) -> Predicate:
    if word == "not":
        if not section.table("not").data:
            raise section.error("not", "'not' takes one predicate")
        return Not(parse_predicate(section.table("not"), of_trigger=of_trigger))
    parts = section.tables(word)
    if len(parts) < 2:
        raise section.error(word, f"{word!r} takes a list of at least two predicates")
    parsed = tuple(parse_predicate(part, of_trigger=of_trigger) for part in parts)
    return All(parsed) if word == "and" else AnyOf(parsed)


def nearest_source(name: str, names: tuple[str, ...]) -> str:
    """What was probably meant by an unknown source of a reference."""
    if name == "message":
        return "a field of the trigger is written trigger.message..."
    return suggestion(name, names)
