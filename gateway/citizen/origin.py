"""Where a form was sent from: only our own pages may send one."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from gateway.settings import Address


def foreign(request: web.Request, public_url: str) -> bool:
    """Say whether another site made the browser send this.

    Browsers state it in Sec-Fetch-Site, but only on https and loopback, and old ones nowhere. Then the Origin must be
    the public address, or the loopback address that served the page. An absent or opaque Origin passes: our own
    Referrer-Policy makes browsers write "null" for our own pages. What such a form could do, its maker can do himself.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin", "null")
    if origin == "null":
        return False
    try:
        given, public = urlsplit(origin), urlsplit(public_url)
    except ValueError:
        return True
    if (given.scheme, given.netloc) == (public.scheme, public.netloc):
        return False
    return not (given.netloc == request.host and Address(given.hostname or "", 0).loopback)
