"""winmail.dat, built here piece by piece."""

from __future__ import annotations

import base64
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.letter import Part, read
from channels.email.tnef import unwrap

SIGNATURE = b"\x78\x9f\x3e\x22\x01\x00"


def piece(name: int, value: bytes, level: int = 1) -> bytes:
    return struct.pack("<BHHI", level, name, 6, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def prop(identity: int, kind: int, value: bytes) -> bytes:
    if kind in {0x1E, 0x1F, 0x102, 0x0D}:
        return struct.pack("<HHII", kind, identity, 1, len(value)) + value + b"\0" * (-len(value) % 4)
    return struct.pack("<HH", kind, identity) + value


def props(*each: bytes) -> bytes:
    return struct.pack("<I", len(each)) + b"".join(each)


def named(value: bytes) -> bytes:
    name = "x".encode("utf-16-le") + b"\0\0"
    return (
        struct.pack("<HH", 0x1E, 0x8001)
        + b"g" * 16
        + struct.pack("<II", 1, len(name))
        + name
        + struct.pack("<II", 1, len(value))
        + value
    )


UTF16 = "الماء مقطوع\0".encode("utf-16-le")
WHOLE = (
    SIGNATURE
    + piece(0x9007, struct.pack("<II", 1256, 0))
    + piece(0x9003, props(named(b"abcd"), prop(0x0017, 0x03, b"\1\0\0\0"), prop(0x1000, 0x1F, UTF16)))
    + piece(0x9002, b"\0" * 14, 2)
    + piece(0x8010, b"PHOTO~1.JPG\0", 2)
    + piece(0x800F, b"\xff\xd8photo", 2)
    + piece(0x9005, props(prop(0x3707, 0x1E, "حفرة.jpg\0".encode("cp1256")), prop(0x370E, 0x1E, b"image/jpeg\0")), 2)
)


def mail(data: bytes, kind: str = "application/ms-tnef") -> bytes:
    head = f'From: a@b.example\r\nMessage-ID: <1@x>\r\nContent-Type: {kind}; name="winmail.dat"\r\n'
    return head.encode() + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(data)


@pytest.mark.parametrize("kind", ["application/ms-tnef", "application/octet-stream"])
def test_what_outlook_wrapped_is_unwrapped(kind: str) -> None:
    """The words and the photo inside a winmail.dat are as good as any others."""
    letter = read(mail(WHOLE, kind))

    assert ("الماء مقطوع", (Part("حفرة.jpg", "image/jpeg", b"\xff\xd8photo"),)) == (letter.text, letter.attachments)


@pytest.mark.parametrize(("beside", "shown"), [("انظر", "انظر\n\nالماء مقطوع"), ("الماء \r\nمقطوع", "الماء \nمقطوع")])
def test_wrapped_words_are_said_once(beside: str, shown: str) -> None:
    """Words that only the winmail.dat has are added; those that the mail says itself are not said again."""
    inner = mail(WHOLE).partition(b"Message-ID: <1@x>\r\n")[2]
    plain = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + beside.encode()
    head = b"From: a@b.example\r\nMessage-ID: <1@x>\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"
    letter = read(head + b"--o\r\n" + plain + b"\r\n--o\r\n" + inner + b"\r\n--o--")

    assert (shown, 1) == (letter.text, len(letter.attachments))


@pytest.mark.parametrize("end", range(0, len(WHOLE), 7))
def test_one_that_was_cut_gives_what_is_whole(end: int) -> None:
    """Cut anywhere, it gives what came before the cut, and the file itself where it gives nothing."""
    letter = read(mail(WHOLE[:end]))

    assert "الماء مقطوع".startswith(letter.text.rstrip("\ufffd"))
    assert letter.text or letter.attachments or letter.dropped


def test_words_in_rich_text_stay_in_the_file() -> None:
    """What is not read here is kept for a person, and said."""
    data = SIGNATURE + piece(0x9003, props(prop(0x1009, 0x102, b"LZFu")))
    letter = read(mail(data))

    assert ["winmail.dat"] == [attached.filename for attached in letter.attachments]
    assert any("winmail.dat" in defect for defect in letter.defects)


@pytest.mark.parametrize(
    "data",
    [
        SIGNATURE + piece(0x9003, b"\xff\xff\xff\xff" + b"\0" * 64),
        SIGNATURE + piece(0x9003, props(struct.pack("<HHI", 0x1002, 1, 0xFFFFFFFF))),
        SIGNATURE + piece(0x9003, props(struct.pack("<HHI", 0x101E, 1, 0xFFFFFFFF) + b"\0" * 64)),
        SIGNATURE + piece(0, b"") * 300_000,
    ],
    ids=["properties", "numbers", "strings", "pieces"],
)
def test_counts_are_not_believed(data: bytes) -> None:
    """A file that says four thousand million of something is read at once."""
    began = time.process_time()
    unwrap(data)

    assert time.process_time() - began < 1


@given(st.binary(max_size=300))
def test_no_bytes_stop_the_unwrapping(data: bytes) -> None:
    """Whatever follows the signature, something or nothing is found."""
    wrapping = unwrap(SIGNATURE + data)

    assert wrapping is not None
    assert None is unwrap(b"x" + data)
