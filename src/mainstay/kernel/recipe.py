"""Recipes: by what an act was made, which is what evidence is kept for.

A recipe names everything that made an act but the weights that a specialist refits: the agents whose work it rests on,
each by its features, algorithm, embedder, provider and model; the contract's major version; and the template that the
draft came from. As text it is `way` or `way+template...`: the way in which all acts of a kind are made, and each
template that an act of it was made from, by hashes.

One kind of act is made from several templates, by what a message is about. So the recipe of a kind knows the templates
that its evidence came from: the same template with other words is another recipe, one that is new to the kind joins
it, and until it has, what is made from it is not covered.

Rules of this file: pure, and about text alone. What a plan's acts rest on is remembered, since it never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mainstay.kernel.ids import derive
from mainstay.kernel.plan import Plan, TaskKind

_JOIN = "+"
_HASH_SIZE = 4  # bytes of a template's name and of its words: an operator has dozens, not millions


class Recipes(dict[str, str]):
    """What each agent's answers are made by, and so the way in which the acts of a plan are made."""

    def __init__(
        self,
        by_agent: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        *,
        contracts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(by_agent)
        self.contracts = dict(
            contracts or {}
        )  # of each act that can be done here, the contract's major version
        self._ways: dict[tuple[str, str, str], str] = {}

    def way(self, plan: Plan, act: str, contract_major: str) -> str:
        """How acts of this name are made in this plan: by everybody before any of them.

        Not only before one of them: evidence is kept for the kind, and a kind has one recipe.
        """
        key = (plan.digest, act, contract_major)
        known = self._ways.get(key) if plan.digest else None
        if known is None:
            parts = sorted(f"{agent}={self.get(agent, '')}" for agent in agents_before(plan, act))
            known = self._ways[key] = derive("recipe", act, contract_major, *parts, size=8).hex()
        return known


def agents_before(plan: Plan, act: str) -> set[str]:
    """Everybody on whose work acts of this name rest, those who propose them included."""
    tasks = plan.workflow.tasks
    todo = [number for number, one in enumerate(tasks) if one.kind is TaskKind.ACT and one.act == act]
    seen = set(todo)
    for number in todo:
        for need in plan.needs[number]:
            if need not in seen:
                seen.add(need)
                todo.append(need)
    return {tasks[number].agent for number in seen}


def written(way: str, template: str = "", words: str = "") -> str:
    """The recipe of one act: made in this way, from this template, whose words have this digest."""
    return f"{way}{_JOIN}{_of_template(template, words)}" if template else way


def covers(known: str, recipe: str) -> bool:
    """Whether what is known of a kind was made by all that made this act."""
    way, parts = _parts(known)
    asked_way, asked = _parts(recipe)
    return way == asked_way and asked.items() <= parts.items()


def contradicts(known: str, recipe: str) -> bool:
    """Whether something that made this act is another by now: then evidence for one says nothing of the other."""
    if not known or not recipe:
        return False
    way, parts = _parts(known)
    asked_way, asked = _parts(recipe)
    return way != asked_way or any(parts.get(name, words) != words for name, words in asked.items())


def joined(known: str, recipe: str) -> str:
    """The recipe of a kind after an act was made by this one, which does not contradict it."""
    way, parts = _parts(recipe)
    parts = {**(_parts(known)[1] if known else {}), **parts}
    return _JOIN.join([way, *(name + words for name, words in sorted(parts.items()))])


def names_other_words(known: str, template: str, words: str) -> bool:
    """Whether a kind's evidence came from this template with other words."""
    part = _of_template(template, words)
    name, now = part[: 2 * _HASH_SIZE], part[2 * _HASH_SIZE :]
    return _parts(known)[1].get(name, now) != now


def _of_template(template: str, words: str) -> str:
    return derive("template", template, size=_HASH_SIZE).hex() + derive("words", words, size=_HASH_SIZE).hex()


def _parts(recipe: str) -> tuple[str, dict[str, str]]:
    way, *templates = recipe.split(_JOIN)
    return way, {one[: 2 * _HASH_SIZE]: one[2 * _HASH_SIZE :] for one in templates}
