"""Lines against a plain list of the open runs in their order."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.ids import RunId
from mainstay.kernel.state import Head
from mainstay.kernel.values import Digest
from mainstay.runtime.lines import Lines

heads = st.tuples(
    st.sampled_from(["triage", "other"]), st.sampled_from(["", "k", "l"]), st.sampled_from(["", "t", "u"])
)
joins = st.tuples(st.just("join"), heads)
picks = st.tuples(st.sampled_from(["leave", "answer"]), st.integers(0, 30))


@dataclass(frozen=True)
class Open:
    run: RunId
    workflow: str
    key: str
    thread: str

    @property
    def head(self) -> Head:
        trigger = {"message": {"thread": self.thread}} if self.thread else {}
        return Head(
            run=self.run, workflow=self.workflow, definition=Digest(""), trigger=trigger, key=self.key
        )


@given(st.lists(st.one_of(joins, picks), max_size=60))
def test_who_stands_where(story: list[tuple[str, object]]) -> None:
    lines, model, answered = Lines(), list[Open](), dict[RunId, str]()
    for number, (what, of) in enumerate(story):
        if what == "join":
            workflow, key, thread = of  # type: ignore[misc]
            one = Open(RunId(f"{number:04}"), workflow, key, thread)
            model.append(one)
            lines.join(one.run, one.head)
        elif model:
            one = model[int(of) % len(model)]  # type: ignore[call-overload]
            if what == "answer":
                answered[one.run] = f"reason {number}"
                lines.answer(one.run, f"reason {number}")
            else:
                line = [
                    other
                    for other in model
                    if one.key and (other.workflow, other.key) == (one.workflow, one.key)
                ]
                model.remove(one)
                answered.pop(one.run, None)
                follows = line[1].run if len(line) > 1 and line[0] is one else None
                assert lines.leave(one.run, one.head) == follows
                assert lines.leave(one.run, one.head) is None, "it has left already"
        _agree(lines, model, answered)
    for one in list(model):
        lines.leave(one.run, one.head)
    assert vars(lines) == vars(Lines()), "nothing of it stays in memory"


def _agree(lines: Lines, model: list[Open], answered: dict[RunId, str]) -> None:
    seen: dict[tuple[str, str], list[RunId]] = {}
    for one in model:
        if one.key:
            seen.setdefault((one.workflow, one.key), []).append(one.run)
        assert lines.answered(one.run) == answered.get(one.run, "")
    assert sorted(lines.first()) == sorted(line[0] for line in seen.values())
    for workflow in ("triage", "other"):
        assert lines.of_key(workflow, "") == ()
        for key in ("k", "l"):
            assert list(lines.of_key(workflow, key)) == seen.get((workflow, key), [])
    assert lines.of_thread("") == ()
    for thread in ("t", "u"):
        assert list(lines.of_thread(thread)) == [one.run for one in model if one.thread == thread]
