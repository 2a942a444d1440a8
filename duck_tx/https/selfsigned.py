"""Certificates that nobody else vouches for: those of a developer's machine, and the stand-in."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from twisted.logger import Logger

from duck_tx.errors import SSLError
from duck_tx.https.authority import Issued, all_names, authority_name, make_authority, make_leaf, make_stand_in
from duck_tx.https.credential import Credential
from duck_tx.https.devfolder import MISSING, DevelopmentFolder
from duck_tx.https.trust import trust

__all__ = ["DIRECTORY", "Development", "development", "make", "notice", "stand_in", "trust_command"]

_log = Logger()

DIRECTORY = "development"
"""The name of the directory in the state directory."""

_ASKED_FOR = "it was asked for"


@dataclass(frozen=True, slots=True)
class Development:
    """The certificates of a directory.

    :ivar folder: where they are.
    :ivar authority: that of the authority.
    :ivar credential: what the server uses.
    :ivar new_authority: why the authority was made just now, in a few words; empty if it was there.
    :ivar new_leaf: the same for the server's certificate.
    """

    folder: DevelopmentFolder
    authority: x509.Certificate
    credential: Credential
    new_authority: str = ""
    new_leaf: str = ""

    @property
    def is_first(self) -> bool:
        """The directory had no authority before."""
        return self.new_authority == MISSING


def stand_in(names: Sequence[str], *, now: datetime) -> Credential:
    """A certificate to serve with until a real one is there: in memory only, for a week, trusted by nobody.

    :param names: what it is for, beside this machine's own names.
    :raises SSLError: if one is no name.
    """
    return _credential(make_stand_in(_all_names(names), now), "the stand-in certificate")


def development(directory: Path, names: Sequence[str], *, now: datetime) -> Credential:
    """The certificate for development, as :func:`make` has it; what was made is logged.

    :raises SSLError: as :func:`make`.
    """
    made = make(directory, names, now=now)
    ca_file = str(made.folder.ca_file)
    if made.is_first:
        _log.info("a development CA was made: {path}", path=ca_file)
    elif made.new_authority:
        _log.warn(
            "the development CA {path} was made again, as {reason}: browsers have to be told again to trust it",
            path=ca_file, reason=made.new_authority,
        )  # fmt: skip
    if made.new_leaf:
        _log.info("a development certificate was made for {names}", names=", ".join(made.credential.names))
    return made.credential


def notice(directory: Path) -> str:
    """What to say where the development certificate is used."""
    return (
        "HTTPS with a development certificate, which only this machine can be told to trust: not for production. "
        f"To have its browsers trust it: {trust_command(directory)}"
    )


def trust_command(directory: Path) -> str:
    """The one command that makes this machine's browsers trust the authority of a directory."""
    folder = DevelopmentFolder(directory)
    name = None
    # Where it cannot be read, the command will say so.
    with suppress(OSError):
        name = folder.authority_name()
    return trust(folder.ca_file, name or _authority_name(directory))


def make(
    directory: Path, names: Sequence[str], *, now: datetime, new_leaf: bool = False, new_authority: bool = False
) -> Development:
    """The certificates of a directory, those made that are not there, broken, about to end, or for other names.

    Names that are there stay beside the new ones: two servers with one directory would take turns otherwise.

    :param directory: made with mode 0700 if it is not there, as is the one it is in; files get mode 0600.
    :param names: what the certificate is for, beside this machine's own names.
    :param new_leaf: make a certificate in any case, for these names only.
    :param new_authority: the same with a new authority, which browsers have to be told to trust.
    :raises SSLError: if a name is none, or the directory cannot be read or written.
    """
    wanted = _all_names(names)
    folder = DevelopmentFolder(directory)
    try:
        if not (new_leaf or new_authority):
            found = _found(folder, wanted, now)
            if found is not None:
                return found
        folder.create()
        with folder.alone():
            return _made(folder, wanted, now, new_leaf or new_authority, new_authority)
    except OSError as error:
        raise SSLError(
            f"the development certificates cannot be kept in {directory}: {error.filename or directory}: "
            f"{error.strerror}. Choose another place with --state-dir."
        ) from error


def _found(folder: DevelopmentFolder, names: Sequence[str], now: datetime) -> Development | None:
    """What is there, if it is all good."""
    authority = folder.authority(names, now)
    if isinstance(authority, str) or not folder.shows(authority.certificate):
        return None
    leaf = folder.leaf(authority.certificate, names, now)
    if isinstance(leaf, str):
        return None
    return Development(folder, authority.certificate, _credential(leaf, str(folder.leaf_file)))


def _made(
    folder: DevelopmentFolder, names: Sequence[str], now: datetime, new_leaf: bool, new_authority: bool
) -> Development:
    """As :func:`make`, alone in the folder: another process may have made everything meanwhile."""
    if not new_leaf:
        names = tuple(dict.fromkeys((*names, *folder.names())))
    why_authority = why_leaf = ""
    authority = _ASKED_FOR if new_authority else folder.authority(names, now)
    if isinstance(authority, str):
        why_authority = authority
        authority = make_authority(_authority_name(folder.path), names, now)
        folder.keep_authority(authority)
    if not folder.shows(authority.certificate):
        folder.show(authority.certificate)
    leaf = _ASKED_FOR if new_leaf else folder.leaf(authority.certificate, names, now)
    if isinstance(leaf, str):
        why_leaf = leaf
        leaf = make_leaf(authority, names, now)
        folder.keep_leaf(leaf)
    credential = _credential(leaf, str(folder.leaf_file))
    return Development(folder, authority.certificate, credential, why_authority, why_leaf)


def _credential(issued: Issued, source: str) -> Credential:
    return Credential((issued.certificate,), issued.key, source, is_development=True)


def _all_names(names: Sequence[str]) -> tuple[str, ...]:
    try:
        return all_names(names)
    except ValueError as error:
        raise SSLError(f"no certificate can be made: {error}.") from error


def _authority_name(directory: Path) -> str:
    return authority_name(_label(directory), _owner())


def _label(directory: Path) -> str:
    """What the certificates of a directory are for: mostly the project in whose ``.duck`` it is."""
    for part in reversed(directory.absolute().parts):
        if part not in ("development", ".duck", "/"):
            return part
    return "duck_tx"


def _owner() -> str:
    """Whose machine this is: ``user@host``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
