"""Automations and their runs for people: tables that fit the width that there is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from duck_tx.cli.text import RED, YELLOW, painted, plain, short_span

__all__ = ["as_table", "history_text", "next_run"]

_NARROWEST = (16, 12)
"""Columns below which names and schedules are not cut."""

_SEPARATOR = "  "

_BAD, _DOUBTFUL = ("failed", "timeout"), ("cancelled", "interrupted")


def as_table(found: Mapping[str, Any], now: float, width: int, *, colour: bool) -> str:
    """The automations: what each does when, how it ended the last time, and when it runs next.

    :param found: as the server answers.
    :param now: seconds since the epoch.
    :param width: columns that a line may have.
    """
    note = [plain(found["note"])] if found.get("note") else []
    automations = found["automations"]
    if not automations:
        return "\n".join(note or ["no automations: there is none in the automations.py of any installed app."])
    rows = [("NAME", "SCHEDULE", "LAST", "NEXT"), *(_row(each, now) for each in automations)]
    widths = _fitting([[len(plain(cell)) for cell in row] for row in rows], width)
    lines = [_line(rows[0], widths, None, colour=False)]
    for each, row in zip(automations, rows[1:], strict=True):
        last = each["last"]
        lines.append(_line(row, widths, _colour_of(last), colour=colour))
        if last is not None and last["state"] in _BAD and last["error"]:
            lines.append(_cut(f"    {_first_line(last['error'])}", width))
    return "\n".join([*lines, *note])


def _row(automation: Mapping[str, Any], now: float) -> tuple[str, str, str, str]:
    return (
        automation["name"],
        automation["schedule"] or "-",
        _last(automation["last"], now),
        next_run(automation, now),
    )


def _last(last: Mapping[str, Any] | None, now: float) -> str:
    if last is None:
        return "-"
    return f"{last['state']} {short_span(now - last['started'] - (last['duration'] or 0.0))} ago"


def next_run(automation: Mapping[str, Any], now: float) -> str:
    """When it runs next, in words."""
    running, at = automation.get("running"), automation.get("next")
    if running is not None:
        return f"running for {short_span(running)}"
    if not automation.get("enabled", True):
        return "disabled"
    if automation.get("paused"):
        return "paused"
    if at is None:
        return "-"
    # Rounded up: what is to come in half a second is not there yet.
    return f"in {short_span(at - now + 0.999)}" if at > now else "now"


def _colour_of(last: Mapping[str, Any] | None) -> int | None:
    state = "" if last is None else last["state"]
    return RED if state in _BAD else YELLOW if state in _DOUBTFUL else None


def _fitting(lengths: Sequence[Sequence[int]], width: int) -> list[int]:
    """Widths of the columns that make lines no longer than ``width``, as far as that can be: schedules are cut first,
    then names, and the rest is not."""
    name, schedule, last, following = (max(column) for column in zip(*lengths, strict=True))
    beyond = name + schedule + last + following + 3 * len(_SEPARATOR) - width
    least_name, least_schedule = _NARROWEST
    by = min(max(beyond, 0), max(schedule - least_schedule, 0))
    name -= min(max(beyond - by, 0), max(name - least_name, 0))
    return [name, schedule - by, last, following]


def _line(row: Sequence[str], widths: Sequence[int], its: int | None, *, colour: bool) -> str:
    cells = [f"{_cut(cell, width):{width}}" for cell, width in zip(row, widths, strict=True)]
    cells[-1] = cells[-1].rstrip()
    # Only the word, not the room behind it.
    cells[2] = painted(row[2], its, wanted=colour) + cells[2][len(row[2]) :]
    return _SEPARATOR.join(cells).rstrip()


def _cut(text: str, width: int) -> str:
    text = plain(text).replace("\t", r"\t")
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "")


def history_text(found: Mapping[str, Any], now: float, width: int, *, colour: bool, output: bool) -> str:
    """The runs of an automation, the newest first.

    :param found: as the server answers.
    :param now: seconds since the epoch.
    :param width: columns that an error may take.
    :param output: with what they printed.
    """
    if not found["runs"]:
        return f"{plain(found['name'])} has not been run."
    rows = [("STARTED", "TOOK", "RESULT", "WHY"), *(_history_row(each, now) for each in found["runs"])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(rows[0], widths, None, colour=False)]
    for each, row in zip(found["runs"], rows[1:], strict=True):
        lines.append(_line(row, widths, _colour_of(each), colour=colour))
        if each["error"]:
            lines.append(_cut(f"    {_first_line(each['error'])}", width))
        if output:
            lines += [f"    | {plain(line)}" for line in each.get("output", "").splitlines()]
    return "\n".join(lines)


def _history_row(run: Mapping[str, Any], now: float) -> tuple[str, str, str, str]:
    started, state, duration = run["started"], run["state"], run["duration"]
    took = "-" if duration is None else _took(duration)
    if state == "running":
        took = _took(max(now - started, 0.0))
    if run["count"] > 1:
        state = f"{state} {run['count']} times"
    elif (run["status"] or 0) > 0:
        # That of a signal is in the error.
        state = f"{state} (status {run['status']})"
    return f"{datetime.fromtimestamp(started):%Y-%m-%d %H:%M:%S}", took, state, "".join(_why(run))


def _why(run: Mapping[str, Any]) -> Iterator[str]:
    yield run["by"]
    if run["attempt"] > 1:
        yield f", attempt {run['attempt']}"


def _took(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 10 else short_span(seconds)
