"""Sample notes and house documents in pieces, with questions and the pieces that answer them. Invented throughout."""

from __future__ import annotations

from random import Random
from typing import Any

from recall_conversations import telling

_SITES = ("north branch", "south branch", "harbour office", "old mill", "market hall", "hill depot")
_AUTHORS = ("Lena", "Piet", "Rosa", "Karl")
# title; pieces, each with what it says and how it is asked for
_DOCUMENTS: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...] = (
    (
        "Opening and closing the {site}",
        (
            (
                "The first person in switches off the alarm with the code from the envelope and opens "
                "the shutters on the street side.",
                ("What has to be done in the morning at the {site}?",),
            ),
            (
                "The till is counted at {a} o'clock; differences above {n} euros are written into the red book.",
                (
                    "What happens when cash is missing at the {site}?",
                    "At what time is the money counted at the {site}?",
                ),
            ),
            (
                "Keys: there are {n} of them. One lies with the caretaker, and none may be copied.",
                ("How many keys does the {site} have?", "Who keeps a spare key for the {site}?"),
            ),
            (
                "In the evening windows are closed, the heating goes to night mode, and the back door is locked twice.",
                ("How is the {site} left at night?",),
            ),
        ),
    ),
    (
        "Suppliers of the {site}",
        (
            (
                "Flour and sugar come on Tuesdays from the cooperative; orders have to be in by noon "
                "on the day before.",
                ("Until when can baking goods be ordered for the {site}?",),
            ),
            (
                "Cleaning supplies are bought twice a year. The contract ends in {month} and is "
                "renewed unless somebody cancels.",
                ("When does the agreement about detergents at the {site} run out?",),
            ),
            (
                "Complaints about deliveries go to the regional contact within {n} days, with a photo "
                "of the damaged box.",
                (
                    "How do we complain about broken goods at the {site}?",
                    "How many days are there to report a bad delivery at the {site}?",
                ),
            ),
            (
                "Paper, toner and envelopes: ask the head of the office, never the dealer.",
                ("Who decides about stationery at the {site}?",),
            ),
        ),
    ),
    (
        "Emergency sheet of the {site}",
        (
            (
                "In case of fire leave by the stairs and meet at the flagpole; nobody uses the lift.",
                ("Where do people gather when the {site} burns?",),
            ),
            (
                "The first-aid box hangs beside the kitchen sink and is checked every {n} weeks.",
                (
                    "Where are bandages kept at the {site}?",
                    "How often is the medical kit of the {site} inspected?",
                ),
            ),
            (
                "Power cut: the main fuse is behind the grey door in the cellar. Call the utility if it trips twice.",
                ("What to do when the lights go out at the {site}?",),
            ),
            (
                "Water damage is photographed before it is wiped up, because the insurer asks for it.",
                ("What does the insurance need after a flood at the {site}?",),
            ),
        ),
    ),
    (
        "Meeting of the {site} team in {month}",
        (
            (
                "Attendance was good. {author} took the minutes, since the usual writer was ill.",
                ("Who wrote the protocol of the {site} meeting in {month}?",),
            ),
            (
                "It was decided to close on Mondays from {month} on, as too few guests come.",
                ("What was agreed about the opening days of the {site}?",),
            ),
            (
                "The new oven will cost {n}00 euros; half of it comes from the reserve.",
                (
                    "How is the oven for the {site} paid for?",
                    "What is the price of the baking equipment at the {site}?",
                ),
            ),
            (
                "Open question: whether the parking spaces can be rented out on weekends. {author} asks the landlord.",
                ("What remained unresolved in the {site} meeting of {month}?",),
            ),
            (
                "The summer party moves to the {a}th because of the football match.",
                ("Why was the date of the celebration of the {site} changed?",),
            ),
        ),
    ),
    (
        "Diary of the {site}",
        (
            (
                "The coffee machine broke down again; the technician replaced the pump and left his "
                "number on the fridge.",
                ("What was repaired at the {site}?",),
            ),
            (
                "A school class of {n} visited us. They liked the big scale best.",
                ("How many children came to see the {site}?", "What did the pupils enjoy at the {site}?"),
            ),
            (
                "Somebody left a brown umbrella and a scarf. Both are in the lost property drawer.",
                ("What was forgotten by guests of the {site}?",),
            ),
            (
                "Very quiet day, heavy rain since the morning, we sorted the archive.",
                ("How was the weather when papers were put in order at the {site}?",),
            ),
            (
                "The new trainee started. She will be with us for {n} months and begins at the counter.",
                ("How long does the apprentice stay at the {site}?",),
            ),
        ),
    ),
)
_MONTHS = ("January", "March", "April", "June", "July", "September", "October", "December")


def notes(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Records in order, and questions."""
    random = Random(seed)
    records: list[dict[str, Any]] = []
    questions: list[dict[str, Any]] = []
    for number, (site, document) in enumerate((site, document) for site in _SITES for document in _DOCUMENTS):
        title, pieces = document
        month = _MONTHS[number % len(_MONTHS)]
        slots = {"site": site, "month": month, "author": random.choice(_AUTHORS)}
        thread = f"document-{number + 1}"
        author = random.choice(_AUTHORS)
        head = title.format(**slots)
        order = [*pieces]
        for place, (text, asked) in enumerate(order, 1):
            own = slots | {"n": str(random.randint(2, 30)), "a": str(random.randint(5, 22))}
            said = text.format(**own)
            under = f"{head}: " if random.random() < 0.5 else ""
            records.append(_record(thread, place, under + said, author, number))
            for form in asked:
                if random.random() < 0.3:
                    questions.append({"question": form.format(**own), "evidence": [f"{thread}#{place}"]})
            if random.random() < 0.5:
                words = " and ".join(telling(random, said, random.randint(2, 3)))
                form = random.choice(
                    (
                        f"What do the papers of the {site} say about {words}?",
                        f"{words}: what holds at the {site}?",
                    )
                )
                questions.append({"question": form, "evidence": [f"{thread}#{place}"]})
    return records, questions


def _record(thread: str, place: int, text: str, author: str, number: int) -> dict[str, Any]:
    when = f"2033-{number % 12 + 1:02d}-{number % 27 + 1:02d}"
    return {"id": f"{thread}#{place}", "text": text, "actor": author, "time": when, "thread": thread}
