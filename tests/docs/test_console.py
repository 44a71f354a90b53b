"""docs/console.md: its figures are those of the code, and every address that it names is served."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from mainstay.config.console import ConsoleSettings
from mainstay.console.app import pages
from mainstay.console.attempts import DELAY_EACH_MAX_S, FREE_EACH
from mainstay.console.limits import Limits
from mainstay.kernel.values import DAY
from mainstay.runtime.clock import ManualClock
from mainstay.workspace.console_password import LENGTH_MIN
from mainstay.workspace.login_links import LIFE_S
from tests.docs.pages import text_of

TEXT = " ".join(text_of("console.md").split())


def test_its_figures_are_those_of_the_code() -> None:
    limits, settings = Limits(), ConsoleSettings()
    for said in (
        f"More than {limits.body_max // 1_000_000} MB",
        f"JSON of more than {limits.json_depth_max} levels",
        f"an address of more than {limits.url_max:,} characters",
        f"more than {limits.headers_max} headers",
        f"head that takes more than {limits.head_s:g} s",
        f"body that takes more than {limits.body_s:g} s",
        f"More than {limits.burst} requests at a stroke and {limits.per_s:g} a second",
        f"or {limits.at_once_each} at once",
        f"More than {limits.connections} connections",
        f"http://127.0.0.1:{settings.port}",
    ):
        assert said in TEXT, said
    assert (settings.session_us // DAY, settings.idle_us // DAY) == (30, 3)
    assert "thirty days at most, and is logged out when it is not used for three" in TEXT
    assert (LIFE_S, LENGTH_MIN, FREE_EACH, DELAY_EACH_MAX_S) == (600, 12, 5, 900)


def test_every_address_that_it_names_is_served() -> None:
    nobodys: Any = SimpleNamespace(clock=ManualClock())
    served = {page.path for page in pages(nobodys)}
    named = set(re.findall(r"`(/[a-z]+)`", TEXT))
    assert {"/health", "/metrics"} <= named <= served
