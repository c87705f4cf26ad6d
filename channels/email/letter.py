"""One mail, from the bytes of it to what it says: the door to everything here that reads mail.

`read` is a pure function and never raises: a mail is what anybody on earth may send. Whatever of it cannot be read is
said in `Letter.defects`, whatever is not taken along is named in `Letter.dropped`, and where there is doubt whether
words are the sender's own they are shown rather than cut.

It works through all bytes of a mail and does no I/O: call it in a thread, so that a large one delays nobody.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from channels.email.automatic import whom_a_form_writes_for, why_automatic, why_unanswerable
from channels.email.bodies import Body, Dropped, Part, body_of
from channels.email.bounces import Bounce, bounce_in
from channels.email.headers import Headers, Mailbox
from channels.email.parts import Node, parse
from channels.email.proof import authenticated
from channels.email.quotes import forwards, newly_said, replies, without_device
from channels.email.words import decode

__all__ = ["Bounce", "Dropped", "Letter", "Part", "read"]

_DELIVERED_TO = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to")
_FAX_WORDS = re.compile(r"\b(?:e-?)?fax\b|فاكس", re.IGNORECASE)
_FAX_HEADERS = re.compile(r"x-(?:e?fax|hylafax|csid|tsid)\b.*")
_PAGES = ("image/tiff", "application/pdf", "image/tiff-fx", "image/x-tiff")
_UNREAD = 20_000  # bytes shown of a mail that could not be read
_HARMLESS = 40  # characters that a mail program writes beside a scan


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says.

    `text` is what the sender newly says, `full_text` the same with quoted mail and signature; both end lines with LF.
    Addresses are bare (`someone@example.com`), the domain in lower case; `sender` is empty when there is none, and the
    citizen where a form on a web page writes for one.
    `delivered_to` is where the mail servers say they delivered it, topmost header first. Ids of mails stand in their
    angle brackets; `message_id` is empty when there is none. `date` is what the sender claims, in UTC.

    `automatic` says why it is machine-made and nobody's complaint, so that it is neither filed nor answered: `dsn`,
    `mdn`, `abuse report`, `auto-submitted`, `out of office`, `list`, `bulk`, `no-reply`, `mailer-daemon`, `own`.
    `unanswerable` says why a mail that may well be a complaint must not be answered by a machine. `bounce` is set for
    a `dsn` that tells what became of a mail.

    `authenticated` is `pass` when our own mail server found the sender's domain proven, `fail` when it found it
    disproven, or when a form names somebody whom nothing proves; else `none`. `fax` marks a fax that came by mail.
    `defects` says what was wrong, for a person.
    """

    subject: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    full_text: str = field(default="", repr=False)
    sender_name: str = field(default="", repr=False)
    sender: str = field(default="", repr=False)
    reply_to: str = field(default="", repr=False)  # where the sender wants answers; empty when at `sender`
    to: tuple[str, ...] = field(default=(), repr=False)
    cc: tuple[str, ...] = field(default=(), repr=False)
    delivered_to: tuple[str, ...] = field(default=(), repr=False)
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    date: datetime | None = None
    attachments: tuple[Part, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    automatic: str = ""
    unanswerable: str = ""
    bounce: Bounce | None = None
    fax: bool = False
    authenticated: str = "none"
    defects: tuple[str, ...] = ()


def read(raw: bytes, *, authserv_id: str = "", fax_from: str = "", own: Collection[str] = ()) -> Letter:
    """Read a mail as it lies in the mailbox.

    `authserv_id` is how our own mail server signs its Authentication-Results; without it nobody is authenticated.
    `fax_from` is the address of the fax gateway, `*` standing for anything (`*@fax.example.com`). `own` are the
    addresses that we send from: what they send is never a complaint.
    """
    try:
        mail = parse(raw)
        return _read(mail, authserv_id, fax_from, own)
    except Exception as error:  # noqa: BLE001 - a bug here must not cost a mail: a person reads it as it came
        return Letter(text=decode(raw[:_UNREAD]), full_text=decode(raw[:_UNREAD]), defects=(type(error).__name__,))


def _read(mail: Node, authserv_id: str, fax_from: str, own: Collection[str]) -> Letter:
    headers, body = mail.headers, body_of(mail)
    sender = _sender(headers)
    fax = _is_fax(headers, body, sender.address, fax_from)
    author = whom_a_form_writes_for(headers) or sender
    proven = authenticated(headers, authserv_id, sender.address)
    if author is not sender and authserv_id:
        proven = "fail"  # what the server found is about the form, and anybody can be named in Reply-To
    automatic = "" if fax and _matches(sender.address, fax_from) else why_automatic(mail, body.text, own)
    return Letter(
        subject=headers.text("subject"),
        text=_said(headers, body),
        full_text=body.text,
        sender_name=author.name,
        sender=author.address,
        reply_to=_reply_to(headers, author.address),
        to=headers.addresses("to"),
        cc=headers.addresses("cc"),
        delivered_to=headers.addresses(*_DELIVERED_TO),
        message_id=next(iter(headers.ids("message-id")), ""),
        in_reply_to=next(iter(headers.ids("in-reply-to")), ""),
        references=headers.ids("references"),
        date=headers.date("date"),
        attachments=tuple(body.attachments),
        dropped=tuple(body.dropped),
        automatic=automatic,
        unanswerable="a fax is not answered by mail" if fax else why_unanswerable(mail),
        bounce=bounce_in(mail, body.text) if automatic == "dsn" else None,
        fax=fax,
        authenticated=proven,
        defects=tuple(_defects(headers, body)),
    )


def _sender(headers: Headers) -> Mailbox:
    """Return who wrote it: the first in From that has an address, else in Sender."""
    boxes = headers.mailboxes("from") + headers.mailboxes("sender")
    return next((box for box in boxes if box.address), boxes[0] if boxes else Mailbox("", ""))


def _reply_to(headers: Headers, sender: str) -> str:
    wanted = next(iter(headers.addresses("reply-to")), "")
    return "" if wanted.lower() == sender.lower() else wanted


def _said(headers: Headers, body: Body) -> str:
    """Return what is new. Only a reply quotes what we know; what a citizen forwards is what it is about."""
    subject = headers.text("subject")
    answers = "in-reply-to" in headers or "references" in headers or replies(subject)
    if not answers or forwards(subject):
        return without_device(body.text)
    said = newly_said(body.text)
    # Nothing new and nothing attached: the answer may stand within the quotation, in another colour.
    return said if said or body.attachments else body.text


def _is_fax(headers: Headers, body: Body, sender: str, fax_from: str) -> bool:
    if fax_from:
        return _matches(sender, fax_from)
    pages = [part for part in body.attachments if not part.inline]
    if not pages or not all(
        part.content_type in _PAGES or part.filename.lower().endswith((".tif", ".tiff", ".pdf")) for part in pages
    ):
        return False
    # The word in a subject is not enough: a citizen may write about a fax, and would get no answer.
    named = (_FAX_WORDS.search(headers.text("subject")) and "fax" in sender.lower()) or any(
        _FAX_HEADERS.fullmatch(name) for name in headers.names()
    )
    return bool(named) and len(body.text.strip()) <= _HARMLESS


def _matches(sender: str, pattern: str) -> bool:
    return bool(pattern) and fnmatchcase(sender.lower(), pattern.lower())


def _defects(headers: Headers, body: Body) -> list[str]:
    found = list(body.defects)
    if len(headers.addresses("from")) > 1 or len(headers.all("from")) > 1:
        found.append("it names several senders")
    if not headers.addresses("from"):
        found.append("it names no sender")
    if not headers.ids("message-id"):
        found.append("it has no Message-ID")
    return found
