"""Working context: within its budgets by priority, told what it dropped, and gone at its end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.memory.tokens import OVERHEAD
from mainstay.memory.working import Account, Dropped, Priority, WorkingContext


def test_parts_come_by_priority_and_what_does_not_fit_is_said() -> None:
    with WorkingContext(token_max=3 * (OVERHEAD + 1)) as context:
        context.add(Priority.RECALLED, "reply:1", "one")
        context.add(Priority.RECALLED, "reply:2", "two")
        context.add(Priority.INSTRUCTIONS, "instructions", "do")
        context.add(Priority.LESSONS, "lesson", "so")
        context.add(Priority.FINDINGS, "nothing", "  ")
        assert [part.source for part in context.kept()] == ["instructions", "lesson", "reply:1"]
        account = context.account()
    why = Dropped("reply:2", OVERHEAD + 1, "it does not fit into 15 tokens")
    assert account == Account(("instructions", "lesson", "reply:1"), (why,), 15, 7)


def test_bytes_bind_as_well_and_a_smaller_part_takes_the_room() -> None:
    with WorkingContext(byte_max=10) as context:
        context.add(Priority.MESSAGE, "large", "x" * 11)
        context.add(Priority.RECALLED, "small", "\u00e4\u00e4")
        assert [part.source for part in context.kept()] == ["small"]
        assert context.account().dropped[0].why == "it does not fit into 10 bytes"
        assert context.account().size_bytes == 4


def test_after_its_end_it_is_empty_and_cannot_be_used() -> None:
    with WorkingContext() as context:
        context.add(Priority.MESSAGE, "m", "secret words")
    assert "secret" not in repr(context)
    assert not context._parts
    for use in (context.kept, context.account, lambda: context.add(Priority.MESSAGE, "m", "x")):
        with pytest.raises(ValueError, match="has ended"):
            use()


@given(st.lists(st.tuples(st.sampled_from(Priority), st.text(max_size=40))), st.integers(0, 60))
def test_no_budget_is_ever_exceeded_and_every_part_is_kept_or_dropped(
    parts: list[tuple[Priority, str]], most: int
) -> None:
    context = WorkingContext(token_max=most, byte_max=4 * most)
    for number, (priority, text) in enumerate(parts):
        context.add(priority, f"part {number}", text)
    account = context.account()
    assert account.tokens <= most
    assert account.size_bytes <= 4 * most
    assert len(account.sources) + len(account.dropped) == sum(bool(text.strip()) for _, text in parts)
