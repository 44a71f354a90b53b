"""Lines of a program: which are taken, and that every other is a value."""

import pytest

from mainstay.agents import protocol


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b'{"kind":"recall","cue":"prices"}', protocol.Recall),
        (b'{"kind":"produced","output":{"price":1.5},"rationale":"Because."}', protocol.Produced),
        (b'{"kind":"proposed","values":{},"rationale":"Because."}', protocol.Proposed),
        (b'{"kind":"failed","reason":"no price"}', protocol.Failed),
        (b'{"kind":"needs_input","question":"How much?"}', protocol.NeedsInput),
    ],
)
def test_a_line_of_the_protocol_is_read(line: bytes, kind: type) -> None:
    assert isinstance(protocol.read(line), kind)


@pytest.mark.parametrize(
    "line",
    [
        None,
        b"",
        b"hello",
        b"[]",
        b"null",
        b"{}",
        b'{"kind":"approve","card":"1"}',
        b'{"kind":"produced"}',
        b'{"kind":"produced","output":[],"rationale":"x"}',
        b'{"kind":"produced","output":{},"rationale":""}',
        b'{"kind":"produced","output":{},"rationale":"x","extra":1}',
        b'{"kind":"failed","reason":"' + b"x" * 3000 + b'"}',
        b'{"kind":"recall","cue":"x","limit":1000}',
        b'{"kind":"recall","cue":"x","limit":"5"}',
        b'{"kind":"needs_input","question":"\xff"}',
        b"[" * 100_000,
        b'{"kind":"produced","output":' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b',"rationale":"x"}',
    ],
)
def test_every_other_line_is_told_as_broken(line: bytes | None) -> None:
    assert isinstance(protocol.read(line), protocol.Broken)
