"""Rules that somebody wants to get around: by odd values, by a race, by an edit, by the file itself."""

import asyncio
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest

import mainstay.config.files as files
from mainstay.agents import base as agents
from mainstay.agents.base import Brief, Tools
from mainstay.config.policies import read_policy
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.errors import ConfigError, PolicyError
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.policy import Action, Condition, Decision, Policy, Rule, evaluate
from mainstay.kernel.predicates import Operator
from mainstay.kernel.values import Digest, Json
from mainstay.testing.plans import ALLOW_ALL, ASK_ALL, act, plan_of
from mainstay.workflows.document import Document
from tests.runtime.house import House, at_work
from tests.security.attacks import attack

REPLY = plan_of(act("send", act="email.reply"))
ODD: tuple[Any, ...] = (float("nan"), "True", "", [], {}, [None], 10**400, True, -(10**400), "0.99")


def action(name: str = "email.reply", **features: Any) -> Action:
    return Action(
        *(name, "support", "reply", "1.0", Repeatability.FINDABLE, Finality.FINAL_LOW),
        *(IdempotencyKey(""), Digest(""), Digest(""), Digest("")),
        features=features,
    )


def rule(then: str, when: str) -> str:
    return f'[[rule]]\nname = "{then} {len(when)}"\nwhen = {{ {when} }}\nthen = "{then}"\nwhy = "w"\n'


def policy(*rules: str) -> Policy:
    return read_policy([("policies/a.toml", "".join(rules).encode())])


@attack(("mainstay.kernel.policy", "_is_of_use", lambda actual, value: True))
def test_an_odd_confidence_does_not_pass_a_rule_that_wants_it_high() -> None:
    careful = policy(rule("allow", 'act = "*"'), rule("ask", 'act = "*", confidence_below = 0.9'))
    for odd in ODD:
        found = evaluate(careful, action(confidence=odd), {}).decision
        assert found is Decision.ASK or odd == 10**400, odd


@attack(("mainstay.kernel.policy", "_is_of_use", lambda actual, value: True))
def test_a_text_that_says_true_is_not_yes() -> None:
    careful = policy(rule("deny", 'act = "*", recipient_known = false'), rule("allow", 'act = "*"'))
    for odd in ("True", "true", 1, 0, [True], "yes"):
        assert evaluate(careful, action(recipient_known=odd), {}).decision is Decision.DENY, odd


@attack(
    (
        "mainstay.kernel.policy",
        "fnmatchcase",
        lambda name, pattern: fnmatch(normalize("NFKC", name).lower().strip(), pattern),
    )
)
@pytest.mark.parametrize("name", ["email.reply\n", "EMAIL.REPLY", "ｅmail.reply"])
def test_a_name_that_looks_like_an_allowed_act_asks(name: str) -> None:
    lenient = policy(rule("allow", 'act = "email.reply"'))
    assert evaluate(lenient, action("email.reply"), {}).decision is Decision.ALLOW
    assert evaluate(lenient, action(name), {}).decision is Decision.ASK


@attack(("mainstay.config.policies", "SIZE_MAX", 10**9))
def test_a_file_of_ten_megabytes_is_refused() -> None:
    raw = b"# " + b"x" * 10_000_000 + b"\n"
    with pytest.raises(PolicyError, match="larger than"):
        read_policy([("policies/a.toml", raw)])


def _bare(raw: bytes, file: str, error: type[ConfigError] = ConfigError) -> Document:
    return Document(file, tomllib.loads(raw.decode()), {}, error)


@attack(("mainstay.config.policies", "parse_toml", _bare))
def test_lists_in_lists_in_lists_are_refused_as_a_mistake() -> None:
    try:
        with pytest.raises(PolicyError):
            read_policy([("policies/a.toml", b"rule = " + b"[" * 100_000 + b"]" * 100_000)])
    except RecursionError:
        pytest.fail("the reader fell over")


@attack(("mainstay.config.policies", "RESERVED", frozenset()))
@pytest.mark.parametrize("name", ["autonomy", "Kill Switch", " high stake", "default"])
def test_a_rule_cannot_pass_itself_off_as_the_house(name: str) -> None:
    with pytest.raises(PolicyError, match="taken by Mainstay"):
        read_policy([("policies/a.toml", rule("allow", 'act = "*"').replace("allow 9", name).encode())])


@attack(("mainstay.config.files", "_still", files._all))
def test_a_file_that_is_being_written_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "a.toml").write_text("")
    whole = (rule("allow", 'act = "email.label"') + rule("deny", 'act = "email.reply"')).encode()
    so_far = iter(range(1, len(whole)))

    def half(folder: Path, name: str, error: type[ConfigError]) -> bytes:
        return whole[: len(rule("allow", 'act = "email.label"')) + next(so_far) - 1]

    monkeypatch.setattr(files, "_bytes", half)  # the denial has not reached the disk yet
    with pytest.raises(PolicyError, match="being written"):
        files.load_rules(tmp_path)


@attack(("mainstay.kernel.counting", "Tally.all_on_their_way", lambda self, act: 0))
def test_thirty_at_once_do_not_all_pass_as_the_twentieth() -> None:
    limited = Policy(
        (Rule("some", Decision.ALLOW, "few", "*", (Condition("done_today", Operator.BELOW, 20),)),)
    )

    async def story() -> None:
        async with at_work(House(REPLY, policy=limited)) as house:
            asked = (house.ask(house.begin(f"run {one}", subject="a@example.com")) for one in range(30))
            await asyncio.gather(*asked)
            await house.settled()
            assert (len(house.adapter.acts), len(house.cards())) == (20, 10)

    asyncio.run(story())


class Flagging:
    """Proposes an answer to a message about money."""

    def __init__(self, inner: Any) -> None:
        self.__dict__.update(
            {name: getattr(inner, name) for name in ("name", "role", "recipe", "input", "output")}
        )
        self.cost_max_micros = 0

    async def work(self, brief: Brief, tools: Tools) -> agents.Outcome:
        features: Json = {"flags": ["money"], "flagged": False}  # or it would be of high stake
        return agents.Proposed({"reply": {"text": "Dear Ann"}}, features, "she asked")


@attack(("mainstay.runtime.rendering", "features_of", lambda rendered, request, proposed: {"flags": []}))
def test_an_edit_does_not_wash_off_what_was_flagged() -> None:
    denies = policy(rule("deny", 'act = "*", flag = "money"'), rule("ask", 'act = "*"'))

    async def story() -> None:
        house = House(REPLY, policy=ASK_ALL)
        house.performer.thinking._agents = {
            "proposer": Flagging(house.performer.thinking._agents["proposer"])
        }  # type: ignore[dict-item]
        async with at_work(house):
            await house.ask(house.begin(subject="ann@example.com"))
            await house.settled()
            (card,) = house.cards()
            house.director.policy = denies  # in the moment between the card and the answer
            await house.desk.edit(card["approval"], text="Harmless", actor="operator")
            await house.settled()
            assert not house.adapter.acts
            assert "ActionDenied" in house.events("one")

    asyncio.run(story())


@attack(("mainstay.kernel.door", "verdict_on", lambda draft, number, action: evaluate(ALLOW_ALL, action, {})))
def test_what_was_held_or_asked_before_a_denial_does_not_leave_after_it() -> None:
    async def story() -> None:
        async with at_work(House(REPLY, policy=ASK_ALL)) as house:
            await house.ask(house.begin(subject="ann@example.com"))
            await house.settled()
            cards = house.cards()
            house.director.policy = policy(rule("deny", 'act = "email.*"'))
            for card in cards:
                await house.desk.approve(card["approval"], actor="operator")
            await house.settled()
            assert not house.adapter.acts

    asyncio.run(story())
