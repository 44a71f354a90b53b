"""TOML with line numbers: every key that the parser sees has the line it stands on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.config.toml import parse_toml
from mainstay.data import sample_path
from mainstay.kernel.errors import ConfigError, PolicyError
from mainstay.workflows.document import Path

TEXT = '''\
# a comment with [brackets] and = signs
top = 1
"quoted key" = "x"   # more
a.b.c = 2026-01-31 10:00:00

[one]
text = """
[not.a.table]
key = "no"
"""
list = [
  1, # one
  "two]", 'three',
  { x = 1, y = [ 2 ] },
]
table = { p = 1, q = { r = "}" } }

[[rule]]
name = "first"
[rule.when]
act = 'email.*'

[[rule]]
name = "second"
when.act = "b"
'''


def test_the_lines_of_everything() -> None:
    lines = parse_toml(TEXT.encode(), "a.toml").lines
    assert dict(lines) == {
        ("top",): 2,
        ("quoted key",): 3,
        ("a",): 4,
        ("a", "b"): 4,
        ("a", "b", "c"): 4,
        ("one",): 6,
        ("one", "text"): 7,
        ("one", "list"): 11,
        ("one", "list", 0): 12,
        ("one", "list", 1): 13,
        ("one", "list", 2): 13,
        ("one", "list", 3): 14,
        ("one", "list", 3, "x"): 14,
        ("one", "list", 3, "y"): 14,
        ("one", "list", 3, "y", 0): 14,
        ("one", "table"): 16,
        ("one", "table", "p"): 16,
        ("one", "table", "q"): 16,
        ("one", "table", "q", "r"): 16,
        ("rule",): 18,
        ("rule", 0): 18,
        ("rule", 0, "name"): 19,
        ("rule", 0, "when"): 20,
        ("rule", 0, "when", "act"): 21,
        ("rule", 1): 23,
        ("rule", 1, "name"): 24,
        ("rule", 1, "when"): 25,
        ("rule", 1, "when", "act"): 25,
    }


def paths(value: Any, path: Path = ()) -> set[Path]:
    """Every path of parsed TOML."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {path for path in (path,) if path} | {
        deeper for key, one in inside for deeper in paths(one, (*path, key))
    }


def test_every_path_of_the_sample_has_a_line() -> None:
    for name in ("mainstay.toml", "intents.toml", "policies/default.toml"):
        document = parse_toml(sample_path("workspace", *name.split("/")).read_bytes(), name)
        assert paths(document.data) == set(document.lines)


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b"a = 1\nb = ", 2),
        (b"a = 1\na = 2", 2),
        (b"a = 1\n[b\n", 2),
        (b"a = [1,\n", 2),
        (b"a = 1\n= 3", 2),
        (b'a = """\nb\n', 3),
        (b"a = 1\n\n\xff", 3),
        (b"a = " + b"[" * 5000, None),
        (b"a = " + b"9" * 5000, None),
        (b"#" * 300_000, None),
        (b"b = 1\n" + b"a." * 100_000 + b"a = 1", 2),
        (b"b = 1\n[" + b"'a' . " * 100 + b"a]", 2),
        (b"b = { " + b'"a" . ' * 100 + b"a = 1 }", 1),
    ],
)
def test_what_is_not_toml(raw: bytes, line: int | None) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_toml(raw, "policies/a.toml", PolicyError)
    assert (caught.value.file, caught.value.line) == ("policies/a.toml", line)
    assert caught.value.what


_TOMLISH = st.lists(
    st.sampled_from(
        [
            "a",
            "b",
            ".",
            "=",
            "1",
            "-1.5",
            "true",
            "2026-01-31",
            "10:00:00",
            "[",
            "]",
            "{",
            "}",
            ",",
            '"',
            "'",
            '"x"',
            "'y'",
            '"""',
            "'''",
            "#",
            "\\",
            " ",
            "\n",
            " = ",
            "[[a]]\n",
            "[a.b]\n",
            "a = 1\n",
            "d = {e = 1}\n",
        ]
    ),
    max_size=30,
).map("".join)


@given(raw=st.one_of(st.binary(max_size=200), _TOMLISH.map(str.encode)))
def test_arbitrary_bytes_are_located_in_full_or_refused(raw: bytes) -> None:
    try:
        document = parse_toml(raw, "a.toml")
    except ConfigError:
        return
    assert paths(document.data) == set(document.lines)


_scalars = st.one_of(st.integers(-99, 99), st.booleans(), st.text(st.characters(codec="ascii"), max_size=6))


@given(
    value=st.recursive(_scalars, lambda one: st.lists(one, max_size=3), max_leaves=6), key=st.text(max_size=5)
)
def test_written_values_are_located(value: Any, key: str) -> None:
    def written(one: Any) -> str:
        if isinstance(one, list):
            return "[\n" + ",\n".join(written(part) for part in one) + "\n]"
        return str(one).lower() if isinstance(one, bool | int) else quoted(one)

    def quoted(text: str) -> str:
        return '"' + "".join(f"\\U{ord(character):08X}" for character in text) + '"'

    document = parse_toml(f"{quoted(key)} = {written(value)}\n[z]\nlast = 1\n".encode(), "a.toml")
    assert document.data[key] == value
    assert paths(document.data) == set(document.lines)
    assert document.lines[("z", "last")] == written(value).count("\n") + 3
