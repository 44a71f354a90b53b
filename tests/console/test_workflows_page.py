"""Workflows in the console: the list, one with its versions, an edit from the form to the director, a run by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.security.web_house import Answer, Browser, WebHouse

HAND = """\
name: by-hand
version: 1
key: topic
tasks:
  label:
    act: email.label
    in:
      message: ${trigger.message}
      labels: [seen]
"""
EDIT = "/workflows/triage/edit"


@pytest.fixture
def browser(web: WebHouse) -> Iterator[Browser]:
    """Somebody who is logged in; what they do to files is put back, and in force again."""
    folders = [web.root / name for name in ("workflows", "templates", "policies")]
    kept = {path: path.read_bytes() for folder in folders for path in folder.iterdir()}
    yield web.log_in()
    for path in (path for folder in folders for path in folder.iterdir() if path not in kept):
        path.unlink()
    for path, raw in kept.items():
        path.write_bytes(raw)
    web.ask(
        web.front.act(lambda workspace: (workspace.policies.apply(), workspace.editing.apply_workflows()))
    )


def field(answer: Answer, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.text)
    return found[1] if found else ""


def text_of(answer: Answer) -> str:
    """What the text field holds, as a browser sends it back."""
    raw = answer.text.split("<textarea", 1)[1].split(">", 1)[1].split("</textarea>", 1)[0].removeprefix("\n")
    for sign, mark in (("&lt;", "<"), ("&gt;", ">"), ("&#34;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        raw = raw.replace(sign, mark)
    return raw


def sent(browser: Browser, path: str, answer: Answer, do: str, text: str, **more: str) -> Answer:
    fields = {
        "form_token": answer.token_of(path),
        "shown": field(answer, "shown"),
        "previewed": field(answer, "previewed"),
        "text": text.replace("\n", "\r\n"),  # as browsers do
        "do": do,
    }
    return browser.post(path, fields | more)


def test_the_list_says_what_starts_each_and_how_it_did(browser: Browser) -> None:
    text = browser.get("/workflows").text
    assert "Starts by mail where message.mailbox is support" in text
    assert 'href="/workflows/triage"' in text
    assert "Ended in 7 days" in browser.get("/workflows?part=list").text


def test_one_shows_plan_tasks_versions_and_its_file(browser: Browser) -> None:
    text = browser.get("/workflows/triage").text
    for said in ("<svg", "reply-checks", "taken back by", "Versions", "in force", "name: triage", "Dry run"):
        assert said in text, said
    assert "which nobody can type" in text
    assert "Open runs" in browser.get("/workflows/triage?part=standing").text


def test_a_workflow_that_never_was_is_told(browser: Browser) -> None:
    for path in ("/workflows/nothing", "/workflows/nothing/edit", "/workflows/..%2f..%2fmainstay/edit"):
        assert browser.get(path).status == 404, path


def test_an_edit_goes_from_the_form_to_the_director(browser: Browser, web: WebHouse) -> None:
    page = browser.get(EDIT)
    text = text_of(page)
    assert text == (web.root / "workflows" / "triage.yaml").read_text()
    changed = text.replace("version: 1", "version: 2")

    preview = sent(browser, EDIT, page, "preview", changed)
    assert preview.status == 200
    assert "that start from now on follow it" in preview.text
    assert "<del>1</del>" in preview.text
    assert web.service.held.director.workflows["triage"].version == 1

    saved = sent(browser, EDIT, preview, "save", changed)
    assert (saved.status, saved.headers["location"]) == (303, "/workflows/triage")
    assert web.service.held.director.workflows["triage"].version == 2
    after = browser.get("/workflows/triage").text
    assert "workflows/triage.yaml is saved; workflow triage, version 2, is in force." in after
    assert re.search(r"operator\s+on <bdi>a device|operator on <bdi>", after)
    compare = re.search(r'href="(/workflows/triage\?to=\d+)#change"', after)
    assert compare
    assert '<tr class="new">' in browser.get(compare[1]).text


def test_nothing_is_saved_whose_preview_was_not_shown(browser: Browser, web: WebHouse) -> None:
    page = browser.get(EDIT)
    changed = text_of(page) + "# more\n"
    answer = sent(browser, EDIT, page, "save", changed)
    assert (answer.status, "What saving changes" in answer.text) == (200, True)
    other = sent(browser, EDIT, answer, "save", changed + "# and more\n")
    assert other.status == 200
    assert "# more" not in (web.root / "workflows" / "triage.yaml").read_text()


def test_a_mistake_comes_back_with_its_line_and_the_text(browser: Browser, web: WebHouse) -> None:
    page = browser.get(EDIT)
    wrong = text_of(page).replace("agent: intent", "agent: nobody <b>")
    for do in ("check", "preview"):
        answer = sent(browser, EDIT, page, do, wrong)
        assert answer.status == 422
        assert "<b>line 10</b>" in answer.text
        assert "agent: nobody &lt;b&gt;" in answer.text
        assert text_of(answer) == wrong
    assert (web.root / "workflows" / "triage.yaml").read_text() == text_of(page)


def test_who_saves_over_what_somebody_wrote_meanwhile_sees_both(browser: Browser, web: WebHouse) -> None:
    page = browser.get(EDIT)
    mine = text_of(page).replace("version: 1", "version: 7")
    preview = sent(browser, EDIT, page, "preview", mine)
    file = web.root / "workflows" / "triage.yaml"
    theirs = file.read_text().replace("name: triage", "name: triage  # theirs")
    file.write_text(theirs)

    refused = sent(browser, EDIT, preview, "save", mine)
    assert refused.status == 409
    assert "What was changed meanwhile" in refused.text
    assert "Your text against what it says now" in refused.text
    assert text_of(refused) == mine
    assert file.read_text() == theirs
    again = sent(browser, EDIT, refused, "preview", mine)
    assert again.status == 200  # now it is bound to what they wrote, and shown as a change of that


def test_a_broken_file_is_told_in_the_list_and_can_be_mended(browser: Browser, web: WebHouse) -> None:
    (web.root / "workflows" / "other.yaml").write_text("name: other\nversion: x\n")
    listed = browser.get("/workflows").text
    assert "Files that cannot come into force" in listed
    assert 'href="/workflows/other/edit"' in listed
    page = browser.get("/workflows/other/edit")
    preview = sent(browser, "/workflows/other/edit", page, "preview", HAND.replace("by-hand", "other"))
    assert preview.status == 422  # a key wants a trigger


def test_a_new_one_is_made_and_retired(browser: Browser, web: WebHouse) -> None:
    page = browser.get("/new/workflow")
    assert "name: example" in text_of(page)
    for name in ("../mainstay", "TRIAGE", "triage", "\u0442riage", "a/b", ""):
        refused = sent(browser, "/new/workflow", page, "preview", text_of(page), name=name)
        assert refused.status in (404, 422), name
    text = text_of(page)
    preview = sent(browser, "/new/workflow", page, "preview", text, name="example")
    assert "begins to start runs" in preview.text
    saved = sent(browser, "/new/workflow", preview, "save", text, name="example")
    assert (saved.status, saved.headers["location"]) == (303, "/workflows/example")
    assert "example" in web.service.held.director.workflows
    asked = browser.get("/workflows/example/retire")
    assert "No new run of it begins" in asked.text
    path = "/workflows/example/retire"
    gone = browser.post(path, {"form_token": asked.token_of(path), "shown": field(asked, "shown")})
    assert gone.status == 303
    assert "example" not in web.service.held.director.workflows
    assert "retired" in browser.get("/workflows").text
    assert "name: example" in browser.get("/workflows/example").text  # what its file said last


def test_a_file_that_an_editor_wrote_is_put_in_force(browser: Browser, web: WebHouse) -> None:
    file = web.root / "workflows" / "triage.yaml"
    file.write_text(file.read_text().replace("version: 1", "version: 5"))
    page = browser.get("/workflows")
    assert "file differs" in page.text
    fields = {"form_token": page.token_of("/workflows"), "do": "apply"}
    assert browser.post("/workflows", fields).status == 400  # it says nothing of what was shown
    answer = browser.post("/workflows", {**fields, "looked_at": field(page, "looked_at")})
    assert answer.status == 303
    assert web.service.held.director.workflows["triage"].version == 5


def test_what_is_put_in_force_is_what_was_shown(browser: Browser, web: WebHouse) -> None:
    file = web.root / "workflows" / "triage.yaml"
    file.write_text(file.read_text().replace("version: 1", "version: 6"))
    page = browser.get("/workflows")
    assert "<b>triage</b> would come into force" in page.text
    before = {name: one.version for name, one in web.service.held.director.workflows.items()}
    file.write_text(file.read_text().replace("version: 6", "version: 7"))
    (web.root / "workflows" / "later.yaml").write_text(CLOCK.replace("clock", "later"))
    fields = {"form_token": page.token_of("/workflows"), "do": "apply"}
    refused = browser.post("/workflows", {**fields, "looked_at": field(page, "looked_at")})
    assert refused.status == 409
    assert "not the ones that you were shown" in refused.text
    assert "put later, triage in force now" in refused.text
    assert {name: one.version for name, one in web.service.held.director.workflows.items()} == before
    answer = browser.post("/workflows", {**fields, "looked_at": field(refused, "looked_at")})
    assert answer.status == 303
    assert web.service.held.director.workflows["triage"].version == 7
    (web.root / "workflows" / "later.yaml").unlink()
    web.ask(web.front.act(lambda workspace: workspace.editing.apply_workflows()))


def test_it_is_paused_and_goes_on(browser: Browser, web: WebHouse) -> None:
    path = "/workflows/triage"
    for do, paused in (("pause", True), ("resume", False)):
        page = browser.get(path)
        assert browser.post(path, {"form_token": page.token_of(path), "do": do}).status == 303
        assert bool(web.rows("pauses", scope="workflow", name="triage")) is paused
    assert browser.post(path, {"form_token": page.token_of(path), "do": "?"}).status == 400


def test_a_double_click_starts_one_run(browser: Browser, web: WebHouse) -> None:
    (web.root / "workflows" / "clock.yaml").write_text(CLOCK)
    web.ask(web.front.act(lambda workspace: workspace.editing.apply_workflows()))
    page = browser.get("/workflows/clock")
    path = "/workflows/clock/start"
    fields = {"form_token": page.token_of(path), "press": field(page, "press")}
    fields["field.cases"] = "[1, <b>"
    refused = browser.post(path, fields)
    assert refused.status == 422
    assert 'value="[1, &lt;b&gt;"' in refused.text
    fields["field.cases"] = '[{"message": {"artifact": "' + "a" * 64 + '"}}]'
    assert browser.post(path, fields).status == 422  # it would open what is sealed
    fields["field.cases"] = "[]"
    first, second = browser.post(path, fields), browser.post(path, fields)
    assert (first.status, second.status) == (303, 303)
    assert first.headers["location"] == second.headers["location"]
    assert len(web.rows("runs", workflow="clock")) == 1
    assert browser.get("/workflows/clock").status == 200


CLOCK = """\
name: clock
version: 1
tasks:
  annotate:
    role: specialist
    agent: intent
    for_each: ${trigger.cases}
    in:
      message: ${item.message}
"""


def test_a_file_that_broke_is_told_beside_what_stays_in_force(browser: Browser, web: WebHouse) -> None:
    for file, text in (
        ("workflows/triage.yaml", "name: triage\n"),
        ("policies/zz.toml", "[[rule]\n"),
        ("templates/z.md", "{{ x }}"),
    ):
        (web.root / file).write_text(text)
    listed = browser.get("/workflows").text
    assert listed.count("cannot come into force") >= 1
    page = browser.get("/workflows/triage").text
    assert "Its file cannot come into force" in page
    assert "Its file is gone" not in page
    assert 'href="/workflows/triage/edit"' in page
    for path in ("/policies", "/policies/zz", "/templates", "/templates/z", "/templates/z/edit"):
        assert browser.get(path).status == 200, path
    assert "new recipients ask" in browser.get("/policies").text
