"""Pages under what readers' devices ask for: forced colours, four times the size, wider text, no movement, paper, and
text that runs from right to left. Nothing may scroll sideways, be cut or be told by colour alone.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.console.browser.conftest import Visit
from tests.console.browser.test_every_page import BEHIND, PAGES
from tests.security.web_house import WebHouse

# WCAG 2.2, 1.4.12: what a reader may set without loss.
SPACING = """* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }
p { margin-bottom: 2em !important }"""
# Text that is cut without a sign and without a way to the rest. A title in a row of a list ends in three dots, and is
# whole where it leads.
CUT = """[...document.querySelectorAll("main *")].filter((one) => {
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    if (box.width < 3 || box.height < 3 || one.closest("svg, .unseen")) return false;
    const cut = (flow) => flow === "hidden" || flow === "clip";
    return cut(style.overflowX) && style.textOverflow !== "ellipsis" && one.scrollWidth > one.clientWidth + 1
        || cut(style.overflowY) && one.scrollHeight > one.clientHeight + 3 && style.webkitLineClamp === "none";
}).map((one) => one.className + ": " + one.textContent.trim().slice(0, 40))"""
SIDEWAYS = "document.documentElement.scrollWidth > innerWidth"


def a_run(page: Any) -> None:
    """The page of a run that waits: it has a plan, a story and texts."""
    page.goto("/runs?status=waiting")
    page.goto(str(page.locator("main a[href^='/runs/']").first.get_attribute("href")))


def test_nothing_scrolls_sideways_four_times_as_large(web: WebHouse, visit: Visit) -> None:
    page = visit(web, "/").page
    page.set_viewport_size({"width": 320, "height": 256})
    for path in [*PAGES, *BEHIND]:
        page.goto(path)
        assert not page.evaluate(SIDEWAYS), path
        assert page.evaluate(CUT) == [], path
        fixed = page.evaluate(
            """[...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().height > 0
                && ["fixed", "sticky"].includes(getComputedStyle(one).position) && one.textContent.trim())
                .map((one) => one.id || one.className)"""
        )
        assert fixed == [], f"{path}: what stays in place takes the room of what is read"


@pytest.mark.parametrize("phone", [False, True])
def test_wider_text_is_neither_cut_nor_pushed_out(web: WebHouse, visit: Visit, phone: bool) -> None:
    page = visit(web, "/", phone=phone, free=True).page
    for path in [*PAGES, *BEHIND]:
        page.goto(path)
        page.add_style_tag(content=SPACING)
        assert not page.evaluate(SIDEWAYS), path
        assert page.evaluate(CUT) == [], path


@pytest.mark.parametrize("dark", [False, True])
def test_forced_colours_still_tell_where_one_is(web: WebHouse, visit: Visit, dark: bool) -> None:
    page = visit(web, "/", dark=dark).page
    page.emulate_media(forced_colors="active")
    for path, chosen, other in (
        ("/runs", ".rail a[aria-current]", ".rail a[href='/memory']"),
        ("/approvals", ".lists a[aria-current]", ".lists a:not([aria-current])"),
        ("/approvals", ".card-rows a[aria-current]", ".card-rows a:not([aria-current])"),
        ("/cost", ".switch a[aria-current]", ".switch a:not([aria-current])"),
        ("/settings", ".prefer [aria-pressed=true]", ".prefer [aria-pressed=false]"),
        ("/audit", ".tabs a[aria-current]", ".tabs a:not([aria-current])"),
    ):
        page.goto(path)
        looks = [
            page.locator(one).first.evaluate(
                "(one) => [getComputedStyle(one).backgroundColor, getComputedStyle(one).borderBottomColor].join()"
            )
            for one in (chosen, other)
        ]
        assert looks[0] != looks[1], (path, chosen)


def test_forced_colours_reach_the_picture_of_a_plan(web: WebHouse, visit: Visit) -> None:
    page = visit(web, "/").page
    page.emulate_media(forced_colors="active")
    a_run(page)
    told = page.evaluate(
        """() => {
            const probe = document.createElement("p");
            const resolved = (name) => {
                probe.style.setProperty("color", name);
                return getComputedStyle(probe).color;
            };
            document.body.append(probe);
            const fill = (one) => getComputedStyle(one).fill;
            const fills = (what) => [...new Set([...document.querySelectorAll(what)].map(fill))];
            return {
                ground: fills(".plan .own"), text: fills(".plan text"),
                canvas: resolved("Canvas"), ink: resolved("CanvasText"),
            };
        }"""
    )
    assert told["ground"] == [told["canvas"]]
    assert told["text"] == [told["ink"]]
    for box in page.locator(".plan .box").all():  # and its state stands there in words
        assert box.locator(".said").inner_html().strip()


def test_nothing_moves_for_who_asked_for_rest(web: WebHouse, visit: Visit) -> None:
    page = visit(web, "/").page
    for path in ("/", "/approvals", "/runs"):
        page.goto(path)
        moving = page.evaluate(
            """[...document.querySelectorAll("*")].map((one) => getComputedStyle(one))
                .filter((style) => style.animationName !== "none" || style.transitionDuration !== "0s").length"""
        )
        assert moving == 0, path


def test_a_run_and_the_proof_are_whole_on_paper(web: WebHouse, visit: Visit) -> None:
    page = visit(web, "/", dark=True).page
    page.emulate_media(media="print")
    for path in ("a run", "/audit", "/audit/events", "/approvals"):
        if path == "a run":
            a_run(page)
        else:
            page.goto(path)
        assert page.locator(".rail").is_hidden()
        assert (
            page.locator("main button:visible, main .button:visible").count() == 0 or path == "/audit/events"
        )
        cut = page.evaluate(
            """[...document.querySelectorAll("main .draft, main .draft-text, main .plan-scroll, main .read")]
                .filter((one) => one.scrollHeight > one.clientHeight + 2)
                .filter((one) => getComputedStyle(one).overflowY !== "visible")
                .map((one) => one.className)"""
        )
        assert cut == [], path
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(26, 27, 30)", "ink is dark"


def test_text_from_right_to_left_begins_at_the_right(web: WebHouse, visit: Visit) -> None:
    page = visit(web, "/approvals").page
    address = page.locator(".card-rows a").first.get_attribute("href")
    page.goto(f"{address.split('?')[0]}?edit=1")
    field = page.locator("textarea[name=text]")
    field.fill(
        "\u05e9\u05dc\u05d5\u05dd, \u05ea\u05d5\u05d3\u05d4 \u05e2\u05dc \u05d4\u05de\u05db\u05ea\u05d1."
    )
    assert field.evaluate("(one) => getComputedStyle(one).direction") == "rtl"
    assert page.evaluate("getComputedStyle(document.body).direction") == "ltr"
    assert not page.evaluate(SIDEWAYS)
