"""The limits and deadlines of one connection, as plain decisions."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits", "body_deadline", "slow_reader_deadline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one connection may use.

    Times in seconds, sizes in bytes, rates in bytes a second; the defaults are those of the ``http`` section of the
    settings.
    """

    max_connections: int = 10_000
    max_connections_per_address: int = 0
    first_byte_timeout: float = 10.0
    header_timeout: float = 20.0
    keepalive_timeout: float = 60.0
    body_timeout: float = 20.0
    body_min_rate: int = 1000
    write_timeout: float = 30.0
    write_min_rate: int = 1000
    linger_timeout: float = 2.0
    max_uri: int = 8190
    max_header_line: int = 16_384
    max_header_block: int = 65_536
    max_headers: int = 128
    max_body: int = 268_435_456
    body_memory: int = 1_048_576


def body_deadline(limits: Limits, now: float, started: float, received: int) -> float:
    """When the wait for more of a request body ends.

    The sender has ``body_timeout`` seconds for every piece (idle), and over the whole body may not fall behind
    ``body_min_rate`` once its first ``body_timeout`` seconds have passed (absolute); no rate where that is 0.

    :param now: clock seconds of the latest piece.
    :param started: clock seconds at which the header block was complete.
    :param received: bytes of body so far.
    """
    idle = now + limits.body_timeout
    if not limits.body_min_rate:
        return idle
    return min(idle, started + limits.body_timeout + received / limits.body_min_rate)


def slow_reader_deadline(limits: Limits, now: float, blocked: float, sent: int) -> float:
    """When a client that does not read what it asked for is given up.

    :param now: clock seconds at which the system's send buffer was found full.
    :param blocked: seconds that this response has spent waiting for the client so far.
    :param sent: bytes of this response that the system has taken so far.
    """
    idle = now + limits.write_timeout
    if not limits.write_min_rate:
        return idle
    return min(idle, now + limits.write_timeout - blocked + sent / limits.write_min_rate)
