"""That it is the carrier who speaks: the ways in which carriers prove it, and no way of doing without.

The secrets are compared as bytes and in constant time; whatever else is wrong is a forgery as well.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

from aiohttp import web
from yarl import URL

from channels.base import Forged, Unreadable
from channels.carrier.profile import Basic, Header, Hmac, Incoming, Secret
from channels.carrier.words import Form, Words, query_of

_MILLISECONDS = 10_000_000_000  # a time that is larger is not in seconds


def verify(
    inbound: Incoming, secrets: Sequence[bytes], request: web.Request, body: bytes, read: Callable[[], Words]
) -> None:
    """Check where a request comes from and that it is the carrier's. `read` reads its fields. Raises Forged."""
    if inbound.sources and not any(_remote(request) in network for network in inbound.sources):
        raise Forged("from an address that is not the carrier's")
    proof = inbound.proof
    try:
        given = _given(proof, request, read)
        if isinstance(proof, Hmac):
            stamp = _stamp(proof, request, read)
            message = _signed(proof, stamp, query_of(request), body, read)
            expected = [_digest(proof, secret, message) for secret in secrets]
        else:
            stamp, expected = "", [_expected(proof, secret) for secret in secrets]
    except (Unreadable, RecursionError) as error:
        raise Forged("its proof cannot be found") from error
    if not any([hmac.compare_digest(given, one) for one in expected]):  # noqa: C419 - all, so that the time tells nothing
        raise Forged("the proof does not hold")
    if isinstance(proof, Hmac) and (proof.timestamp_header or proof.timestamp_field):
        _check_age(stamp, proof.tolerance)


def sign(inbound: Incoming, secret: bytes, url: str, body: bytes, read: Callable[[], Words]) -> Mapping[str, str]:
    """Return the headers that the carrier would send. A proof that stands in a field must be there already."""
    proof = inbound.proof
    if isinstance(proof, Header):
        return {proof.header: _expected(proof, secret).decode("utf-8", "surrogateescape")}
    if isinstance(proof, Basic):
        return {"Authorization": _expected(proof, secret).decode("ascii")}
    if not isinstance(proof, Hmac) or not proof.header:
        return {}
    stamp = str(int(time.time())) if proof.timestamp_header else ""
    if proof.timestamp_field:
        stamp = read().get(proof.timestamp_field)
    query = URL(url, encoded=True).raw_query_string.encode("utf-8", "surrogateescape")
    signature = _digest(proof, secret, _signed(proof, stamp, query, body, read)).decode("utf-8", "surrogateescape")
    return {proof.header: signature, **({proof.timestamp_header: stamp} if proof.timestamp_header else {})}


def seal(signature: Hmac, secret: bytes, stamp: str, parts: Sequence[bytes]) -> str:
    """Return what proves to the carrier that a request is ours. `stamp` is when, for where the time is in a header."""
    message = [stamp.encode(), *parts] if signature.timestamp_header else parts
    return _digest(signature, secret, signature.separator.encode().join(message)).decode()


def _given(proof: Hmac | Header | Secret | Basic, request: web.Request, read: Callable[[], Words]) -> bytes:
    """Return what the request offers as proof. Raises Forged when it offers none."""
    if isinstance(proof, Basic):
        value = request.headers.get("Authorization")
    elif isinstance(proof, Header) or (proof.kind == "hmac" and proof.header):
        value = request.headers.get(proof.header)
    else:
        # A carrier that posts may have the secret in the address that it was given.
        value = Form(query_of(request), "utf-8").get(proof.field) or read().get(proof.field) or None
    if value is None:
        raise Forged("it brings no proof")
    return value.encode("utf-8", "surrogatepass" if _lone(value) else "surrogateescape")


def _lone(value: str) -> bool:
    """Whether a value from JSON holds half a character, which no header can."""
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return True
    return False


def _expected(proof: Header | Secret | Basic, secret: bytes) -> bytes:
    if isinstance(proof, Basic):
        return b"Basic " + base64.b64encode(secret)
    return (proof.prefix.encode() if isinstance(proof, Header) else b"") + secret


def _stamp(proof: Hmac, request: web.Request, read: Callable[[], Words]) -> str:
    if proof.timestamp_header:
        return request.headers.get(proof.timestamp_header, "")
    return read().get(proof.timestamp_field) if proof.timestamp_field else ""


def _signed(proof: Hmac, stamp: str, query: bytes, body: bytes, read: Callable[[], Words]) -> bytes:
    separator = proof.separator.encode()
    if proof.over == "body":
        parts = [body]
    elif proof.over == "query":
        parts = [query]
    else:
        words = read()
        parts = [words.get(name).encode("utf-8", "surrogatepass") for name in proof.over]
    if proof.timestamp_header:
        parts.insert(0, stamp.encode("utf-8", "surrogateescape"))
    return separator.join(parts)


def _digest(proof: Hmac, secret: bytes, message: bytes) -> bytes:
    digest = hmac.new(secret, message, getattr(hashlib, proof.algorithm))
    written = digest.hexdigest().encode() if proof.encoding == "hex" else base64.b64encode(digest.digest())
    return proof.prefix.encode() + written


def _check_age(stamp: str, tolerance: int) -> None:
    """Refuse what was signed long ago, so that a recorded request is of no use later."""
    try:
        if stamp.isascii() and stamp.isdecimal():
            at = float(stamp) / (1000 if float(stamp) > _MILLISECONDS else 1)
        else:
            at = datetime.fromisoformat(stamp).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise Forged("its time cannot be read") from error
    if not abs(time.time() - at) <= tolerance:
        raise Forged("it was signed at another time")


def _remote(request: web.Request) -> IPv4Address | IPv6Address:
    try:
        address = ip_address((request.remote or "").partition("%")[0])
    except ValueError as error:
        raise Forged("from no address") from error
    return getattr(address, "ipv4_mapped", None) or address
