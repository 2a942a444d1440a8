"""Which server gets a request: the ways to choose, and what there is to choose from.

Pure but for the clock that is handed in; a way to choose sees only servers that may be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from hashlib import blake2b
from math import log
from typing import Protocol

from duck_tx.http.headers import FIELD_NAMES, Role
from duck_tx.http.request import Request
from duck_tx.proxy.server import Server

__all__ = ["Balancer", "Hashed", "LeastInFlight", "RoundRobin", "Way", "by_address", "by_cookie", "way_of"]

_HASHES = float(2**64)
_LONGEST_KEY = 64
"""Bytes that a hash may be keyed with."""

_COOKIE = "hash-cookie:"


class Way(Protocol):
    """A way to choose."""

    def choose(self, servers: Sequence[Server], request: Request, now: float) -> Server:
        """One of ``servers``, which are at least two."""


class RoundRobin:
    """One after the other, each as often as its weight says, and evenly spread.

    Each server saves up its weight with every choice; the richest is chosen, and pays what all have got.
    """

    def __init__(self) -> None:
        self._saved: dict[Server, float] = {}

    def choose(self, servers: Sequence[Server], request: Request, now: float) -> Server:
        return self.next(servers, now)

    def next(self, servers: Sequence[Server], now: float) -> Server:
        """The next of them."""
        saved, total = self._saved, 0.0
        for server in servers:
            share = server.share(now)
            saved[server] = saved.get(server, 0.0) + share
            total += share
        chosen = max(servers, key=saved.__getitem__)
        saved[chosen] -= total
        return chosen


class LeastInFlight:
    """The one with the fewest requests for its weight; among equals, one after the other."""

    def __init__(self) -> None:
        self._turns = RoundRobin()

    def choose(self, servers: Sequence[Server], request: Request, now: float) -> Server:
        loads = [(server.in_flight + 1) / server.share(now) for server in servers]
        least = min(loads)
        equals = [server for server, load in zip(servers, loads, strict=True) if load <= least]
        return equals[0] if len(equals) == 1 else self._turns.next(equals, now)


class Hashed:
    """The same one for the same key, as long as it is there: what it had goes to all others when it leaves, and comes
    back when it does; nothing else moves.

    Each server draws a number from the key and its own name; the highest wins (rendezvous hashing), in the proportion
    of the weights.

    :param key: of a request.
    """

    def __init__(self, key: Callable[[Request], bytes]) -> None:
        self._key = key

    def choose(self, servers: Sequence[Server], request: Request, now: float) -> Server:
        return self.holder(self._key(request), servers, now)

    def holder(self, key: bytes, servers: Sequence[Server], now: float) -> Server:
        """Whose ``key`` it is."""
        return max(servers, key=lambda server: _draw(server.name.encode(), key, server.share(now)))


def _draw(name: bytes, key: bytes, share: float) -> float:
    """A number that grows with the share, and depends on nothing but the two names beside it."""
    if len(name) > _LONGEST_KEY:
        name = blake2b(name).digest()
    drawn = int.from_bytes(blake2b(key, digest_size=8, key=name).digest(), "big")
    # Between 0 and 1, without either of them.
    return -share / log((drawn + 0.5) / (_HASHES + 1.0))


def by_address(request: Request) -> bytes:
    """The client's address, as told by trusted proxies."""
    return request.origin.address.encode()


def by_cookie(name: bytes) -> Callable[[Request], bytes]:
    """The value of a cookie; for who has none, the client's address."""

    def key(request: Request) -> bytes:
        for field, value in request.raw_headers:
            if FIELD_NAMES[field].role != Role.COOKIE:
                continue
            for pair in value.split(b";"):
                called, equals, content = pair.partition(b"=")
                if equals and called.strip() == name:
                    return content.strip()
        return by_address(request)

    return key


def way_of(name: str) -> Way:
    """The way that a setting names: ``round-robin``, ``least-in-flight``, ``hash-address``, ``hash-cookie:NAME``."""
    if name == "round-robin":
        return RoundRobin()
    if name == "least-in-flight":
        return LeastInFlight()
    if name.startswith(_COOKIE):
        return Hashed(by_cookie(name.removeprefix(_COOKIE).encode()))
    return Hashed(by_address)


class Balancer:
    """Chooses among the servers of a route.

    A server that failed in a row is not asked while there is another that does better; one that is down by its health
    check is not asked at all.

    :ivar servers: all of them.

    :param servers: at least one.
    :param way: how.
    :param seconds: the clock, never going backwards.
    """

    def __init__(self, servers: Sequence[Server], way: Way, seconds: Callable[[], float]) -> None:
        self.servers = tuple(servers)
        self._way = way
        self._seconds = seconds
        for server in self.servers:
            server.peers = self.servers

    def pick(self, request: Request, tried: Collection[Server] = ()) -> Server | None:
        """Who is to answer the request.

        :param tried: those that have failed to.
        :return: ``None`` if there is nobody left to ask.
        """
        now = self._seconds()
        left = [server for server in self.servers if not server.is_down and server not in tried]
        if not left:
            return None
        if len(left) > 1:
            there = [server for server in left if server.is_in(now)]
            # Where the last one fails too, the others may well be back.
            if len(there) > 1 or (there and not there[0].is_failing):
                left = there
            left = [server for server in left if not server.is_full] or left
        chosen = self._way.choose(left, request, now) if len(left) > 1 else left[0]
        if chosen.is_suspect:
            chosen.tried(now)
        return chosen
