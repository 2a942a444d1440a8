"""Load from ``wrk``, and the reading of what it prints."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import HOST
from benchmarks.process import end_group

_UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0, "h": 3_600_000.0}
_PERCENTILE = re.compile(r"^\s+(\d+)(?:\.0+)?%\s+([\d.]+)(us|ms|s|m|h)\s*$", re.MULTILINE)
_RATE = re.compile(r"^Requests/sec:\s+([\d.]+)\s*$", re.MULTILINE)
_COUNT = re.compile(r"^\s+(\d+) requests in ", re.MULTILINE)
_SOCKET_ERRORS = re.compile(r"^\s+(Socket errors: .*)$", re.MULTILINE)
_BAD_STATUS = re.compile(r"^\s+(Non-2xx or 3xx responses: \d+)\s*$", re.MULTILINE)


class LoadError(Exception):
    """The load did not run, or some of its requests were not answered well."""


@dataclass(frozen=True, slots=True)
class Load:
    """Rate in requests a second, latencies in milliseconds."""

    rate: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Wrk:
    """How wrk is run: on one core, with so many connections that are kept alive."""

    core: int
    connections: int

    def run(self, port: int, path: str, seconds: float, script: Path | None = None) -> Load:
        """Send requests for ``seconds``; ``script`` is a wrk Lua script for anything but a GET.

        :raises LoadError: if wrk fails, or reports a socket error or a status that is no success.
        """
        argv = ["taskset", "-c", str(self.core), "wrk", "--latency", "--threads", "1", "--timeout", "10s"]
        argv += ["--connections", str(self.connections), "--duration", f"{max(1, round(seconds))}s"]
        if script is not None:
            argv += ["--script", str(script)]
        argv.append(f"http://{HOST}:{port}{path}")
        # A group of its own: Ctrl-C must reach this program alone, which then ends wrk by its id.
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        try:
            text, _ = process.communicate(timeout=seconds + 30)
        except subprocess.TimeoutExpired as error:
            raise LoadError(f"wrk did not end within {seconds + 30:.0f} s") from error
        finally:
            end_group(process)
        if process.returncode:
            raise LoadError(f"wrk ended with status {process.returncode}: {text.strip()[-300:]}")
        return parse(text)


def parse(text: str) -> Load:
    """Read the output of ``wrk --latency``.

    :raises LoadError: if a request failed (socket errors, a status other than 2xx and 3xx), or if the output
        is not that of wrk.
    """
    for pattern in (_SOCKET_ERRORS, _BAD_STATUS):
        if found := pattern.search(text):
            raise LoadError(found.group(1))
    rate, count = _RATE.search(text), _COUNT.search(text)
    percentiles = {int(rank): float(value) * _UNITS[unit] for rank, value, unit in _PERCENTILE.findall(text)}
    if rate is None or count is None or not {50, 99} <= percentiles.keys():
        raise LoadError(f"no figures in what wrk printed: {text.strip()[-300:]}")
    if int(count.group(1)) == 0:
        raise LoadError("not one request was answered")
    return Load(float(rate.group(1)), percentiles[50], percentiles[99])
