"""What a user who owns nothing can do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["as_nobody"]

_NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """With the rights of a user who owns nothing, where root may read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
