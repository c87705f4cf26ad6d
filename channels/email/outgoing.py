"""One reply as a mail: in the citizen's thread, and marked as written by a machine.

The Message-ID is made from the reply, so that every try sends the same mail: a server that took the first one, and
could not say so any more, may recognise the second.

Not everything goes through the standard library: it writes an id of more than 78 characters, which Outlook's are, as an
encoded word, and then nobody's program finds the thread.
"""

from __future__ import annotations

import html
import json
import re
from datetime import datetime
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from typing import Any, NamedTuple

from channels.base import Refused
from channels.email.quotes import MARKER
from channels.email.thread_ids import ThreadIds
from channels.message import Reply, Scheme

AUTOMATIC = frozenset({"", "received", "distress", "amended", "nothing", "opt_out", "opt_in"})
"""What a reply is for when no person had a hand in it: such a one goes only where a machine may answer."""

_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_SPECIAL = frozenset(' <>"()[]:;,\\')  # in an address that nobody quoted
_LETTER = re.compile(r"[^\W\x00-\x7f]|[\u0610-\u061a\u064b-\u065f\u0670]")  # beyond ASCII, with the marks upon it
_LONGEST_SUBJECT = 200  # characters
_MOST_REFERENCES = 20
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "ur", "ckb", "he"})
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")


class Outgoing(NamedTuple):
    """A mail on its way: the envelope's two ends, the bytes, and its Message-ID in angle brackets."""

    return_path: str
    to: str
    content: bytes
    message_id: str


def compose(reply: Reply, sender: str, ids: ThreadIds, now: datetime) -> Outgoing:
    """Write a reply as a mail from `sender`. Raises Refused when it can go to nobody."""
    thread = _thread(reply.thread)
    if reply.to.scheme != Scheme.MAILTO:
        raise Refused("no-address", "a fax and a mail without a sender cannot be answered", elsewhere=True)
    if thread.get("unanswerable") and reply.purpose in AUTOMATIC:
        raise Refused("unanswerable", f"a machine may not answer this mail: {thread['unanswerable']}", elsewhere=True)
    to = _addressee(reply.to.value)
    message = EmailMessage(policy=SMTP if to.addr_spec.isascii() else SMTPUTF8)
    name, address = parseaddr(sender)
    message["From"] = MailAddress(name, addr_spec=address)
    message["To"] = to
    answers_to = ids.reply_to(reply.reference, reply.to.value)
    if answers_to:
        message["Reply-To"] = MailAddress(name, addr_spec=answers_to)
    message["Subject"] = _subject(str(thread.get("subject") or ""), reply.reference, name)
    message["Date"] = format_datetime(now)
    message["Auto-Submitted"] = "auto-replied" if reply.purpose in AUTOMATIC else "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    if reply.purpose not in AUTOMATIC:
        message["Precedence"] = "bulk"
    language = reply.language if _LANGUAGE.fullmatch(reply.language) else "ar"
    message.set_content(f"{MARKER}\n\n{reply.text}\n", cte="base64")
    message.add_alternative(_page(reply.text, language), subtype="html", cte="base64")
    message["Content-Language"] = language  # last: set_content takes every Content-… away
    message_id = ids.message_id(reply.reference, reply.id, reply.to.value)
    return Outgoing(
        return_path=ids.return_path(reply.id),
        to=to.addr_spec,
        content=_threaded(message_id, thread) + message.as_bytes(),
        message_id=message_id,
    )


def _addressee(value: str) -> MailAddress:
    """Read the citizen's address: exactly one, and nothing that could become another header or another recipient."""
    local, _, domain = value.rpartition("@")
    try:
        if _CONTROL.search(value) or set(value) & _SPECIAL or not local or not domain:
            raise ValueError("not an address")
        if not domain.isascii():
            domain = domain.encode("idna").decode("ascii")
        # A local part in Arabic letters is a right one (RFC 6531), and the parser knows only those of RFC 5322.
        MailAddress(addr_spec=f"{_LETTER.sub('x', local)}@{domain}")
        return MailAddress(username=local, domain=domain)
    except (ValueError, IndexError, AttributeError) as error:  # what the standard library's parser raises for nonsense
        raise Refused(
            "bad-address", "the sender's address is not one that can be written to", elsewhere=True
        ) from error


def _subject(subject: str, reference: str, name: str) -> str:
    shown = f"{reference[:4]} {reference[4:7]} {reference[7:]}".strip() if reference else ""
    subject = _CONTROL.sub(" ", subject).strip()[:_LONGEST_SUBJECT]
    if not subject:
        return f"{name or 'بلاغ / Balagh'} {shown}".strip()
    digits = re.sub(r"[^0-9]", "", subject)
    return f"Re: {subject}" if not shown or reference in digits else f"Re: {subject} [{shown}]"


def _page(text: str, language: str) -> str:
    """Write the same words as HTML, each line in the direction of its own first letter."""
    direction = "rtl" if language.partition("-")[0].lower() in _RIGHT_TO_LEFT else "ltr"
    lines = "".join(f'<p dir="auto" style="margin:0 0 .5em">{html.escape(line)}</p>\n' for line in text.split("\n"))
    return (
        f'<!doctype html>\n<html lang="{language}" dir="{direction}"><head><meta charset="utf-8"></head>\n'
        f'<body style="font-family:sans-serif;line-height:1.6">\n<p style="color:#666">{html.escape(MARKER)}</p>\n'
        f"{lines}</body></html>\n"
    )


def _threaded(message_id: str, thread: dict[str, Any]) -> bytes:
    lines = [f"Message-ID: {message_id}"]
    answered = str(thread.get("message_id") or "")
    if _MESSAGE_ID.fullmatch(answered):
        known = thread.get("references")
        earlier = [one for one in known if isinstance(one, str) and _MESSAGE_ID.fullmatch(one)] if known else []
        references = [one for one in earlier[:_MOST_REFERENCES] if one != answered] + [answered]
        lines += [f"In-Reply-To: {answered}", "References: " + "\r\n ".join(references)]
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def _thread(written: str) -> dict[str, Any]:
    try:
        thread = json.loads(written)
    except ValueError:
        return {}
    return thread if isinstance(thread, dict) else {}
