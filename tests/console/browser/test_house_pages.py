"""Home, accounts, cost and settings as somebody uses them: live, without losing what is typed, and without scripts."""

from __future__ import annotations

import pytest

from tests.console.browser.conftest import Visit
from tests.console.seeded_views import rows_in
from tests.security.web_house import WebHouse


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_everything_is_stopped_and_goes_on_by_links_and_forms_alone(
    desk: WebHouse, visit: Visit, scripts: bool
) -> None:
    page = visit(desk, "/", scripts=scripts).page
    page.get_by_role("link", name="Stop everything").click()
    page.get_by_label("Why, for the record").fill("the provider moves house")
    page.get_by_role("button", name="Stop everything").click()
    page.get_by_text("Everything is stopped since").wait_for()
    assert "the provider moves house" in page.locator("#stopped").inner_text()
    assert desk.front.status()["kill_switch"]
    page.locator("#stopped").get_by_role("link").click()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("link", name="Stop everything").wait_for()
    assert not desk.front.status()["kill_switch"]


def test_home_hears_what_was_decided_elsewhere(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/").page
    card = desk.card(last=True)
    before = page.locator("#went-out li").count()
    with desk.service_reader() as workspace:
        workspace.approve(card.approval, digest=card.digest, open_us=1)
    page.locator(f'[id^="gone-"] >> nth={before}').wait_for()
    assert page.locator("#went-out li").count() == before + 1


def test_what_is_typed_about_an_account_stays_while_its_state_moves(desk: WebHouse, visit: Visit) -> None:
    page = visit(desk, "/adapters").page
    page.get_by_text("Pause it").click()
    field = page.get_by_label("Why, for the record.", exact=False)
    field.fill("half a sentence")
    with desk.service_reader() as workspace:
        workspace.steering.pause("adapter", "support", reason="from a terminal")
    try:
        page.get_by_text("Paused by operator: from a terminal").wait_for()
        assert field.input_value() == "half a sentence"
    finally:
        with desk.service_reader() as workspace:
            workspace.steering.resume("adapter", "support")
    page.locator("#state-support .tag", has_text="Well").wait_for()
    assert field.input_value() == "half a sentence"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
def test_the_theme_that_was_chosen_holds_against_the_system(
    desk: WebHouse, visit: Visit, scripts: bool
) -> None:
    page = visit(desk, "/settings", scripts=scripts).page
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    for word, dark in (("Dark", True), ("Light", False)):
        page.get_by_role("button", name=word, exact=True).click()
        page.locator(f"button[aria-pressed=true]:text-is('{word}')").wait_for()
        assert (page.evaluate(ground) != light) is dark
    page.get_by_role("button", name="As the system").click()
    page.locator("button[aria-pressed=true]:text-is('As the system')").wait_for()
    page.get_by_role("button", name="Off", exact=True).click()
    page.locator("body[data-keys=off]").wait_for()
    page.get_by_role("button", name="On", exact=True).click()
    page.locator("body[data-keys=on]").wait_for()


def test_the_picture_shows_its_newest_end_on_a_phone(desk: WebHouse, visit: Visit) -> None:
    from mainstay.kernel.budget import day_of

    day = day_of(desk.clock.now())
    with rows_in(desk, ("spent", (day, "content"), {"cost_micros": 1_000_000, "runs": 1})):
        page = visit(desk, "/cost", phone=True).page
        box = page.locator(".picture g:last-of-type rect").first.bounding_box()
        assert 0 <= box["x"] <= 390 - box["width"]
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_hyphens_stand_close_in_words_and_dates_and_figures_stand_under_one_another(
    desk: WebHouse, visit: Visit
) -> None:
    page = visit(desk, "/").page
    page.evaluate("document.fonts.ready")
    width = """([text, kind]) => {
        const one = document.createElement('span');
        one.style.position = 'absolute';
        [one.textContent, one.className] = [text, kind];
        document.getElementById('content').append(one);
        const found = one.getBoundingClientRect().width;
        one.remove();
        return found;
    }"""
    assert page.evaluate(width, ["-", ""]) < 0.8 * page.evaluate(width, ["0", ""])
    assert page.evaluate(width, ["111", "number"]) == page.evaluate(width, ["000", "number"])
