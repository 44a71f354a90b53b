"""The tables in docs/ that are made from the code.

`PYTHONPATH=src python -m tests.docs.generated` writes them into their pages. A table
stands between `<!-- made from ... -->` and `<!-- end -->`; the rest of the page is written by hand.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

from mainstay.kernel import errors
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.errors import MainstayError
from mainstay.kernel.events import FailureClass
from mainstay.kernel.recovery import Diagnosis, remedy
from tests.docs.pages import DOCS

_LAST = 5


def comments(kind: type) -> dict[str, str]:
    """The comment on the line of each member."""
    found = re.findall(r"^    (\w+) = [^#\n]*#\s*(.+)$", inspect.getsource(kind), re.MULTILINE)
    return {name.lower(): comment for name, comment in found}


def recovery() -> str:
    """Failure classes by repeatability: the way on, and where it differs, the way on after the last attempt."""
    meant = comments(FailureClass)
    columns: tuple[Repeatability | None, ...] = (None, *Repeatability)
    lines = [
        "| Failure | Means | thinking | " + " | ".join(f"`{one}`" for one in Repeatability) + " |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for failure in FailureClass:
        cells = [_way(failure, column) for column in columns]
        lines.append(f"| `{failure}` | {meant[failure.name.lower()]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _way(failure: FailureClass, repeatability: Repeatability | None) -> str:
    first, last = (
        _word(remedy(Diagnosis(failure, attempt, _LAST, repeatability)).name) for attempt in (1, _LAST)
    )
    return first if first == last else f"{first}, at last {last}"


def _word(name: str) -> str:
    return name.lower().replace("_", " ")


def exceptions() -> str:
    """Every exception, its family by indentation, its exit code and its meaning."""
    lines = ["| Exception | Exit code | Meaning |", "|---|---|---|"]

    def add(kind: type[MainstayError], depth: int) -> None:
        meaning = inspect.cleandoc(kind.__doc__ or "")
        lines.append(f"| {'&emsp;' * depth}`{kind.__name__}` | {kind.exit_code} | {meaning} |")
        for one in kind.__subclasses__():
            if one.__module__ == errors.__name__:
                add(one, depth + 1)

    add(MainstayError, 0)
    return "\n".join(lines)


TABLES: dict[tuple[str, str], Callable[[], str]] = {
    ("recovery.md", "kernel/recovery.py"): recovery,
    ("errors.md", "kernel/errors.py"): exceptions,
}


def with_table(text: str, source: str, table: str) -> str:
    """The page with this table in its place."""
    begin, end = f"<!-- made from {source} -->\n\n", "\n\n<!-- end -->"
    before, found, rest = text.partition(begin)
    assert found, f"there is no place for the table from {source}"
    _, found, after = rest.partition(end)
    assert found, f"the table from {source} has no end"
    return before + begin + table + end + after


def main() -> None:
    for (page, source), make in TABLES.items():
        path = DOCS / page
        path.write_text(with_table(path.read_text("utf-8"), source, make()), "utf-8")


if __name__ == "__main__":
    main()
