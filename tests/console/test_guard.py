"""What the guard decides, as functions: names, where a request comes from, who asks, what may be slow or large."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.config.console import ConsoleSettings
from mainstay.console.attempts import DELAY_EACH_MAX_S, FREE_EACH, Attempts
from mainstay.console.body import Depth
from mainstay.console.client import Client, client_of
from mainstay.console.guard import comes_from_here, own_origin
from mainstay.console.limits import Limits, Rates, UnderWay
from mainstay.console.names import own_names
from mainstay.runtime.clock import ManualClock

HERE = Client("127.0.0.1", "http")
PUBLIC = ConsoleSettings(public_url="https://Desk.example.org", proxy="10.0.0.1")
OURS = "http://127.0.0.1:8420"


@pytest.mark.parametrize(
    ("host", "client", "origin"),
    [
        ("127.0.0.1:8420", HERE, OURS),
        ("localhost:8420", HERE, "http://localhost:8420"),
        ("[::1]:8420", HERE, "http://[::1]:8420"),
        ("localhost", HERE, None),
        ("localhost:8421", HERE, None),
        ("localhost.:8420", HERE, None),
        ("desk.example.org", HERE, None),  # nothing encrypts on that way
        ("desk.example.org", Client("203.0.113.1", "https", proxied=True), "https://desk.example.org"),
        ("desk.example.org:443", Client("203.0.113.1", "https", proxied=True), "https://desk.example.org"),
        ("desk.example.org.evil.example", Client("203.0.113.1", "https", proxied=True), None),
        ("localhost:8420", Client("203.0.113.1", "https", proxied=True), None),
        ("", HERE, None),
    ],
)
def test_a_name_is_ours_or_is_not(host: str, client: Client, origin: str | None) -> None:
    assert own_origin(own_names(PUBLIC, 8420), host, client) == origin


def test_with_a_certificate_all_names_are_of_https() -> None:
    from pathlib import Path

    encrypting = ConsoleSettings(host="192.0.2.1", cert=Path("c"), key=Path("k"))
    local, everywhere = own_names(encrypting, 8420)
    assert set(local.values()) == {f"https://{name}:8420" for name in ("127.0.0.1", "localhost", "[::1]")}
    assert everywhere == {"192.0.2.1:8420": "https://192.0.2.1:8420"}


@pytest.mark.parametrize(
    ("headers", "reads", "sends"),
    [
        ({}, True, False),
        ({"origin": OURS}, True, True),
        ({"origin": "null"}, True, False),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, True, True),
        ({"sec-fetch-site": "same-origin"}, True, True),
        ({"sec-fetch-site": "none"}, True, False),
        ({"sec-fetch-site": "same-site", "origin": OURS}, False, False),
        ({"sec-fetch-site": "cross-site"}, False, False),
        ({"sec-fetch-site": "none", "origin": OURS}, True, False),
        ({"origin": "http://evil.example", "sec-fetch-site": "same-origin"}, False, False),
        ({"referer": OURS + "/login"}, True, True),
        ({"referer": OURS + ".evil.example/login"}, False, False),
        ({"referer": "http://[broken"}, False, False),
        ({"referer": OURS + "/login", "origin": "null"}, True, False),
    ],
)
def test_where_a_request_comes_from(headers: dict[str, str], reads: bool, sends: bool) -> None:
    lists = {name: [value] for name, value in headers.items()}
    assert comes_from_here(lists, OURS, needs_proof=False) is reads
    assert comes_from_here(lists, OURS, needs_proof=True) is sends


@pytest.mark.parametrize(
    ("peer", "scheme", "headers", "found"),
    [
        ("127.0.0.1", "http", {}, Client("127.0.0.1", "http")),
        ("::1", "http", {}, Client("::1", "http")),
        ("::ffff:127.0.0.1", "http", {}, Client("127.0.0.1", "http")),
        ("203.0.113.1", "https", {}, Client("203.0.113.1", "https")),
        ("203.0.113.1", "http", {}, None),
        ("203.0.113.1", "http", {"x-forwarded-proto": ["https"]}, None),
        ("127.0.0.1", "http", {"x-forwarded-for": ["198.51.100.1"]}, Client("127.0.0.1", "http")),
        (
            *(
                "10.0.0.1",
                "http",
                {"x-forwarded-for": ["6.6.6.6, 198.51.100.1"], "x-forwarded-proto": ["https"]},
            ),
            Client("198.51.100.1", "https", proxied=True),
        ),
        ("10.0.0.1", "http", {"x-forwarded-for": ["198.51.100.1"]}, None),
        ("10.0.0.1", "http", {}, None),
        (
            *("10.0.0.1", "http", {"x-forwarded-for": ["127.0.0.1"], "x-forwarded-proto": ["https"]}),
            Client("127.0.0.1", "https", proxied=True),
        ),
    ],
)
def test_who_asks(peer: str, scheme: str, headers: dict[str, list[str]], found: Client | None) -> None:
    assert client_of({"client": (peer, 1), "scheme": scheme}, headers, PUBLIC) == found


def test_who_comes_through_a_proxy_is_not_on_this_machine() -> None:
    assert HERE.local
    assert not Client("127.0.0.1", "https", proxied=True).local
    assert not Client("203.0.113.1", "https").local


def test_a_burst_is_served_and_then_a_steady_rate() -> None:
    clock = ManualClock()
    rates = Rates(Limits(burst=3, per_s=2.0), clock.monotonic_s)
    assert [rates.wait_s("a") for _ in range(5)] == [0, 0, 0, 1, 1]
    assert rates.wait_s("b") == 0
    clock.advance(500_000)
    assert [rates.wait_s("a") for _ in range(2)] == [0, 1]


def test_of_many_clients_the_oldest_is_forgotten() -> None:
    rates = Rates(Limits(burst=1, clients_kept=2), ManualClock().monotonic_s)
    assert [rates.wait_s(one) for one in ("a", "b", "c", "a", "c")] == [0, 0, 0, 0, 1]


def test_requests_under_way_are_bounded_for_each_and_in_all() -> None:
    under_way = UnderWay(Limits(at_once=3, at_once_each=2))
    assert [under_way.begin(one) for one in ("a", "a", "a", "b", "c")] == [True, True, False, True, False]
    under_way.end("a")
    assert under_way.begin("c")


def test_after_five_failures_each_next_one_waits_twice_as_long() -> None:
    clock = ManualClock()
    attempts = Attempts(clock.monotonic_s)
    assert [attempts.begin("a") for _ in range(FREE_EACH)] == [0] * FREE_EACH
    waits = []
    for _ in range(14):
        waits.append(attempts.begin("a"))
        clock.advance(waits[-1] * 1_000_000)
        assert attempts.begin("a") == 0
    assert waits[:5] == [1, 2, 4, 8, 16]
    assert waits[-1] == DELAY_EACH_MAX_S


def test_success_begins_the_count_anew() -> None:
    attempts = Attempts(ManualClock().monotonic_s)
    for _ in range(40):
        assert attempts.begin("a") == 0
        attempts.succeeded("a")


def test_guesses_from_many_addresses_wait_for_each_other() -> None:
    attempts = Attempts(ManualClock().monotonic_s)
    assert 0 < max(attempts.begin(f"198.51.100.{number}") for number in range(30)) <= 60


JSONS = st.recursive(
    st.none() | st.integers() | st.text(alphabet='ab"\\[]{}'),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='a"\\]}', max_size=3), inner)
    ),
    max_leaves=12,
)


def depth_of(value: object) -> int:
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 0


@given(JSONS, st.integers(1, 7))
def test_depth_is_counted_however_json_is_cut(value: object, size: int) -> None:
    import json

    raw, depth = json.dumps(value).encode(), depth_of(value)
    parts = [raw[start : start + size] for start in range(0, len(raw), size)]
    enough, short = Depth(max(depth, 1)), Depth(depth - 1)
    assert all(enough.bears(part) for part in parts)
    assert depth == 0 or not all(short.bears(part) for part in parts)
