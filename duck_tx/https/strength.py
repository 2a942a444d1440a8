"""Keys and signatures that clients, or OpenSSL itself, would refuse at each handshake: those of less than 112 bits."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from duck_tx.https.chain import WEAK_HASHES, is_self_signed
from duck_tx.https.pem import MAKE_KEY

__all__ = ["weakness_of"]

_LEAST_RSA_BITS = 2048
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


def weakness_of(chain: Sequence[x509.Certificate]) -> str:
    """What makes the first weak certificate of a chain so, and how to mend it; empty if all are strong.

    :raises UnsupportedAlgorithm: if one has a key or a signature of an unknown kind.
    """
    for certificate in chain:
        whose = "" if certificate is chain[0] else " of its issuer"
        weakness = _weakness(certificate.public_key())
        if weakness:
            return f"the key{whose} {weakness}. Have a certificate issued for a new key, made with: {MAKE_KEY}"
        # Nobody looks at the signature of one that vouches for itself.
        digest = None if is_self_signed(certificate) else certificate.signature_hash_algorithm
        if digest is not None and digest.name in WEAK_HASHES:
            return f"the certificate{whose} is signed with {digest.name.upper()}, which clients refuse. Renew it."
    return ""


def _weakness(key: CertificatePublicKeyTypes) -> str:
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _LEAST_RSA_BITS:
        return f"is RSA of {key.key_size} bits, and clients want {_LEAST_RSA_BITS} at least"
    if isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(key.curve, _CURVES):
        return f"is on the curve {key.curve.name}, which browsers do not know"
    return ""
