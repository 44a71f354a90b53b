"""The recipes of a workspace: what changes them, and what does not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mainstay.kernel.recipe import Recipes
from mainstay.runtime.clock import ManualClock
from mainstay.testing.plans import NOW
from mainstay.workspace.folder import Folder
from mainstay.workspace.held import Held
from mainstay.workspace.recipes import RecipesWhenAsked, majors_of, recipes_of, ways_of
from tests.end_to_end.desks import Desk, file_settings, lay_out

MODEL = '\n[models.default]\nuse = "ollama:{}"\nprice_input_usd = "0"\nprice_output_usd = "0"\n'


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("MAINSTAY_KEY_HOME", str(tmp_path / "keys"))
    return lay_out(tmp_path / "desk", file_settings())


def recipes(desk: Desk) -> Recipes:
    held = Held(Folder(desk.root), ManualClock(NOW))
    try:
        return recipes_of(held.assembly)
    finally:
        held.close()


def changed(desk: Desk, change: Callable[[], object]) -> set[str]:
    before = recipes(desk)
    change()
    after = recipes(desk)
    assert after.contracts == before.contracts
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_every_agent_has_one_and_every_act_the_version_of_its_contract(desk: Desk) -> None:
    found = recipes(desk)
    assert set(found) >= {"intent", "reply-writer", "reply-checks", "proposer"}
    assert len(set(found.values())) == len(found)
    assert found.contracts["email.reply"] == "1"
    assert recipes(desk) == found, "it is the same however often it is reckoned"


def test_another_model_is_another_recipe_of_the_drafter_alone(desk: Desk) -> None:
    file = desk.root / "mainstay.toml"
    plain = file.read_text()
    assert changed(desk, lambda: file.write_text(plain + MODEL.format("small"))) == {"reply-writer"}
    assert changed(desk, lambda: file.write_text(plain + MODEL.format("large"))) == {"reply-writer"}


def test_templates_are_told_apart_one_by_one_and_are_no_recipe_of_an_agent(desk: Desk) -> None:
    [first, *_] = sorted((desk.root / "templates").glob("*.md"))
    text = first.read_text().rstrip("\n") + "\n\nAs ever\n"
    assert changed(desk, lambda: first.write_text(text)) == set()


def test_what_the_specialist_was_taught_by_file_is_another_recipe_of_it(desk: Desk) -> None:
    file = desk.root / "intents.toml"
    text = file.read_text()
    assert 'examples = ["' in text or "examples = [" in text
    more = text.replace("examples = [", 'examples = ["One more question like this", ', 1)
    assert changed(desk, lambda: file.write_text(more)) == {"intent"}


@pytest.mark.parametrize("more", ["", MODEL.format("small")])
def test_what_is_told_without_the_agents_is_what_they_say_of_themselves(desk: Desk, more: str) -> None:
    file = desk.root / "mainstay.toml"
    file.write_text(file.read_text() + more)
    held = Held(Folder(desk.root), ManualClock(NOW))
    try:
        agents = held.assembly.light_agents
        assert ways_of(held.assembly) == {
            name: getattr(one, "way", "") or getattr(one, "recipe", "") for name, one in agents.items()
        }
        (adapter,) = held.assembly.adapters.values()
        majors = {act: str(adapter.contract.major) for act in held.assembly.catalog.acts}
        assert majors_of(held.assembly) == majors
    finally:
        held.close()


def test_recipes_are_read_when_a_decision_asks_for_one(desk: Desk) -> None:
    read = []
    found = RecipesWhenAsked(lambda: read.append("") or Recipes({"a": "b"}, contracts={"email.reply": "1"}))  # type: ignore[func-returns-value]
    assert not read
    assert found, "what was not read yet is not nothing"
    assert found.contracts == {"email.reply": "1"}
    assert found == {"a": "b"}
    assert len(read) == 1
