"""What of YAML is read, and that all else is refused where it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.errors import ConfigError, WorkflowError
from mainstay.workflows.document import SIZE_MAX
from mainstay.workflows.yaml_text import parse_yaml


def parsed(text: str) -> dict[str, object]:
    return dict(parse_yaml(text.encode(), "a.yaml").data)


def test_scalars_follow_yaml_1_2() -> None:
    text = "on: yes\nno: no\nday: 2026-01-31\nt: true\nn: null\ne:\ni: -3\nf: 1.5\nq: '7'\noctal: 0o17"
    assert parsed(text) == {
        "on": "yes",
        "no": "no",
        "day": "2026-01-31",
        "t": True,
        "n": None,
        "e": None,
        "i": -3,
        "f": 1.5,
        "q": "7",
        "octal": "0o17",
    }


def test_a_reference_needs_no_quotes_anywhere() -> None:
    text = "a: { b: ${x.y}, c: [${x.z}] }\nd: ${x.y}\ne: \"${x.y}\"\nf: '${x.y}' # ${comment}"
    assert parsed(text) == {
        "a": {"b": "${x.y}", "c": ["${x.z}"]},
        "d": "${x.y}",
        "e": "${x.y}",
        "f": "${x.y}",
    }


def test_every_key_and_item_has_its_line() -> None:
    lines = parse_yaml(b"a: 1\nb:\n  - x\n  - y: 2\nc: { d: 3,\n  e: 4 }\n", "a.yaml").lines
    assert lines == {
        ("a",): 1,
        ("b",): 2,
        ("b", 0): 3,
        ("b", 1): 4,
        ("b", 1, "y"): 4,
        ("c",): 5,
        ("c", "d"): 5,
        ("c", "e"): 6,
    }


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: !!python/object/apply:os.system [id]", 2, "tags (!!python/object/apply:os.system)"),
        ("a: !!str 1", 1, "tags (!!str)"),
        ("a: !mine 1", 1, "tags (!mine)"),
        ("a: !<tag:example.org,2026:x> 1", 1, "tags ("),
        ("a: &x 1\nb: *x", 1, "anchors (&x)"),
        ("a: 1\nb: *x", 2, "aliases (*x)"),
        ("a: 1\n<<: { b: 2 }", 2, "merge keys"),
        ("a: 1\nb: 2\na: 3", 3, "'a' stands twice"),
        ("a: 1\n---\nb: 2", 2, "one document"),
        ("%YAML 1.1\n---\na: 1", 1, "directives"),
        ("a:\n  1: x", 2, "a key must be a text"),
        ("a: 1\n? [b]\n: c", 2, "a key must be a text"),
        ("a: 1\ntrue: x", 2, "a key must be a text"),
        ("- a\n- b", 1, "must be a mapping"),
        ("just words", 1, "must be a mapping"),
        ("", 1, "empty"),
        ("# only a comment", 1, "empty"),
        ("a: 1\nb: [1, 2", 2, "not YAML"),
        ("a: 1\n\tb: 2", 2, "not YAML"),
        ('a: "\\UFFFFFFFF"', None, "not YAML"),
        ('a: "\\ud800"', 1, "surrogate"),
        ("a: 9999999999999999999", 1, "too large"),
        ("a: 1\nb: 1e999", 2, "too large"),
        ("a: 1\nb: \ue000", 2, "private-use"),
        ("a: " + "[" * 40, 1, "deeper than 32"),
        ("a: " + "{b: " * 40, 1, "deeper than 32"),
    ],
)
def test_refused_with_line(text: str, line: int | None, says: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        parse_yaml(text.encode(), "workflows/a.yaml")
    assert says in str(caught.value)
    assert (caught.value.file, caught.value.line) == ("workflows/a.yaml", line)


def test_a_file_that_is_too_large_or_no_text() -> None:
    with pytest.raises(WorkflowError, match="bytes, and at most"):
        parse_yaml(b"a: 1\n" + b"#" * SIZE_MAX, "a.yaml")
    with pytest.raises(WorkflowError, match="not UTF-8") as caught:
        parse_yaml(b"a: 1\nb: \xff", "a.yaml")
    assert caught.value.line == 2
    with pytest.raises(WorkflowError, match="not YAML"):
        parse_yaml(b"a: \x00", "a.yaml")


def test_a_byte_order_mark_and_windows_line_ends_are_harmless() -> None:
    assert parse_yaml(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "a.yaml").data == {"a": 1, "b": 2}


_YAMLISH = st.lists(
    st.sampled_from(
        [
            "a",
            ": ",
            "- ",
            "\n",
            "  ",
            "{",
            "}",
            "[",
            "]",
            ",",
            "'",
            '"',
            "&x",
            "*x",
            "!t",
            "|",
            ">",
            "#",
            "%",
            "---",
            "...",
            "?",
            "\t",
            "${a.b}",
            "${",
            "<<",
            "\\",
            "\\U0011ffff",
            "1",
            "null",
            "\ufeff",
            "\x85",
            "\u2028",
        ]
    ),
    max_size=40,
).map("".join)


@given(
    raw=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode), _YAMLISH.map(str.encode))
)
def test_arbitrary_bytes_give_a_mapping_or_one_clear_error(raw: bytes) -> None:
    try:
        found: object = parse_yaml(raw, "a.yaml").data
    except ConfigError as error:
        found = error.file
    assert found == "a.yaml" or isinstance(found, dict)
