"""Rules in the console: what is in force, what is to remark, and which cards an edit would judge otherwise."""

from __future__ import annotations

from tests.console.test_workflows_page import browser, field, sent, text_of
from tests.security.web_house import Browser, WebHouse

__all__ = ["browser"]
EDIT = "/policies/default/edit"
DENY = (
    '\n[[rule]]\nname = "closed <b>"\nwhen = { act = "email.reply" }\nthen = "deny"\nwhy = "we are closed"\n'
)


def test_the_rules_in_force_are_told_in_words(browser: Browser) -> None:
    text = browser.get("/policies").text
    for said in (
        "new recipients ask",
        "recipient_known is false",
        "you have never written",
        "In force",
        "default",
    ):
        assert said in text, said
    assert "New file of rules" in text


def test_a_preview_says_which_cards_would_be_judged_otherwise(browser: Browser, web: WebHouse) -> None:
    waiting = len(web.rows("approvals", status="waiting"))
    page = browser.get(EDIT)
    preview = sent(browser, EDIT, page, "preview", text_of(page) + DENY)
    assert preview.status == 200
    assert f"<b>{waiting} of {waiting} waiting cards</b> would be judged otherwise" in preview.text
    assert "closed &lt;b&gt;" in preview.text
    assert len(web.rows("approvals", status="waiting")) == waiting


def test_rules_that_are_saved_are_in_force(browser: Browser, web: WebHouse) -> None:
    page = browser.get(EDIT)
    more = (
        text_of(page)
        + '\n[[rule]]\nname = "late"\nwhen = { act = "email.*", hour = 23 }\nthen = "ask"\nwhy = "late"\n'
    )
    preview = sent(browser, EDIT, page, "preview", more)
    saved = sent(browser, EDIT, preview, "save", more)
    assert (saved.status, saved.headers["location"]) == (303, "/policies/default")
    assert "late" in [one.name for one in web.service.held.director.policy.rules]
    page = browser.get("/policies/default")
    assert page.text.count("Came into force") >= 2
    position = page.text.split("?to=")[1].split("#")[0]
    assert '<tr class="new">' in browser.get(f"/policies/default?to={position}").text


def test_a_file_that_an_editor_broke_is_told_and_another_comes_into_force_later(
    browser: Browser, web: WebHouse
) -> None:
    (web.root / "policies" / "zz.toml").write_text("[[rule]\n")
    assert "The files cannot come into force" in browser.get("/policies").text
    page = browser.get(EDIT)
    before = web.service.held.director.policy.digest
    changed = text_of(page) + "# a word\n"
    preview = sent(browser, EDIT, page, "preview", changed)
    assert "Wrong in other files, and not because of this" in preview.text
    assert sent(browser, EDIT, preview, "save", changed).status == 303
    assert "It is not in force yet" in browser.get("/policies").text
    assert web.service.held.director.policy.digest == before
    (web.root / "policies" / "zz.toml").unlink()
    page = browser.get("/policies")
    assert "say something else than what is in force" in page.text
    fields = {"form_token": page.token_of("/policies"), "do": "apply", "policy": field(page, "policy")}
    (web.root / "policies" / "zz.toml").write_text(
        '[[rule]]\nname = "more asks"\nwhen = { act = "email.label" }\nthen = "ask"\nwhy = "said elsewhere"\n'
    )
    unseen = browser.post("/policies", fields)  # what nobody was shown does not come into force
    assert (unseen.status, "not the ones that you were shown" in unseen.text) == (409, True)
    assert web.service.held.director.policy.digest == before
    (web.root / "policies" / "zz.toml").unlink()
    assert browser.post("/policies", fields).status == 303
    assert web.service.held.director.policy.digest != before


def test_what_is_to_remark_is_told(browser: Browser, web: WebHouse) -> None:
    page = browser.get(EDIT)
    twice = (
        text_of(page)
        + '\n[[rule]]\nname = "again"\nwhen = { act = "email.label" }\nthen = "allow"\nwhy = "again"\n'
    )
    preview = sent(browser, EDIT, page, "preview", twice)
    sent(browser, EDIT, preview, "save", twice)
    assert "To remark" in browser.get("/policies").text
