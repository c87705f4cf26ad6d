from __future__ import annotations

import pytest

from normalizer.category import Matcher
from normalizer.reader import Reader
from normalizer.urgency import DangerWords
from normalizer.vocabulary import Vocabulary


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """A small city in Iraq that answers in Arabic and English."""
    return Vocabulary(
        region="IQ",
        languages=("ar", "en"),
        words={
            "water.outage": ("ماء", "انقطاع الماء", "الماي مقطوع", "no water"),
            "water.quality": ("ماء وسخ", "dirty water"),
            "sewage.overflow": ("مجاري", "المجاري", "طفح المجاري", "بالوعة", "sewage"),
            "electricity.outage": ("كهرباء", "power cut"),
            "lighting.broken": ("إنارة", "street light"),
            "waste.collection": ("نفايات", "زبالة", "garbage"),
            "staff.conduct": ("رشوة", "bribe"),
        },
        confidential=frozenset({"staff.conduct"}),
        categories=frozenset(
            {
                "water.outage",
                "water.quality",
                "sewage.overflow",
                "electricity.outage",
                "lighting.broken",
                "waste.collection",
                "staff.conduct",
                "roads.damage",
                "other",
            }
        ),
        districts=frozenset({"karrada", "mansour"}),
        opt_out=frozenset({"إيقاف", "stop"}),
        opt_in=frozenset({"تشغيل"}),
    )


@pytest.fixture(scope="session")
def reader(vocabulary: Vocabulary) -> Reader:
    """The same city, with a few words of danger and of need."""
    danger = DangerWords(
        alone=("سلك مكشوف", "حريق", "خطر", "لا يتنفس", "fire"),
        denial=("ماكو", "لا", "no"),
        household=("=امي",),
        need=("مقعدة",),
    )
    return Reader(vocabulary, danger=danger)


@pytest.fixture(scope="session")
def matcher(vocabulary: Vocabulary) -> Matcher:
    """The same city, compiled."""
    return Matcher(vocabulary)
