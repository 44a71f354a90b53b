"""Whom a mail concerns: everybody whom it names, shows or quotes, and not ourselves."""

from email.message import EmailMessage
from typing import Any

from mainstay.adapters.email import ParsedMail, addresses_in, parse
from mainstay.kernel.values import Instant
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.keys import InMemoryKeys
from mainstay.ledger.projections import TABLES
from mainstay.ledger.sealing import Vault
from mainstay.ledger.store import EventStore, Put
from mainstay.runtime.concern import PEOPLE_MAX, Concern, Concerns

ANN, OWN = "Ann@Customer.example", "help@example.org"


def mail(text: str = "Hello", *, attached: tuple[str, str] = ("", ""), **headers: str) -> ParsedMail:
    message = EmailMessage()
    given = {"From": ANN, "To": OWN, "Message-ID": "<m@x.example>"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    for name, value in given.items():
        message[name] = value
    message.set_content(text)
    if attached[0]:
        main, _, sub = attached[0].partition("/")
        message.add_attachment(attached[1].encode(), maintype=main, subtype=sub, filename="note.dat")
    found = parse(message.as_bytes())
    assert isinstance(found, ParsedMail)
    return found


class Desk:
    """A mailbox of ours, and what is in the view of its messages."""

    def __init__(self) -> None:
        self.vault = Vault(bytes(32), InMemoryKeys())
        self.store: EventStore = InMemoryStore(tables=TABLES)
        self.concerns = Concerns(self.vault, self.store, [OWN, "Sales@Example.org"])

    def received(self, thread: str, *people: str) -> None:
        rows = [
            Put(
                "messages",
                (f"{thread}{n}",),
                {"thread": thread, "subject": self.vault.subject(one), "position": n},
            )
            for n, one in enumerate(people)
        ]
        self.store.append((), epoch=self.store.acquire(), at=Instant(1), changes=rows)

    def of(self, one: ParsedMail, thread: str = "t") -> Concern:
        return self.concerns.of(one, ANN, thread)

    def people(self, *names: str) -> set[Any]:
        return {self.vault.subject(one) for one in (ANN, *names)}


def test_a_mail_of_one_person_to_us_is_theirs_alone() -> None:
    desk = Desk()
    found = desk.of(
        mail(f"ask {OWN} or sales@example.org", Cc="SALES@example.org", Reply_To="ann@customer.example")
    )
    assert found == Concern(desk.vault.subject(ANN), (desk.vault.subject(ANN),))
    assert found.owner == desk.vault.subject(ANN)


def test_everybody_whom_it_names_in_whatever_place() -> None:
    desk = Desk()
    found = desk.of(
        mail(
            "On Monday, Bob <bob@b.example> wrote:\n> mailto:carl@c.example, (dora@d.example).",
            Cc="Eve <eve@e.example>",
            Reply_To="fay@f.example",
            Subject="for gil@g.example",
            attached=("text/plain", "signed, hal@h.example"),
        )
    )
    names = ("bob@b.example", "carl@c.example", "dora@d.example", "eve@e.example", "fay@f.example")
    assert set(found.members) == desk.people(*names, "gil@g.example", "hal@h.example")
    assert found.subject == desk.vault.subject(ANN)
    assert found.owner == found.joint == desk.vault.joint(found.members)


def test_who_wrote_in_the_thread_is_quoted_by_name_alone() -> None:
    desk = Desk()
    desk.received("t", "bob@b.example", "eve@e.example")
    desk.received("other", "carl@c.example")
    assert set(desk.of(mail("Bob wrote:\n> words")).members) == desk.people("bob@b.example", "eve@e.example")


def test_so_is_who_wrote_earlier_in_the_same_pull() -> None:
    desk = Desk()
    desk.concerns.of(mail(From="bob@b.example"), "bob@b.example", "t")
    assert set(desk.of(mail()).members) == desk.people("bob@b.example")
    desk.concerns.begin()
    assert set(desk.of(mail()).members) == desk.people()


def test_a_list_of_the_whole_town_is_bounded() -> None:
    desk = Desk()
    town = ", ".join(f"p{number}@town.example" for number in range(150))
    lists = {"Cc": town, "Subject": "x"}
    text = " ".join(f"q{number}@town.example" for number in range(1_000))
    found = desk.of(mail(text, **lists))
    assert len(found.members) <= PEOPLE_MAX
    desk.concerns.ensure([found])
    assert desk.vault.knows(found.owner)


def test_addresses_in_a_text() -> None:
    assert addresses_in("x <A.b+c@Mail.example>, (d@e.example). f@g https://h.example/@i j@k.example.") == (
        *("a.b+c@mail.example", "d@e.example", "j@k.example"),
    )
