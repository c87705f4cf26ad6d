"""What a mail means, how it is known again, and how an answer to it is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.base import Refused
from channels.email.channel import Email
from channels.email.cursor import WINDOW, Cursor
from channels.email.inbounds import identity
from channels.email.mailbox import Mail
from channels.email.outgoing import Outgoing, compose
from channels.email.quotes import MARKER
from channels.email.settings import Inbox
from channels.email.thread_ids import ThreadIds
from channels.message import Address, DeliveryState, Inbound, Purpose, Reply, Scheme
from tests.channels.email.office import FROM, KEY, email, mail
from tests.channels.harness import FIXTURES, ROOT, example_settings

REFERENCE = "4821093756"
REPLY = "6a1de0a4-6a0c-5c55-8a4a-0f7b9e1a2b3c"
CITIZEN = "zaynab@example.org"
NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
IDS = ThreadIds(KEY, "complaints@city.example", plus=True)

MAILS = sorted(FIXTURES.glob("email/*.eml"))
DATA = ROOT.parent / "shared/data/mail"
RECORDED = sorted(path for path in DATA.rglob("*") if path.is_file()) if DATA.is_dir() else []


def read(raw: bytes, **changes: Any) -> Inbound:
    """Say what a mail means in an inbox."""
    box = {"host": "127.0.0.1", "user": "info@city.example", "password": "x", **changes.pop("inbox", {})}
    others = changes.pop("others", [])
    channel = email(box, *others, **changes)
    post, inbox = channel._post, Inbox.model_validate(box)
    whole = Mail(7, raw, len(raw), NOW)
    return post.inbound(whole, post.read(whole, inbox), inbox, 1, (), ())


def answered(**headers: str) -> bytes:
    """Write a citizen's answer."""
    return mail(9, "ما زال الماء مقطوعا", Subject="رد: شكوى", **headers)


def reply(**changes: Any) -> Reply:
    """Owe a citizen some words."""
    values: dict[str, Any] = {
        "id": REPLY,
        "account": "",
        "to": Address(Scheme.MAILTO, CITIZEN),
        "text": "استلمنا بلاغك.\nرقم المتابعة: 4821 093 756 <b>",
        "purpose": "received",
        "reference": REFERENCE,
        "thread": read(mail(1)).thread,
        **changes,
    }
    return Reply(**values)


def composed(**changes: Any) -> tuple[EmailMessage, Outgoing]:
    """Write a reply as a mail, and read that mail as a citizen's program would."""
    written = compose(reply(**changes), FROM, IDS, NOW)
    message = message_from_bytes(written.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message, written


# What a mail means


def test_fixture_of_each_kind() -> None:
    """Each recorded mail becomes what its name promises."""
    purposes = {path.stem: read(path.read_bytes(), inbox={"fax": "*@fax.example"}).purpose for path in MAILS}

    assert {
        "bounce_of_nobody": Purpose.IGNORED,
        "fax": Purpose.MESSAGE,
        "hello_arabic": Purpose.MESSAGE,
        "mailing_list": Purpose.IGNORED,
        "out_of_office": Purpose.IGNORED,
        "subject_only": Purpose.MESSAGE,
    } == purposes


def test_place_in_the_subject() -> None:
    """A complaint whose place stands in the subject alone says it; one that repeats its subject says it once."""
    assert "شكوى 1\nالماء مقطوع" == read(mail(1)).text.strip()
    assert "الماء مقطوع في الكرادة" == read(mail(1, "الماء مقطوع في الكرادة", Subject="الماء مقطوع")).text.strip()
    assert "الانارة مطفية" == read(mail(1, "", Subject="الانارة مطفية")).text
    assert "الماء" == read(mail(1, "", Subject="Re: رد: الماء")).text


def test_a_fax_is_left_to_a_person() -> None:
    """A fax has no words of its own, comes from nobody who could be answered, and keeps the number it names."""
    inbound = read((FIXTURES / "email/fax.eml").read_bytes(), inbox={"fax": "*@fax.example"})

    assert ("fax", "", Address(Scheme.UNKNOWN, "")) == (inbound.way, inbound.text, inbound.sender)
    assert "+964 1 888 1234" == inbound.answers["fax_number"]
    assert ("", "You have received a fax.") == (inbound.sender_name, inbound.answers["fax_cover"])


def test_a_fax_whose_number_stands_in_its_address() -> None:
    """A gateway that writes as the number it was called from says it there; a fax adds to no complaint by its ids."""
    raw = (FIXTURES / "email/fax.eml").read_bytes().replace(b"from +964 1 888 1234, 1 page", b"received")
    ours = IDS.message_id(REFERENCE, REPLY, CITIZEN)
    raw = raw.replace(b"gateway@", b"+96418881234@").replace(b"Subject:", f"In-Reply-To: {ours}\r\nSubject:".encode())
    inbound = read(raw, inbox={"fax": "*@fax.example"})

    assert ("+96418881234", "") == (inbound.answers["fax_number"], inbound.about)


def test_ignored_mail_says_why() -> None:
    """What a machine wrote is never filed, and the operator reads why."""
    inbound = read((FIXTURES / "email/out_of_office.eml").read_bytes())

    assert inbound.note
    assert "" == inbound.text


def test_answer_to_a_mail_of_ours() -> None:
    """An answer to our mail belongs to its complaint, by either header or by the address, and is its words alone."""
    ours = IDS.message_id(REFERENCE, REPLY, CITIZEN)
    address = IDS.reply_to(REFERENCE, CITIZEN)
    for raw in (
        answered(In_Reply_To=ours),
        answered(References=f"<1@example.org> {ours} <2@example.org>"),
        answered(References=ours.upper()),
        answered(To=f"Balagh <{address}>"),
        answered(Delivered_To=address.upper()),
        answered(Cc=address),
    ):
        inbound = read(raw)
        assert REFERENCE == inbound.about
        assert "ما زال الماء مقطوعا" == inbound.text.strip()
        assert "third_party" not in inbound.answers


def test_what_is_kept_for_a_person() -> None:
    """What was cut from an answer, and what was wrong with a mail, is on record beside it; a mail without date came."""
    ours = IDS.message_id(REFERENCE, REPLY, CITIZEN)
    quoting = mail(9, f"نعم\r\n\r\n{MARKER}\r\nشكراً لتواصلك", In_Reply_To=ours)
    inbound = read(mail(1, Date="", Message_ID=""))

    assert "شكراً لتواصلك" in read(quoting).raw["full_text"]
    assert "full_text" not in inbound.raw
    assert (["it has no Message-ID"], NOW) == (inbound.raw["defects"], inbound.sent_at)


def test_absence_note_about_a_mail_of_ours() -> None:
    """A note of absence in a complaint's thread does not reopen it."""
    raw = answered(In_Reply_To=IDS.message_id(REFERENCE, REPLY, CITIZEN), Auto_Submitted="auto-replied")

    assert (Purpose.IGNORED, "") == (read(raw).purpose, read(raw).about)


def test_answer_of_somebody_else() -> None:
    """Who was forwarded our mail may add to the complaint, and is known to be another."""
    raw = answered(In_Reply_To=IDS.message_id(REFERENCE, REPLY, "somebody@example.com"))

    assert (REFERENCE, True) == (read(raw).about, read(raw).answers["third_party"])


def test_id_that_was_made_up() -> None:
    """A thread id with one letter changed, of another key or of another complaint proves nothing."""
    ours = IDS.message_id(REFERENCE, REPLY, CITIZEN)
    stranger = ThreadIds("another key", "complaints@city.example", plus=True)
    for forged in (
        ours.replace(REFERENCE, "4821093757"),
        ours.replace("@", "x@"),
        stranger.message_id(REFERENCE, REPLY, CITIZEN),
    ):
        assert "" == read(answered(In_Reply_To=forged)).about
    assert "" == read(answered(To=stranger.reply_to(REFERENCE, CITIZEN))).about


def test_sender_that_is_disproven() -> None:
    """Who fails DMARC at our own mail server is heard, marked, and may not act on a complaint."""
    raw = answered(
        In_Reply_To=IDS.message_id(REFERENCE, REPLY, CITIZEN),
        Authentication_Results="mx.city.example; dmarc=fail header.from=example.org",
    )
    inbound = read(raw, authserv_id="mx.city.example")

    assert ("", True) == (inbound.about, inbound.answers["unverified"])
    assert Purpose.MESSAGE == inbound.purpose
    assert REFERENCE == read(raw).about  # without an authserv_id such a header is anybody's


def test_whom_a_form_names_is_not_proven() -> None:
    """A form's own domain may be proven; the citizen that it names is heard, marked, and may not act on a complaint."""
    raw = answered(
        In_Reply_To=IDS.message_id(REFERENCE, REPLY, CITIZEN),
        From="no-reply@forms.example",
        Reply_To=CITIZEN,
        Authentication_Results="mx.city.example; dmarc=pass header.from=forms.example",
    )
    inbound = read(raw, authserv_id="mx.city.example")

    assert (CITIZEN, "", True) == (inbound.sender.value, inbound.about, inbound.answers["unverified"])
    assert REFERENCE == read(raw).about


@pytest.mark.parametrize(
    ("action", "status", "state", "transient"),
    [
        ("failed", "5.1.1", DeliveryState.UNDELIVERED, False),
        ("failed", "4.4.7", DeliveryState.UNDELIVERED, True),
        ("delayed", "4.2.2", DeliveryState.SENDING, False),
        ("delivered", "2.0.0", DeliveryState.DELIVERED, False),
    ],
)
def test_bounce(action: str, status: str, state: DeliveryState, *, transient: bool) -> None:
    """What a mail server says of our mail is said of the reply, for good or for the moment."""
    inbound = read(bounce(IDS.message_id(REFERENCE, REPLY, CITIZEN), action, status))

    assert Purpose.DELIVERY == inbound.purpose
    assert inbound.delivery is not None
    assert (REPLY, state, status, transient) == (
        inbound.delivery.reply,
        inbound.delivery.status,
        inbound.delivery.error_code,
        inbound.delivery.transient,
    )


def test_bounce_that_quotes_no_id() -> None:
    """A report that forgets our Message-ID is known by the address that it comes to."""
    raw = bounce("<lost@mx.example>", "failed", "5.1.1", to=IDS.return_path(REPLY))
    inbound = read(raw)

    assert inbound.delivery is not None
    assert REPLY == inbound.delivery.reply


def test_bounce_that_was_made_up() -> None:
    """A report about a mail that is provably not ours changes nothing."""
    assert Purpose.IGNORED == read(bounce("<case.4821093756.x.y.z@city.example>", "failed", "5.1.1")).purpose
    forged = ThreadIds("another key", "complaints@city.example", plus=True).return_path(REPLY)
    assert Purpose.IGNORED == read(bounce("<lost@mx.example>", "failed", "5.1.1", to=forged)).purpose


def bounce(message_id: str, action: str, status: str, to: str = "complaints@city.example") -> bytes:
    """Write a delivery report."""
    return (
        f"From: MAILER-DAEMON@mx.example\r\nTo: {to}\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; {CITIZEN}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; 550 {status} no\r\n\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {message_id}\r\nSubject: x\r\n\r\nx\r\n--b--\r\n"
    ).encode()


def test_department_of_the_inbox_written_to() -> None:
    """A mail to two inboxes says the same in both: the department of the one that has one."""
    water = {"host": "127.0.0.1", "user": "water@city.example", "password": "x", "department": "water"}

    assert "water" == read(mail(1, Cc="water@city.example"), others=[water]).answers["department"]
    assert "department" not in read(mail(1), others=[water]).answers


# How a mail is known again


def test_identity() -> None:
    """A mail is itself wherever it lies; another body, another day or another sender make another mail."""
    known = identity(mail(1))

    assert known == identity(b"Delivered-To: a@b\r\nReceived: by x\r\n" + mail(1))
    assert known == identity(mail(1).replace(b"\r\n", b"\n"))
    assert known == identity(mail(1) + b"\r\n")
    others = {
        identity(raw)
        for raw in (
            mail(2),
            mail(1, "another"),
            mail(1, From="other@example.org"),
            mail(1, Date="Mon, 23 Nov 2026 06:00:00 +0300"),
        )
    }
    assert 4 == len(others - {known})


def test_identity_without_a_message_id() -> None:
    """The same words of the same citizen, sent twice by a program that gives no ids, are two mails."""
    first = b"Received: from a id 1; Sun, 22 Nov 2026 06:00:00 +0300\r\n" + mail(1, Message_ID="")
    again = b"Received: from a id 2; Sun, 22 Nov 2026 09:00:00 +0300\r\n" + mail(1, Message_ID="")

    assert identity(first) != identity(again)
    assert identity(first) == identity(b"Received: by the next\r\n" + first)


def test_identity_without_any_header() -> None:
    """What has no empty line in it is nothing but headers: two such mails are two, and each of them stays itself."""
    known = identity("المي مقطوع".encode())

    assert known == identity("المي مقطوع".encode())
    assert known != identity("الكهرباء مقطوعة".encode())


@given(raw=st.binary(max_size=2000) | st.binary(max_size=600).map(lambda tail: mail(1)[:150] + tail))
@settings(max_examples=150, deadline=None)
def test_any_bytes(raw: bytes) -> None:
    """Whatever bytes lie in a mailbox, they are an Inbound, the same one each time, that survives JSON."""
    inbound = read(raw)

    assert inbound == Inbound.from_json(inbound.to_json())
    assert inbound.external_id == read(raw).external_id


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.relative_to(DATA).as_posix())
def test_recorded_mail(path: Path) -> None:
    """Every recorded mail becomes something; what a machine wrote is never answered, and no bounce is believed."""
    inbound = read(path.read_bytes())

    assert inbound == Inbound.from_json(inbound.to_json())
    assert Purpose.DELIVERY != inbound.purpose
    assert (Purpose.IGNORED == inbound.purpose) == bool(inbound.note)
    if "maildir" in path.parts:
        assert Purpose.IGNORED == inbound.purpose
        ours = read(b"Delivered-To: " + IDS.return_path(REPLY).encode() + b"\r\n" + path.read_bytes())
        assert (ours.delivery.reply == REPLY) if ours.delivery else "delivery report" not in inbound.note


@given(uids=st.lists(st.integers(1, 1000)))
def test_cursor(uids: list[int]) -> None:
    """Whatever order mails come in, none within the window is taken twice or left out."""
    cursor = Cursor(1)
    for uid in uids:
        cursor.take(uid)
        cursor = Cursor.recalled(cursor.written(), 1)
    expected = [uid for uid in range(1, 1001) if uid not in uids and uid > max([*uids, 0]) - WINDOW]

    assert expected == cursor.missing(range(1, 1001))
    assert [1, 2] == Cursor.recalled(cursor.written(), 2).missing([2, 1])


@pytest.mark.parametrize("written", ["", "null", "[]", "{}", '{"validity": 1, "floor": 3, "taken": 5}'])
def test_cursor_that_is_damaged(written: str) -> None:
    """A cursor that cannot be read is none: everything is read again, and known."""
    assert Cursor(1) == Cursor.recalled(written, 1)


# How an answer is written


def test_answer_stands_in_its_thread() -> None:
    """The citizen finds our answer below their own mail, under their own subject, with the number beside it."""
    message, written = composed()

    assert "<1@example.org>" == message["In-Reply-To"] == message["References"]
    assert "Re: شكوى 1 [4821 093 756]" == message["Subject"]
    assert written.message_id == message["Message-ID"]
    assert (FROM, CITIZEN) == (message["From"], message["To"])
    assert IDS.reply_to(REFERENCE, CITIZEN) == message["Reply-To"].addresses[0].addr_spec
    assert "Re: شكوى 4821 093 756" == composed(thread='{"subject": "شكوى 4821 093 756"}')[0]["Subject"]
    assert "بلاغ 4821 093 756" == composed(thread="")[0]["Subject"]


def test_answer_says_that_a_machine_wrote_it() -> None:
    """No machine that keeps the rules answers us, so that two never thank each other for ever."""
    message, _ = composed()
    assert ("auto-replied", "All", None) == (
        message["Auto-Submitted"],
        message["X-Auto-Response-Suppress"],
        message["Precedence"],
    )
    notice, _ = composed(purpose="closed")
    assert ("auto-generated", "bulk") == (notice["Auto-Submitted"], notice["Precedence"])
    assert Purpose.IGNORED == read(composed()[1].content).purpose


def test_answer_in_arabic() -> None:
    """The words are there as text and as a page from right to left; nothing in them becomes markup."""
    message, _ = composed()
    text, page = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert page is not None

    assert f"{MARKER}\n\n{reply().text}\n" == text.get_content().replace("\r\n", "\n")
    assert '<html lang="ar" dir="rtl">' in page.get_content()
    assert "&lt;b&gt;" in page.get_content()
    assert "ar" == message["Content-Language"]
    english = composed(language="en")[0].get_body(("html",))
    assert english is not None
    assert '<html lang="en" dir="ltr">' in english.get_content()


def test_every_try_is_the_same_mail() -> None:
    """A try whose outcome nobody knows is repeated under the same Message-ID."""
    assert composed()[1].message_id == composed(first_tried_at=NOW)[1].message_id
    assert composed()[1].message_id != composed(id=str(uuid4()))[1].message_id


def test_long_ids_of_others() -> None:
    """An id of more than a line, such as Outlook's, comes back letter by letter."""
    outlook = "<AM0PR07MB5283C5A0B1F5F5E6D1B0D5B6A3A9A@AM0PR07MB5283.eurprd07.prod.outlook.com>"
    thread = json.dumps({"message_id": outlook, "references": [f"<{n}{outlook[1:]}" for n in range(30)]})
    _, written = composed(thread=thread)
    head = written.content.partition(b"\r\n\r\n")[0]

    assert f"In-Reply-To: {outlook}\r\n".encode() in head
    assert b"=?" not in head.partition(b"From:")[0]
    assert 21 == head.count(b"AM0PR07MB5283.eurprd07.prod.outlook.com>") - 1


@pytest.mark.parametrize(
    "hostile",
    [
        '{"subject": "x\\r\\nBcc: all@example.org\\r\\n\\r\\nbody"}',
        '{"message_id": "<a@b>\\r\\nBcc: all@example.org"}',
        '{"message_id": "<a@b>", "references": ["<c@d>\\r\\nBcc: x@y", 5, null]}',
        '{"message_id": ["<a@b>"], "references": "<c@d>", "subject": {"a": 1}}',
        '{"subject": "\\u202eevil\\u2028Bcc: x"}',
        "[]",
        "not JSON",
    ],
)
def test_nothing_slips_into_the_headers(hostile: str) -> None:
    """Whatever a citizen's subject or ids hold, the mail has our headers and one recipient."""
    message, written = composed(thread=hostile)

    assert "Bcc" not in message
    assert CITIZEN == written.to == message["To"]
    assert b"\r\nBcc" not in written.content


@pytest.mark.parametrize(
    "address",
    [
        "",
        "zaynab",
        "@example.org",
        "a@b@",
        "a b@example.org",
        "a@example.org, b@example.org",
        "a@example.org\r\nBcc: b@example.org",
        "a@example.org>\r\nRCPT TO:<b@example.org",
        "<a@example.org>",
        "a@exa mple.org",
        '"a@b',
        "زي\u00a0نب@example.org",
        "زينب..علي@example.org",
        "\u200fزينب@example.org",
    ],
)
def test_address_that_is_none(address: str) -> None:
    """What is not one plain address is written to by nobody, and the citizen is reached another way."""
    with pytest.raises(Refused) as raised:
        composed(to=Address(Scheme.MAILTO, address))
    assert raised.value.elsewhere
    assert "example" not in str(raised.value)


def test_whom_a_machine_may_not_answer() -> None:
    """A mail that asks not to be answered by machines gets no acknowledgement, but what a person decided."""
    thread = read(mail(1, X_Auto_Response_Suppress="All")).thread
    with pytest.raises(Refused):
        composed(thread=thread)

    assert composed(thread=thread, purpose="closed")
    with pytest.raises(Refused):
        composed(to=Address(Scheme.UNKNOWN, ""))


def test_domain_in_arabic() -> None:
    """A domain in Arabic letters is written as mail servers know it."""
    assert "zaynab@xn--mgbtx2b" == composed(to=Address(Scheme.MAILTO, "zaynab@عراق"))[1].to.lower()


def test_return_path() -> None:
    """What bounces comes back under the reply's own id where addresses may be extended, and else to our address."""
    plain = ThreadIds(KEY, "complaints@city.example", plus=False)

    assert REPLY == IDS.bounced("", [composed()[1].return_path])
    assert ("complaints@city.example", "") == (plain.return_path(REPLY), plain.reply_to(REFERENCE, CITIZEN))
    long = ThreadIds(KEY, f"{'x' * 50}@city.example", plus=True)
    assert f"{'x' * 50}@city.example" == long.return_path(REPLY)


@given(reply_id=st.text(st.characters(codec="utf-8"), max_size=40) | st.uuids().map(str))
def test_ids_come_back(reply_id: str) -> None:
    """Whatever the house calls a reply, its mail and its bounce say the same."""
    proof = IDS.proof([IDS.message_id(REFERENCE, reply_id, CITIZEN)], ())

    assert proof is not None
    assert (REFERENCE, reply_id, IDS.tag(CITIZEN)) == (proof.reference, proof.reply, proof.addressee)


# Settings


@pytest.mark.parametrize(
    ("inboxes", "words"),
    [
        ("secret-word", "must be a JSON list"),
        ("[]", "one inbox or more"),
        ("'[]'", "one inbox or more"),
        ('[{"host": "h", "user": "u"}]', "entry 1: needs either password or oauth"),
        ('[{"host": "h", "user": "u", "password": "secret-word"}, {"user": "u"}]', "entry 2: host: Field required"),
        ('[{"host": "h", "user": "u", "password": "secret-word", "port": 99999}]', "entry 1: port:"),
        ('[{"host": "h", "user": "u", "password": "secret-word", "prot": 1}]', "entry 1: prot: no such field"),
        ('[{"host": "h", "user": "u", "password": "secret-word", "tls": "maybe"}]', "entry 1: tls:"),
        (
            '[{"host": "h", "user": "u", "oauth": {"token_url": "http://x", "client_id": "c", "client_secret": "s"}}]',
            "entry 1: oauth.token_url: must be https://",
        ),
        (
            '[{"host": "h", "user": "u", "password": "p"}, {"host": "h", "user": "u", "password": "p"}]',
            "entry 2: is the same folder",
        ),
    ],
)
def test_inboxes_that_are_wrong(inboxes: str, words: str) -> None:
    """The operator reads which entry and which field is wrong, and nobody reads a password in the log."""
    with pytest.raises(ValidationError) as raised:
        example_settings(Email, inboxes=inboxes)
    [fault] = raised.value.errors(include_url=False, include_input=False)

    assert words in fault["msg"]
    assert "secret-word" not in str(raised.value)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("smtp_url", "http://user:secret-word@host"),
        ("smtp_url", "smtp://"),
        ("smtp_url", "smtp://host:99999"),
        ("smtp_url", "smtp+plain://user:secret-word@mail.example"),
        ("from", "nobody"),
        ("from", "a@b.example\r\nBcc: c@d.example"),
        ("from", "a@b.example, c@d.example"),
    ],
)
def test_settings_that_are_wrong(setting: str, value: str) -> None:
    """An address or a server that cannot be one is refused at the start, and not quoted."""
    with pytest.raises(ValidationError) as raised:
        example_settings(Email, **{setting: value})
    assert "secret-word" not in str(raised.value)
