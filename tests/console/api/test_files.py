"""Files by the API: found, checked, previewed, saved over what was shown and over nothing else, and retired."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.console.api.conftest import Heard, Program
from tests.security.web_house import WebHouse

TEXT = "Thank you for writing to us.\n"
PLACE = "files/template/api-sample"


@pytest.fixture
def place(web: WebHouse) -> Iterator[str]:
    """The address of a template that is not there yet, and is not there afterwards."""
    yield PLACE
    file = web.root / "templates" / "api-sample.md"
    file.unlink(missing_ok=True)
    web.ask(web.front.act(lambda workspace: workspace.policies.apply()))


def _put(program: Program, place: str, text: str, *, digest: str = "", **more: str) -> Heard:
    bound = {"If_Match": f'"{digest}"'} if digest else {"If_None_Match": "*"}
    return program.ask("PUT", place, {"text": text}, **{**bound, **more})


def test_the_files_of_the_three_folders_are_listed_by_kind(program: Program) -> None:
    found = program.get("files?limit=200").json["items"]
    assert {one["kind"] for one in found} == {"workflow", "template", "policy"}
    assert {one["file"].partition("/")[0] for one in found} == {"workflows", "templates", "policies"}
    first = program.get("files?limit=1").json
    assert program.get(f"files?limit=1&cursor={first['next']}").json["items"] != first["items"]


def test_a_file_is_made_changed_over_what_was_shown_and_retired(
    web: WebHouse, program: Program, place: str
) -> None:
    made = _put(program, place, TEXT)
    assert (made.status, made.json["file"]) == (201, "templates/api-sample.md"), made.text
    assert (web.root / "templates" / "api-sample.md").read_text("utf-8") == TEXT
    shown = program.get(place)
    assert shown.json["text"] == TEXT
    digest = shown.headers["etag"].strip('"')
    assert digest == shown.json["digest"] == made.headers["etag"].strip('"')

    changed = _put(program, place, TEXT * 2, digest=digest)
    assert (changed.status, changed.json["changed"]) == (200, ["template api-sample is in force"])
    late = _put(program, place, TEXT * 3, digest=digest)
    assert (late.status, late.kind) == (412, "stale")
    assert _put(program, place, TEXT * 3).status == 412  # it is there already
    assert (web.root / "templates" / "api-sample.md").read_text("utf-8") == TEXT * 2

    history = program.get(f"{place}/history").json
    assert [one["what"] for one in history] == ["in force", "in force"]
    assert history[0]["actor"] == "operator"
    now = changed.headers["etag"].strip('"')
    gone = program.ask("DELETE", place, If_Match=f'"{now}"')
    assert gone.status == 200, gone.text
    assert program.get(place).status == 404
    assert program.get(f"{place}/history").json[0]["what"] in ("retired", "removed")


def test_a_change_names_what_it_was_shown(web: WebHouse, program: Program, place: str) -> None:
    before = web.head
    for method, body in (("PUT", {"text": TEXT}), ("DELETE", None)):
        heard = program.ask(method, place, body)
        assert (heard.status, heard.kind) == (428, "digest-missing"), method
        assert program.ask(method, place, body, If_Match='"x"').status == 412
        assert program.ask(method, place, body, If_Match=f'"{"0" * 64}"').status == 412
    assert web.head == before


def test_what_is_saved_under_a_key_is_saved_once(web: WebHouse, program: Program, place: str) -> None:
    first = _put(program, place, TEXT, Idempotency_Key="save-this-once")
    again = _put(program, place, TEXT, Idempotency_Key="save-this-once")
    assert (first.status, again.text) == (201, first.text)
    other = _put(program, place, TEXT * 2, Idempotency_Key="save-this-once")
    assert (other.status, other.kind) == (422, "key-reused")


def test_mistakes_are_told_with_their_lines_and_nothing_is_written(web: WebHouse, program: Program) -> None:
    file = web.root / "workflows" / "triage.yaml"
    before, digest = file.read_bytes(), program.get("files/workflow/triage").json["digest"]
    wrong = before.decode().replace("role: specialist", "role: nobody", 1)
    checked = program.post("files/workflow/triage/check", {"text": wrong}, key="")
    assert checked.status == 200, checked.text
    (mistake,) = checked.json["errors"]
    assert (mistake["file"], mistake["line"] > 1) == ("workflows/triage.yaml", True)
    preview = program.post("files/workflow/triage/preview", {"text": wrong}, key="")
    assert preview.json["errors"] == checked.json["errors"]
    saved = _put(program, "files/workflow/triage", wrong, digest=digest)
    assert (saved.status, saved.kind) == (409, "refused")
    assert saved.json["fields"]["mistakes"] == checked.json["errors"]
    assert file.read_bytes() == before


def test_a_preview_says_what_saving_would_change_and_changes_nothing(web: WebHouse, program: Program) -> None:
    shown, before = program.get("files/workflow/triage").json, web.head
    text = shown["text"] + "# a remark\n"
    found = program.post("files/workflow/triage/preview", {"text": text}, key="").json
    assert (found["errors"], found["workflow"], found["digest"]) == ([], "triage", shown["digest"])
    assert web.head == before
    assert program.get("files/workflow/triage").json == shown


@pytest.mark.parametrize(
    "path", ["files/secret/x", "files/workflow/.hidden", "files/workflow/nothing/history"]
)
def test_there_are_no_other_files(program: Program, path: str) -> None:
    assert program.get(path).status in (404, 422)
