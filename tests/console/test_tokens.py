"""The page on which tokens are issued and ended."""

from __future__ import annotations

import re

import pytest

from mainstay.kernel.errors import AmbiguousId
from tests.security.web_house import Answer, Browser, WebHouse

PATH = "/settings/tokens"


def sent(browser: Browser, **fields: str) -> Answer:
    page = browser.get(PATH)
    token = page.token_of(PATH)
    usual = {"form_token": token, "press": press_of(page), "holder": "operator", "days": "30"}
    return browser.post(PATH, {**usual, **fields})


def press_of(page: Answer) -> str:
    found = re.search(r'name="press" value="([^"]*)"', page.text)
    return found[1] if found else ""


def secret_of(answer: Answer) -> str:
    found = re.search(r"mst_[A-Za-z0-9_-]{43}", answer.text)
    return found[0] if found else ""


def test_a_token_is_issued_shown_once_and_ended(web: WebHouse) -> None:
    browser = web.log_in()
    answer = sent(browser, name="shop report", scope_read="1")
    assert answer.status == 200
    secret = secret_of(answer)
    token = web.front.tokens.known(secret)
    assert (token.name, token.scopes) == ("shop report", frozenset({"read"}))
    page = browser.get(PATH)
    assert "shop report" in page.text
    assert secret not in page.text
    end = browser.post(
        "/settings/tokens/revoke",
        {"form_token": page.token_of("/settings/tokens/revoke"), "token": token.token},
    )
    assert end.status == 303
    assert web.front.tokens.known(secret) is None


@pytest.mark.parametrize("again", ["", "something else"])
def test_what_decides_wants_its_name_typed_twice(web: WebHouse, again: str) -> None:
    browser = web.log_in()
    answer = sent(browser, name="my phone's script", scope_decide="1", again=again)
    assert (answer.status, secret_of(answer)) == (422, "")
    assert "my phone&#39;s script" in answer.text  # nothing that was typed is lost
    answer = sent(browser, name="my phone's script", scope_decide="1", again="my phone's script")
    assert web.front.tokens.known(secret_of(answer)).scopes == {"decide"}


def test_an_agent_is_given_no_more_than_agents_may_have(web: WebHouse) -> None:
    browser = web.log_in()
    answer = sent(browser, name="robot", holder="agent", scope_read="1", scope_steer="1")
    assert (answer.status, secret_of(answer)) == (422, "")
    assert "cannot hold" in answer.text
    assert sent(browser, name="robot", holder="agent").status == 422


def test_it_is_for_devices_and_wants_the_token_of_its_form(web: WebHouse) -> None:
    assert web.stranger().get(PATH).status == 303
    browser = web.log_in()
    assert (
        browser.post(PATH, {"name": "x", "scope_read": "1", "days": "7", "form_token": "0" * 32}).status
        == 403
    )


def test_a_second_press_makes_no_second_token_and_says_which_one_stands(web: WebHouse) -> None:
    browser = web.log_in()
    page = browser.get(PATH)
    fields = {"form_token": page.token_of(PATH), "holder": "operator", "days": "30", "scope_read": "1"}
    fields |= {"name": "pressed twice", "press": press_of(page)}
    first, second = browser.post(PATH, fields), browser.post(PATH, fields)
    secret = secret_of(first)
    (row,) = web.rows("tokens", name="pressed twice")
    assert secret
    assert (second.status, secret_of(second)) == (200, "")
    assert "cannot be shown again" in second.text
    assert f"<b>pressed twice</b>, <code>{row['token'][:8]}</code>" in second.text
    # With other words, and after it was ended: what was made is what is told of.
    other = browser.post(PATH, {**fields, "name": "another one"})
    assert "This was issued before: pressed twice" in other.text
    assert web.rows("tokens", name="another one") == []
    web.ask(web.front.tokens.revoke(row["token"]))
    ended = browser.post(PATH, fields)
    assert "was ended since" in ended.text
    assert secret_of(ended) == ""
    # Nobody else's form is called so, and a page that is loaded anew makes another one.
    stranger = web.log_in()
    theirs = {**fields, "form_token": stranger.get(PATH).token_of(PATH)}
    assert secret_of(stranger.post(PATH, theirs)) not in ("", secret)
    assert secret_of(sent(browser, name="pressed twice", scope_read="1")) not in ("", secret)


@pytest.mark.parametrize("press", ["", "x", "0" * 23, "0" * 25, "A" * 24, "0" * 24 + "\n"])
def test_a_form_without_its_name_makes_nothing(web: WebHouse, press: str) -> None:
    answer = sent(web.log_in(), name="nameless", scope_read="1", press=press)
    assert answer.status == 400
    assert web.rows("tokens", name="nameless") == []


def test_a_name_that_is_too_long_is_refused_and_not_cut(web: WebHouse) -> None:
    browser = web.log_in()
    assert 'maxlength="60"' not in browser.get(PATH).text  # a browser would cut it without a word
    answer = sent(browser, name="x" * 300, scope_read="1")
    assert (answer.status, secret_of(answer)) == (422, "")
    assert "This one has 300" in answer.text
    assert "x" * 300 in answer.text  # nothing that was typed is lost
    hidden = sent(browser, name="shop \u202e report", scope_read="1")
    assert hidden.status == 422
    assert "cannot be seen" in hidden.text


def test_of_two_tokens_of_one_name_it_is_said_how_to_end_one(web: WebHouse) -> None:
    browser = web.log_in()
    ids = [
        web.front.tokens.known(secret_of(sent(browser, name="twins", scope_read="1"))).token for _ in range(2)
    ]
    with pytest.raises(AmbiguousId) as caught:
        web.ask(web.front.tokens.revoke("twins"))
    for one in ids:
        assert f"{one[:8]} (" in caught.value.why
    assert "`mainstay tokens revoke ID`" in caught.value.remedy
    assert sorted(caught.value.fields["candidates"]) == sorted(ids)
    for one in ids:
        assert web.ask(web.front.tokens.revoke(one[:12]))
