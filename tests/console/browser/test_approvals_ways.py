"""Ways to decide and back, in a real browser: asked again, a part of many, and a button that is held."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.console.browser.conftest import Visit, Visitor
from tests.security.web_house import WebHouse, standing_house

REST_MS = 320  # as long as nobody could have read a card, no key decides
HELD_MS = 1_150


@pytest.fixture(scope="module")
def desk() -> Iterator[WebHouse]:
    """A house whose cards these may use up."""
    with standing_house() as house:
        yield house


def status(house: WebHouse, approval: str) -> str:
    return str(house.rows("approvals", approval=approval)[0]["status"])


def free(house: WebHouse, finality: str) -> str:
    """The last card of this kind that waits."""
    rows = [row for row in house.rows("approvals", status="waiting") if row["finality"] == finality]
    return str([row for row in rows if not row["parent"]][-1]["approval"])


def opened(house: WebHouse, visit: Visit, finality: str, **how: Any) -> tuple[Visitor, str]:
    """The page of such a card, once it stood there for a moment."""
    name = free(house, finality)
    visitor = visit(house, f"/approvals/{name}", **how)
    visitor.page.wait_for_timeout(REST_MS)
    return visitor, name


# --- asked again -----------------------------------------------------------------------------------------------------


def test_a_key_that_rejected_is_taken_back_by_the_next_one_and_once(desk: WebHouse, visit: Visit) -> None:
    visitor, name = opened(desk, visit, "final_low_stake")
    page = visitor.page
    page.keyboard.press("r")
    offered = page.locator("#toast").get_by_role("button", name="Ask again")
    expect(offered).to_be_visible()
    assert status(desk, name) == "rejected"
    page.keyboard.press("u")
    page.keyboard.press("u")
    expect(page.locator("#toast")).to_contain_text("Asked again")
    (row,) = desk.rows("approvals", parent=desk.rows("approvals", approval=name)[0]["run"])
    expect(page.locator(f'[data-card="{row["approval"]}"]')).to_be_visible()
    assert row["status"] == "waiting"
    page.goto(f"/approvals/{name}")
    expect(page.get_by_text("It was rejected by you, and asked again.")).to_be_visible()
    page.get_by_role("link", name="The card that asked again").click()
    expect(page.locator(f'[data-card="{row["approval"]}"]')).to_be_visible()


def test_without_scripts_a_rejection_is_taken_back_on_its_card(desk: WebHouse, visit: Visit) -> None:
    visitor, name = opened(desk, visit, "final_low_stake", scripts=False)
    page = visitor.page
    page.get_by_role("button", name=re.compile("^Reject r")).click()
    page.goto(f"/approvals/{name}")
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator("#toast")).to_contain_text("Asked again")
    assert len(desk.rows("approvals", parent=desk.rows("approvals", approval=name)[0]["run"])) == 1


# --- many at once ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False])
def test_of_many_only_those_that_are_ticked_are_decided(desk: WebHouse, visit: Visit, scripts: bool) -> None:
    page = visit(desk, "/approvals/batch", scripts=scripts).page
    boxes = page.locator(".together-list input")
    shown = boxes.count()
    assert boxes.evaluate_all("(all) => all.every((one) => one.checked)") if scripts else True
    page.get_by_role("link", name="untick all").click()
    expect(page.get_by_role("link", name="tick all", exact=True)).to_be_visible()
    names = [str(boxes.nth(at).get_attribute("value")) for at in (0, 1, shown - 1)]
    for at in (0, 1):
        boxes.nth(at).check()
    page.wait_for_timeout(REST_MS)
    page.get_by_role("button", name=re.compile("^Reject")).click()
    expect(page.locator("#toast")).to_contain_text(f"2 cards rejected. {shown - 2} left out, and wait on.")
    assert [status(desk, name) for name in names] == ["rejected", "rejected", "waiting"]
    expect(page.locator(f"#outcome-{names[0]}")).to_contain_text("Rejected")
    expect(page.locator(f"#waits-{names[2]}")).to_contain_text("Waits")


@pytest.mark.parametrize("phone", [False, True])
def test_every_text_of_a_batch_is_open_and_can_be_read_to_its_end(
    desk: WebHouse, visit: Visit, phone: bool
) -> None:
    page = visit(desk, "/approvals/batch", phone=phone).page
    texts = page.locator(".together-list .draft-text")
    assert texts.count() == page.locator(".together-list input").count()
    ends = texts.evaluate_all("""(all) => all.map((one) => {
      one.scrollTop = one.scrollHeight;
      const whole = Math.abs(one.scrollHeight - one.clientHeight - one.scrollTop) < 2;
      return whole && one.clientHeight > 80 && one.scrollWidth <= one.clientWidth;
    })""")
    assert all(ends)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# --- held ------------------------------------------------------------------------------------------------------------


def test_a_high_stake_is_approved_by_a_button_that_is_held_and_let_go(desk: WebHouse, visit: Visit) -> None:
    visitor, name = opened(desk, visit, "final_high_stake")
    page, button = visitor.page, visitor.page.locator("[data-hold]")
    expect(page.get_by_text("or hold Approve")).to_be_visible()
    button.hover()
    page.mouse.down()
    page.wait_for_timeout(HELD_MS)
    expect(button).to_have_class(re.compile("held"))
    assert status(desk, name) == "waiting", "nothing leaves before it is let go"
    page.mouse.up()
    expect(page.locator(f'[data-card="{name}"]')).to_have_count(0)
    assert desk.rows("approvals", approval=name)[0]["confirmed"] == 1


def test_a_finger_holds_as_well(desk: WebHouse, visit: Visit) -> None:
    visitor, name = opened(desk, visit, "final_high_stake", phone=True)
    page = visitor.page
    box = page.locator("[data-hold]").bounding_box()
    assert box
    touch = page.context.new_cdp_session(page)
    at = [{"x": box["x"] + 20, "y": box["y"] + 12}]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": at})
    page.wait_for_timeout(HELD_MS)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator(f'[data-card="{name}"]')).to_have_count(0)
    assert status(desk, name) == "granted"


def heard_late(page: Any, at: dict[str, float]) -> None:
    """A click of a twentieth of a second, of which a page that hangs hears the end a second later."""
    mouse, began = page.context.new_cdp_session(page), time.time()
    button: dict[str, Any] = {"button": "left", "clickCount": 1, "x": at["x"] + 20, "y": at["y"] + 12}
    mouse.send("Input.dispatchMouseEvent", {"type": "mousePressed", "timestamp": began, **button})
    page.wait_for_timeout(HELD_MS)
    mouse.send("Input.dispatchMouseEvent", {"type": "mouseReleased", "timestamp": began + 0.05, **button})


@pytest.mark.parametrize(
    "how", ["a click", "left before", "Enter", " ", "a", "a page that hangs", "a script"]
)
def test_no_key_no_click_and_no_slow_page_is_taken_for_a_hold(desk: WebHouse, visit: Visit, how: str) -> None:
    visitor, name = opened(desk, visit, "final_high_stake")
    page, button = visitor.page, visitor.page.locator("[data-hold]")
    if how == "a click":
        button.click()
        expect(page.locator("#toast")).to_contain_text("hold the button for a second")
        expect(page.locator("[data-wanted]")).to_be_focused()
    elif how == "left before":
        button.hover()
        page.mouse.down()
        page.wait_for_timeout(HELD_MS)
        page.mouse.move(700, 300)
        page.mouse.up()
    elif how == "a page that hangs":
        at = button.bounding_box()
        assert at
        heard_late(page, at)
    elif how == "a script":
        page.evaluate(
            """(wait) => new Promise((done) => {
          const button = document.querySelector("[data-hold]"), { x, y } = button.getBoundingClientRect();
          const how = { bubbles: true, isPrimary: true, clientX: x + 9, clientY: y + 9, pointerId: 1 };
          button.dispatchEvent(new PointerEvent("pointerdown", how));
          setTimeout(() => { button.dispatchEvent(new PointerEvent("pointerup", how)); button.click(); done(); }, wait);
        })""",
            HELD_MS,
        )
    else:
        if how != "a":
            button.focus()
        page.keyboard.down(how)
        page.wait_for_timeout(HELD_MS)
        page.keyboard.up(how)
    page.wait_for_timeout(REST_MS)
    assert status(desk, name) == "waiting"
    assert page.locator("[data-wanted]").input_value() in ("", "a" if how == "a" else "")
    page.locator("#card-title").focus()
    page.keyboard.press("a")
    page.wait_for_timeout(REST_MS)
    assert status(desk, name) == "waiting", "nothing is left in the field for a key to send"
