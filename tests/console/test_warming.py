"""What is made ready before the first visit: every template and the parts of the API, each by itself."""

from __future__ import annotations

import sys

from mainstay.console.rendering import environment
from mainstay.console.warming import look, look_slowly, pieces
from tests.security.web_house import WebHouse


def test_each_template_and_each_part_of_the_api_is_a_piece(web: WebHouse) -> None:
    for piece in pieces():
        piece()
    cache = environment().cache
    assert cache is not None
    kept = {name for _, name in cache.keys()}  # noqa: SIM118  a cache of jinja is no mapping
    assert kept >= set(environment().list_templates(extensions=["html"]))
    assert {"fastapi", "mainstay.console.api.runs"} <= set(sys.modules)
    with web.service_reader() as opened:
        look(opened)
        look_slowly(opened)
