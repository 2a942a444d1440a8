"""The failures of the last hour, kept on disk: a server that starts over and over must not ask over and over."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from duck_tx.https.acme.writing import write

__all__ = ["History"]

_HOUR = 3600.0
_WEEK = 7 * 86400.0
"""Longer than that no rate limit lasts: a wait beyond it comes from a clock that was wrong."""


class _Record(msgspec.Struct, frozen=True):
    """What the file holds, times in seconds since the epoch."""

    names: tuple[str, ...]
    failures: tuple[float, ...] = ()
    not_before: float = 0.0
    said: str = ""


class History:
    """What an authority has refused.

    :param path: the file, which need not exist; its directory has to when something is noted.
    :param names: of the certificate: what was said of other names does not count.
    """

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self._path = path
        self._names = names

    def wait(self, now: float, per_hour: int) -> tuple[float, str]:
        """Seconds to wait before the next attempt, and what was said last.

        :param now: seconds since the epoch.
        :param per_hour: how many failures in an hour are enough.
        """
        record = self._record()
        # A clock that was set back must not make anybody wait for years.
        lately = [at for at in record.failures if now - _HOUR < at <= now]
        until = record.not_before if record.not_before <= now + _WEEK else 0.0
        if len(lately) >= per_hour:
            until = max(until, lately[-per_hour] + _HOUR)
        return max(0.0, until - now), record.said

    def note(self, said: str, now: float, retry_after: float | None) -> None:
        """An attempt was refused.

        :raises OSError: if it cannot be written.
        """
        failures = tuple(at for at in self._record().failures if now - _HOUR < at <= now)
        not_before = 0.0 if retry_after is None else now + min(retry_after, _WEEK)
        record = _Record(self._names, (*failures, now), not_before, said)
        write(self._path, msgspec.json.encode(record))

    def clear(self) -> None:
        """All is well."""
        with suppress(OSError):
            self._path.unlink()

    def _record(self) -> _Record:
        try:
            record = msgspec.json.decode(self._path.read_bytes(), type=_Record)
        except (OSError, msgspec.DecodeError):
            return _Record(self._names)
        return record if record.names == self._names else _Record(self._names)
