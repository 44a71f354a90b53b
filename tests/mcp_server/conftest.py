"""The desk at which a client of the protocol sits."""

from collections.abc import Iterator

import pytest

from tests.mcp_server.talking import Desk, desk_over
from tests.security.web_house import WebHouse


@pytest.fixture
def desk(web: WebHouse) -> Iterator[Desk]:
    with desk_over(web) as opened:
        yield opened
