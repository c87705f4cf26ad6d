"""SMS through a carrier's own SMSC, over SMPP 3.4: how short codes are reached where no aggregator offers them.

One bind as transceiver hears and speaks. A process that does not fetch binds as transmitter when it first has something
to say. The answer to a delivery is our receipt for it, so it leaves only when the message is on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar

from pydantic import BaseModel

from channels.base import Busy, OutcomeUnknown, Poller, Reception, Refused
from channels.message import Inbound, Reply, Scheme, Sent
from channels.smpp import pdu, receipt
from channels.smpp.faults import THROTTLED, fault
from channels.smpp.hearing import Hearing
from channels.smpp.session import Delivered, Lost, Session
from channels.smpp.settings import SmppSettings
from channels.sms_alphabet import encode

_TICK = 5.0  # seconds: the longest wait for a delivery before other work is looked after
_LIVED = 60.0  # seconds after which the end of a session is an end, and not a failure to be wary of
_CONFIRMING = 5.0  # seconds between two proofs that our answers were heard, while there are any
_GOODBYE = 2.0  # seconds for the last of them
_REBINDING = 60.0  # seconds after a fetch in which this process is about to fetch, and bind, again
_UNFINISHED = 1000  # replies of several parts whose first parts left, kept so that they are not sent again
_REST, _LONGEST_REST = 1.0, 60.0  # seconds of silence after the SMSC said that we send too fast: the first, the longest
_HEADER = b"\x05\x00\x03"  # of a part: five octets follow, numbered parts, three octets of them


class Smpp(Poller):
    """Text messages to the city's short code at a carrier."""

    name = "smpp"
    provider = "smpp"
    texts = True
    interval = 0
    Settings: ClassVar[type[BaseModel]] = SmppSettings

    def __init__(self, settings: SmppSettings) -> None:
        super().__init__(settings)
        self.rate = settings.rate
        self._line = f"{settings.system_id}@{settings.host}:{settings.port}"
        self._session: Session | None = None
        self._binding = asyncio.Lock()
        self._fetching, self._fetched_at = False, float("-inf")
        self._unfinished: OrderedDict[str, dict[int, str]] = OrderedDict()
        self._rest, self._silent_until = 0.0, float("-inf")

    def lines(self) -> Sequence[str]:
        """Name the one bind: who we are, and where."""
        return (self._line,)

    async def fetch(self, line: str, reception: Reception) -> AsyncIterator[Inbound]:
        """Bind, and yield what citizens write, for as long as the session lasts.

        What could not be stored is refused for now, and the SMSC delivers it again. Returns when a session that lasted
        has ended, to be begun anew at once. Raises Busy and Barred.
        """
        del line  # there is one
        self._fetching = True
        in_hand: Delivered | None = None
        hearing = Hearing(self.name, self.provider, self.settings, reception)
        session, bound_at = None, time.monotonic()
        try:
            await hearing.load()
            session = await self._bind(transceiver=True)
            bound_at = confirmed = time.monotonic()
            while True:
                async with contextlib.aclosing(hearing.overdue()) as released:
                    async for inbound in released:
                        yield inbound
                in_hand = await session.next(min(hearing.pause(), _TICK))
                if in_hand is not None:
                    async with contextlib.aclosing(hearing.read(in_hand)) as heard:
                        async for inbound in heard:
                            yield inbound
                    await hearing.settle()
                    await session.answer(in_hand)
                    in_hand = None
                if hearing.unconfirmed and time.monotonic() - confirmed >= _CONFIRMING:
                    await session.prove()
                    await hearing.confirm()
                    confirmed = time.monotonic()
        except (Lost, OutcomeUnknown) as error:
            if time.monotonic() - bound_at < _LIVED:
                raise Busy("lost", str(error)) from error
        finally:
            self._fetching, self._fetched_at = False, time.monotonic()
            if session is not None:
                if in_hand is not None:
                    with contextlib.suppress(Lost):
                        await session.answer(in_hand, pdu.NOT_NOW)
                # The store or the line may be what broke: then the last answers count as not heard.
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(_GOODBYE):
                        await session.prove()
                    await hearing.confirm()
                await session.close()

    async def send(self, reply: Reply) -> Sent:
        """Send a reply, in as many parts as it takes. Its id is that of the last part, of which a receipt is asked for.

        SMPP has no way to ask after a message whose id never came, so a try of unknown outcome is simply made again;
        parts that this process knows to have left are not. When the SMSC is sent too much, nothing leaves for a while.
        Raises Refused, Busy, Barred or OutcomeUnknown.
        """
        if reply.to.scheme != Scheme.TEL:
            raise Refused("no-address", "a short code, a name or a withheld number cannot be answered")
        self._keep_silent()
        settings: SmppSettings = self.settings
        coding, parts = encode(reply.text, settings.default_coding)
        # The same at every try, so that a telephone which got a part twice can tell.
        reference = hashlib.sha256(reply.id.encode()).digest()[:1]
        source = settings.sender or reply.account or settings.number
        ours = source in {settings.number, settings.sender}
        try:
            sender = pdu.number(source, settings.source_ton if ours else None, settings.source_npi if ours else None)
            citizen = pdu.number(reply.to.value)
        except ValueError as error:
            raise Refused("address", "SMPP cannot carry an address of this form") from error
        taken = self._unfinished.setdefault(reply.id, {})
        self._unfinished.move_to_end(reply.id)
        while len(self._unfinished) > _UNFINISHED:
            self._unfinished.popitem(last=False)
        session = await self._speaking()
        for at, part in enumerate(parts, 1):
            if at in taken:
                continue
            header = _HEADER + reference + bytes((len(parts), at)) if len(parts) > 1 else b""
            request = pdu.submit(
                sender,
                citizen,
                header + part,
                coding,
                joined=bool(header),
                receipt=settings.registered_delivery and at == len(parts),
            )
            try:
                answer, body = await session.ask(request)
            except Lost as error:
                raise Busy("lost", "the session with the carrier ended") from error
            if answer.status != pdu.OK:
                refusal = fault(answer.status, self._slow_down() if answer.status in THROTTLED else None)
                if isinstance(refusal, Refused):
                    self._unfinished.pop(reply.id, None)
                raise refusal
            self._rest = 0.0
            taken[at] = pdu.message_id(body)
        self._unfinished.pop(reply.id, None)
        return Sent(receipt.of_answer(taken[len(parts)], settings.receipt_ids))

    def _slow_down(self) -> float:
        """Rest twice as long as the last time, and say for how long: of requests refused together the first counts."""
        now = time.monotonic()
        if now >= self._silent_until:
            self._rest = min(max(_REST, 2 * self._rest), _LONGEST_REST)
            self._silent_until = now + self._rest
        return self._silent_until - now

    def _keep_silent(self) -> None:
        """Raise Busy while the SMSC wants nothing from us."""
        left = self._silent_until - time.monotonic()
        if left > 0:
            raise Busy("throttled", "the SMSC was sent too much", retry_after=left)

    async def probe(self) -> str:
        """Say who we are at the carrier. Raises Busy or Barred when it does not let us in."""
        await self._speaking()
        return f"bound as {self._line}"

    async def close(self) -> None:
        """Unbind."""
        async with self._binding:
            if self._session is not None:
                await self._session.close()
                self._session = None

    async def _speaking(self) -> Session:
        """Return the session to speak in: the one that hears, or else one of our own."""
        if self._session is not None and not self._session.over:
            return self._session
        if self._fetching or time.monotonic() - self._fetched_at < _REBINDING:
            # Many carriers allow one bind: ours would keep the one out that hears.
            raise Busy("rebinding", "the line to the carrier is being opened", retry_after=2)
        return await self._bind(transceiver=False)

    async def _bind(self, *, transceiver: bool) -> Session:
        settings: SmppSettings = self.settings
        async with self._binding:
            if self._session is not None:
                if not transceiver and not self._session.over:
                    return self._session
                await self._session.close()
            request = pdu.bind(
                settings.system_id,
                settings.password.get_secret_value(),
                settings.system_type,
                pdu.number(settings.number, settings.source_ton, settings.source_npi),
                transceiver=transceiver,
            )
            self._session = await Session.open(
                settings.host,
                settings.port,
                request,
                tls=settings.tls,
                window=settings.window,
                enquire_link=settings.enquire_link,
                response_timeout=settings.response_timeout,
            )
            return self._session
