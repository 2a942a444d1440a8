"""Load from ``wrk``, and the reading of what it prints."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import Origin
from benchmarks.metric import Metric, Reading
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
    """Rate in requests a second, latencies in milliseconds where the load's program says them."""

    rate: float
    p50: float | None = None
    p99: float | None = None

    def readings(self) -> list[Reading]:
        found = ((Metric.RATE, self.rate), (Metric.P50, self.p50), (Metric.P99, self.p99))
        return [Reading(metric, value) for metric, value in found if value is not None]


@dataclass(frozen=True, slots=True)
class Wrk:
    """How wrk is run: on one core, with so many connections that are kept alive."""

    core: int
    connections: int

    def run(
        self,
        origin: Origin,
        path: str,
        seconds: float,
        script: Path | None = None,
        cores: Collection[int] = (),
    ) -> Load:
        """Send requests for ``seconds``; ``script`` is a wrk Lua script for anything but a GET.

        :param cores: those that it may use, if not its own.

        :raises LoadError: if wrk fails, or reports a socket error or a status that is no success.
        """
        pinned = ["taskset", "-c", ",".join(map(str, cores or [self.core]))]
        argv = [*pinned, "wrk", "--latency", "--threads", "1", "--timeout", "10s"]
        argv += ["--connections", str(self.connections), "--duration", f"{max(1, round(seconds))}s"]
        if script is not None:
            argv += ["--script", str(script)]
        argv.append(origin.url(path))
        return parse(output(argv, seconds + 30))


def output(argv: list[str], limit: float) -> str:
    """What a load generator printed, which is the last of the programs named in ``argv``.

    :raises LoadError: if it fails, or does not end within ``limit`` seconds.
    :raises OSError: if it cannot be started.
    """
    # A group of its own: Ctrl-C must reach this program alone, which then ends the other by its id.
    process = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        text, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"it did not end within {limit:.0f} s: {' '.join(argv)}") from error
    finally:
        end_group(process)
    if process.returncode:
        raise LoadError(f"status {process.returncode} of {' '.join(argv)}: {text.strip()[-300:]}")
    return text


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
