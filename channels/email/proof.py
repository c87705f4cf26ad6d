"""Whether the sender is who the mail says: as our own mail server found, and nobody else (RFC 8601)."""

from __future__ import annotations

import re

from channels.email.headers import Headers

_COMMENT = re.compile(r"\([^()]*\)")
_RESULT = re.compile(r"\s*([a-z0-9-]{2,30})\s*=\s*([a-z]{2,20})\b(.*)", re.IGNORECASE | re.DOTALL)
_PROPERTY = re.compile(r"\b([a-z]{2,20}\.[a-z-]{1,20})\s*=\s*\"?([^\s;\"]{1,300})", re.IGNORECASE)


def authenticated(headers: Headers, authserv_id: str, sender: str) -> str:
    """Return `pass`, `fail` or `none` for the domain of `sender`.

    Only the topmost Authentication-Results with the id of our own server counts: anybody can write the others into a
    mail, and our server puts its own on top.
    """
    if not authserv_id:
        return "none"
    for value in headers.all("authentication-results"):
        server, *results = _COMMENT.sub(" ", value).split(";")
        if (server.split() or [""])[0].lower() == authserv_id.lower():
            verdict = _verdict(results, sender.rpartition("@")[2])
            # Of several senders the server judged one, and a mail program shows another.
            several = len(headers.all("from")) != 1 or len(headers.addresses("from")) > 1
            return "fail" if several and verdict == "pass" else verdict
    return "none"


def _verdict(results: list[str], domain: str) -> str:
    aligned = False
    for result in results:
        match = _RESULT.match(result)
        if match is None:
            continue
        method, outcome = match[1].lower(), match[2].lower()
        said = {name.lower(): value.lower() for name, value in _PROPERTY.findall(match[3])}
        if method == "dmarc":
            judged = said.get("header.from", domain)
            if outcome == "pass":
                return "pass" if _same(judged, domain) else "fail"
            if outcome == "fail":
                return "fail"
        elif outcome == "pass" and method == "dkim":
            aligned |= _same(said.get("header.d", ""), domain) or _same(said.get("header.i", ""), domain)
        elif outcome == "pass" and method == "spf":
            aligned |= _same(said.get("smtp.mailfrom", ""), domain)
    return "pass" if aligned else "none"


def _same(proven: str, domain: str) -> bool:
    """Tell whether what was proven is the sender's domain, or a domain above it."""
    proven = proven.rpartition("@")[2].rstrip(".>")
    return bool(proven) and "." in proven and (domain == proven or domain.endswith("." + proven))
