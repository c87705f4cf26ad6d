"""Which mail a machine made: it is nobody's complaint, and an answer to it could go round for ever (RFC 3834).

Two answers are given. What is surely a machine's is *automatic*: never filed, never answered. What a citizen may have
sent by way of a machine (a list of our own, a fax gateway, a mail that asks for no automatic answer) is
*unanswerable*: filed, and not answered by us.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from channels.email.headers import Headers, Mailbox
from channels.email.parts import Node

_REPORTS = {
    "delivery-status": "dsn",
    "disposition-notification": "mdn",
    "feedback-report": "abuse report",
}
_DAEMON = re.compile(
    r"mailer[-_.]?daemon|post[-_]?master|mail[-_]?daemon|mdaemon|maildaemon|mail-?delivery.*|postoffice", re.IGNORECASE
)
_NO_REPLY = re.compile(
    r"(?:.*[-_.+])?(?:no|do[-_.]?not|dont)[-_.]?(?:reply|respond|answer)(?:[-_.+].*)?", re.IGNORECASE
)
_FAILURE = re.compile(
    r"undeliver|not (?:be )?delivered|delivery (?:status|fail|report|notif|problem|has failed|delay|error)"
    r"|failed delivery|returned mail|return(?:ed|ing) message|failure notice|bounced? mail|non-?delivery|ndn:"
    r"|mail (?:delivery )?(?:fail|error|system error)|error sending your mail|message (?:delivery|delayed|bounced)"
    r"|unable to deliver|warning: (?:could not|message)|unknown user|user unknown|could not send|problems? delivering"
    r"|تعذر (?:تسليم|التسليم|توصيل|إرسال)|لم يتم (?:التسليم|تسليم)|فشل (?:التسليم|تسليم|في تسليم)"
    r"|unzustellbar|non remis|échec de la remise",
    re.IGNORECASE,
)
_NOT_REACHED = re.compile(
    r"did not reach|not (?:be )?delivered|couldn.t be (?:sent|delivered)|could not be (?:sent|delivered)"
    r"|trouble delivering|unable to deliver|error sending|invalid user|no such user|unknown user"
    r"|(?:送信|配信)でき|not a member of this mailing list|تعذر (?:تسليم|التسليم|توصيل)",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"(?:automatic(?:ally generated)? (?:reply|response)|auto(?:matic)?[- ]?(?:reply|response|respond(?:er)?|answer)"
    r"|out of (?:the )?office(?: autoreply)?|ooo|vacation(?: reply| response)?|on vacation"
    r"|réponse automatique|absence du bureau|abwesenheit\w*|automatische antwort"
    r"|رد تلقائي|الرد التلقائي|خارج المكتب|رد آلي)\s*(?:[:：]|$)"
    r"|out of (?:the )?office\b|away from (?:the |my )?(?:office|mail|desk)",
    re.IGNORECASE,
)
_OPENING = 3000  # characters in which a bounce says what it is
_AWAY_HEADERS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-vacation", "x-autoreply-from")
_LIST_HEADERS = (
    "list-id",
    "list-post",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "mailing-list",
    "x-mailing-list",
    "x-mlserver",
    "x-mailman-version",
    "x-beenthere",
)
_LIST_OFFICE = re.compile(r"owner-.+|.+-(?:owner|request|bounces)(?:\+.*)?", re.IGNORECASE)  # RFC 3834, section 2
_SUPPRESSED = re.compile(r"\b(?:all|oof|autoreply|dr|rn|nrn)\b", re.IGNORECASE)


def why_automatic(mail: Node, text: str, own: Collection[str] = ()) -> str:
    """Say why a mail is a machine's: one of the words of `Letter.automatic`. Empty when a citizen may have sent it."""
    ours = {address.lower() for address in own}
    return (
        _report(mail)
        or ("own" if _sender(mail.headers) in ours else "")
        or _returned(mail, text)
        or _away(mail.headers)
        or _machine(mail.headers)
        or ("" if _list_of_ours(mail.headers, ours) else _crowd(mail.headers))
    )


def why_unanswerable(mail: Node) -> str:
    """Say why no machine may answer a mail that may well be a complaint; empty when it may be answered."""
    headers = mail.headers
    if headers.raw("return-path") == "<>":
        return "it came without an envelope sender"
    if _said(headers) not in {"", "no"}:
        return "a machine sent it on"
    if _SUPPRESSED.search(headers.raw("x-auto-response-suppress")):
        return "it asks for no automatic answer"
    if _through_list(headers):
        return "it came through a list"
    if not _sender(headers) and not _reply_to(headers):
        return "it has no sender"
    return ""


def whom_a_form_writes_for(headers: Headers) -> Mailbox | None:
    """Return the citizen for whom a form on a web page writes: it calls itself no-reply and names another in Reply-To.

    Whoever else asks for answers elsewhere is not believed: the reference would go to whomever a forger likes.
    """
    return _named(headers) if _NO_REPLY.fullmatch(_sender(headers).partition("@")[0]) else None


def _sender(headers: Headers) -> str:
    return next(iter(headers.addresses("from") or headers.addresses("sender")), "").lower()


def _locals(headers: Headers, *names: str) -> list[str]:
    return [address.partition("@")[0] for address in headers.addresses(*names)]


def _reply_to(headers: Headers) -> str:
    """Return where a form on a web page wants the answer: its own address is no-reply, the citizen's is this."""
    named = _named(headers)
    return named.address if named else ""


def _named(headers: Headers) -> Mailbox | None:
    for box in headers.mailboxes("reply-to"):
        local = box.address.partition("@")[0]
        if box.address and not _NO_REPLY.fullmatch(local) and not _DAEMON.fullmatch(local):
            return box
    return None


def _report(mail: Node) -> str:
    """Recognise the three kinds of RFC 6522 report, by the label and by what is inside."""
    named = mail.headers.parameter("content-type", "report-type").lower()
    if mail.content_type == "multipart/report" and named in _REPORTS:
        return _REPORTS[named]
    inside = [child.content_type.removeprefix("message/") for child in mail.children if child.family == "message"]
    for word in (*inside, mail.content_type.removeprefix("message/")):
        if word.removeprefix("global-") in _REPORTS:
            return _REPORTS[word.removeprefix("global-")]
    return "dsn" if mail.content_type == "multipart/report" else ""


def _returned(mail: Node, text: str) -> str:
    """Recognise a bounce that is no RFC 6522 report, by who sends it and what it says."""
    headers = mail.headers
    if "x-failed-recipients" in headers:
        return "dsn"
    locals_ = _locals(headers, "from", "return-path")
    nobody = (
        headers.raw("return-path") == "<>"
        or _said(headers) not in {"", "no"}
        or not headers.addresses("from")
        or any(_DAEMON.fullmatch(local) for local in locals_)
    )
    if nobody and _FAILURE.search(headers.text("subject")):
        return "dsn"
    machine = nobody or (any(_NO_REPLY.fullmatch(local) for local in locals_) and not _reply_to(headers))
    named = any(_DAEMON.fullmatch(local) or _NO_REPLY.fullmatch(local) for local in locals_) or _said(headers)
    told = _NOT_REACHED.search(f"{headers.text('subject')}\n{text[:_OPENING]}")
    return "dsn" if machine and named and told else ""


def _away(headers: Headers) -> str:
    told = _AWAY.match(headers.text("subject")) or headers.word("x-apple-action") == "vacation"
    return "out of office" if told or any(name in headers for name in _AWAY_HEADERS) else ""


def _machine(headers: Headers) -> str:
    local = _sender(headers).partition("@")[0]
    if _DAEMON.fullmatch(local):
        return "mailer-daemon"
    if _said(headers) not in {"", "no", "auto-forwarded"}:
        return "auto-submitted"
    return "no-reply" if _NO_REPLY.fullmatch(local) and not _reply_to(headers) else ""


def _crowd(headers: Headers) -> str:
    precedence = headers.word("precedence")
    if precedence == "list" or any(name in headers for name in _LIST_HEADERS):
        return "list"
    return {"bulk": "bulk", "junk": "bulk", "auto_reply": "out of office"}.get(precedence, "")


def _through_list(headers: Headers) -> bool:
    offices = _locals(headers, "from", "sender", "return-path")
    return bool(_crowd(headers)) or any(_LIST_OFFICE.fullmatch(local) for local in offices)


def _said(headers: Headers) -> str:
    return headers.word("auto-submitted").split(" ")[0]


def _list_of_ours(headers: Headers, ours: Collection[str]) -> bool:
    """Tell a list of our own (a Google group as mailbox of a department), by which citizens write to us."""
    posts = headers.addresses("list-post", "mailing-list")
    return any(address.lower().removeprefix("mailto:") in ours for address in posts)
