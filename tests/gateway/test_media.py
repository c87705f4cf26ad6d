"""Fetching attachments from servers that redirect, stall, lie and cut off: what is kept, and what is never done."""

import asyncio
import base64
import gzip
import hashlib
import shutil
import socket
import ssl
import subprocess
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from channels.base import Source
from gateway.files import BATCH, Files
from gateway.media.address import is_public
from gateway.media.fetch import Fetcher, FetchError, Limits, TryLater, Unfetchable

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 40
KEY = {"Authorization": "Basic U0VDUkVU"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Names(AbstractResolver):
    """A resolver that knows the names it was given, and nothing else."""

    def __init__(self, **names: list[str]) -> None:
        self.names = {name.replace("_", "."): addresses for name, addresses in names.items()}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if host not in self.names:
            raise OSError(f"no such name: {host}")
        return [
            ResolveResult(
                hostname=host, host=each, port=port, proto=0, flags=0,
                family=socket.AF_INET6 if ":" in each else socket.AF_INET,
            )
            for each in self.names[host]
        ]  # fmt: skip

    async def close(self) -> None:
        """It holds nothing."""


@dataclass
class Provider:
    """A server on this machine that answers as the test says, and remembers what it was asked."""

    port: int = 0
    answers: dict[str, Handler] = field(default_factory=dict)
    seen: list[web.Request] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self, request: web.Request) -> web.StreamResponse:
        """Answer as the test says."""
        self.seen.append(request)
        return await self.answers[request.path](request)

    def says(self, path: str, body: bytes = JPEG, status: int = 200, **headers: str) -> None:
        """Answer a path so."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(body=body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

        self.answers[path] = answer

    def leads(self, path: str, target: str, status: int = 302) -> None:
        """Redirect a path so."""
        self.says(path, b"", status, Location=target)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    names = "DNS:api.test,DNS:media.test,DNS:evil.test,DNS:a.cdn.test,DNS:cdn.test,IP:127.0.0.1"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=api.test", "-addext", f"subjectAltName={names}", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


async def serve(provider: Provider, tls: ssl.SSLContext | None) -> web.AppRunner:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", provider.hear)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    provider.port = runner.addresses[0][1]
    return runner


@pytest.fixture
async def provider(certificate: tuple[Path, Path]) -> AsyncIterator[Provider]:
    """Speaks https, under every name of the certificate."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificate)
    provider = Provider()
    runner = await serve(provider, tls)
    yield provider
    provider.over.set()
    await runner.cleanup()


@pytest.fixture
async def stub() -> AsyncIterator[Provider]:
    """Speaks plain http, as a stand-in for a provider's API in the operator's own network does."""
    provider = Provider()
    runner = await serve(provider, None)
    yield provider
    provider.over.set()
    await runner.cleanup()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "files")


@pytest.fixture
def trust(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


@pytest.fixture
def fetcher(files: Files, trust: ssl.SSLContext) -> Fetcher:
    """As in production, but that the internet is 127.0.0.1 and some names of it."""
    here = ["127.0.0.1"]
    names = Names(api_test=here, media_test=here, evil_test=here, a_cdn_test=here, cdn_test=here)
    limits = Limits(connect=2, idle=0.3, total=5)
    return Fetcher(files, limits, resolver=names, reachable=lambda each: str(each) == "127.0.0.1", tls=trust)


@pytest.fixture
def guarded(files: Files, trust: ssl.SSLContext) -> Fetcher:
    """As in production, with the system's resolver and the real rule."""
    return Fetcher(files, Limits(connect=2, idle=1, total=5), tls=trust)


def public(provider: Provider, path: str = "/photo", host: str = "api.test", *more: str) -> Source:
    return Source(f"https://{host}:{provider.port}{path}", KEY, frozenset({"api.test", "media.test", *more}))


def private(stub: Provider, path: str = "/photo", *hosts: str) -> Source:
    return Source(f"http://127.0.0.1:{stub.port}{path}", KEY, frozenset(hosts), private=f"127.0.0.1:{stub.port}")


def kept(files: Files) -> list[str]:
    return sorted(path.name for path in files.root.rglob("*") if path.is_file())


async def refusal(fetcher: Fetcher, source: Source, *, limit: int = 10**6, **more: str) -> FetchError:
    with pytest.raises(FetchError) as caught:
        await fetcher.fetch(source, declared="image/jpeg", limit=limit, **more)
    return caught.value


# What arrives


async def test_a_photo_is_fetched_with_the_providers_key_and_kept(
    fetcher: Fetcher, provider: Provider, files: Files
) -> None:
    """A citizen's photo ends on our disk, and the provider was asked with its credentials and for plain bytes."""
    provider.says("/photo")

    stored = await fetcher.fetch(public(provider), declared="image/jpeg", limit=10**6)

    assert (hashlib.sha256(JPEG).hexdigest(), len(JPEG), "image/jpeg") == (
        stored.sha256,
        stored.size,
        stored.content_type,
    )
    assert JPEG == files.path(stored.sha256).read_bytes()
    [request] = provider.seen
    assert (KEY["Authorization"], "identity") == (request.headers["Authorization"], request.headers["Accept-Encoding"])


async def test_the_same_photo_twice_is_one_file(fetcher: Fetcher, provider: Provider, files: Files) -> None:
    """A second fetch, after a crash or by another citizen, adds nothing."""
    provider.says("/photo")
    first = await fetcher.fetch(public(provider), declared="", limit=10**6)
    assert first == await fetcher.fetch(public(provider), declared="", limit=10**6)
    assert [first.sha256] == kept(files)


async def test_the_content_says_what_it_is(fetcher: Fetcher, provider: Provider) -> None:
    """A voice note that is announced as a photo, in the message and in the answer, is a voice note."""
    provider.says("/photo", b"#!AMR\n" + bytes(100), Content_Type="image/png")
    assert "audio/amr" == (await fetcher.fetch(public(provider), declared="image/jpeg", limit=10**6)).content_type


async def test_a_page_that_is_called_a_photo_is_refused(fetcher: Fetcher, provider: Provider, files: Files) -> None:
    """HTML under the name of a JPEG is not kept, and the officer reads why."""
    provider.says("/photo", b"<html><script>steal()</script></html>", Content_Type="image/jpeg")

    error = await refusal(fetcher, public(provider))

    assert isinstance(error, Unfetchable)
    assert (
        "by its content it is text/html, which we do not take; it was declared as image/jpeg",
        [],
    ) == (str(error), kept(files))


async def test_a_hostile_declaration_is_not_repeated(fetcher: Fetcher, provider: Provider) -> None:
    """What was declared comes from outside too: only something that looks like a type is named."""
    provider.says("/photo", b"<html>")
    with pytest.raises(Unfetchable) as caught:
        await fetcher.fetch(public(provider), declared="x\nforged log line", limit=100)
    assert "forged" not in str(caught.value)


@pytest.mark.parametrize(
    "write", [bytes.hex, lambda raw: raw.hex().upper(), lambda raw: base64.b64encode(raw).decode()]
)
async def test_the_providers_checksum_is_verified(
    fetcher: Fetcher, provider: Provider, write: Callable[[bytes], str]
) -> None:
    """In hex or in base64: the right bytes pass, other bytes are tried again, for they were damaged on the way."""
    provider.says("/photo")
    digest = write(hashlib.sha256(JPEG).digest())
    await fetcher.fetch(public(provider), declared="", limit=10**6, expected_sha256=digest)

    provider.says("/photo", JPEG + b"!")
    assert isinstance(await refusal(fetcher, public(provider), expected_sha256=digest), TryLater)


async def test_a_checksum_that_is_none_is_said_to_be_unreadable(fetcher: Fetcher, provider: Provider) -> None:
    """A checksum that cannot be compared does not count as agreement."""
    assert isinstance(await refusal(fetcher, public(provider), expected_sha256="nonsense"), Unfetchable)
    assert [] == provider.seen


# Where a link may lead


async def test_a_redirect_to_another_host_does_not_take_the_key_along(fetcher: Fetcher, provider: Provider) -> None:
    """The storage behind the provider's API gives the photo, and never sees our credentials; nor does a way back."""
    provider.leads("/photo", f"https://media.test:{provider.port}/store")
    provider.leads("/store", f"https://api.test:{provider.port}/back", 307)
    provider.says("/back")

    await fetcher.fetch(public(provider), declared="", limit=10**6)

    assert [True, False, False] == ["Authorization" in request.headers for request in provider.seen]


async def test_another_port_is_another_host(fetcher: Fetcher, stub: Provider, provider: Provider) -> None:
    """A second server on the same machine is somebody else: it does not get the key."""
    stub.leads("/photo", f"https://127.0.0.1:{provider.port}/photo")
    provider.says("/photo")
    await fetcher.fetch(private(stub, "/photo", "127.0.0.1"), declared="", limit=10**6)
    assert "Authorization" in stub.seen[0].headers
    assert "Authorization" not in provider.seen[0].headers


async def test_a_redirect_on_the_same_host_keeps_the_key(fetcher: Fetcher, provider: Provider) -> None:
    """A relative link on the provider's own host still needs our credentials."""
    provider.leads("/photo", "/moved/photo?x=%2B")
    provider.says("/moved/photo")
    await fetcher.fetch(public(provider), declared="", limit=10**6)
    assert [KEY["Authorization"]] * 2 == [request.headers["Authorization"] for request in provider.seen]
    assert "/moved/photo?x=%2B" == provider.seen[1].path_qs


async def test_cookies_are_not_kept(fetcher: Fetcher, provider: Provider) -> None:
    """A host cannot mark us by a cookie on the way."""
    provider.says("/photo", b"", 302, Location="/moved", Set_Cookie="mark=1; Path=/")
    provider.says("/moved")
    await fetcher.fetch(public(provider), declared="", limit=10**6)
    assert "Cookie" not in provider.seen[1].headers


async def test_proxies_of_the_environment_are_not_asked(
    fetcher: Fetcher, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would resolve names for itself, behind our rule."""
    for name in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    provider.says("/photo")
    assert (await fetcher.fetch(public(provider), declared="", limit=10**6)).size


@pytest.mark.parametrize(
    ("host", "taken"),
    [("a.cdn.test", True), ("cdn.test", False), ("evil.test", False), ("evilcdn.test", False), ("api.test.", True)],
)
async def test_only_the_providers_hosts_are_asked(fetcher: Fetcher, provider: Provider, host: str, taken: bool) -> None:
    """`*.cdn.test` means every host below it, and neither itself nor a name that merely ends alike."""
    fetcher._resolver.names["api.test."] = ["127.0.0.1"]
    provider.leads("/photo", f"https://{host}:{provider.port}/store")
    provider.says("/store")
    source = public(provider, "/photo", "api.test", "*.cdn.test")
    if taken:
        await fetcher.fetch(source, declared="", limit=10**6)
    else:
        error = await refusal(fetcher, source)
        assert isinstance(error, Unfetchable)
        assert "its address is not on one of the provider's hosts" == str(error)
    assert (2 if taken else 1) == len(provider.seen)


@pytest.mark.parametrize(
    "target",
    ["http://api.test/photo", "ftp://api.test/photo", "file:///etc/passwd", "javascript:alert(1)", "https://[::1", "",
     "https://user:password@api.test/", "//evil.test/x"],
)  # fmt: skip
async def test_a_link_that_is_no_plain_https_is_refused(fetcher: Fetcher, provider: Provider, target: str) -> None:
    """Neither in clear text nor by another protocol, with a password or to nowhere."""
    provider.leads("/photo", target)
    assert isinstance(await refusal(fetcher, public(provider)), Unfetchable)
    assert len(provider.seen) <= 6


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433",
     "127.1", "0x7f.1", "10.0.0.1", "192.168.1.1", "100.64.0.1", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]"],
)  # fmt: skip
@pytest.mark.parametrize("named", [False, True])
async def test_a_redirect_into_a_private_network_is_refused(
    guarded: Fetcher, stub: Provider, provider: Provider, host: str, named: bool
) -> None:
    """However the address is written, and even if the channel listed it: nobody inside is asked on a link's behalf."""
    stub.leads("/photo", f"https://{host}:{provider.port}/secret")
    provider.says("/secret")

    error = await refusal(
        guarded, private(stub, "/photo", *([host.strip("[]"), "::ffff:a00:1", "::ffff:7f00:1"] * named))
    )

    assert isinstance(error, Unfetchable)
    assert 1 == len(stub.seen)
    assert [] == provider.seen


async def test_a_name_that_points_into_a_private_network_is_refused(
    files: Files, trust: ssl.SSLContext, provider: Provider
) -> None:
    """A provider's own name may be made to resolve to a machine of ours: the address decides, not the name."""
    provider.says("/photo")
    fetcher = Fetcher(files, Limits(connect=2), resolver=Names(api_test=["127.0.0.1", "::1", "10.0.0.1"]), tls=trust)

    error = await refusal(fetcher, public(provider))

    assert isinstance(error, Unfetchable)
    assert "its address leads into a private network" == str(error)
    assert [] == provider.seen


async def test_of_several_addresses_only_the_allowed_are_tried(
    files: Files, trust: ssl.SSLContext, provider: Provider
) -> None:
    """One bad address among good ones does not cost the photo, and is not connected to."""
    provider.says("/photo")
    names = Names(api_test=["127.0.0.2", "::1", "127.0.0.1"])
    fetcher = Fetcher(files, resolver=names, reachable=lambda each: str(each) == "127.0.0.1", tls=trust)
    assert (await fetcher.fetch(public(provider), declared="", limit=10**6)).size


async def test_the_named_private_place_may_be_asked_in_clear_text(files: Files, stub: Provider) -> None:
    """An operator who sets API_URL to a stand-in on the own network gets the photos from it."""
    stub.says("/photo")
    assert (await Fetcher(files).fetch(private(stub), declared="", limit=10**6)).size


async def test_the_port_beside_the_private_place_is_not_private(
    files: Files, stub: Provider, provider: Provider
) -> None:
    """The exception is for one host and one port, not for the machine."""
    provider.says("/photo")
    source = Source(
        f"http://127.0.0.1:{provider.port}/photo", KEY, frozenset({"127.0.0.1"}), private=f"127.0.0.1:{stub.port}"
    )
    assert isinstance(await refusal(Fetcher(files), source), Unfetchable)
    assert [] == provider.seen


async def test_endless_redirects_end(fetcher: Fetcher, provider: Provider) -> None:
    """Five redirects are followed, a sixth is not."""
    provider.leads("/photo", "/photo")
    assert "it redirects more than 5 times" == str(await refusal(fetcher, public(provider)))
    assert 6 == len(provider.seen)


async def test_a_stranger_with_the_providers_name_is_not_believed(files: Files, provider: Provider) -> None:
    """Without a certificate that the system trusts nothing is sent, and it may pass when the operator mends it."""
    fetcher = Fetcher(files, resolver=Names(api_test=["127.0.0.1"]), reachable=lambda _: True)
    error = await refusal(fetcher, public(provider))
    assert isinstance(error, TryLater)
    assert "the provider's certificate could not be verified" == str(error)
    assert [] == provider.seen


@pytest.mark.parametrize(
    ("address", "expected"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("::ffff:8.8.8.8", True), ("64:ff9b::808:808", True),
     ("64:ff9b::a00:1", False), ("64:ff9b:1::1", False), ("2002:a00:1::1", False), ("2001::1", False),
     ("::8.8.8.8", False), ("::", False), ("fec0::1", False), ("ff02::1", False), ("224.0.0.1", False),
     ("255.255.255.255", False), ("198.18.0.1", False), ("192.0.2.1", False), ("172.31.255.255", False),
     ("172.32.0.1", True), ("fe80::1%eth0", False)],
)  # fmt: skip
def test_public_means_reached_through_the_internet(address: str, expected: bool) -> None:
    """Special networks are private in every clothing; an IPv4 address in IPv6 is what it stands for."""
    assert expected == is_public(ip_address(address))


# How it can end


@pytest.mark.parametrize("status", [401, 403, 404, 408, 425, 429, 500, 502, 503, 504, 202, 204])
async def test_what_may_pass_is_tried_later(fetcher: Fetcher, provider: Provider, status: int) -> None:
    """Twilio answers 404 for the first seconds, tokens are renewed, servers recover."""
    provider.says("/photo", b"", status)
    error = await refusal(fetcher, public(provider))
    assert isinstance(error, TryLater)
    assert (f"the provider answered {status}", None, False) == (str(error), error.retry_after, error.ours)
    assert error.denied is (status == 401)


async def test_a_storage_that_saw_no_key_of_ours_denies_none(fetcher: Fetcher, provider: Provider) -> None:
    """401 from where a redirect leads, or for a link that is open, says that the link has run out, not our token."""
    provider.leads("/photo", f"https://media.test:{provider.port}/stored")
    provider.says("/stored", b"", 401)
    led = await refusal(fetcher, public(provider))
    asked = public(provider, "/stored")
    opened = await refusal(fetcher, Source(asked.url, {}, asked.hosts))

    assert isinstance(led, TryLater)
    assert isinstance(opened, TryLater)
    assert (False, False) == (led.denied, opened.denied)


@pytest.mark.parametrize("status", [400, 405, 410, 451, 304])
async def test_what_is_gone_is_not_tried_again(fetcher: Fetcher, provider: Provider, status: int) -> None:
    """A photo that the provider has removed will not come back."""
    provider.says("/photo", b"", status)
    assert isinstance(await refusal(fetcher, public(provider)), Unfetchable)


@pytest.mark.parametrize(
    ("header", "expected"),
    [("7", 7), ("0", 0), ("999999999", 86400), ("soon", None), ("-1", None), ("٣", None),
     ("Sat, 21 Nov 2020 07:28:00 GMT", 0)],
)  # fmt: skip
async def test_the_provider_may_say_when(
    fetcher: Fetcher, provider: Provider, header: str, expected: float | None
) -> None:
    """Retry-After is believed up to a day, and nonsense in it is no wish."""
    provider.says("/photo", b"", 503, Retry_After=header)
    error = await refusal(fetcher, public(provider))
    assert isinstance(error, TryLater)
    assert expected == error.retry_after


async def test_the_provider_may_say_when_by_a_date(fetcher: Fetcher, provider: Provider) -> None:
    """The date form of Retry-After counts from now."""
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    provider.says("/photo", b"", 429, Retry_After=moment)
    error = await refusal(fetcher, public(provider))
    assert isinstance(error, TryLater)
    assert 590 < (error.retry_after or 0) <= 600


async def test_an_empty_answer_is_tried_again(fetcher: Fetcher, provider: Provider, files: Files) -> None:
    """The citizen sent something: nothing is not it."""
    provider.says("/photo", b"")
    assert isinstance(await refusal(fetcher, public(provider)), TryLater)
    assert [] == kept(files)


async def test_a_full_disk_is_our_own_fault(fetcher: Fetcher, provider: Provider, files: Files) -> None:
    """When our disk does not take it, it is tried later and does not count against the photo."""
    provider.says("/photo")
    shutil.rmtree(files.root / "tmp")
    error = await refusal(fetcher, public(provider))
    assert isinstance(error, TryLater)
    assert error.ours
    assert str(files.root) not in str(error)


async def test_a_stream_without_end_is_cut_at_the_limit(fetcher: Fetcher, provider: Provider, files: Files) -> None:
    """Without a length announced the bytes are counted, and the first one too many ends it."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(JPEG * 10)

    provider.answers["/photo"] = endless
    error = await refusal(fetcher, public(provider), limit=3 * BATCH)
    assert isinstance(error, Unfetchable)
    assert (f"it is larger than {3 * BATCH} bytes", []) == (str(error), kept(files))


async def test_a_stream_without_length_is_kept_whole(fetcher: Fetcher, provider: Provider) -> None:
    """Chunked answers are as good as others."""

    async def chunked(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for at in range(0, len(JPEG), 1000):
            await response.write(JPEG[at : at + 1000])
        return response

    provider.answers["/photo"] = chunked
    assert len(JPEG) == (await fetcher.fetch(public(provider), declared="", limit=len(JPEG))).size


async def test_a_silent_server_is_left(fetcher: Fetcher, provider: Provider, files: Files) -> None:
    """A server that stops in the middle costs the idle time and no more."""

    async def stalls(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "9000"})
        await response.prepare(request)
        await response.write(JPEG[:5000])
        await provider.over.wait()
        return response

    provider.answers["/photo"] = stalls
    error = await refusal(fetcher, public(provider))
    assert isinstance(error, TryLater)
    assert ("the provider was silent for too long", []) == (str(error), kept(files))


async def test_a_dripping_server_is_left(files: Files, stub: Provider) -> None:
    """A byte now and then keeps no connection beyond the total time."""

    async def drips(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while not stub.over.is_set():
            await response.write(JPEG[:1])
            await asyncio.sleep(0.02)
        return response

    stub.answers["/photo"] = drips
    async with asyncio.timeout(60):
        error = await refusal(Fetcher(files, Limits(total=0.3)), private(stub))
    assert isinstance(error, TryLater)
    assert ("it took longer than 0.3 seconds", []) == (str(error), kept(files))


async def test_a_compressed_photo_is_unpacked(fetcher: Fetcher, provider: Provider) -> None:
    """Some stores send gzip whatever was asked for: what is kept is the photo."""
    provider.says("/photo", gzip.compress(JPEG), Content_Encoding="gzip")
    assert (
        hashlib.sha256(JPEG).hexdigest() == (await fetcher.fetch(public(provider), declared="", limit=len(JPEG))).sha256
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((gzip.compress(JPEG + bytes(80_000_000)), "gzip"), Unfetchable),
        ((gzip.compress(JPEG)[:-20], "gzip"), TryLater),
        ((gzip.compress(JPEG) + bytes(100_000), "gzip"), TryLater),
        ((b"not gzip", "gzip"), TryLater),
        ((b"?", "br"), Unfetchable),
        ((b"?", "gzip, gzip"), Unfetchable),
    ],
    ids=["bomb", "cut", "more after the end", "no gzip", "brotli", "twice"],
)
async def test_bad_compression_keeps_nothing(
    fetcher: Fetcher, provider: Provider, files: Files, answer: tuple[bytes, str], expected: type[FetchError]
) -> None:
    """A bomb is stopped at the limit of what comes out of it; damage is tried again."""
    body, encoding = answer
    provider.says("/photo", body, Content_Encoding=encoding)
    assert expected is type(await refusal(fetcher, public(provider)))
    assert [] == kept(files)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + JPEG, TryLater),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n\xff\xd8\xff\xe0\x00\r\n", TryLater),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", TryLater),
        (b"nonsense\r\n\r\n", TryLater),
        (b"", TryLater),
        (b"HTTP/1.1 302 Found\r\n\r\n", Unfetchable),
    ],
    ids=["short", "chunks cut off", "no chunk", "no http", "hung up", "nowhere"],
)
async def test_a_broken_answer_keeps_nothing(files: Files, answer: bytes, expected: type[FetchError]) -> None:
    """Half a photo is not kept as if it were whole: it is asked for again."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await refusal(Fetcher(files), private(Provider(port)))
    assert expected is type(error)
    assert [] == kept(files)


async def test_an_announced_size_over_the_limit_is_not_read(files: Files) -> None:
    """With the length in the header not one byte of the body is waited for."""
    left = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n")
        assert b"" == await reader.read()
        left.set()
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await refusal(Fetcher(files), private(Provider(port)))
        await left.wait()
    assert isinstance(error, Unfetchable)
    assert "it is larger than 1000000 bytes" == str(error)


async def test_a_server_that_is_away_is_tried_later(files: Files) -> None:
    """A refused connection and an unknown name may pass."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert isinstance(await refusal(Fetcher(files), private(Provider(port))), TryLater)

    error = await refusal(Fetcher(files, resolver=Names()), public(Provider(443)))
    assert isinstance(error, TryLater)
    assert "the provider's name could not be looked up" == str(error)


@pytest.mark.parametrize(
    "way", ["404", "html", "cut", "evil", "loop", "away", "unreadable", "private", "header", "unknown"]
)
async def test_no_reason_holds_the_link_or_the_key(fetcher: Fetcher, provider: Provider, way: str) -> None:
    """Links are keys themselves: neither the reason nor the traceback that a log would show repeats one."""
    path = "/bot-SECRET/photo"
    provider.says(path, b"<html>" if way == "html" else b"", 404 if way == "404" else 200)
    if way in {"evil", "loop", "unreadable", "private", "unknown"}:
        port = provider.port
        provider.leads(path, {
            "evil": f"https://evil-SECRET.test:{port}/", "loop": path, "unreadable": "https://SECRET:99999/",
            "private": f"https://cdn.test:{port}/SECRET", "unknown": f"https://secret.cdn.test:{port}/",
        }[way])  # fmt: skip
    if way == "cut":
        provider.says(path, gzip.compress(JPEG)[:-20], Content_Encoding="gzip")
    if way == "private":
        fetcher._resolver.names["cdn.test"] = ["10.0.0.1"]
    source = public(provider, path, "api.test", "cdn.test", "*.cdn.test")
    if way == "away":
        source = Source(f"https://api.test:1{path}", KEY, source.hosts)
    if way == "header":
        source = Source(source.url, {"Authorization": "SECRET\r\n"}, source.hosts)

    error = await refusal(fetcher, source)

    for shown in (str(error), repr(error), "".join(traceback.format_exception(error))):
        for secret in ("secret", KEY["Authorization"].lower()):
            assert secret not in shown.lower()
