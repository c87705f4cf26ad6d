"""One mail, from the bytes of it to what it says: the door to everything here that reads mail.

`read` is a pure function and never raises: a mail is what anybody on earth may send. Whatever of it cannot be read is
said in `Letter.defects`, whatever is not taken along is named in `Letter.dropped`, and where there is doubt whether
words are the sender's own they are shown rather than cut.

It works through all bytes of a mail and does no I/O: call it in a thread, so that a large one delays nobody.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.utils import parseaddr


@dataclass(frozen=True, slots=True)
class Part:
    """One attachment: a photo, a scan, a forwarded mail, or a picture within the text (`inline`)."""

    filename: str = field(repr=False)  # as the sender wrote it, without a path; empty when it has none
    content_type: str  # as declared, in lower case; the bytes may be something else
    data: bytes = field(repr=False)
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Dropped:
    """An attachment that was not taken along: `why` in words for a person, `size` in bytes."""

    filename: str = field(repr=False)
    content_type: str
    size: int
    why: str


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a mail server says became of a mail of ours.

    `status` is an enhanced status code of RFC 3463 (`5.1.1`), empty when the report has none. `action` is RFC 3464's
    word: failed, delayed, delivered, relayed, expanded. `permanent` says that this address will never take it.
    `original_message_id` is the one of our mail, in its angle brackets; empty when the report does not quote it.
    Anybody can write such a report: believe it only where the original's id is provably ours.
    """

    recipient: str = field(repr=False)
    action: str
    status: str
    permanent: bool
    original_message_id: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says.

    `text` is what the sender newly says, `full_text` the same with quoted mail and signature; both end lines with LF.
    Addresses are bare (`someone@example.com`), the domain in lower case; `sender` is empty when there is none.
    `delivered_to` is where the mail servers say they delivered it, topmost header first. Ids of mails stand in their
    angle brackets; `message_id` is empty when there is none. `date` is what the sender claims, in UTC.

    `automatic` says why it is machine-made and nobody's complaint, so that it is neither filed nor answered: `dsn`,
    `mdn`, `abuse report`, `auto-submitted`, `out of office`, `list`, `bulk`, `no-reply`, `mailer-daemon`, `own`.
    `unanswerable` says why a mail that may well be a complaint must not be answered by a machine. `bounce` is set for
    a `dsn` that tells what became of a mail.

    `authenticated` is `pass` when our own mail server found the sender's domain proven, `fail` when it found it
    disproven, else `none`. `fax` marks a fax that came by mail. `defects` says what was wrong, for a person.
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
    del authserv_id, fax_from, own
    message = message_from_bytes(raw, policy=policy.compat32)
    name, address = parseaddr(str(message.get("From", "")))
    return Letter(subject=str(message.get("Subject", "")), sender_name=name, sender=address)
