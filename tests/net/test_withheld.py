"""Secrets are taken out of texts, however they are written there."""

import base64
import json
from urllib.parse import quote

from mainstay.net.secrets import Secret
from mainstay.net.withheld import all_without_secrets, without_secrets

VALUE = 'lantern "8841"/harbour+ä'


def test_a_value_that_was_handed_out_is_taken_out_in_every_spelling() -> None:
    written = (
        VALUE,
        json.dumps(VALUE),
        repr(VALUE),
        quote(VALUE, safe=""),
        base64.b64encode(VALUE.encode()).decode(),
    )
    Secret(VALUE).reveal()
    for one in written:
        said = without_secrets(f"refused: {one}; try again")
        assert "lantern" not in said
        assert base64.b64encode(b"lantern")[:8].decode() not in said
        assert said.startswith("refused: ")
        assert said.endswith("; try again")
    assert all_without_secrets({"a": [VALUE, 1], VALUE: None}) == {"a": ["***", 1], "***": None}


def test_a_value_too_short_to_be_one_takes_nothing_out() -> None:
    Secret("to").reveal()
    assert without_secrets("nothing to see") == "nothing to see"
