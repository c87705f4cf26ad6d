"""Settings: every mistake is one line that names the setting, and no secret shows itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.city.city import load as load_city
from gateway.registry import CHANNELS
from gateway.settings import Address, ApiKey, Settings, SettingsError, load

ROOT = Path(__file__).parents[2]
SECRET_KEY = "the-secret-of-the-city-0123456789"
AUTH_TOKEN = "the-token-of-the-account-at-twilio"
SMS = {
    "BALAGH_SMS__ACCOUNT_SID": "AC" + "1" * 32,
    "BALAGH_SMS__AUTH_TOKEN": AUTH_TOKEN,
    "BALAGH_SMS__NUMBER": "+9647800000124",
}


ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path: Path) -> dict[str, str]:
    """The least that a test wants: a data folder of its own."""
    return {"BALAGH_DATA_DIR": str(tmp_path / "data")}


def refusal(environ: Mapping[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        load(environ)
    return str(refused.value)


def test_nothing_set_is_enough_for_one_machine(data: dict[str, str], tmp_path: Path) -> None:
    """The newcomer sets nothing: loopback, SQLite in the data folder, an embedded broker, the sample city."""
    settings = load(data)

    assert ("127.0.0.1:8080", "http://127.0.0.1:8080", None) == (
        str(settings.listen), settings.public_url, settings.admin_listen,
    )  # fmt: skip
    assert f"sqlite:///{tmp_path}/data/balagh.db" == settings.store_url
    assert ("", "baghdad", (), {}, ()) == (
        settings.broker_url, settings.city, settings.api_keys, dict(settings.channels), settings.unknown,
    )  # fmt: skip
    assert {kind.name for kind in CHANNELS} == settings.off.keys()
    assert "no BALAGH_SMS__AUTH_TOKEN" == settings.off["sms"]


ADDRESS = "must be HOST:PORT, e.g. 127.0.0.1:8080"
PUBLIC = "BALAGH_PUBLIC_URL: must be the address citizens and providers use, e.g. https://example.org"
STORE = "BALAGH_STORE_URL: must begin with sqlite:/// or postgresql://"
MEMORY = "BALAGH_STORE_URL: must name a file after sqlite:///, for what is in memory is lost"
BROKER = "BALAGH_BROKER_URL: must begin with amqp:// or amqps://, or be empty for the embedded broker"
ENTRY = "BALAGH_API_KEYS: entry {} must be name:key:scope"
HALF = ("BALAGH_SMS__ACCOUNT_SID", "BALAGH_SMS__AUTH_TOKEN", "BALAGH_SMS__NUMBER")
SCOPE = "BALAGH_API_KEYS: entry {} ({}) has a scope that is not one of intake, read, department.<id>, admin"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("LISTEN", "8080", f"BALAGH_LISTEN: {ADDRESS}"),
        ("LISTEN", "127.0.0.1:", f"BALAGH_LISTEN: {ADDRESS}"),
        ("LISTEN", "127.0.0.1:http", f"BALAGH_LISTEN: {ADDRESS}"),
        ("LISTEN", "127.0.0.1:65536", f"BALAGH_LISTEN: {ADDRESS}"),
        ("LISTEN", "127.0.0.1:8²", f"BALAGH_LISTEN: {ADDRESS}"),
        ("ADMIN_LISTEN", "nowhere", f"BALAGH_ADMIN_LISTEN: {ADDRESS}"),
        ("LISTEN", "0.0.0.0:8080", "BALAGH_SECRET_KEY: must be set when BALAGH_LISTEN is not a loopback address"),
        ("LISTEN", "balagh.example:80", "BALAGH_SECRET_KEY: must be set when BALAGH_LISTEN is not a loopback address"),
        ("PUBLIC_URL", "balagh.example", PUBLIC),
        ("PUBLIC_URL", "ftp://balagh.example", PUBLIC),
        ("PUBLIC_URL", "https://", PUBLIC),
        ("PUBLIC_URL", "https://[::1", PUBLIC),
        ("PUBLIC_URL", "https://balagh.example:port", PUBLIC),
        ("PUBLIC_URL", "https://balagh.example/?a=b", PUBLIC),
        ("PUBLIC_URL", "https://balagh.example/#a", PUBLIC),
        ("STORE_URL", "mysql://localhost/db", STORE),
        ("STORE_URL", "/var/lib/balagh.db", STORE),
        ("STORE_URL", "sqlite://", MEMORY),
        ("STORE_URL", "sqlite:///:memory:", MEMORY),
        ("BROKER_URL", "http://localhost", BROKER),
        ("BROKER_URL", "localhost:5672", BROKER),
        ("LOG", "xml", "BALAGH_LOG: must be json or text"),
        ("SMS__NUMBER", "+9647800000124", f"{HALF[0]}, {HALF[1]}: are missing: the channel is half configured"),
        ("SMS__ACCOUNT_SID", "AC1", f"{HALF[1]}, {HALF[2]}: are missing: the channel is half configured"),
        ("API_KEYS", "desk", ENTRY.format(1)),
        ("API_KEYS", "desk:a-long-key", ENTRY.format(1)),
        ("API_KEYS", ":a-long-key:read", ENTRY.format(1)),
        ("API_KEYS", "desk::read", ENTRY.format(1)),
        ("API_KEYS", "desk:a-long-key:read,other:a-long-key:", ENTRY.format(2)),
        ("API_KEYS", "a:a-long-key:read,b:a-long-key:admin", "BALAGH_API_KEYS: entry 2 (b) has the same key as a"),
        ("API_KEYS", "desk:a-long-key:write", SCOPE.format(1, "desk")),
        ("API_KEYS", "desk:a-long-key:read+", SCOPE.format(1, "desk")),
        ("API_KEYS", "desk:a-long-key:department.", SCOPE.format(1, "desk")),
        (
            "API_KEYS",
            "desk:a-long-key:read,desk:another-key:admin",
            "BALAGH_API_KEYS: entry 2 repeats the name desk",
        ),
        ("SECRET_KEY_FILE", "/no/such/file", "BALAGH_SECRET_KEY_FILE: the file cannot be read (FileNotFoundError)"),
        ("SMS__AUTH_TOKEN_FILE", "/", "BALAGH_SMS__AUTH_TOKEN_FILE: the file cannot be read (IsADirectoryError)"),
    ],
)
def test_a_wrong_setting_is_named(data: dict[str, str], name: str, value: str, sentence: str) -> None:
    """One clear line, with the setting's name and what it may be."""
    assert sentence == refusal({**data, f"BALAGH_{name}": value})


def test_short_secrets_are_for_a_trial_on_this_machine_only(data: dict[str, str]) -> None:
    """A loopback address takes them, and says so; where others can reach us they are refused."""
    short = {**data, "BALAGH_SECRET_KEY": "0123456789abcdef0123456789abcde", "BALAGH_API_KEYS": "desk:secret:read"}
    assert ["BALAGH_SECRET_KEY", "BALAGH_API_KEYS (desk)"] == load(short).weak

    public = {**short, "BALAGH_LISTEN": "0.0.0.0:8080"}
    assert "BALAGH_SECRET_KEY: must have 32 characters or more" == refusal({**public, "BALAGH_API_KEYS": ""})
    long = {**public, "BALAGH_SECRET_KEY": "0123456789abcdef0123456789abcdef"}
    assert f"{ENTRY.format(1)}, the key of 16 characters or more" == refusal(long)
    assert [] == load({**long, "BALAGH_API_KEYS": "desk:0123456789abcdef:read"}).weak


@pytest.mark.parametrize("name", ["SECRET_KEY", "API_KEYS"])
def test_the_examples_of_secrets_are_refused(data: dict[str, str], name: str) -> None:
    """Whoever takes the # away and nothing more would be as safe as a page that everybody can read."""
    [example] = re.findall(rf"^#BALAGH_{name}=(.*)$", (ROOT / ".env.example").read_text("utf-8"), re.MULTILINE)
    said = refusal({**data, f"BALAGH_{name}": example})

    assert said.startswith(f"BALAGH_{name}: ")
    assert "example" in said
    assert example not in said


def test_settings_are_read_as_they_are_written(data: dict[str, str]) -> None:
    """Everything that can be set, set: blanks around a value do not count, and a trailing slash does not either."""
    settings = load(
        {
            **data,
            "BALAGH_LISTEN": " [::1]:9000 ",
            "BALAGH_ADMIN_LISTEN": "10.0.0.7:9001",
            "BALAGH_PUBLIC_URL": "https://balagh.example/city/",
            "BALAGH_STORE_URL": "postgres://balagh:p%23ss@db/balagh",
            "BALAGH_BROKER_URL": "amqps://user:p#ss@mq/",
            "BALAGH_CITY": "/srv/city",
            "BALAGH_SECRET_KEY": SECRET_KEY,
            "BALAGH_LOG": "text",
            "BALAGH_API_KEYS": "desk:key:with:colons:intake+read , water : 12345678 :department.water",
            **SMS,
        }
    )

    assert (Address("::1", 9000), Address("10.0.0.7", 9001)) == (settings.listen, settings.admin_listen)
    assert ("[::1]:9000", True, False) == (str(settings.listen), settings.listen.loopback,
                                           Address("10.0.0.7", 9001).loopback)  # fmt: skip
    assert "https://balagh.example/city" == settings.public_url
    assert "postgresql://balagh:p%23ss@db/balagh" == settings.store_url
    assert ("amqps://user:p#ss@mq/", "/srv/city", "text") == (settings.broker_url, settings.city, settings.log)
    assert SECRET_KEY.encode() == settings.secret_key
    assert ["desk"] == [key.name for key in settings.api_keys if "intake" in key.scopes]
    assert "key:with:colons" == settings.api_keys[0].key
    assert ApiKey("water", "12345678", frozenset({"department.water"})) == settings.api_keys[1]
    assert ["sms"] == list(settings.channels)
    assert {kind.name for kind in CHANNELS} - {"sms"} == settings.off.keys()
    assert "no BALAGH_WHATSAPP__AUTH_TOKEN" == settings.off["whatsapp"]


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgresql+asyncpg://u@h/d", "postgresql://u@h/d"),
        ("postgres://u@h/d", "postgresql://u@h/d"),
        ("sqlite+aiosqlite:////var/b.db", "sqlite:////var/b.db"),
        ("sqlite:///data/b.db", "sqlite:///data/b.db"),
    ],
)
def test_whoever_names_a_driver_gets_ours(data: dict[str, str], given: str, used: str) -> None:
    """People copy addresses from other programs' settings."""
    assert used == load({**data, "BALAGH_STORE_URL": given}).store_url


def test_an_empty_setting_is_as_good_as_none(data: dict[str, str]) -> None:
    """A template of an environment with every name and no value starts like one without names."""
    names = ("LISTEN", "PUBLIC_URL", "ADMIN_LISTEN", "STORE_URL", "BROKER_URL", "CITY", "SECRET_KEY", "SECRET_KEY_FILE",
             "API_KEYS", "LOG", "SMS__ACCOUNT_SID", "SMS__AUTH_TOKEN", "SMS__NUMBER")  # fmt: skip
    assert load(data) == load({**data, **{f"BALAGH_{name}": "" for name in names}})


def test_a_secret_may_come_from_a_file(data: dict[str, str], tmp_path: Path) -> None:
    """As containers hand secrets over: the file's content without its line end; not from both places at once."""
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET_KEY}\n")
    named = {**data, "BALAGH_SECRET_KEY_FILE": str(secret)}

    assert SECRET_KEY.encode() == load(named).secret_key
    assert SECRET_KEY.encode() == load({**named, "BALAGH_SECRET_KEY": ""}).secret_key
    assert SECRET_KEY.encode() == load({"BALAGH_SECRET_KEY": "", **named}).secret_key
    assert "BALAGH_SECRET_KEY_FILE: set either this or BALAGH_SECRET_KEY, not both" == refusal(
        {**named, "BALAGH_SECRET_KEY": SECRET_KEY}
    )
    secret.write_bytes(b"\xff\xfe")
    assert "BALAGH_SECRET_KEY_FILE: the file cannot be read (UnicodeDecodeError)" == refusal(named)


@pytest.mark.parametrize("absent", list(SMS))
def test_a_channel_that_is_half_configured_stops_the_start(data: dict[str, str], absent: str) -> None:
    """One of its settings is missing or empty: named, and never a default that lets anybody in."""
    half = {name: value for name, value in SMS.items() if name != absent}

    assert f"{absent}: is missing: the channel is half configured" == refusal({**data, **half})
    assert f"{absent}: is missing: the channel is half configured" == refusal({**data, **half, absent: " "})


def test_a_misspelt_setting_of_a_channel_is_named_with_those_there_are(data: dict[str, str]) -> None:
    """AUTHTOKEN for AUTH_TOKEN: it says so, and lists the right ones."""
    said = refusal({**data, **SMS, "BALAGH_SMS__AUTHTOKEN": AUTH_TOKEN})

    assert said.startswith("BALAGH_SMS__AUTHTOKEN: no such setting; there are BALAGH_SMS__ACCOUNT_SID, ")
    assert AUTH_TOKEN not in said


def test_a_wrong_value_of_a_channel_is_named_without_repeating_it(data: dict[str, str]) -> None:
    """A token pasted where the account belongs: named, but not shown."""
    said = refusal({**data, **SMS, "BALAGH_SMS__ACCOUNT_SID": f"{AUTH_TOKEN} {SECRET_KEY}"})

    assert said.startswith("BALAGH_SMS__ACCOUNT_SID: ")
    assert AUTH_TOKEN not in said
    assert SECRET_KEY not in said


@pytest.mark.parametrize("number", ["07801234567", "9647800000124", "+", "+964 780", "BAGHDAD", "12", "+0780123456"])
def test_a_number_that_nobody_can_write_to_is_refused(data: dict[str, str], number: str) -> None:
    """Without its country a number is somebody else's, and replies would leave from nowhere."""
    what = "must be + and digits with the country's in front, such as +15005550006, or a short code"

    assert f"BALAGH_SMS__NUMBER: {what}" == refusal({**data, **SMS, "BALAGH_SMS__NUMBER": number})


@pytest.mark.parametrize("number", ["+9647800000124", "124", "80808", "12345678", "whatsapp:+14155238886"])
def test_telephone_numbers_and_short_codes_are_taken(data: dict[str, str], number: str) -> None:
    """A city may have either, and WhatsApp's are copied from the Console with their prefix."""
    channel = load({**data, **SMS, "BALAGH_SMS__NUMBER": number}).channels["sms"]

    assert number.removeprefix("whatsapp:") == channel.model_dump()["number"]


def test_settings_that_nobody_reads_are_told(data: dict[str, str]) -> None:
    """A misspelt name would otherwise be believed to work."""
    assert ("LISTN", "SMSS__NUMBER") == load({**data, "BALAGH_LISTN": "x", "BALAGH_SMSS__NUMBER": "x"}).unknown


def test_the_city_s_file_is_overridden_by_the_environment(data: dict[str, str], tmp_path: Path) -> None:
    """What is not secret may stand in the city's settings; the environment has the last word."""
    own = 'listen = "127.0.0.1:9000"\nlog = "text"\n[sms]\nnumber = "+9647800000124"\n'
    (tmp_path / "settings.toml").write_text(own)
    here = {**data, "BALAGH_CITY": str(tmp_path)}
    settings = load({**here, "BALAGH_LOG": "json"})

    assert (9000, "json") == (settings.listen.port, settings.log)
    assert {} == dict(settings.channels)  # a number alone turns no channel on
    account = {name: SMS[name] for name in ("BALAGH_SMS__ACCOUNT_SID", "BALAGH_SMS__AUTH_TOKEN")}
    assert ["sms"] == list(load({**here, **account}).channels)


def test_a_city_with_settings_of_its_own_can_be_loaded(tmp_path: Path) -> None:
    """The file stands among the city's others, and is not taken for a mistyped one."""
    folder = tmp_path / "basra"
    shutil.copytree(ROOT / "config/cities/baghdad", folder)
    (folder / "settings.toml").write_text('public_url = "https://balagh.example"\n')

    assert "baghdad" == load_city(str(folder)).id
    assert "https://balagh.example" == load({"BALAGH_CITY": str(folder), "BALAGH_DATA_DIR": str(tmp_path)}).public_url


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('secret_key = "0123456789abcdef"', "secret_key"),
        ('store_url = "sqlite:///x.db"', "store_url"),
        ('broker_url = "amqp://x"', "broker_url"),
        ('api_keys = "a:12345678:read"', "api_keys"),
        ('[sms]\nauth_token = "x"', "sms__auth_token"),
    ],
)
def test_a_secret_in_the_city_s_file_is_refused(data: dict[str, str], tmp_path: Path, text: str, name: str) -> None:
    """Files of a city are shared and published; a secret must not be among them, nor in the message."""
    (tmp_path / "settings.toml").write_text(text)

    expected = f"settings.toml: {name} is a secret: set BALAGH_{name.upper()} in the environment instead"
    assert expected == refusal({**data, "BALAGH_CITY": str(tmp_path)})


def test_a_file_that_is_no_toml_is_named(data: dict[str, str], tmp_path: Path) -> None:
    """The clerk forgot a quote."""
    (tmp_path / "settings.toml").write_text('listen = "127')

    assert refusal({**data, "BALAGH_CITY": str(tmp_path)}).startswith("settings.toml: ")


def test_no_secret_shows_itself(data: dict[str, str]) -> None:
    """Printed, logged or in a traceback: settings tell their names and never their secrets."""
    settings = load(
        {
            **data,
            **SMS,
            "BALAGH_SMS__SHARED_KEYS": "webhooks:a-shared-secret",
            "BALAGH_SECRET_KEY": SECRET_KEY,
            "BALAGH_API_KEYS": "desk:the-key-of-the-desk:read",
            "BALAGH_STORE_URL": "postgresql://balagh:the-password-of-the-store@db/balagh",
            "BALAGH_BROKER_URL": "amqp://balagh:the-password-of-the-broker@mq/",
        }
    )
    shown = f"{settings!r} {settings} {settings.channels!r} {settings.api_keys!r}"

    assert "desk" in shown
    for secret in (SECRET_KEY, AUTH_TOKEN, "a-shared-secret", "the-key-of", "the-password-of"):
        assert secret not in shown


def test_the_key_is_made_once_and_for_our_eyes_alone(data: dict[str, str], tmp_path: Path) -> None:
    """No key is set on a machine of one's own: made at the first start, kept, readable by nobody else."""
    first = load(data).secret_key
    path = tmp_path / "data" / "secret.key"

    assert (64, 0o600) == (len(first), path.stat().st_mode & 0o777)
    assert first == load(data).secret_key
    assert [path] == list(path.parent.iterdir())


def test_a_key_that_is_damaged_is_not_used(data: dict[str, str], tmp_path: Path) -> None:
    """An empty key would let anybody foretell every reference and PIN."""
    load(data)
    for content in ("", "\n", "short"):
        (tmp_path / "data" / "secret.key").write_text(content)
        assert "BALAGH_DATA_DIR: the secret.key there is damaged: bring the right one back" == refusal(data)


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """It is a file."""
    (tmp_path / "data").write_text("")

    sentence = f"BALAGH_DATA_DIR: {tmp_path}/data is not a folder"
    assert sentence == refusal({"BALAGH_DATA_DIR": str(tmp_path / "data")})
    assert sentence == refusal({"BALAGH_DATA_DIR": str(tmp_path / "data"), "BALAGH_SECRET_KEY": SECRET_KEY})


def test_programs_that_start_together_have_one_key(tmp_path: Path) -> None:
    """Six processes meet an empty folder at the same moment: all of them speak with the same key."""
    program = "import sys; from gateway.settings import load; sys.stdin.read(1); print(load().secret_key.decode())"
    environ = {**os.environ, "BALAGH_DATA_DIR": str(tmp_path / "data")}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env=environ,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for one in running:
        assert one.stdin is not None
        one.stdin.write("x")
        one.stdin.flush()
    keys = {one.communicate(timeout=60)[0].strip() for one in running}

    assert [0] * 6 == [one.returncode for one in running]
    assert 1 == len(keys)
    assert [64] == [len(key) for key in keys]


def test_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without an argument it is os.environ; names without our prefix are none of ours."""
    monkeypatch.setenv("BALAGH_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("BALAGH_LOG", "text")
    monkeypatch.setenv("LISTEN", "nonsense")
    settings: Settings = load()

    assert "text" == settings.log
