"""Where the web server listens, what keeps it from it, and that whoever is let in is let in once and for a while."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from argon2 import PasswordHasher

from mainstay.config.console import ConsoleSettings
from mainstay.kernel.errors import (
    AmbiguousId,
    CommandRefused,
    ConfigError,
    NotFound,
    SecretError,
    Unavailable,
)
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.net.secrets import Secret, SecretStore
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.devices import Devices
from mainstay.runtime.director import Director
from mainstay.runtime.plan_shelf import PlanShelf
from mainstay.runtime.tick import Answer, Request
from mainstay.workspace import console_password, web_server
from mainstay.workspace.console_password import ConsolePassword
from mainstay.workspace.folder import Folder
from mainstay.workspace.login_links import KEPT_MAX, LIFE_S, LoginLinks
from mainstay.workspace.serving_web import Front
from mainstay.workspace.web_server import Web

GOOD = "plain sample words 7"
DAY_S = 86_400


# --- listening -----------------------------------------------------------------------------------------------------


def front(settings: ConsoleSettings, tmp_path: Path) -> Front:
    nothing: Any = None
    parts = dict.fromkeys(
        (
            "devices",
            "tokens",
            "long",
            "link",
            "keyed_hash",
            "desk",
            "status",
            "house",
            "moves",
            "health",
            "metrics",
        ),
        nothing,
    )
    clock = ManualClock()
    password = ConsolePassword("0123abcd", settings, SecretStore(tmp_path, environ={}))
    return Front(
        folder=Folder(tmp_path),
        settings=settings,
        clock=clock,
        login_links=LoginLinks(clock),
        password=password,
        **parts,
    )


def opened(settings: ConsoleSettings, tmp_path: Path) -> Web:
    web = Web(front(settings, tmp_path), lambda what, error: None)
    web.open()
    return web


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def test_it_listens_where_it_is_told_to(tmp_path: Path) -> None:
    port = free()
    web = opened(ConsoleSettings(port=port, port_named=True), tmp_path)
    try:
        assert web.address == f"http://127.0.0.1:{port}"
        assert str(web.login_link()["url"]).startswith(f"http://127.0.0.1:{port}/login/")
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
    finally:
        web.close()
    assert web.address == ""


def test_where_another_has_the_default_port_the_director_goes_on_without(taken: int, tmp_path: Path) -> None:
    web = opened(ConsoleSettings(port=taken), tmp_path)
    assert (web.address, f"Port {taken} is taken" in web.off) == ("", True)
    with pytest.raises(Unavailable, match="not served"):
        web.login_link()


def test_a_port_that_was_taken_is_tried_again_until_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mainstay")
    freed: list[str] = []
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        web = opened(ConsoleSettings(port=port), tmp_path)
        web.freed = lambda: freed.append(web.address)
        assert "tried again" in web.off
        assert (web.try_again(), web.address, freed) == (False, "", [])
    monkeypatch.setattr(web_server, "AGAIN_S", 0.0)
    asyncio.run(web._until_free())
    try:
        assert (web.address, web.off) == (f"http://127.0.0.1:{port}", "")
        assert freed == [web.address]
        assert web.address in caplog.text
        assert str(web.login_link()["url"]).startswith(web.address)
    finally:
        web.close()


def test_whoever_ends_waits_for_no_port(taken: int, tmp_path: Path) -> None:
    web = opened(ConsoleSettings(port=taken), tmp_path)
    web._front.devices = _Nobody()  # type: ignore[assignment]

    async def work() -> None:
        working = asyncio.create_task(web.run())
        await asyncio.sleep(0)
        web.stop()
        await asyncio.wait_for(working, 60)

    asyncio.run(work())
    assert web.address == ""


def test_a_port_that_was_named_must_be_free(taken: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be listened on"):
        opened(ConsoleSettings(port=taken, port_named=True), tmp_path)


@pytest.mark.parametrize("off", [ConsoleSettings(enabled=False), ConsoleSettings(port=0)])
def test_it_can_be_switched_off(off: ConsoleSettings, tmp_path: Path) -> None:
    web = opened(off, tmp_path)
    assert (web.address, web.off) == ("", "[console] switches it off.")


def test_without_its_packages_the_director_works_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(web_server, "NEEDED", ("starlette", "no_such_package"))
    caplog.set_level(logging.INFO, "mainstay")
    web = opened(ConsoleSettings(port=free()), tmp_path)
    assert (web.address, "no_such_package" in web.off, "mainstay[console]" in web.off) == ("", True, True)
    assert len(caplog.records) == 1


def test_elsewhere_it_listens_with_a_password_alone(tmp_path: Path, quick: None) -> None:
    settings = ConsoleSettings(host="0.0.0.0", port=free(), proxy="10.0.0.1", port_named=True)
    with pytest.raises(ConfigError, match="no password is set"):
        opened(settings, tmp_path)
    ConsolePassword("0123abcd", settings).set(Secret(GOOD))
    web = opened(settings, tmp_path)
    assert web.address.endswith(str(settings.port))
    web.close()


def test_a_certificate_that_is_not_there_is_told(tmp_path: Path) -> None:
    settings = ConsoleSettings(port=free(), cert=tmp_path / "c.pem", key=tmp_path / "k.pem")
    with pytest.raises(ConfigError, match="there is no"):
        opened(settings, tmp_path)


def test_nothing_is_loaded_before_the_first_visit(tmp_path: Path) -> None:
    web = opened(ConsoleSettings(port=free()), tmp_path)
    told: list[str] = []

    async def work() -> None:
        serving_web_server = web_server.SERVER
        assert serving_web_server == "mainstay.console.server"
        web._front.devices = _Nobody()  # type: ignore[assignment]
        working = asyncio.create_task(web.run())
        await asyncio.sleep(0)
        told.append("waits" if not working.done() else "ended")
        web.stop()
        await working

    asyncio.run(work())
    assert told == ["waits"]


def test_what_the_first_visit_needs_is_loaded_once_the_director_is_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    busy = [True, True, False]
    piecewise = ModuleType("piecewise")
    vars(piecewise).update(
        pieces=lambda: iter([lambda: done.append("one"), lambda: done.append("two")]),
        look=lambda workspace: done.append("look"),
        look_slowly=lambda workspace: done.append("slow look"),
    )
    monkeypatch.setitem(sys.modules, "piecewise", piecewise)
    for name, value in {
        "WARM_AFTER_S": 0,
        "WARM_REST_S": 0,
        "BUSY_REST_S": 0,
        "SERVER": "piecewise",
        "WARMING": "piecewise",
    }.items():
        monkeypatch.setattr(web_server, name, value)
    web = opened(ConsoleSettings(port=free()), tmp_path)
    web._front.devices = _Nobody()  # type: ignore[assignment]

    def quiet() -> bool:
        if len(busy) > 1:
            assert not done
        return not (busy.pop(0) if len(busy) > 1 else busy[0])

    web._quiet = quiet

    async def work() -> None:
        working = asyncio.create_task(web.run())
        async with asyncio.timeout(30):
            while "slow look" not in done:
                await asyncio.sleep(0)
        web.stop()
        await working

    asyncio.run(work())
    assert done == ["one", "two", "look", "slow look"]


class _Nobody:
    async def dismiss_idle(self) -> int:
        return 0


# --- devices -------------------------------------------------------------------------------------------------------


class House:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = InMemoryStore(tables=TABLES)
        self.director = Director(self.store, self.clock, PlanShelf(_no_plan), projections=STANDARD)
        self.director.acquire()
        self.devices = self.again()

    def again(self) -> Devices:
        """The same after a restart."""
        return Devices(
            *(self.store, self.clock, _hashed, self.ask),
            idle_us=3 * DAY_S * 1_000_000,
            session_us=30 * DAY_S * 1_000_000,
        )

    async def ask(self, request: Request) -> Answer:
        answers: list[Answer] = []
        request.answer = answers.append
        self.director.handle([request])
        return answers[0]

    def admit(self, **more: str) -> str:
        return asyncio.run(self.devices.admit(name="A browser", via="link", **more))

    def pass_days(self, days: float) -> None:
        self.clock.advance(round(days * DAY_S * 1_000_000))


def _hashed(kind: str, value: str) -> bytes:
    return b"\xaa" + hashlib.sha256(f"{kind} {value}".encode()).digest()[:15]


def _no_plan(digest: object) -> Any:
    raise AssertionError("no run is here")


@pytest.fixture
def house() -> House:
    return House()


def test_a_device_is_known_by_its_secret_and_by_nothing_else(house: House) -> None:
    secret = house.admit()
    found = house.devices.known(secret)
    assert found is not None
    assert (found.name, found.via, len(secret) >= 43) == ("A browser", "link", True)
    for other in ("", found.device, secret + "x", "é" * 43, "a" * 200):
        assert house.devices.known(other) is None


def test_no_look_writes(house: House) -> None:
    secret = house.admit()
    before = house.store.head
    for _ in range(5):
        house.pass_days(1)
        assert house.devices.known(secret)
    assert house.store.head == before


def test_a_device_that_is_not_used_for_long_is_out_and_stays_out(house: House) -> None:
    secret, other = house.admit(), house.admit()
    house.pass_days(2)
    assert house.devices.known(other)
    house.pass_days(2)
    assert house.devices.known(secret) is None
    assert asyncio.run(house.devices.dismiss_idle()) == 1
    assert house.again().known(secret) is None  # nor does a restart let it in again
    assert house.again().known(other)


def test_no_device_is_in_for_ever(house: House) -> None:
    secret = house.admit()
    for _ in range(29):
        house.pass_days(1)
        assert house.devices.known(secret)
    house.pass_days(1)
    assert house.devices.known(secret) is None


def test_whose_time_was_over_is_not_in_again_when_the_clock_is_set_back(house: House) -> None:
    secret, later = house.admit(), ""
    for day in range(30):
        later = later or (house.admit() if day == 20 else "")
        house.pass_days(1)
        house.devices.known(secret)
        assert not later or house.devices.known(later)
    assert asyncio.run(house.devices.dismiss_idle()) == 1
    house.clock.jump(-5 * DAY_S * 1_000_000)
    assert house.devices.known(secret) is None
    assert house.devices.known(later)


def test_nobody_hides_behind_a_thousand_other_log_ins(house: House) -> None:
    hidden = house.admit()
    for _ in range(1_001):
        house.clock.advance(1)
        device = house.devices.known(house.admit())
        assert device is not None
        asyncio.run(house.devices.dismiss(device.device))
    assert [one.name for one in house.devices.admitted()] == ["A browser"]
    assert asyncio.run(house.devices.dismiss_all()) == 1
    assert house.devices.known(hidden) is None


def test_a_new_log_in_ends_the_one_before_in_the_same_breath(house: House) -> None:
    before = house.admit()
    device = house.devices.known(before)
    assert device is not None
    after = house.admit(instead_of=device.device)
    assert (house.devices.known(before), bool(house.devices.known(after))) == (None, True)


def test_devices_are_dismissed_by_the_beginning_of_their_id(house: House) -> None:
    secrets = [house.admit() for _ in range(3)]
    ids = [one.device for one in house.devices.admitted()]
    assert asyncio.run(house.devices.dismiss(ids[0])) is True
    assert asyncio.run(house.devices.dismiss(ids[0])) is False
    with pytest.raises(AmbiguousId):
        asyncio.run(house.devices.dismiss("aa"))
    with pytest.raises(NotFound):
        asyncio.run(house.devices.dismiss("nothing"))
    assert asyncio.run(house.devices.dismissed("", actor="operator")) == {"dismissed": 2}
    assert [house.devices.known(secret) for secret in secrets] == [None] * 3


# --- one-time links and the password ---------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost next to nothing."""
    console_password._nobodys.cache_clear()
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(console_password, "_hasher", lambda: cheap)


def test_a_guess_costs_as_much_as_the_standard_asks_for() -> None:
    hasher = console_password._hasher()
    assert hasher.memory_cost >= 64 * 1024  # KiB
    assert hasher.time_cost >= 3


def test_a_one_time_link_is_good_once_for_ten_minutes() -> None:
    clock = ManualClock()
    links = LoginLinks(clock)
    one, other = links.issue(), links.issue()
    assert [links.spend(one), links.spend(one), links.spend("x")] == [True, False, False]
    clock.advance(round(LIFE_S * 1_000_000))
    assert not links.spend(other)
    many = [links.issue() for _ in range(KEPT_MAX + 1)]
    assert [links.spend(many[0]), links.spend(many[1])] == [False, True]


def test_a_password_is_kept_as_a_hash_that_its_owner_alone_reads(quick: None) -> None:
    password = ConsolePassword("0123abcd", ConsoleSettings())
    assert (password.is_set, password.verify(GOOD)) == (False, False)
    password.set(Secret(GOOD))
    kept = Path(password.place)
    assert kept.read_text().startswith("$argon2id$")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert (password.is_set, password.verify(GOOD), password.verify(GOOD + " ")) == (True, True, False)
    kept.write_text("a password itself\n")
    with pytest.raises(SecretError, match="no hash"):
        _ = password.is_set
    assert not password.verify("a password itself")


@pytest.mark.parametrize("weak", ["", "short", "aaaaaaaaaaaaaaaa", "x" * 2_000])
def test_a_password_that_is_easy_to_guess_is_refused(weak: str, quick: None) -> None:
    password = ConsolePassword("0123abcd", ConsoleSettings())
    with pytest.raises(CommandRefused):
        password.set(Secret(weak))
    assert not password.is_set


def test_the_hash_may_lie_where_secrets_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = replace(ConsoleSettings(), password="env:CONSOLE_HASH")
    monkeypatch.setenv("CONSOLE_HASH", "$argon2id$v=19$broken")
    password = ConsolePassword("0123abcd", elsewhere)
    assert (password.is_set, password.place, password.verify(GOOD)) == (True, "env:CONSOLE_HASH", False)
    with pytest.raises(SecretError, match="only read"):
        password.set(Secret(GOOD))


def test_it_takes_as_long_where_no_password_is_set(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = console_password._hasher()

    class Counting:
        def hash(self, text: str) -> str:
            return real.hash(text)

        def verify(self, hashed: str, text: str) -> bool:
            asked.append(hashed[:10])
            return real.verify(hashed, text)

    monkeypatch.setattr(console_password, "_hasher", Counting)
    assert not ConsolePassword("0123abcd", ConsoleSettings()).verify(GOOD)
    assert asked == ["$argon2id$"]
