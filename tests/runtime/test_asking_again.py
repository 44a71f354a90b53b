"""What asks again when something changed: no more than what it concerns."""

from mainstay.kernel.commands import JudgeAgain
from mainstay.kernel.values import MINUTE
from mainstay.runtime.asking_again import to_judge_again
from mainstay.testing.earning import Earning


def test_of_another_template_only_what_was_made_from_it_is_judged_again() -> None:
    earning = Earning()
    earning.director.undo_us = 5 * MINUTE
    card, other, plain = (
        earning.act(features={"template": "faq"}),
        earning.act(features={"template": "x"}),
        earning.act(),
    )
    held = earning.act(features={"template": "faq"})
    earning.tell(earning.answered(held, clean=True))
    runs = earning.director.runs

    def judged(*template: str) -> set[str]:
        requests = to_judge_again(runs, 7, *template)
        assert all(one.cause == 7 for one in requests)
        return {one.command.run for one in requests if isinstance(one.command, JudgeAgain)}

    assert judged() == {card, other, plain, held}
    assert judged("faq") == {card, held}
    assert judged("nobody's") == set()
