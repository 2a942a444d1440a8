"""A certificate with its issuers and its private key: read from PEM, checked, in order."""

from __future__ import annotations

import ipaddress
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from duck_tx.errors import SSLError
from duck_tx.https.chain import in_order, is_self_signed, rank
from duck_tx.https.name import canonical, covers
from duck_tx.https.pem import Document, PrivateKey, Unfinished
from duck_tx.https.strength import weakness_of

__all__ = ["Credential", "NotYetValid", "PrivateKey", "load_credential", "moment", "read_credential"]

_LONGEST = 1024 * 1024
"""Bytes of a file of certificates; a chain has some thousand."""


class NotYetValid(SSLError):
    """A certificate whose time has not come.

    :ivar begins: when it does.
    """

    def __init__(self, message: str, begins: datetime) -> None:
        super().__init__(message, begins)
        self.begins = begins

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Credential:
    """What a server shows to prove its name, and the key that proves it.

    :ivar chain: the server's own certificate, then its issuers in order, without the root.
    :ivar source: what messages call it: its file, or ``the stand-in certificate``.
    :ivar is_development: made here; nobody trusts it without being told to.
    :ivar strangers: subjects of certificates in the file that are no part of the chain.
    """

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey
    source: str
    is_development: bool = False
    strangers: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The host names (lower-case, international ones in their xn-- form) and addresses that this is for.

        The common name counts only where there are no others, as long was usual; browsers do not look at it any more.
        """
        return _names(self.chain[0])

    @property
    def expires(self) -> datetime:
        return self.chain[0].not_valid_after_utc

    def covers(self, name: str) -> bool:
        """Whether this is for ``name``, a host name or an address; a wildcard stands for one left-most label."""
        wanted = canonical(name)
        return any(covers(each, wanted) for each in self.names)


def load_credential(certfile: str | Path, private_key: str | Path | None, *, now: datetime) -> Credential:
    """Read and check a certificate and its key.

    :param certfile: PEM file with the certificate and its issuers, in any order.
    :param private_key: PEM file with the key; None: it stands in ``certfile`` as well.
    :param now: with a time zone.
    :raises SSLError: in one line: what is wrong with which file, and how to mend it.
    """
    certificates = _read(certfile, "certificate")
    key = certificates if private_key is None else _read(private_key, "private key")
    if not certificates.has_certificate and key.has_certificate and certificates.has_key and not key.has_key:
        raise SSLError(
            f"{certificates.name} holds the private key and {key.name} the certificate: they are exchanged. Give them"
            " the other way round."
        )
    credential = _credential(certificates, key)
    _check_dates(credential, now)
    return credential


def read_credential(certificates_pem: bytes, key_pem: bytes, source: str) -> Credential:
    """Make a credential of PEM; its dates are not looked at.

    :param certificates_pem: the certificate and its issuers, in any order.
    :param source: what messages call it.
    :raises SSLError: if they are no pair that TLS can use.
    """
    return _credential(Document.of(certificates_pem, source), Document.of(key_pem, source))


def moment(time: datetime) -> str:
    """A time for messages: ``2026-11-22 09:30 UTC``."""
    return time.strftime("%Y-%m-%d %H:%M UTC")


def _read(file: str | Path, wanted: str) -> Document:
    path = Path(file)
    try:
        # Looked at before it is opened: a pipe would keep the caller waiting.
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise SSLError(f"{path}: this is a directory. Name the file of the {wanted} in it.")
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LONGEST:
            raise SSLError(f"{path}: this is no file of a {wanted} (PEM). Mend the path.")
        return Document.of(path.read_bytes(), str(path))
    except (FileNotFoundError, NotADirectoryError) as error:
        mend = (
            " Mend the path, or make one with: duckctl certificates new"
            if wanted == "certificate"
            else " Mend the path."
        )
        raise Unfinished(f"{path}: there is no such file for the {wanted}.{mend}") from error
    except PermissionError as error:
        raise SSLError(
            f"{path}: the user of this process (uid {os.geteuid()}) may not read it. Let that user read the file, and"
            " enter the directories above it."
        ) from error
    except OSError as error:
        raise SSLError(f"{path}: the {wanted} cannot be read: {error.strerror}. Mend that, or the path.") from error


def _credential(certificates: Document, key_file: Document) -> Credential:
    found = certificates.certificates()
    key = key_file.private_key()
    try:
        leaf = _leaf(found, key)
        if leaf is None:
            which = "its private key" if key_file.name == certificates.name else f"the private key {key_file.name}"
            raise Unfinished(
                f"{certificates.name}: {which} does not belong to this certificate ({_called(found[0])}). Give the key"
                " that the certificate was asked for with, or have a new one issued."
            )
        chain = in_order(leaf, found)
        if chain.strangers and len(chain.certificates) == 1 and not is_self_signed(leaf):
            raise SSLError(
                f"{certificates.name}: the other certificates in it ({_called(chain.strangers[0])}) do not belong to"
                f" that of {_called(leaf)}. Put in those of its issuer, {_subject(leaf.issuer)}, or none."
            )
        weakness = weakness_of(chain.certificates)
        if weakness:
            raise SSLError(f"{certificates.name}: {weakness}")
        strangers = tuple(_called(each) for each in chain.strangers)
        _names(leaf)
    except (ValueError, UnsupportedAlgorithm) as error:
        # What is in a certificate is parsed when it is asked for.
        raise SSLError(
            f"{certificates.name}: a certificate in it is damaged, or of a kind that is not known here. Have it issued"
            " anew."
        ) from error
    return Credential(chain.certificates, key, certificates.name, strangers=strangers)


def _leaf(certificates: list[x509.Certificate], key: PrivateKey) -> x509.Certificate | None:
    """The certificate of this key; of several, as after a renewal into the same file, the one that lasts longest."""
    own = key.public_key()
    return min((each for each in certificates if each.public_key() == own), key=rank, default=None)


def _check_dates(credential: Credential, now: datetime) -> None:
    leaf = credential.chain[0]
    what = f"{credential.source}: this certificate ({_called(leaf)})"
    if now > leaf.not_valid_after_utc:
        raise SSLError(f"{what} expired on {moment(leaf.not_valid_after_utc)}. Renew it.")
    if now < leaf.not_valid_before_utc:
        raise NotYetValid(
            f"{what} is valid only from {moment(leaf.not_valid_before_utc)} on. Wait, or set the clock of this machine"
            " right.",
            leaf.not_valid_before_utc,
        )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    with suppress(x509.ExtensionNotFound):
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = [canonical(name) for name in alternatives.get_values_for_type(x509.DNSName)]
        addresses = alternatives.get_values_for_type(x509.IPAddress)
        return (
            *hosts,
            *(str(each) for each in addresses if isinstance(each, ipaddress.IPv4Address | ipaddress.IPv6Address)),
        )
    return tuple(
        canonical(str(each.value)) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[:1]
    )


def _called(certificate: x509.Certificate) -> str:
    """What to call a certificate in a message: by its first name, else by its subject."""
    names = _names(certificate)
    return _printable(names[0]) if names else _subject(certificate.subject)


def _subject(name: x509.Name) -> str:
    return _printable(name.rfc4514_string())


def _printable(text: str) -> str:
    """Text from a certificate that stays on its line."""
    return text if text.isprintable() else ascii(text)
