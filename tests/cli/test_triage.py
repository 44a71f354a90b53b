"""`mainstay triage`: the list, one message, and a word about it, without a director and with the errors it explains."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from mainstay.cli.curve import bar, curve, spark
from mainstay.cli.main import run
from mainstay.cli.render import show
from mainstay.data.stream import SIZE, UNKNOWN, stream
from mainstay.models.scripted import ScriptedEmbedder
from mainstay.runtime.clock import ManualClock
from mainstay.workspace import Workspace
from mainstay.workspace.assembly import Assembly
from mainstay.workspace.folder import Folder
from mainstay.workspace.serving import Service
from mainstay.workspace.triage import Window
from tests.cli.conftest import lay_out
from tests.prepared import copied


class _Scripted(Assembly):
    embedder = ScriptedEmbedder()  # type: ignore[assignment]  # quick, and good enough to be unsure


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A desk whose mail was read and annotated, and whose director has ended."""
    root = tmp_path_factory.mktemp("triage") / "desk"
    lay_out(root, messages=6)
    folder = Folder(root)

    async def work() -> None:
        service = Service(folder, clock=ManualClock(1_767_225_600_000_000), ingest=False, assembly=_Scripted)
        ready = asyncio.Event()
        working = asyncio.create_task(service.run(ready.set))
        await ready.wait()
        await service._operate("ingest", {"adapter": ""})
        while not service.loop.quiet:
            await asyncio.sleep(0.005)
        service.stop()
        await working

    asyncio.run(work())
    return folder


@pytest.fixture
def desk(annotated: Folder, tmp_path: Path) -> Folder:
    """A copy of its own: what a test says of an annotation, another does not find said."""
    place = copied(annotated.root.parent, tmp_path / "copy")
    settings = place / "desk" / "mainstay.toml"
    settings.write_text(settings.read_text("utf-8").replace(str(annotated.root.parent), str(place)), "utf-8")
    return Folder(place / "desk")


def typed(capsys: pytest.CaptureFixture[str], desk: Folder, *arguments: str) -> tuple[int, str]:
    code = run(["triage", *arguments, "-w", str(desk.root)])
    told = capsys.readouterr()
    return code, told.out + told.err


def test_what_waits_is_listed_newest_first_with_its_subject(
    desk: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = typed(capsys, desk, "--json")
    told = json.loads(text)
    assert (code, told["waiting"]) == (0, len(told["annotations"]))
    places = [one["position"] for one in told["annotations"]]
    assert places == sorted(places, reverse=True)
    assert len(places) >= 4
    code, text = typed(capsys, desk)
    assert code == 0
    assert "still learning" in text
    assert "Nothing passes before 150 decisions of yours; 0 were learned so far." in " ".join(text.split())
    assert str(told["annotations"][0]["subject"])[:8] in text


def test_a_word_is_recorded_without_a_director_and_said_once(
    desk: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    with Workspace(desk) as workspace:
        first, second, *_ = workspace.triage.waiting()
    code, text = typed(capsys, desk, first.run[-8:])
    assert code == 0
    assert f"said    {first.said}" in text
    code, text = typed(capsys, desk, first.run[-8:], "--right")
    assert (code, "Confirmed" in text, "at the next" in text) == (0, True, True)
    assert "said already" in typed(capsys, desk, first.run, "--right")[1]
    code, text = typed(capsys, desk, second.run, "--is", "bug", "--json")
    assert (code, json.loads(text)["intent"]) == (0, "bug")
    code, text = typed(capsys, desk, "--all")
    assert (code, "confirmed" in text, "corrected: bug" in text) == (0, True, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("RUN", "--is", "refnd"), "The nearest is 'refund'"),
        (("RUN", "--is", "bug", "--right"), "two things"),
        (("RUN", "--is", " "), "--is is empty"),
        (("--right",), "Which message"),
        (("RUN", "--note", "so"), "belongs to a word"),
        (("ffffffff", "--right"), "run"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    arguments: Sequence[str], says: str, desk: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    with Workspace(desk) as workspace:
        newest = workspace.triage.latest(limit=1)[0].run
    code, text = typed(capsys, desk, *(newest if one == "RUN" else one for one in arguments))
    assert code != 0
    assert says in " ".join(text.split())


# --- the sample stream and the chart ----------------------------------------------------------------------------------


def test_the_stream_is_the_same_every_time_and_holds_what_it_says() -> None:
    made = list(stream())
    assert made == list(stream())
    assert len(made) == SIZE >= 600
    assert len({one.address for one in made}) == SIZE
    assert all(one.address.endswith(".example") for one in made)
    assert 0.03 < sum(one.intent == UNKNOWN for one in made) / SIZE < 0.1
    assert sum(one.foreign for one in made) >= 10
    assert len({one.text for one in made}) > 0.98 * SIZE, "people do not write the same words twice"


def test_every_intent_of_the_stream_is_one_of_the_sample_workspace() -> None:
    from tests.agents.sample import intents

    assert {one.intent for one in stream()} == {one.id for one in intents()} | {UNKNOWN}


def test_bars_are_as_long_as_their_share() -> None:
    assert [len(bar(share, unicode=False, width=10)) for share in (0, 0.5, 1, 2)] == [0, 5, 10, 10]
    assert bar(0.5, width=2) == "█"
    assert spark([0.0, 0.5, 1.0]) == "▁▅█"


def test_the_chart_numbers_the_messages(capsys: pytest.CaptureFixture[str]) -> None:
    windows = [Window(0, 80, 80, 0, 0, 0, 0, 60_000_000), Window(0, 20, 5, 15, 1, 2, 1, 0)]
    show(curve(windows, unicode=False))
    text = capsys.readouterr().out
    assert "1-80" in text
    assert "81-100" in text
    assert "2, 1 wrong" in text
