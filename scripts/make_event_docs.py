"""Write docs/events.md from the events themselves: run it after a change of `kernel/events/`.

    python3 scripts/make_event_docs.py          writes the page
    python3 scripts/make_event_docs.py --check  says whether the page is as it should be

What is said of an event is its docstring; what is said of a field is the comment on its line.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "events.md"
sys.path.insert(0, str(ROOT / "src"))

from mainstay.kernel.events import NUMBERS  # noqa: E402 - found by the line above
from mainstay.ledger.event_types import STREAMS, EventType, event_types  # noqa: E402

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
    for stream in STREAMS:
        parts.append(f"\n## Stream `{stream.name}`\n\n{stream.about}\n")
        parts += [_event(one) for one in event_types() if one.stream == stream.name]
    return "".join(parts)


def _event(one: EventType) -> str:
    text = f"\n### {one.name}\n\n{one.number} · `{one.kind}` · {one.meaning}\n"
    if not one.fields:
        return text
    rows = [
        f"| `{field.name}` | `{_cell(field.type)}` | {f'`{field.default}`' if field.default else ''} | "
        f"{_cell(field.meaning)} |"
        for field in one.fields
    ]
    return text + "\n| Field | Type | Default | Meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


assert len(event_types()) == len(NUMBERS), "an event has no stream, or two"

if __name__ == "__main__":
    sys.exit(main())
