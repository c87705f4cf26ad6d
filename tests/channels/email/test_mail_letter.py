"""One mail, from its bytes to what it says."""

from __future__ import annotations

import base64
import binascii
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.bodies import MAX_ATTACHMENTS, MAX_TEXT
from channels.email.letter import Letter, Part, read
from channels.email.quotes import MARKER

HEAD = (
    b"From: =?utf-8?B?2KPYqNmIINi52YTZig==?= <Abu.Ali@Example.COM>\r\nTo: shakawa@amana.example\r\n"
    b"Subject: water\r\nMessage-ID: <1@mail.example>\r\nDate: Sun, 15 Nov 2026 09:12:01 +0300\r\nMIME-Version: 1.0\r\n"
)
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"


def mail(body: bytes, headers: str = "Content-Type: text/plain; charset=utf-8") -> bytes:
    return HEAD + headers.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body


def part(headers: str, body: bytes) -> bytes:
    return headers.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body


def several(kind: str, *parts: bytes, boundary: str = "=_b") -> bytes:
    """Write a multipart, headers and all."""
    mark = b"\r\n--" + boundary.encode()
    inside = b"".join(mark + b"\r\n" + each for each in parts) + mark + b"--\r\n"
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"'.encode() + b"\r\n\r\n" + inside


def text(words: str, kind: str = "plain") -> bytes:
    return part(f"Content-Type: text/{kind}; charset=utf-8", words.encode())


def file(name: str, data: bytes, kind: str = "image/jpeg", more: str = "") -> bytes:
    headers = (
        f'Content-Type: {kind}\nContent-Disposition: attachment; filename="{name}"\nContent-Transfer-Encoding: base64'
    )
    return part(headers + more, base64.encodebytes(data))


def test_a_mail_says_who_when_and_what() -> None:
    """The citizen's words, name, address and hour are taken from a plain mail."""
    letter = read(mail("الماء مقطوع\r\nشارع 62".encode()))

    assert Letter(
        subject="water",
        text="الماء مقطوع\nشارع 62",
        full_text="الماء مقطوع\nشارع 62",
        sender_name="أبو علي",
        sender="Abu.Ali@example.com",
        to=("shakawa@amana.example",),
        message_id="<1@mail.example>",
        date=datetime(2026, 11, 15, 6, 12, 1, tzinfo=UTC),
    ) == letter  # fmt: skip


def test_a_reply_says_only_what_is_new() -> None:
    """In an answer to us our own words are not the citizen's, and are still at hand."""
    body = f"ما زال مقطوعاً\r\n\r\n{MARKER}\r\nشكراً لتواصلك".encode()
    letter = read(mail(body, "In-Reply-To: <case@amana.example>\nReferences: <0@x.example> <case@amana.example>"))

    assert ("ما زال مقطوعاً", "<case@amana.example>") == (letter.text, letter.in_reply_to)
    assert ("<0@x.example>", "<case@amana.example>") == letter.references
    assert "شكراً لتواصلك" in letter.full_text


def test_a_reply_is_known_by_its_subject() -> None:
    """A program that forgets which mail it answers still says so in the subject."""
    raw = mail(f"ما زال مقطوعاً\r\n\r\n{MARKER}\r\nشكراً لتواصلك".encode())

    assert "ما زال مقطوعاً" == read(raw.replace(b"Subject: water", "Subject: رد: شكوى".encode())).text
    assert "شكراً لتواصلك" in read(raw).text


def test_what_is_forwarded_is_not_cut() -> None:
    """An office that forwards a citizen's mail to us sends it for what stands below."""
    body = "للإجراء\r\n\r\nمن: أبو علي\r\nتم الإرسال: الأحد\r\nإلى: أمانة\r\n\r\nالماء مقطوع".encode()
    raw = mail(body, "In-Reply-To: <0@x.example>").replace(b"Subject: water", "Subject: إعادة توجيه: شكوى".encode())

    assert "الماء مقطوع" in read(raw).text


def test_a_reply_that_answers_within_the_quotation_is_shown_whole() -> None:
    """Some write their answer into the quoted words in another colour: it is not lost for standing there."""
    assert "> نعم، أمس" in read(mail("> هل عاد الماء؟\r\n> نعم، أمس".encode(), "In-Reply-To: <0@x.example>")).text


def test_plain_text_is_preferred_to_html() -> None:
    """A mail in both says it once."""
    assert "الماء" == read(HEAD + several("alternative", text("الماء"), text("<p>الماء</p>", "html"))).text


def test_words_written_a_third_time_are_none() -> None:
    """What Gmail's and watches' own forms of the same mail say is neither said twice nor attached."""
    third = text("<p>الماء</p>", "x-amp-html")

    letter = read(HEAD + several("alternative", text("الماء"), third, text("<p>الماء</p>", "html")))
    assert ("الماء", ()) == (letter.text, letter.attachments)


def test_html_under_a_false_name_is_read() -> None:
    """A page that calls itself plain text shows its words and not its marks."""
    assert "الماء مقطوع" == read(mail("<!DOCTYPE html><html><p>الماء <b>مقطوع</b></p></html>".encode())).text


@pytest.mark.parametrize("plain", ["", "\r\n  \r\n", "This mail is in HTML. Please view it in a program that can."])
def test_html_is_read_where_plain_text_says_nothing(plain: str) -> None:
    """A plain part that is empty, or only says to look at the other, hides no complaint."""
    words = "الماء مقطوع منذ يومين في شارع اثنين وستين قرب المدرسة، وقد اتصلنا بالخط الساخن مراراً ولم يأت أحد إلى الآن،"
    letter = read(HEAD + several("alternative", text(plain), text(f"<p>{words}</p><p>{words}</p>", "html")))

    assert f"{words}\n\n{words}" == letter.text


def test_html_gives_its_words_and_nothing_else() -> None:
    """Styles, scripts, hidden lines and far pictures are not read; the words keep their order and lines."""
    page = """<html dir="rtl"><head><title>t</title><style>p{color:red}</style></head><body>
        <div style="display:none">one</div><div style="mso-hide:all">two</div><p style="font-size:0">three</p>
        <div style="max-height:0px;overflow:hidden">four</div><span hidden>five</span>
        <!-- note --><p>السلام&nbsp;عليكم</p>
        <p>النفايات <b>متراكمة</b><br>أمام العمارة</p>
        <script>alert(1)</script><hr>شكراً
        <img src="http://tracker.example/p.gif" width=1 height=1 alt="x"></body></html>"""
    letter = read(mail(page.encode(), "Content-Type: text/html; charset=utf-8"))

    assert "السلام عليكم\n\nالنفايات متراكمة\nأمام العمارة\n\nشكراً" == letter.text
    assert () == letter.attachments


def test_quotations_in_html_are_cut() -> None:
    """Gmail's quotation in HTML is one in text, and a paragraph that is only set in is none."""
    page = """<div>ما زال مقطوعاً</div><blockquote style="margin:0 0 0 40px">شارع 62</blockquote>
        <div class="gmail_quote"><div dir="rtl">في الأحد، 15 نوفمبر 2026 تمت كتابة ما يلي بواسطة أمانة
        &lt;<a>s@amana.example</a>&gt;:</div>
        <blockquote class="gmail_quote">شكراً <blockquote>الماء</blockquote></blockquote></div>"""
    letter = read(mail(page.encode(), "Content-Type: text/html; charset=utf-8\nIn-Reply-To: <0@x.example>"))

    assert "ما زال مقطوعاً\nشارع 62" == letter.text
    assert "> شكراً" in letter.full_text


def test_html_as_deep_as_a_long_thread_keeps_its_words() -> None:
    """Four hundred nested elements, where parsers stop by default, lose nothing."""
    page = "<div>" * 400 + "الماء" + "</div>" * 400

    assert "الماء" == read(mail(page.encode(), "Content-Type: text/html; charset=utf-8")).text


def test_html_says_its_charset_itself() -> None:
    """An old page names its alphabet within itself."""
    page = '<html><head><meta charset="windows-1251"></head><body>Вода</body></html>'.encode("cp1251")

    assert "Вода" == read(mail(page, "Content-Type: text/html")).text


def test_attachments_keep_name_type_and_bytes() -> None:
    """A photo and a picture within the text come along, told apart."""
    inside = several(
        "related",
        text("<p>انظر</p><img src=cid:a>", "html"),
        part("Content-Type: image/gif\nContent-ID: <a>", GIF),
        boundary="=_i",
    )
    letter = read(HEAD + several("mixed", inside, file("حفرة.jpg", b"\xff\xd8photo")))

    assert "انظر" == letter.text
    assert (
        Part("", "image/gif", GIF, inline=True),
        Part("حفرة.jpg", "image/jpeg", b"\xff\xd8photo"),
    ) == letter.attachments


def test_a_photo_written_into_the_html_comes_along() -> None:
    """Some programs put a photo into the page itself."""
    page = f'<p>انظر</p><img src="data:image/png;base64,{base64.b64encode(GIF).decode()}">'
    alone = read(mail(page.encode(), "Content-Type: text/html; charset=utf-8"))
    beside = read(HEAD + several("alternative", text("انظر"), text(page, "html")))

    for letter in (alone, beside):
        assert ("انظر", (Part("", "image/png", GIF, inline=True),)) == (letter.text, letter.attachments)


def test_words_beside_pictures_are_all_kept() -> None:
    """A telephone that writes, shows and writes again is heard to the end."""
    letter = read(HEAD + several("mixed", text("هنا"), file("1.jpg", b"1"), text("وهنا")))

    assert ("هنا\n\nوهنا", 1) == (letter.text, len(letter.attachments))


def test_a_message_from_a_telephone_network_is_read() -> None:
    """A picture message that a carrier turned into mail has its words in an attached text."""
    letter = read(HEAD + several("mixed", file("text_0.txt", "الماء".encode(), "text/plain"), file("1.jpg", b"1")))

    assert ("الماء", 2) == (letter.text, len(letter.attachments))


@pytest.mark.parametrize("encoding", ["8bit", "base64", "quoted-printable"])
def test_a_mail_forwarded_as_attachment_is_read(encoding: str) -> None:
    """Where the mail within is all there is, its subject and words are the words, and its photo comes along."""
    inner = b"From: c@d.example\r\nSubject: inner\r\n" + several(
        "mixed", text("حفرة"), file("1.jpg", b"1"), boundary="=_i"
    )
    if encoding == "base64":
        inner = base64.encodebytes(inner)
    elif encoding == "quoted-printable":
        inner = inner.replace(b"=", b"=3D")
    letter = read(
        HEAD
        + several(
            "mixed", text(" "), part(f"Content-Type: message/rfc822\nContent-Transfer-Encoding: {encoding}", inner)
        )
    )

    assert "inner\n\nحفرة" == letter.text
    assert ["inner.eml", "1.jpg"] == [attached.filename for attached in letter.attachments]


def test_too_many_and_too_large_attachments_are_named() -> None:
    """What is not taken along is said, with name, size and reason: nothing vanishes."""
    files = [file(f"{number}.jpg", b"x") for number in range(MAX_ATTACHMENTS + 1)]
    letter = read(
        HEAD
        + several("mixed", file("film.mp4", b"\0" * (15 * 1024 * 1024 + 1), "video/mp4"), file("no.txt", b""), *files)
    )

    assert MAX_ATTACHMENTS == len(letter.attachments)
    assert ["film.mp4", "no.txt", f"{MAX_ATTACHMENTS}.jpg"] == [dropped.filename for dropped in letter.dropped]
    assert [15 * 1024 * 1024 + 1, 0, 1] == [dropped.size for dropped in letter.dropped]
    assert all(dropped.why for dropped in letter.dropped)


def test_attachments_together_have_a_limit() -> None:
    """Two films of fourteen megabytes are one too many."""
    film = b"\0" * (14 * 1024 * 1024)
    letter = read(HEAD + several("mixed", file("1.mp4", film), file("2.mp4", film), file("3.jpg", b"3")))

    assert ["1.mp4", "3.jpg"] == [attached.filename for attached in letter.attachments]
    assert ["2.mp4"] == [dropped.filename for dropped in letter.dropped]


def test_a_text_without_end_is_cut_and_attached() -> None:
    """A text as long as a book is shown in part, and is there whole."""
    letter = read(mail("الماء ".encode() * MAX_TEXT))

    assert MAX_TEXT == len(letter.full_text)
    assert ["letter.txt"] == [attached.filename for attached in letter.attachments]
    assert "الماء " * MAX_TEXT == letter.attachments[0].data.decode() + " " * letter.attachments[0].data.endswith(
        b"\x85"
    )


@pytest.mark.parametrize(
    "body",
    [
        base64.b64encode("الماء مقطوع".encode()).rstrip(b"="),
        base64.b64encode("الماء ".encode()) + b"\r\n" + base64.b64encode("مقطوع".encode()),
        b"\r\n".join(base64.b64encode(letter.encode()) for letter in "الماء مقطوع"),
        base64.b64encode("الماء مقطوع".encode()) + b"!!",
    ],
    ids=["without padding", "two glued", "padded at every line", "with junk"],
)
def test_broken_base64_is_read(body: bytes) -> None:
    """Base64 that was cut, glued or soiled still gives its words."""
    letter = read(mail(body, "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: BASE64 "))

    assert "الماء مقطوع" == letter.text.partition("\n!!")[0]


def test_an_old_encoding_is_read() -> None:
    """What was uuencoded, before there was anything better, is words all the same."""
    words = "الماء مقطوع".encode()
    body = b"begin 644 x\r\n" + binascii.b2a_uu(words) + b"`\r\nend\r\n"

    assert "الماء مقطوع" == read(mail(body, "Content-Transfer-Encoding: x-uuencode")).text


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"Content-Type: multipart/mixed\r\n\r\n" + "الماء".encode(),
        HEAD + b"Content-Type: multipart/mixed; boundary=never\r\n\r\n" + "الماء".encode(),
        HEAD + b"Content-Type: \r\n\r\n" + "الماء".encode(),
        HEAD + b"Content-Type: text\r\n\r\n" + "الماء".encode(),
        HEAD + b"Content-Type: nonsense; charset=\x00\r\n\r\n" + "الماء".encode(),
        HEAD + b"Content-Type: multipart/mixed; boundary*=\x00'x'y\r\n\r\n" + "الماء".encode(),
        HEAD
        + b"Content-Type: multipart/alternative;\r\nboundary=b\r\n\r\n--b\r\n\r\n"
        + "الماء".encode()
        + b"\r\n--b--",
        HEAD
        + b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(900))
        + b"\r\n"
        + "الماء".encode(),
    ],
    ids=["no boundary", "boundary never comes", "empty type", "half a type", "no type", "NUL", "unfolded", "900 deep"],
)
def test_broken_structure_loses_no_words(raw: bytes) -> None:
    """However a mail is put together wrongly, its words are shown."""
    letter = read(raw)

    assert "الماء" in letter.text
    assert ("water", "Abu.Ali@example.com") == (letter.subject, letter.sender)


def test_a_folded_header_that_lost_its_blank_is_understood() -> None:
    """A boundary at the beginning of a line belongs to the header above, as old gateways write it."""
    raw = (
        HEAD
        + b"Content-Type: multipart/alternative;\r\nboundary=b\r\n\r\n--b\r\n\r\n"
        + "الماء".encode()
        + b"\r\n--b--"
    )

    assert "الماء" == read(raw).text


def test_an_answer_goes_where_it_is_wanted() -> None:
    """Reply-To is where the sender wants answers, and nothing when that is where the mail came from."""
    assert "c@d.example" == read(mail(b"x", "Reply-To: C <c@D.example>")).reply_to
    assert "" == read(mail(b"x", "Reply-To: abu.ali@example.com")).reply_to


def test_where_it_was_delivered() -> None:
    """The addresses of the envelope are kept, topmost first: one of them may be ours with a token."""
    letter = read(mail(b"x", "Delivered-To: shakawa+t0ken@amana.example\nX-Original-To: all@amana.example"))

    assert ("shakawa+t0ken@amana.example", "all@amana.example") == letter.delivered_to


def test_a_form_writes_for_the_citizen_it_names() -> None:
    """Behind a web form's no-reply stands the citizen in Reply-To; behind any other sender's nobody else does."""
    wanted = "Reply-To: =?utf-8?B?2LnZhNmK?= <ali@d.example>"
    form = read(mail(b"x", wanted).replace(b"Abu.Ali@Example.COM", b"no-reply@forms.example"))
    forged = read(mail(b"x", wanted))

    assert ("علي", "ali@d.example", "", "") == (form.sender_name, form.sender, form.reply_to, form.automatic)
    assert ("Abu.Ali@example.com", "ali@d.example") == (forged.sender, forged.reply_to)
    assert not form.unanswerable


OURS = "Authentication-Results: mx.amana.example; "


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ("", "none"),
        (OURS + "dmarc=pass header.from=example.com", "pass"),
        (OURS + "dmarc=pass (p=none) header.from=example.com; spf=fail", "pass"),
        (OURS + "dmarc=fail header.from=example.com; spf=pass smtp.mailfrom=example.com", "fail"),
        (OURS + "dmarc=pass header.from=evil.example", "fail"),
        (OURS + "dkim=pass header.d=example.com", "pass"),
        (OURS + "dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=x@evil.example", "none"),
        (OURS + "dkim=pass header.d=com", "none"),
        (OURS + "spf=fail smtp.mailfrom=example.com", "none"),
        ("Authentication-Results: mx.evil.example; dmarc=pass header.from=example.com", "none"),
        (OURS + "dmarc=fail header.from=example.com\n" + OURS + "dmarc=pass header.from=example.com", "fail"),
        ("Authentication-Results: other.example; dmarc=pass\n" + OURS + "dmarc=fail", "fail"),
        (OURS + "dmarc=pass header.from=example.com\nFrom: boss@amana.example", "fail"),
        (OURS + "none", "none"),
        (OURS + "spf=pass smtp.mailfrom=bounces@example.com", "pass"),
        (OURS + "spf=fail (helo=x; dmarc=pass header.from=example.com;) smtp.mailfrom=x@evil.example", "none"),
        ("Authentication-Results: (mx.amana.example) evil; dmarc=pass", "none"),
    ],
)
def test_only_our_own_server_proves_a_sender(headers: str, verdict: str) -> None:
    """What the topmost result of our own server says counts; results that a sender wrote do not."""
    assert verdict == read(mail(b"x", headers or "X: y"), authserv_id="mx.amana.example").authenticated


def test_without_a_server_of_our_own_nobody_is_proven() -> None:
    """A house that does not name its mail server believes no result at all."""
    assert "none" == read(mail(b"x", OURS + "dmarc=pass header.from=example.com")).authenticated
    assert "none" == read(mail(b"x", "Authentication-Results: ; dmarc=pass header.from=example.com")).authenticated


def scan(
    subject: str = "Fax from +9647700000000", more: str = "", words: str = "", sender: str = "fax@gate.example"
) -> bytes:
    head = f"From: {sender}\r\nSubject: {subject}\r\nMessage-ID: <1@x>\r\n{more}".encode()
    return head + several("mixed", text(words), file("fax.tif", b"II*\x00", "image/tiff"))


def test_a_fax_is_known_by_its_gateway() -> None:
    """What the fax gateway sends is a fax, though a machine sent it, and no machine answers it."""
    letter = read(
        scan(more="Auto-Submitted: auto-generated\r\n", sender="noreply@fax.example"), fax_from="*@fax.example"
    )

    assert (True, "", "") == (letter.fax, letter.automatic, letter.text)
    assert letter.unanswerable


def test_the_gateway_that_is_named_decides() -> None:
    """Where the city names its fax gateway, all from there is a fax, cover and all, and nothing from elsewhere is."""
    cover = scan(words="صفحة الغلاف: إلى أمانة المدينة، قسم الماء، من مدرسة النور", sender="page@fax.example")

    assert read(cover, fax_from="*@fax.example").fax
    assert read(scan(sender="page@fax.example"), fax_from="*@fax.example").unanswerable
    assert not read(scan(), fax_from="*@fax.example").fax


@pytest.mark.parametrize(
    ("raw", "fax"),
    [
        (scan(), True),
        (scan(subject="Document", more="X-Fax-Pages: 3\r\n", sender="a@b.example"), True),
        (scan(sender="abuali@example.com"), False),
        (scan(subject="الماء مقطوع", sender="a@fax.example"), False),
        (scan(words="أرسل إليكم صورة كتاب البلدية الذي وصلنا بالفاكس قبل أسبوع"), False),
    ],
    ids=["by subject and sender", "by header", "a citizen", "no word of it", "with a letter"],
)
def test_a_fax_is_known_by_what_it_is(raw: bytes, fax: bool) -> None:
    """Pages alone from something that calls itself a fax are one; a citizen's letter with a scan is not."""
    assert fax == read(raw).fax


def test_a_large_mail_is_read_within_a_second_or_two() -> None:
    """Twenty megabytes of photo keep nobody waiting."""
    raw = HEAD + several("mixed", text("انظر"), file("1.jpg", b"\xff\xd8" * 7_000_000))
    began = time.process_time()
    letter = read(raw)

    assert (14_000_000, "انظر") == (len(letter.attachments[0].data), letter.text)
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    "raw",
    [
        b"From: MAILER-DAEMON@x.example\r\nSubject: failure notice\r\n\r\n" + b"-" * 500_000,
        HEAD + b"Content-Type: text/html\r\n\r\n" + b"<!--[if " * 60_000,
        HEAD + b"Content-Type: text/html\r\n\r\n" + b"<script>" * 60_000,
        HEAD + b"Content-Type: text/html\r\n\r\n" + b"<" * 500_000,
        HEAD + b"In-Reply-To: <0@x>\r\n\r\n" + b"> x\r\ny\r\n" * 60_000,
        HEAD + b"In-Reply-To: <0@x>\r\n\r\n" + b"From: x\r\n" * 60_000,
        HEAD + b"\r\n" + "أرسلت من ".encode() + b"A" * 380 + b"!",
        HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QQ==\r\n" * 200_000,
        HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 300_000,
        b"From: " + b"(" * 60_000 + b"a@b\r\n\r\nx",
        b"From: " + b'"a' * 30_000 + b"a@b\r\n\r\nx",
        b"Subject: " + b"=?utf-8?B?" * 6_000 + b"\r\n\r\nx",
        HEAD + b"Content-Type: text/plain" + b"; a*1*=b" * 8_000 + b"\r\n\r\nx",
    ],
    ids=[
        "dashes",
        "comments",
        "scripts",
        "brackets",
        "quotes",
        "senders",
        "device",
        "padding",
        "parts",
        "parens",
        "strings",
        "words",
        "fields",
    ],
)
def test_no_mail_keeps_its_reader_busy(raw: bytes) -> None:
    """What is written to make patterns go astray is read about as fast as anything else."""
    began = time.process_time()
    read(raw)

    assert time.process_time() - began < 20


LINES = b"""From: a@b.example
From:
Subject: =?utf-8?B?2KfZ
Message-ID: <>
Content-Type: multipart/mixed; boundary=b
Content-Type: multipart/alternative; boundary=b
Content-Type: multipart/report; boundary=b; report-type=delivery-status
Content-Type: text/html; charset=nonsense
Content-Type: message/rfc822
Content-Type: message/delivery-status
Content-Type: application/ms-tnef
Content-Transfer-Encoding: base64
Content-Transfer-Encoding: quoted-printable
Content-Transfer-Encoding: x-uuencode
Content-Disposition: attachment; filename*0*=x'y
In-Reply-To: <1@x>
Auto-Submitted: auto-replied
Authentication-Results: mx; dmarc=pass
Final-Recipient: rfc822; a@b
Status: 5.1.1
--b
--b--

> quoted
<p>x<blockquote type=cite>
\xd9\x85\xd8\xa7\xd8\xa1
\xe3\xc7\xc1
\x78\x9f\x3e\x22
\x00\xff""".split(b"\n")


@given(
    st.lists(st.one_of(st.sampled_from(LINES), st.binary(max_size=30)), max_size=25), st.sampled_from([b"\r\n", b"\n"])
)
def test_no_mail_stops_the_reading(lines: list[bytes], end: bytes) -> None:
    """Whatever lines a mail is made of, a letter comes of it that any store can hold."""
    letter = read(end.join(lines), authserv_id="mx", fax_from="*@fax", own=["a@b"])

    for words in (letter.subject, letter.text, letter.full_text, letter.sender, letter.sender_name, letter.message_id):
        assert words == words.encode().decode()
        assert "\x00" not in words
    assert not {"RecursionError", "AttributeError", "TypeError", "ValueError", "IndexError", "KeyError"} & set(
        letter.defects
    )
