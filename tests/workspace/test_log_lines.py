"""The log read backwards: each line once, in whatever pieces it is read, also while its files take turns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.net.withheld import handed_out
from mainstay.runtime.logs import FILE
from mainstay.workspace import log_lines as module
from mainstay.workspace.log_lines import LogLines, LogPlace


def _raw(said: str, **more: Any) -> str:
    return (
        json.dumps({"at": 1_800_000_000_000_000, "level": "info", "event": "e", "said": said} | more) + "\n"
    )


def _all(folder: Path, limit: int, **how: Any) -> list[str]:
    found: list[str] = []
    before: LogPlace | None = None
    for _ in range(1_000):
        page = LogLines(folder).page(before=before, limit=limit, **how)
        found += [one.said for one in page.lines]
        before = page.older
        if before is None:
            return found
    raise AssertionError("it has no end")


@given(st.lists(st.integers(1, 40), max_size=12), st.integers(1, 5), st.integers(60, 300))
def test_every_line_is_read_once_newest_first(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], limit: int, block: int
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    said = [f"{number} " + "x" * length for number, length in enumerate(lengths)]
    (folder / FILE).write_text("".join(map(_raw, said)), "utf-8")
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(module, "BLOCK", block)
        assert _all(folder, limit) == said[::-1]


def test_a_place_means_the_same_line_after_the_files_took_turns(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("".join(_raw(f"old {number}") for number in range(4)), "utf-8")
    first = LogLines(tmp_path).page(limit=2)
    (tmp_path / FILE).rename(tmp_path / f"{FILE}.1")
    (tmp_path / FILE).write_text(_raw("new"), "utf-8")
    rest = LogLines(tmp_path).page(before=first.older, limit=9)
    assert [one.said for one in first.lines + rest.lines] == ["old 3", "old 2", "old 1", "old 0"]
    assert _all(tmp_path, 2) == ["new", "old 3", "old 2", "old 1", "old 0"]
    (tmp_path / f"{FILE}.1").unlink()
    assert LogLines(tmp_path).page(before=first.older).lines == ()


def test_only_lines_of_this_gravity_and_above(tmp_path: Path) -> None:
    levels = ("debug", "info", "warning", "error", "critical")
    (tmp_path / FILE).write_text("".join(_raw(one, level=one) for one in levels), "utf-8")
    assert _all(tmp_path, 9, level="warning") == ["critical", "error", "warning"]
    assert len(_all(tmp_path, 9)) == len(levels)


def test_a_page_reads_so_much_and_says_where_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_BYTES_MAX", 500)
    (tmp_path / FILE).write_text(
        _raw("grave", level="error") + "".join(map(_raw, "abcdefghijklmnop")), "utf-8"
    )
    page = LogLines(tmp_path).page(level="error")
    assert page.lines == ()
    assert page.older is not None
    assert _all(tmp_path, 9, level="error") == ["grave"]


@pytest.mark.parametrize(
    "odd",
    [
        "no json\n",
        '{"at": 1, "level": "info"',
        '{"at": "x", "level": "info", "said": "y"}\n',
        "[]\n",
        "\n\n",
        "\x00\xff\n",
        '{"at": 1e999, "level": "info", "said": "y"}\n',
        "x" * 300_000 + "\n",
    ],
)
def test_what_is_no_line_of_ours_is_left_out(tmp_path: Path, odd: str) -> None:
    (tmp_path / FILE).write_bytes(
        odd.encode("latin-1") + b"\n" + _raw("one").encode() + odd.encode("latin-1")
    )
    assert _all(tmp_path, 9) == ["one"]


def test_no_log_is_an_empty_page(tmp_path: Path) -> None:
    assert LogLines(tmp_path / "nothing").page() == module.LogPage(())


def test_a_place_beyond_the_end_is_the_end(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(_raw("one") + _raw("two"), "utf-8")
    inode = (tmp_path / FILE).stat().st_ino
    page = LogLines(tmp_path).page(before=LogPlace(inode, 2**62))  # byte by byte this would take years
    assert [one.said for one in page.lines] == ["two", "one"]


def test_a_line_that_nests_too_deep_is_none(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("[" * 50_000 + "\n" + _raw("one"), "utf-8")
    assert _all(tmp_path, 5) == ["one"]


def test_what_is_not_asked_for_is_not_gone_through_word_by_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / FILE).write_text(_raw("one") * 9 + _raw("two", level="error"), "utf-8")
    seen: list[str] = []
    monkeypatch.setattr(module, "discreet", lambda text: seen.append(text) or text)
    assert _all(tmp_path, 5, level="error") == ["two"]
    assert "one" not in seen


def test_what_another_hand_wrote_into_it_is_put_out_of_sight_all_the_same(tmp_path: Path) -> None:
    handed_out("hunter2-of-the-mail")
    told = "ann@customer.example came with hunter2-of-the-mail"
    more = dict.fromkeys(("run", "adapter", "error", "exception"), told) | {"where": [told]}
    (tmp_path / FILE).write_text(_raw(told, **more), "utf-8")
    shown = str(LogLines(tmp_path).page().lines)
    assert "came with" in shown
    assert "ann@" not in shown
    assert "hunter2" not in shown
