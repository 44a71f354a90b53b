"""What rules may know of a rendered effect."""

from mainstay.adapters.base import Rendered, RiskyField
from mainstay.runtime.features import features_of


def rendered(*risky: RiskyField, to: tuple[str, ...] = ("ann@example.org",), **more: int) -> Rendered:
    return Rendered(payload=b"", title="t", recipients=to, risky=risky, **more)  # type: ignore[arg-type]


def test_recipients_are_counted_and_the_least_trusted_source_counts() -> None:
    risky = (
        RiskyField("recipient", "ann@example.org", "the address book", came_from="operator"),
        RiskyField("recipient", "bob@example.net", "the text", came_from="model"),
    )
    told = features_of(rendered(*risky, to=("ann@example.org", "bob@example.net")), {}, {"intent": "faq"})
    assert told == {"intent": "faq", "recipients": 2, "recipient_from": "model"}


def test_who_named_a_recipient_that_nobody_speaks_of_is_the_least_trusted() -> None:
    assert features_of(rendered(), {}, {})["recipient_from"] == "message"


def test_another_domain_than_the_sender_s() -> None:
    request = {"message": {"from": "ann@EXAMPLE.org"}}
    assert features_of(rendered(), request, {})["domain_differs"] is False
    assert features_of(rendered(to=("a@example.org.evil.example",)), request, {})["domain_differs"] is True
    assert (
        features_of(rendered(to=("a@bücher.example",)), {"message": {"from": "x@xn--bcher-kva.example"}}, {})[
            "domain_differs"
        ]
        is False
    )


def test_what_came_in_with_the_message_is_named_and_never_told() -> None:
    risky = (
        RiskyField("link", "https://example.net/x", "s"),
        RiskyField("amount", "5", "s", came_from="operator"),
    )
    told = features_of(rendered(*risky), {}, {})
    assert told["from_message"] == ["link"]
    assert "example.net" not in str(told)


def test_an_amount_is_the_adapter_s_word_else_the_field_of_that_name() -> None:
    assert features_of(rendered(amount_micros=7), {"amount": "2.00"}, {})["amount_micros"] == 7
    assert features_of(rendered(), {"amount": "2.00"}, {})["amount_micros"] == 2_000_000
    assert "amount_micros" not in features_of(rendered(), {"amount": "two"}, {})


def test_who_proposes_cannot_say_what_only_the_rendered_effect_shows() -> None:
    lied = {"recipient_from": "operator", "from_message": [], "amount_micros": 0, "recipients": 0}
    told = features_of(rendered(RiskyField("link", "https://example.net/x", "s")), {"amount": "9.00"}, lied)
    assert (told["recipient_from"], told["from_message"]) == ("message", ["link"])
    assert (told["amount_micros"], told["recipients"]) == (9_000_000, 1)
