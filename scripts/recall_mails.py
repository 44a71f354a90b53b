"""Sample mail threads of a small repair shop, with questions and the mails that answer them. Invented throughout."""

from __future__ import annotations

from random import Random
from typing import Any

from recall_conversations import telling

_CUSTOMERS = (
    *("Ilse Moor", "Tomas Reyl", "Pia Lindqvist", "Omar Haddad", "Ruth Abara", "Yusuf Kaya", "Nora Vell"),
    *("Janek Polak", "Mei Tan", "Lars Ohm", "Dora Quist", "Sven Aldo"),
)
_STAFF = ("Workshop", "Front Desk")
_GOODS = (
    *("espresso machine", "record player", "electric kettle", "sewing machine", "stand mixer", "floor lamp"),
    *("radio alarm clock", "vacuum cleaner", "slide projector", "bread maker", "hair dryer", "typewriter"),
)
_FAULTS = (
    ("it leaks from below as soon as it gets hot", "water comes out at the bottom", "a worn gasket"),
    ("it hums but nothing moves any more", "the motor makes a noise without turning", "a broken belt"),
    ("there is a smell of burning after a minute", "it smells scorched", "dust on the coil"),
    ("the switch has no effect at all", "it cannot be turned on", "a loose contact"),
    ("the cable got wet and the fuse blew", "a short circuit", "damp in the plug"),
    ("it stops halfway and blinks red", "an error light in the middle of the work", "a tired battery"),
)
_WAYS = ("the parcel shop", "your courier", "my son, who passes by", "the counter on Saturday")
_PAID = ("bank transfer", "cash", "card", "the voucher from last year")


def mails(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Records in order, and questions."""
    random = Random(seed)
    records: list[dict[str, Any]] = []
    questions: list[dict[str, Any]] = []
    threads = [(who, goods) for who in _CUSTOMERS for goods in random.sample(_GOODS, 3)]
    random.shuffle(threads)
    for number, (who, goods) in enumerate(threads):
        told, asked = _thread(random, f"ticket-{number + 1}", who, goods, number)
        records += told
        questions += asked
    records.sort(key=lambda record: str(record["time"]))
    return records, questions


def _thread(
    random: Random, thread: str, who: str, goods: str, number: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    fault, reworded, cause = random.choice(_FAULTS)
    price, days = random.randint(18, 240), random.randint(2, 19)
    way, paid = random.choice(_WAYS), random.choice(_PAID)
    first_name = who.split()[0]
    month, day = number // 3 % 12 + 1, number * 5 % 24 + 1
    records: list[dict[str, Any]] = []

    def mail(actor: str, text: str) -> str:
        name = f"{thread}/{len(records) + 1}"
        when = f"2032-{month:02d}-{min(28, day + len(records)):02d}T{9 + len(records)}:{random.randint(0, 59):02d}:00Z"
        records.append({"id": name, "text": text, "actor": actor, "time": when, "thread": thread})
        return name

    desk, shop = _STAFF[1], _STAFF[0]
    opened = mail(who, f"Hello, my {goods} needs help: {fault}. Can you have a look? Kind regards, {who}")
    mail(
        desk, f"Dear {first_name}, thank you for your message. How would you like to bring the {goods} to us?"
    )
    it = random.choice(("it", f"the {goods}"))
    sent = mail(who, f"I would send {it} with {way}, if that is all right.")
    mail(desk, "Perfect. You will hear from us as soon as it has been examined.")
    it = random.choice(("it", f"your {goods}", f"the {goods} of {who}"))
    found = mail(
        shop,
        f"We opened {it}. The reason is {cause}; the repair would cost {price} euros and take {days} days.",
    )
    choice = random.random()
    if choice < 0.55:
        answer = mail(who, f"Fine with me, please go ahead. I will pay by {paid}.")
        asked_answer = (
            f"How will {first_name} settle the bill?",
            f"Did {who} agree to the offer for the {goods}?",
        )
    elif choice < 0.8:
        answer = mail(who, "That is more than I can spend. Please return it as it is.")
        asked_answer = (
            f"What did {first_name} answer to the estimate?",
            f"Why was the {goods} of {who} not repaired?",
        )
    else:
        answer = mail(who, "Could you do it for less if I bring the spare part myself?")
        asked_answer = (f"What did {first_name} propose to lower the price?",)
    done = mail(desk, f"Dear {first_name}, noted. We write again when your {goods} is ready for you.")
    extra = ""
    if random.random() < 0.4:
        extra = mail(
            who, "By the way, we are moving: from the first of next month my address is Canal Road 7."
        )
    if random.random() < 0.4:
        mail(shop, f"The {goods} is on the shelf, tested for an hour. Best wishes from the workshop.")
    del done
    asks = [
        (f"What is wrong with {who}'s {goods}?", [opened]),
        (f"Which customer reported that {reworded} with the {goods}?", [opened]),
        (f"How does {first_name} bring the {goods} in?", [sent]),
        (f"How much is the repair of {who}'s {goods}?", [found]),
        (f"What caused the trouble with the {goods} of {first_name}?", [found]),
        (f"How long does fixing {first_name}'s {goods} take?", [found]),
        (random.choice(asked_answer), [answer]),
        *(((f"Where does {who} live from now on?", [extra]),) if extra else ()),
    ]
    texts = {str(record["id"]): str(record["text"]) for record in records}
    for name in (opened, sent, found, answer):
        words = " and ".join(telling(random, texts[name], random.randint(2, 3)))
        by = random.choice(("", f" {who}", f" in the matter of {first_name}'s {goods}"))
        asks.append(
            (
                f"What was written about {words}{by}?"
                if not by.startswith(f" {who}")
                else f"What did {who} or the shop write about {words} and the {goods}?",
                [name],
            )
        )
    chosen = random.sample(asks, 4)
    narrowed = random.random() < 0.3
    return records, [
        {"question": text, "evidence": evidence, **({"thread": thread} if narrowed and index else {})}
        for index, (text, evidence) in enumerate(chosen)
    ]
