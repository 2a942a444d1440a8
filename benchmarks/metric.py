"""What is measured, and what came out: plain values without any I/O."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Metric(StrEnum):
    """A quantity and its unit."""

    RATE = "requests_per_second"
    P50 = "p50_ms"
    P99 = "p99_ms"
    QUIET_P99 = "p99_without_idle_connections_ms"
    MEMORY = "memory_bytes"
    READY = "ready_ms"
    HELD = "idle_connections_held"
    EACH = "bytes_per_idle_connection"
    PAUSE = "longest_reactor_pause_ms"
    UPLOAD = "upload_ms"
    LATE = "longest_delay_ms"
    LATE_MEDIAN = "median_delay_ms"
    SPREAD = "longest_broadcast_ms"
    SPREAD_MEDIAN = "median_broadcast_ms"
    EACH_RUN = "processor_us_per_run"
    ASLEEP = "processor_ms_a_second"
    PROCESSOR = "processor_us_per_request"
    OTHERS = "percent_of_a_core_used_by_others"
    SERVER_BUSY = "percent_of_the_servers_core_used"
    LOAD_BUSY = "percent_of_the_loads_core_used"


@dataclass(frozen=True, slots=True)
class Reading:
    """One number of one measurement."""

    metric: Metric
    value: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One number, and where it was read."""

    case: str
    server: str
    round: int
    metric: Metric
    value: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A measurement that does not count, and why."""

    case: str
    server: str
    round: int
    reason: str


def summary(metric: Metric, values: Sequence[float]) -> float:
    """The median of the rounds; for what is the longest of a round, the longest of them.

    :raises statistics.StatisticsError: if there are no values.
    """
    if metric in (Metric.PAUSE, Metric.LATE, Metric.SPREAD) and values:
        return max(values)
    return statistics.median(values)


@dataclass(slots=True)
class Results:
    """Everything one run has found."""

    samples: list[Sample] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def failed(self, case: str, server: str) -> bool:
        return any(each.case == case and each.server == server for each in self.failures)

    def values(self, case: str, server: str, metric: Metric) -> list[float]:
        """One value a round, in the order of the rounds."""
        return [
            each.value for each in self.samples if each.case == case and each.server == server and each.metric is metric
        ]

    def value(self, case: str, server: str, metric: Metric) -> float | None:
        """The summary over the rounds; None where nothing was measured or any round of it failed."""
        found = self.values(case, server, metric)
        if not found or self.failed(case, server):
            return None
        return summary(metric, found)

    def ratio(self, case: str, server: str, other: str, metric: Metric) -> float | None:
        """How many times the value of ``other`` that of ``server`` is; None where one is missing or zero."""
        mine, theirs = self.value(case, server, metric), self.value(case, other, metric)
        if mine is None or not theirs:
            return None
        return mine / theirs

    def disturbance(self) -> list[float]:
        """For each measurement under load the percent of a core that other programs used meanwhile."""
        return [each.value for each in self.samples if each.metric is Metric.OTHERS]

    def servers(self, case: str) -> list[str]:
        """Names of the servers that took part in a case, in the order they were first measured."""
        taken = [each.server for each in self.samples if each.case == case]
        lost = [each.server for each in self.failures if each.case == case]
        return list(dict.fromkeys(taken + lost))
