"""Certificates for the tests: an authority of their own (by trustme), and leaves as public authorities issue them.

    leaf = issue("duck.example", "*.duck.example")
    leaf.credential()                                  # for a unit test
    certfile, private_key = leaf.write(directory)      # for a server; clients trust ROOT

The leaves keep to what WebPKI asks for, and scanners look at: ECDSA on P-256, less than ninety days, names that are not
critical, where to ask whether they were revoked.
"""

from __future__ import annotations

import atexit
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from duck_tx.https.credential import Credential, read_credential

__all__ = ["Leaf", "issue", "root_file", "trusting"]

_LIFETIME = timedelta(days=80)
_HOUR = timedelta(hours=1)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate with all that a server needs to show it.

    :ivar certificates: the leaf and the intermediate authority, in PEM.
    :ivar private_key: in PEM.
    """

    certificates: bytes
    private_key: bytes

    def credential(self) -> Credential:
        """What a context is made of."""
        return read_credential(self.certificates, self.private_key, "a test")

    def write(self, directory: Path, certfile: str = "cert.pem", private_key: str = "key.pem") -> tuple[Path, Path]:
        """Write both files, each in one step, so that nobody reads half of one; their paths."""
        directory.mkdir(parents=True, exist_ok=True)
        written = []
        for name, content in ((certfile, self.certificates), (private_key, self.private_key)):
            part = directory / f"{name}.new"
            part.write_bytes(content)
            part.chmod(0o600)
            written.append(part.replace(directory / name))
        return written[0], written[1]


@cache
def _root() -> trustme.CA:
    return trustme.CA(organization_unit_name="root of the tests")


@cache
def _intermediate() -> trustme.CA:
    return trustme.CA(_root(), path_length=0, organization_unit_name="issuer of the tests")


@cache
def root_file() -> Path:
    """The certificate of the authority, as a file for clients that take one."""
    directory = Path(mkdtemp(prefix="duck-root-"))
    atexit.register(rmtree, directory, ignore_errors=True)
    path = directory / "root.pem"
    path.write_bytes(_root().cert_pem.bytes())
    return path


def trusting() -> ssl.SSLContext:
    """A context of a client that trusts the authority, and nobody else."""
    return ssl.create_default_context(cadata=_root().cert_pem.bytes().decode())


def issue(*names: str, key: Key | None = None, before: timedelta = _HOUR, after: timedelta = _LIFETIME) -> Leaf:
    """A new certificate.

    :param names: whom it is for: host names, wildcards and addresses.
    :param key: on P-256 by default.
    :param before: how long it has been valid.
    :param after: how long it still will be.
    """
    now = datetime.now(UTC)
    key = key or ec.generate_private_key(ec.SECP256R1())
    signer = load_pem_private_key(_intermediate().private_key_pem.bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(_intermediate().cert_pem.bytes())
    authority = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    revoked = x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.test/list.crl")], None, None, None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - before)
        .not_valid_after(now + after)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SIGNING, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority), critical=False)
        .add_extension(x509.CRLDistributionPoints([revoked]), critical=False)
    )
    leaf = builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Leaf(leaf + _intermediate().cert_pem.bytes(), pem)


_SIGNING = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
