"""Certificate authorities and certificates, made in memory for tests."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

__all__ = [
    "DAY",
    "NOW",
    "Party",
    "authority",
    "cert_pem",
    "ec_key",
    "issue",
    "key_pem",
    "rsa_key",
    "signed_with_sha1",
    "write_pair",
]

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)

_RSA_SHA256 = bytes.fromhex("06092a864886f70d01010b")
_RSA_SHA1 = bytes.fromhex("06092a864886f70d010105")


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody with a certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> bytes:
        return cert_pem(self.certificate)

    @property
    def key_pem(self) -> bytes:
        return key_pem(self.key)


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """The same one each time: they take long to make."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def issue(
    *names: str,
    issuer: Party | None = None,
    subject: str | None = None,
    key: Any = None,
    begins: datetime = NOW - 30 * DAY,
    ends: datetime = NOW + 60 * DAY,
    is_authority: bool = False,
) -> Party:
    """A certificate for ``names``, signed by ``issuer`` or by itself.

    :param subject: its common name; by default the first of ``names``.
    """
    key = key or ec_key()
    common = subject if subject is not None else (names[0] if names else "nobody")
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])
    builder = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(issuer.certificate.subject if issuer else called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    signer = issuer.key if issuer else key
    if isinstance(signer, ed25519.Ed25519PrivateKey):
        return Party(builder.sign(signer, None), key)
    return Party(builder.sign(signer, SHA256()), key)


def authority(name: str, issuer: Party | None = None, **how: Any) -> Party:
    """A root, or an authority below ``issuer``."""
    return issue(subject=name, issuer=issuer, is_authority=True, **how)


def cert_pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def signed_with_sha1(party: Party) -> Party:
    """The same certificate, said to be signed with SHA-1, which nothing here signs with any more; its key is RSA."""
    der = party.certificate.public_bytes(Encoding.DER).replace(_RSA_SHA256, _RSA_SHA1)
    return Party(x509.load_der_x509_certificate(der), party.key)


def key_pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, form, NoEncryption()))


def write_pair(folder: Path, party: Party, issuers: Sequence[Party] = ()) -> tuple[Path, Path]:
    """Write ``fullchain.pem`` and ``privkey.pem`` into a folder, made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    certfile, private_key = folder / "fullchain.pem", folder / "privkey.pem"
    certfile.write_bytes(cert_pem(party.certificate, *(each.certificate for each in issuers)))
    private_key.write_bytes(party.key_pem)
    private_key.chmod(0o600)
    return certfile, private_key


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
