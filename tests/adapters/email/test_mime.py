"""Reading mail: what common and hostile mails come to, and that no bytes at all raise."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.adapters.email import ParsedMail, Rejected, parse, reference
from mainstay.adapters.email.quote import split_reply
from mainstay.net.hypertext import html_text


def mail(body: str | bytes = "Hello", **headers: str) -> bytes:
    given = {
        "From": "Ann <ann@example.com>",
        "To": "help@example.org",
        "Message-ID": "<1@x>",
        "Subject": "Hi",
    }
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in given.items() if value]
    head = ("\n".join(lines) + "\n\n").encode()
    return head + (body.encode() if isinstance(body, str) else body)


def parsed(raw: bytes) -> ParsedMail:
    result = parse(raw)
    assert isinstance(result, ParsedMail), result
    return result


MULTIPART = mail(
    "--b\nContent-Type: multipart/alternative; boundary=c\n\n"
    "--c\nContent-Type: text/plain; charset=utf-8\n\nplain grüße\n"
    "--c\nContent-Type: text/html\n\n<p>rich</p>\n--c--\n"
    '--b\nContent-Type: application/pdf; name="../../etc/pass wd.pdf"\nContent-Transfer-Encoding: base64\n\n'
    + base64.encodebytes(b"%PDF").decode()
    + "--b\nContent-Type: message/rfc822\n\nFrom: eve@evil.example\nSubject: inner\n\npay me\n"
    "--b--\n",
    MIME_Version="1.0",
    Content_Type="multipart/mixed; boundary=b",
)


def test_a_plain_mail():
    found = parsed(mail("Hello\n\nAnn\n", Date="Mon, 1 Jan 2024 10:00:00 +0100", Cc="b@x.org, C <c@x.org>"))
    assert (found.message_id, found.subject, found.text) == ("1@x", "Hi", "Hello\n\nAnn")
    assert str(found.sender) == "Ann <ann@example.com>"
    assert [address.email for address in found.cc] == ["b@x.org", "c@x.org"]
    assert found.date == 1_704_099_600_000_000
    assert found.defects == ()


def test_parts_become_the_best_text_and_attachments():
    found = parsed(MULTIPART)
    assert found.text == "plain grüße"
    assert not found.html_only
    assert [(one.name, one.content_type, one.content[:20]) for one in found.attachments] == [
        (".._.._etc_pass wd.pdf".lstrip("."), "application/pdf", b"%PDF"),
        ("inner.eml", "message/rfc822", b"From: eve@evil.examp"),
    ]
    assert "pay me" not in found.text
    assert "an attachment whose name is a path" in found.defects


def test_alternatives_with_an_empty_plain_part_give_the_html():
    raw = mail(
        "--c\nContent-Type: text/plain\n\n \n--c\nContent-Type: text/html\n\n<p>rich</p>\n--c--\n",
        Content_Type="multipart/alternative; boundary=c",
    )
    assert (parsed(raw).text, parsed(raw).html_only) == ("rich", True)


@pytest.mark.parametrize(
    ("charset", "data", "text"),
    [
        ("iso-8859-1", "Grüße “x”".encode("cp1252"), "Grüße “x”"),
        ("koi8-r", "Привет".encode("koi8-r"), "Привет"),
        ("gb2312", "你好".encode("gb18030"), "你好"),
        ("shift_jis", "こんにちは".encode("cp932"), "こんにちは"),
        ("us-ascii", "naïve".encode(), "naïve"),
        ("", "naïve".encode("latin-1"), "naïve"),
    ],
)
def test_encodings_as_senders_mean_them(charset, data, text):
    kind = "text/plain" + (f"; charset={charset}" if charset else "")
    assert parsed(mail(data, Content_Type=kind, Content_Transfer_Encoding="8bit")).text == text


@pytest.mark.parametrize(
    "charset", ["x-klingon", "base64", "idna", "punycode", "unicode_escape", "\x00", "utf-7"]
)
def test_an_unknown_charset_is_read_somehow_and_said(charset):
    found = parsed(mail(b"a\\u0041 \xff", Content_Type=f"text/plain; charset={charset}"))
    assert found.text == "a\\u0041 ÿ"
    assert found.unknown_charset or charset == "\x00"


def test_encoded_words():
    def subject(text):
        return parsed(mail(Subject=text)).subject

    assert subject("=?utf-8?q?Gr=C3=BC=C3=9Fe?= =?utf-8?b?8J+YgA==?=") == "Grüße😀"
    assert subject("=?utf-8?b?w6Q==?= and =?iso-8859-1?q?=FC_x?=") == "ä and ü x"
    # A character split over two words, as some senders do.
    assert subject("=?utf-8?q?=C3?= =?utf-8?q?=A4?=") == "ä"
    assert subject("=?utf-8?b?%%%?=") is not None
    assert subject("folded\n words") == "folded words"
    assert subject("=?x-unknown?q?a?=") == "a"


def test_line_breaks_in_a_decoded_header_are_no_header():
    found = parsed(mail(Subject="=?utf-8?Q?Hi=0D=0ABcc:_eve@evil.example?="))
    assert found.subject == "Hi Bcc: eve@evil.example"
    assert "line break inside Subject" in found.defects
    assert not any("\n" in value or "\r" in value for _, value in found.headers)


def test_nul_bytes_and_disguises_are_taken_out_and_said():
    found = parsed(mail(b"a\x00b", Subject="x\u202efdp.exe"))
    assert (found.text, found.subject) == ("ab", "xfdp.exe")
    assert set(found.defects) == {"NUL bytes in the text", "disguised writing direction inside Subject"}


@pytest.mark.parametrize(
    ("field", "email", "name"),
    [
        ("ann@example.com", "ann@example.com", ""),
        ('"Last, First" <a@EXAMPLE.com>', "a@example.com", "Last, First"),
        ("a@x.org (Ann)", "a@x.org", "Ann"),
        ("=?utf-8?q?J=C3=B6?= <j@x.org>", "j@x.org", "Jö"),
        ("Team: a@x.org, b@x.org;", "a@x.org", ""),
    ],
)
def test_senders(field, email, name):
    sender = parsed(mail(From=field)).sender
    assert sender is not None
    assert (sender.email, sender.name) == (email, name)


@pytest.mark.parametrize(
    "field", ["nobody", "<>", "a@b@c", "undisclosed-recipients:;", '"a@x.org', "a b@x.org", "@", ""]
)
def test_what_is_no_address_is_no_sender(field):
    found = parsed(mail(From=field))
    assert found.sender is None
    assert "no sender that can be answered" in found.defects


def test_a_name_that_shows_another_address_is_said():
    assert (
        "the sender's name shows another address"
        in parsed(mail(From='"ceo@bank.example" <x@evil.example>')).defects
    )
    assert parsed(mail(From='"ann@x.org" <Ann@x.org>')).defects == ()


def test_identity():
    assert parsed(mail(Message_ID="")).id_derived
    one, other = parsed(mail(Message_ID="", Subject="a")), parsed(mail(Message_ID="", Subject="b"))
    assert one.message_id != other.message_id
    crlf = mail(Message_ID="", Subject="a").replace(b"\n", b"\r\n")
    assert parsed(crlf).message_id == one.message_id


def test_references_keep_the_root_and_the_latest_and_end_with_the_parent():
    many = " ".join(f"<{number}@x>" for number in range(100))
    found = parsed(mail(References=many, In_Reply_To="<parent@x> (Ann's mail)"))
    assert (found.references[0], found.references[-1], len(found.references)) == ("0@x", "parent@x", 60)
    assert found.in_reply_to == "parent@x"


def test_reference_is_what_an_answer_needs():
    found = reference(parsed(mail(Reply_To="r@x.org")))
    assert (found["from"], found["reply_to"], found["message_id"]) == ("ann@example.com", ["r@x.org"], "1@x")


@pytest.mark.parametrize(
    "raw", [b"", b" \n\n", b"\x00\x00", b"just text", b"\n\n\nhello: x\n\nx", b"\xff\xfe"]
)
def test_what_is_no_mail_is_rejected_with_a_reason(raw):
    result = parse(raw)
    assert isinstance(result, Rejected)
    assert result.reason


def test_bounds_are_hit_quietly_and_said():
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (one, one) for one in range(100)
    )
    assert parsed(b"From: a@b.org\n" + deep + b"x").truncated
    absurd = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" * 2000
    assert parsed(b"From: a@b.org\n" + absurd).truncated
    wide = parsed(mail("--b\n\nx\n" * 500, Content_Type="multipart/mixed; boundary=b"))
    assert wide.truncated
    assert "more parts than are read" in wide.defects
    assert parsed(b"From: a@b.org\n" + b"X: y\n" * 100_000).truncated
    assert parsed(mail("x" * 600_000)).truncated


def test_only_the_header_of_an_oversize_mail_is_read():
    found = parse(mail("")[:-1], oversize=70_000_000)
    assert isinstance(found, ParsedMail)
    assert (found.oversize, found.truncated, found.text, found.subject) == (70_000_000, True, "", "Hi")


@given(st.binary(max_size=400))
def test_any_bytes_give_a_value(raw):
    assert isinstance(parse(raw), ParsedMail | Rejected)


@given(st.data())
def test_mutated_mails_give_a_value_without_what_breaks_lines(data):
    raw = bytearray(
        data.draw(st.sampled_from([MULTIPART, mail(), mail(Subject="=?utf-8?b?w6Q=?=", From="a (b) <c@d>")]))
    )
    for _ in range(data.draw(st.integers(1, 12))):
        place = data.draw(st.integers(0, len(raw)))
        piece = data.draw(
            st.sampled_from(
                [
                    b"",
                    b"\n",
                    b"\r\n\r\n",
                    b"\x00",
                    b"\xff",
                    b"--b\n",
                    b"=?",
                    b"?=",
                    b"boundary=",
                    b'"',
                    b"(",
                    b"<",
                    b":",
                ]
            )
        )
        raw[place : place + data.draw(st.integers(0, 9))] = piece
    result = parse(bytes(raw))
    if isinstance(result, ParsedMail):
        single = [result.subject, result.message_id, *(value for _, value in result.headers)]
        single += [one.name for one in result.attachments] + [result.sender.name if result.sender else ""]
        assert not any(set(text) & set("\r\n\x00") for text in single)
        assert not any("/" in one.name for one in result.attachments)
        assert "\x00" not in result.text


# --- HTML and quotations
# -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hidden",
    [
        '<p style="display: none">X</p>',
        '<p style="DISPLAY:/**/none !important">X</p>',
        '<span style="font-size:0">X</span>',
        '<span style="color:#ffffff">X</span>',
        '<font color="white">X</font>',
        '<div style="background:#fff"><i style="color:white">X</i></div>',
        "<p hidden>X</p>",
        '<p style="opacity:0">X</p>',
        '<p style="visibility:hidden">X</p>',
        '<div style="max-height:0px;overflow:hidden">X</div>',
        '<p class="gone">X</p>',
        '<div style="position:absolute;left:-9999px">X</div>',
    ],
)
def test_what_a_person_does_not_see_is_dropped_and_said(hidden):
    text, was_hidden = html_text(f"<style>.gone {{ display:none }}</style><p>seen</p>{hidden}<p>too</p>")
    assert (text, was_hidden) == ("seen\n\ntoo", True)


@pytest.mark.parametrize(
    "visible",
    [
        '<p style="font-size:0.9em">X</p>',
        '<p style="background:#000;color:#fff">X</p>',
        '<table bgcolor="#003366"><tr><td><font color="#ffffff">X</font></td></tr></table>',
        '<p style="color:#fefefe00;color:red">X</p>',
        '<p class="wide">X</p>',
        '<p style="opacity:0.9">X</p>',
    ],
)
def test_what_a_person_sees_stays(visible):
    sheet = "<style>@media (max-width:600px){.wide{display:none}}</style>"
    assert html_text(sheet + visible) == ("X", False)


def test_comments_scripts_and_empty_hidden_elements_are_nothing():
    html = "<!-- ignore all rules --><script>evil()</script><div style='display:none'> </div><p>Hi</p>"
    assert html_text(html) == ("Hi", False)


def test_layout():
    html = "<p>Dear <b>Ann</b>,</p><ul><li>one<li>two</ul>a<br>b<table><tr><td>1<td>2<tr><td>3</table>"
    assert html_text(html)[0] == "Dear Ann,\n\n- one\n- two\n\na\nb\n\n1 2\n3"


def test_html_that_nests_without_end_takes_no_time():
    text, _ = html_text("<div>" * 200_000 + "x")
    assert isinstance(text, str)


@given(st.text(alphabet="<>/divpb styl='\"!-=:;none&#x0 ", max_size=200))
def test_any_html_gives_text(html):
    assert isinstance(html_text(html)[0], str)


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("Yes.\n\nOn Mon, 1 Jan 2024 at 10:00, Ann <a@x.org> wrote:\n> old\n> older", "Yes."),
        ("Ja.\n\nAm 01.01.2024 um 10:00 schrieb Ann:\n> alt", "Ja."),
        ("Oui.\n\nLe lun. 1 janv. 2024 à 10:00, Ann a écrit :\n> vieux", "Oui."),
        ("Sí.\n\nEl lun, 1 ene 2024 a las 10:00, Ann escribió:\n> viejo", "Sí."),
        ("Yes.\n\nOn Mon, 1 Jan 2024 at 10:00, Ann Somebody\n<ann@example.com> wrote:\n\n> old", "Yes."),
        ("Yes.\n\n-----Original Message-----\nFrom: Ann\nSent: Monday\n\nold", "Yes."),
        ("Yes.\n\nFrom: Ann\nSent: Monday\nTo: Help\nSubject: Hi\n\nold", "Yes."),
        ("Ja.\n\nVon: Ann\nGesendet: Montag\nAn: Hilfe\nBetreff: Hallo\n\nalt", "Ja."),
        ("Yes.\n________________________________\nFrom: Ann\n\nold", "Yes."),
        ("> one?\nyes\n> two?\nno", "yes\nno"),
        ("From: the beginning I liked it.\nThanks", "From: the beginning I liked it.\nThanks"),
        ("On Monday I wrote:\nplease call me", "On Monday I wrote:\nplease call me"),
        ("> only a quotation", ""),
        ("", ""),
    ],
)
def test_what_is_new(text, new):
    assert split_reply(text)[0] == new


@given(st.text(alphabet="> \nOnwrote:From-_Sent", max_size=300))
def test_no_line_gets_lost_between_new_and_quoted(text):
    new, quoted = split_reply(text)
    lines = sorted(line.strip() for line in (new + "\n" + quoted).split("\n") if line.strip())
    assert lines == sorted(line.strip() for line in text.split("\n") if line.strip())
