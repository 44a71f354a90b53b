"""A decision means the same through the socket of a running director and through the lock, and is taken once."""

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from mainstay.kernel.errors import DirectorUnavailable
from mainstay.runtime.control import ControlClient
from mainstay.workspace.folder import Folder
from tests.cli.conftest import Desk, until

pytestmark = pytest.mark.long


def test_without_a_director_a_yes_is_kept_and_sent_at_the_next_start(
    desk: Desk, low_cards: list[str]
) -> None:
    said = desk.run("approve", low_cards[0])

    assert said.returncode == 0, said.stderr
    assert "will be sent at the next `mainstay up`" in said.stdout
    assert desk.status_of(low_cards[0]) == "granted"
    assert desk.delivered() == []

    desk.start()
    until(lambda: len(desk.delivered()) == 1)


def test_through_a_running_director_a_yes_is_performed_at_once(desk: Desk, low_cards: list[str]) -> None:
    desk.start()

    said = desk.run("approve", low_cards[0], "--json")

    answer = json.loads(said.stdout)
    assert (said.returncode, answer["live"], answer["approval"]) == (0, True, low_cards[0])
    assert answer["events"] > 0
    until(lambda: len(desk.delivered()) == 1)


def test_the_same_yes_twice_decides_once(desk: Desk, low_cards: list[str]) -> None:
    first, second = desk.run("approve", low_cards[0], "--json"), desk.run("approve", low_cards[0], "--json")

    assert json.loads(first.stdout)["events"] > 0
    assert json.loads(second.stdout)["events"] == 0
    assert "decided already" in desk.run("approve", low_cards[0]).stdout


def test_a_yes_after_a_no_is_refused(desk: Desk, low_cards: list[str]) -> None:
    assert desk.run("reject", low_cards[0], "--reason", "not like this").returncode == 0

    said = desk.run("approve", low_cards[0], "--json")

    assert said.returncode == 5
    assert json.loads(said.stdout)["error"] == "StaleApproval"
    assert desk.status_of(low_cards[0]) == "rejected"


def test_a_yes_to_another_digest_is_refused(desk: Desk, low_cards: list[str]) -> None:
    said = desk.run("approve", low_cards[0], "--digest", "0000")

    assert said.returncode == 5
    assert "not the effect that waits" in said.stderr
    assert desk.status_of(low_cards[0]) == "waiting"


def test_killed_before_it_read_the_request(desk: Desk, low_cards: list[str]) -> None:
    director = desk.start()
    os.kill(director.pid, signal.SIGSTOP)
    failures: list[DirectorUnavailable] = []
    asking = threading.Thread(target=_ask, args=(desk.root, low_cards[0], failures))
    asking.start()
    until(lambda: _connected(desk.root))
    director.kill()
    asking.join()

    assert [error.fields["sent"] for error in failures] == [True]
    assert "not decided twice" in failures[0].remedy
    repeated = json.loads(desk.run("approve", low_cards[0], "--json").stdout)
    assert (repeated["events"] > 0, repeated["live"]) == (True, False)
    desk.start()
    until(lambda: len(desk.delivered()) == 1)


@pytest.mark.parametrize("approved", [1, 3])
def test_killed_between_the_decision_and_the_reply(desk: Desk, low_cards: list[str], approved: int) -> None:
    director = desk.start()
    chosen = low_cards[:approved]
    for card in chosen:
        threading.Thread(target=_ask, args=(desk.root, card, []), daemon=True).start()
    until(lambda: desk.status_of(chosen[0]) == "granted")
    director.kill()

    for card in chosen:  # whoever got no answer asks again
        said = desk.run("approve", card, "--json")
        assert said.returncode == 0, said.stdout
    desk.start()
    until(lambda: len(desk.delivered()) >= approved)

    assert len(desk.delivered()) == approved
    with desk.workspace as opened:
        granted = [name for name in _events(opened) if name == "approval.granted/1"]
        assert len(granted) == approved
        assert opened.in_doubt() == []


def test_two_directors_at_once(desk: Desk) -> None:
    first = desk.start()

    said = desk.run("up")

    assert said.returncode == 3
    assert str(first.pid) in said.stderr
    assert desk.run("status", "--json").returncode == 0


def test_an_edit_is_another_effect_and_is_sent_as_edited(desk: Desk, low_cards: list[str]) -> None:
    desk.start()
    before = json.loads(desk.run("approvals", "show", low_cards[0], "--json").stdout)

    said = desk.run("edit", low_cards[0], "--text", "Hello,\n\nonly this.\n", "--json")

    answer = json.loads(said.stdout)
    assert answer["replaced"] == before["digest"]
    assert answer["digest"] != before["digest"]
    until(lambda: len(desk.delivered()) == 1)
    mail = (desk.root / "outbox" / "new" / desk.delivered()[0]).read_bytes()
    assert b"only this." in mail


def test_the_kill_switch_holds_everything_until_it_is_taken_back(desk: Desk, low_cards: list[str]) -> None:
    desk.start()
    assert desk.run("kill", "--reason", "something is odd").returncode == 0

    refused = desk.run("approve", low_cards[0])
    assert refused.returncode == 5
    assert "kill switch" in refused.stderr
    assert desk.run("status").stdout.count("kill switch is on") == 1

    assert desk.run("resume").returncode == 0
    assert desk.run("approve", low_cards[0]).returncode == 0
    until(lambda: len(desk.delivered()) == 1)


def _ask(root: Path, card: str, failures: list[DirectorUnavailable]) -> None:
    try:
        ControlClient(Folder(root).socket).ask("approve", {"approval": card, "actor": "operator"})
    except DirectorUnavailable as error:
        failures.append(error)


def _connected(root: Path) -> bool:
    """Whether somebody has connected to the socket: the kernel lists both ends."""
    name = str(Folder(root).socket)
    return sum(name in line for line in Path("/proc/net/unix").read_text().splitlines()) >= 2


def _events(opened: object) -> list[str]:
    return [json.loads(line)["type"] for line in opened.export()]  # type: ignore[attr-defined]
