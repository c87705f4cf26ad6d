"""What e-mail needs to know: the inboxes to read, the server that takes our mail, and who we are.

The inboxes stand as JSON in one setting, passwords included, so the whole of it is a secret: an error names the entry
and the field, and never what stands in it.
"""

from __future__ import annotations

import ipaddress
from datetime import date
from email.utils import getaddresses, parseaddr
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    create_model,
    model_validator,
)

_IMAP, _IMAPS, _SMTP, _SUBMISSION, _SMTPS = 143, 993, 25, 587, 465


def _token_url(value: str) -> str:
    parts = urlsplit(value.strip())
    if parts.scheme != "https" and not (parts.scheme == "http" and on_loopback(parts.hostname or "")):
        raise ValueError("must be https://, for the secret goes there")
    return value.strip()


class OAuth(BaseModel):
    """How to get a token: for an application of its own (Microsoft 365), or with a refresh token (Gmail)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token_url: Annotated[str, AfterValidator(_token_url)]
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = Field(min_length=1)
    refresh_token: SecretStr | None = None
    scope: str = ""


class Inbox(BaseModel):
    """One folder of one account at one IMAP server."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = Field(min_length=1)
    port: int | None = Field(None, ge=1, le=65_535)
    tls: bool | Literal["starttls"] = True
    ca: str = ""
    """A file with the certificate that signed the server's, when no public authority did."""
    user: str = Field(min_length=1)
    password: SecretStr | None = None
    oauth: OAuth | None = None
    folder: str = Field("INBOX", min_length=1)
    department: str | None = None
    fax: str = ""
    """The address from which the fax gateway writes; `*` stands for anything."""
    since: date | None = None
    """Mail that the server received before this day is left alone."""

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.password is None) == (self.oauth is None):
            raise ValueError("needs either password or oauth")
        return self

    @property
    def line(self) -> str:
        """What the inbox is called in the log and in the cursor's key."""
        return f"{self.user}@{self.host}/{self.folder}"

    @property
    def at(self) -> tuple[str, int]:
        """The server's host and port."""
        return self.host, self.port or (_IMAPS if self.tls is True else _IMAP)

    @property
    def address(self) -> str:
        """The mail address of the inbox, where its user name is one."""
        return self.user.lower() if "@" in self.user else ""


class Relay(NamedTuple):
    """The server that takes our mail. `tls` is from the first byte on, or by STARTTLS, or never."""

    host: str
    port: int
    user: str
    password: str
    tls: Literal["wrapped", "starttls", "never"]


_INBOXES = TypeAdapter(list[Inbox])


def inboxes_of(value: SecretStr) -> tuple[Inbox, ...]:
    """Read the inboxes. Raises ValueError, which names the entry and the field and quotes neither."""
    written = value.get_secret_value().strip()
    if written[:1] == written[-1:] == "'":  # quoted for a shell, and read by something that is none
        written = written[1:-1]
    try:
        inboxes = _INBOXES.validate_json(written)
    except ValidationError as error:
        raise ValueError(_first_fault(error)) from None
    if not inboxes:
        raise ValueError("must name one inbox or more")
    lines = [inbox.line for inbox in inboxes]
    for position, line in enumerate(lines, start=1):
        if line in lines[: position - 1]:
            raise ValueError(f"entry {position}: is the same folder of the same account as an entry before it")
    return tuple(inboxes)


def relay_of(value: SecretStr) -> Relay:
    """Read where our mail goes. Raises ValueError, which quotes nothing of it."""
    try:
        parts = urlsplit(value.get_secret_value().strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    schemes: dict[str, tuple[Literal["wrapped", "starttls", "never"], int]] = {
        "smtp": ("starttls", _SUBMISSION),
        "smtps": ("wrapped", _SMTPS),
        "smtp+plain": ("never", _SMTP),
    }
    if parts.scheme not in schemes or not host or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("must be smtp://, smtps:// or smtp+plain://, then user:password@ where needed, then host:port")
    tls, usual = schemes[parts.scheme]
    if tls == "starttls" and on_loopback(host):
        tls = "never"  # what stays within the machine needs no certificate
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if tls == "never" and password and not on_loopback(host):
        raise ValueError("smtp+plain:// would send the password for all to read: use smtp:// or smtps://")
    return Relay(host, port or usual, user, password, tls)


def on_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _readable_inboxes(value: SecretStr) -> SecretStr:
    inboxes_of(value)
    return value


def _readable_relay(value: SecretStr) -> SecretStr:
    relay_of(value)
    return value


def _own_address(value: str) -> str:
    [(_, address), *others] = getaddresses([value])
    local, _, domain = address.rpartition("@")
    plain = address.isascii() and not set(address) & set(' <>"()[]:;,\\')
    if others or not plain or not local or not domain or not value.isprintable():
        raise ValueError("must be an address, such as complaints@city.example, with a name before it in <> if you like")
    return value.strip()


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = fault["loc"]
    if not place or not isinstance(place[0], int):
        return "must be a JSON list of inboxes"
    fields = [str(part) for part in place[1:] if str(part) in Inbox.model_fields or str(part) in OAuth.model_fields]
    words = "no such field" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        fields = [str(part) for part in place[1:]]  # the name of a field that does not exist
    return ": ".join([f"entry {place[0] + 1}", *([".".join(fields)] if fields else []), words])


class EmailSettings(BaseModel):
    """Where citizens' mail lies, and how ours leaves."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    inboxes: Annotated[SecretStr, AfterValidator(_readable_inboxes)] = Field(
        min_length=1,
        description="A JSON list: host, port, tls, user, password or oauth, folder, department, fax, since.",
    )
    smtp_url: Annotated[SecretStr, AfterValidator(_readable_relay)] = Field(
        min_length=1, description="smtp://user:password@host:587 or smtps://…."
    )
    authserv_id: str = Field("", description="How our own mail server signs its Authentication-Results.")
    verp: bool = Field(False, description="Our mail server delivers name+anything@ like name@.")
    rate: float = Field(1.0, gt=0, description="Mails a second.")
    signing_key: SecretStr = Field(min_length=1, description="Signs the threads: filled by the house.")

    @property
    def sender(self) -> str:
        """BALAGH_EMAIL__FROM: who our mail comes from, with or without a name before the address."""
        return str(getattr(self, "from"))

    @property
    def address(self) -> str:
        """The bare address of `sender`."""
        return parseaddr(self.sender)[1]


# The setting is called FROM and a class body has no such name to give: the field is added to the finished class.
_FROM: dict[str, Any] = {
    "from": (Annotated[str, AfterValidator(_own_address)], Field(description="Who our mail comes from."))
}
Settings: type[EmailSettings] = create_model("Settings", __base__=EmailSettings, __doc__=EmailSettings.__doc__, **_FROM)
