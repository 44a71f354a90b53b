"""Judgements on a mail: was it written by a machine, and which conversation does it belong to?"""

import pytest

from mainstay.adapters.email import ParsedMail, automatic, parse, thread_of

OWN = ("help@example.org", "info@example.org")


def mail(**headers) -> ParsedMail:
    given = {"From": "Ann <ann@example.com>", "Message-ID": "<1@x>", "Subject": "Hi"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    found = parse("".join(f"{name}: {value}\n" for name, value in given.items()).encode() + b"\nHello\n")
    assert isinstance(found, ParsedMail)
    return found


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"Auto_Submitted": "auto-replied"}, "Auto-Submitted"),
        ({"Auto_Submitted": "Auto-Generated; owner-email=x"}, "Auto-Submitted"),
        ({"List_Id": "<news.example.com>"}, "list"),
        ({"List_Unsubscribe": "<https://example.com/u>"}, "list"),
        ({"Precedence": "Bulk"}, "mass"),
        ({"Precedence": "junk"}, "mass"),
        ({"Feedback_ID": "x"}, "mass"),
        ({"Return_Path": "<>"}, "return path"),
        ({"Content_Type": "multipart/report; boundary=b"}, "delivery"),
        ({"From": "Help <HELP@example.org>"}, "own"),
        ({"From": "info@example.org"}, "own"),
        ({"X_Auto_Response_Suppress": "DR, OOF, AutoReply"}, "asks for no"),
        ({"X_Auto_Response_Suppress": "All"}, "asks for no"),
        ({"X_Autoreply": "yes"}, "program"),
        ({"From": "MAILER-DAEMON@example.com"}, "takes no answers"),
        ({"From": "no-reply@example.com"}, "takes no answers"),
        ({"From": "noreply+abc@example.com"}, "takes no answers"),
        ({"From": "do_not_reply@example.com"}, "takes no answers"),
        ({"From": "bounces-7@example.com"}, "takes no answers"),
        ({"From": "owner-list@example.com"}, "takes no answers"),
        ({"From": "list-request@example.com"}, "takes no answers"),
        ({"From": "orders-noreply@example.com"}, "takes no answers"),
        ({"From": "nobody in particular"}, "no sender"),
    ],
)
def test_machines(headers, word):
    reason = automatic(mail(**headers), OWN)
    assert reason is not None
    assert word in reason


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Auto_Submitted": "no"},
        {"Auto_Submitted": "No (a person wrote this)"},
        {"Precedence": "first-class"},
        {"Return_Path": "<ann@example.com>"},
        {"X_Auto_Response_Suppress": "DR, RN"},
        {"From": "noreen@example.com"},
        {"From": "rebounce.fan@example.com"},
        {"From": "Postmasterson <p@example.com>"},
    ],
)
def test_people(headers):
    assert automatic(mail(**headers), OWN) is None


def test_a_conversation_is_named_by_its_root():
    assert thread_of(mail()) == "1@x"
    assert thread_of(mail(References="<root@x> <mid@x>", In_Reply_To="<mid@x>")) == "root@x"
    assert thread_of(mail(In_Reply_To="<parent@x>")) == "parent@x"


def test_a_client_that_names_only_the_parent_is_understood_where_the_parent_is_known():
    known = {"parent@x": "root@x", "old@x": "other@x"}.get
    assert thread_of(mail(In_Reply_To="<parent@x>"), known) == "root@x"
    assert thread_of(mail(References="<old@x> <parent@x>"), known) == "root@x"
    assert thread_of(mail(References="<new@x>"), known) == "new@x"
