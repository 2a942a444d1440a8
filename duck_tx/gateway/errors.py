"""``wsgi.errors``: what applications print about their troubles goes to the log."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.logger import Logger

__all__ = ["ErrorStream"]

_log = Logger()


class ErrorStream:
    """A text stream whose lines become log events; each ``write`` is taken for whole lines, as loggers write them."""

    def write(self, text: str) -> int:
        """Log the text."""
        if not isinstance(text, str):
            raise TypeError(f"wsgi.errors takes str, not {type(text).__name__}")
        for line in text.splitlines():
            if line.strip():
                _log.error("{line}", line=line)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Log every line."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Nothing is held back."""
