"""How hearing and speaking can end.

How hearing can end, and what the provider is told:

    accepted                 200   accept() returned: it is on disk
    ignored                  200   parse() yielded nothing: genuine, and not for us
    ChannelError
    ├── Forged               403   not from the provider, or not provably so; nothing is kept, nobody is told
    ├── Malformed            400   the request is cut off, or is not what its headers say it is
    ├── TooLarge             413   more bytes than the channel takes
    ├── TooSlow              408   the body did not arrive in time: the provider shall try again
    └── Unreadable           200   genuine but not understood: the raw body is kept for a person
    anything else            503   we could not store it, so the provider shall try again

How speaking can end:

    Sent                     the provider took it
    SpeakError
    ├── Refused              for good: this text to this address will never go (`opted_out`, `alarm` say more)
    ├── Barred               nothing of ours goes there until a person has looked: a dead token, a blocked account
    ├── Busy                 not now: try again after `retry_after` seconds
    └── OutcomeUnknown       the provider may or may not have taken it: look before sending again

A provider that must be asked for what is new is fetched from by a `Poller`; it ends in Busy and Barred as well.
"""

from __future__ import annotations


class ChannelError(Exception):
    """The base of every way in which hearing can end without an Inbound."""


class Forged(ChannelError):
    """The request does not prove that it comes from the provider.

    The caller is not told why, but the operator is: the message is ours alone, and quotes nothing of the request.
    """


class Malformed(ChannelError):
    """The bytes did not arrive as the request's own headers say: nobody can tell whether it is genuine."""


class TooLarge(ChannelError):
    """The body is larger than the channel takes."""


class TooSlow(ChannelError):
    """The body took longer to arrive than a provider takes."""


class Unreadable(ChannelError):
    """The request is genuine, but it is not a message that we know how to read."""


class SpeakError(Exception):
    """The base of every way in which speaking can end without the provider having taken the words."""


class Refused(SpeakError):
    """The provider will never take this: do not try again.

    `code` is the provider's own; `opted_out` says that the citizen asked for silence; `alarm` says that the fault is
    ours or the account's, so that a person must look (a country that is not enabled); `elsewhere` says that the
    citizen cannot be reached this way but may be by another, such as an SMS.
    """

    def __init__(
        self, code: str, message: str, *, opted_out: bool = False, alarm: bool = False, elsewhere: bool = False
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.opted_out, self.alarm, self.elsewhere = code, opted_out, alarm, elsewhere


class Barred(SpeakError):
    """The provider takes nothing from this account and gives it nothing: the token died, the account is blocked.

    What waits stays; it is tried again from time to time, and a person is told.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Busy(SpeakError):
    """The provider cannot take it now. `retry_after` is in seconds; None leaves the pace to the caller."""

    def __init__(self, code: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.retry_after = code, retry_after


class OutcomeUnknown(SpeakError):
    """The request left, and no answer came: it may have been sent. Look at the provider before trying again.

    `answered` says that an answer came in words that nobody here knows: they may mean "taken" at every try, so that few
    are made, and a person must look.
    """

    code = "unknown"

    def __init__(self, message: str, *, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered
