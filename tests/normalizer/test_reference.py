from __future__ import annotations

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normalizer import reference

KEY = b"a key of the city"
REFERENCES = st.text(min_size=1, max_size=20).map(lambda identity: reference.make(KEY, identity))
SCRIPTS = ("0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "０１２３４５６７８９")
BETWEEN = st.sampled_from(
    [
        "",
        " ",
        "  ",
        "-",
        " - ",
        "\u2011",
        "–",
        "—",
        "−",
        ".",
        "_",
        "\u00a0",
        "\u202f",
        "\u200e",
        "\u200f",
        "\u2066",
        "ـ",
    ]
)


@given(st.text(), st.integers(min_value=0, max_value=9))
def test_a_reference_is_ten_digits_and_never_begins_with_nought(identity: str, counter: int) -> None:
    """Every message, however it is called, gets a number that can be spoken and that no spreadsheet shortens."""
    made = reference.make(KEY, identity, counter)
    assert (10, True, True) == (len(made), made.isascii() and made.isdigit(), made[0] != "0")
    assert made == reference.make(KEY, identity, counter)


def test_each_key_identity_and_counter_has_its_own_number() -> None:
    """Nobody guesses one reference from another, and a collision is resolved by counting on."""
    made = {reference.make(key, name, n) for key in (b"a", b"b") for name in ("x", "y", "x1") for n in (0, 1, 10)}
    assert 18 == len(made)


@given(REFERENCES, st.data())
def test_a_reference_is_read_back_however_it_was_typed(made: str, data: st.DataObject) -> None:
    """Any digits, blanks, hyphens, dots and bidi marks between them, and words around them, are read back."""
    typed = "".join(data.draw(st.sampled_from(SCRIPTS))[int(digit)] + data.draw(BETWEEN) for digit in made)
    assert made == reference.read(typed)
    assert made == reference.read(f"بلاغي رقم {typed} وين صار؟")
    assert made == reference.read(reference.show(made))


@given(REFERENCES, st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(made: str, place: int, by: int) -> None:
    """A single mistyped digit never leads to another citizen's complaint."""
    wrong = made[:place] + str((int(made[place]) + by) % 10) + made[place + 1 :]
    assert reference.read(wrong) is None


@given(REFERENCES, st.integers(0, 8))
def test_two_swapped_digits_are_noticed(made: str, place: int) -> None:
    """Two neighbouring digits in the wrong order never lead to another citizen's complaint."""
    swapped = made[:place] + made[place + 1] + made[place] + made[place + 2 :]
    assert (made if swapped == made else None) == reference.read(swapped)


def test_other_figures_around_do_not_hide_it() -> None:
    """A house number or a telephone number beside the reference is passed over; it is not cut out of longer ones."""
    made = reference.make(KEY, "x")
    assert made == reference.read(f"دار 12 زقاق 7 الرقم {made}")
    assert made == reference.read(f"12 {reference.show(made)}")
    assert made == reference.read(f"{made}\n2")
    assert reference.read(f"9{made}") is None
    assert reference.read(f"{made}07") is None
    assert reference.read(f"+{made}") is None
    assert reference.read(f"{made[:5]}\n{made[5:]}") is None


@given(st.text())
def test_reading_a_reference_never_fails(text: str) -> None:
    """Whatever a citizen types, looking for a reference ends in one or in none."""
    found = reference.read(text)
    assert found is None or found == reference.read(found)


def test_it_is_shown_in_groups() -> None:
    """Four, three and three digits: as people speak telephone numbers."""
    assert "4821 093 756" == reference.show("4821093756")


@given(REFERENCES)
def test_the_pin_is_six_digits_that_do_not_follow_from_the_reference(made: str) -> None:
    """The PIN has six digits, is the same each time, and another key gives another one."""
    pin = reference.pin(KEY, made)
    assert (6, True) == (len(pin), pin.isascii() and pin.isdigit())
    assert pin == reference.pin(KEY, made)
    assert pin not in made


def test_pins_differ_between_keys() -> None:
    """Who does not hold the key cannot reckon the PIN."""
    assert reference.pin(b"a", "4821093756") != reference.pin(b"b", "4821093756")


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "b", "c"), ("a", "bc", "")), (("a,b", "", "c"), ("a", "b,", "c")), (('a"', "b", "c"), ("a", '"b', "c"))],
)
def test_different_messages_have_different_identities(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    """Moving a character from one part to the next makes another message."""
    assert reference.identity(*one) != reference.identity(*other)


@given(st.text(), st.text(), st.text())
def test_an_identity_holds_its_parts(channel: str, account: str, external_id: str) -> None:
    """Nothing of what makes a message itself is lost, not even half a surrogate pair."""
    identity = reference.identity(channel, account, external_id)
    assert ([channel, account, external_id], True) == (json.loads(identity), identity.isascii())


@given(st.text())
def test_the_uuid_is_a_proper_one_and_always_the_same(identity: str) -> None:
    """A redelivery on another node gets the same id, in the form that RFC 9562 keeps for such ids."""
    made = uuid.UUID(reference.uuid_for(KEY, identity))
    assert (8, uuid.RFC_4122) == (made.version, made.variant)
    assert str(made) == reference.uuid_for(KEY, identity)
    assert str(made) != reference.uuid_for(b"another", identity)
