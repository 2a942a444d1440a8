"""Load in HTTP/2 from ``h2load``, and the reading of what it prints."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass

from benchmarks.client import Origin
from benchmarks.environment import MissingTool
from benchmarks.load import Load, LoadError, output

_RATE = re.compile(r"^finished in [\d.]+\w*, ([\d.]+) req/s,", re.MULTILINE)
_PROTOCOL = re.compile(r"^Application protocol: (\S+)", re.MULTILINE)
_REQUESTS = re.compile(
    r"^(requests: .* (?P<done>\d+) done, (?P<succeeded>\d+) succeeded, (?P<failed>\d+) failed,"
    r" (?P<errored>\d+) errored, (?P<timeout>\d+) timeout)",
    re.MULTILINE,
)
_STATUS = re.compile(r"^(status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class H2Load:
    """How h2load is run: on one core, with so many connections and so many requests at a time on each of them."""

    core: int
    connections: int = 8
    streams: int = 16

    def run(self, origin: Origin, path: str, seconds: float) -> Load:
        """Send requests for ``seconds``.

        :raises LoadError: if h2load fails, does not agree on HTTP/2, or has a request that did not succeed.
        :raises MissingTool: if it is not installed.
        """
        if shutil.which("h2load") is None:
            raise MissingTool("h2load is not installed (Debian: apt install nghttp2-client)")
        argv = ["taskset", "-c", str(self.core), "h2load", "--threads", "1", "--clients", str(self.connections)]
        argv += ["--max-concurrent-streams", str(self.streams), "--duration", str(max(1, round(seconds)))]
        # Without it, requests that are under way when it stops count as failed with servers that cut them then.
        argv += ["--warm-up-time", "1"]
        return parse(output([*argv, origin.url(path)], seconds + 30))


def parse(text: str) -> Load:
    """Read the output of h2load, which has no percentiles of the latencies.

    :raises LoadError: if a request failed, was answered with a status other than 2xx, or came by HTTP/1.1, or if the
        output is not that of h2load.
    """
    rate, protocol, requests, status = (each.search(text) for each in (_RATE, _PROTOCOL, _REQUESTS, _STATUS))
    if rate is None or requests is None or status is None:
        raise LoadError(f"no figures in what h2load printed: {text.strip()[-300:]}")
    if protocol is None or protocol[1] != "h2":
        raise LoadError(f"the server did not agree on HTTP/2: {protocol[0] if protocol else 'no protocol named'}")
    if any(int(requests[name]) for name in ("failed", "errored", "timeout")):
        raise LoadError(requests[1])
    if any(int(status[number]) for number in (2, 3, 4)):
        raise LoadError(status[1])
    if not int(requests["succeeded"]):
        raise LoadError("not one request was answered")
    return Load(float(rate[1]))
