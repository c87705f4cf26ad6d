"""Which mail a machine made, and what a bounce says."""

from __future__ import annotations

import pytest

from channels.email.letter import Bounce, read

OWN = ["shakawa@amana.example"]


def mail(headers: str, body: str = "x", sender: str = "a@b.example", subject: str = "water") -> bytes:
    lines = f"From: {sender}\nSubject: {subject}\nMessage-ID: <1@x.example>\n{headers}".rstrip("\n")
    return f"{lines}\n\n{body}".replace("\n", "\r\n").encode()


MACHINES = {
    "vacation": ("out of office", mail("X-Autoreply: yes")),
    "exchange": (
        "out of office",
        mail("Return-Path: <>\nX-Auto-Response-Suppress: All", subject="Automatic reply: شكوى"),
    ),
    "arabic vacation": ("out of office", mail("", subject="رد تلقائي: شكوى 4821")),
    "arabic office": ("out of office", mail("", subject="خارج المكتب")),
    "english office": ("out of office", mail("", subject="Out of Office AutoReply: Re: water")),
    "precedence": ("out of office", mail("Precedence: auto_reply")),
    "auto-replied": ("auto-submitted", mail("Auto-Submitted: auto-replied (vacation)")),
    "auto-generated": ("auto-submitted", mail("Auto-Submitted: Auto-Generated")),
    "a list": ("list", mail("List-Id: <news.example>")),
    "a newsletter": ("list", mail("List-Unsubscribe: <https://x.example>")),
    "a list by precedence": ("list", mail("Precedence: list")),
    "an old list by its program": ("list", mail("X-Mailman-Version: 2.0.4")),
    "bulk": ("bulk", mail("Precedence: bulk")),
    "junk": ("bulk", mail("Precedence: junk")),
    "a mac on holiday": ("out of office", mail("X-Apple-Action: vacation")),
    "no-reply": ("no-reply", mail("", sender="Shop <no-reply@x.example>")),
    "do not reply": ("no-reply", mail("", sender="orders-donotreply@x.example")),
    "a daemon": ("mailer-daemon", mail("", sender="MAILER-DAEMON@x.example")),
    "ourselves": ("own", mail("", sender="Shakawa@Amana.example")),
    "a bounce in prose": ("dsn", mail("Return-Path: <>", sender="MAILER-DAEMON@x.example", subject="failure notice")),
    "an arabic bounce": ("dsn", mail("", sender="postmaster@x.example", subject="تعذر التسليم: شكوى")),
    "exim": ("dsn", mail("X-Failed-Recipients: c@d.example")),
    "a read receipt": (
        "mdn",
        mail("Content-Type: multipart/report; report-type=disposition-notification; boundary=b", "--b\n\nread\n--b--"),
    ),
    "an abuse report": (
        "abuse report",
        mail("Content-Type: multipart/report; report-type=feedback-report; boundary=b", "--b\n\nspam\n--b--"),
    ),
}

CITIZENS = {
    "a plain mail": (mail(""), True),
    "said not to be automatic": (mail("Auto-Submitted: no"), True),
    "about an automatic answer": (mail("", subject="رد تلقائي من الخط الساخن ولا أحد يجيب"), True),
    "about an office": (mail("", subject="خارج المكتب سيارة تسد الشارع"), True),
    "about deliveries": (mail("", subject="Delivery problem: water truck did not come"), True),
    "by way of a form": (mail("Reply-To: citizen@d.example", sender="noreply@form.example"), True),
    "an office with exchange": (mail("X-Auto-Response-Suppress: DR, OOF"), False),
    "a group that is our mailbox": (
        mail("List-Id: x\nList-Post: <mailto:shakawa@amana.example>\nPrecedence: list"),
        False,
    ),
    "an old group that is our mailbox": (
        mail("Mailing-List: list shakawa@amana.example; contact owner@amana.example"),
        False,
    ),
    "sent on by a filter": (mail("Auto-Submitted: auto-forwarded"), False),
    "from the office of a list": (mail("", sender="ppp-request@list.example"), False),
    "from the owner of a list": (mail("Return-Path: <owner-ppp@list.example>"), False),
    "sent out by a list": (mail("Sender: ppp-bounces+citizen=d.example@list.example"), False),
    "asking by name": (mail("", sender="request@d.example"), True),
    "without an envelope": (mail("Return-Path: <>"), False),
    "without a sender": (b"Subject: x\r\nMessage-ID: <1@x>\r\n\r\nx", False),
}


@pytest.mark.parametrize(("why", "raw"), MACHINES.values(), ids=MACHINES.keys())
def test_a_machine_is_told_from_a_citizen(why: str, raw: bytes) -> None:
    """Mail that a machine made is never filed and never answered, and the reason is said."""
    assert why == read(raw, own=OWN).automatic


@pytest.mark.parametrize(("raw", "answerable"), CITIZENS.values(), ids=CITIZENS.keys())
def test_a_citizen_is_never_taken_for_a_machine(raw: bytes, answerable: bool) -> None:
    """What a citizen may have sent is filed, also where no machine may answer it."""
    letter = read(raw, own=OWN)

    assert ("", answerable) == (letter.automatic, not letter.unanswerable)


REPORT = """--b

This is the mail system.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.x.example

{fields}

--b
Content-Type: {kind}

From: shakawa@amana.example
Message-ID: <case.1@amana.example>
Subject: x

--b--
"""
FAILED = "Final-Recipient: rfc822; Citizen@D.example\nAction: failed\nStatus: 5.1.1"


def report(fields: str, kind: str = "text/rfc822-headers") -> bytes:
    headers = "Return-Path: <>\nContent-Type: multipart/report; report-type=delivery-status; boundary=b"
    return mail(headers, REPORT.format(fields=fields, kind=kind), sender="MAILER-DAEMON@x.example")


@pytest.mark.parametrize(
    ("fields", "bounce"),
    [
        (FAILED, ("Citizen@d.example", "failed", "5.1.1", True)),
        (FAILED.replace("5.1.1", "4.4.1"), ("Citizen@d.example", "failed", "4.4.1", False)),
        (FAILED.replace("5.1.1", "5.2.2"), ("Citizen@d.example", "failed", "5.2.2", False)),
        (
            FAILED.replace("failed", "delayed").replace("5.1.1", "4.4.1"),
            ("Citizen@d.example", "delayed", "4.4.1", False),
        ),
        (
            FAILED.replace("failed", "delivered").replace("5.1.1", "2.0.0"),
            ("Citizen@d.example", "delivered", "2.0.0", False),
        ),
        (
            FAILED.replace("5.1.1", "5.0.0") + "\nDiagnostic-Code: smtp; 550 5.7.1 refused",
            ("Citizen@d.example", "failed", "5.7.1", True),
        ),
        (
            FAILED.replace("failed", "relayed").replace("Citizen", "other") + "\n\n" + FAILED,
            ("Citizen@d.example", "failed", "5.1.1", True),
        ),
        (
            "Original-Recipient: rfc822;citizen@d.example\nFinal-Recipient: X400; c\nAction: failed\nStatus: 5.1.1",
            ("citizen@d.example", "failed", "5.1.1", True),
        ),
        (FAILED.replace("failed", "expired"), ("Citizen@d.example", "failed", "5.1.1", True)),
    ],
)
@pytest.mark.parametrize("kind", ["text/rfc822-headers", "message/rfc822"])
def test_a_report_says_whom_it_did_not_reach(fields: str, bounce: tuple[str, str, str, bool], kind: str) -> None:
    """Of a report by the book, the address, what happened, whether for good, and which mail of ours are known."""
    assert Bounce(*bounce, "<case.1@amana.example>") == read(report(fields, kind)).bounce


def test_a_bounce_in_prose_is_read() -> None:
    """A mail server that writes no report is understood by its words."""
    body = """I'm afraid I wasn't able to deliver your message to the following addresses.

<citizen@d.example>:
host said: 550 5.1.1 No such user (#5.1.1)

--- Below this line is a copy of the message.

Return-Path: <shakawa@amana.example>
Message-ID: <case.1@amana.example>
From: shakawa@amana.example
"""
    raw = mail(
        "Return-Path: <>\nTo: shakawa@amana.example", body, sender="MAILER-DAEMON@x.example", subject="failure notice"
    )

    assert Bounce(
        "citizen@d.example", "failed", "5.1.1", permanent=True, original_message_id="<case.1@amana.example>"
    ) == (read(raw).bounce)


def test_which_mail_of_ours_a_report_is_about() -> None:
    """The returned headers say it, whatever the server writes above them; else what the report answers."""
    prose = "This is the mail system.\nMessage-ID: <queue-77@mx.x.example>\n"
    named = report(FAILED).replace(b"This is the mail system.", prose.replace("\n", "\r\n").encode())
    bare = mail("Return-Path: <>\nIn-Reply-To: <case.1@amana.example>", "c@d.example: 550 no", subject="failure notice")

    for raw in (named, bare):
        bounce = read(raw).bounce
        assert bounce is not None
        assert "<case.1@amana.example>" == bounce.original_message_id


@pytest.mark.parametrize(
    ("subject", "words", "outcome"),
    [
        ("Mail", "Could not be delivered to: <c@d.example>\nAs their mailbox is full.", ("failed", "", False)),
        ("failure notice", "<c@d.example>: 554 refused by policy", ("failed", "5.0.0", True)),
        ("failure notice", "<c@d.example>: 451 try later", ("failed", "4.0.0", False)),
        ("Warning: could not send message", "c@d.example\nWe will keep trying for 4 days.", ("delayed", "", False)),
        ("Delivery delayed", "c@d.example 4.4.1, delivery will be attempted again", ("delayed", "4.4.1", False)),
        ("Returned mail", "c@d.example: mailbox unavailable", ("failed", "", True)),
    ],
)
def test_prose_says_whether_it_is_for_good(subject: str, words: str, outcome: tuple[str, str, bool]) -> None:
    """A full mailbox and a server that still tries are told from an address that does not exist."""
    bounce = read(mail("Return-Path: <>", words, sender="MAILER-DAEMON@x.example", subject=subject)).bounce

    assert bounce is not None
    assert ("c@d.example", *outcome) == (bounce.recipient, bounce.action, bounce.status, bounce.permanent)


def test_a_citizen_who_forwards_a_bounce_is_heard() -> None:
    """A bounce attached to a citizen's own mail is what they complain about."""
    inner = report(FAILED).decode()
    body = f"--o\n\nبريدكم لا يعمل\n--o\nContent-Type: message/rfc822\n\n{inner}\n--o--"
    letter = read(mail("Content-Type: multipart/mixed; boundary=o", body))

    assert ("", None, "بريدكم لا يعمل") == (letter.automatic, letter.bounce, letter.text)
