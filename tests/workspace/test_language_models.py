"""The configured models of a workspace: real HTTP on loopback, real sealing, a cache on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from mainstay.agents.base import Brief, MessageView
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Role
from mainstay.kernel.values import Instant
from mainstay.ledger.sealing import Vault
from mainstay.models.base import Completion, Message, ModelUse, Prompt, Unanswered
from mainstay.models.settings import ModelSettings
from mainstay.net.secrets import SecretStore
from mainstay.testing.batch_server import BatchScript
from mainstay.testing.model_server import ModelServer, completion, refusal, tokens
from mainstay.workspace.folder import adopt, create, open_vault
from mainstay.workspace.language_models import ANSWERS, LanguageModels

ADA = MessageView(message_id="1@example.org", thread="t", mailbox="support", from_address="ada@example.org")
PROMPT = Prompt("Be brief.", (Message("user", "Where is the sextant that I ordered?"),), 50)


def brief(*, cost_max: int = 10_000, data_class: str = "customer", about: MessageView | None = ADA) -> Brief:
    inputs = {} if about is None else {"message": about}
    return Brief(
        RunId("r"),
        "draft",
        1,
        Role.SPECIALIST,
        inputs,
        Instant(0),
        cost_max_micros=cost_max,
        data_class=data_class,
    )


class House:
    """A workspace's folder with its vault, and models that answer on loopback."""

    def __init__(self, root: Path, server: ModelServer, **more: object) -> None:
        self.folder, _ = create(root, "desk")
        adopt(self.folder)
        self.vault: Vault = open_vault(self.folder, None)
        self.folder.cache.mkdir(exist_ok=True)
        self.server = server
        given: dict[str, object] = {"price_input_micros": 1_000_000, "price_output_micros": 1_000_000, **more}
        self.settings = ModelSettings(
            "default",
            "scripted:small",
            ("public", "customer"),
            server.url,
            **given,  # type: ignore[arg-type]
        )
        self.models = self.opened()

    def opened(self) -> LanguageModels:
        return LanguageModels(
            {"default": self.settings},
            cache=self.folder.cache,
            vault=lambda: self.vault,
            secrets=SecretStore(environ={"KEY": "sk-1"}),
        )

    def ask(
        self, about: Brief, prompt: Prompt = PROMPT
    ) -> tuple[Completion | Unanswered, tuple[ModelUse, ...]]:
        spending = self.models.spending(about)
        assert spending is not None

        async def once() -> Completion | Unanswered:
            try:
                return await spending.complete(prompt)
            finally:
                await self.models.aclose()

        return asyncio.run(once()), spending.uses


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with ModelServer(completion("The sextant is on its way.", usage=tokens(20, 7))) as server:
        made = House(tmp_path / "desk", server, key="env:KEY")
        yield made
        made.models.close()
        made.vault.close()


def test_a_brief_pays_for_its_call_and_the_next_one_finds_the_answer(house: House) -> None:
    first, used = house.ask(brief())
    assert isinstance(first, Completion)
    assert used == (ModelUse("scripted:small", 1, 20, 7, 27),)
    assert house.server.asked[0].headers["authorization"] == "Bearer sk-1"
    house.models.close()
    house.models = house.opened()  # another process
    second, used = house.ask(brief())
    assert isinstance(second, Completion)
    assert (second.text, second.cached, second.usage.cost_micros) == (first.text, True, 0)
    assert used == (ModelUse("scripted:small", 0, cached=1, saved_micros=27),)
    assert len(house.server.asked) == 1


@pytest.mark.parametrize("about", [ADA, None])
def test_no_word_lies_on_the_disk(house: House, about: MessageView | None) -> None:
    house.vault.ensure_subjects([house.vault.subject(ADA.from_address)])
    house.ask(brief(about=about))
    house.models.close()
    raw = b"".join(path.read_bytes() for path in house.folder.cache.glob(f"{ANSWERS}*"))
    assert raw
    for word in (b"sextant", b"on its way", b"ada@example.org"):
        assert word not in raw


def test_an_answer_about_somebody_is_forgotten_with_them(house: House) -> None:
    ada = house.vault.subject(ADA.from_address)
    house.vault.ensure_subjects([ada])
    house.ask(brief())
    assert isinstance(house.ask(brief())[0], Completion)
    assert len(house.server.asked) == 1
    house.vault.forget(ada)
    assert isinstance(house.ask(brief())[0], Completion)
    assert len(house.server.asked) == 2


def test_what_may_not_be_sent_and_what_is_too_dear_makes_no_call(house: House) -> None:
    for one in (brief(data_class="medical"), brief(cost_max=100), brief(cost_max=0)):
        answer, used = house.ask(one)
        assert isinstance(answer, Unanswered)
        assert (answer.cause, used) == ("refused", ())
        assert answer.remedy
    assert house.server.asked == []


def test_batches_go_the_same_way(tmp_path: Path) -> None:
    async def no_wait(for_s: float) -> None:
        return None

    script = BatchScript()
    with ModelServer(script) as server:
        house = House(tmp_path / "desk", server)
        for _ in range(2):
            spending = house.models.batch("default", cost_max_micros=10_000, data_class="customer")
            found = asyncio.run(spending.complete({"a": PROMPT}, sleep=no_wait))
            assert isinstance(found["a"], Completion)
        house.models.close()
        house.vault.close()
    assert len(script.batches) == 1


def test_without_a_model_for_agents_there_is_nothing_to_spend(house: House) -> None:
    assert LanguageModels({}, cache=house.folder.cache, vault=lambda: house.vault).spending(brief()) is None


def test_a_cache_that_cannot_be_opened_costs_only_money(house: House) -> None:
    (house.folder.cache / ANSWERS).mkdir()
    for _ in range(2):
        assert isinstance(house.ask(brief())[0], Completion)
    assert len(house.server.asked) == 2


def test_a_cache_that_cannot_be_opened_is_gone_when_somebody_is_forgotten(house: House) -> None:
    house.folder.cache.mkdir(parents=True, exist_ok=True)
    file = house.folder.cache / ANSWERS
    for name in (file.name, file.name + "-wal"):
        file.with_name(name).write_bytes(b"not a database, but once it was one" * 100)
    house.models.forget()
    assert not list(house.folder.cache.glob(ANSWERS + "*"))


def test_a_provider_that_asked_to_slow_down_is_left_alone_by_all_briefs(tmp_path: Path) -> None:
    with ModelServer(refusal(429, retry_after="120")) as server:
        house = House(tmp_path / "desk", server)
        answers = [house.ask(brief())[0] for _ in range(3)]
        house.models.close()
        house.vault.close()
    assert {one.cause for one in answers if isinstance(one, Unanswered)} == {"limited"}
    assert len(server.asked) == 1
