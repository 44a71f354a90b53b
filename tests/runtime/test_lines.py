"""Lines against a plain list of the open runs in their order."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.ids import RunId
from mainstay.kernel.state import Head
from mainstay.kernel.values import Digest
from mainstay.runtime.lines import Bounds, Lines

heads = st.tuples(
    st.sampled_from(["triage", "other"]), st.sampled_from(["", "k", "l"]), st.sampled_from(["", "t", "u"])
)
joins = st.tuples(st.just("join"), heads)
picks = st.tuples(st.sampled_from(["leave", "answer"]), st.integers(0, 30))
bounds = st.builds(Bounds, st.integers(1, 3), st.one_of(st.none(), st.integers(1, 3)))


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


@given(st.lists(st.one_of(joins, picks), max_size=60), bounds)
def test_who_stands_where(story: list[tuple[str, object]], of: Bounds) -> None:
    lines, model, answered = Lines(), list[Open](), dict[RunId, str]()
    waiting: set[RunId] = set()
    for number, (what, about) in enumerate(story):
        if what == "join":
            workflow, key, thread = about  # type: ignore[misc]
            one = Open(RunId(f"{number:04}"), workflow, key, thread)
            place = lines.place(workflow, key, of)
            may = _may_begin(one, [*model, one], waiting | {one.run}, of)
            assert (place is None) is may
            if place is not None:
                waiting.add(one.run)
                assert place[0] in {other.run for other in model if other.workflow == workflow}
            model.append(one)
            lines.join(one.run, one.head, of, queued=place is not None)
        elif model:
            one = model[int(about) % len(model)]  # type: ignore[call-overload]
            if what == "answer":
                answered[one.run] = f"reason {number}"
                lines.answer(one.run, f"reason {number}")
            else:
                model.remove(one)
                waiting.discard(one.run)
                answered.pop(one.run, None)
                for run in lines.leave(one.run, one.head):
                    freed = next(other for other in model if other.run == run)
                    assert _may_begin(freed, model, waiting, of)
                    waiting.discard(run)
                    lines.go(run, freed.head)
                assert not lines.leave(one.run, one.head), "it has left already"
        assert not [one.run for one in model if one.run in waiting and _may_begin(one, model, waiting, of)]
        _agree(lines, model, answered)
    for one in list(model):
        lines.leave(one.run, one.head)
    assert vars(lines) == vars(Lines()), "nothing of it stays in memory"


def _may_begin(one: Open, model: list[Open], waiting: set[RunId], of: Bounds) -> bool:
    """The rule by itself: room for the key, nobody of the key waiting before it, room for the workflow, nobody of the
    workflow before it that could begin."""
    workflow = [other for other in model if other.workflow == one.workflow]
    key = [other for other in workflow if one.key and other.key == one.key]
    if one.key and any(other.run in waiting for other in key[: key.index(one)]):
        return False
    if one.key and sum(other.run not in waiting for other in key) >= of.key_max:
        return False
    return of.runs_max is None or sum(other.run not in waiting for other in workflow) < of.runs_max


def _agree(lines: Lines, model: list[Open], answered: dict[RunId, str]) -> None:
    seen: dict[tuple[str, str], list[RunId]] = {}
    for one in model:
        if one.key:
            seen.setdefault((one.workflow, one.key), []).append(one.run)
        assert lines.answered(one.run) == answered.get(one.run, "")
    for workflow in ("triage", "other"):
        assert lines.of_key(workflow, "") == ()
        for key in ("k", "l"):
            assert list(lines.of_key(workflow, key)) == seen.get((workflow, key), [])
    assert lines.of_thread("") == ()
    for thread in ("t", "u"):
        assert list(lines.of_thread(thread)) == [one.run for one in model if one.thread == thread]
