"""A certificate for the run: made in its directory, and gone with it."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.client import HOST


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files: an EC P-256 certificate for this machine that signs itself, and its key (PKCS #8)."""

    file: Path
    key: Path

    def trust(self) -> ssl.SSLContext:
        """What makes a client accept this certificate and no other; TLS 1.3 alone, as in all measurements."""
        context = ssl.create_default_context(cafile=str(self.file))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context


def make(directory: Path) -> Certificate:
    """A certificate for ``localhost`` and 127.0.0.1 that is good for a day.

    :raises OSError: if it cannot be written.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "duck_tx benchmarks")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(directory / "certificate.pem", directory / "key.pem")
    made.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.touch(mode=0o600)
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made
