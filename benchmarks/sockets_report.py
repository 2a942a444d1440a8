"""The part of the page that is about proxies, Channels and WebSockets: pure, results in and sections out."""

from __future__ import annotations

from benchmarks import cases
from benchmarks.comparison import BUSY, LATENCIES, compared, listed
from benchmarks.metric import Metric, Results
from benchmarks.servers import DUCK_CHANNELS, DUCK_PROXY, DUCK_SOCKETS

_IDLE = (("WebSockets held", Metric.HELD), ("bytes each", Metric.EACH))
_SPREAD = (("median ms", Metric.SPREAD_MEDIAN), ("longest ms", Metric.SPREAD), *BUSY)
_LOAD = (*LATENCIES, *BUSY)


def sections(results: Results) -> list[tuple[str, str]]:
    """Title and body of each; the body is empty where nothing was measured."""
    per_second = "per second"
    return [
        *(
            (
                f"A proxy before nginx, {case.title}: requests per second",
                compared(results, DUCK_PROXY, ((case.name, per_second),), _LOAD),
            )
            for case in cases.PROXY_LOADS
        ),
        *(
            (
                f"A project with Channels, {case.title}: requests per second",
                compared(results, DUCK_CHANNELS, ((case.name, per_second),), _LOAD),
            )
            for case in cases.CHANNELS_LOADS
        ),
        (
            "WebSocket, 100 connections, 64 bytes there and back by a plain ASGI application: messages per second",
            compared(results, DUCK_SOCKETS, ((cases.ECHO, per_second),), _LOAD),
        ),
        (
            "The same by a consumer of Channels",
            compared(results, DUCK_CHANNELS, ((cases.CHANNELS_ECHO, per_second),), _LOAD),
        ),
        ("Idle WebSockets", listed(results, cases.SOCKETS_IDLE, _IDLE)),
        (
            "A message to 1,000 WebSockets by a plain ASGI application: until the last has it",
            listed(results, cases.BROADCAST, _SPREAD),
        ),
        (
            "The same by a group of Channels, in memory",
            listed(results, cases.CHANNELS_BROADCAST, _SPREAD),
        ),
    ]
