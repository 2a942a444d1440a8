"""The order of certificates: the server's own first, then each with its issuer behind it (RFC 8446 4.4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256

__all__ = ["WEAK_HASHES", "Chain", "has_issued", "in_order", "is_self_signed", "rank"]

WEAK_HASHES = frozenset({"md5", "sha1"})
"""What nobody signs certificates with any more, nor verifies."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Certificates in the order in which clients are shown them.

    :ivar certificates: the leaf, then its issuers as far as they are there, without the root: clients have that, or do
        not trust it.
    :ivar strangers: those that have nothing to do with it.
    """

    certificates: tuple[x509.Certificate, ...]
    strangers: tuple[x509.Certificate, ...]


def in_order(leaf: x509.Certificate, others: Sequence[x509.Certificate]) -> Chain:
    """The chain from ``leaf`` on through ``others``, whose order makes no difference."""
    pool = sorted(dict.fromkeys(each for each in others if each != leaf), key=rank)
    chain = [leaf]
    while not is_self_signed(chain[-1]):
        issuer = next((each for each in pool if each not in chain and has_issued(each, chain[-1])), None)
        if issuer is None:
            break
        chain.append(issuer)
    shown = chain[:-1] if len(chain) > 1 and is_self_signed(chain[-1]) else chain
    # A second certificate of an issuer, such as its cross-signed one, is a usual sight and no stranger.
    strangers = [each for each in pool if each not in chain and not any(has_issued(each, below) for below in chain)]
    return Chain(tuple(shown), tuple(strangers))


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether a certificate is its own issuer, as roots are."""
    return has_issued(certificate, certificate)


def has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether ``certificate`` was signed by ``issuer``."""
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except InvalidSignature:
        return False
    except (ValueError, TypeError):
        # The names have to do where the signature is of a kind that cannot be verified here.
        return not _is_verifiable(certificate)
    return True


def _is_verifiable(certificate: x509.Certificate) -> bool:
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return False
    return digest is None or digest.name not in WEAK_HASHES


def rank(certificate: x509.Certificate) -> tuple[bool, float, bytes]:
    """Which of several certificates of one name comes first: one that leads on, then the one that lasts longest.

    The fingerprint makes the order of any two a certain one.
    """
    ends = certificate.not_valid_after_utc.timestamp()
    return (is_self_signed(certificate), -ends, certificate.fingerprint(SHA256()))
