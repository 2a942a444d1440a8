"""The files of the development certificates: read, judged, and written so that nobody finds half of one."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from duck_tx.https.authority import Issued, certificate_pem, names_of, permits, with_key_pem

__all__ = ["MISSING", "DevelopmentFolder", "authority_fault", "leaf_fault"]

MISSING = "there was none"

_BROKEN = "it was broken"
_RENEWED_AHEAD = timedelta(days=30)
"""How long before its end a certificate is made again."""


def authority_fault(authority: x509.Certificate, names: Sequence[str], now: datetime) -> str:
    """Why an authority cannot make a certificate for these names, in a few words; empty if it can."""
    # What it makes lives no longer than itself, and has to last a while.
    fault = _time_fault(authority, now, 2 * _RENEWED_AHEAD)
    return fault or ("" if permits(authority, names) else "it was made for other names")


def leaf_fault(leaf: x509.Certificate, authority: x509.Certificate, names: Sequence[str], now: datetime) -> str:
    """Why a server's certificate cannot be used, in a few words; empty if it can."""
    try:
        leaf.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return "its CA is another one"
    fault = _time_fault(leaf, now, _RENEWED_AHEAD)
    return fault or ("" if set(names) <= set(names_of(leaf)) else "it was made for other names")


def _time_fault(certificate: x509.Certificate, now: datetime, ahead: timedelta) -> str:
    if now < certificate.not_valid_before_utc:
        return "it was made in the future"
    left = certificate.not_valid_after_utc - now
    if left < timedelta():
        return "it had expired"
    return "it would soon have expired" if left < ahead else ""


@dataclass(frozen=True, slots=True)
class DevelopmentFolder:
    """Two files with a key and its certificate each, which change as a whole, and the authority's certificate alone.

    Every method raises OSError if a file cannot be read or written.
    """

    path: Path

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority, for those who are to trust it."""
        return self.path / "ca.pem"

    @property
    def leaf_file(self) -> Path:
        """Key and certificate of the server."""
        return self.path / "server.pem"

    @property
    def _authority_file(self) -> Path:
        return self.path / "authority.pem"

    def authority(self, names: Sequence[str], now: datetime) -> Issued | str:
        """The authority, or why there is none for these names."""
        found = _issued(_read(self._authority_file))
        return found if isinstance(found, str) else authority_fault(found.certificate, names, now) or found

    def leaf(self, authority: x509.Certificate, names: Sequence[str], now: datetime) -> Issued | str:
        """The server's certificate, or why there is none for these names."""
        found = _issued(_read(self.leaf_file))
        return found if isinstance(found, str) else leaf_fault(found.certificate, authority, names, now) or found

    def names(self) -> tuple[str, ...]:
        """What the server's certificate is for, however it is otherwise."""
        found = _issued(_read(self.leaf_file))
        return () if isinstance(found, str) else names_of(found.certificate)

    def shows(self, authority: x509.Certificate) -> bool:
        """Whether the file for those who are to trust the authority is there, and of this one."""
        return _read(self.ca_file) == certificate_pem(authority)

    def authority_name(self) -> str | None:
        """What the authority in the file for those who are to trust it is called; None if there is none."""
        try:
            subject = x509.load_pem_x509_certificate(_read(self.ca_file) or b"").subject
        except ValueError:
            return None
        names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else None

    def keep_authority(self, issued: Issued) -> None:
        """Put an authority there."""
        _write(self._authority_file, with_key_pem(issued))

    def show(self, authority: x509.Certificate) -> None:
        """Put the authority's certificate there alone."""
        _write(self.ca_file, certificate_pem(authority))

    def keep_leaf(self, issued: Issued) -> None:
        """Put a server's certificate there."""
        _write(self.leaf_file, with_key_pem(issued))

    def create(self) -> None:
        """Make the folder and the one it is in, for the owner only, if they are not there."""
        for each in (self.path.parent, self.path):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes (and threads) that ask for the same waiting."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # Some network file systems lock no folder. There two servers that start at once may make an authority each,
            # and the later one stays; what is in a file is still whole.
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _issued(pem: bytes | None) -> Issued | str:
    """Key and certificate of a file, or why not."""
    if pem is None:
        return MISSING
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        key = serialization.load_pem_private_key(pem, None)
        # Extensions are read when they are asked for.
        names_of(certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType):
        return _BROKEN
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return _BROKEN
    return Issued(certificate, key)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(path: Path, content: bytes) -> None:
    """Replace a file, readable by its owner only, so that a reader finds either the old or the new, whole."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
