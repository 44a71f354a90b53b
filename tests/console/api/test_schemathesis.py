"""The description against the server: whatever fits it, or does not, is answered as it says.

All checks of schemathesis, with valid and with invalid data, over a real socket. Each fault that this found has a test
of its own elsewhere, which takes milliseconds.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mainstay.console.attempts import Attempts
from mainstay.console.limits import Limits
from mainstay.kernel.scopes import SCOPES
from tests.cli.conftest import lay_out
from tests.security.web_house import WebHouse

pytestmark = pytest.mark.long

EXAMPLES = 6
MESSAGES = 6
SEED = 20
# What fits and makes no sense as things stand is refused with 409, where a digest does not fit with 412 or 428, and
# under a key that names another request with 422. An address may be too long before it is anything else.
CONFIG = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 412, 422, 428]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 409, 412, 413, 414, 415, 422, 428, 431]
"""


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebHouse]:
    """A house of its own: what is tried throws the kill switch, cancels runs and forgets people."""
    place = Path(tempfile.mkdtemp(prefix="ms-", dir="/tmp"))
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(place / "keys"))
    lay_out(place / "desk", messages=MESSAGES)
    house = WebHouse(place / "desk")
    house.start()
    try:
        yield house
    finally:
        house.stop()
        shutil.rmtree(place, ignore_errors=True)


def test_the_server_is_as_it_is_described(
    house: WebHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Attempts, "begin", lambda self, client: 0)  # wrong tokens are part of what is tried
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    issued = house.ask(house.front.tokens.issue(name="a tester", holder="operator", scopes=list(SCOPES)))
    with house.also(replace(Limits(), burst=10**9, per_s=1e9)) as port:
        ran = subprocess.run(
            [
                *(str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config), "run"),
                *(f"http://127.0.0.1:{port}/api/v1/openapi.json", "--checks", "all"),
                *("-H", f"Authorization: Bearer {issued[0]}", "--no-color", "--seed", str(SEED)),
                *("--phases", "examples,coverage,fuzzing", "-n", str(EXAMPLES)),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
    assert ran.returncode == 0, ran.stdout[-20_000:]
    told = re.search(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)", ran.stdout)
    assert told is not None, ran.stdout[-2_000:]
    assert told[1] == told[2] == told[3], "it looked at all of them"
