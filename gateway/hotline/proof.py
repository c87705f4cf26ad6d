"""Who may hear where a complaint stands: the number it was made from, or whoever reads the code sent there.

The number that a call shows can be forged, so what is told for it is the state and nothing else. Whether a reference
exists is told to nobody: a code is "sent" for any of them, and read aloud wrongly it costs one of three tries.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from uuid import NAMESPACE_URL, uuid5

from channels.voice import Caller, Outcome, Standing
from gateway.acknowledge import Acknowledger, Target
from gateway.citizen.throttle import Buckets, Locks
from gateway.city.city import City
from gateway.signals import Signal
from gateway.store import calls, complaints, replies
from gateway.store.complaints import Case
from gateway.store.engine import Connection, Store
from gateway.store.replies import Draft
from normalizer.complaint import Status
from normalizer.phone import phone
from normalizer.reference import read

TRIES = 3  # of one code
OF_A_CALL = 5  # references asked for in one call
OF_A_NUMBER, NUMBER_RATE = 10, 1 / 360  # by one caller: at once, and a second after that
OF_ALL, ALL_RATE = 200, 1.0  # by everybody
CODES, WINDOW = 3, 3600.0  # sent for one complaint within so many seconds
DIGITS = 6


class Proof:
    """Looks up complaints for callers, and keeps those who guess from finding any."""

    def __init__(
        self,
        store: Store,
        city: Callable[[], City],
        acknowledger: Acknowledger,
        key: bytes,
        owed: Signal,
        *,
        channel: str,
        clock: Callable[[], datetime],
    ) -> None:
        self.store, self.city, self.acknowledger, self.key, self.owed = store, city, acknowledger, key, owed
        self.channel, self.clock = channel, clock
        self._calls = Buckets(OF_A_CALL, 0)
        self._numbers = Buckets(OF_A_NUMBER, NUMBER_RATE)
        self._all = Buckets(OF_ALL, ALL_RATE)
        self._sent = Locks(CODES, WINDOW)

    async def standing(self, caller: Caller, digits: str, journal_id: str) -> Standing:
        """Tell where a complaint stands, or send a code to its telephone. Raises StoreUnavailable."""
        if not self._may_ask(caller):
            return Standing(Outcome.TOO_MANY)
        reference = read(digits)
        if reference is None:
            return Standing(Outcome.NO_NUMBER)
        case = await self.store.read(partial(complaints.load, reference=reference))
        owner = case.complaint.contact.phone if case and case.complaint.contact else None
        if case and owner and self._same(owner, caller.phone):
            return Standing(Outcome.KNOWN, case.complaint.status.value)
        if not self.acknowledger.texts:  # no code could ever arrive
            return Standing(Outcome.TOO_MANY)
        may = case is not None and owner is not None and self._sent.remaining(reference) <= 0
        target = self.acknowledger.text_to(owner) if owner and may else None
        if may:
            self._sent.wrong(reference)
        await self.store.write(
            partial(self._send, caller=caller, reference=reference, case=case, target=target, journal_id=journal_id)
        )
        self.owed.set()
        return Standing(Outcome.CODE_SENT)

    async def by_code(self, caller: Caller, code: str) -> Standing:
        """Tell where the complaint stands whose code this is. Raises StoreUnavailable."""
        return await self.store.write(partial(self._by_code, caller=caller, code=code), urgent=True)

    def _may_ask(self, caller: Caller) -> bool:
        # A withheld number shares one bucket with every other: whoever hides is not told apart.
        return self._calls.take(caller.call) and self._numbers.take(caller.phone) and self._all.take("")

    def _same(self, owner: str, caller: str) -> bool:
        region = self.city().vocabulary
        known = phone(caller, region.region, region.fallback_regions) if caller else None
        return known is not None and hmac.compare_digest(known.encode(), owner.encode())

    def _send(
        self,
        connection: Connection,
        *,
        caller: Caller,
        reference: str,
        case: Case | None,
        target: Target | None,
        journal_id: str,
    ) -> None:
        """Keep that a code was asked for, and owe it where it has somewhere to go. Done twice, it is done once."""
        now = self.clock()
        known = calls.code(connection, self.channel, caller.call)
        if known.get("step") == journal_id:  # a request that Twilio repeats
            return
        sent = {
            "step": journal_id,
            "reference": reference,
            "at": now.isoformat(),
            "tries": 0,
            "real": target is not None,
        }
        calls.keep_code(connection, self.channel, caller.call, sent, now)
        if target is None or case is None:
            return
        language = (case.complaint.contact.language if case.complaint.contact else None) or self.city().languages[0]
        draft = Draft(
            id=str(uuid5(NAMESPACE_URL, f"balagh:reply:{journal_id}:{replies.CODE}")),
            journal_id=journal_id,
            complaint_id=case.complaint.id,
            purpose=replies.CODE,
            channel=target.channel,
            account=target.account,
            sender=target.sender,
            language=language,
            to=target.to,
            text=self.city().phrases.say(language, "voice-code", pin=self._code(caller.call, sent)),
        )
        silent = replies.silent(connection, {target.sender})
        quiet = (target.channel, target.account, target.sender) in silent
        replies.queue(connection, [(draft, replies.SUPPRESSED if quiet else replies.QUEUED)], now)

    def _by_code(self, connection: Connection, *, caller: Caller, code: str) -> Standing:
        now = self.clock()
        known = calls.code(connection, self.channel, caller.call)
        if not known:
            return Standing(Outcome.TOO_MANY)
        tries, sent_at = int(known.get("tries", TRIES)), datetime.fromisoformat(str(known.get("at")))
        if tries >= TRIES or now - sent_at > replies.CODE_LIFE:
            return Standing(Outcome.TOO_MANY)
        right = hmac.compare_digest(code.encode("utf-8", "surrogatepass"), self._code(caller.call, known).encode())
        if not right or not known.get("real"):
            calls.keep_code(connection, self.channel, caller.call, {**known, "tries": tries + 1}, now)
            return Standing(Outcome.WRONG_CODE)
        case = complaints.load(connection, str(known.get("reference")))
        return Standing(Outcome.KNOWN, case.complaint.status.value if case else Status.RECEIVED.value)

    def _code(self, call: str, known: Mapping[str, object]) -> str:
        """Make the code: of this call, this reference and this moment, and of no other."""
        message = "\n".join(("balagh-voice-code", call, str(known.get("reference")), str(known.get("at"))))
        number = int.from_bytes(hmac.digest(self.key, message.encode(), "sha256"))
        return f"{number % 10**DIGITS:0{DIGITS}}"
