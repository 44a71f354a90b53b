"""`mainstay models`, its check, and what doctor says of them, against a server on loopback."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mainstay.cli import main as command_line
from mainstay.cli.model_checkup import ATTEMPT_S, embedder
from mainstay.cli.model_checkup import models as models_checkup
from mainstay.kernel.plan import Role, TaskKind, TaskSpec
from mainstay.testing.model_server import Asked, Given, ModelServer, completion, refusal, vectors
from mainstay.workspace.folder import Folder, create


def route(asked: Asked) -> Given:
    if asked.path.endswith("/models"):
        return Given(raw=b'{"data": [{"id": "small"}, {"id": "vectors"}]}')
    return vectors(8)(asked) if asked.path.endswith("/embeddings") else completion("Ready.")(asked)


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(route) as server:
        yield server


@pytest.fixture
def root(tmp_path: Path) -> Path:
    create(tmp_path / "desk", "desk")
    return tmp_path / "desk"


def write(root: Path, *lines: str) -> None:
    (root / "mainstay.toml").write_text("\n".join(lines) + "\n", "utf-8")


def model(url: str, *lines: str, name: str = "default", use: str = "scripted:small") -> str:
    return "\n".join((f"[models.{name}]", f'use = "{use}"', f'url = "{url}"', *lines))


PRICED = 'price_input_usd = "0.15"\nprice_output_usd = "0.60"'


def said(capsys: pytest.CaptureFixture[str], root: Path, *arguments: str, code: int = 0) -> str:
    assert command_line.run([*arguments, "-w", str(root)]) == code
    out = capsys.readouterr()
    return " ".join((out.err if code > 1 else out.out).split())


def test_without_any_it_says_that_all_is_done_here(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, "[workspace]")
    assert "done on this device" in said(capsys, root, "models")
    assert json.loads(said(capsys, root, "models", "--json")) == {"models": []}


def test_the_bare_command_lists(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, "[workspace]")
    monkeypatch.chdir(root)
    assert command_line.run(["models"]) == 0
    assert "done on this device" in capsys.readouterr().out.replace("\n", " ")


def test_the_list_tells_price_data_and_whether_it_answers(
    root: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    write(root, model(server.url, PRICED), model("http://127.0.0.1:1/v1", name="other"))
    text = said(capsys, root, "models")
    assert "scripted:small" in text
    assert "$0.15 / $0.60" in text
    assert "other: nobody answers at http://127.0.0.1:1/v1" in text
    assert "other: its price is unknown" in text
    found = json.loads(said(capsys, root, "models", "--json"))["models"]
    assert [(one["reached"], one["used_by"]) for one in found] == [(True, "agents"), (False, "")]
    before = len(server.asked)
    offline = json.loads(said(capsys, root, "models", "--offline", "--json"))["models"]
    assert [one["reached"] for one in offline] == [None, None]
    assert len(server.asked) == before


def test_a_check_says_what_it_sends_and_what_it_took(
    root: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    write(root, model(server.url, PRICED))
    text = said(capsys, root, "models", "check", "default")
    assert "Sends the instruction 'Answer with one word.' and the message 'Say: ready'" in text
    assert "answered 'Ready.' after" in text
    assert "tokens in, 2 tokens out, $0.0000" in text
    found = json.loads(said(capsys, root, "models", "check", "default", "--json"))
    assert (found["answer"], found["trouble"], found["unproven"]) == ("Ready.", "", False)


def test_an_unknown_price_asks_before_the_call(
    root: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    write(root, model(server.url))
    before = len(server.asked)
    text = said(capsys, root, "models", "check", "default", code=5)
    assert "price_input_usd" in text
    assert len(server.asked) == before
    assert "an unknown amount" in said(capsys, root, "models", "check", "default", "--yes")


def test_a_check_of_vectors_tells_how_long_they_are(
    root: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ('price_input_usd = "0.02"', '[memory]\nembedder = "vectors"')
    write(root, model(server.url, *lines, name="vectors", use="scripted:vectors"))
    assert "`dimensions = 8`" in said(capsys, root, "models", "check", "vectors", code=1)
    write(root, model(server.url, "dimensions = 8", *lines, name="vectors", use="scripted:vectors"))
    assert "a vector of 8 numbers" in said(capsys, root, "models", "check", "vectors")


def test_what_is_wrong_is_told_with_what_to_do(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ModelServer(refusal(401)) as server:
        write(root, model(server.url, PRICED, 'key = "env:HOME"'))
        text = said(capsys, root, "models", "check", "default", code=1)
    assert "does not accept the key at env:HOME" in text
    assert "Do: Put the right key there" in text
    assert "There is no model 'nobody'" in said(capsys, root, "models", "check", "nobody", code=5)


@pytest.mark.parametrize(
    ("lines", "part", "level", "says"),
    [
        (('allowed_data = ["customer"]', PRICED), "model default", "ok", "for agents"),
        ((PRICED,), "model default", "note", "may not be sent data of customers"),
        (('allowed_data = ["customer"]',), "model default", "warn", "Nobody knows what scripted:small costs"),
        ((PRICED, 'key = "env:NO_SUCH"'), "model default", "warn", "there is no secret at env:NO_SUCH"),
        (
            (PRICED, "timeout_s = 50"),
            "model default",
            "note",
            "One call may take 50 s, and an attempt has 60 s",
        ),
        ((PRICED, '[memory]\nembedder = "default"'), "memory", "fail", "may not be sent"),
    ],
)
def test_doctor_tells(
    root: Path, server: ModelServer, lines: tuple[str, ...], part: str, level: str, says: str
) -> None:
    write(root, model(server.url, *lines))
    found = [one for one in models_checkup(Folder(root), False) if (one.part, one.level) == (part, level)]
    assert any(says in one.detail for one in found), found


def test_the_time_of_an_attempt_is_the_kernel_s() -> None:
    assert TaskSpec("t", TaskKind.THINK, Role.SPECIALIST, "a").timeout_s == ATTEMPT_S


def test_doctor_tells_of_a_model_that_is_not_there(root: Path, server: ModelServer) -> None:
    write(
        root,
        model(server.url, PRICED, use="scripted:large"),
        model("http://127.0.0.1:1/v1", PRICED, name="b"),
    )
    details = " ".join(one.detail for one in models_checkup(Folder(root), False))
    assert "it knows no model 'large'" in details
    assert "nobody answers at http://127.0.0.1:1/v1" in details


def test_doctor_tells_of_missing_packages(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, model("http://127.0.0.1:1/v1"))
    monkeypatch.setattr("mainstay.cli.model_checkup.find_spec", lambda name: None)
    (found,) = models_checkup(Folder(root), False)
    assert (found.level, found.remedy) == ("fail", "pip install 'mainstay[models]'")


def test_doctor_tells_of_weights_that_are_missing_or_not_the_pinned_ones(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from mainstay.models import weights
    from mainstay.models.base import Unavailable

    monkeypatch.setattr(weights, "find_weight_files", lambda: Unavailable("none", "get them"))
    (found,) = embedder(Folder(root), False)
    assert (found.level, found.remedy) == ("warn", "get them")
    for name in ("weights", "vocabulary"):
        (tmp_path / name).write_bytes(b"damaged")
    files = weights.WeightFiles(tmp_path / "weights", tmp_path / "vocabulary")
    monkeypatch.setattr(weights, "find_weight_files", lambda: files)
    (found,) = embedder(Folder(root), False)
    assert found.level == "warn"
    assert "is not the file that was pinned" in found.detail
