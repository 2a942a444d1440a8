"""What may come of something that a client sends over HTTP/2, and the rows that say what must."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tests.unit.http2_frames import FRESH, Code
from tests.unit.http2_reader import Reader


class Outcome(Protocol):
    """``phrase`` goes on where the name of a row ends."""

    @property
    def phrase(self) -> str: ...

    def differs(self, seen: Reader, *, closed: bool, asked: Sequence[bytes] = ()) -> str:
        """What is otherwise, empty if nothing is."""


@dataclass(frozen=True)
class _Ended:
    """A connection error."""

    codes: tuple[Code, ...]
    silent: bool = False

    @property
    def phrase(self) -> str:
        return f"ends the connection with {_names(self.codes)}" + " or no word" * self.silent

    def differs(self, seen: Reader, *, closed: bool, asked: Sequence[bytes] = ()) -> str:
        codes = [code for _last, code in seen.goaways]
        if not (self.silent and not codes) and (len(codes) != 1 or codes[0] not in self.codes):
            return f"GOAWAY {_names(codes) or 'of no kind'} instead of {_names(self.codes)}{_story(seen, closed)}"
        return "" if closed else "the connection is not closed"


@dataclass(frozen=True)
class _Reset:
    """A stream error."""

    stream: int
    codes: tuple[Code, ...]

    @property
    def phrase(self) -> str:
        return f"resets stream {self.stream} with {_names(self.codes)}"

    def differs(self, seen: Reader, *, closed: bool, asked: Sequence[bytes] = ()) -> str:
        codes = seen.response(self.stream).resets
        alone = not seen.goaways and not closed and len(seen.resets) == 1
        if not alone or len(codes) != 1 or codes[0] not in self.codes:
            return f"no RST_STREAM {_names(self.codes)} on {self.stream}{_story(seen, closed)}"
        return ""


@dataclass(frozen=True)
class _Malformed(_Reset):
    """A stream error before any resource hears of the request; an answer of 400 may go before it (8.1.1)."""

    @property
    def phrase(self) -> str:
        return "is malformed"

    def differs(self, seen: Reader, *, closed: bool, asked: Sequence[bytes] = ()) -> str:
        if asked:
            return f"resources were asked for {asked}"
        if seen.response(self.stream).status not in (0, 400):
            return f"the status is {seen.response(self.stream).status}"
        return super().differs(seen, closed=closed)


@dataclass(frozen=True)
class _Answered:
    """A response, after which the server may ask for no more of the request (8.1)."""

    stream: int
    statuses: tuple[int, ...]

    @property
    def phrase(self) -> str:
        return "is answered with " + " or ".join(map(str, self.statuses))

    def differs(self, seen: Reader, *, closed: bool, asked: Sequence[bytes] = ()) -> str:
        response = seen.response(self.stream)
        alone = not seen.goaways and not closed
        right = response.complete and response.status in self.statuses and not set(response.resets) - {Code.NO_ERROR}
        if not alone or not right:
            return f"no answer of {self.statuses} on {self.stream}{_story(seen, closed)}"
        return ""


@dataclass(frozen=True)
class _Ignored:
    """Nothing that would have to do with what was sent."""

    phrase: str = "is no error"

    def differs(self, seen: Reader, *, closed: bool, asked: Sequence[bytes] = ()) -> str:
        wrong = seen.goaways or seen.resets or closed
        return f"it was an error{_story(seen, closed)}" if wrong else ""


def _names(codes: Iterable[int]) -> str:
    return " or ".join(Code(code).name for code in codes)


def _story(seen: Reader, closed: bool) -> str:
    streams = {
        stream: (response.status, "complete" if response.complete else "", _names(response.resets))
        for stream, response in seen.responses.items()
    }
    goaways = _names(code for _last, code in seen.goaways)
    return f": streams {streams}, GOAWAY {goaways}, closed {closed}"


def ended(*codes: Code, silent: bool = False) -> Outcome:
    """GOAWAY with one of these codes, then the end; ``silent``: GOAWAY may be left out."""
    return _Ended(codes, silent)


def was_reset(stream: int, *codes: Code) -> Outcome:
    return _Reset(stream, codes)


def malformed(stream: int = 1) -> Outcome:
    return _Malformed(stream, (Code.PROTOCOL_ERROR,))


def answered(stream: int, *statuses: int) -> Outcome:
    return _Answered(stream, statuses)


IGNORED: Outcome = _Ignored()
PROTOCOL_ERROR = ended(Code.PROTOCOL_ERROR)
FRAME_SIZE_ERROR = ended(Code.FRAME_SIZE_ERROR)
FLOW_CONTROL_ERROR = ended(Code.FLOW_CONTROL_ERROR)
COMPRESSION_ERROR = ended(Code.COMPRESSION_ERROR)


@dataclass(frozen=True)
class Row:
    """``sent``, each piece of it when the one before has had its effect, has one of ``outcomes``.

    :ivar section: of RFC 9113 (or 7541), where the rule is.
    :ivar why: the RFC allows more than one outcome.
    :ivar instead: it is sent instead of a preface.
    :ivar life: the stream with which the connection proves that it works; 0: no stream is left, a PING has to do.
    """

    section: str
    name: str
    sent: Sequence[bytes]
    outcomes: tuple[Outcome, ...]
    why: str = ""
    instead: bool = False
    life: int = FRESH


def row(section: str, name: str, sent: bytes | Sequence[bytes], *outcomes: Outcome, why: str = "", **more: Any) -> Row:
    assert len(outcomes) == 1 or why, f"{section} {name}: say why the RFC leaves a choice"
    return Row(section, name, [sent] if isinstance(sent, bytes) else sent, outcomes, why, **more)
