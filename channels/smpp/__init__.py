"""SMS through a carrier's SMSC over SMPP 3.4. `Smpp` is the channel; the rest is its own."""

from channels.smpp.channel import Smpp
from channels.smpp.settings import SmppSettings

__all__ = ["Smpp", "SmppSettings"]
