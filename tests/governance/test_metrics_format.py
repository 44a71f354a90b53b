"""The text of the figures against the format's specification (0.0.4), line by line, whatever library writes it."""

from __future__ import annotations

import re
from itertools import groupby

import pytest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from mainstay.config.objectives import DEFAULTS
from mainstay.governance.durations import Durations
from mainstay.governance.metrics import CONTENT_TYPE, DirectorFacts, metrics
from mainstay.governance.samples import readings
from mainstay.kernel.budget import Limits
from mainstay.kernel.values import Instant, Micros
from mainstay.ledger.store import Put
from tests.governance.test_metrics import store_with
from tests.ledger.any_run import wander
from tests.security.web_house import WebHouse

NAME, LABEL = r"[a-zA-Z_:][a-zA-Z0-9_:]*", r"[a-zA-Z_][a-zA-Z0-9_]*"
VALUE = r"(?:[-+]?[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?|NaN|[-+]Inf)"
PAIR = rf'{LABEL}="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({PAIR}(?:,{PAIR})*)\}})? {VALUE}")
SAID = re.compile(rf"# (HELP|TYPE) ({NAME}) (.+)")
OWN = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
EVIL = 'a "name"\\ of\ntwo lines'


def text() -> str:
    play, ticks = wander(43), Durations()
    for took_s in (0.0005, 0.003, 9.0):
        ticks.observe(took_s)
    facts = DirectorFacts(
        "1.0",
        alive=True,
        ticks=ticks,
        deferred={EVIL: 2},
        ingest_lag_s={"support": 12.5},
        limits=Limits(Micros(2_000_000), None),
        objectives=readings(play.store, {"triage": DEFAULTS}, play.now),
    )
    return metrics(play.store, facts, now=play.now).decode()


def test_every_line_is_one_of_the_format_and_the_last_is_ended() -> None:
    lines = text().split("\n")
    assert lines.pop() == ""
    for line in lines:
        assert SAID.fullmatch(line) or SAMPLE.fullmatch(line), line
    assert len(lines) > 100


def test_each_family_is_told_once_before_its_samples_which_stand_together() -> None:
    told: dict[str, str] = {}
    seen: list[str] = []
    helped = ""
    for line in text().splitlines():
        said = SAID.fullmatch(line)
        if said is not None and said[1] == "HELP":
            helped = said[2]
            assert helped not in told
        elif said is not None:
            assert said[2] == helped
            told[helped] = said[3]
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample is not None
            assert sample[1].removeprefix(helped) in OWN[told[helped]], line
            seen.append(helped)
    assert all(name.startswith("mainstay_") for name in told)
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in told.items())
    assert len([name for name, _ in groupby(seen)]) == len(set(seen))


def test_no_series_stands_there_twice() -> None:
    series = [line.rpartition(" ")[0] for line in text().splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series))


def test_a_label_is_escaped_as_the_format_says() -> None:
    (line,) = [one for one in text().splitlines() if one.startswith("mainstay_starts_deferred{")]
    assert line == r'mainstay_starts_deferred{scope="a \"name\"\\ of\ntwo lines"} 2.0'
    store = store_with([Put("open_runs", ("0" * 32,), {"workflow": "Füße", "position": 1})])
    said = metrics(store, DirectorFacts("1.0"), now=Instant(0)).decode()
    assert 'mainstay_open_runs{workflow="Füße"} 1.0' in said


def test_a_histogram_counts_up_to_all() -> None:
    found = re.findall(r'mainstay_tick_seconds_bucket\{le="([^"]+)"\} ([0-9.]+)', text())
    counts = [float(count) for _, count in found]
    assert counts == sorted(counts)
    assert found[-1] == ("+Inf", "3.0")
    assert [float(bound) for bound, _ in found] == sorted(float(bound) for bound, _ in found)
    assert "mainstay_tick_seconds_count 3.0" in text()


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/metrics"])
def test_it_is_served_as_what_it_is(web: WebHouse, path: str) -> None:
    browser = web.log_in()
    headers = {}
    if path.startswith("/api"):
        secret, _ = web.ask(web.front.tokens.issue(name="a scraper", scopes=["read"], days=1))
        headers = {"Authorization": f"Bearer {secret}"}
        browser = web.stranger()
    answer = browser.get(path, **headers)
    assert (answer.status, answer.headers["content-type"]) == (200, CONTENT_TYPE)
    assert CONTENT_TYPE == CONTENT_TYPE_PLAIN_0_0_4
    for line in answer.text.splitlines():
        assert SAID.fullmatch(line) or SAMPLE.fullmatch(line), line
