"""What somebody newly says in a reply."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.quotes import MARKER, newly_said, without_device

RLM, RLE, PDF = "\u200f", "\u202b", "\u202c"
QUOTED = "> شكراً لتواصلك. رقم الشكوى: 4821 093 756\n>\n> أمانة بغداد"

REPLIES = {
    "gmail": (
        (
            "ما زال الماء مقطوعاً\n\nفي الأحد، 15 نوفمبر 2026 في 9:00 ص تمت كتابة ما يلي بواسطة أمانة المدينة"
            f" <shakawa@amana.example>:\n\n{QUOTED}\n"
        ),
        "ما زال الماء مقطوعاً",
    ),
    "gmail in two lines": (
        (
            "نعم\n\nفي الأحد، 15 نوفمبر 2026 في 9:00 ص تمت كتابة ما يلي بواسطة أمانة المدينة\n"
            f"<shakawa@amana.example>:\n{QUOTED}"
        ),
        "نعم",
    ),
    "gmail with marks of direction": (
        (
            f"نعم\n\n{RLE}في الأحد، 15 نوفمبر 2026 في 9:00 ص تمت كتابة ما يلي بواسطة {RLM}أمانة"
            f" <shakawa@amana.example>:{PDF}{RLM}\n\n{RLM}{QUOTED}"
        ),
        "نعم",
    ),
    "gmail with digits and a date alone": (
        f"نعم\n\n٢٠٢٦/١١/١٥ ٩:٠٠ ص، أمانة المدينة <shakawa@amana.example>:\n\n{QUOTED}",
        "نعم",
    ),
    "apple": (
        f"تم\n\nفي ١٥{RLM}/١١{RLM}/٢٠٢٦، الساعة ٩:٠٠ ص، كتب/كتبت أمانة <shakawa@amana.example>:\n\n{QUOTED}",
        "تم",
    ),
    "english": (
        f"Still no water.\n\nOn Sun, Nov 15, 2026 at 9:00 AM City <shakawa@amana.example> wrote:\n{QUOTED}",
        "Still no water.",
    ),
    "french": (
        f"Toujours rien.\n\nLe dim. 15 nov. 2026 à 09:00, Ville <v@amana.example> a écrit :\n\n{QUOTED}",
        "Toujours rien.",
    ),
    "outlook": (
        (
            "لم يأت أحد\n\n________________________________\nمن: أمانة المدينة <shakawa@amana.example>\n"
            "تم الإرسال: الأحد 15 نوفمبر 2026 09:00\nإلى: أبو علي\nالموضوع: شكوى\n\nشكراً لتواصلك"
        ),
        "لم يأت أحد",
    ),
    "outlook in english": (
        "Nobody came\n\nFrom: City\nSent: Sunday, November 15, 2026 9:00 AM\nTo: Me\nSubject: Re\n\nThank you",
        "Nobody came",
    ),
    "original message": ("شكراً\n\n-------- الرسالة الأصلية --------\nمن فلان\nكلام", "شكراً"),
    "our own line": (f"ما زال\n\n{MARKER}\n\nشكراً لتواصلك", "ما زال"),
    "our own line below an attribution": (
        f"ما زال\n\nOn Sun, Nov 15, 2026 City <s@amana.example> wrote:\n\n{MARKER}\nThank you",
        "ما زال",
    ),
    "our own line, quoted": (f"ما زال\n\n> {MARKER}\n> شكراً", "ما زال"),
    "a telephone": ("الماء مقطوع\n\nأُرسلت من الـ iPhone", "الماء مقطوع"),
    "zoho": (f"نعم\n\n---- في الأحد, 22 نوفمبر 2026 كتب أمانة <s@amana.example> ----\n\n{QUOTED}", "نعم"),
    "zoho in english": (
        f"Yes\n\n---- On Sun, 22 Nov 2026 06:00:00 +0300 City <s@amana.example> wrote ---\n{QUOTED}",
        "Yes",
    ),
    "a telephone of one's own": ("الماء مقطوع\n\nأُرسلت من هاتف HUAWEI الخاص بي", "الماء مقطوع"),
    "a program on a telephone": ("الماء مقطوع\n\nتم الإرسال من Yahoo Mail على Android", "الماء مقطوع"),
    "a program and its system": ("الماء مقطوع\n\nتم الإرسال من البريد لـ Windows", "الماء مقطوع"),
    "outlook on a telephone": (
        (
            "لم يأت أحد\n\nالحصول على Outlook لـ iOS\n________________________________\nمن: أمانة <s@amana.example>\n"
            "تم الإرسال: الأحد\nإلى: أبو علي\nالموضوع: شكوى\n\nشكراً"
        ),
        "لم يأت أحد",
    ),
    "outlook on a telephone, in english": (
        "Nobody came\n\nGet Outlook for Android<https://aka.ms/AAb9ysg>\n",
        "Nobody came",
    ),
    "a telephone, quoted below": (f"الماء مقطوع\n\nتم الإرسال من هاتف سامسونج\n\n{QUOTED}", "الماء مقطوع"),
    "a signature": ("الماء مقطوع\n\n-- \nأبو علي\n0770 000 0000", "الماء مقطوع"),
    "only a quotation": (f"\n\n{QUOTED}", ""),
}

KEPT = {
    "answers between the lines": "> متى انقطع الماء؟\nمنذ يومين\n> في أي شارع؟\nشارع 62",
    "answers in colour below a header": (
        "أجوبتي أدناه بالأحمر\n\nمن: أمانة\nتم الإرسال: الأحد\nإلى: أبو علي\nالموضوع: شكوى\n\nمتى انقطع؟\nمنذ يومين"
    ),
    "answers in colour below the marker": f"See my answers in red\n\n{MARKER}\nWhen?\nTwo days ago",
    "answers below": "> متى انقطع الماء؟\n> في أي شارع؟\n\nمنذ يومين في شارع 62",
    "answers between the lines of a quoted marker": f"> {MARKER}\n> متى؟\nمنذ يومين",
    "a sentence like an attribution": "كتب الموظف في التقرير ما يلي:\nلا توجد مشكلة، وهذا غير صحيح",
    "a place like a header": "من: الحي الشمالي\nالماء مقطوع منذ يومين\nشارع 62",
    "a list like headers": "الجواب:\nمن: أبو علي\nالتاريخ: أمس\nالمكان: شارع 62",
    "a sentence that begins like a telephone's": "السلام عليكم\nأرسلت من قبل شكوى ولم يرد أحد",
    "a sentence about the post office": "السلام عليكم\nتم الإرسال من البريد القديم قبل شهر",
    "the same in english": "Hello\nSent from my house in Karrada, where there is no light",
    "a line of one's own": "الشكوى الأولى: الماء\n____________________\nالشكوى الثانية: الكهرباء",
    "dashes within": "--\nالماء مقطوع",
    "words below the marker alone": f"{MARKER}\nمنذ يومين",
}


@pytest.mark.parametrize(("text", "said"), REPLIES.values(), ids=REPLIES.keys())
def test_what_is_quoted_is_cut(text: str, said: str) -> None:
    """Below the citizen's words, an earlier mail and the name of a telephone are not theirs."""
    assert said == newly_said(text)


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT.keys())
def test_in_doubt_words_stay(text: str) -> None:
    """What only looks like a quotation, and answers written into one, are kept whole."""
    assert text == newly_said(text)


def test_a_first_mail_keeps_its_signature() -> None:
    """Whoever writes for the first time has their name and number below the dashes."""
    text = "الماء مقطوع\n\n-- \nأبو علي\n0770 000 0000"

    assert text == without_device(f"{text}\n\nSent from my iPhone")


@given(
    st.lists(
        st.sampled_from(["> a", ">", "", "كلام", "On x wrote:", "From: x", "Sent: y", MARKER, "-- ", "___________"])
    )
)
def test_nothing_is_added_and_nothing_reordered(lines: list[str]) -> None:
    """Whatever stands in a mail, what is newly said is a beginning of it."""
    text = "\n".join(lines)

    assert text.strip("\n").startswith(newly_said(text))
