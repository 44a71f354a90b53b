"""Tables in docs/ that are made from the code are what the code says."""

from __future__ import annotations

import re

import pytest

from mainstay.kernel import errors
from mainstay.kernel.recovery import UNPROVEN
from tests.docs.generated import TABLES, with_table
from tests.docs.pages import prose_of, text_of


@pytest.mark.parametrize(("page", "source"), TABLES)
def test_a_made_table_is_up_to_date(page: str, source: str) -> None:
    made = with_table(text_of(page), source, TABLES[page, source]())
    assert text_of(page) == made, "run python -m tests.docs.generated"


def test_the_failures_that_prove_nothing_are_named() -> None:
    said = re.search(r"prove nothing: (.*?)\.\s", " ".join(prose_of("recovery.md").split()))
    assert said
    assert set(re.findall(r"`(\w+)`", said[1])) == {str(one) for one in UNPROVEN}


def test_every_exception_is_told() -> None:
    defined = {
        name
        for name, one in vars(errors).items()
        if isinstance(one, type) and one.__module__ == errors.__name__
    }
    assert set(re.findall(r"^\| (?:&emsp;)*`(\w+)`", text_of("errors.md"), re.MULTILINE)) == defined
