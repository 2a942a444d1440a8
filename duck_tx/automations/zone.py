"""Time zones by name (the IANA database)."""

from __future__ import annotations

import difflib
from datetime import UTC, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

__all__ = ["unknown", "zone"]


@cache
def zone(name: str) -> tzinfo | None:
    """The zone of this name; ``None`` if there is none."""
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        # The last for a name that is nowhere, the others for a folder of the database and for what cannot be a path.
        return None


def unknown(name: str) -> str:
    """What to say of a name that :func:`zone` does not know: the nearest that it does, or how to get them at all."""
    names = sorted(available_timezones())
    if not names:
        return f"timezone {name!r} cannot be found: this machine has no time zone data. Install it: pip install tzdata"
    by_key = {each.rpartition("/")[2].lower(): each for each in names} | {each.lower(): each for each in names}
    nearest = difflib.get_close_matches(name.lower().replace(" ", "_"), by_key, n=1)
    mend = f"did you mean {by_key[nearest[0]]!r}?" if nearest else "it takes a name such as 'Europe/Berlin' or 'UTC'"
    return f"unknown timezone {name!r}: {mend}"
