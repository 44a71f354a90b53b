from __future__ import annotations

from pathlib import Path

import pytest

from mainstay.config.files import load_workspace_files
from mainstay.config.recall import SHIPPED, read_recalls
from mainstay.kernel.errors import ConfigError, PolicyError
from mainstay.memory.policy import Recency
from mainstay.memory.records import SPACES

WHOLE = b"""
[space.suppliers]
about = "what suppliers sent"

[recall.orders]
spaces = ["suppliers", "notes"]
kinds = ["note", "chunk"]
where = { language = ["en", "de"], paid = true }
hits = 7
tokens = 900
per_source = 2
score_min = 0.25
recency = { half_life = "P30D", weight = 0.2 }
neighbours = 1
otherwise = "ask"
"""


def test_a_policy_is_read_with_all_that_it_limits() -> None:
    found = read_recalls([("policies/a.toml", WHOLE)])
    one = found.policies["orders"]
    assert one.spaces == ("suppliers", "notes")
    assert one.kinds == ("note", "chunk")
    assert one.filters == {"language": ["en", "de"], "paid": True}
    assert (one.hits_max, one.token_max, one.per_source_max, one.neighbours) == (7, 900, 2, 1)
    assert one.score_min == 0.25
    assert one.recency == Recency(30.0, 0.2)
    assert one.otherwise == "ask"
    assert found.spaces["suppliers"] == "what suppliers sent"


def test_what_is_shipped_is_there_and_names_only_spaces_that_are() -> None:
    found = read_recalls([])
    assert {"approved-replies", "past-threads", "lessons", "notes"} <= set(found.policies)
    for one in SHIPPED.values():
        assert set(one.spaces) <= set(SPACES)


def test_a_shipped_policy_can_be_written_anew() -> None:
    found = read_recalls([("policies/a.toml", b'[recall.notes]\nspaces = ["notes"]\nhits = 2\n')])
    assert found.policies["notes"].hits_max == 2
    assert found.policies["notes"].version != SHIPPED["notes"].version


def test_the_version_says_what_the_policy_says() -> None:
    one, same, other = (
        read_recalls([("policies/a.toml", b"[recall.a]\nhits = %d\n" % hits)]).policies["a"]
        for hits in (3, 3, 4)
    )
    assert one.version == same.version
    assert one.version != other.version


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (b'\n[recall.a]\nspaces = ["nots"]\n', 3, "there is no space 'nots'"),
        (b'[recall.a]\nspaces = [\n "notes",\n "elsewhere",\n]\n', 4, "there is no space 'elsewhere'"),
        (b"[recall.a]\nhits = 0\n", 2, "between 1 and 50"),
        (b"[recall.a]\nhit = 3\n", 2, "there is no key 'hit'"),
        (b"[recall.a]\nscore_min = 2\n", 2, "between 0 and 1"),
        (b"[recall.a]\nrecency = { weight = 0.1 }\n", 2, "half-life"),
        (b"[recall.a]\nwhere = { x = [] }\n", 2, "'x'"),
        (b'[recall.a]\notherwise = "shout"\n', 2, "'otherwise' cannot be 'shout'"),
        (b'[recall."A b"]\nhits = 2\n', 1, "is not a name"),
        (b"[space.mine]\n", 1, "'about' is missing"),
    ],
)
def test_a_mistake_names_its_file_and_line(text: bytes, line: int, said: str) -> None:
    with pytest.raises(PolicyError, match=said) as raised:
        read_recalls([("policies/a.toml", text)])
    assert raised.value.fields["file"] == "policies/a.toml"
    assert raised.value.fields["line"] == line


def test_a_later_file_may_declare_the_space() -> None:
    files = [
        ("policies/a.toml", b'[recall.a]\nspaces = ["mine"]\n'),
        ("policies/b.toml", b'[space.mine]\nabout = "mine"\n'),
    ]
    assert read_recalls(files).policies["a"].spaces == ("mine",)


def test_one_name_stands_in_one_file() -> None:
    files = [("policies/a.toml", b"[recall.a]\n"), ("policies/b.toml", b"[recall.a]\n")]
    with pytest.raises(PolicyError, match=r"stands in policies/a.toml already"):
        read_recalls(files)


def test_the_folder_tells_mistakes_of_rules_and_of_recalls_together_and_each_once(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "a.toml").write_bytes(b'[[rule]]\nname = "x"\n[recall.a]\nspaces = ["nots"]\n')
    (tmp_path / "policies" / "b.toml").write_bytes(b"not = = toml")
    with pytest.raises(ConfigError) as raised:
        load_workspace_files(tmp_path)
    said = [str(one) for one in (raised.value, *raised.value.also)]
    assert sum("there is no space 'nots'" in one for one in said) == 1
    assert sum("not TOML" in one for one in said) == 1
    assert any("then" in one for one in said)
