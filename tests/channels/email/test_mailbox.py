"""What happens to mail in a real mailbox: read by staff, delivered while we were away, restored, cut off."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from channels.base import Barred, Busy
from channels.email import mailbox, parts
from channels.email.channel import Email
from channels.email.inbounds import Post
from channels.email.letter import Letter, read
from channels.email.mailbox import Mail, text_part
from channels.email.settings import Inbox
from channels.message import Purpose, Scheme
from tests.channels.email.office import Office, email, hear, inbox, mail, once
from tests.channels.harness import StoreAway
from tests.servers.dovecot import PASSWORD, DovecotServer

pytestmark = pytest.mark.servers

Build = Callable[..., Email]

PHOTO = b"\xff\xd8\xff\xe0" + b"photo" * 100


def with_photo(number: int) -> bytes:
    import base64

    body = (
        "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nحفرة في الشارع\r\n"
        '--b\r\nContent-Type: image/jpeg; name="a.jpg"\r\nContent-Transfer-Encoding: base64\r\n'
        'Content-Disposition: attachment; filename="a.jpg"\r\n\r\n'
        f"{base64.encodebytes(PHOTO).decode()}\r\n--b--"
    )
    return mail(number, body, Content_Type="multipart/mixed; boundary=b", Content_Transfer_Encoding="")


async def test_mail_is_taken_and_left_unread(
    dovecot_server: DovecotServer, user: str, opened: Build, office: Office
) -> None:
    """Words, sender and photo arrive, and staff still find the mail unread, marked as taken."""
    dovecot_server.deliver(with_photo(1), user)
    channel = opened(inbox(dovecot_server, user, department="roads"))
    await hear(channel, office, lambda: bool(office.accepted))
    [inbound] = office.accepted

    assert "شكوى 1\nحفرة في الشارع" == inbound.text.strip()
    assert (Scheme.MAILTO, "zaynab@example.org", "Um Zaynab") == (
        inbound.sender.scheme,
        inbound.sender.value,
        inbound.sender_name,
    )
    assert [PHOTO] == [office.kept[str(media.sha256)] for media in inbound.media]
    assert "roads" == inbound.answers["department"]
    assert datetime(2026, 11, 22, 3, tzinfo=UTC) == inbound.sent_at
    staff = dovecot_server.client(user)
    staff.select_folder("INBOX", readonly=True)
    await hear(channel, office, lambda: b"$Ingested" in staff.get_flags([1])[1])
    assert b"\\Seen" not in staff.get_flags([1])[1]
    staff.logout()
    assert 1 == len(office.accepted)


async def test_mail_that_staff_have_read_is_taken(
    dovecot_server: DovecotServer, user: str, opened: Build, office: Office
) -> None:
    """Whoever opens a mail before us does not take it from us."""
    dovecot_server.deliver(mail(1), user)
    staff = dovecot_server.client(user)
    staff.select_folder("INBOX")
    staff.add_flags([1], ["\\Seen"])
    staff.logout()

    await hear(opened(inbox(dovecot_server, user)), office, lambda: bool(office.accepted))


async def test_what_came_while_we_were_away_is_taken_once(
    dovecot_server: DovecotServer, user: str, opened: Build, office: Office
) -> None:
    """After an outage the mails of that time come, in order, and none that was there before comes again."""
    dovecot_server.deliver(mail(1), user)
    first = opened(inbox(dovecot_server, user))
    await hear(first, office, lambda: len(office.accepted) == 1)
    await first.close()
    for number in (2, 3, 4):
        dovecot_server.deliver(mail(number), user)
    second = opened(inbox(dovecot_server, user))
    await hear(second, office, lambda: len(office.accepted) == 4)
    await once(second, second.lines()[0], office)

    assert [f"شكوى {number}" for number in (1, 2, 3, 4)] == [text.split("\n")[0] for text in office.texts]


async def test_mail_is_announced(dovecot_server: DovecotServer, user: str, opened: Build, office: Office) -> None:
    """Mail that comes while we listen is taken at once, not at the next look."""
    channel = opened(inbox(dovecot_server, user))
    channel.idle = 60.0
    listening = asyncio.create_task(hear(channel, office, lambda: bool(office.accepted)))
    await asyncio.sleep(0.3)
    began = time.monotonic()
    dovecot_server.deliver(mail(1), user)
    await listening

    assert time.monotonic() - began < channel.idle / 2


async def test_server_killed_while_we_listen(own_server: DovecotServer, opened: Build, office: Office) -> None:
    """A mail server that dies under a waiting connection is noticed at once, and what it has afterwards is taken."""
    user = "info@city.example"
    own_server.deliver(mail(1), user)
    channel = opened(inbox(own_server, user))
    channel.idle = 60.0
    await hear(channel, office, lambda: bool(office.accepted))
    listening = asyncio.create_task(hear(channel, office, lambda: len(office.accepted) == 2))
    await asyncio.sleep(0.3)
    own_server.kill9()
    await asyncio.sleep(0.3)
    own_server.start()
    own_server.deliver(mail(2), user)
    complaints = await listening

    assert complaints
    assert 2 == len(office.identities)


async def test_store_away(dovecot_server: DovecotServer, user: str, opened: Build, office: Office) -> None:
    """A mail that could not be stored is fetched again, and the one before it is not."""
    dovecot_server.deliver(mail(1), user)
    dovecot_server.deliver(mail(2), user)
    channel = opened(inbox(dovecot_server, user))
    fetched = channel.fetch(channel.lines()[0], office)
    await office.accept(await anext(fetched))
    await anext(fetched)  # the second is never accepted
    await fetched.aclose()  # type: ignore[attr-defined]

    await hear(channel, office, lambda: len(office.accepted) == 2)
    assert ["شكوى 1", "شكوى 2"] == [text.split("\n")[0] for text in office.texts]


async def test_disk_full_at_an_attachment(
    dovecot_server: DovecotServer, user: str, opened: Build, office: Office
) -> None:
    """While attachments cannot be kept, their mail is not taken without them."""
    dovecot_server.deliver(with_photo(1), user)
    channel = opened(inbox(dovecot_server, user))
    office.broken = True
    with pytest.raises(StoreAway):
        await once(channel, channel.lines()[0], office)
    office.broken = False
    await hear(channel, office, lambda: bool(office.accepted))

    assert 1 == len(office.accepted[0].media)
    assert Purpose.MESSAGE == office.accepted[0].purpose


async def test_attachment_that_is_not_taken(
    dovecot_server: DovecotServer, user: str, opened: Build, office: Office
) -> None:
    """An attachment larger than we take costs the mail nothing, and is named."""
    office.largest = 10
    dovecot_server.deliver(with_photo(1), user)
    await hear(opened(inbox(dovecot_server, user)), office, lambda: bool(office.accepted))
    [inbound] = office.accepted

    assert () == inbound.media
    assert [{"filename": "a.jpg", "size": len(PHOTO), "why": "too large"}] == inbound.answers["missing_attachments"]


async def test_mailbox_that_was_restored(
    dovecot_server: DovecotServer, user: str, opened: Build, office: Office
) -> None:
    """A folder that is made anew has other numbers for the same mails: they are read again and are the same mails."""
    staff = dovecot_server.client(user)
    staff.create_folder("شكاوى")
    for number in (1, 2):
        staff.append("شكاوى", mail(number))
    channel = opened(inbox(dovecot_server, user, folder="شكاوى"))
    await hear(channel, office, lambda: len(office.accepted) == 2)
    before = office.identities
    staff.delete_folder("شكاوى")
    staff.create_folder("شكاوى")
    for number in (2, 3, 1):
        staff.append("شكاوى", mail(number))
    staff.logout()
    await hear(channel, office, lambda: len(office.accepted) == 5)

    assert before < office.identities
    assert 3 == len(office.identities)


async def test_same_mail_in_two_inboxes(
    dovecot_server: DovecotServer, user: str, opened: Build, office: Office
) -> None:
    """A mail to two of our addresses is one complaint, of the department whose own inbox one of them is."""
    water, general = f"water-{user}", f"info-{user}"
    dovecot_server.deliver(mail(1, To=f"{general}, {water}"), general)
    dovecot_server.deliver(mail(1, To=f"{general}, {water}"), water)
    channel = opened(inbox(dovecot_server, general), inbox(dovecot_server, water, department="water"))
    for line in channel.lines():
        count = len(office.accepted)
        await hear(channel, office, lambda count=count: len(office.accepted) > count, line)  # type: ignore[misc]

    assert 1 == len(office.identities)
    assert ["water", "water"] == [inbound.answers["department"] for inbound in office.accepted]


async def test_mail_that_breaks_us(dovecot_server: DovecotServer, user: str, opened: Build, office: Office) -> None:
    """A mail over which our own code falls is left to a person, bytes and all, and those behind it come through."""

    class Clumsy(Post):
        def read(self, mail: Mail, inbox: Inbox) -> Letter:
            if b"<2@example.org>" in mail.raw:
                raise RecursionError
            return super().read(mail, inbox)

    for number in (1, 2, 3):
        dovecot_server.deliver(mail(number), user)
    channel = opened(inbox(dovecot_server, user))
    post = channel._post
    channel._post = Clumsy(post.inboxes, post.ids, post.own, post.authserv_id)
    await hear(channel, office, lambda: len(office.accepted) == 3)
    broken = office.accepted[1]

    assert [Purpose.MESSAGE, Purpose.UNREADABLE, Purpose.MESSAGE] == [inbound.purpose for inbound in office.accepted]
    assert "RecursionError while reading it" == broken.note
    assert b"<2@example.org>" in office.kept[str(broken.media[0].sha256)]


async def test_mail_that_the_server_does_not_give_out(
    dovecot_server: DovecotServer, user: str, opened: Build, office: Office
) -> None:
    """A mail that cannot be fetched, time and again, is reported to a person and holds nobody up for ever."""
    for number in (1, 2):
        dovecot_server.deliver(mail(number), user)
    channel = opened(inbox(dovecot_server, user))
    box = channel._clerk(channel.lines()[0]).box
    take = box.take

    def stubborn(uid: int) -> Mail | None:
        if uid == 1:
            raise Busy("imap", "the mail server answered what we cannot use")
        return take(uid)

    box.take = stubborn  # type: ignore[method-assign]
    complaints = await hear(channel, office, lambda: len(office.accepted) == 2)

    assert 4 == len(complaints)
    assert [Purpose.UNREADABLE, Purpose.MESSAGE] == [inbound.purpose for inbound in office.accepted]
    assert 1 == office.accepted[0].raw["uid"]


async def test_mail_that_is_named_and_not_there(
    dovecot_server: DovecotServer, user: str, opened: Build, office: Office
) -> None:
    """A mail that the server lists and has nothing of is reported to a person, and asked for only a few times."""
    dovecot_server.deliver(mail(1), user)
    channel = opened(inbox(dovecot_server, user))
    asked: list[int] = []
    channel._clerk(channel.lines()[0]).box.take = asked.append  # type: ignore[method-assign, assignment]
    await hear(channel, office, lambda: bool(office.accepted))

    assert Purpose.UNREADABLE == office.accepted[0].purpose
    assert 6 == len(asked)


async def test_mail_that_is_too_large(
    dovecot_server: DovecotServer, user: str, opened: Build, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a mail beyond the limit the words and the sender arrive, and that something stayed behind is on record."""
    monkeypatch.setattr(mailbox, "LARGEST", 600)
    dovecot_server.deliver(with_photo(1), user)
    dovecot_server.deliver(mail(2, "طويل " * 500), user)
    await hear(opened(inbox(dovecot_server, user)), office, lambda: len(office.accepted) == 2)
    first, second = office.accepted

    assert "شكوى 1\nحفرة في الشارع" == first.text.strip()
    assert () == first.media
    assert "headers and text" == first.raw["fetched"]
    assert first.raw["size"] > 600
    assert "طويل " * 499 in second.text


async def test_large_mail_delays_nobody(
    dovecot_server: DovecotServer, user: str, opened: Build, office: Office
) -> None:
    """While a mail of 20 MB is being read, another inbox's mail goes all the way; then the large one is there too."""
    begun, through = threading.Event(), threading.Event()
    waited: list[bool] = []

    class Thorough(Post):
        def read(self, mail: Mail, inbox: Inbox) -> Letter:
            if mail.size > 20_000_000:
                begun.set()
                waited.append(through.wait(30))  # were it read where others are, they would wait for it in vain
            return super().read(mail, inbox)

    other = f"other-{user}"
    body = b"--b\r\nContent-Type: text/plain\r\n\r\nlarge\r\n--b\r\nContent-Type: application/pdf\r\n" + (
        b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n"
        + (b"JVBERi0xLjQK" * 6 + b"\r\n") * 280_000
    )
    head = mail(1, "", Content_Type="multipart/mixed; boundary=b", Content_Transfer_Encoding="")
    staff = dovecot_server.client(user)
    staff.append("INBOX", head + body + b"\r\n--b--\r\n")
    staff.logout()
    dovecot_server.deliver(mail(2), other)
    channel = opened(inbox(dovecot_server, user), inbox(dovecot_server, other))
    post = channel._post
    channel._post = Thorough(post.inboxes, post.ids, post.own, post.authserv_id)
    large, small = channel.lines()
    reading = asyncio.create_task(hear(channel, office, lambda: bool(office.accepted), large, 60))
    await asyncio.to_thread(begun.wait, 30)
    second = Office()
    await hear(channel, second, lambda: bool(second.accepted), small)
    through.set()
    await reading

    assert [True] == waited
    assert office.accepted[0].text.endswith("large")


@pytest.mark.parametrize("bite", [7, 100, 4096])
def test_large_mail_is_the_same_in_bites(
    bite: int, dovecot_server: DovecotServer, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is fetched and read a bite at a time, with rests for others, is to the byte what it is when taken whole."""
    dovecot_server.deliver(with_photo(1), user)
    box = mailbox.Mailbox(Inbox.model_validate(inbox(dovecot_server, user)))
    box.open(PASSWORD)
    [uid] = box.unread(0)
    whole = box.take(uid)
    assert whole
    letter = read(whole.raw)
    monkeypatch.setattr(mailbox, "_BITE", bite)
    monkeypatch.setattr(parts, "_BITE", bite)
    monkeypatch.setattr(parts, "_LARGE", 0)
    rests: list[float] = []
    monkeypatch.setattr(parts, "time", SimpleNamespace(sleep=rests.append))
    fetch, fetched = box._client.fetch, []
    box._client.fetch = lambda uids, data: fetched.append(data) or fetch(uids, data)

    assert whole == box.take(uid)
    bites = -(-len(whole.raw) // bite)
    asked = sum("BODY.PEEK[]<" in data[0] for data in fetched)
    assert (bites + 1 if bites > 1 else 0) == asked  # the last one finds the end
    assert None is box.take(uid + 1)
    assert letter == read(whole.raw)
    assert bites == len(rests)
    assert [PHOTO] == [part.data for part in letter.attachments]
    box.close()


async def test_late_mail_with_a_lower_number(
    dovecot_server: DovecotServer, user: str, opened: Build, office: Office
) -> None:
    """A mail that becomes visible after one with a higher number is taken all the same."""
    for number in (1, 2, 3):
        dovecot_server.deliver(mail(number), user)
    channel = opened(inbox(dovecot_server, user))
    line = channel.lines()[0]
    await hear(channel, office, lambda: len(office.accepted) == 3)
    # As if the second had not been there when we looked.
    office.remembered[line] = office.remembered[line].replace("[[1, 3]]", "[[1, 1], [3, 3]]")
    await hear(channel, office, lambda: len(office.accepted) == 4)

    assert office.accepted[1] == office.accepted[3]
    assert "[[1, 3]]" in office.remembered[line]


async def test_since(dovecot_server: DovecotServer, user: str, opened: Build, office: Office) -> None:
    """Mail from before the day that the operator names is left alone."""
    staff = dovecot_server.client(user)
    staff.append("INBOX", mail(1), msg_time=datetime(2025, 1, 1, tzinfo=UTC))
    staff.append("INBOX", mail(2))
    staff.logout()
    await hear(opened(inbox(dovecot_server, user, since="2026-01-01")), office, lambda: bool(office.accepted))

    assert ["شكوى 2\nالماء مقطوع"] == [text.strip() for text in office.texts]


async def test_closing_while_waiting(dovecot_server: DovecotServer, user: str, opened: Build, office: Office) -> None:
    """The gateway stops at once, although a connection would have waited for minutes."""
    channel = opened(inbox(dovecot_server, user))
    channel.idle = 100.0
    waiting = asyncio.create_task(once(channel, channel.lines()[0], office))
    await asyncio.sleep(0.3)
    began = time.monotonic()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await channel.close()

    assert time.monotonic() - began < channel.idle / 2


async def test_who_does_not_let_us_in(dovecot_server: DovecotServer, user: str, opened: Build, office: Office) -> None:
    """A wrong password and a folder that is not there are for a person; nothing of them is quoted."""
    for wrong in ({"password": "guess-me-not"}, {"password": "كلمة"}, {"folder": "Nowhere"}):
        channel = opened(inbox(dovecot_server, user, **wrong))
        with pytest.raises(Barred) as raised:
            await once(channel, channel.lines()[0], office)
        assert "guess-me-not" not in str(raised.value)


async def test_encryption(dovecot_server: DovecotServer, user: str, opened: Build, office: Office) -> None:
    """Only a certificate that is trusted, or named by the operator, is taken: with TLS and with STARTTLS."""
    dovecot_server.deliver(mail(1), user)
    ways = [{"tls": True, "port": dovecot_server.tls_port}, {"tls": "starttls"}]
    for way in ways:
        channel = opened(inbox(dovecot_server, user, **way))
        with pytest.raises(Barred):
            await once(channel, channel.lines()[0], office)
        trusting = opened(inbox(dovecot_server, user, **way, ca=str(dovecot_server.certificate)))
        await hear(trusting, Office(), lambda: True)
        fresh = Office()
        await hear(trusting, fresh, lambda fresh=fresh: bool(fresh.accepted))  # type: ignore[misc]


async def test_server_away(user: str) -> None:
    """A mail server that is away is tried again, and is nobody's fault."""
    channel = email({"host": "127.0.0.1", "port": 1, "tls": False, "user": user, "password": "x"})
    with pytest.raises(Busy):
        await once(channel, channel.lines()[0], Office())
    await channel.close()


def test_words_of_a_structure() -> None:
    """The plain text is found however deep it lies, before HTML, and a mail of one part is its own text."""
    plain = (b"TEXT", b"PLAIN", (b"CHARSET", b"utf-8"), None, None, b"8BIT", 5, 1)
    page = (b"text", b"html", None, None, None, b"7BIT", 5, 1)
    photo = (b"IMAGE", b"JPEG", None, None, None, b"BASE64", 5)

    assert "TEXT" == text_part(plain)
    assert "1" == text_part(([plain, photo], b"MIXED"))
    assert "1.2" == text_part(([([page, plain], b"ALTERNATIVE"), photo], b"MIXED"))
    assert "2" == text_part(([photo, page], b"MIXED"))
    assert ("", "") == (text_part(photo), text_part(None))
