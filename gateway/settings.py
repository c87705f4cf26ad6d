"""Settings: read once, complete and typed before anything starts.

`BALAGH_<NAME>` in the environment, `__` between levels; `BALAGH_<NAME>_FILE` names a file that holds the value. A city
may keep what is not secret in its `settings.toml`, under the same names in lower case; the environment overrides it.
Every mistake is a SettingsError whose text names the setting.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
import secrets
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from gateway.city.city import settings_of
from gateway.registry import CHANNELS

PREFIX = "BALAGH_"
DEFAULT_CITY = "baghdad"
HIGHEST_PORT = 65535
SHORTEST_KEY = 32  # characters, where others can reach us: references and PINs hang on it
SHORTEST_API_KEY = 16  # characters, where others can reach us
EXAMPLE = "replace-with-"  # what a secret of .env.example begins with: everybody knows how it goes on
SCOPES = {"intake", "read", "admin"}  # and department.<id>
PLAIN = (
    "LISTEN", "PUBLIC_URL", "ADMIN_LISTEN", "DATA_DIR", "STORE_URL", "BROKER_URL", "CITY", "SECRET_KEY", "API_KEYS",
    "LOG",
)  # fmt: skip
FILLED = {"public_url", "signing_key"}  # of a channel's settings, by the house itself
SECRET = {"SECRET_KEY", "API_KEYS", "BROKER_URL", "STORE_URL"}


class SettingsError(Exception):
    """A setting is missing or wrong. The text names it and says what it may be."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A program that may call the API, and for what."""

    name: str
    key: str = field(repr=False)
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set from outside."""

    listen: Address
    public_url: str
    admin_listen: Address | None
    data_dir: Path
    store_url: str = field(repr=False)
    broker_url: str = field(repr=False)
    city: str = DEFAULT_CITY
    secret_key: bytes = field(default=b"", repr=False)
    api_keys: tuple[ApiKey, ...] = ()
    log: str = "text"
    channels: Mapping[str, BaseModel] = field(default_factory=dict)
    off: Mapping[str, str] = field(default_factory=dict)  # channel -> why it is off
    unknown: Sequence[str] = ()  # settings that nobody reads, by name

    @property
    def weak(self) -> list[str]:
        """The settings whose secrets could be guessed: a loopback address takes them, for a trial."""
        short = [f"{PREFIX}API_KEYS ({one.name})" for one in self.api_keys if len(one.key) < SHORTEST_API_KEY]
        return [f"{PREFIX}SECRET_KEY"] * (len(self.secret_key) < SHORTEST_KEY) + short


def load(environ: Mapping[str, str] | None = None, *, make_key: bool = True) -> Settings:
    """Read the settings: the environment, over what the city's own settings.toml says. Raises SettingsError.

    With `make_key`, a loopback listen without a secret key gets one, which is kept in the data folder.
    """
    given = _from_environment(os.environ if environ is None else environ)
    own = settings_of(given.get("CITY") or DEFAULT_CITY)
    from_file = _from_file(own) if own is not None else {}
    values = {name: value for name, value in {**from_file, **given}.items() if value}  # empty: as if it were not set
    listen = _address("LISTEN", values.pop("LISTEN", "127.0.0.1:8080"))
    public_url = _public_url(values.pop("PUBLIC_URL", f"http://{listen}"))
    admin = values.pop("ADMIN_LISTEN", "")
    data_dir = Path(values.pop("DATA_DIR", "./data"))
    if os.access(data_dir, os.F_OK) and not data_dir.is_dir():
        raise SettingsError(f"BALAGH_DATA_DIR: {data_dir} is not a folder")
    store_url = _store_url(values.pop("STORE_URL", f"sqlite:///{(data_dir / 'balagh.db').absolute()}"))
    broker_url = values.pop("BROKER_URL", "")
    if broker_url and broker_url.partition("://")[0] not in {"amqp", "amqps"}:
        raise SettingsError(
            "BALAGH_BROKER_URL: must begin with amqp:// or amqps://, or be empty for the embedded broker"
        )
    log = values.pop("LOG", "json")
    if log not in {"json", "text"}:
        raise SettingsError("BALAGH_LOG: must be json or text")
    secret_key = values.pop("SECRET_KEY", "")
    city = values.pop("CITY", DEFAULT_CITY)
    api_keys = _api_keys(values.pop("API_KEYS", ""), listen)
    secret = _secret(secret_key, data_dir, listen, make=make_key)
    channels, off = _channels(values, {name for name, value in given.items() if value}, public_url, secret)
    return Settings(
        listen=listen,
        public_url=public_url,
        admin_listen=_address("ADMIN_LISTEN", admin) if admin else None,
        data_dir=data_dir,
        store_url=store_url,
        broker_url=broker_url,
        city=city,
        secret_key=secret,
        api_keys=api_keys,
        log=log,
        channels=channels,
        off=off,
        unknown=tuple(sorted(values)),
    )


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in environ.items():
        if not name.startswith(PREFIX):
            continue
        key = name[len(PREFIX) :]
        if key.endswith("_FILE"):
            key = key[: -len("_FILE")]
            if not value:
                continue
            if environ.get(PREFIX + key):
                raise SettingsError(f"{name}: set either this or {PREFIX}{key}, not both")
            try:
                value = Path(value).read_text(encoding="utf-8").strip()  # noqa: PLW2901 - the file's content is the value
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"{name}: the file cannot be read ({type(error).__name__})") from error
        values[key] = value.strip() or values.get(key, "")
    return values


def _from_file(path: Traversable) -> dict[str, str]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"{path.name}: {error}") from error
    values: dict[str, str] = {}
    for name, value in tables.items():
        if isinstance(value, dict):
            values.update({f"{name}__{key}".upper(): str(item) for key, item in value.items()})
        else:
            values[name.upper()] = str(value)
    hidden = {f"{channel.name}__{key}".upper() for channel in CHANNELS for key in _secret_fields(channel.Settings)}
    for name in values:
        if name in SECRET or name in hidden:
            raise SettingsError(
                f"{path.name}: {name.lower()} is a secret: set {PREFIX}{name} in the environment instead"
            )
    return values


def _address(name: str, value: str) -> Address:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or int(port) > HIGHEST_PORT:
        raise SettingsError(f"{PREFIX}{name}: must be HOST:PORT, e.g. 127.0.0.1:8080")
    return Address(host.strip("[]"), int(port))


def _store_url(value: str) -> str:
    """Return the store's address as SQLAlchemy takes it, without the driver, which is ours to choose."""
    scheme, _, rest = value.partition("://")
    kind = scheme.partition("+")[0]
    if kind not in {"sqlite", "postgresql", "postgres"}:
        raise SettingsError(f"{PREFIX}STORE_URL: must begin with sqlite:/// or postgresql://")
    if kind == "sqlite" and rest in {"", "/", "/:memory:"}:
        raise SettingsError(f"{PREFIX}STORE_URL: must name a file after sqlite:///, for what is in memory is lost")
    return f"{'sqlite' if kind == 'sqlite' else 'postgresql'}://{rest}"


def _public_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        well = bool(parts.scheme in {"http", "https"} and parts.hostname and not parts.query and not parts.fragment)
        well = well and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not close
        well = False
    if not well:
        raise SettingsError(
            f"{PREFIX}PUBLIC_URL: must be the address citizens and providers use, e.g. https://example.org"
        )
    return value.rstrip("/")


def _api_keys(value: str, listen: Address) -> tuple[ApiKey, ...]:
    shortest = 1 if listen.loopback else SHORTEST_API_KEY
    keys: list[ApiKey] = []
    for position, item in enumerate(filter(None, (part.strip() for part in value.split(","))), start=1):
        name, _, rest = item.partition(":")
        key, _, scopes = rest.rpartition(":")
        name, key = name.strip(), key.strip()
        wanted = frozenset(scope.strip() for scope in scopes.split("+"))
        if not name or len(key) < shortest or not scopes:
            least = f", the key of {shortest} characters or more" if shortest > 1 else ""
            raise SettingsError(f"{PREFIX}API_KEYS: entry {position} must be name:key:scope{least}")
        if key.startswith(EXAMPLE):
            raise SettingsError(f"{PREFIX}API_KEYS: entry {position} ({name}) has the key of the example: make one")
        for scope in wanted:
            if scope not in SCOPES and not re.fullmatch(r"department\.[a-z0-9_-]+", scope):
                raise SettingsError(
                    f"{PREFIX}API_KEYS: entry {position} ({name}) has a scope that is not one of "
                    "intake, read, department.<id>, admin"
                )
        if any(known.name == name for known in keys):
            raise SettingsError(f"{PREFIX}API_KEYS: entry {position} repeats the name {name}")
        if same := next((known.name for known in keys if known.key == key), ""):
            raise SettingsError(f"{PREFIX}API_KEYS: entry {position} ({name}) has the same key as {same}")
        keys.append(ApiKey(name, key, wanted))
    return tuple(keys)


def _secret(value: str, data_dir: Path, listen: Address, *, make: bool) -> bytes:
    if value:
        if len(value) < SHORTEST_KEY and not listen.loopback:
            raise SettingsError(f"{PREFIX}SECRET_KEY: must have {SHORTEST_KEY} characters or more")
        if value.startswith(EXAMPLE):
            raise SettingsError(f"{PREFIX}SECRET_KEY: is the example's, which everybody knows: make one of your own")
        return value.encode()
    if not listen.loopback:
        raise SettingsError(f"{PREFIX}SECRET_KEY: must be set when {PREFIX}LISTEN is not a loopback address")
    path = data_dir / "secret.key"
    if not make and not path.exists():
        raise SettingsError(f"{PREFIX}SECRET_KEY: set the key of this backup, or put its secret.key into {data_dir}")
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            made = path.with_name(f".secret.{secrets.token_hex(8)}")
            with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(made, path)  # whoever is first decides; a second process reads the same key
            except FileExistsError:
                pass
            finally:
                made.unlink()
            folder = os.open(data_dir, os.O_RDONLY)
            try:
                os.fsync(folder)  # receipts hang on it from the first on
            finally:
                os.close(folder)
        key = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"{PREFIX}DATA_DIR: cannot keep the secret key there ({error.strerror})") from error
    if len(key) < SHORTEST_KEY:
        raise SettingsError(f"{PREFIX}DATA_DIR: the secret.key there is damaged: bring the right one back")
    return key


def _secret_fields(model: type[BaseModel]) -> set[str]:
    return {name for name, info in model.model_fields.items() if "SecretStr" in str(info.annotation)}


def _channels(
    values: dict[str, str], given: set[str], public_url: str, secret: bytes
) -> tuple[dict[str, BaseModel], dict[str, str]]:
    """Build the settings of every channel that has any; take what was read out of `values`."""
    ready: dict[str, BaseModel] = {}
    off: dict[str, str] = {}
    for channel in CHANNELS:
        table = f"{channel.name}__".upper().replace("-", "_")
        mine = {name[len(table) :].lower(): values.pop(name) for name in list(values) if name.startswith(table)}
        fields: Mapping[str, Any] = channel.Settings.model_fields
        unknown = sorted(set(mine) - (set(fields) - {"signing_key"}))
        if unknown:
            raise SettingsError(f"{PREFIX}{table}{unknown[0].upper()}: no such setting; {_names(table, fields)}")
        if not any(name.startswith(table) for name in given):
            missing = sorted(name for name in _secret_fields(channel.Settings) - FILLED if fields[name].is_required())
            off[channel.name] = f"no {PREFIX}{table}{missing[0].upper()}" if missing else f"no {PREFIX}{table}… setting"
            continue
        mine = {name: value for name, value in mine.items() if value}
        if "public_url" in fields:
            mine.setdefault("public_url", public_url)
        if "signing_key" in fields:
            mine["signing_key"] = hmac.digest(secret, f"balagh-channel:{channel.name}".encode(), "sha256").hex()
        try:
            ready[channel.name] = channel.Settings.model_validate(mine)
        except ValidationError as error:
            raise SettingsError(_half(PREFIX + table, error)) from error
    return ready, off


def _half(table: str, error: ValidationError) -> str:
    """Say what a channel lacks, all of it at once; where it lacks nothing, what is wrong with the first setting."""
    faults = error.errors(include_url=False, include_input=False)
    names = [table + "__".join(str(part).upper() for part in fault["loc"]) for fault in faults]
    missing = [name for name, fault in zip(names, faults, strict=True) if fault["type"] == "missing"]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        return f"{', '.join(missing)}: {verb} missing: the channel is half configured"
    return f"{names[0]}: {faults[0]['msg'].removeprefix('Value error, ')}"


def _names(table: str, fields: Mapping[str, Any]) -> str:
    return "there are " + ", ".join(f"{PREFIX}{table}{name.upper()}" for name in fields if name not in FILLED)
