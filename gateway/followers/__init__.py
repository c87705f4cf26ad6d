"""The complaints that share the fate of another one: how they are held, what they have of it, and how that ends."""

from gateway.followers.fate import NEWS, move_followers, resolve_followers
from gateway.followers.hold import held
from gateway.followers.share import alone, catch_up, fall_back, follow, share, succeed

__all__ = [
    "NEWS",
    "alone",
    "catch_up",
    "fall_back",
    "follow",
    "held",
    "move_followers",
    "resolve_followers",
    "share",
    "succeed",
]
