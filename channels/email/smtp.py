"""Handing one mail to the server that takes ours, and telling apart how that can end.

4xx at any step              Busy: it was not taken
5xx for the recipient        Refused, and the citizen may be reached another way
5xx for the mail             Refused: these words do not go
5xx for us                   Barred: a login, or an address of ours, that the server does not accept
lost before the mail left    Busy
lost after it left           OutcomeUnknown: SMTP has no way to ask
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import aiosmtplib
from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectResponseError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from channels.base import Barred, Busy, OutcomeUnknown, Refused, SpeakError
from channels.email.oauth import Tokens
from channels.email.outgoing import Outgoing
from channels.email.settings import Relay

_CONNECT = 15.0  # seconds
_STEP = 30.0  # seconds for an answer to a command
_TAKE = 60.0  # seconds for the server to have the mail on its disk
_ALL = 140.0  # seconds for everything: less than the house holds a reply for one try
_PERMANENT, _LOG_IN_FIRST = 500, 530


class MailServer:
    """The server that takes our mail. A mail a second needs no connection that stays open.

    `name` is what we call ourselves to it. With `tokens` they are what we log in with, and no password.
    """

    def __init__(self, relay: Relay, name: str, tokens: Tokens | None = None) -> None:
        self._relay, self._name, self._tokens = relay, name, tokens

    async def send(self, mail: Outgoing) -> None:
        """Hand over one mail. Raises Refused, Barred, Busy or OutcomeUnknown."""
        left = False
        try:
            async with asyncio.timeout(_ALL), self._session() as session:
                utf8 = not mail.to.isascii()
                if utf8 and not session.supports_extension("smtputf8"):
                    raise Refused("no-smtputf8", "our mail server cannot write to such an address", elsewhere=True)
                encoding = "utf-8" if utf8 else "ascii"
                await session.mail(mail.return_path, options=["SMTPUTF8"] if utf8 else [], encoding=encoding)
                await session.rcpt(mail.to, encoding=encoding)
                left = True
                await session.data(mail.content, timeout=_TAKE)
        except SpeakError:
            raise
        except SMTPResponseException as error:
            raise _answered(error) from error
        except ValueError as error:  # an address that cannot stand in a command
            raise Refused("bad-address", "the sender's address cannot be written to", elsewhere=True) from error
        except (SMTPException, OSError, TimeoutError) as error:
            if left:
                raise OutcomeUnknown("the mail left, and no answer came") from error
            raise _unreachable(error) from error

    async def probe(self) -> None:
        """Connect and log in. Raises Barred or Busy."""
        try:
            async with asyncio.timeout(_ALL), self._session():
                pass
        except SMTPResponseException as error:
            raise _answered(error) from error
        except (SMTPException, OSError, TimeoutError) as error:
            raise _unreachable(error) from error

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[SMTP]:
        relay = self._relay
        session = SMTP(
            hostname=relay.host,
            port=relay.port,
            use_tls=relay.tls == "wrapped",
            start_tls=relay.tls == "starttls",  # insisted on: who sits between could take the offer away
            local_hostname=self._name,  # else it asks the name servers who we are
            timeout=_STEP,
        )
        try:
            await session.connect(timeout=_CONNECT)
            if self._tokens is not None:
                await self._log_in(session, self._tokens)
            elif relay.user:
                await session.login(relay.user, relay.password)
            elif session.is_ehlo_or_helo_needed:
                await session.ehlo()
            yield session
            with contextlib.suppress(SMTPException, OSError, TimeoutError):
                await session.quit(timeout=5)  # the mail is taken, whatever the server says now
        finally:
            session.close()

    async def _log_in(self, session: SMTP, tokens: Tokens) -> None:
        try:
            await session.auth_xoauth2(self._relay.user, await tokens.token())
        except SMTPAuthenticationError:
            tokens.forget()
            raise


_NOT_US = {  # what a final answer says of us, by the step at which it came
    SMTPAuthenticationError: "the mail server does not accept our user and password",
    SMTPConnectResponseError: "the mail server does not talk to us",
    SMTPSenderRefused: "the mail server does not let us send from our address",
}


def _answered(error: SMTPResponseException) -> SpeakError:
    code = str(error.code)
    if error.code < _PERMANENT:
        return Busy(code, "the mail server cannot take it now")
    if isinstance(error, SMTPDataError):
        return Refused(code, "the mail server does not take this mail", alarm=True, elsewhere=True)
    if isinstance(error, SMTPRecipientRefused) and error.code != _LOG_IN_FIRST:
        # 5.7.x is policy (RFC 3463): it may be that the server relays for us to nobody, so a person should look.
        policy = "5.7." in error.message
        return Refused(code, "the mail server does not take this recipient", alarm=policy, elsewhere=True)
    return Barred(code, _NOT_US.get(type(error), "the mail server refuses what we ask"))


def _unreachable(error: Exception) -> SpeakError:
    if isinstance(error.__cause__, ssl.SSLCertVerificationError) or isinstance(error, ssl.SSLCertVerificationError):
        return Barred("certificate", "the mail server's certificate is not one that we trust")
    if type(error) is aiosmtplib.SMTPException:  # no STARTTLS, no AUTH: what it lacks it will lack tomorrow
        return Barred("extension", "the mail server does not offer the encryption or the login that we need")
    return Busy("connect", "the mail server cannot be reached")
