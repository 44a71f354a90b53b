"""Sample mail for `mainstay demo --compounding`: seven hundred messages to the invented shop of the sample.

Made, not collected: phrases of our own for each intent of the sample workspace, put together with greetings, asides and
slips of the pen by a generator with a fixed seed, so that every machine gets the same stream. Some messages belong to
none of the intents, some are in another language. Nobody in it exists; addresses end in `.example`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

UNKNOWN = "unknown"
SIZE = 720
UNKNOWN_SHARE, FOREIGN_SHARE, SLIP_SHARE, ASIDE_SHARE = 0.05, 0.03, 0.20, 0.30

_CORES: dict[str, tuple[str, ...]] = {
    "pricing": (
        "what would {n} seats cost us per month?",
        "how much is the plan with meeting rooms for {n} people?",
        "is there a discount if we pay for a whole year?",
        "could I get a quotation for {n} desks and {r} rooms?",
        "do charities pay less than companies?",
        "which plan is the right one for a team of {n}?",
        "does the price go up when we add {r} rooms?",
        "what is the difference in price between monthly and yearly?",
        "how is a part-time colleague counted on the price list?",
    ),
    "login": (
        "I cannot sign in any more, it says my password is wrong.",
        "the mail to reset my password never arrives.",
        "my account is locked after too many attempts.",
        "the code from my phone is refused every time I log in.",
        "I changed my phone and now I am locked out of the app.",
        "it does not recognise my e-mail address when I try to log in.",
        "{n} of us are thrown back to the sign-in page this morning.",
        "the login link you sent has expired already.",
    ),
    "cancel": (
        "please end our subscription at the end of {m}.",
        "we do not want to renew, how do we stop?",
        "we are closing the office in {m} and need to terminate the plan.",
        "I want to cancel my account with you.",
        "please do not charge us again, we are leaving for another tool.",
        "can the subscription be paused until {m}?",
        "how long is the notice for ending the contract?",
    ),
    "refund": (
        "we were charged twice in {m}, please send one payment back.",
        "I want my money back for {m}, we could not use the app.",
        "you billed us although we had cancelled in {m}.",
        "please reimburse the difference, we paid for {n} seats and have fewer.",
        "the wrong card was debited, can you return the amount?",
        "we ask for a credit since nothing worked for {r} days.",
    ),
    "bug": (
        "the floor plan stays empty since the last update.",
        "when I book a desk for {m} I get an error.",
        "the calendar shows desk {n} as free although it is taken.",
        "notifications arrive {r} hours late since yesterday.",
        "the app crashes when I rotate my phone.",
        "two people were given desk {n} on the same day.",
        "the export stops half way with a server error.",
        "times are one hour off since the clocks changed.",
    ),
    "feature": (
        "it would be great if desks could be booked for a whole team at once.",
        "could you add a dark colour scheme?",
        "please let us colour the zones of the floor plan.",
        "I wish there was a waiting list when all {n} desks are taken.",
        "are you planning a widget for the home screen?",
        "we would love to see parking spaces in the app one day.",
        "an integration with our door system would be wonderful.",
    ),
    "how-to": (
        "how do I add {n} new colleagues?",
        "where can I upload a new floor plan?",
        "how do I move my booking to another day?",
        "how can I see who sits where on Tuesday?",
        "where do I change the opening hours of our office?",
        "how do I make {r} desks reserved for guests?",
        "can you explain how repeating bookings are set up?",
        "where is the setting that hides my name from others?",
    ),
    "invoice": (
        "please send me the invoice of {m}.",
        "our tax number is missing on the bill.",
        "can invoices be sent to our accountant directly?",
        "the address on the invoice is our old one.",
        "I need a receipt for the payment in {m}.",
        "please put purchase order {n} on the next invoice.",
        "where do I download the bills of the last {r} months?",
    ),
    "data-deletion": (
        "please delete all personal data that you hold about me.",
        "a colleague has left, please erase her profile and bookings.",
        "which data about us do you store, and for how long?",
        "we want everything of our trial account wiped.",
        "please send me a copy of the data you keep about me.",
        "remove my e-mail address and history from your systems.",
    ),
    "demo-call": (
        "could you show us the product in a short call?",
        "do you have time for a video call in {m} to walk us through?",
        "we would like a demonstration for our office team of {n}.",
        "can somebody present the app to my boss next week?",
        "is it possible to arrange a guided tour of the software?",
    ),
    "press": (
        "I write for a magazine about offices and would like to interview you.",
        "may we use your logo in an article on desk sharing?",
        "I host a podcast on small companies and would love to have you as a guest.",
        "are there pictures of the product for our newspaper?",
        "for a story about one-person companies I have {r} questions.",
    ),
    "sales-pitch": (
        "we can put your site on the first page of every search.",
        "are you interested in {n} thousand fresh business leads?",
        "our agency builds mobile apps at half the usual cost.",
        "I would like to place a sponsored guest post on your blog.",
        "just following up on our offer to grow your sales by {n} percent.",
        "let us take over your bookkeeping, the first month is free.",
    ),
    "thanks": (
        "thank you, that fixed it.",
        "great, everything works again.",
        "perfect, that was quick, thanks a lot.",
        "many thanks for your help, we are all set.",
        "got it, no further questions.",
        "that is exactly what I needed, thank you.",
    ),
}
_WEIGHTS = {"login": 3.0, "how-to": 3.0, "bug": 2.0, "pricing": 2.0, "invoice": 2.0, "thanks": 2.0}
_WEIGHTS |= {"refund": 0.5, "data-deletion": 0.5, "press": 0.6, "sales-pitch": 0.7}
_UNKNOWN = (
    "your delivery van is blocking our gate again.",
    "is the bakery next to you open on Sundays?",
    "I found a blue scarf in the lift, is it yours?",
    "the choir rehearsal moves to Thursday.",
    "would your office like to join our street party in {m}?",
    "the fire inspection of the building takes place in {m}.",
    "I am looking for a summer job in a garden.",
    "our cat has been missing since {m}, have you seen it?",
    "who do I ask about renting the warehouse behind your house?",
    "the lift will be out of order for {r} days.",
    "can you recommend a dentist near the station?",
    "are the solar panels on your roof worth it?",
)
_FOREIGN = (
    ("login", "ich kann mich seit heute Morgen nicht mehr anmelden, das Passwort wird abgelehnt."),
    ("invoice", "bitte schicken Sie mir die Rechnung vom letzten Monat noch einmal."),
    ("pricing", "wie viel kostet der Tarif mit Besprechungsräumen für unser Team im Jahr?"),
    ("cancel", "nous voulons résilier notre abonnement à la fin du mois prochain, comment faire ?"),
    ("how-to", "comment puis-je ajouter de nouveaux collègues dans notre bureau ?"),
    ("thanks", "muchas gracias por la ayuda, ahora todo funciona de nuevo sin problemas."),
)
_GREETINGS = ("Hello,", "Hi,", "Hi there,", "Good morning,", "Dear team,", "Hey,", "Good afternoon,", "")
_ASIDES = (
    "We have been using the app for {r} months.",
    "We are an architects' office of {n} people.",
    "Sorry if this is a silly question.",
    "I write on behalf of our office manager.",
    "Nothing urgent, but I would like to know.",
    "My colleague said you are quick to answer.",
    "I could not find anything about it on your site.",
    "It is raining here and everybody wants to work from home.",
)
_CLOSINGS = ("Thanks", "Best", "Kind regards", "Cheers", "With best wishes", "Regards", "")
_FIRST = (
    "Ada",
    "Bo",
    "Cleo",
    "Dara",
    "Eli",
    "Finn",
    "Gwen",
    "Hugo",
    "Ida",
    "Jon",
    "Kim",
    "Lea",
    "Max",
    "Nia",
    "Otto",
)
_LAST = (
    "Amber",
    "Birch",
    "Cobalt",
    "Dune",
    "Ember",
    "Fjord",
    "Grove",
    "Heath",
    "Inlet",
    "Juniper",
    "Knoll",
    "Lark",
)
_HOUSES = ("pebble", "lantern", "millpond", "saltmarsh", "copperlane", "nightshift", "birchyard", "tidewater")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")


@dataclass(frozen=True, slots=True)
class Sample:
    """One message of the stream, and what it is about."""

    number: int
    name: str
    address: str
    subject: str
    text: str
    intent: str  # of the sample workspace, or `unknown`
    foreign: bool = False

    def mail(self, date: str) -> bytes:
        """The message as an entry of a mailbox file."""
        head = (
            f"From {self.address} {date}",
            f"From: {self.name} <{self.address}>",
            "To: help@northdesk.example",
            f"Subject: {self.subject}",
            f"Message-ID: <stream-{self.number}@{self.address.partition('@')[2]}>",
            f"Date: {date}",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: 8bit",
        )
        return ("\n".join((*head, "", self.text)) + "\n\n").encode()


def stream(size: int = SIZE, seed: int = 1) -> Iterator[Sample]:
    """The messages, in order; the same for the same size and seed."""
    random = Random(f"stream {seed}")
    intents = list(_CORES)
    weights = [_WEIGHTS.get(one, 1.0) for one in intents]
    for number in range(1, size + 1):
        draw = random.random()
        foreign = False
        if draw < UNKNOWN_SHARE:
            intent, core = UNKNOWN, _filled(random.choice(_UNKNOWN), random)
        elif draw < UNKNOWN_SHARE + FOREIGN_SHARE:
            intent, core = random.choice(_FOREIGN)
            foreign = True
        else:
            intent = random.choices(intents, weights)[0]
            core = _filled(random.choice(_CORES[intent]), random)
        first, last = random.choice(_FIRST), random.choice(_LAST)
        address = f"{first.lower()}.{last.lower()}.{number}@{random.choice(_HOUSES)}.example"
        text = _written(core, f"{first} {last}", random, foreign=foreign)
        yield Sample(number, f"{first} {last}", address, _subject(core, random), text, intent, foreign)


def _filled(core: str, random: Random) -> str:
    return core.format(n=random.randint(4, 60), r=random.randint(2, 9), m=random.choice(_MONTHS))


def _written(core: str, name: str, random: Random, *, foreign: bool) -> str:
    body = core[0].upper() + core[1:]
    if not foreign and random.random() < SLIP_SHARE:
        body = _slipped(body, random)
    parts: list[str] = [random.choice(_GREETINGS)]
    if not foreign and random.random() < ASIDE_SHARE:
        aside = _filled(random.choice(_ASIDES), random)
        body = f"{aside} {body}" if random.random() < 0.5 else f"{body} {aside}"
    parts += [body, f"{random.choice(_CLOSINGS)}\n{name}".strip()]
    return "\n\n".join(part for part in parts if part)


def _slipped(text: str, random: Random) -> str:
    """A slip of the pen or two: neighbours change places, a letter is lost, or all is written small."""
    letters = list(text)
    for _ in range(random.randint(1, 2)):
        place = random.randrange(1, len(letters) - 2)
        if random.random() < 0.5:
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
        else:
            del letters[place]
    found = "".join(letters)
    return found.lower() if random.random() < 0.3 else found


def _subject(core: str, random: Random) -> str:
    words: Sequence[str] = core.rstrip(".?!").split()
    if random.random() < 0.35:
        return random.choice(("Question", "Hello", "A short question", "Your app", "(no subject)"))
    start = random.randrange(max(1, len(words) - 4))
    return " ".join(words[start : start + 5]).strip(",.").capitalize()
