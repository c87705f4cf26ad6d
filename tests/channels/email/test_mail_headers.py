"""Headers, whatever is broken about them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.headers import Headers, Mailbox
from channels.email.parts import parse


def header(name: str, value: bytes) -> Headers:
    return parse(name.encode() + b": " + value + b"\r\n\r\n").headers


@pytest.mark.parametrize(
    "value",
    [
        "طفح مجاري".encode(),
        "طفح مجاري".encode("cp1256"),
        b"=?utf-8?B?2LfZgditINmF2KzYp9ix2Yo=?=",
        b"=?utf-8?B?2LfZgditINmF2KzYp9ix2Q==?=\r\n =?utf-8?B?ig==?=",  # cut within a letter
        b"=?utf-8?Q?=D8=B7=D9=81=D8=AD_=D9=85=D8=AC=D8?=\r\n =?utf-8?Q?=A7=D8=B1=D9=8A?=",
        b"=?utf-8?B?2LfZgditINmF2KzYp9ix2Yo",  # its end is missing
        b"=?windows-1256?B?2N3NIOPMx9Ht?=",
        b"=?CP-1256?B?2N3NIOPMx9Ht?=",
        b"=?CP-1256?B?2N3NIOPMx9HtA?=",  # cut within a byte
        b"=?unknown-8bit?B?2N3NIOPMx9Ht?=",
        b"=?utf-8?B?2N3NIOPMx9Ht?=",  # windows-1256 under a false name
        "\u202b=?utf-8?B?2LfZgditINmF2KzYp9ix2Yo=?=\u202c".encode(),
    ],
)
def test_a_subject_is_read_however_it_was_written(value: bytes) -> None:
    """The subject is what the citizen wrote, whichever way their program encodes it."""
    assert "طفح مجاري" == header("Subject", value).text("subject")


@pytest.mark.parametrize(
    ("value", "boxes"),
    [
        (b"Abu Ali <abuali@Example.COM>", [Mailbox("Abu Ali", "abuali@example.com")]),
        (b"abuali@example.com", [Mailbox("", "abuali@example.com")]),
        (b"abuali@example.com (Abu Ali)", [Mailbox("", "abuali@example.com")]),
        (b'"Ali, Abu" <a@b.example>, c@d.example', [Mailbox("Ali, Abu", "a@b.example"), Mailbox("", "c@d.example")]),
        (b"=?utf-8?B?2LnZhNmK?= <a@b.example>", [Mailbox("علي", "a@b.example")]),
        (b"=?utf-8?Q?=D8=B9,=D9=8A?= <a@b.example>", [Mailbox("ع,ي", "a@b.example")]),
        ("علي <a@b.example>".encode("cp1256"), [Mailbox("علي", "a@b.example")]),
        ("\u202eعلي\u202c <a@b.example>".encode(), [Mailbox("علي", "a@b.example")]),
        (b"a@b.example(<c@evil.example>)", [Mailbox("", "a@b.example")]),
        (b'"boss@amana.example" <a@b.example>', [Mailbox("boss@amana.example", "a@b.example")]),
        (b"staff: a@b.example, c@d.example;", [Mailbox("", "a@b.example"), Mailbox("", "c@d.example")]),
        (b"undisclosed-recipients:;", []),
        (b"Abu (Ali <a@b.example>", [Mailbox("", "a@b.example")]),
        (b"<>", []),
        (b"", []),
    ],
)
def test_addresses(value: bytes, boxes: list[Mailbox]) -> None:
    """Names and addresses are told apart; comments and marks of direction cannot put another address in front."""
    found = header("From", value).mailboxes("from")

    assert boxes == [box for box in found if box.address]


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (b"<1@x.example>", ("<1@x.example>",)),
        (b"<>", ()),
        (b"", ()),
        (b"1@x.example", ("<1@x.example>",)),
        (b"<1@x.example>\r\n\t<2@x.example><1@x.example>", ("<1@x.example>", "<2@x.example>")),
        (b"Your message of Sunday", ()),
        (b"<1\x00\xff@x.example>", ("<1@x.example>",)),
    ],
)
def test_ids(value: bytes, ids: tuple[str, ...]) -> None:
    """Ids stand in angle brackets, each once; an empty one, which others stumble over, is none."""
    assert ids == header("Message-ID", value).ids("message-id")


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (b"Sun, 15 Nov 2026 09:12:01 +0300", datetime(2026, 11, 15, 6, 12, 1, tzinfo=UTC)),
        (b"Sun, 15 Nov 2026 09:12:01 -0000", datetime(2026, 11, 15, 9, 12, 1, tzinfo=UTC)),
        (b"Fri, 31 Dec 9999 23:00:00 -1400", None),
        (b"Sun, 99 Nov 2026 09:12:01 +0300", None),
        (b"yesterday", None),
        (b"", None),
    ],
)
def test_dates(value: bytes, moment: datetime | None) -> None:
    """A date is UTC, and one beyond the calendar is none."""
    assert moment == header("Date", value).date("date")


@pytest.mark.parametrize(
    "value",
    [
        "attachment; filename*=utf-8''%D8%AD%D9%81%D8%B1%D8%A9.jpg",
        "attachment; filename*0*=utf-8''%D8%AD%D9%81; filename*1*=%D8%B1%D8%A9.jpg",
        "attachment; filename*1*=%D8%B1%D8%A9.jpg; filename*0*=utf-8''%D8%AD%D9%81",
        'attachment; filename="=?utf-8?B?2K3Zgdix2KkuanBn?="',
        'attachment; filename="حفرة.jpg"',
        "attachment; filename=حفرة.jpg; size=1",
        "attachment; filename=\"x.jpg\"; filename*=windows-1256''%CD%DD%D1%C9.jpg",
        'attachment; filename="C:\\photos\\حفرة.jpg"',
        'attachment; filename="../../حفرة.jpg"',
        'attachment; filename="\u202eحفرة.jpg"',
    ],
)
def test_names_of_attachments(value: str) -> None:
    """A photo keeps its Arabic name, whichever of the many ways it was written, and loses any path."""
    assert "حفرة.jpg" == parse(b"Content-Disposition: " + value.encode() + b"\r\n\r\n").filename


@given(st.binary(max_size=200))
def test_no_header_stops_the_reading(value: bytes) -> None:
    """Any bytes in a header give some answer to every question."""
    headers = header("X", value.replace(b"\n", b""))

    assert headers.text("x").isprintable() or headers.text("x") == headers.text("x").encode().decode()
    assert all(box.address or box.name for box in headers.mailboxes("x"))
    assert all(identity.isascii() for identity in headers.ids("x"))
    assert "" == headers.parameter("x", "no-such-parameter")
    assert headers.date("x") is None or headers.date("x").tzinfo is UTC
