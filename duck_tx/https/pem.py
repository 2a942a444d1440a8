"""PEM files (RFC 7468): what stands in them, and what to say of those that hold something else."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from duck_tx.errors import SSLError

__all__ = ["MAKE_KEY", "Document", "PrivateKey", "Unfinished"]

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

MAKE_KEY = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out privkey.pem"
"""The command that makes a key that every client knows."""

_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_CERTIFICATES = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})

# What a file may hold instead, by the labels of its blocks, with what helps. {0} is its path for a shell.
_OTHER = {
    "CERTIFICATE REQUEST": "a request for a certificate; give what the certificate authority returned for it",
    "NEW CERTIFICATE REQUEST": "a request for a certificate; give what the certificate authority returned for it",
    "TRUSTED CERTIFICATE": "a certificate in OpenSSL's own form; convert it: openssl x509 -in {0} -out {0}.pem",
    "PKCS7": "PKCS #7; convert it: openssl pkcs7 -print_certs -in {0} -out {0}.pem",
    "OPENSSH PRIVATE KEY": "a key for SSH; give the one that the certificate was asked for with",
    "PUBLIC KEY": "a public key; give the private one that belongs to it",
}

# Files in DER, by object identifiers that stand near their beginning.
_PKCS12 = bytes.fromhex("02010330")
_PKCS7 = bytes.fromhex("06092a864886f70d010702")


class Unfinished(SSLError):
    """What files look like while one of them is still being written; a moment later all may be well."""


@dataclass(frozen=True, slots=True)
class _Block:
    label: str
    text: bytes
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Document:
    """The content of a file, or of something like one.

    :ivar name: what messages call it: its path.
    """

    name: str
    blocks: tuple[_Block, ...]
    data: bytes

    @classmethod
    def of(cls, data: bytes, name: str) -> Document:
        return cls(name, tuple(_blocks(data)), data)

    @property
    def has_certificate(self) -> bool:
        return any(block.label in _CERTIFICATES for block in self.blocks)

    @property
    def has_key(self) -> bool:
        return any(_is_key(block) for block in self.blocks)

    def certificates(self) -> list[x509.Certificate]:
        """The certificates, as they stand.

        :raises SSLError: if there is none, or one that cannot be parsed.
        """
        found = [block for block in self.blocks if block.label in _CERTIFICATES]
        if not found:
            raise self._lack("certificate")
        certificates = []
        for number, block in enumerate(found, 1):
            self._demand_whole(block)
            try:
                certificates.append(x509.load_pem_x509_certificate(block.text))
            except ValueError as error:
                which = f"certificate {number} of {len(found)}" if len(found) > 1 else "the certificate"
                raise SSLError(
                    f"{self.name}: {which} in it is damaged. Copy it once more from where it was issued."
                ) from error
        return certificates

    def private_key(self) -> PrivateKey:
        """The first private key.

        :raises SSLError: if there is none, or none that TLS can use as it is.
        """
        block = next((block for block in self.blocks if _is_key(block)), None)
        if block is None:
            raise self._lack("private key")
        self._demand_whole(block)
        try:
            # OpenSSL's own look at an RSA key takes up to a second; a trial signature shows as well that it works.
            key = load_pem_private_key(block.text, None, unsafe_skip_rsa_key_validation=True)
        except TypeError as error:
            # Told so, as no passphrase was given.
            raise self._encrypted() from error
        except (ValueError, UnsupportedAlgorithm) as error:
            raise self._damaged_key() from error
        if not isinstance(key, PrivateKey):
            kind = type(key).__name__.lstrip("_").removesuffix("PrivateKey")
            raise SSLError(
                f"{self.name}: TLS cannot use a private key of this kind ({kind}). Have a certificate issued for a new"
                f" key, made with: {MAKE_KEY}"
            )
        if not _works(key):
            raise self._damaged_key()
        return key

    def _demand_whole(self, block: _Block) -> None:
        if not block.is_whole:
            raise Unfinished(f"{self.name}: it ends within the {block.label.lower()}. Copy the file once more, whole.")

    def _damaged_key(self) -> SSLError:
        return SSLError(
            f"{self.name}: the private key in it is damaged, or of a kind that is not known here. Copy it once more"
            " from where it was made."
        )

    def _encrypted(self) -> SSLError:
        path = shlex.quote(self.name)
        return SSLError(
            f"{self.name}: the private key is encrypted, and a server that starts by itself cannot ask for its"
            f" passphrase. Remove it: openssl pkey -in {path} -out {shlex.quote(self.name + '.plain')}"
        )

    def _lack(self, wanted: str) -> SSLError:
        """What to say of a file without a ``wanted``."""
        if not self.data.strip():
            return Unfinished(f"{self.name}: this file is empty. Put the {wanted} (PEM) into it.")
        for block in self.blocks:
            if block.label in _OTHER:
                return self._wrong(wanted, _OTHER[block.label])
        if self.has_key:
            return Unfinished(
                f"{self.name}: there is no {wanted} in this file, only a private key. Add it, or mend the path."
            )
        if self.has_certificate:
            return Unfinished(
                f"{self.name}: there is no {wanted} in this file, only a certificate. Add it, or name its file"
                " (--private-key)."
            )
        if self.data[:1] == b"\x30":
            return self._wrong(wanted, _binary(self.data, wanted))
        return SSLError(f"{self.name}: this is not PEM: no line in it begins a {wanted}. Mend the path.")

    def _wrong(self, wanted: str, instead: str) -> SSLError:
        return SSLError(
            f"{self.name}: there is no {wanted} (PEM) in this file but {instead.format(shlex.quote(self.name))}"
        )


def _blocks(data: bytes) -> Iterator[_Block]:
    """The blocks of a PEM file; what stands around them, and how its lines end, does not matter."""
    label, lines = b"", []
    for line in map(bytes.strip, data.splitlines()):
        begin = _BEGIN.search(line)
        if begin:
            if label:
                yield _Block(label.decode(), b"", is_whole=False)
            label, lines = begin[1], [begin[0]]
        elif label:
            lines.append(line)
            if line == b"-----END " + label + b"-----":
                yield _Block(label.decode(), b"\n".join([*lines, b""]), is_whole=True)
                label = b""
    if label:
        yield _Block(label.decode(), b"", is_whole=False)


def _works(key: PrivateKey) -> bool:
    """Whether what the key signs is what its public half verifies."""
    text = b"duck"
    try:
        match key:
            case rsa.RSAPrivateKey():
                signature = key.sign(text, padding.PKCS1v15(), SHA256())
                key.public_key().verify(signature, text, padding.PKCS1v15(), SHA256())
            case ec.EllipticCurvePrivateKey():
                key.public_key().verify(key.sign(text, ec.ECDSA(SHA256())), text, ec.ECDSA(SHA256()))
            case _:
                key.public_key().verify(key.sign(text), text)
    except (InvalidSignature, ValueError, InternalError):
        return False
    return True


def _is_key(block: _Block) -> bool:
    return block.label.endswith("PRIVATE KEY") and block.label not in _OTHER


def _binary(data: bytes, wanted: str) -> str:
    """What a file in DER is, with the command that makes PEM of it."""
    if _PKCS12 in data[:12]:
        return "PKCS #12; convert it: openssl pkcs12 -nodes -in {0} -out {0}.pem"
    if _PKCS7 in data[:24]:
        return "PKCS #7; convert it: openssl pkcs7 -inform der -print_certs -in {0} -out {0}.pem"
    command = "x509" if wanted == "certificate" else "pkey"
    return f"DER; convert it: openssl {command} -inform der -in {{0}} -out {{0}}.pem"
