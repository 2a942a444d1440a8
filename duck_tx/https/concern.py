"""What is not as it should be with certificates that can be used all the same, told as warnings."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509

from duck_tx.https.credential import Credential, moment
from duck_tx.https.name import canonical, is_address

__all__ = ["concerns", "exposed", "is_for_everybody", "not_covered"]


def concerns(credential: Credential, now: datetime) -> Iterator[str]:
    """What clients may stumble over."""
    leaf, *issuers = credential.chain
    if not _has_alternative_names(leaf):
        yield (
            f"{credential.source}: this certificate names its host in the old way only (common name), which browsers do"
            " not accept. Have it issued anew."
        )
    for issuer in issuers:
        if issuer.not_valid_after_utc < now:
            yield (
                f"{credential.source}: the certificate of its issuer expired on {moment(issuer.not_valid_after_utc)}."
                " Put the issuer's present one in its place."
            )
    for stranger in credential.strangers:
        yield f"{credential.source}: a certificate in it ({stranger}) is no part of the chain. Remove it."


def not_covered(names: Iterable[str], credentials: Sequence[Credential]) -> list[str]:
    """A line for each name of the server that none of its certificates is for.

    Addresses and names without a dot count only where there is no other: a server in public by one name may be bound to
    any address.
    """
    called = list(dict.fromkeys(map(canonical, names)))
    public = [name for name in called if "." in name and not is_address(name)]
    return [
        f"no certificate is for {name}, as which this server is known: browsers will warn. Have one issued for it, or"
        " mend server.domain (--domain)."
        for name in public or called
        if not any(each.covers(name) for each in credentials)
    ]


def exposed(private_key: Path) -> str | None:
    """A line about a private key that every user of the machine can read, if that is so."""
    try:
        path = private_key.resolve()
        modes = [each.stat().st_mode for each in (path, *path.parents)]
    except OSError:
        return None
    if not is_for_everybody(modes):
        return None
    return (
        f"{private_key}: every user of this machine can read this private key. Allow its owner only: chmod 600"
        f" {shlex.quote(str(private_key))}"
    )


def is_for_everybody(modes: Sequence[int]) -> bool:
    """Whether others can read a file, by its mode and those of the directories that it is in."""
    file, *directories = modes
    return bool(file & stat.S_IROTH) and all(mode & stat.S_IXOTH for mode in directories)


def _has_alternative_names(certificate: x509.Certificate) -> bool:
    try:
        certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return False
    return True
