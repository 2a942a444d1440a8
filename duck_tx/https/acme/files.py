"""The certificates on disk, in the layout that certbot keeps.

    live/example.org -> ../archive/example.org/3      switched in one step
    archive/example.org/3/fullchain.pem               the certificate and its issuers
    archive/example.org/3/privkey.pem
    archive/example.org/3/issued.json                 who issued it, and how the names were validated

A pair is complete before a reader can find it, and the one before stays for readers that found that.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509

from duck_tx.errors import SSLError
from duck_tx.https.acme.writing import folder, settle, write
from duck_tx.https.credential import Credential, read_credential

__all__ = ["CertificateFiles", "Kept", "Origin"]

_VERSIONS = 3
"""Pairs that are kept of a name, the live one included."""


class Origin(msgspec.Struct, frozen=True):
    """Where a certificate came from.

    :ivar directory: URL of the authority's directory.
    :ivar challenge: by which kind of challenge the names were validated.
    :ivar issued: when, in seconds since the epoch.
    """

    directory: str
    challenge: str
    issued: float


@dataclass(frozen=True, slots=True)
class Kept:
    """A certificate on disk that can be used."""

    credential: Credential
    origin: Origin

    @property
    def leaf(self) -> x509.Certificate:
        return self.credential.chain[0]

    @property
    def begins(self) -> datetime:
        """When it was issued: authorities date certificates back, short-lived ones by much of their lifetime."""
        issued = datetime.fromtimestamp(self.origin.issued, UTC)
        return min(max(issued, self.leaf.not_valid_before_utc), self.ends)

    @property
    def ends(self) -> datetime:
        return self.leaf.not_valid_after_utc

    @property
    def draw(self) -> float:
        """A number from 0 to 1 that is this certificate's own, whoever asks and whenever."""
        return (self.leaf.serial_number % 65_521) / 65_521


class CertificateFiles:
    """The certificates of one directory, which need not exist yet."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._live = directory / "live"
        self._archive = directory / "archive"

    def find(self, names: Sequence[str], authority: str, now: datetime) -> Kept | None:
        """The certificate for exactly these names that this authority issued, if it is valid still.

        :param authority: its directory URL.
        """
        wanted = frozenset(names)
        found = [
            kept
            for kept in self._all()
            if kept.origin.directory == authority and kept.ends > now and frozenset(kept.credential.names) == wanted
        ]
        return max(found, key=lambda kept: kept.ends, default=None)

    def _all(self) -> list[Kept]:
        return [kept for path in self._entries() if (kept := _read(path)) is not None]

    def _entries(self) -> list[Path]:
        try:
            return sorted(self._live.iterdir())
        except OSError:
            return []

    def prepare(self, name: str) -> None:
        """Make the directories, to be sure that what will be issued can be kept.

        :raises OSError: if that is not possible.
        """
        for path in (self._directory, self._live, self._archive, self._archive / name):
            folder(path)

    def install(self, names: Sequence[str], chain_pem: bytes, key_pem: bytes, origin: Origin, now: datetime) -> Kept:
        """Put a pair in place of the one before.

        :raises SSLError: if it is no pair; nothing has been changed then.
        :raises OSError: if it cannot be written.
        """
        name = names[0]
        credential = read_credential(chain_pem, key_pem, f"the new certificate for {name}")
        self.prepare(name)
        path = self._next_version(name)
        try:
            write(path / "privkey.pem", key_pem)
            write(path / "fullchain.pem", chain_pem)
            write(path / "issued.json", msgspec.json.encode(origin))
            self._switch(name, path)
        except OSError:
            shutil.rmtree(path, ignore_errors=True)
            raise
        self._tidy(name, credential, now)
        return Kept(credential, origin)

    def _next_version(self, name: str) -> Path:
        path = self._archive / name / str(max(self._versions(name), default=0) + 1)
        path.mkdir(mode=0o700)
        return path

    def _versions(self, name: str) -> list[int]:
        return sorted(int(path.name) for path in (self._archive / name).iterdir() if path.name.isdecimal())

    def _switch(self, name: str, path: Path) -> None:
        # Not in ``live`` itself, where a reader might take it for one more name.
        aside = self._directory / f".{name}.{os.getpid()}"
        aside.unlink(missing_ok=True)
        aside.symlink_to(os.path.relpath(path, self._live))
        try:
            aside.replace(self._live / name)
        except OSError:
            aside.unlink()
            raise
        settle(self._live)

    def _tidy(self, name: str, credential: Credential, now: datetime) -> None:
        """Remove what is of no more use: old pairs of this name, and those of other names that have expired or that the
        new certificate is for as well."""
        for version in self._versions(name)[:-_VERSIONS]:
            shutil.rmtree(self._archive / name / str(version), ignore_errors=True)
        for path in self._entries():
            kept = _read(path) if path.name != name else None
            if kept is not None and (kept.ends <= now or all(map(credential.covers, kept.credential.names))):
                path.unlink(missing_ok=True)
                shutil.rmtree(self._archive / path.name, ignore_errors=True)


def _read(path: Path) -> Kept | None:
    """What is in a folder of ``live``; ``None`` if it cannot be used, which whoever serves certificates will say."""
    try:
        # Two files are read one after the other: not through a link that may be switched between them.
        path = path.resolve()
        origin = msgspec.json.decode((path / "issued.json").read_bytes(), type=Origin)
        chain, key = (path / "fullchain.pem").read_bytes(), (path / "privkey.pem").read_bytes()
        return Kept(read_credential(chain, key, str(path)), origin)
    except (OSError, SSLError, msgspec.DecodeError):
        return None
