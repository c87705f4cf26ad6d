"""Replay: post a recorded payload as the provider would, to a gateway that runs with the same settings."""

from __future__ import annotations

from http import HTTPStatus

import aiohttp

from channels.base import ChannelError
from gateway.registry import WEBHOOKS
from gateway.settings import SettingsError, load


async def replay(channel: str, body: bytes, path: str = "") -> tuple[int, str]:
    """Sign the body as the provider signs it, post it, and return the answer's status and text.

    `path` is below the channel's own, such as /status. Raises SettingsError when the channel is unknown or off, here or
    at the gateway, when the body cannot be signed, when the gateway takes the signature for a forgery, or when none
    listens there or answers.
    """
    settings = load()
    known = {kind.name: kind for kind in WEBHOOKS}
    if channel not in known:
        raise SettingsError(f"CHANNEL: {channel!r} is not one of {', '.join(known)}")
    if channel not in settings.channels:
        raise SettingsError(f"channel {channel} is off: {settings.off[channel]}")
    speaker = known[channel](settings.channels[channel])
    below = "/".join(filter(None, (f"/channels/{channel}", path.strip("/"))))
    try:
        headers = dict(speaker.sign(f"{settings.public_url}{below}", body))
    except ChannelError as error:
        raise SettingsError(f"FILE: no provider would send this to {channel}: {error}") from error
    target = f"http://{settings.listen}{below}"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
            session.post(target, data=body, headers=headers) as response,
        ):
            status, text = response.status, await response.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SettingsError(f"BALAGH_LISTEN: no gateway answers on {settings.listen}: is it running?") from error
    if status == HTTPStatus.NOT_FOUND:
        what = (
            f"nothing at {below}: is the path right?" if path.strip("/") else f"no channel {channel}: is it on there?"
        )
        raise SettingsError(f"the gateway on {settings.listen} has {what}")
    if status == HTTPStatus.FORBIDDEN:
        raise SettingsError(f"refused by the gateway on {settings.listen}: does it run with the same settings?")
    return status, text
