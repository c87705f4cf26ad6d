"""Mails of many programs, recorded elsewhere: read where they are at hand, for they are no part of this project."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from channels.email.letter import read
from channels.email.markup import words_in
from channels.email.quotes import newly_said

RECORDED = Path(__file__).resolve().parents[4] / "shared/data/mail"
NO_MAIL = {".json", ".html"}


def recorded(folder: str = "") -> list[Path]:
    found = (path for path in sorted((RECORDED / folder).rglob("*")) if path.is_file())
    return [
        path for path in found if path.suffix not in NO_MAIL and not path.name.startswith(("LICENSE", "MIT", "COPY"))
    ]


def name(path: Path) -> str:
    return "/".join(path.relative_to(RECORDED).parts[-2:])


def expected() -> list[dict[str, Any]]:
    file = RECORDED / "arabic_synthetic/expected.json"
    found: list[dict[str, Any]] = json.loads(file.read_text("utf-8")) if file.exists() else []
    return found


@pytest.mark.parametrize("path", recorded(), ids=name)
def test_every_mail_is_read_without_an_accident(path: Path) -> None:
    """No mail of theirs meets a bug, and what it says can be stored."""
    letter = read(path.read_bytes())

    assert not [defect for defect in letter.defects if defect.endswith("Error")]
    assert letter.full_text or not letter.text
    assert letter.text.encode().decode() == letter.text


@pytest.mark.parametrize("mail", expected(), ids=lambda mail: str(mail["file"]))
def test_arabic_mails_say_what_they_should(mail: dict[str, Any]) -> None:
    """Subject, words and names of seven Arabic mails are as a person reads them."""
    letter = read((RECORDED / "arabic_synthetic" / mail["file"]).read_bytes())

    assert mail.get("subject", letter.subject) == letter.subject
    assert mail.get("body", letter.text) == letter.text
    assert mail.get("body_contains", "") in letter.text
    assert not [words for words in mail.get("body_not_contains", ()) if words in letter.full_text]
    assert mail.get("new_text_excludes", "\0") not in letter.text
    assert mail.get("threads_to", "") in letter.subject
    assert mail.get("attachments", []) == [attached.filename for attached in letter.attachments]
    assert ("", "") == (letter.automatic, letter.unanswerable)


@pytest.mark.parametrize("path", recorded("sisimai_bounces"), ids=name)
def test_every_bounce_is_known_for_one(path: Path) -> None:
    """No bounce of any mail server is taken for a complaint, and each says whom it did not reach."""
    raw = path.read_bytes()
    letter = read(raw)

    assert letter.automatic
    if letter.automatic == "dsn":
        assert letter.bounce is not None
        assert "@" in letter.bounce.recipient
        assert letter.bounce.recipient.lower().encode() in raw.lower() or b"Content-Transfer-Encoding: " in raw
        assert letter.bounce.status or not re.search(rb"^Status: *\d", raw, re.MULTILINE)
        assert not (letter.bounce.permanent and letter.bounce.status.startswith("4"))


@pytest.mark.parametrize("path", [*recorded("stalwart"), *recorded("tnef"), *recorded("replies_talon")], ids=name)
def test_people_are_not_taken_for_machines(path: Path) -> None:
    """What people wrote with old or odd programs is heard."""
    assert "" == read(path.read_bytes()).automatic


@pytest.mark.parametrize("path", sorted((RECORDED / "replies_talon/html_replies").glob("*.html")), ids=name)
def test_replies_in_html_are_cut(path: Path) -> None:
    """What Outlook and others quote below an answer is not part of it."""
    assert "Hi. I am fine.\n\nThanks,\nAlex" == newly_said(words_in(path.read_text("utf-8"))).replace(
        "\n\nAlex", "\nAlex"
    )


@pytest.mark.parametrize("path", recorded("replies_talon/standard_replies"), ids=name)
def test_replies_of_many_programs_are_cut(path: Path) -> None:
    """The answer is there in each, and the quotation below it is not."""
    text = read(path.read_bytes()).text

    assert "Hello" in text
    assert text.startswith("Hello") == (path.stem != "thunderbird")  # that one answers below what it quotes
    assert path.stem == "thunderbird" or text.strip() == "Hello"


@pytest.mark.parametrize(
    ("file", "first", "gone"),
    [
        ("email_1_2.txt", "Hi,\nOn Tue, 2011-03-01", ""),  # answers between quoted lines
        ("email_1_4.txt", "Awesome! I haven't had another problem with it.", "wrote"),
        ("email_1_7.txt", ":+1:", "wrote"),
        ("email_2_2.txt", "Outlook with a reply directly above line", "From:"),
        ("email_2_3.txt", "Outlook with a reply above headers using unusual format", "Sent"),
        ("email_multi_word_sent_from_my_mobile_device.txt", "Here is another email", "BlackBerry"),
        ("email_sent_from_my_not_signature.txt", "Here is another email\n\nSent from my desk", ""),
        ("email_partial_quote_header.txt", "On your remote host you can run:", "wrote"),
        ("greedy_on.txt", "On your remote host you can run:", "wrote"),
    ],
)
def test_plain_replies_are_cut(file: str, first: str, gone: str) -> None:
    """Quotations go, and sentences that only begin like one stay."""
    path = RECORDED / "replies_zapier" / file
    if path.exists():
        said = newly_said(path.read_text("utf-8"))

        assert said.startswith(first)
        assert not gone or gone not in said
