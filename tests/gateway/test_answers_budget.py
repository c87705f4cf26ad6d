"""How much one sender is told: an end to machines that thank each other, and every receipt to who reports for many."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import func, select

from channels.message import Address, Scheme
from gateway.acknowledge import Acknowledger, Correspondents, Target
from gateway.city.city import City
from gateway.interpret import Interpreter
from gateway.signals import Signal
from gateway.store import journal, replies
from gateway.store.engine import Connection, Store
from gateway.store.replies import QUEUED, Draft
from gateway.store.tables import replies as table
from tests.gateway.store.making import ACCOUNT, IDENTITIES, NOW, PHONE, later, sms

SPAN = timedelta(minutes=16)  # between two reports: longer than a second message belongs to the first
PROBLEMS = (
    "الماء مقطوع عن بيوتنا منذ يومين", "الكهرباء مقطوعة والمحولة محترقة", "النفايات متراكمة ولم ترفع منذ أسبوع",
    "المجاري طافحة في الزقاق", "حفرة كبيرة وسط الشارع", "أعمدة الإنارة مطفأة ليلا", "كلاب سائبة كثيرة قرب البيوت",
    "الماء ملوث ورائحته كريهة",
)  # fmt: skip
VAGUE = ("عندي موضوع مع جاري", "الوضع سيء جدا", "راجعت المكتب ولم يساعدني أحد", "شكوى عن الخدمات")
DISTRICTS = ("حي الجامعة", "الكرادة", "المنصور", "مدينة الصدر", "الدورة", "الأعظمية", "الشعلة", "البياع")


class Correspondence:
    """One telephone that writes to the city, and what it is told."""

    def __init__(self, store: Store, city: City) -> None:
        self.store, self.city, self.now = store, city, NOW
        acknowledger = Acknowledger(lambda: city, IDENTITIES, frozenset({"sms"}))
        self.interpreter = Interpreter(store, lambda: city, acknowledger, Signal(), (), clock=lambda: self.now)
        self.reports = self._reports()

    async def report(self) -> None:
        """Let it report something new, some time after the last."""
        self.now += SPAN
        words = next(self.reports)
        entry = IDENTITIES.entry(sms(f"SM{words}", words), self.now)
        await self.store.write(lambda connection: journal.append(connection, [entry]))
        while await self.interpreter.step():
            pass

    async def told(self) -> int:
        """Count what it was told."""
        return await self.store.read(lambda c: int(c.execute(select(func.count()).select_from(table)).scalar_one()))

    def _reports(self) -> Iterator[str]:
        return (f"{problem} في {district}" for district, problem in product(DISTRICTS, PROBLEMS))


async def test_who_reports_for_many_gets_every_receipt(sqlite_store: Store, city: City) -> None:
    """A mukhtar reports thirty troubles of his quarter in a day: he has the number of each."""
    mukhtar = Correspondence(sqlite_store, city)
    for _ in range(30):
        await mukhtar.report()

    assert 30 == await mukhtar.told()


async def test_a_machine_that_answers_each_receipt_with_a_report_ends(sqlite_store: Store, city: City) -> None:
    """The worst of machines, which has a new and clear report for each receipt: within a day both have stopped."""
    machine, told = Correspondence(sqlite_store, city), -1
    while told < await machine.told():
        told = await machine.told()
        await machine.report()

    assert 60 == told
    assert machine.now - NOW < timedelta(days=1)


async def test_what_may_be_no_complaint_ends_sooner(sqlite_store: Store, city: City) -> None:
    """Of words that say no trouble for sure a telephone gets receipts too, as many in a day as of anything else."""
    machine = Correspondence(sqlite_store, city)
    machine.reports = (f"{words} في {district}" for words, district in product(VAGUE, DISTRICTS))
    for _ in range(27):
        await machine.report()

    assert 24 == await machine.told()


TEL, MAIL = Scheme.TEL, Scheme.MAILTO


@pytest.mark.parametrize(
    ("scheme", "purpose", "clear", "most"),
    [
        (TEL, "received", True, 60),
        (TEL, "received", False, 24),
        (TEL, "amended", True, 24),
        (MAIL, "received", True, 24),
        (TEL, "distress", False, 84),
        (MAIL, "distress", True, 48),
    ],
    ids=["clear report", "thanks", "more of one", "by mail", "danger", "danger by mail"],
)
async def test_a_day_has_an_end_for_everybody(
    sqlite_store: Store, scheme: Scheme, purpose: str, clear: bool, most: int
) -> None:
    """Clear reports by telephone are answered longer than what machines write; danger longest, and not for ever."""

    def told(connection: Connection) -> int:
        number = 0
        target = Target("sms", ACCOUNT, Address(scheme, PHONE), "anna")
        while Correspondents(connection, {"anna"}, later(minutes=6 * number)).tell(target, purpose, clear=clear):
            replies.queue(connection, [(owed(number, target), QUEUED)], later(minutes=6 * number))
            number += 1
        return number

    assert most == await sqlite_store.write(told)


@pytest.mark.parametrize(("purpose", "most"), [("received", 12), ("distress", 24)])
async def test_an_hour_is_the_same_for_all(sqlite_store: Store, purpose: str, most: int) -> None:
    """Whoever writes in another's name has them told a dozen times in an hour, however clear the words are."""
    target = Target("sms", ACCOUNT, Address(TEL, PHONE), "anna")

    def told(connection: Connection) -> int:
        others = Correspondents(connection, {"anna"}, NOW)
        return sum(others.tell(target, purpose, clear=True) for _ in range(100))

    assert most == await sqlite_store.read(told)


def owed(number: int, target: Target) -> Draft:
    return Draft(
        id=f"reply-{number}",
        journal_id=f"inbound-{number}",
        complaint_id=None,
        purpose="received",
        channel=target.channel,
        account=target.account,
        sender=target.sender,
        language="ar",
        to=target.to,
        text="رقم بلاغكم",
    )
