"""Rules and templates come into force: in one tick with their event, kept whole, and never by halves."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mainstay.config.files import load_rules
from mainstay.config.policies import policy_text, read_policy, read_policy_text
from mainstay.kernel.errors import CommandRefused, ConfigError
from mainstay.kernel.events import PolicyAdopted
from mainstay.kernel.policy import Policy
from mainstay.testing.plans import ASK_ALL, act, plan_of
from mainstay.workspace.rules import RuleDesk, adoptions, policy_in_force
from tests.runtime.house import House, at_work

REPLY = plan_of(act("send", act="email.reply"))
DENY = '[[rule]]\nname = "closed"\nwhen = { act = "email.reply" }\nthen = "deny"\nwhy = "we are closed"\n'
ALLOW = '[[rule]]\nname = "open"\nwhen = { act = "email.reply" }\nthen = "allow"\n'
TEMPLATE = "Hello {{ message.sender_name }},\n\nthank you.\n"


def folder(at: Path, rules: str, template: str = TEMPLATE) -> Path:
    for kind, name, text in (("policies", "a.toml", rules), ("templates", "thanks.md", template)):
        (at / kind).mkdir(exist_ok=True)
        (at / kind / name).write_text(text)
    return at


def rule_desk(house: House, root: Path, taken: list[Any]) -> RuleDesk:
    assembly = SimpleNamespace(
        folder=SimpleNamespace(root=root),
        catalog=SimpleNamespace(acts={"email.reply": None}),
        blobs=house.artifacts.blobs,
        adopt=taken.append,
    )
    return RuleDesk(
        cast(Any, SimpleNamespace(one_at_a_time=asyncio.Lock())),
        house.director,
        cast(Any, assembly),
        house.loop.ask,
    )


def test_a_denial_withdraws_what_waits_in_the_tick_of_its_event(tmp_path: Path) -> None:
    taken: list[Any] = []

    async def story() -> None:
        async with at_work(House(REPLY, policy=ASK_ALL)) as house:
            await house.ask(house.begin(subject="ann@example.com"))
            await house.settled()
            desk = rule_desk(house, folder(tmp_path, DENY), taken)
            applied = await desk.apply()
            assert house.director.policy.digest == applied["policy"] == house.director.house.policy
            assert [row["status"] for row in house.cards("denied")] == ["denied"]
            assert house.director.templates["thanks"] == load_rules(tmp_path).templates["thanks"].digest
            kept = house.artifacts.blobs.read(house.director.house.policy)
            assert read_policy_text(kept).rules == house.director.policy.rules
            before = house.store.head
            await desk.apply()
            assert house.store.head == before
            folder(tmp_path, ALLOW)
            await desk.apply()
            await house.ask(house.begin("two", subject="ann@example.com"))
            await house.settled()
            assert house.status("two") == "succeeded"
        assert len(taken) == 3

    asyncio.run(story())


@pytest.mark.parametrize("cut", [1, 20, 60, len(DENY) - 3])
def test_a_file_that_is_wrong_changes_nothing(tmp_path: Path, cut: int) -> None:
    taken: list[Any] = []

    async def story() -> None:
        async with at_work(House(REPLY, policy=ASK_ALL)) as house:
            desk = rule_desk(house, folder(tmp_path, DENY[:cut]), taken)
            with pytest.raises(ConfigError):
                await desk.apply()
            folder(tmp_path, DENY, "Hello {{ nobody }}")
            with pytest.raises(ConfigError):
                await desk.apply()
            assert house.director.policy is ASK_ALL
            assert not any(
                isinstance(house.director.codec.event(one), PolicyAdopted)
                for one in house.store.read("workspace")  # type: ignore[arg-type]
            )
        assert not taken

    asyncio.run(story())


def test_other_rules_than_were_looked_at_are_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with at_work(House(REPLY, policy=ASK_ALL)) as house:
            desk = rule_desk(house, folder(tmp_path, DENY), [])
            with pytest.raises(CommandRefused, match="not the ones"):
                await desk.apply(policy="0" * 64)
            assert house.director.policy is ASK_ALL

    asyncio.run(story())


def test_at_a_start_what_was_in_force_is_read_from_the_ledger(tmp_path: Path) -> None:
    house = House(REPLY, policy=ASK_ALL)
    house.director.boot()
    rules = load_rules(folder(tmp_path, DENY))
    house.director.handle(adoptions(house.director, rules, house.artifacts.blobs))
    files = Policy((), rules.policy.digest)
    assert policy_in_force(house.store, house.artifacts.blobs, files) is files  # the same: nothing is read
    other = load_rules(folder(tmp_path, ALLOW)).policy
    assert policy_in_force(house.store, house.artifacts.blobs, other).rules == rules.policy.rules


def test_the_text_that_is_kept_is_the_policy() -> None:
    listed = [("policies/b.toml", ALLOW.encode()), ("policies/a.toml", DENY.encode())]
    policy = read_policy(listed)
    assert [one.name for one in policy.rules] == ["closed", "open"]
    again = read_policy_text(policy_text(listed))
    assert (again.rules, again.digest) == (policy.rules, policy.digest)
