"""Lessons: what an edit teaches, that nothing of a person stays in it, and how it is put into the next draft."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.agents.impersonal import House, Person, common, impersonal, telling
from mainstay.agents.lessons import Applied, Change, Lesson, applied, in_force, learned, lesson_of
from mainstay.agents.sentences import sentences, with_changes
from mainstay.memory.lesson_rules import Rules

DRAFT = """Hello Pat Example,

thank you for your question. I am going to look into it and will write to
you again.

If there is something that I should know beforehand, answer to this
message.

North Desk"""
HOUSE = House.of(
    [
        DRAFT.replace("Pat Example", "{{ message.sender_name }}"),
        "The guide is at https://desk.example/a, from 12 desks on.",
    ]
)
PAT = Person(
    {"message.sender_name": "Pat Example"}, ("Pat Example", "pat"), "I have 48 desks, order 4711. Pat"
)
KIM = Person({"message.sender_name": "Kim Sample"}, ("Kim Sample",), "How do I begin?")
ALWAYS = Rules(withheld_share=0.0)


def lesson(change: Change, *, at: int = 1, agreeing: int = 1, **fields: object) -> Lesson:
    runs = tuple(f"r{number}" for number in range(agreeing))
    made = Lesson(change, "question", "question", agreeing=runs, learned_at=at, id=f"lesson-{at}")
    return replace(made, **fields)  # type: ignore[arg-type]


def taught(sent: str, drafted: str = DRAFT) -> tuple[Change, ...]:
    return learned(drafted, sent, PAT, HOUSE).changes


def put(
    text: str, *lessons: Lesson, person: Person = KIM, rules: Rules = ALWAYS, run: str = "run"
) -> Applied:
    held = in_force(lessons, template="question", min_agreeing=rules.min_agreeing)
    return applied(text, held, run=run, values=person.values, person=person, house=HOUSE, rules=rules)


FOR_KIM = DRAFT.replace("Pat Example", "Kim Sample")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("thank you for your question.", "thanks for asking."),
        ("If there is something that I should know beforehand, answer to this\nmessage.", "The guide helps."),
        (" I am going to look into it and will write to\nyou again.", ""),
        ("your question.", "your question. It reached me."),
        ("Hello Pat Example,", "Dear Pat Example,"),
        ("\n\nNorth Desk", "\n\nSee https://desk.example/a for more.\n\nNorth Desk"),
    ],
)
def test_what_was_changed_once_is_changed_in_the_next_draft(old: str, new: str) -> None:
    sent = DRAFT.replace(old, new)
    assert sent != DRAFT
    (change,) = taught(sent)
    made = put(FOR_KIM, lesson(change))
    assert made.given == ("lesson-1",)
    assert made.text.split() == sent.replace("Pat Example", "Kim Sample").split()
    assert made.text.count("\n\n") == sent.count("\n\n")


def test_sentences_that_became_others_are_told_from_those_that_went() -> None:
    sent = DRAFT.replace("Hello Pat", "Dear Pat").replace(
        "thank you for your question. I am going to look into it and will write to\nyou again.",
        "I look into it.",
    )
    changes = taught(sent)
    assert [(len(one.before), len(one.after)) for one in changes] == [(1, 1), (2, 1)]
    made = put(FOR_KIM, *(lesson(one, at=number) for number, one in enumerate(changes, 1)))
    assert made.text.split() == sent.replace("Pat Example", "Kim Sample").split()


def test_what_is_added_beside_a_change_is_found_again_after_it() -> None:
    sent = DRAFT.replace("Hello Pat Example,", "Dear Pat Example,\n\nwelcome back!")
    changes = taught(sent)
    made = put(FOR_KIM, *(lesson(one, at=number) for number, one in enumerate(changes, 1)))
    assert made.text.split() == sent.replace("Pat Example", "Kim Sample").split()


def test_a_first_sentence_that_goes_leaves_the_paragraph_where_it_was() -> None:
    (change,) = taught(DRAFT.replace("thank you for your question. ", ""))
    assert put(FOR_KIM, lesson(change)).text.startswith("Hello Kim Sample,\n\nI am going to look")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("You can ask Maria about it.", "You can ask [name] about it."),
        ("Ask Maria about it.", "[name] about it."),
        ("Maria will answer you soon.", "[name] will answer you soon."),
        ("Your order 4711 is on its way.", "Your order [number] is on its way."),
        ("You have 48 desks in it.", "You have [number] desks in it."),
        ("It takes 3 days from here.", "It takes 3 days from here."),
        ("From 12 desks on it is less.", "From 12 desks on it is less."),
        ("See https://desk.example/a for it.", "See https://desk.example/a for it."),
        ("See https://pat.example/me for it.", "See [link] for it."),
        ("Write to maria@desk.example about it.", "Write to [address] about it."),
        ("Thank you, Pat, for the kind words.", "Thank you, [name], for the kind words."),
        ("Unfortunately that cannot be done.", "Unfortunately that cannot be done."),
        ("Pat Example is welcome to it.", "{{ message.sender_name }} is welcome to it."),
        ("The PDF is in your Inbox now.", "The PDF is in your [name] now."),
    ],
)
def test_nothing_of_a_person_stays(sent: str, kept: str) -> None:
    assert impersonal(sent, PAT, HOUSE) == kept


def test_what_is_made_of_gaps_is_not_kept_and_that_is_said() -> None:
    found = learned(DRAFT, DRAFT.replace("thank you for your question.", "Maria Lopez: 4711."), PAT, HOUSE)
    assert (found.changes, found.personal) == ((), 1)
    assert not telling("[name] [number]")
    assert telling("Ask [name] about it.")


def test_a_lesson_with_a_gap_guides_and_is_not_applied() -> None:
    (change,) = taught(DRAFT.replace("thank you for your question.", "I asked Maria about your question."))
    assert not change.applicable
    guides = in_force([lesson(change)], template="question", min_agreeing=1, to_the_letter=False)
    assert (len(guides), put(FOR_KIM, lesson(change))) == (1, Applied(FOR_KIM))


def test_another_letter_altogether_teaches_nothing() -> None:
    assert learned(DRAFT, "No.", PAT, HOUSE).rewritten
    assert learned(DRAFT, DRAFT, PAT, HOUSE).changes == ()


def test_the_newer_of_two_that_contradict_holds() -> None:
    (older,) = taught(DRAFT.replace("thank you for your question.", "thanks for asking."))
    (newer,) = taught(DRAFT.replace("thank you for your question.", "good question."))
    made = put(FOR_KIM, lesson(older, at=1, agreeing=5), lesson(newer, at=2))
    assert made.given == ("lesson-2",)
    assert "good question." in made.text
    # Where too few agree on the newer, neither is said: the operator does not say the older any more.
    several = Rules(0.0, min_agreeing=2)
    assert put(FOR_KIM, lesson(older, at=1, agreeing=5), lesson(newer, at=2), rules=several).given == ()


def test_a_later_lesson_builds_on_an_earlier() -> None:
    (first,) = taught(DRAFT.replace("thank you for your question.", "thanks for asking."))
    second = Change(("thanks for asking.",), ("thanks a lot.",))
    assert second.undoes(Change(("thanks a lot.",), ("thanks for asking.",)))
    made = put(FOR_KIM, lesson(first, at=1), lesson(second, at=2))
    assert made.given == ("lesson-1", "lesson-2")
    assert "thanks a lot." in made.text


def test_what_is_there_already_is_not_added_again() -> None:
    added = Change((), ("It reached me.",), "thank you for your question.", (False,))
    there = FOR_KIM.replace("your question.", "your question. It reached me.")
    assert put(there, lesson(added)) == Applied(there)


def test_each_lesson_is_withheld_in_its_share_and_each_time_alike() -> None:
    (change,) = taught(DRAFT.replace("thank you for your question.", "thanks for asking."))
    rules = Rules(withheld_share=0.2)
    made = [put(FOR_KIM, lesson(change), rules=rules, run=f"run {number}") for number in range(400)]
    assert made == [put(FOR_KIM, lesson(change), rules=rules, run=f"run {number}") for number in range(400)]
    withheld = sum(one.withheld == ("lesson-1",) for one in made)
    assert 50 < withheld < 110
    assert all((one.text == FOR_KIM) == bool(one.withheld) != bool(one.given) for one in made)


def test_a_lesson_of_another_template_does_not_hold() -> None:
    (change,) = taught(DRAFT.replace("thank you for your question.", "thanks for asking."))
    assert put(FOR_KIM, lesson(change, template="refund")).given == ()


def test_a_lesson_is_kept_and_read_again() -> None:
    (change,) = taught(DRAFT.replace("your question.", "your question. It reached me."))
    kept = lesson(change, language="en")
    assert lesson_of(kept.fields) == kept
    assert lesson_of({"before": 3}) is None


def test_of_the_message_only_the_words_of_the_house_stay() -> None:
    assert common("Zoe has a question, know the guide?", HOUSE) == "a question know the guide"


@given(st.text(alphabet="aB. \n1,-", max_size=120))
def test_a_text_is_its_sentences(text: str) -> None:
    units = sentences(text)
    assert " ".join(one.text for one in units).split() == text.split()
    assert with_changes(text, units, units).split() == text.split()


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_edit_can_be_learned_from_and_applied(drafted: str, sent: str) -> None:
    for number, change in enumerate(learned(drafted, sent, PAT, HOUSE).changes, 1):
        put(drafted, lesson(change, at=number))
