"""What the hotline asks of the house while a citizen waits on the line.

The channel knows Twilio; the house knows the city: its menus and words, its opening hours, who is on which line, and
where a complaint stands. Whatever is asked must answer within a few seconds, because the caller hears silence until
then, and after fifteen Twilio ends the call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol, runtime_checkable

DANGER = "9"  # at any menu and prompt, whatever the city's menus say
BACK = "*"
MAIN = "main"


class Choice(StrEnum):
    """What a key of a menu does."""

    REPORT = "report"  # speak after the tone
    MESSAGE = "message"  # the same, where the caller wanted a person
    FOLLOW = "follow"  # where a complaint stands
    SERVICES = "services"  # papers, hours, the state of a transaction
    AGENT = "agent"  # a person, or the queue for one
    MENU = "menu"  # another menu


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a menu. `menu` is where MENU leads; `category` is what a REPORT is about, when the key says it."""

    does: Choice
    menu: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class Menu:
    """What is said, by language, and what each key does then."""

    says: Mapping[str, str]
    keys: Mapping[str, Key]


@dataclass(frozen=True, slots=True)
class Voice:
    """A language on the telephone: its key, how it is offered, and the voice that Twilio reads it with.

    `accent` is the language tag that goes with the voice, `listens` the one for recognising speech (empty: not).
    """

    language: str
    key: str
    offer: str
    voice: str
    accent: str
    listens: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the city: what is asked about it most. `tracked`: its transactions' state can be asked for."""

    id: str
    key: str
    names: Mapping[str, str]
    details: Mapping[str, str]
    tracked: bool = False


class Outcome(StrEnum):
    """How a question about a complaint ended."""

    KNOWN = "known"  # proven: `Standing.status` says where it stands
    CODE_SENT = "code_sent"  # not proven: if there is such a complaint, a code went to its telephone
    NO_NUMBER = "no_number"  # not the number of a complaint: mistyped
    WRONG_CODE = "wrong_code"
    TOO_MANY = "too_many"  # tries; nothing is said for a while, not even whether they were right


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a complaint stands, and no more than that."""

    outcome: Outcome
    status: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is on the line: the call's id, the number shown (empty when withheld), the language chosen."""

    call: str
    phone: str = field(repr=False)
    language: str


MENUS: Mapping[str, Menu] = MappingProxyType(
    {
        MAIN: Menu(
            MappingProxyType({}),
            MappingProxyType(
                {
                    "1": Key(Choice.REPORT),
                    "2": Key(Choice.FOLLOW),
                    "3": Key(Choice.SERVICES),
                    "0": Key(Choice.AGENT),
                }
            ),
        )
    }
)
"""The keys before a house has said its own."""

LANGUAGES: Mapping[str, str] = MappingProxyType({"1": "ar", "2": "en"})
"""The languages by their keys, before a house has said its own."""


class Hotline(Protocol):
    """The house, as the hotline sees it."""

    @property
    def voices(self) -> Sequence[Voice]:
        """The languages on the telephone, the city's own first."""
        ...

    @property
    def menus(self) -> Mapping[str, Menu]:
        """The menus by their ids; MAIN is among them."""
        ...

    @property
    def services(self) -> Sequence[Service]:
        """The services that callers can ask about."""
        ...

    @property
    def longest(self) -> int:
        """Seconds that one recording may take."""
        ...

    @property
    def silence(self) -> int:
        """Seconds of silence that end a recording."""
        ...

    @property
    def patience(self) -> int:
        """Seconds to wait for an agent; whoever waited that long is asked to leave a message."""
        ...

    @property
    def texts(self) -> bool:
        """Whether the house can send an SMS at all."""
        ...

    @property
    def speech(self) -> bool:
        """Whether the caller first says in a few words what it is about, for a machine to propose the text."""
        ...

    def words(self, language: str, prompt: str) -> str:
        """Return what a prompt says in a language, as words to be read out."""
        ...

    def recorded(self, language: str, prompt: str) -> bool:
        """Say whether the city has recorded this prompt."""
        ...

    async def recording(self, language: str, prompt: str) -> bytes | None:
        """Return the recorded prompt as the bytes of a WAV file; None when there is none."""
        ...

    def open_now(self) -> bool:
        """Say whether agents answer at this moment."""
        ...

    async def take_line(self, call: str) -> bool:
        """Take one of the city's lines to an agent for a call, once; False when all are busy."""
        ...

    async def free_line(self, call: str) -> None:
        """Give the line back. Returns also when the call had none, or the store is away: in an hour it is free."""
        ...

    def admits(self, agent: str, pin: str) -> bool:
        """Say whether an agent's number and PIN belong together. Too many wrong ones close it for a while."""
        ...

    async def reference(self, call: str, sender: str) -> str | None:
        """Return the reference of the complaint that a call has made under a sender; empty when it has made none.

        None when nobody can tell now: then none is read out, for a wrong one would be worse.
        """
        ...

    async def standing(self, caller: Caller, digits: str, journal_id: str) -> Standing:
        """Say where the complaint with these digits stands, if it is proven to be the caller's.

        Otherwise a code is sent to the complaint's telephone. `journal_id` names the step of the call that asks.
        """
        ...

    async def standing_by_code(self, caller: Caller, code: str) -> Standing:
        """Say where the complaint stands whose code this is."""
        ...

    async def transaction(self, caller: Caller, service: str, number: str) -> str:
        """Return, in the caller's language, the state of a transaction, from the city's own system.

        Empty when there is none of that number. Raises TimeoutError when that system does not answer in time.
        """
        ...

    def trouble(self, error: Exception) -> None:
        """Tell the operator that something broke and a caller got an apology instead of an answer."""
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...


@runtime_checkable
class Hosted(Protocol):
    """A channel that asks the house something before it can answer."""

    def host(self, hotline: Hotline) -> None:
        """Take the house's side of the line. Called once, before the first request."""
        ...
