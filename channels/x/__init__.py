"""X (formerly Twitter): posts that mention the city, and direct messages. `X` is its door."""

from channels.x.channel import X, XSettings

__all__ = ["X", "XSettings"]
