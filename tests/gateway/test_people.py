"""Who may sign in, how wrong passwords are slowed, and when a session is over."""

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from gateway import people
from gateway.people import NotAllowed, People, Visit, WrongPassword, pause, read_name, read_password, read_rights
from gateway.store import users
from gateway.store.engine import Store
from tests.gateway.walk import Clock

PASSWORD = "نخلة على ضفة دجلة"
WRONG = "لا أعرف كلمة المرور"
QUICK = people.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Passwords that are hashed in no time, where the test is not about that."""
    monkeypatch.setattr(people, "_HASHER", QUICK)
    people._nobodys.cache_clear()
    yield
    people._nobodys.cache_clear()


@pytest.fixture
async def desk(store: Store, clock: Clock) -> People:
    """One agent, in a store of either kind."""
    found = People(store, clock=clock)
    assert await found.add("sara", display="سارة", rights={"agent"}, password=PASSWORD)
    return found


async def test_the_right_password_opens_a_session_and_signing_out_ends_it(desk: People) -> None:
    """The token is good until it is given back; the same name cannot be added twice."""
    key = await desk.sign_in(" Sara ", PASSWORD)
    visit = await desk.visit(key.token)
    assert visit is not None
    assert ("sara", "سارة", frozenset({"agent"})) == (visit.name, visit.display, visit.rights)
    await desk.sign_out(key.token)
    assert await desk.visit(key.token) is None
    assert not await desk.add("sara", display="", rights={"admin"}, password=PASSWORD)


@pytest.mark.usefixtures("quick")
async def test_neither_password_nor_token_lies_in_the_store(desk: People, store: Store) -> None:
    """Who reads the store can sign in with nothing that is there."""
    key = await desk.sign_in("sara", PASSWORD)
    user = await store.read(lambda found: users.find(found, "sara"))
    assert user is not None
    assert user.password_hash.startswith("$argon2id$")
    assert await desk.visit(user.password_hash) is None
    rows = await store.read(lambda found: found.exec_driver_sql("SELECT id_digest FROM sessions").all())
    assert [key.token] != [row[0] for row in rows]
    assert await desk.visit(rows[0][0]) is None


@pytest.mark.usefixtures("quick")
async def test_signing_in_anew_gives_another_token_and_ends_the_one_before(desk: People) -> None:
    """A token that somebody planted or saw is worth nothing after the next sign-in."""
    first = await desk.sign_in("sara", PASSWORD)
    second = await desk.sign_in("sara", PASSWORD, instead_of=first.token)
    assert await desk.visit(first.token) is None
    assert await desk.visit(second.token) is not None


@pytest.mark.usefixtures("quick")
async def test_a_session_ends_after_half_an_hour_of_nothing_and_after_twelve_hours_of_work(
    desk: People, clock: Clock
) -> None:
    """Whoever clicks stays signed in, but never longer than a shift."""
    idle = await desk.sign_in("sara", PASSWORD)
    clock.pass_by(minutes=29)
    assert await desk.visit(idle.token) is not None
    clock.pass_by(minutes=29)
    assert await desk.visit(idle.token) is not None
    clock.pass_by(minutes=31)
    assert await desk.visit(idle.token) is None
    busy = await desk.sign_in("sara", PASSWORD)
    for _ in range(35):
        clock.pass_by(minutes=20)
        assert await desk.visit(busy.token) is not None
    clock.pass_by(minutes=21)
    assert await desk.visit(busy.token) is None


@pytest.mark.usefixtures("quick")
async def test_a_clock_that_is_set_back_does_not_make_a_session_last(desk: People, clock: Clock) -> None:
    """A session that was opened in what is now the future is over."""
    clock.pass_by(days=300)
    key = await desk.sign_in("sara", PASSWORD)
    clock.pass_by(days=-300)
    assert await desk.visit(key.token) is None


@pytest.mark.usefixtures("quick")
async def test_five_wrong_passwords_close_a_name_for_a_while_also_for_the_right_one(
    desk: People, store: Store, clock: Clock
) -> None:
    """It is closed in every process and after a restart, for longer each time, and opens by itself."""
    for _ in range(5):
        with pytest.raises(WrongPassword):
            await desk.sign_in("sara", WRONG)
    with pytest.raises(WrongPassword):
        await desk.sign_in("sara", PASSWORD)
    with pytest.raises(WrongPassword):
        await People(store, clock=clock).sign_in("sara", PASSWORD)
    clock.pass_by(seconds=31)
    assert await desk.sign_in("sara", PASSWORD)
    for _ in range(4):  # the right one has taken all of it back
        with pytest.raises(WrongPassword):
            await desk.sign_in("sara", WRONG)
    assert await desk.sign_in("sara", PASSWORD)


@pytest.mark.usefixtures("quick")
async def test_many_tries_at_the_same_moment_are_counted_one_by_one(desk: People, store: Store) -> None:
    """A script that guesses in parallel gets no more guesses than one that waits: after five the name is closed."""
    found = await asyncio.gather(*(desk.sign_in("sara", WRONG) for _ in range(12)), return_exceptions=True)
    assert {WrongPassword} == {type(one) for one in found}
    assert 5 == await store.read(lambda found: found.exec_driver_sql("SELECT failures FROM users").scalar())
    with pytest.raises(WrongPassword):
        await desk.sign_in("sara", PASSWORD)


def test_a_name_rests_longer_each_time_and_never_longer_than_a_quarter_of_an_hour() -> None:
    """Four in a row cost nothing; a name that was tried for years does not overflow."""
    assert [0, 0, 30, 60, 120, 240, 480, 900, 900] == [
        pause(failures).total_seconds() for failures in (0, 4, 5, 6, 7, 8, 9, 10, 1_000_000)
    ]


async def test_an_unknown_name_takes_as_long_as_a_known_one(desk: People) -> None:
    """How long the answer takes tells nobody who works here."""

    async def seconds(name: str) -> float:
        begun = time.perf_counter()
        with pytest.raises(WrongPassword):
            await desk.sign_in(name, WRONG)
        return time.perf_counter() - begun

    await seconds("nobody")
    known = min([await seconds("sara") for _ in range(3)])
    unknown = min([await seconds(name) for name in ("nobody", "not a name!", "zaid")])
    assert 0.5 < unknown / known < 2


@pytest.mark.usefixtures("quick")
async def test_who_is_let_in_no_longer_is_out_at_once(desk: People, store: Store, clock: Clock) -> None:
    """The next page asks for a password, and the password is worth nothing."""
    key = await desk.sign_in("sara", PASSWORD)
    await store.write(lambda found: users.disable(found, "sara", clock.now))
    assert await desk.visit(key.token) is None
    with pytest.raises(WrongPassword):
        await desk.sign_in("sara", PASSWORD)
    await store.write(lambda found: users.set_rights(found, "sara", {"triage"}, clock.now))
    key = await desk.sign_in("sara", PASSWORD)
    visit = await desk.visit(key.token)
    assert visit is not None
    assert frozenset({"triage"}) == visit.rights


@pytest.mark.usefixtures("quick")
async def test_another_password_ends_every_session(desk: People) -> None:
    """Whoever knew the old one is out, and the old one is worth nothing."""
    key = await desk.sign_in("sara", PASSWORD)
    await desk.set_password("sara", "كلمة أخرى طويلة جداً")
    assert await desk.visit(key.token) is None
    with pytest.raises(WrongPassword):
        await desk.sign_in("sara", PASSWORD)
    assert await desk.sign_in("sara", "كلمة أخرى طويلة جداً")


async def test_a_password_of_weaker_days_is_hashed_anew(desk: People, store: Store) -> None:
    """Signing in is the moment at which the words are known: the hash is then made as it is made today."""
    weak = QUICK.hash(PASSWORD)
    await store.write(lambda found: users.set_password(found, "sara", weak, Clock().now))
    assert await desk.sign_in("sara", PASSWORD)
    user = await store.read(lambda found: users.find(found, "sara"))
    assert user is not None
    assert "m=65536,t=3,p=4" in user.password_hash
    assert await desk.sign_in("sara", PASSWORD)


@pytest.mark.usefixtures("quick")
async def test_a_password_is_the_same_however_its_letters_are_composed(desk: People) -> None:
    """One keyboard writes أ as one character, another one as two."""
    await desk.set_password("sara", read_password("أمسية طويلة في أربيل", "sara"))
    assert await desk.sign_in("sara", "\u0627\u0654مسية طويلة في \u0627\u0654ربيل")


@pytest.mark.parametrize("given", ["", "a", "سارة", "sara karim", "-sara", "x" * 40, "sara\n/admin", "../sara"])
def test_a_name_is_plain(given: str) -> None:
    """Names stand in addresses of log lines and commands, so they are of a few harmless characters."""
    with pytest.raises(NotAllowed):
        read_name(given)


@pytest.mark.parametrize("given", ["short", "aaaaaaaaaaaaaaaa", "my name is SARA ok", "x" * 300, ""])
def test_a_password_can_be_too_weak(given: str) -> None:
    """Too short, too long, one letter repeated, or with the name in it."""
    with pytest.raises(NotAllowed):
        read_password(given, "sara")


def test_rights_are_words_that_exist() -> None:
    """A right that nobody has heard of, or a department that the city has not, is refused by name."""
    assert frozenset({"agent", "department.water"}) == read_rights("agent+department.water", {"water"})
    for given, wrong in (("agent+root", "root"), ("department.wter", "wter"), ("", "at least one")):
        with pytest.raises(NotAllowed, match=wrong):
            read_rights(given, {"water"})


def test_a_supervisor_may_do_everything_but_say_who_may() -> None:
    """The right to change rights is one of its own."""
    boss = Visit("boss", "boss", frozenset({"supervisor"}), "")
    assert (True, True, False) == (boss.may("agent"), boss.may("department.water"), boss.may("admin"))
    assert not Visit("a", "a", frozenset({"agent"}), "").may("triage")


async def test_only_so_many_wait_for_their_password_to_be_checked(
    desk: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each check takes 64 MiB: a flood of sign-ins is turned away and does not fill the memory."""
    monkeypatch.setattr(people, "MOST_WAITING", 2)
    found = await asyncio.gather(*(desk.sign_in(f"name{n}", WRONG) for n in range(9)), return_exceptions=True)
    assert {WrongPassword, people.TooManyAtOnce} == {type(one) for one in found}


@pytest.mark.usefixtures("quick")
async def test_sessions_that_are_over_leave_the_store(desk: People, store: Store, clock: Clock) -> None:
    """The table holds no more than a day's."""
    await desk.sign_in("sara", PASSWORD)
    clock.pass_by(hours=13)
    await desk.sign_in("sara", PASSWORD)
    rows = await store.read(lambda found: found.exec_driver_sql("SELECT count(*) FROM sessions").scalar())
    assert 1 == rows
    assert timedelta(hours=12) == people.LONGEST_SESSION
