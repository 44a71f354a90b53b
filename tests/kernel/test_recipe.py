"""Recipes: what made an act, as text that can be compared."""

from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.recipe import (
    Recipes,
    agents_before,
    contradicts,
    covers,
    joined,
    names_other_words,
    written,
)
from mainstay.testing.plans import act, plan_of, think

_recipes = st.builds(
    written, st.sampled_from(["way", "yaw"]), st.sampled_from(["", "faq", "refund"]), st.sampled_from("ab")
)


def test_all_acts_of_a_name_are_made_one_way_by_everybody_before_any_of_them() -> None:
    plan = plan_of(
        think("a", agent="reader"),
        think("b", agent="writer"),
        think("c", agent="stranger"),
        act("first", "a"),
        act("second", "b"),
        act("label", "c", act="email.label"),
    )
    assert agents_before(plan, "email.reply") == {"reader", "writer", "proposer"}
    one, two = Recipes({"reader": "1", "stranger": "1"}), Recipes({"reader": "1", "stranger": "2"})
    assert one.way(plan, "email.reply", "1") == two.way(plan, "email.reply", "1")
    assert one.way(plan, "email.label", "1") != two.way(plan, "email.label", "1")
    assert one.way(plan, "email.reply", "1") != one.way(plan, "email.reply", "2")


@given(_recipes, _recipes)
def test_what_joined_is_covered_and_what_contradicts_is_not(known: str, recipe: str) -> None:
    assert covers(recipe, recipe)
    assert not contradicts("", recipe)
    if contradicts(known, recipe):
        assert not covers(known, recipe)
    else:
        both = joined(known, recipe)
        assert covers(both, recipe)
        assert covers(both, known)
        assert joined(both, recipe) == both


def test_other_words_of_a_template_are_seen_by_its_name() -> None:
    known = joined(written("way", "faq", "a"), written("way", "refund", "a"))
    assert names_other_words(known, "faq", "b")
    assert not names_other_words(known, "faq", "a")
    assert not names_other_words(known, "stranger", "b")
