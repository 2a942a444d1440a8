"""What is wanted of which authority."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from duck_tx.errors import SSLError
from duck_tx.https.name import canonical
from duck_tx.settings import AcmeSettings

__all__ = ["STAGING", "Binding", "Issued", "Wanted", "check_ca_file", "wanted"]

STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
"""Let's Encrypt's directory for trying things out."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What ties an account to one that the authority knows already (RFC 8555 7.3.4).

    :ivar hmac_key: in base64url without padding.
    """

    key_id: str
    hmac_key: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate for some names from one authority.

    :ivar names: canonical, each once; the first names the folder.
    :ivar authority: URL of its directory.
    :ivar ca_file: certificates to trust when it is talked to; ``None``: the usual ones.
    :ivar challenges: the kinds that may be used, the best first.
    :ivar account: the folder of the account.
    """

    names: tuple[str, ...]
    authority: str
    email: str
    ca_file: Path | None
    challenges: tuple[str, ...]
    account: Path
    binding: Binding | None = None

    @property
    def host(self) -> str:
        """The authority in messages."""
        return urlsplit(self.authority).netloc

    @property
    def title(self) -> str:
        """The names in messages."""
        rest = len(self.names) - 3
        return ", ".join(self.names[:3]) + (f" and {rest} more" if rest > 0 else "")


@dataclass(frozen=True, slots=True)
class Issued:
    """What an order brought.

    :ivar chain_pem: the certificate, then its issuers.
    :ivar challenge: the kind that validated the names.
    """

    chain_pem: bytes
    key_pem: bytes
    challenge: str


def wanted(settings: AcmeSettings, names: Sequence[str], directory: Path, kinds: Sequence[str]) -> Wanted:
    """What the settings ask for.

    :param names: for the certificate; settings without any name are refused.
    :param directory: where everything of ACME is kept.
    :param kinds: of challenge that this server can answer, the best first.
    :raises SSLError: if that cannot be, in one line with the mend.
    """
    if not names:
        raise SSLError("a certificate needs a name. Give server.domain (--domain) or https.acme.names.")
    asked = tuple(kinds) if settings.challenge == "auto" else (settings.challenge,)
    if not set(asked) <= set(kinds):
        raise SSLError(
            f"https.acme.challenge is {settings.challenge}, but there is no redirect site to answer it."
            " Turn https.force on (--force-https), or let https.acme.challenge be auto."
        )
    authority = STAGING if settings.staging else settings.directory
    ca_file = None if settings.ca_file is None else Path(settings.ca_file).absolute()
    binding = None
    if settings.eab_key_id is not None and settings.eab_hmac_key is not None:
        binding = Binding(settings.eab_key_id, _base64url(settings.eab_hmac_key))
    return Wanted(
        names=tuple(dict.fromkeys(map(canonical, names))),
        authority=authority,
        email=settings.email or "",
        ca_file=ca_file,
        challenges=asked,
        account=directory / "accounts" / _folder_name(authority, binding),
        binding=binding,
    )


def _folder_name(authority: str, binding: Binding | None) -> str:
    """One for each account: an account key is not shown to two authorities, nor bound twice."""
    said = authority if binding is None else f"{authority} {binding.key_id}"
    return f"{urlsplit(authority).hostname}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def check_ca_file(path: Path | None) -> None:
    """Look whether the certificates to trust are there.

    :raises SSLError: if not.
    """
    if path is None:
        return
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SSLError(f"https.acme.ca_file {path} cannot be read: {error.strerror}. Name another, or none.") from error
    if b"-----BEGIN CERTIFICATE-----" not in text:
        raise SSLError(f"https.acme.ca_file {path} holds no certificate. It has to be a PEM file.")


def _base64url(text: str) -> str:
    """The key of a binding, whichever of the two alphabets the authority's page showed it in."""
    text = text.strip().rstrip("=").replace("+", "-").replace("/", "_")
    try:
        base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise SSLError("https.acme.eab_hmac_key is not base64url. Copy it anew from the authority.") from None
    return text
