"""Pages by cursor, and the description of it all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.console.api.app import build, operations
from mainstay.console.api.paging import place, sliced
from mainstay.console.refused import Refused
from mainstay.kernel.scopes import SCOPES
from tests.console.api.conftest import Program
from tests.security.web_house import WebHouse

# What changes nothing, does the same however often it is asked, or names what it was shown.
WITHOUT_KEY = ("preview_forgetting", "sign_ledger", "rotate_signing_key")


@given(st.lists(st.integers(0, 50), unique=True), st.integers(1, 7), st.lists(st.integers(0, 50), max_size=5))
def test_every_item_is_shown_once_whatever_is_added_meanwhile(
    items: list[int], limit: int, added: list[int]
) -> None:
    cursor, shown, now = "", [], list(items)
    for _ in range(200):
        wanted = place("numbers", limit, cursor, int)
        part, following = sliced(now, lambda one: (one,), wanted)
        assert len(part) <= limit
        shown += part
        now = sorted({*now, *added[:1]})
        added = added[1:]
        if following is None:
            break
        cursor = following
    assert shown == sorted(set(shown))
    assert set(items) <= set(shown) | set(now) - set(items)
    assert [one for one in shown if one in items] == sorted(items)


@pytest.mark.parametrize(
    "cursor", ["x", "AAAA", "W10", "bnVsbA", "WyJvdGhlciIsIDFd", "WyJudW1iZXJzIiwgImEiXQ"]
)
def test_a_cursor_of_something_else_is_refused(cursor: str) -> None:
    with pytest.raises(Refused) as caught:
        place("numbers", 5, cursor, int)
    assert caught.value.kind == "bad-cursor"


@pytest.mark.parametrize(
    "path", ["runs?limit=3", "audit/events?limit=5&type=run.started", "approvals?limit=2"]
)
def test_pages_follow_each_other_by_their_link(program: Program, path: str) -> None:
    seen: list[str] = []
    for _ in range(60):
        heard = program.get(path)
        assert heard.status == 200, heard.text
        seen += [str(one) for one in heard.json["items"]]
        link = re.fullmatch(r'<(.+)>; rel="next"', heard.headers.get("link", ""))
        assert (link is None) == (heard.json["next"] is None)
        if link is None:
            break
        path = link[1]
    assert len(seen) == len(set(seen))
    assert len(seen) > 5


def test_the_description_is_for_who_is_known_and_says_every_scope(web: WebHouse, program: Program) -> None:
    described = program.get("openapi.json")
    assert described.status == 200
    told = described.json
    assert told["openapi"].startswith("3.1")
    known = operations(told)
    assert {one["scope"] for one in known} == set(SCOPES)
    assert len({one["name"] for one in known}) == len(known)
    for methods in told["paths"].values():
        for method, one in methods.items():
            assert one["summary"], one
            assert {"401", "403", "422", "500"} <= one["responses"].keys()
            writes = method == "post" and one["x-scope"] != "read"
            named = "Idempotency-Key" in [each["name"] for each in one.get("parameters", ())]
            assert named or not writes or one["operationId"] in WITHOUT_KEY
    stranger = web.stranger()
    assert stranger.get("/api/v1/openapi.json").status == 401
    browser = web.log_in()
    assert browser.get("/api/v1/openapi.json").status == 200
    page = browser.get("/api/v1/docs")
    assert page.status == 200
    assert all(f'id="{one["name"]}"' in page.text for one in known)
    assert '<script src="https:' not in page.text


def test_the_description_is_the_same_each_time(web: WebHouse) -> None:
    assert build(web.front).openapi() == build(web.front).openapi()
