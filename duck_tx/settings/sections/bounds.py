"""Units, bounds and forms that several sections share."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

# A day is longer than any deadline that helps, and the bound catches milliseconds given for seconds.
DAY = 86400
YEAR = 365 * DAY
KIB = 1024
MIB = 1024**2
GIB = 1024**3
TIB = 1024**4

MOST_WORKERS = 1024
"""As many workers as there may be."""

BYTES = {"unit": "bytes"}
CONNECTIONS = {"unit": "connections"}
RATE = {"unit": "bytes/second"}
REQUESTS = {"unit": "requests"}
SECONDS = {"unit": "seconds"}

PATH_WORDS = {"accepted": "a path, not empty"}

# Names that later appear in headers, logs and the process table: nothing in them may end a line.
PRINTABLE = r"\A[\x20-\x7e]*\Z"

Timeout = Annotated[float, Meta(gt=0, le=DAY)]
PathName = Annotated[str, Meta(pattern=r"\A[^\x00]+\Z")]
