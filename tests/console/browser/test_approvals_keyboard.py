"""Cards decided by keys in a real browser: each once, none by accident, and no typed word lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.console.browser.conftest import Visit, at_rest
from tests.security.web_house import WebHouse, standing_house

CARDS = 20
MESSAGES = 88  # of which half make a card that one key decides
READY = "[data-card]"


@pytest.fixture(scope="module")
def desk() -> Iterator[WebHouse]:
    """A house with enough cards for all of these."""
    with standing_house(MESSAGES) as house:
        yield house


def waiting(house: WebHouse) -> dict[str, str]:
    return {str(row["approval"]): str(row["status"]) for row in house.rows("approvals")}


def card(page: Any) -> str:
    return str(page.locator(READY).get_attribute("data-card"))


def next_low(page: Any) -> str:
    """The next card that one key decides."""
    for _ in range(60):
        if page.locator(".second").count() == 0:
            return card(page)
        before = card(page)
        page.keyboard.press("j")
        expect(page.locator(f'[data-card="{before}"]')).to_have_count(0)
    raise LookupError("no card of low stake is left")


def test_twenty_cards_are_decided_by_keys_each_once(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/approvals").page
    before = waiting(desk)
    pressed: dict[str, str] = {}
    for turn in range(CARDS):
        name = next_low(page)
        at_rest(page)
        key, status = ("r", "rejected") if turn % 3 == 2 else ("a", "granted")
        page.keyboard.press(key)
        pressed[name] = status
        expect(page.locator(f'[data-card="{name}"]')).to_have_count(0)
        expect(page.locator("#toast .toast")).to_contain_text("Approved" if key == "a" else "Rejected")
        count = sum(status == "waiting" for status in waiting(desk).values())
        expect(page.locator('.rail [data-count="waiting"]')).to_have_text(str(count))
    after = waiting(desk)
    changed = {name: status for name, status in after.items() if status != before.get(name)}
    assert changed == pressed
    assert len(pressed) == CARDS


def test_two_keys_at_once_decide_one_card(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/approvals").page
    next_low(page)
    at_rest(page)
    before = waiting(desk)
    for key in "aaraaz":  # faster than anybody reads
        page.keyboard.press(key)
    page.wait_for_timeout(500)
    after = waiting(desk)
    assert [status for name, status in after.items() if status != before.get(name)] == ["granted"]


def test_a_key_that_meets_the_next_card_before_anybody_read_it_is_not_taken(
    desk: WebHouse, visit: Visit
) -> None:
    page = visit(desk, "/approvals").page
    next_low(page)
    at_rest(page)
    before = waiting(desk)
    page.evaluate(_AGAIN_AFTER_SWAP)
    page.keyboard.press("a")
    # The line that says so may be followed at once by what the first key did: every line that was shown is looked at.
    page.wait_for_timeout(1_500)
    told = page.evaluate("window.toldToasts")
    assert [one for one in told if "ot taken" in one], told
    after = waiting(desk)
    assert [status for name, status in after.items() if status != before.get(name)] == ["granted"]


_AGAIN_AFTER_SWAP = """() => {
  window.toldToasts = [];
  new MutationObserver(() => window.toldToasts.push(document.getElementById("toast")?.textContent ?? ""))
    .observe(document.body, { childList: true, subtree: true, characterData: true });
  document.addEventListener("htmx:after:swap", () => setTimeout(() => {
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "a", bubbles: true, cancelable: true }));
}, 40), { once: true });
}"""


def next_high(page: Any) -> str:
    """The next card that wants something typed."""
    for _ in range(90):
        if page.locator("[data-wanted]").count():
            return card(page)
        before = card(page)
        page.keyboard.press("j")
        expect(page.locator(f'[data-card="{before}"]')).to_have_count(0)
    raise LookupError("no card of high stake is left")


@pytest.mark.parametrize("pause_ms", [120, 400])
@pytest.mark.parametrize(
    "typed", ["", "frazek@arkade.example", "zarek@", "erika.kranz@", "kazra@park", "oskar.za@", "a.rekaz@"]
)
def test_what_a_high_stake_asks_for_decides_nothing_when_it_is_typed_beside_its_field(
    desk: WebHouse, visit: Visit, typed: str, pause_ms: int
) -> None:
    page = visit(desk, "/approvals").page
    name = next_high(page)
    at_rest(page)
    before = waiting(desk)
    if typed:  # as if just this was asked for
        page.evaluate("(text) => { document.querySelector('[data-wanted]').dataset.wanted = text }", typed)
    page.keyboard.type(typed or page.locator("[data-wanted]").get_attribute("data-wanted"), delay=pause_ms)
    page.wait_for_timeout(300)
    assert waiting(desk) == before
    assert card(page) == name


def test_typing_on_a_card_of_low_stake_decides_nothing_once_it_is_known_as_typing(
    desk: WebHouse, visit: Visit
) -> None:
    page = visit(desk, "/approvals").page
    name = next_low(page)
    at_rest(page)
    before = waiting(desk)
    page.keyboard.type("francois.azrakej@arkade.example", delay=120)
    page.wait_for_timeout(300)
    assert waiting(desk) == before
    assert card(page) == name
    page.wait_for_timeout(300)
    page.keyboard.press("r")  # and after a while they act again
    expect(page.locator(f'[data-card="{name}"]')).to_have_count(0)
    assert desk.rows("approvals", approval=name)[0]["status"] == "rejected"


def test_the_key_of_a_high_stake_leads_to_its_field_until_that_is_right(desk: WebHouse, visit: Visit) -> None:
    visitor = visit(desk, "/approvals")
    visitor.expected = True  # a refused answer is written to the console by the browser
    page = visitor.page
    name = next_high(page)
    at_rest(page)
    field = page.locator("[data-wanted]")
    page.keyboard.press("a")
    expect(field).to_be_focused()
    page.keyboard.type("somebody@else.example\n")
    expect(page.locator("[role=alert]")).to_contain_text("Nothing was decided")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(field).not_to_be_focused()
    page.keyboard.press("a")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    expect(page.locator("textarea[name=reason]")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert desk.rows("approvals", approval=name)[0]["status"] == "waiting"
    field.fill(str(field.get_attribute("data-wanted")))
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.locator(f'[data-card="{name}"]')).to_have_count(0)
    assert desk.rows("approvals", approval=name)[0]["status"] == "granted"


def test_a_double_click_decides_one_card(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/approvals").page
    next_low(page)
    at_rest(page)
    before = waiting(desk)
    page.get_by_role("button", name=re.compile("^Approve")).dblclick(delay=60)
    page.wait_for_timeout(300)
    after = waiting(desk)
    assert [status for name, status in after.items() if status != before.get(name)] == ["granted"]


def test_a_key_held_down_decides_one_card(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/approvals").page
    next_low(page)
    at_rest(page)
    before = waiting(desk)
    page.keyboard.down("a")
    for _ in range(30):
        page.keyboard.down("a")  # as a key that repeats itself
        page.wait_for_timeout(30)
    page.keyboard.up("a")
    page.get_by_role("button", name=re.compile("^Approve")).focus()
    at_rest(page)
    page.keyboard.down("Enter")
    for _ in range(30):
        page.keyboard.down("Enter")
        page.wait_for_timeout(30)
    page.keyboard.up("Enter")
    after = waiting(desk)
    assert sum(status != before.get(name) for name, status in after.items()) <= 2  # one by each key


@pytest.mark.parametrize("how", ["typing", "Control+a", "Meta+r", "Alt+e", "off"])
def test_keys_are_dead_when_they_mean_something_else(desk: WebHouse, visit: Visit, how: str) -> None:
    visitor = visit(desk, "/approvals")
    page = visitor.page
    next_low(page)
    at_rest(page)
    before, name = waiting(desk), card(page)
    if how == "typing":
        page.keyboard.press("w")
        page.keyboard.type("a r z u j k ? e")
        expect(page.locator("textarea[name=reason]")).to_have_value("a r z u j k ? e")
    elif how == "off":
        page.context.add_cookies([{"name": "mainstay-keys", "value": "off", "url": visitor.base}])
        page.reload()
        at_rest(page)
        for key in "arzuje":
            page.keyboard.press(key)
    else:
        page.keyboard.press(how)
    page.wait_for_timeout(200)
    assert waiting(desk) == before
    if how != "off":
        assert card(page) == name
        assert "edit=1" not in page.url


def test_escape_leaves_a_field_and_what_is_open(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/approvals").page
    next_low(page)
    page.keyboard.press("z")
    expect(page.get_by_role("button", name="In an hour")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="In an hour")).to_be_hidden()
    page.keyboard.press("?")
    expect(page.get_by_text("approve exactly this text")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(page.locator("textarea[name=text]")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("textarea[name=text]")).not_to_be_focused()


def test_facts_text_and_bar_are_seen_without_scrolling(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/approvals").page
    for _ in range(6):
        for one in (".four", ".way", ".draft-head", ".decide"):
            expect(page.locator(one).first).to_be_in_viewport(ratio=1)
        assert page.evaluate("document.documentElement.scrollHeight") <= 800
        before = card(page)
        page.keyboard.press("j")
        expect(page.locator(f'[data-card="{before}"]')).to_have_count(0)


def test_on_a_phone_the_text_is_seen_beside_the_buttons(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/approvals", phone=True).page
    while not page.locator("[data-wanted]").count():
        before = card(page)
        page.get_by_role("link", name="The next card").click()
        expect(page.locator(f'[data-card="{before}"]')).to_have_count(0)
    text, bar = page.locator(".draft-text").first.bounding_box(), page.locator(".decide").bounding_box()
    assert bar["y"] - text["y"] > 120, "some lines of what leaves"
    rows = page.locator(".card-rows li")
    expect(rows.locator("visible=true")).to_have_count(1)
    page.get_by_role("link", name="All cards").click()
    expect(rows.locator("visible=true")).to_have_count(rows.count())


@pytest.mark.parametrize(("key", "width"), [("z", 1280), ("z", 1024), ("z", 800), ("r", 1280), ("r", 800)])
def test_what_opens_is_seen_whole(desk: WebHouse, visit: Visit, key: str, width: int) -> None:
    page = visit(desk, "/approvals").page
    page.set_viewport_size({"width": width, "height": 800})
    next_high(page)
    page.keyboard.press(key)
    inside = page.locator(".decide .popped").locator("visible=true").bounding_box()
    desk_box = page.locator(".reading").bounding_box()
    assert inside["x"] >= desk_box["x"]
    assert inside["x"] + inside["width"] <= desk_box["x"] + desk_box["width"]


def test_ones_own_answer_is_no_news_and_that_of_another_device_is(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/approvals").page
    name = next_low(page)
    page.wait_for_timeout(300)  # the stream
    page.evaluate(_BODY_EVENT, "htmx:before:request")  # as if an answer were on its way
    decide_elsewhere(desk, name)
    expect(page.locator(f"#row-{name}")).to_have_count(0)
    page.wait_for_timeout(300)
    expect(page.locator("#state")).to_be_empty()
    page.evaluate(_BODY_EVENT, "htmx:finally:request")  # and never came
    expect(page.locator("#state")).to_contain_text("Meanwhile: rejected by you")


_BODY_EVENT = """(name) => document.dispatchEvent(
  new CustomEvent(name, { detail: { ctx: { target: document.body, request: { method: "POST" } } } }))"""


def test_the_key_that_takes_back_says_when_there_is_nothing(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/approvals").page
    page.keyboard.press("u")
    expect(page.locator("#toast")).to_contain_text("Nothing to take back")


def test_the_next_card_is_heard_and_no_button_is_under_the_finger(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/approvals").page
    next_low(page)
    at_rest(page)
    before = card(page)
    page.get_by_role("button", name=re.compile("^Approve")).focus()
    page.keyboard.press("Enter")
    expect(page.locator(f'[data-card="{before}"]')).to_have_count(0)
    expect(page.locator("#card-title")).to_be_focused()


def test_what_is_typed_outlives_a_reload_and_goes_when_it_was_taken(desk: WebHouse, visit: Visit) -> None:
    visitor = visit(desk, "/approvals")
    page = visitor.page
    name = next_low(page)
    page.keyboard.press("w")
    page.keyboard.type("they asked twice")
    page.goto(f"/approvals/{name}")
    expect(page.locator("textarea[name=reason]")).to_have_value("they asked twice")
    expect(page.locator("textarea[name=reason]")).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator(f'[data-card="{name}"]')).to_have_count(0)
    expect(page.locator("textarea[name=reason]")).to_have_value("")
    page.goto(f"/approvals/{name}?edit=1")
    page.locator("textarea[name=text]").press_sequentially("More. ", delay=0)
    text = page.locator("textarea[name=text]").input_value()
    page.reload()
    expect(page.locator("textarea[name=text]")).to_have_value(text)
    page.goto(f"/approvals/{name}")
    at_rest(page)
    page.keyboard.press("r")
    expect(page.locator(f'[data-card="{name}"]')).to_have_count(0)
    assert desk.rows("approvals", approval=name)[0]["status"] == "rejected"
    assert page.evaluate("Object.keys(sessionStorage).filter((one) => one.startsWith('kept ')).length") == 0


def test_what_is_typed_outlives_a_server_that_is_away(desk: WebHouse, visit: Visit) -> None:
    visitor = visit(desk, "/approvals")
    visitor.expected = True
    page = visitor.page
    name = next_low(page)
    page.keyboard.press("w")
    page.keyboard.type("not like this")
    at_rest(page)
    page.route("**/approvals/*", lambda route: route.abort())
    page.get_by_role("button", name="Reject with this reason").click()
    expect(page.locator("#toast")).to_contain_text("What you typed is still here")
    expect(page.locator("textarea[name=reason]")).to_have_value("not like this")
    assert desk.rows("approvals", approval=name)[0]["status"] == "waiting"
    page.unroute("**/approvals/*")
    page.get_by_role("button", name="Reject with this reason").click()
    expect(page.locator(f'[data-card="{name}"]')).to_have_count(0)
    assert desk.rows("approvals", approval=name)[0]["status"] == "rejected"


def decide_elsewhere(desk: WebHouse, name: str) -> None:
    browser = desk.log_in()
    page = browser.get(f"/approvals/{name}")
    at = page.text.index(f'id="reject-{name}"')
    fields = dict(
        re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text[at : at + 2_000])
    )
    answer = {"form_token": fields["form_token"], "digest": fields["digest"], "answer": "reject"}
    assert browser.post(f"/approvals/{name}", answer).status == 303


def test_the_card_that_is_read_stays_and_says_what_became_of_it(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/approvals").page
    name = next_low(page)
    page.keyboard.press("w")
    page.keyboard.type("half a sentence")
    page.wait_for_timeout(300)  # the stream
    decide_elsewhere(desk, name)
    expect(page.locator("#state")).to_contain_text("Meanwhile: rejected")
    expect(page.locator(f"#row-{name}")).to_have_count(0)
    waits = sum(status == "waiting" for status in waiting(desk).values())
    expect(page.locator("#lists [aria-current] .list-count")).to_have_text(str(waits))
    assert card(page) == name
    expect(page.locator("textarea[name=reason]")).to_have_value("half a sentence")
    expect(page.locator("textarea[name=reason]")).to_be_focused()


def test_all_of_it_works_without_scripts(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/approvals", scripts=False).page
    while page.locator(".second").count():
        page.get_by_role("link", name="The next card").click()
    name = card(page)
    page.get_by_text("Why", exact=False).locator("visible=true").first.is_visible()
    page.locator("summary", has_text="Why").click()
    page.locator("textarea[name=reason]").fill("by hand")
    page.get_by_role("button", name="Reject with this reason").click()
    assert desk.rows("approvals", approval=name)[0]["status"] == "rejected"
    assert card(page) != name
    expect(page.locator("#toast")).to_contain_text("Rejected")


def test_a_key_is_painted_soon(desk: WebHouse, visit: Visit) -> None:
    """Informal: the budget is held by the bench."""
    page = visit(desk, "/approvals").page
    took = []
    for turn in range(20):
        key = "j" if turn % 2 == 0 else "k"
        before = card(page)
        took.append(page.evaluate(_PRESS_AND_PAINT, [key, before]))
        assert card(page) != before
    took.sort()
    print(f"key to paint: median {took[10]:.0f} ms, the slowest {took[-1]:.0f} ms")
    assert took[10] < 500


_PRESS_AND_PAINT = """([key, before]) => new Promise((done) => {
  const began = performance.now();
  document.addEventListener("htmx:after:swap", function swapped() {
    if (document.querySelector("[data-card]")?.dataset.card === before) return;
    document.removeEventListener("htmx:after:swap", swapped);
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
  });
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
})"""
