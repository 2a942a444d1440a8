"""Names that a certificate is for, and whether they stand for the name that a client asks for (RFC 9525).

A wildcard stands for exactly one label, the left-most, and has to be all of it: ``*.example.org`` is for
``www.example.org``, but for neither ``example.org`` nor ``a.b.example.org``.
"""

from __future__ import annotations

import ipaddress

__all__ = ["canonical", "covers", "is_address", "wildcard_base"]


def canonical(name: str) -> str:
    """A name as it is compared: lower-case, without the dot at its end; an address in its shortest form, without
    brackets or zone."""
    text = name.strip().lower()
    if text[-1:].isdigit() or ":" in text:
        address = text.removeprefix("[").removesuffix("]").partition("%")[0]
        try:
            return str(ipaddress.ip_address(address))
        except ValueError:
            pass
    return text.removesuffix(".")


def is_address(name: str) -> bool:
    """Whether a canonical name is an IP address."""
    if not (name[-1:].isdigit() or ":" in name):
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def wildcard_base(pattern: str) -> str | None:
    """What all names that a canonical wildcard stands for end in, behind their first dot; None for other names.

    No wildcard stands for addresses: no other name's last label is a number.
    """
    star, dot, base = pattern.partition(".")
    if star != "*" or not dot or not base or base.rpartition(".")[2].isdigit():
        return None
    return base


def covers(pattern: str, name: str) -> bool:
    """Whether a certificate for ``pattern`` is one for ``name``; both are canonical."""
    if pattern == name:
        return "*" not in name
    label, dot, rest = name.partition(".")
    return bool(label and dot) and label != "*" and wildcard_base(pattern) == rest
