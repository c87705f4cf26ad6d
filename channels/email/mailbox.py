r"""One inbox over one IMAP connection. It blocks: whoever owns it calls it from one thread of its own.

What IMAPClient 4.1 and the servers do that bites, tried against Dovecot 2.3:

- A connection that died during IDLE looks like "no mail": `idle_check` returns nothing, at once. Only `idle_done` says.
- `UID n:*` finds the last mail even when its UID is below n, for a range may be written either way round:
  `Cursor.missing` sorts that out.
- BODY[] marks a mail as read, BODY.PEEK[] does not. Staff read the same mailbox, so \Seen tells us nothing.
- A session goes on in a folder that was deleted, and sees nothing of the new one of the same name.
- Without a time-out a server that went away is waited for for ever.
"""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import (
    IMAPClientAbortError,
    IMAPClientError,
    LoginError,
    ProtocolError,
)

from channels.base import Barred, Busy
from channels.email.settings import Inbox

LARGEST = 30 * 1024 * 1024
"""Bytes up to which a mail is fetched whole; of a larger one, its headers and its words."""

INGESTED = "$Ingested"
"""The keyword on what we took, for staff to see. Nothing depends on it."""

_TIMEOUT = SocketTimeout(connect=10, read=60)  # seconds
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 20), (socket.TCP_KEEPCNT, 3))  # seconds, seconds, times
_BITE = 1024 * 1024  # bytes of a mail that are fetched at once
_WORDS = 2 * 1024 * 1024  # bytes of a large mail's text: longer than anybody writes
_WITHOUT_IDLE = 30.0  # seconds between questions to a server that does not tell by itself

# RFC 5530: the server is not well, or holds too many of us. Anything else at a login means that it does not let us in.
_PASSING = re.compile(
    rb"\[(?:UNAVAILABLE|INUSE|LIMIT|SERVERBUG|OVERQUOTA)\]|try again|temporar|too many|throttl|server busy",
    re.IGNORECASE,
)

# At DEBUG it writes out whole mails.
logging.getLogger("imapclient").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it lies in the mailbox. `whole` is false when it was so large that its attachments stayed there."""

    uid: int
    raw: bytes = field(repr=False)
    size: int
    received: datetime | None
    whole: bool = True


class Mailbox:
    """A connection to an inbox. It is opened by `open`, and again by `open` after any method raised."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.validity = 0
        self._client: Any = None
        self._flags = False
        self._severed = threading.Event()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as anybody knows."""
        return self._client is not None

    def open(self, secret: str) -> None:
        """Connect, log in with the password or the token, and select the folder. Raises Busy or Barred."""
        self.close()
        self._severed.clear()
        with self._translated():
            self._connect()
            self._log_in(secret)
            self._select()

    def look(self) -> None:
        """Select the folder again, for it may have been made anew under our hands. Raises Busy or Barred."""
        with self._translated():
            self._select()

    def unread(self, above: int) -> Sequence[int]:
        """Return the UIDs above one, in no order, and perhaps the last one below. Raises Busy."""
        with self._translated():
            return self._search("UID", f"{above + 1}:*")

    def arrived(self, since: datetime) -> dict[int, datetime]:
        """Return the UIDs of what the server received since a moment, in order, and when each came. Raises Busy."""
        with self._translated():
            # SINCE knows days alone, and those of the server's own zone.
            uids = self._search("SINCE", since.astimezone(UTC).date() - timedelta(days=1))
            dates = self._client.fetch(uids, ["INTERNALDATE"])
            received = {uid: dates.get(uid, {}).get(b"INTERNALDATE", since) for uid in sorted(uids)}
            return {uid: date for uid, date in received.items() if date >= since}

    def take(self, uid: int) -> Mail | None:
        """Fetch one mail and leave it unread; None when it is gone. Raises Busy."""
        with self._translated():
            about = self._client.fetch([uid], ["RFC822.SIZE", "INTERNALDATE"]).get(uid)
            if about is None:
                return None
            size, received = int(about.get(b"RFC822.SIZE", 0)), about.get(b"INTERNALDATE")
            raw = self._words(uid) if size > LARGEST else self._whole(uid, size)
            if raw is None:
                return None
            return Mail(uid, raw, size, received if isinstance(received, datetime) else None, size <= LARGEST)

    def mark(self, uid: int) -> None:
        """Show staff that a mail was taken, where the server lets us."""
        if self._flags:
            with self._translated():
                try:
                    self._client.add_flags([uid], [INGESTED], silent=True)
                except (IMAPClientAbortError, ProtocolError):
                    raise
                except IMAPClientError:  # it said that we may, and then that we may not
                    self._flags = False

    def wait(self, seconds: float) -> None:
        """Wait until the server says that something changed, or for so long. Raises Busy when it is gone."""
        with self._translated():
            if not self._client.has_capability("IDLE"):
                self._client.noop()
                self._severed.wait(min(seconds, _WITHOUT_IDLE))
                return
            self._client.idle()
            self._client.idle_check(timeout=seconds)  # whatever it says, the next step is a look for ourselves
            self._client.idle_done()  # this is where a connection that died says so
            self._client.noop()

    def close(self, *, politely: bool = True) -> None:
        """Let go of the connection, whatever state it is in; politely, by saying good-bye first."""
        client, self._client = self._client, None
        if client is not None and politely:
            with contextlib.suppress(IMAPClientError, OSError, ValueError, AttributeError):
                client.logout()
        if client is not None:
            with contextlib.suppress(IMAPClientError, OSError, ValueError, AttributeError):
                client.shutdown()

    def sever(self) -> None:
        """Cut the connection from another thread, so that whatever waits on it returns at once."""
        self._severed.set()
        client = self._client
        if client is not None:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                # Not the SSL socket's own shutdown(), which takes its state away from under the thread that reads.
                socket.socket.shutdown(client.socket(), socket.SHUT_RDWR)

    def _connect(self) -> None:
        host, port = self.inbox.at
        context = ssl.create_default_context(cafile=self.inbox.ca or None) if self.inbox.tls else None
        wrapped = self.inbox.tls is True
        client = IMAPClient(host, port, ssl=wrapped, ssl_context=context if wrapped else None, timeout=_TIMEOUT)
        self._client = client  # so that it is closed when what follows fails
        client.normalise_times = False  # else dates come without their zone
        client.socket().setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            client.socket().setsockopt(socket.IPPROTO_TCP, option, value)
        if self.inbox.tls == "starttls":
            client.starttls(context)

    def _log_in(self, secret: str) -> None:
        user = self.inbox.user
        try:
            if self.inbox.oauth:
                self._client.oauth2_login(user, secret)
            elif user.isascii() and secret.isascii():
                self._client.login(user, secret)
            else:
                self._client.plain_login(user, secret)  # imaplib writes LOGIN in ASCII alone
        except LoginError as error:
            # LoginError is made of whatever happened, a connection lost included.
            if isinstance(error.__context__, IMAPClientAbortError) or _PASSING.search(str(error).encode()):
                raise Busy("login", "the mail server cannot let us in just now") from error
            raise Barred("login", "the mail server does not accept our user and secret") from error

    def _select(self) -> None:
        try:
            folder = self._client.select_folder(self.inbox.folder)
        except IMAPClientAbortError:
            raise
        except IMAPClientError as error:
            if self._client.folder_exists(self.inbox.folder):
                raise Busy("select", "the mail server does not open the folder just now") from error
            raise Barred("folder", "there is no such folder in the mailbox") from error
        self.validity = int(folder.get(b"UIDVALIDITY", 0))
        flags = folder.get(b"PERMANENTFLAGS", ())
        self._flags = b"\\*" in flags or INGESTED.encode() in flags

    def _search(self, *criteria: Any) -> Sequence[int]:
        """Ask for UIDs, never for those of mail that the operator wants left alone."""
        left_alone = ("SINCE", self.inbox.since) if self.inbox.since else ()
        uids: Sequence[int] = self._client.search([*criteria, *left_alone])
        return uids

    def _whole(self, uid: int, size: int) -> bytes | None:
        if size <= _BITE:
            raw: bytes | None = self._client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {}).get(b"BODY[]")
            return raw
        # imaplib copies an answer several times, and nobody else runs meanwhile. The size is what the server believes;
        # the end is where it has no more.
        whole = bytearray()
        while (
            bite := self._client.fetch([uid], [f"BODY.PEEK[]<{len(whole)}.{_BITE}>"])
            .get(uid, {})
            .get(b"BODY[]<%d>" % len(whole))
        ):
            whole += bite
        return bytes(whole) or None

    def _words(self, uid: int) -> bytes | None:
        """Fetch the headers and the text of a mail that is too large, and make a mail of them."""
        known = self._client.fetch([uid], ["BODYSTRUCTURE", "BODY.PEEK[HEADER]"]).get(uid)
        if known is None:
            return None
        kept = _without_content(known.get(b"BODY[HEADER]", b""))
        number = text_part(known.get(b"BODYSTRUCTURE"))
        if not number:
            return kept + b"Content-Type: text/plain\r\n\r\n"
        # A mail of one part has no headers of a part's own: they are the mail's.
        own = "HEADER" if number == "TEXT" else f"{number}.MIME"
        body = "TEXT" if number == "TEXT" else number
        part = self._client.fetch([uid], [f"BODY.PEEK[{own}]", f"BODY.PEEK[{body}]<0.{_WORDS}>"]).get(uid, {})
        headers: bytes = part.get(f"BODY[{own}]".encode(), b"")
        words: bytes = part.get(f"BODY[{body}]<0>".encode(), b"")
        return kept + _content_alone(headers) + b"\r\n" + words

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what goes wrong into Busy or Barred, and let go of the connection: nobody knows its state any more."""
        try:
            yield
        except (Busy, Barred):
            self.close(politely=False)
            raise
        except ssl.SSLCertVerificationError as error:
            self.close(politely=False)
            raise Barred("certificate", "the mail server's certificate is not one that we trust") from error
        except (IMAPClientAbortError, ProtocolError, OSError, EOFError) as error:
            self.close(politely=False)
            raise Busy("connection", "the mail server cannot be reached, or the connection broke") from error
        except (IMAPClientError, ValueError, AttributeError, TypeError) as error:
            # The last three: an answer that IMAPClient cannot read, or a connection that was cut under its hands.
            self.close(politely=False)
            raise Busy("imap", "the mail server answered what we cannot use") from error


def text_part(structure: Any) -> str:
    """Return the number of the part that holds a mail's words: plain text before HTML. "TEXT" is the whole body.

    `structure` is BODYSTRUCTURE as IMAPClient reads it: a tuple for each part, its children first in a list.
    """
    found = list(_parts(structure, ""))
    for wanted in (b"plain", b"html"):
        for number, kind, subtype in found:
            if (kind, subtype) == (b"text", wanted):
                return number or "TEXT"
    return ""


def _parts(structure: Any, number: str) -> Iterator[tuple[str, bytes, bytes]]:
    if not isinstance(structure, tuple) or not structure:
        return
    if isinstance(structure[0], list):
        for index, part in enumerate(structure[0], start=1):
            yield from _parts(part, f"{number}.{index}" if number else str(index))
    elif len(structure) > 1 and isinstance(structure[0], bytes) and isinstance(structure[1], bytes):
        yield number or "", structure[0].lower(), structure[1].lower()


_CONTENT = re.compile(rb"^(?:content-[^:\r\n]*|mime-version):[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)


def _without_content(headers: bytes) -> bytes:
    return _CONTENT.sub(b"", headers.rstrip(b"\r\n") + b"\r\n") + b"MIME-Version: 1.0\r\n"


def _content_alone(headers: bytes) -> bytes:
    kept = (match[0] for match in _CONTENT.finditer(headers.rstrip(b"\r\n") + b"\r\n"))
    return b"".join(line for line in kept if not line.lower().startswith(b"mime-version"))
