"""What one server behind the proxy may take: time, connections, sizes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["UpstreamLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamLimits:
    """Times in seconds, looked at once a second; sizes in bytes.

    :ivar connect_timeout: until a connection is made, with TLS until it is agreed on.
    :ivar first_byte_timeout: from the end of the request until the head of the response is there.
    :ivar idle_timeout: between two pieces of a response, or until the server takes more of a request.
    :ivar tunnel_timeout: without a byte either way after an upgrade.
    :ivar continue_timeout: for the server to ask for a body whose client waits to be asked (``Expect``); then the body
        is sent all the same (RFC 9110 10.1.1).
    :ivar kept_timeout: how long a connection is kept for the next request.  Servers close idle connections too, often
        after five seconds, and a request that crosses such an end is lost: this should be less.
    :ivar max_connections: to one server, from each process.
    :ivar max_waiting: requests that may wait for one of these, each for as long as ``connect_timeout``.
    :ivar max_kept: connections kept without a request.
    :ivar max_head: a response head, also one of its lines, and the trailer section.
    :ivar max_fields: fields in one of these.
    :ivar max_interim: interim responses (1xx) before the final one.
    :ivar replay_memory: bytes of a request body remembered in case that it must be sent once more.
    """

    connect_timeout: float = 5.0
    first_byte_timeout: float = 60.0
    idle_timeout: float = 60.0
    tunnel_timeout: float = 3600.0
    continue_timeout: float = 1.0
    kept_timeout: float = 4.0
    max_connections: int = 512
    max_waiting: int = 1024
    max_kept: int = 64
    max_head: int = 65_536
    max_fields: int = 128
    max_interim: int = 16
    replay_memory: int = 65_536
