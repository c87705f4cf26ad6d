"""Which channels are on, and whether their providers let us in."""

from __future__ import annotations

import asyncio

from channels.base import Adapter, Barred, Probes, SpeakError
from gateway.app import channels_of
from gateway.check.findings import Findings
from gateway.settings import Settings

PATIENCE = 6.0  # seconds to wait for a provider


async def look_at_channels(settings: Settings, findings: Findings) -> None:
    """Say which channels are on, and for those that can ask, whether their providers let us in.

    A provider that does not answer is no fault of the settings: it is said, and nothing is wrong here because of it.
    """
    on = channels_of(settings)
    answers = await asyncio.gather(*(_probe(channel) for channel in on.values()))
    for name, (let_in, words) in zip(on, answers, strict=True):
        if let_in is None:
            findings.note(f"channel {name}: {words}")
        findings.judge(f"channel {name}: on" + ("" if let_in is None else words), wrong=let_in is False)
    for name, why in settings.off.items():
        findings.off(f"channel {name}: {why}")


async def _probe(channel: Adapter) -> tuple[bool | None, str]:
    """Whether a channel's provider lets us in, None when it does not say; and that in words."""
    if not isinstance(channel, Probes):
        return True, ""
    try:
        async with asyncio.timeout(PATIENCE):
            return True, f", {await channel.probe()}"
    except Barred as error:
        return False, f", but its provider does not let us in: {error}"
    except SpeakError as error:
        return None, f"its provider could not be asked: {error}"
    except TimeoutError:
        return None, "its provider does not answer"
    finally:
        await channel.close()
