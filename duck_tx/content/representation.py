"""One file in one coding as clients are shown it: its validators and header fields, without its bytes."""

from __future__ import annotations

import os
from dataclasses import dataclass

from twisted.web.http import datetimeToString

from duck_tx.content.caching import cache_control
from duck_tx.content.coding import Coding
from duck_tx.content.conditional import Validators
from duck_tx.content.filetype import content_type

Field = tuple[bytes, bytes]
Identity = tuple[int, int, int, int, int]

_SETTLED_AFTER = 2.0
"""Seconds within which a change may hide in the grain of the file system's clock (2 s on FAT)."""

_SANDBOX = (
    b"Content-Security-Policy",
    b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; sandbox",
)
_PDF = b"application/pdf"
_OF_A_304 = frozenset((b"ETag", b"Cache-Control", b"Vary"))


def identity(status: os.stat_result) -> Identity:
    """What stays the same as long as the file, its content and its permissions do."""
    return (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_dev)


def settled(status: os.stat_result, now: float) -> bool:
    """Whether a change from now on will show in :func:`identity`."""
    return max(status.st_mtime, status.st_ctime) + _SETTLED_AFTER < now


@dataclass(slots=True)
class Representation:
    """What is known of a file in one coding.

    :ivar identity: of the file that all of this was read from.
    :ivar size: bytes.
    :ivar fields: the header fields of a 200 response but ``Content-Length``.
    :ivar fields_304: those of a 304 response (RFC 9110 15.4.5).
    :ivar settled: whether it may be kept for later requests.
    :ivar body: the whole content where it is kept in memory.
    :ivar neighbours: identity of the folder, and the codings whose siblings it held at that time.
    """

    name: str
    path: str
    coding: Coding | None
    identity: Identity
    size: int
    content_type: bytes
    validators: Validators
    fields: tuple[Field, ...]
    fields_304: tuple[Field, ...]
    settled: bool
    body: bytes | None = None
    neighbours: tuple[Identity, tuple[Coding, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Presentation:
    """How the files of one resource are shown.

    :ivar max_age: seconds that a browser may use a file without asking again.
    :ivar immutable: whether a hash in a file's name makes that a year.
    :ivar precompressed: whether siblings in other codings may be sent instead.
    :ivar untrusted: whether the files come from users (see :class:`duck_tx.content.static.StaticFiles`).
    """

    max_age: int
    immutable: bool
    precompressed: bool
    untrusted: bool

    def representation(
        self, name: str, path: str, coding: Coding | None, status: os.stat_result, now: float
    ) -> Representation:
        """Describe the file at ``path``: the file ``name`` itself, or its sibling in ``coding``.

        The entity tag differs between codings and changes with every write, so it is a strong one (RFC 9110
        8.8.1).

        :param now: seconds since the epoch; ``Last-Modified`` is never later (8.8.2.1).
        """
        token = b"" if coding is None else b"-" + coding.token
        etag = b'"%x-%x%b"' % (status.st_mtime_ns, status.st_size, token)
        modified = int(min(status.st_mtime, now))
        validators = Validators(etag, modified, datetimeToString(modified))
        kind = content_type(name)
        fields = [
            (b"Content-Type", kind),
            (b"Last-Modified", validators.last_modified),
            (b"ETag", etag),
            (b"Cache-Control", cache_control(name, self.max_age, self.immutable and not self.untrusted)),
            (b"Accept-Ranges", b"bytes"),
            (b"X-Content-Type-Options", b"nosniff"),
        ]
        if self.precompressed:
            fields.append((b"Vary", b"Accept-Encoding"))
        if coding is not None:
            fields.append((b"Content-Encoding", coding.token))
        if self.untrusted and kind != _PDF:
            fields.append(_SANDBOX)
        return Representation(
            name=name,
            path=path,
            coding=coding,
            identity=identity(status),
            size=status.st_size,
            content_type=kind,
            validators=validators,
            fields=tuple(fields),
            fields_304=tuple(field for field in fields if field[0] in _OF_A_304),
            settled=settled(status, now),
        )
