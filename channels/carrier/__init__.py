"""SMS through a carrier's HTTP interface, described by a profile. `Carrier` is the channel; the rest is its own."""

from channels.carrier.channel import Carrier
from channels.carrier.settings import CarrierSettings

__all__ = ["Carrier", "CarrierSettings"]
