"""Write the sample mailbox that ships with the package: two mbox files and the table of what is expected.

    python scripts/make_sample_mailbox.py [FOLDER]      # default: src/mainstay/data/sample

The texts are data, in ``scripts/sample_mailbox/{first,second}.toml``; this file only turns them into mail.
The output is the same, byte for byte, on every machine and Python: MIME is written by hand here (the standard
library's generator has changed its folding between releases), dates come from the data, boundaries from the
message's key, and images are stored uncompressed. ``tests/data`` proves that the committed files are these.

A ``[[message]]`` has ``key``, ``at``, ``from``, ``subject``, ``body`` and, for the table, ``intent``,
``does`` and ``flags``; the other fields are read in `message_bytes` and below. A broken message is given
whole, as ``raw``; a copy as ``same_as``.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import quopri
import re
import struct
import sys
import tomllib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

BATCHES = ("first", "second")
COLUMNS = ("batch", "index", "message_id", "thread", "intent", "disposition", "flags", "note")
OPERATOR = "help@northdesk.example"
SOURCES = Path(__file__).parent / "sample_mailbox"
TARGET = Path(__file__).parent.parent / "src" / "mainstay" / "data" / "sample"

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """One message as it lies in an mbox, and what a good triage makes of it."""

    envelope: str
    content: bytes
    row: tuple[str, ...]


def main(arguments: list[str]) -> None:
    """Write every file into the folder named, or into the package."""
    folder = Path(arguments[0]) if arguments else TARGET
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in outputs().items():
        (folder / name).write_bytes(content)


def outputs() -> dict[str, bytes]:
    """File name to content, for everything this script writes."""
    known: dict[str, Fields] = {}
    files: dict[str, bytes] = {}
    rows: list[tuple[str, ...]] = []
    for batch in BATCHES:
        declared = tomllib.loads((SOURCES / f"{batch}.toml").read_text(encoding="utf-8"))["message"]
        for fields in declared:
            assert fields["key"] not in known, f"two messages are called {fields['key']}"
            known[fields["key"]] = fields
        samples = [sample(batch, index, fields, known) for index, fields in enumerate(declared)]
        files[f"{batch}.mbox"] = mbox(samples)
        rows += [each.row for each in samples]
    files["expected.csv"] = table(rows)
    return files


def sample(batch: str, index: int, fields: Fields, known: Mapping[str, Fields]) -> Sample:
    """The message, and its row of the table."""
    source = known[fields["same_as"]] if "same_as" in fields else fields
    identity = message_id(source, known)
    references = [reference(key, known) for key in source.get("refs", [])]
    thread = references[0] if references else identity
    row = (
        batch,
        str(index),
        identity,
        thread,
        source.get("intent", ""),
        fields.get("does", "draft"),
        " ".join(sorted({*source.get("flags", []), *fields.get("flags", [])})),
        fields.get("note", ""),
    )
    if "raw" in source:
        content = source["raw"].encode("latin-1")
    else:
        content = message_bytes(source, known)
    sender = source.get("envelope", mailbox_of(source["from"]))
    moment: datetime = fields["at"]
    return Sample(f"From {sender} {moment.strftime('%a %b %d %H:%M:%S %Y')}", content, row)


def mbox(samples: Iterable[Sample]) -> bytes:
    """The messages in mboxrd: every line that looks like a separator, quoted or not, gets one more ``>``."""
    parts: list[bytes] = []
    for each in samples:
        quoted = re.sub(rb"^(>*From )", rb">\1", each.content, flags=re.MULTILINE)
        parts.append(each.envelope.encode("ascii") + b"\n" + quoted.rstrip(b"\n") + b"\n\n")
    return b"".join(parts)


def table(rows: Iterable[tuple[str, ...]]) -> bytes:
    """The rows as CSV with a header line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


# --- headers ---


def message_id(fields: Fields, known: Mapping[str, Fields]) -> str:
    """The Message-ID in angle brackets, or nothing where the sample is to have none."""
    if "same_id" in fields:
        return message_id(known[fields["same_id"]], known)
    if "id" in fields:
        return str(fields["id"])
    moment: datetime = fields["at"]
    domain = mailbox_of(fields["from"]).partition("@")[2]
    return f"<{moment:%Y%m%d.%H%M}.{fields['key']}@{domain}>"


def reference(key: str, known: Mapping[str, Fields]) -> str:
    """A message of the sample by its key; other keys are our own earlier replies, not in the files."""
    return message_id(known[key], known) if key in known else f"<{key}@northdesk.example>"


def message_bytes(fields: Fields, known: Mapping[str, Fields]) -> bytes:
    """Headers and body of a well-formed message."""
    moment: datetime = fields["at"]
    sender = mailbox_of(fields["from"])
    charset = fields.get("charset", "utf-8")
    words = fields.get("words", "b")
    headers = [
        ("Return-Path", fields.get("return_path", f"<{sender}>")),
        ("Delivered-To", OPERATOR),
        (
            "Received",
            f"from mx.{sender.partition('@')[2]} by mail.northdesk.example; {format_datetime(moment)}",
        ),
        ("Date", fields.get("date", format_datetime(moment))),
        ("From", address(fields["from"], charset, words)),
        ("To", fields.get("to", OPERATOR)),
    ]
    headers += [(name, fields[name.lower()]) for name in ("Cc", "Reply-To") if name.lower() in fields]
    headers.append(("Subject", encoded(fields["subject"], charset, words)))
    if identity := message_id(fields, known):
        headers.append(("Message-ID", identity))
    if references := [reference(key, known) for key in fields.get("refs", [])]:
        headers += [("In-Reply-To", references[-1]), ("References", " ".join(references))]
    headers += list(fields.get("headers", {}).items())
    headers.append(("MIME-Version", "1.0"))
    lines = b"".join(folded(name, value) for name, value in headers)
    return lines + entity(fields)


def folded(name: str, value: str) -> bytes:
    """One header, folded at spaces before column 78."""
    lines = [f"{name}:"]
    for word in value.split(" "):
        if len(lines[-1]) + 1 + len(word) > 78 and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {word}"
    return ("\n".join(lines) + "\n").encode("ascii")


def address(value: str, charset: str, words: str) -> str:
    """A display name, encoded where it must be, and the address as it is."""
    name, _, _ = value.rpartition(" <")
    return f"{encoded(name, charset, words)} <{mailbox_of(value)}>" if name else value


def mailbox_of(value: str) -> str:
    """The address alone, of ``Name <address>`` or of an address that stands alone."""
    return value.rpartition("<")[2].rstrip(">")


def encoded(text: str, charset: str, words: str) -> str:
    """RFC 2047 encoded words, each short enough, never splitting a character; ASCII text stays as it is."""
    if text.isascii():
        return text
    pieces: list[str] = []
    for character in text:
        longer = (pieces[-1] if pieces else "") + character
        if pieces and len(encoded_word(longer, charset, words)) <= 70:
            pieces[-1] = longer
        else:
            pieces.append(character)
    return " ".join(encoded_word(piece, charset, words) for piece in pieces)


def encoded_word(text: str, charset: str, words: str) -> str:
    """One encoded word, in base64 (``b``) or in the quoted form (``q``)."""
    octets = text.encode(charset)
    if words == "b":
        return f"=?{charset}?B?{base64.b64encode(octets).decode('ascii')}?="
    letters = (
        chr(octet) if chr(octet).isascii() and chr(octet).isalnum() else f"={octet:02X}" for octet in octets
    )
    return f"=?{charset}?Q?{''.join(letters).replace('=20', '_')}?="


# --- bodies ---


def entity(fields: Fields) -> bytes:
    """The content of the message with its own headers: as flat as its parts allow."""
    parts = [
        text_part(fields, subtype) for subtype, key in (("plain", "body"), ("html", "html")) if key in fields
    ]
    whole = parts[0] if len(parts) == 1 else multipart("alternative", fields["key"], parts)
    if inline := fields.get("inline", []):
        whole = multipart("related", fields["key"], [whole, *(file_part(file, "inline") for file in inline)])
    if attached := fields.get("attach", []):
        whole = multipart(
            "mixed", fields["key"], [whole, *(file_part(file, "attachment") for file in attached)]
        )
    return whole


def text_part(fields: Fields, subtype: str) -> bytes:
    """The text in the message's charset and transfer encoding."""
    text: str = fields["body" if subtype == "plain" else "html"]
    charset = fields.get("charset", "us-ascii" if text.isascii() else "utf-8")
    octets = text.encode(fields.get("codec", charset))
    transfer = fields.get("transfer", "7bit" if text.isascii() else "quoted-printable")
    lines = f"Content-Type: text/{subtype}; charset={charset}\nContent-Transfer-Encoding: {transfer}\n\n"
    return lines.encode("ascii") + transferred(octets, transfer)


def transferred(octets: bytes, transfer: str) -> bytes:
    """The octets in a transfer encoding, ending in a line feed."""
    if transfer == "base64":
        return base64.encodebytes(octets)
    if transfer == "quoted-printable":
        octets = quopri.encodestring(octets)
    return octets if octets.endswith(b"\n") else octets + b"\n"


def multipart(subtype: str, key: str, parts: Iterable[bytes]) -> bytes:
    """The parts under a boundary derived from the message's key."""
    boundary = f"{subtype}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    lines = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\n\n'.encode("ascii")
    opening = f"--{boundary}\n".encode("ascii")
    return lines + b"".join(opening + part + b"\n" for part in parts) + f"--{boundary}--\n".encode("ascii")


def file_part(file: Fields, disposition: str) -> bytes:
    """An attachment or an inline image, always in base64."""
    lines = f"Content-Type: {file['type']}\nContent-Transfer-Encoding: base64\n"
    lines += f"Content-Disposition: {disposition}; {file_name(file)}\n"
    if "cid" in file:
        lines += f"Content-ID: <{file['cid']}>\n"
    return lines.encode("ascii") + b"\n" + base64.encodebytes(file_content(file))


def file_name(file: Fields) -> str:
    """The file name as a parameter: plain, or by RFC 2231, whole or in two sections."""
    name: str = file["name"]
    if name.isascii():
        return f'filename="{name}"'
    escaped = quote(name)
    if file.get("sections"):
        # A cut between two escapes, so that each section can be decoded by itself.
        cut = escaped.index("%", len(escaped) // 2)
        return f"filename*0*=UTF-8''{escaped[:cut]};\n filename*1*={escaped[cut:]}"
    return f"filename*=UTF-8''{escaped}"


def file_content(file: Fields) -> bytes:
    """Text as given, or a small picture or document made here."""
    if "png" in file:
        return png(size_px=file["png"])
    if "pdf" in file:
        return pdf(file["pdf"])
    return str(file["text"]).encode("utf-8")


def png(*, size_px: int) -> bytes:
    """A square grey image, stored rather than compressed: compressors differ between machines."""
    pixels = b"".join(
        b"\x00" + bytes((row * 7 + column * 3) % 256 for column in range(size_px)) for row in range(size_px)
    )
    stored = b"\x78\x01\x01" + struct.pack("<HH", len(pixels), len(pixels) ^ 0xFFFF) + pixels
    stored += struct.pack(">I", zlib.adler32(pixels))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", size_px, size_px, 8, 0, 0, 0, 0)),
        (b"IDAT", stored),
        (b"IEND", b""),
    )
    written = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def pdf(line: str) -> bytes:
    """A one-page document with one line of text."""
    drawing = f"BT /F1 14 Tf 72 720 Td ({line}) Tj ET"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        "/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        f"<< /Length {len(drawing)} >>\nstream\n{drawing}\nendstream",
    )
    text = "%PDF-1.4\n"
    places: list[int] = []
    for number, body in enumerate(objects, start=1):
        places.append(len(text))
        text += f"{number} 0 obj\n{body}\nendobj\n"
    start = len(text)
    text += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(
        f"{place:010d} 00000 n \n" for place in places
    )
    text += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return text.encode("ascii")


if __name__ == "__main__":
    main(sys.argv[1:])
