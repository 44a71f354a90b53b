"""Templates: placeholders are filled once, and nothing else means anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.agents.template import (
    PLACEHOLDERS,
    Template,
    missing,
    parse_template,
    render,
    render_subject,
)
from mainstay.kernel.errors import TemplateError

TEXT = """\
---
intent: login
subject: "Re: {{ message.subject }}"
---
Hello {{ message.sender_name }},

please try again; your reference is {{thread.reference}}.

{{ operator.signature }}
"""

VALUES = {
    "message.subject": "Cannot log in",
    "message.sender_name": "Ada",
    "thread.reference": "ND-17",
    "operator.signature": "Best wishes\nNorth Desk",
}


def parsed(text: str) -> Template:
    return parse_template(text, name="login", file="templates/login.md")


def test_parts_of_a_template() -> None:
    template = parsed(TEXT)
    assert template.fields == {"intent": "login", "subject": "Re: {{ message.subject }}"}
    assert template.body.startswith("Hello {{ message.sender_name }},\n\n")
    assert template.body.endswith("{{ operator.signature }}")
    assert template.placeholders == (
        "message.subject",
        "message.sender_name",
        "thread.reference",
        "operator.signature",
    )


def test_rendering() -> None:
    template = parsed(TEXT)
    assert render(template, VALUES) == (
        "Hello Ada,\n\nplease try again; your reference is ND-17.\n\nBest wishes\nNorth Desk"
    )
    assert render_subject(template, VALUES) == "Re: Cannot log in"


def test_values_are_never_scanned() -> None:
    hostile = VALUES | {"message.sender_name": "{{ operator.signature }} {% raw %} \\1 \\g<0>"}
    assert render(parsed(TEXT), hostile).startswith("Hello {{ operator.signature }} {% raw %} \\1 \\g<0>,")


def test_a_subject_stays_on_one_line() -> None:
    hostile = VALUES | {"message.subject": "Hi\r\nBcc: all@example.org\n"}
    assert render_subject(parsed(TEXT), hostile) == "Re: Hi Bcc: all@example.org"


def test_a_missing_value_is_named_and_never_left_out() -> None:
    template = parsed(TEXT)
    some = {**VALUES, "thread.reference": None}
    del some["message.subject"]
    assert missing(template, some) == ("message.subject", "thread.reference")
    with pytest.raises(TemplateError, match=r"no value for message\.subject, thread\.reference"):
        render(template, some)
    assert missing(template, VALUES) == ()


def test_front_matter_may_be_left_out() -> None:
    template = parsed("Hello {{ message.sender_name }}")
    assert template.subject == "Re: {{ message.subject }}"
    assert template.placeholders == ("message.subject", "message.sender_name")


def test_single_braces_and_percent_signs_are_text() -> None:
    body = 'a { b; } 100 % { "c": 1 } } {} {1} { see below } $ {5 EUR} {-}'
    assert parsed(body).body == body


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Hello {name}", "write {{ message.sender_name }} or {{ operator.name }} or {{ intent.name }}."),
        ("Hello ${message.sender_name}", "write {{ message.sender_name }}."),
        ("Hello { message.sendername }", "write {{ message.sender_name }}."),
        ("Hello ${first + last}", "write one of these: {{ message.sender_name }}, "),
        ("Hello {{ message.sender_name }} of {firm}", "'{firm}' would be sent as it stands"),
        ("---\nintent: {name}\n---\nx", "nothing can be filled in here"),
        ("---\nsubject: About ${subject}\n---\nx", "write {{ message.subject }}."),
    ],
)
def test_placeholders_of_other_languages_are_refused_with_what_was_meant(text: str, says: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parsed(text)
    assert says in str(caught.value)
    assert not caught.value.also


def test_all_mistakes_are_told_at_once_in_their_order() -> None:
    with pytest.raises(TemplateError) as caught:
        parsed("---\ninten: a\nwhat\n---\nHello {name} {{ nobody }} {% if %}\n{{ x|y }} and ${b}\n")
    errors = [caught.value, *caught.value.also]
    assert [(one.line, str(one).split("'")[1]) for one in errors] == [
        *((2, "inten"), (3, "what")),
        *((5, "{name}"), (5, "nobody"), (5, "{% if %}")),
        *((6, "{{ x|y }}"), (6, "${b}")),
    ]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (
            "Hello {{ message.sendername }}",
            1,
            "did you mean 'message.sender_name'? there is message.sender_name,",
        ),
        ("Hello\n{{ password }}", 2, "there is no placeholder 'password'. there is message.sender_name"),
        ("Hello\n\n{% if x %}", 3, "'{% if x %}' means nothing in a template"),
        ("{# a comment #}", 1, "means nothing"),
        ("{{ message.subject() }}", 1, "means nothing"),
        ("{{ message.subject|upper }}", 1, "means nothing"),
        ("{{ message['subject'] }}", 1, "means nothing"),
        ("{{ message.subject", 1, "means nothing"),
        ("{{{ message.subject }}}", 1, "means nothing"),
        ("{{ message.\nsubject }}", 1, "means nothing"),
        ("message.subject }}", 1, "means nothing"),
        ("{{ }}", 1, "means nothing"),
        ("{{ message . subject }}", 1, "means nothing"),
        ("{{ message.__class__ }}", 1, "there is no placeholder"),
        ("---\nintent: a\ntext", 3, "not a line of front matter"),
        ("---\nintent: a\n", 1, "no end"),
        ("---\ninten: a\n---\nx", 2, "did you mean 'intent'?"),
        ("---\nintent: a\nintent: b\n---\nx", 3, "stands twice"),
        ("---\nintent: {{ intent.name }}\n---\nx", 2, "nothing can be filled in here"),
        ("---\nsubject: {{ nothing }}\n---\nx", 2, "there is no placeholder 'nothing'"),
        ("---\nintent: a\n---\n\n", 5, "no text"),
        ("", 1, "no text"),
        ("x" * 70_000, None, "at most 65536"),
    ],
)
def test_a_mistake_is_answered_with_its_line(text: str, line: int | None, says: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parsed(text)
    assert says in str(caught.value)
    assert (caught.value.file, caught.value.line) == ("templates/login.md", line)


_BRACED = st.lists(
    st.sampled_from(
        [
            "{{",
            "}}",
            "{",
            "}",
            "{%",
            " ",
            "\n",
            "---",
            "intent: a",
            "message.subject",
            "x",
            ":",
            "{{ intent.name }}",
            '"',
        ]
    ),
    max_size=30,
).map("".join)


@given(
    text=st.one_of(st.text(st.characters(exclude_characters="\0"), max_size=200), _BRACED),
    value=st.text(max_size=20),
)
def test_any_text_is_a_template_or_a_template_error(text: str, value: str) -> None:
    try:
        found: Template | TemplateError = parsed(text)
    except TemplateError as error:
        found = error
    if isinstance(found, TemplateError):
        assert found.file == "templates/login.md"
    else:
        assert "{{" not in render(found, dict.fromkeys(PLACEHOLDERS, "-"))
        assert render(found, dict.fromkeys(PLACEHOLDERS, value)) == value.join(
            render(found, dict.fromkeys(PLACEHOLDERS, "\0")).split("\0")
        )
