"""The names of a certificate, as the parts of ACME want them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from cryptography import x509

from duck_tx.https.name import is_address

__all__ = ["alternative_names", "server_name"]


def alternative_names(names: Iterable[str]) -> x509.SubjectAlternativeName:
    """The extension with these canonical names; addresses are addresses in it (RFC 8738)."""
    return x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address(name)) if is_address(name) else x509.DNSName(name) for name in names]
    )


def server_name(name: str) -> str:
    """What a client that validates ``name`` by TLS-ALPN-01 asks for: an address goes by the name of its reverse mapping
    (RFC 8738 6)."""
    return ipaddress.ip_address(name).reverse_pointer if is_address(name) else name
