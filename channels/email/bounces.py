"""What mail servers say became of a mail: RFC 3464 where they speak it, and their own prose where they do not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from channels.email.headers import Headers
from channels.email.parts import Node, parse
from channels.email.words import decode

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_REPLY = re.compile(r"(?<![\d.:/-])([45])[0-7][0-9](?=[ -]\S)(?! ?(?:bytes|KB|MB))")
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[\w-]{1,63}\.){1,8}\w{2,24}")
_ID_HEADER = re.compile(r"^[> |]*Message-Id:\s*(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)
_DATA = re.compile(r"(?:Final|Original)-Recipient:", re.IGNORECASE)
_FIELD = re.compile(r"^[ \t>]*([A-Za-z-]{3,40}):[ \t]*(\S.*)$", re.MULTILINE)
_RETURNED = re.compile(r"(?:original|returned|unsent|undelivered) message|copy of|header", re.IGNORECASE)
_COPY = re.compile(r"(?:return-path|received): ", re.IGNORECASE)
_FULL = re.compile(r"quota|mailbox (?:is )?full|temporar|try again|deferred|timed? ?out", re.IGNORECASE)
_TRYING = re.compile(
    r"will (?:be )?(?:retr|try|tried|attempt|continue|keep trying)|still (?:trying|being)|not yet been delivered"
    r"|(?:could not send|not sent) for (?:past|the last)|do not need to resend|delivery delayed|message delayed",
    re.IGNORECASE,
)
_EXPIRED = "4.4.7"  # RFC 3463's word for a time that ran out
_ACTIONS = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})
_LONGEST = 64 * 1024
_LINE = 1000  # characters of one line
_MOST = 50


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a mail server says became of a mail of ours.

    `status` is an enhanced status code of RFC 3463 (`5.1.1`), empty when the report has none. `action` is RFC 3464's
    word: failed, delayed, delivered, relayed, expanded. `permanent` says that trying again later is no use.
    `original_message_id` is the one of our mail, in its angle brackets; empty when the report does not quote it.
    Anybody can write such a report: believe it only where the original's id is provably ours.
    """

    recipient: str = field(repr=False)
    action: str
    status: str
    permanent: bool
    original_message_id: str = ""


def bounce_in(mail: Node, text: str) -> Bounce:
    """Read a delivery report: what its fields say, and what its prose says where they are silent."""
    original = _original_id(mail, text)
    reports = [report for report in _reports(mail) if report[0]]
    reports.sort(key=lambda report: report[1] != "failed")  # one of several recipients failed: that is the news
    recipient, action, status = reports[0] if reports else ("", "", "")
    prose = _prose(text)
    if not recipient:
        recipient = _recipient(mail, prose)
    if not status or status.endswith(".0.0"):
        status = _status(prose) or status
    if not action:
        tries_on = not status.startswith("5") and _TRYING.search(f"{mail.headers.text('subject')}\n{prose}")
        action = "delayed" if tries_on else "failed"
    # A full mailbox is emptied one day.
    passing = status.startswith(("4", "5.2.2")) or (not status and _FULL.search(prose))
    permanent = action == "failed" and not passing
    return Bounce(recipient, action, status, permanent, original)


def _reports(mail: Node) -> list[tuple[str, str, str]]:
    """Return (recipient, action, status) of each recipient that the fields of a report name."""
    found = []
    for node in mail.walk():
        if node.content_type != "message/delivery-status":
            continue
        blocks = [child.headers for child in node.children] or _blocks(node)
        # Some servers leave out the blank line between the report's fields and the recipient's.
        found += [
            _report(headers) for headers in blocks if "final-recipient" in headers or "original-recipient" in headers
        ]
    return found[:_MOST]


def _blocks(node: Node) -> list[Headers]:
    text = decode(node.data[:_LONGEST])
    return [Headers(_FIELD.findall(block)) for block in re.split(r"\n[ \t]*\n", text)]


def _report(headers: Headers) -> tuple[str, str, str]:
    final, original = (_bare(headers.text(name)) for name in ("final-recipient", "original-recipient"))
    action = headers.word("action").split(" ")[0]
    found = _STATUS.search(headers.text("status")) or _STATUS.search(headers.text("diagnostic-code"))
    if found is None or found[0].endswith(".0.0"):
        found = _STATUS.search(headers.text("diagnostic-code")) or found
    status = found[0] if found else _EXPIRED if action == "expired" else ""
    recipient = original if "@" in original and "@" not in final else final
    return recipient, action if action in _ACTIONS else "failed", status


def _bare(recipient: str) -> str:
    address = recipient.rpartition(";")[2].strip(" <>")
    if address.startswith("@"):
        address = address.partition(":")[2]  # a route of the old kind: @relay:someone@example.com
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain.lower()}"


def _original_id(mail: Node, text: str) -> str:
    for node in mail.walk():
        if node is mail:
            continue
        identities = node.headers.ids("message-id")
        if identities:
            return identities[0]
        if node.content_type in {"text/rfc822-headers", "message/rfc822-headers"}:
            identities = parse(node.data[:_LONGEST]).headers.ids("message-id")
            if identities:
                return identities[0]
    quoted = _ID_HEADER.findall(text[:_LONGEST]) or _ID_HEADER.findall(_anywhere(mail))
    if quoted:
        return str(quoted[-1])
    # The null sender's answer to our mail names it as a reply would.
    named = mail.headers.ids("in-reply-to") or mail.headers.ids("references")
    return named[-1] if named else ""


def _anywhere(mail: Node) -> str:
    leaves = (
        node for node in mail.walk() if not node.children and node.family in {"text", "message"} and node is not mail
    )
    return "\n".join(decode(node.data[:_LONGEST]) for node in list(leaves)[:_MOST])


def _prose(text: str) -> str:
    """Return the part of a report that is the server's own: above the mail that it returns."""
    own: list[str] = []
    for line in text[:_LONGEST].split("\n"):
        start = line[:_LINE].lstrip(" >|")
        ruled = start.startswith(("---", "===", "___"))
        if _COPY.match(start) or (ruled and _RETURNED.search(start)):
            break
        own.append(line[:_LINE])
    prose = "\n".join(own)
    return prose if _ADDRESS.search(prose) or _STATUS.search(prose) else text[:_LONGEST]


def _recipient(mail: Node, prose: str) -> str:
    headers = mail.headers
    failed = headers.addresses("x-failed-recipients", "x-actual-recipient-smtp")
    if failed:
        return failed[0]
    ours = {address.lower() for address in headers.addresses("from", "to", "delivered-to", "return-path", "reply-to")}
    named = [address.strip(".'`") for address in _ADDRESS.findall(prose)]
    named = [address for address in named if not address.lower().startswith(("postmaster@", "mailer-daemon@"))]
    written_to = (address for node in mail.walk() if node is not mail for address in node.headers.addresses("to"))
    others = (address for address in named if address.lower() not in ours)
    return _bare(next(others, "") or next(written_to, "") or next(iter(named), ""))


def _status(prose: str) -> str:
    codes: list[str] = [match[0] for match in _STATUS.finditer(prose) if match[1] != "2"]
    exact = [code for code in codes if not code.endswith(".0.0")]
    if exact or codes:
        return (exact or codes)[0]
    reply = _REPLY.search(prose)
    return f"{reply[1]}.0.0" if reply else ""
