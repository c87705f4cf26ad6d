"""The one door by which departments' answers come in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from gateway import observe
from gateway.acknowledge import Acknowledger
from gateway.city.city import City
from gateway.followers import held
from gateway.signals import Signal
from gateway.store import answers, complaints
from gateway.store.answers import ATTEMPTS, DONE, REFUSED, Answer
from gateway.store.complaints import Case
from gateway.store.engine import Connection, Store
from gateway.store.ledger import Ledger
from gateway.updates.effects import Effects, written
from gateway.updates.update import Outcome, Update
from normalizer.complaint import Priority, Status
from router.lifecycle import FIELDS, LONGEST, NOT_YOURS, Refusal, Said, Standing, decide, read

USED_BEFORE: Final = Refusal("سبق أن استُعمل هذا المعرّف لإجابة أخرى", "this id was used for another answer before", "id")

log = observe.logger("updates")


class Updates:
    """Hears what departments answer: the queue's consumer and the HTTP door both call it.

    `wake` is who is nudged when something happened: the relay and the replies.
    """

    def __init__(
        self,
        store: Store,
        city: Callable[[], City],
        acknowledger: Acknowledger,
        wake: Collection[Signal],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.city, self.acknowledger, self.wake, self.clock = store, city, acknowledger, wake, clock

    async def answer(self, update: Update, *, tell: bool = False) -> Outcome:
        """Let a complaint become what its department says, once for each id of theirs.

        What has the id of an answer that was done, and says something else, is refused. After a refusal other words are
        judged anew: it is the answer mended. The same words again are the same answer, and have its outcome.
        With `tell`, a refusal is owed to the department's queue as well. Raises StoreUnavailable.
        """
        outcome, left = await self.store.write(partial(self._answer, update=update, tell=tell))
        word = "duplicate" if outcome.duplicate else outcome.result
        observe.ROOM.labels("updates", word).inc()
        # A reference that is not theirs may be anything that they typed.
        known = outcome.reference if outcome.done else ""
        # Nor is a field that we do not know: it is whatever they typed.
        field = outcome.field if outcome.field in {None, "id", "offer", "verb", *FIELDS} else "unknown"
        log.info(word, reference=known, department=update.department, status=outcome.status, field=field)
        if left:  # in danger, and the department that had it will not come
            observe.distress("updates", outcome.reference)
        for signal in self.wake:
            signal.set()
        return outcome

    def _answer(self, connection: Connection, update: Update, *, tell: bool) -> tuple[Outcome, bool]:
        """Keep the answer and do what it says. Returns what came of it, and whether somebody in danger is left."""
        now = self.clock()
        answer = Answer(
            id=answers.id_of(update.department, update.id),
            department=update.department,
            update_id=update.id,
            digest=_digest(update),
            reference=update.reference,
            verb=update.verb,
            offer=update.offer,
            said_at=_spoken(update, now),
            at=now,
            body={},
            result=REFUSED,
        )
        if not answers.begin(connection, answer):
            earlier = answers.attempts(connection, update.department, update.id)
            if (same := next((one for one in earlier if one.digest == answer.digest), None)) is not None:
                return _outcome(same, duplicate=True), False
            if earlier[-1].result == DONE or len(earlier) == ATTEMPTS:
                return self._misuse(connection, answer, tell), False
            answer = replace(answer, id=answers.id_of(update.department, update.id, attempt=len(earlier)))
            answers.begin(connection, answer)
        said = self._read(update, answer.said_at)
        if isinstance(said, Refusal):
            return self._conclude(connection, _refused(answer, said), tell), False
        return self._hear(connection, replace(answer, body=written(said)), said, tell)

    def _misuse(self, connection: Connection, answer: Answer, tell: bool) -> Outcome:
        """Refuse an answer under an id that stands for another one."""
        own = answers.id_of(answer.department, answer.update_id, misused=answer.digest)
        misuse = _refused(replace(answer, id=own), USED_BEFORE)
        fresh = answers.begin(connection, misuse)
        return self._conclude(connection, misuse, tell) if fresh else _outcome(misuse, duplicate=True)

    def _read(self, update: Update, at: datetime) -> Said | Refusal:
        """Read the fields as of when the department spoke: what waited in a queue was in time all the same."""
        city = self.city()
        return read(
            update.verb,
            update.data,
            at=at,
            department=update.department,
            departments=city.departments.keys(),
            triage=city.triage,
        )

    def _hear(self, connection: Connection, answer: Answer, said: Said, tell: bool) -> tuple[Outcome, bool]:
        known = complaints.load(connection, answer.reference)
        case, following = held(connection, known.complaint.id) if known else (None, [])
        if case is None:
            return self._conclude(connection, _refused(answer, NOT_YOURS), tell), False
        rejected = bool(answers.rejections(connection, case.complaint.id))
        standing = _standing(case, following, rejected=rejected)
        change = decide(standing, answer.department, answer.offer, said)
        if isinstance(change, Refusal):
            theirs = case.complaint.id if change is not NOT_YOURS else None
            return self._conclude(connection, _refused(replace(answer, complaint_id=theirs), change), tell), False
        with Ledger(connection, answer.at) as ledger:
            effects = Effects(ledger, self.city(), self.acknowledger, answer.department, answer.id)
            case = effects.carry_out(case, following, said, change)
        status, sequence = case.complaint.status, case.sequence
        done = replace(
            answer, result=DONE, complaint_id=case.complaint.id, status=status.value, sequence=sequence, reason=""
        )
        left = status is Status.TRIAGE and case.complaint.priority is Priority.DISTRESS
        return self._conclude(connection, done, tell), left

    def _conclude(self, connection: Connection, answer: Answer, tell: bool) -> Outcome:
        department = self.city().departments.get(answer.department)
        queued = department is not None and department.delivery == "amqp"
        answers.conclude(connection, answer, tell=tell and queued and answer.result == REFUSED)
        return _outcome(answer)


def _spoken(update: Update, now: datetime) -> datetime:
    """Return when a department spoke, in UTC; a clock that is ahead, or months behind, says nothing: then it is now."""
    return update.at.astimezone(UTC) if now - LONGEST <= update.at <= now else now


def _standing(case: Case, following: Sequence[Case], *, rejected: bool) -> Standing:
    """Say how a complaint stands; those that follow it go where it goes, the confidential among them too."""
    complaint = case.complaint
    return Standing(
        status=complaint.status,
        department=case.department,
        offer=case.offer,
        due_at=case.due_at,
        confidential=any(one.complaint.confidential for one in (case, *following)),
        rejected=rejected,
    )


def _refused(answer: Answer, refusal: Refusal) -> Answer:
    return replace(answer, result=REFUSED, field=refusal.field, reason=refusal.reason)


def _outcome(answer: Answer, *, duplicate: bool = False) -> Outcome:
    return Outcome(
        result=answer.result,
        reference=answer.reference,
        status=answer.status,
        reason=answer.reason,
        field=answer.field,
        duplicate=duplicate,
    )


def _digest(update: Update) -> str:
    """Stand for all that an answer says: the same by either door, and however its fields are ordered."""
    fields = {name: value for name, value in update.data.items() if name != "offer"}
    said = [update.verb, update.reference, update.offer, fields]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode("ascii")).hexdigest()
