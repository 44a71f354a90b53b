"""Write docs/events.md from the events themselves: run it after a change of `kernel/events/`.

    python3 scripts/make_event_docs.py          writes the page
    python3 scripts/make_event_docs.py --check  says whether the page is as it should be

What is said of an event is its docstring; what is said of a field is the comment on its line.
"""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "events.md"
sys.path.insert(0, str(ROOT / "src"))

from mainstay.kernel import events  # noqa: E402 - found by the line above
from mainstay.kernel.events import NUMBERS, Event  # noqa: E402
from mainstay.ledger.codec import event_name  # noqa: E402
from mainstay.ledger.upcasters import UPCASTERS, schema_of  # noqa: E402

HEAD = """\
# Events

Every event that a ledger may hold, by stream. This page is made by `scripts/make_event_docs.py` from
`src/mainstay/kernel/events/`; a test compares them.

An event is stored as JSON without the fields that have their default. Times are microseconds since 1970 (UTC),
amounts are millionths of a US dollar, digests are SHA-256 in hex. Names ending in `_sealed` are ciphertext. The number
before the name is the type's number in the ledger; the one after the stroke is the version of its shape. Events are
public for ever: a field may be added with a default, any other change is a new version, and the old one can still be
read.
"""
STREAMS = (
    ("run", "Stream `run:ID`", (*range(1, 40), *range(70, 80), 85, 86), "One run of a workflow."),
    ("inbox", "Stream `inbox:MAILBOX`", range(40, 50), "What came in from one source."),
    ("workspace", "Stream `workspace`", range(50, 70), "The workspace itself."),
    ("memory", "Stream `memory`", range(80, 85), "What is remembered, and what was learned."),
    ("autonomy", "Stream `autonomy`", range(90, 94), "What may happen by itself, and on which evidence."),
    (
        "governance",
        "Stream `governance`",
        range(94, 120),
        "Who may look and decide; what was signed, trusted, forgotten.",
    ),
)


def main() -> int:
    text = page()
    if "--check" in sys.argv[1:]:
        same = PAGE.exists() and PAGE.read_text("utf-8") == text
        print(
            "docs/events.md is as it should be" if same else "docs/events.md is stale: run make_event_docs.py"
        )
        return 0 if same else 1
    PAGE.write_text(text, "utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {len(NUMBERS)} events")
    return 0


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for _, title, numbers, about in STREAMS:
        parts.append(f"\n## {title}\n\n{about}\n")
        parts += [_event(number, NUMBERS[number]) for number in numbers if number in NUMBERS]
    return "".join(parts)


def _event(number: int, kind: type[Event]) -> str:
    name = event_name(number, schema_of(number, UPCASTERS))
    told = inspect.cleandoc(kind.__doc__ or "")
    return f"\n### {name}\n\n{number} · `{kind.__name__}` · {told}\n" + _fields(kind)


def _fields(kind: type[Event]) -> str:
    rows = fields(kind)
    if not rows:
        return ""
    comments = _comments(kind)
    lines = [
        f"| `{one.name}` | {_type(one)} | {_default(one)} | {comments.get(one.name, '')} |" for one in rows
    ]
    return "\n| Field | Type | Default | Meaning |\n|---|---|---|---|\n" + "\n".join(lines) + "\n"


def _type(one: Field[Any]) -> str:
    return "`" + str(one.type).replace("|", "\\|") + "`"


def _default(one: Field[Any]) -> str:
    if one.default is not MISSING:
        return f"`{one.default!r}`"
    return f"`{one.default_factory()!r}`" if one.default_factory is not MISSING else ""


def _comments(kind: type[Event]) -> dict[str, str]:
    found = re.findall(r"^    (\w+): [^#\n]*#\s*(.+)$", inspect.getsource(kind), re.MULTILINE)
    return {name: comment.replace("|", "\\|") for name, comment in found}


assert all(any(number in numbers for _, _, numbers, _ in STREAMS) for number in NUMBERS), (
    f"{events.__name__} has an event of no stream"
)

if __name__ == "__main__":
    sys.exit(main())
