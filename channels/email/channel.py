"""E-mail: any number of inboxes that are read by IMAP, and answers that leave by SMTP.

Each inbox is a line of its own, with a connection and a thread of its own, for IMAPClient blocks and a mail of 20 MB
takes a second to read: no other inbox waits for it, and neither does the event loop.

Whether a mail was taken is what our cursor says, never whether it was read: staff read the same mailboxes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import ClassVar, TypeVar, TypeVarTuple

from pydantic import BaseModel

from channels.base import Barred, Busy, Poller, Reception
from channels.email.cursor import Cursor
from channels.email.inbounds import NAME, PROVIDER, Post, unreadable
from channels.email.letter import Dropped, Letter
from channels.email.mailbox import Mail, Mailbox
from channels.email.oauth import Tokens
from channels.email.outgoing import compose
from channels.email.settings import EmailSettings, Inbox, Settings, inboxes_of, relay_of
from channels.email.smtp import MailServer
from channels.email.thread_ids import ThreadIds
from channels.message import Inbound, Media, Reply, Sent

Place = tuple[str, int, int]
"""Where a mail lies: the line, UIDVALIDITY and UID."""

_COMPANY = 2.0  # seconds of the first wait after a look that found something
_KNOWN = 300  # mails lately taken in that need not be fetched again to be counted
_UNDER_WAY = timedelta(minutes=1)  # how long a mail may lie before it counts as missed
_PATIENCE = 5  # times that fetching one mail may fail before it is left to a person

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class Clerk:
    """Whoever sits at one inbox: its connection, in a thread of its own."""

    def __init__(self, inbox: Inbox, tokens: Tokens | None) -> None:
        self.inbox = inbox
        self.box = Mailbox(inbox)
        self._tokens = tokens
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="email")

    async def open(self) -> None:
        """Connect, unless we are. Raises Busy or Barred."""
        if await self.do(lambda: self.box.is_open):  # asked in its thread, after what is still to be done there
            await self.do(self.box.look)
            return
        if self._tokens is None:
            assert self.inbox.password is not None
            await self.do(self.box.open, self.inbox.password.get_secret_value())
            return
        try:
            await self.do(self.box.open, await self._tokens.token())
        except Barred:
            self._tokens.forget()
            raise

    async def do(self, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """Do something in the thread of this inbox, after whatever it does now."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def leave(self) -> None:
        """Cut the connection, whatever the thread is waiting for. It is opened again when it is needed."""
        self.box.sever()
        with contextlib.suppress(RuntimeError):  # the thread has ended, and the connection with it
            self._thread.submit(partial(self.box.close, politely=False))

    async def close(self) -> None:
        """Cut the connection and end the thread."""
        self.leave()
        await asyncio.to_thread(self._thread.shutdown)


class Email(Poller):
    """Hears and answers letters."""

    name = NAME
    provider = PROVIDER
    Settings: ClassVar[type[BaseModel]] = Settings

    interval = 0.0  # a fetch waits for news by itself
    idle = 110.0
    """Seconds that a fetch waits for the server to speak before it looks by itself.

    Far below the 29 minutes of RFC 2177, for routers forget quiet connections sooner; and mail that came between the
    last look and IDLE is announced by no server for certain.
    """

    def __init__(self, settings: EmailSettings) -> None:
        super().__init__(settings)
        self.rate = settings.rate
        inboxes = inboxes_of(settings.inboxes)
        self._tokens = {inbox.line: Tokens(inbox.oauth) for inbox in inboxes if inbox.oauth}
        self._inboxes = {inbox.line: inbox for inbox in inboxes}
        self._clerks: dict[str, Clerk] = {}
        own = settings.address.lower()
        self._ids = ThreadIds(settings.signing_key.get_secret_value(), settings.address, plus=settings.verp)
        self._post = Post(
            inboxes, self._ids, frozenset({own, *filter(None, (one.address for one in inboxes))}), settings.authserv_id
        )
        relay = relay_of(settings.smtp_url)
        same_user = (self._tokens.get(one.line) for one in inboxes if one.user == relay.user and not relay.password)
        self._server = MailServer(relay, own.rpartition("@")[2], next(filter(None, same_user), None))
        self._calm: set[str] = set()  # inboxes where the last look found nothing new
        self._failed: Counter[Place] = Counter()
        self._known: dict[Place, Inbound] = {}

    def lines(self) -> Sequence[str]:
        """Name the inboxes: user@host/folder."""
        return tuple(self._inboxes)

    async def fetch(self, line: str, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield what is new in an inbox; when nothing is, wait until something is or a while has passed.

        Raises Busy when the mail server is away, Barred when it does not let us in.
        """
        clerk = self._clerk(line)
        try:
            await clerk.open()
            cursor = Cursor.recalled(await reception.recall(line), clerk.box.validity)
            uids = cursor.missing(await clerk.do(clerk.box.unread, cursor.floor))
            if not uids:
                # What comes between a look and IDLE is announced by nobody, and letters come in company: the first
                # wait after one is short.
                await clerk.do(clerk.box.wait, self.idle if line in self._calm else min(self.idle, _COMPANY))
                uids = cursor.missing(await clerk.do(clerk.box.unread, cursor.floor))
            (self._calm.discard if uids else self._calm.add)(line)
            for uid in uids:
                inbound = await self._inbound(clerk, uid, reception)
                if inbound is None:  # deleted or moved before we came to it
                    continue
                yield inbound
                cursor.take(uid)
                await reception.remember(line, cursor.written())
                self._remember((line, clerk.box.validity, uid), inbound)
                await clerk.do(clerk.box.mark, uid)
        except BaseException:
            clerk.leave()
            raise

    async def recount_line(self, line: str, since: datetime, reception: Reception) -> AsyncIterator[Inbound]:
        """Yield what lies in an inbox and was received since then, under the identities it was taken in with.

        Over a connection of its own, beside the one that waits for news. What this process took in lately is not
        fetched again, and what came this very minute is left to whoever waits for it. Raises Busy or Barred.
        """
        clerk = Clerk(self._inboxes[line], self._tokens.get(line))
        try:
            await clerk.open()
            arrived = await clerk.do(clerk.box.arrived, since)
            late = Cursor.recalled(await reception.recall(line), clerk.box.validity).missing(arrived)
            fresh = datetime.now(UTC) - _UNDER_WAY
            for uid, received in arrived.items():
                if uid in late and received > fresh:
                    continue
                place = (line, clerk.box.validity, uid)
                inbound = self._known.get(place) or await self._inbound(clerk, uid, reception)
                if inbound is not None:
                    yield inbound
                    self._remember(place, inbound)
        finally:
            await clerk.close()

    async def send(self, reply: Reply) -> Sent:
        """Send a reply as a mail in the citizen's thread.

        SMTP cannot be asked whether an earlier try went through: each try carries the same Message-ID. Raises Refused,
        Barred, Busy or OutcomeUnknown.
        """
        mail = compose(reply, self.settings.sender, self._ids, datetime.now(UTC))
        await self._server.send(mail)
        return Sent(mail.message_id.strip("<>"))

    async def probe(self) -> str:
        """Log in to every inbox and to the server that takes our mail. Raises Busy or Barred, naming the inboxes."""
        faults: dict[str, Busy | Barred] = {}
        for line, inbox in self._inboxes.items():
            clerk = Clerk(inbox, self._tokens.get(line))
            try:
                await clerk.open()
            except (Busy, Barred) as error:
                faults[line] = error
            finally:
                await clerk.close()
        if faults:
            words = "; ".join(f"{line}, {error}" for line, error in faults.items())
            raise (Barred if any(isinstance(fault, Barred) for fault in faults.values()) else Busy)("inboxes", words)
        await self._server.probe()
        count = len(self._inboxes)
        return f"{count} {'inbox' if count == 1 else 'inboxes'}, and mail leaves as {self.settings.address}"

    async def close(self) -> None:
        """Cut every connection and end the threads."""
        for clerk in self._clerks.values():
            await clerk.close()
        self._clerks.clear()
        for tokens in self._tokens.values():
            await tokens.close()

    def _clerk(self, line: str) -> Clerk:
        if line not in self._clerks:
            self._clerks[line] = Clerk(self._inboxes[line], self._tokens.get(line))
        return self._clerks[line]

    async def _inbound(self, clerk: Clerk, uid: int, reception: Reception) -> Inbound | None:
        """Read one mail, keep what is attached, and say what it means; None when it is gone.

        One that breaks costs nobody else anything: it is left to a person, with all its bytes where we have them.
        """
        box, inbox = clerk.box, clerk.inbox
        place = (inbox.line, box.validity, uid)
        try:
            mail = await clerk.do(box.take, uid)
        except Busy:
            if self._fails(place) < _PATIENCE:
                raise
            await clerk.open()
            mail = None
        if mail is None:  # either gone, and then the server names it no more, or one that it does not give out
            if self._fails(place) <= _PATIENCE:
                return None
            del self._failed[place]
            return unreadable(b"", uid, place[1], inbox, (), "the mail server does not give it out")
        del self._failed[place]
        try:
            letter = await clerk.do(self._post.read, mail, inbox)
        except Exception as error:  # noqa: BLE001 - a bug in reading one mail must not stop the others
            return await self._left(mail, place, inbox, reception, error)
        media, missing = await self._attached(letter, reception)
        try:
            return await clerk.do(self._post.inbound, mail, letter, inbox, place[1], media, missing)
        except Exception as error:  # noqa: BLE001 - the same
            return await self._left(mail, place, inbox, reception, error)

    def _remember(self, place: Place, inbound: Inbound) -> None:
        self._known[place] = inbound
        while len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]

    def _fails(self, place: Place) -> int:
        self._failed[place] += 1
        return self._failed[place]

    async def _left(self, mail: Mail, place: Place, inbox: Inbox, reception: Reception, error: Exception) -> Inbound:
        try:
            media = [await reception.keep(mail.raw, content_type="message/rfc822", filename="mail.eml")]
        except ValueError:
            media = []  # too large, or of no kind that is kept: it still lies in the mailbox, under its UID
        return unreadable(mail.raw, mail.uid, place[1], inbox, media, f"{type(error).__name__} while reading it")

    async def _attached(self, letter: Letter, reception: Reception) -> tuple[list[Media], list[Dropped]]:
        if letter.bounce or (letter.automatic and not letter.fax):
            return [], []
        media, missing = [], []
        for part in letter.attachments:
            try:
                media.append(await reception.keep(part.data, content_type=part.content_type, filename=part.filename))
            except ValueError as error:
                missing.append(Dropped(part.filename, part.content_type, len(part.data), str(error)))
        return media, missing
