"""A large multipart upload, and what the probe in the server saw meanwhile."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import Origin, exchange

#: Content-Type of :func:`form`.
KIND = "multipart/form-data; boundary=benchmark-boundary"


@dataclass(frozen=True, slots=True)
class Window:
    """A span of ``time.monotonic`` seconds."""

    begin: float
    end: float

    @property
    def milliseconds(self) -> float:
        return (self.end - self.begin) * 1000


class UploadError(Exception):
    """An upload that was not answered as it should be."""


def form(content: bytes) -> bytes:
    """A multipart body with one file in the field ``file``."""
    head = b'--benchmark-boundary\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n'
    return head + b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n--benchmark-boundary--\r\n"


def upload(origin: Origin, path: str, size: int, expected: bytes) -> Window:
    """Send one file of ``size`` random bytes and say when that was.

    :raises UploadError: if the answer is not a 200 that holds ``expected``.
    """
    body = form(os.urandom(size))
    begin = time.monotonic()
    answer = exchange(origin, path, "POST", body, KIND, timeout=60.0)
    window = Window(begin, time.monotonic())
    if answer.status != 200 or expected not in answer.body:
        raise UploadError(f"POST {path} was answered with {answer.status} {answer.body[:200]!r}")
    return window


def longest(report: Path, windows: list[Window], reach: float = 0.2) -> float:
    """The longest pause in milliseconds that ended in one of the windows, or up to ``reach`` seconds after.

    After, because a server may still clean up (a temporary file, the parsed form) once it has answered.
    :raises OSError: if the probe has left no report.
    """
    longest_seen = 0.0
    for line in report.read_text().splitlines():
        when, late = map(float, line.split())
        if any(window.begin <= when <= window.end + reach for window in windows):
            longest_seen = max(longest_seen, late)
    return longest_seen
