"""The output of a program as lines that are fit for a log."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["Lines"]

LONGEST = 8192
"""Bytes of a line."""

_LONGEST_CHARACTER = 4
"""Bytes of one in UTF-8."""

_CONTROLS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
# They could end a line for whoever reads the log, or move the cursor of a terminal.
_ESCAPED = {code: ascii(chr(code))[1:-1] for code in _CONTROLS if chr(code) != "\t"}


class Lines:
    """Splits a stream of bytes into lines, as it comes.

    Line ends are left out.  What is too long for one line makes several, bytes that are no UTF-8 and control characters
    are shown in hexadecimal.

    :param longest: bytes of a line, at least 8.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes."""
        *whole, rest = (self._rest + data).split(b"\n")
        lines = [_text(piece) for line in whole for piece in self._pieces(line)]
        *full, self._rest = self._pieces(rest)
        return [*lines, *map(_text, full)]

    def end(self) -> list[str]:
        """The line that was begun, if there is one."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []

    def _pieces(self, line: bytes) -> Iterator[bytes]:
        while len(line) > self._longest:
            at = self._longest
            while at > self._longest - _LONGEST_CHARACTER and line[at] & 0xC0 == 0x80:
                at -= 1
            yield line[:at]
            line = line[at:]
        yield line


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "backslashreplace").translate(_ESCAPED)
