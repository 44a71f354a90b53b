"""docs/events.md says what the code says: every event, every field, nothing else."""

import importlib.util
import sys
from dataclasses import fields
from types import ModuleType

from mainstay.kernel.events import NUMBERS
from mainstay.ledger.codec import NAMES
from tests.repository.tree import ROOT

PAGE = ROOT / "docs" / "events.md"


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_event_docs", ROOT / "scripts" / "make_event_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


def test_the_page_is_what_the_script_makes() -> None:
    assert PAGE.read_text("utf-8") == _script().page(), "run scripts/make_event_docs.py"


def test_every_event_has_a_heading_and_every_field_a_row() -> None:
    sections = PAGE.read_text("utf-8").split("\n### ")[1:]
    named = {section.split("/", 1)[0]: section for section in sections}
    assert set(named) == set(NAMES.values())
    for number, kind in NUMBERS.items():
        assert kind.__doc__, f"{kind.__name__} needs a sentence"
        for field in fields(kind):
            assert f"| `{field.name}` |" in named[NAMES[number]]
