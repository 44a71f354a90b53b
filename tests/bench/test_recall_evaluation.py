"""Measuring recall on files: what is wrong with a file is told by its line; what is measured is the share found."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mainstay.bench.recall_files import read_files
from mainstay.cli.main import app
from mainstay.kernel.errors import ConfigError
from mainstay.models.embedding_cache import CachedEmbedder, InMemoryEmbeddingCache
from mainstay.models.scripted import ScriptedEmbedder

RECORDS = [
    {"id": "m1", "text": "The boat is blue.", "actor": "Ann", "time": "2031-05-04T10:00", "thread": "t"},
    {"id": "m2", "text": "What did you pay?", "actor": "Bob", "time": "2031-05-04T10:01", "thread": "t"},
    {"id": "m3", "text": "Nine hundred, a bargain.", "actor": "Ann", "time": "some day", "thread": "t"},
    {"id": 4, "text": "The boat is red.", "actor": None, "time": None, "thread": "other"},
]
QUESTIONS = [
    {"question": "Which colour has Ann's boat?", "evidence": ["m1"], "thread": "t"},
    {"question": "How much did Ann pay?", "evidence": ["m3", "m2"]},
]


def lines(*rows: Any) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    records, questions = tmp_path / "records.jsonl", tmp_path / "questions.jsonl"
    records.write_text(lines(*RECORDS), encoding="utf-8")
    questions.write_text(lines(*QUESTIONS), encoding="utf-8")
    return records, questions


def problems(records: Path, questions: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_files(records, questions)
    return [str(one) for one in (caught.value, *caught.value.also)]


def test_files_are_read(files: tuple[Path, Path]) -> None:
    read = read_files(*files)
    assert [record.id for record in read.records] == ["m1", "m2", "m3", "4"]
    assert (read.untimed, read.questions[1].evidence, read.questions[1].thread) == (2, ("m3", "m2"), "")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{no json", "records.jsonl:2: The line is not JSON"),
        ("[1]", "no object"),
        ({"text": "x"}, "records.jsonl:2: id: "),
        ({"id": "m9"}, "records.jsonl:2: text: "),
        ({"id": "m1", "text": "again"}, "the id 'm1' stands in an earlier line already"),
    ],
)
def test_a_wrong_record_is_told_by_its_line(files: tuple[Path, Path], line: Any, told: str) -> None:
    files[0].write_text(lines(RECORDS[0], line, *RECORDS[1:]), encoding="utf-8")
    assert told.lower() in problems(*files)[0].lower()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"question": "  ", "evidence": ["m1"]}, "questions.jsonl:3: question: "),
        ({"question": "?", "evidence": []}, "questions.jsonl:3: evidence: "),
        ({"question": "?", "evidence": ["m1", "gone"]}, "no record has the id 'gone'"),
        ({"question": "?", "evidence": ["m1"], "thread": "gone"}, "no record is in the thread 'gone'"),
    ],
)
def test_a_wrong_question_is_told_by_its_line(files: tuple[Path, Path], line: Any, told: str) -> None:
    files[1].write_text(lines(*QUESTIONS, line), encoding="utf-8")
    assert told in problems(*files)[0]


def test_all_that_is_wrong_is_told_at_once_up_to_a_limit(files: tuple[Path, Path]) -> None:
    files[0].write_text(lines(*["x"] * 50), encoding="utf-8")
    assert len(problems(*files)) == 10


def test_an_empty_file_and_a_missing_one(files: tuple[Path, Path], tmp_path: Path) -> None:
    files[1].write_text("\n \n", encoding="utf-8")
    assert "no question" in problems(*files)[0]
    assert "cannot be read" in problems(tmp_path / "gone", files[1])[0]
    files[0].write_bytes(b"\xff\xfe\n")
    assert "not UTF-8" in problems(*files)[0]


def test_a_second_run_embeds_nothing(files: tuple[Path, Path]) -> None:
    pytest.importorskip("numpy")
    from mainstay.bench.recall_evaluation import evaluate

    cache = InMemoryEmbeddingCache()
    first, second = (
        evaluate(read_files(*files), CachedEmbedder(ScriptedEmbedder(), cache, secret=b"x" * 16), ks=(1, 4))
        for _ in range(2)
    )
    assert (first.embedded, first.questions_embedded) == (6, 2)
    assert (second.embedded, second.cached) == (0, 6)
    assert first.recall == second.recall
    assert first.digest == second.digest
    assert set(first.recall) == {"hybrid", "keywords", "vectors"}
    assert first.recall["hybrid"][4] == 1.0
    assert first.recall["hybrid"][1] == 0.75


def test_without_an_embedder_words_are_measured_alone(files: tuple[Path, Path]) -> None:
    pytest.importorskip("numpy")
    from mainstay.bench.recall_evaluation import evaluate

    report = evaluate(read_files(*files), None, ks=(4,))
    assert (set(report.recall), report.embedded, report.by_meaning) == ({"hybrid", "keywords"}, 0, False)


def test_the_command_prints_a_table_or_one_json_value(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numpy")
    cached = CachedEmbedder(ScriptedEmbedder(), InMemoryEmbeddingCache(), secret=b"x" * 16)
    monkeypatch.setattr("mainstay.models.user_cache.user_cache", lambda: cached)
    given = ["evaluate", "recall", *map(str, files), "--k", "1,4"]
    table = CliRunner().invoke(app, given)
    assert table.exit_code == 0, table.output
    assert "k = 4" in table.stdout
    assert "vectors alone" in table.stdout
    said = json.loads(CliRunner().invoke(app, [*given, "--json", "--policy", "everything"]).stdout)
    assert (said["policy"], said["recall"]["hybrid"]["4"], said["embedded"]) == ("everything", 1.0, 6)


@pytest.mark.parametrize("given", [["--k", "0"], ["--k", "a"], ["--k", ""], ["--policy", "gone"]])
def test_options_that_make_no_sense_are_refused(files: tuple[Path, Path], given: list[str]) -> None:
    refused = CliRunner().invoke(app, ["evaluate", "recall", *map(str, files), *given])
    assert refused.exit_code != 0
