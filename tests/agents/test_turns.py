"""Who waits for whom between decisions and what is learned."""

from threading import Event, Thread

from mainstay.agents.turns import Turns


def test_a_decision_that_waits_goes_before_the_next_word() -> None:
    turns, order, held = Turns(), list[str](), Event()

    def learn() -> None:
        with turns.later():
            held.set()
            while not turns.waiting:
                pass
        with turns.later():
            order.append("word")

    def decide() -> None:
        held.wait()
        with turns.first():
            order.append("decision")

    threads = [Thread(target=learn), Thread(target=decide)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert order == ["decision", "word"]
    assert turns.waiting == 0


def test_after_a_decision_that_failed_the_next_has_its_turn() -> None:
    turns = Turns()
    try:
        with turns.first():
            raise ValueError
    except ValueError:
        pass
    with turns.later(), turns.first():
        assert turns.waiting == 0
