"""From a mail to an Inbound: what it is, whose it is, and whether it may be answered.

A mail is known by what it says (`identity`), not by where it lies: the same mail in two of our mailboxes, or under a
new UID after the mail server was restored, is one message. So the account of every e-mail is the same, empty one.

The text is the subject and then the words, for many a complaint says the place in its subject alone. An answer to a
mail of ours is its words alone: its subject is our own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from channels.email.letter import Dropped, Letter, read
from channels.email.mailbox import Mail
from channels.email.settings import Inbox
from channels.email.thread_ids import ThreadIds
from channels.message import Address, Delivery, DeliveryState, Inbound, Media, Purpose, Scheme

NAME, PROVIDER = "email", "imap"

_LONGEST_HEADERS = 32 * 1024  # bytes of headers that are kept for a person
_LONGEST_QUOTED = 128 * 1024  # characters of the mail with what it quotes
_MOST_REFERENCES = 20  # ids of a thread: the first, and the last ones
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>")
_ANSWERED = re.compile(r"^(?:\s*(?:re|aw|fwd?|رد|الرد|إعادة توجيه|توجيه)\s*[:：]\s*)+", re.IGNORECASE)
_FAX_NUMBER = re.compile(r"\+?[0-9٠-٩][0-9٠-٩ ()./-]{5,18}[0-9٠-٩]")
_HEADER = r"^%s:[ \t]*((?:[^\n]|\n[ \t])*)"


@dataclass(frozen=True, slots=True)
class Post:
    """What reading a mail needs to know of the house: its inboxes, its signed ids, its own addresses."""

    inboxes: Sequence[Inbox]
    ids: ThreadIds
    own: Collection[str]
    authserv_id: str

    def read(self, mail: Mail, inbox: Inbox) -> Letter:
        """Read a mail. It takes as long as the mail is large: call it in a thread."""
        return read(mail.raw, authserv_id=self.authserv_id, fax_from=inbox.fax, own=self.own)

    def inbound(
        self,
        mail: Mail,
        letter: Letter,
        inbox: Inbox,
        validity: int,
        media: Sequence[Media],
        missing: Sequence[Dropped],
    ) -> Inbound:
        """Say what a letter means. `missing` is what was attached and could not be kept."""
        inbound = Inbound(
            channel=NAME,
            account="",
            external_id=identity(mail.raw),
            sender=_sender(letter),
            provider=PROVIDER,
            sent_at=letter.date or mail.received,
            raw=_raw(mail, letter, inbox, validity),
        )
        if letter.bounce:
            return self._bounced(inbound, letter)
        if letter.automatic and not letter.fax:
            return inbound.but(purpose=Purpose.IGNORED, note=letter.automatic)
        about, third_party = self._about(letter)
        return inbound.but(
            text="" if letter.fax else _text(letter, answered=bool(about)),
            media=tuple(media),
            sender_name="" if letter.fax else letter.sender_name,
            about=about,
            thread=_thread(letter),
            way="fax" if letter.fax else "",
            answers=self._answers(letter, inbox, missing, third_party=third_party),
        )

    def _about(self, letter: Letter) -> tuple[str, bool]:
        """Return the reference that the letter provably belongs to, and whether somebody else was written to."""
        if letter.fax or letter.authenticated == "fail":
            return "", False  # whoever only pretends to be the sender shall not act on a complaint
        ids = [letter.in_reply_to, *reversed(letter.references)]
        proof = self.ids.proof(ids, [*letter.delivered_to, *letter.to, *letter.cc])
        if proof is None or not proof.reference:
            return "", False
        return proof.reference, proof.addressee != self.ids.tag(letter.sender)

    def _bounced(self, inbound: Inbound, letter: Letter) -> Inbound:
        bounce = letter.bounce
        assert bounce is not None
        reply = self.ids.bounced(bounce.original_message_id, [*letter.delivered_to, *letter.to])
        if not reply:
            return inbound.but(purpose=Purpose.IGNORED, note="a delivery report about a mail that is not ours")
        state = _STATES.get(bounce.action, DeliveryState.UNKNOWN)
        return inbound.but(
            purpose=Purpose.DELIVERY,
            sender=Address(Scheme.MAILTO, bounce.recipient) if bounce.recipient else inbound.sender,
            delivery=Delivery(
                # The original's id is quoted by most, not by all; the reply's own id is what counts.
                provider_id=bounce.original_message_id.strip("<>") or reply,
                status=state,
                error_code=bounce.status,
                reply=reply,
                transient=state.lost and not bounce.permanent,
            ),
        )

    def _answers(
        self, letter: Letter, inbox: Inbox, missing: Sequence[Dropped], *, third_party: bool
    ) -> Mapping[str, Any]:
        stated: dict[str, Any] = {
            "subject": letter.subject,
            "department": self._department(letter, inbox),
            "unverified": letter.authenticated == "fail",
            "third_party": third_party,
            "missing_attachments": [
                {"filename": item.filename, "size": item.size, "why": item.why} for item in (*letter.dropped, *missing)
            ],
        }
        if letter.fax:
            number = _FAX_NUMBER.search(letter.subject) or _FAX_NUMBER.search(letter.sender)
            stated["fax_number"] = number[0] if number else ""
            stated["fax_cover"] = letter.text
        return {name: value for name, value in stated.items() if value}

    def _department(self, letter: Letter, inbox: Inbox) -> str:
        """Return whose mail it is: of the inboxes it is written to, the first that is one department's alone.

        The same mail in two mailboxes must say the same, whichever is read first.
        """
        written_to = [address.lower() for address in (*letter.to, *letter.cc)]
        of = {one.address: one.department for one in self.inboxes if one.address and one.department}
        return next((of[address] for address in written_to if address in of), inbox.department or "")


_STATES = {  # the words of RFC 3464, 2.3.3
    "failed": DeliveryState.UNDELIVERED,
    "delayed": DeliveryState.SENDING,
    "delivered": DeliveryState.DELIVERED,
    "relayed": DeliveryState.SENT,
    "expanded": DeliveryState.SENT,
}


def identity(raw: bytes) -> str:
    """Name a mail by what it says: its id, who wrote it, when, and the words.

    Not by the Message-ID alone, for broken programs give two mails the same one; and not by all bytes, for each mail
    server on the way to a mailbox writes headers of its own. A mail without Message-ID counts with the header of the
    first server that took it, so that the same words on two days are two mails; one that passed no server counts with
    all its headers, which nobody added to, for what has no empty line in it is nothing but headers.
    """
    headers, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    digest = hashlib.sha256()
    message_id = _header(headers, b"message-id")
    for part in (message_id, *(_header(headers, name) for name in (b"from", b"date", b"subject"))):
        digest.update(part + b"\0")
    if not message_id:
        digest.update((_header(headers, b"received", last=True) or headers) + b"\0")
    digest.update(body.rstrip(b"\n"))
    return f"mail:{digest.hexdigest()[:40]}"


def unreadable(raw: bytes, uid: int, validity: int, inbox: Inbox, media: Sequence[Media], why: str) -> Inbound:
    """Keep a mail that nobody could read, or that the server does not give out, for a person."""
    place = hashlib.sha256(f"{inbox.line}\0{validity}\0{uid}".encode()).hexdigest()[:40]
    return Inbound(
        channel=NAME,
        account="",
        external_id=identity(raw) if raw else f"uid:{place}",
        sender=Address(Scheme.UNKNOWN, ""),
        purpose=Purpose.UNREADABLE,
        provider=PROVIDER,
        media=tuple(media),
        note=why,
        raw={"mailbox": inbox.line, "uidvalidity": validity, "uid": uid, "headers": _headers(raw)},
    )


def _header(headers: bytes, name: bytes, *, last: bool = False) -> bytes:
    found = re.findall(_HEADER.encode() % re.escape(name), headers, re.IGNORECASE | re.MULTILINE)
    return b" ".join((found[-1] if last else found[0]).split()) if found else b""


def _sender(letter: Letter) -> Address:
    # Who sent a fax is known to the gateway alone, and the gateway's own address is nobody to write to.
    return Address(Scheme.MAILTO, letter.sender) if letter.sender and not letter.fax else Address(Scheme.UNKNOWN, "")


def _text(letter: Letter, *, answered: bool) -> str:
    subject = _ANSWERED.sub("", letter.subject).strip()
    if not subject or (answered and letter.text.strip()) or subject in letter.text:
        return letter.text
    return f"{subject}\n{letter.text}" if letter.text.strip() else subject


def _thread(letter: Letter) -> str:
    """Write down what an answer needs in order to stand below the mail in the citizen's mail program."""
    references = [one for one in letter.references if _MESSAGE_ID.fullmatch(one)]
    known = {
        "message_id": letter.message_id if _MESSAGE_ID.fullmatch(letter.message_id) else "",
        "references": references[:1] + references[1:][-(_MOST_REFERENCES - 1) :],
        "subject": _ANSWERED.sub("", letter.subject).strip()[:200],
        "unanswerable": letter.unanswerable,
    }
    return json.dumps({name: value for name, value in known.items() if value}, ensure_ascii=True)


def _raw(mail: Mail, letter: Letter, inbox: Inbox, validity: int) -> Mapping[str, Any]:
    raw: dict[str, Any] = {
        "mailbox": inbox.line,
        "uidvalidity": validity,
        "uid": mail.uid,
        "size": mail.size,
        "headers": _headers(mail.raw),
    }
    if not mail.whole:
        raw["fetched"] = "headers and text"
    if letter.full_text != letter.text:
        raw["full_text"] = letter.full_text[:_LONGEST_QUOTED]
    if letter.defects:
        raw["defects"] = list(letter.defects)
    return raw


def _headers(raw: bytes) -> str:
    return raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0][:_LONGEST_HEADERS].decode("utf-8", "surrogateescape")
