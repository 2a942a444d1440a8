"""Which peers may speak for others: the proxies that the settings name."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

__all__ = ["Trusted"]

_KEPT_AT_MOST = 4096

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Trusted:
    """The peers whose word about others is taken.

    :param entries: addresses, networks, ``unix`` (any peer on a Unix socket) and ``*`` (everybody).  An IPv4
        entry also means the peers that an IPv6 socket shows as ``::ffff:a.b.c.d``; an entry without a zone id
        means every zone.
    :raises ValueError: for entries that are none of these; it names each of them.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._networks: list[tuple[_Network, str | None]] = []
        self._known: dict[str, bool] = {}
        self._everybody = self._unix = False
        wrong = []
        for entry in entries:
            if entry == "*":
                self._everybody = True
            elif entry == "unix":
                self._unix = True
            else:
                try:
                    self._networks.append(_network(entry))
                except ValueError as error:
                    wrong.append(str(error))
        if wrong:
            raise ValueError(f"{'; '.join(wrong)}: give addresses, networks such as 10.0.0.0/8, unix, or *")

    def __contains__(self, address: str) -> bool:
        """Whether the peer at ``address`` (``""``: on a Unix socket) is trusted; never raises."""
        known = self._known.get(address)
        return self._find(address) if known is None else known

    def _find(self, address: str) -> bool:
        if self._everybody:
            return True
        if not address:
            return self._unix
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        zone = None
        if isinstance(found, ipaddress.IPv6Address):
            zone = found.scope_id
            found = found.ipv4_mapped or found
        known = any(found in network and wanted in (None, zone) for network, wanted in self._networks)
        if len(self._known) >= _KEPT_AT_MOST:
            self._known.clear()
        # A zone id is any text, so only what is bounded by itself is kept.
        if len(address) <= 64:
            self._known[address] = known
        return known


def _network(entry: str) -> tuple[_Network, str | None]:
    network = ipaddress.ip_network(entry)
    if isinstance(network, ipaddress.IPv4Network):
        return network, None
    first = network.network_address
    if first.ipv4_mapped is not None and network.prefixlen >= 96:
        return ipaddress.IPv4Network((first.ipv4_mapped, network.prefixlen - 96)), None
    return network, first.scope_id
