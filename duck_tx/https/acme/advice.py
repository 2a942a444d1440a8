"""What an authority says about the renewal of a certificate (ARI, RFC 9773): everything here blocks."""

from __future__ import annotations

import base64

from acme import messages
from cryptography import x509
from josepy.errors import DeserializationError

from duck_tx.https.acme.authority import Network, connect, decoded, seconds_to_wait
from duck_tx.https.acme.errand import Pause
from duck_tx.https.acme.plan import ADVICE_LASTS, Advice, Window
from duck_tx.https.acme.problem import explained
from duck_tx.https.acme.wanted import Wanted

__all__ = ["advice", "certificate_id"]

_AT_LEAST, _AT_MOST = 60.0, 86400.0


def advice(wanted: Wanted, leaf: x509.Certificate, pause: Pause) -> Advice:
    """Ask when to renew a certificate.

    :raises AcmeError: if the authority does not say.
    :raises Abandoned: as ``pause`` does.
    """
    network = Network(wanted, pause)
    with explained(network):
        base = getattr(connect(wanted, network).directory, "renewalInfo", None)
        name = certificate_id(leaf)
        if base is None or name is None:
            return Advice(None, _AT_MOST)
        response = network.get(f"{base.rstrip('/')}/{name}")
        again = seconds_to_wait(response)
        window = decoded(messages.RenewalInfo, response).suggested_window
        if window.start is None or window.end is None:
            raise DeserializationError("a renewal window has a start and an end")
        why = response.json().get("explanationURL")
        return Advice(
            Window(window.start, window.end),
            ADVICE_LASTS if again is None else min(max(again, _AT_LEAST), _AT_MOST),
            why if isinstance(why, str) and why.isprintable() else None,
        )


def certificate_id(leaf: x509.Certificate) -> str | None:
    """What the authority calls a certificate (RFC 9773 4.1): the identifier of the key that signed it, and its serial
    number as DER has it.  ``None`` if the certificate does not name that key."""
    try:
        issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return None
    if issuer is None:
        return None
    number = leaf.serial_number
    # A bit more than the number has: DER's integers have a sign.
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return ".".join(base64.urlsafe_b64encode(part).decode("ascii").rstrip("=") for part in (issuer, serial))
