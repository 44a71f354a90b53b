"""The bench of ingest: the same mailbox each time, every message once, and figures that can be held to a goal."""

import json

import pytest

from mainstay.adapters.email import Rejected, parse
from mainstay.bench import ingest
from mainstay.bench.mailbox import _messages


@pytest.mark.long
def test_the_mailbox_is_the_same_each_time_and_no_message_comes_twice() -> None:
    made = list(_messages(250))
    assert made == list(_messages(250))
    read = [parse(one.partition(b"\n")[2]) for one in made]
    mails = [one for one in read if not isinstance(one, Rejected)]
    assert len(mails) > 230
    assert len({one.message_id for one in mails}) == len(mails)
    assert all(not one.references for one in mails)
    assert len({one.text for one in mails}) > 150  # caches do not know them already


@pytest.mark.long
def test_its_figures_are_whole_and_within_the_goal(capsys) -> None:
    assert ingest.main(["--messages", "60", "--triaged", "20", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    taken, triaged = figures["ingest"], figures["triage"]
    assert taken["received"] + taken["rejected"] == 60
    assert taken["runs_started"] == taken["received"]
    assert taken["peak_mb"] <= figures["goal_peak_mb"]
    assert taken["ingested_per_s"] > 0
    assert 0 < triaged["cards"] <= triaged["runs"] <= 20
    assert triaged["triaged_per_s"] > 0


@pytest.mark.long
def test_memory_above_the_goal_is_a_failure(monkeypatch) -> None:
    monkeypatch.setattr(ingest, "run_part", lambda part, folder, told, **options: {"peak_mb": 601.0})
    assert ingest.run_ingest(messages=1, triaged=0)["missed"] == ["ingest.peak_mb"]
