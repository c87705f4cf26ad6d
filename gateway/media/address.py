"""Which addresses a fetch may reach, and the door that every connection goes through.

A provider's link decides where we connect, so a link is hostile: without this, one that leads to 169.254.169.254 or
to a machine in the city's own network would be answered with the gateway's standing there.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import AddrInfoType

Reachable = Callable[[IPv4Address | IPv6Address], bool]

# IANA's special-purpose registries as Python knows them differ from release to release; these must not.
_NOT_GLOBAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/3",
    )
)  # fmt: skip
_GLOBAL_V6 = IPv6Network("2000::/3")  # all that IANA has ever given out; loopback, local and multicast lie outside
_NOT_GLOBAL_V6 = tuple(
    IPv6Network(network)
    # 2001::/23 holds Teredo, ORCHID and benchmarks; 2002::/16 is 6to4, which hides any IPv4 address and is given up.
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is reached through the internet and belongs to no special network.

    An IPv4 address in IPv6 clothing (::ffff:0:0/96, and 64:ff9b::/96 of a network that has IPv6 only) is judged by
    what it stands for.
    """
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        return address in _GLOBAL_V6 and not any(address in network for network in _NOT_GLOBAL_V6)
    return not any(address in network for network in _NOT_GLOBAL_V4)


class Door:
    """Opens the sockets of one request, to addresses that may be reached and to no other.

    It stands where aiohttp makes a socket for an address it is about to connect to: behind every look-up, so that a
    name which resolves differently the second time gains nothing, and also for a literal address in a link, which
    aiohttp shows to no resolver. `refused` and `opened` say what happened.
    """

    def __init__(self, reachable: Reachable) -> None:
        self._reachable = reachable
        self.refused = self.opened = False

    def __call__(self, address_info: AddrInfoType) -> socket.socket:
        """Make the socket. Raises PermissionError when it would lead to an address that must not be reached."""
        family, kind, protocol, _, address = address_info
        if not self._reachable(ip_address(address[0])):
            self.refused = True
            raise PermissionError("an address that must not be reached")
        self.opened = True
        return socket.socket(family, kind, protocol)
