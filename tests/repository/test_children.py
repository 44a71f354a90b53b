"""Processes of ours that we start: what lies in the folder that they are started in is no module of theirs."""

import re
from pathlib import Path

import mainstay

OURS = Path(mainstay.__file__).parent


def test_a_process_of_ours_never_takes_its_modules_from_where_it_is_started() -> None:
    """With `-m` alone Python looks there first: a `json.py` of a workspace would be run, trusted by nobody."""
    found = [
        (str(path.relative_to(OURS)), line.strip())
        for path in sorted(OURS.rglob("*.py"))
        if "bench" not in path.parts
        for line in path.read_text("utf-8").splitlines()
        if re.search(r'(sys\.executable|self\.python), "-m"', line)
    ]
    assert found == []
