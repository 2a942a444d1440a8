"""A certificate authority for one developer's machine, and the certificates that it makes (RFC 5280).

Pure: nothing is read or written here, and the time is an argument.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from duck_tx.https.name import canonical, is_address

__all__ = [
    "LOCAL_NAMES",
    "Issued",
    "all_names",
    "authority_name",
    "certificate_pem",
    "make_authority",
    "make_leaf",
    "make_stand_in",
    "names_of",
    "normal_name",
    "permits",
    "with_key_pem",
]

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
"""What every development certificate is for."""

# What no name on the Internet can be (RFC 6761 6.2 and 6.3), and this machine itself.
_ALWAYS_PERMITTED: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),
    x509.DNSName("test"),
    x509.IPAddress(ipaddress.ip_network("127.0.0.0/8")),
    x509.IPAddress(ipaddress.ip_network("::1/128")),
)

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)*{_LABEL}")
_LONGEST_NAME = 253
_LONGEST_ATTRIBUTE = 64
"""Bytes of a common name (RFC 5280, appendix A.1)."""
_AUTHORITY_NAME = "duck_tx development CA ({})"

_AUTHORITY_LIFE = timedelta(days=3650)
# Browsers refuse certificates for more than 398 days.
_LEAF_LIFE = timedelta(days=397)
_STAND_IN_LIFE = timedelta(days=7)
# Clients whose clocks are a little behind.
_BEFORE = timedelta(hours=1)

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key


def normal_name(name: str) -> str:
    """A host name or address as certificates hold it: in lower case, without final dot, brackets or zone; an
    international name in its ``xn--`` form.

    :raises ValueError: if it is neither a name nor an address; the message says so.
    """
    text = canonical(name)
    if is_address(text):
        return text
    if not text.isascii():
        import idna

        try:
            text = idna.encode(text, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise ValueError(f"{name!r} is not a host name: {error}") from error
    if len(text) > _LONGEST_NAME or _NAME.fullmatch(text) is None or text.rpartition(".")[2].isdigit():
        raise ValueError(f"{name!r} is neither a host name nor an address")
    return text


def all_names(names: Iterable[str]) -> tuple[str, ...]:
    """:data:`LOCAL_NAMES` and these, each once, in normal form.  An address that stands for all of a machine's is
    left out: nobody asks for that.

    :raises ValueError: as :func:`normal_name`.
    """
    found = dict.fromkeys(LOCAL_NAMES)
    for name in names:
        text = normal_name(name)
        if not (is_address(text) and ipaddress.ip_address(text).is_unspecified):
            found[text] = None
    return tuple(found)


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The names and addresses that a certificate is for, as in its Subject Alternative Name."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in extension.value if isinstance(name, (x509.DNSName, x509.IPAddress)))


def authority_name(label: str, owner: str) -> str:
    """What browsers call an authority in their lists.

    :param label: what it is for, in a few words.
    :param owner: whose it is.
    """
    return _AUTHORITY_NAME.format(_cut(f"{label}, {owner}", _LONGEST_ATTRIBUTE - len(_AUTHORITY_NAME.format(""))))


def make_authority(name: str, names: Iterable[str], now: datetime) -> Issued:
    """A certificate authority that can make certificates for these names and no others.

    Whoever got hold of its key could pretend to be any site towards the browsers that trust it, were it not limited
    by name constraints (RFC 5280 4.2.1.10) to these names, those that are this machine, and ``.test``, which is
    nobody's; nor can it sign code or mail, by its extended key usage.

    :param name: as :func:`authority_name` makes it; of the whole subject there is nothing else, since the database of
        a browser takes no two authorities with one name and different subjects.
    :param names: in normal form.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    builder = _builder(subject, subject, key, now, now + _AUTHORITY_LIFE - _BEFORE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(is_authority=True), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.NameConstraints(_permitted(names), None), critical=True)
    return Issued(builder.sign(key, hashes.SHA256()), key)


def make_leaf(authority: Issued, names: Iterable[str], now: datetime) -> Issued:
    """A server's certificate from an authority, which has to permit the names.

    :param names: in normal form.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    until = min(now + _LEAF_LIFE - _BEFORE, issuer.not_valid_after_utc)
    # With spaces in it, this cannot be taken for a host name, which the authority would have to permit.
    builder = _builder(_name("duck_tx development certificate"), issuer.subject, key, now, until)
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
    )
    builder = _for_server(builder, names)
    return Issued(builder.sign(authority.key, hashes.SHA256()), key)


def make_stand_in(names: Iterable[str], now: datetime) -> Issued:
    """A server's certificate for a few days that nobody can trust.

    :param names: in normal form.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("duck_tx stand-in certificate")
    builder = _for_server(_builder(name, name, key, now, now + _STAND_IN_LIFE - _BEFORE), names)
    return Issued(builder.sign(key, hashes.SHA256()), key)


def permits(authority: x509.Certificate, names: Iterable[str]) -> bool:
    """Whether the name constraints of an authority let it make a certificate for all these names, in normal form."""
    try:
        trees = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees
    except x509.ExtensionNotFound:
        return True
    return all(any(_is_below(name, tree) for tree in trees or ()) for name in names)


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """The certificate alone, for those who are to trust it."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def with_key_pem(issued: Issued) -> bytes:
    """Key and certificate in one, so that no one ever finds the one without the other."""
    key = issued.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key + certificate_pem(issued.certificate)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _cut(text: str, longest: int) -> str:
    """``text`` in ``longest`` bytes, with nothing in it that cannot be shown."""
    shown = "".join(each if each.isprintable() else "?" for each in text)
    return shown.encode()[:longest].decode(errors="ignore")


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, now: datetime, until: datetime
) -> x509.CertificateBuilder:
    """What every certificate has; the end of its validity is a second of it (RFC 5280 4.1.2.5)."""
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before((now - _BEFORE).replace(microsecond=0))
        .not_valid_after(until.replace(microsecond=0) - timedelta(seconds=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _for_server(builder: x509.CertificateBuilder, names: Iterable[str]) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    )


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(name)) if is_address(name) else x509.DNSName(name)


def _permitted(names: Iterable[str]) -> list[x509.GeneralName]:
    """The subtrees that an authority for these names needs."""
    trees = list(_ALWAYS_PERMITTED)
    for name in names:
        base = name.removeprefix("*.")
        if any(_is_below(base, tree) for tree in trees):
            continue
        trees.append(x509.IPAddress(ipaddress.ip_network(base)) if is_address(base) else x509.DNSName(base))
    return trees


def _is_below(name: str, tree: x509.GeneralName) -> bool:
    """Whether a name is in a subtree of names: itself and what ends in it behind a dot, or an address of a network."""
    if isinstance(tree, x509.DNSName):
        base = name.removeprefix("*.")
        return not is_address(name) and (base == tree.value or base.endswith(f".{tree.value}"))
    return (
        isinstance(tree, x509.IPAddress)
        and not isinstance(tree.value, (ipaddress.IPv4Address, ipaddress.IPv6Address))
        and is_address(name)
        and ipaddress.ip_address(name) in tree.value
    )
