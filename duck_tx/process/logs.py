"""The end of the server's log, kept in memory for those who ask for it over the control socket.

Where the log itself goes is the business of whoever started the server: a terminal, the journal, a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock
from typing import Any
from uuid import uuid4

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, LogPublisher, globalLogPublisher
from zope.interface import implementer

from duck_tx.errors import ApplicationError
from duck_tx.process.log import as_text, keep_zone
from duck_tx.process.ring import LINES, Ring

__all__ = ["LogService"]

_LONGEST_WAIT = 20.0
"""Seconds until somebody who waits for a line is told that there was none, and may ask again."""


@implementer(ILogObserver)
class LogService(Service):
    """Keeps the last lines of the log, as a console shows them.

    Events come from any thread, and may come while another is being kept: what collects garbage logs, too.

    :param reactor: for the time, and to leave other threads.
    :param publisher: whose events these are.
    """

    def __init__(self, reactor: Any, publisher: LogPublisher = globalLogPublisher) -> None:
        self._reactor = reactor
        self._publisher = publisher
        self._ring = Ring()
        self._lock = RLock()
        self._is_listening = False
        self._waiting: set[Deferred[None]] = set()
        self._has_news = False
        self._name = uuid4().hex

    # What is logged.

    def privilegedStartService(self) -> None:
        """Listen from now on: what the start says is worth keeping."""
        super().privilegedStartService()
        if not self._is_listening:
            self._is_listening = True
            self._publisher.addObserver(self)
            # Those of ``twistd`` in a ``.tac`` file's process, which nobody has seen to.
            keep_zone(self._publisher)

    def startService(self) -> None:
        """Listen, if that has not begun."""
        super().startService()
        self.privilegedStartService()

    def stopService(self) -> None:
        """Listen no more; whoever waits for a line is told so.  What was kept can still be asked for."""
        super().stopService()
        if self._is_listening:
            self._is_listening = False
            self._publisher.removeObserver(self)
        self._tell()

    def __call__(self, event: LogEvent) -> None:
        """Keep an event."""
        text = as_text(event)
        if not text:
            return
        with self._lock:
            for line in text.rstrip("\n").split("\n"):
                self._ring.add(line)
            is_news = bool(self._waiting) and not self._has_news
            self._has_news = self._has_news or is_news
        if is_news:
            self._reactor.callFromThread(self._tell)

    def _tell(self) -> None:
        with self._lock:
            self._has_news = False
            waiting, self._waiting = self._waiting, set()
        for each in waiting:
            each.callback(None)

    # What is asked.

    async def ask(self, given: Mapping[str, Any]) -> dict[str, object]:
        """Lines of the log.

        With ``after``, those that came after the line of this number in this ``log``; where there is none, the answer
        waits until there is one, but not for longer than 20 s.  Another log is that of an earlier life of the server:
        all lines of this one are new then.  Without ``after`` the newest lines, ``most`` of them.

        :param given: the arguments, as above.
        :return: ``lines``; ``log``, its name; ``last``, the number of the newest line; ``missed``, how many lines are
            no longer kept; ``ended``, whether there will be no more.
        :raises ApplicationError: if the arguments are of another kind.
        """
        after, most = _number(given, "after"), _number(given, "most")
        if after is not None and given.get("log", self._name) != self._name:
            after = 0
        if after is not None:
            await self._news_after(after)
        with self._lock:
            found = self._ring.newest(LINES if most is None else most) if after is None else self._ring.after(after)
        return {
            "log": self._name,
            "lines": found.texts,
            "last": found.last,
            "missed": found.missed,
            "ended": not self._is_listening,
        }

    async def _news_after(self, number: int) -> None:
        news: Deferred[None] = Deferred()
        with self._lock:
            if number != self._ring.last or not self._is_listening:
                return
            self._waiting.add(news)
        late = self._reactor.callLater(_LONGEST_WAIT, news.callback, None)
        try:
            await news
        finally:
            self._waiting.discard(news)
            if late.active():
                late.cancel()


def _number(given: Mapping[str, Any], name: str) -> int | None:
    found = given.get(name)
    if found is not None and (type(found) is not int or found < 0):
        raise ApplicationError(f"{name} is {found!r}, which is no number of lines.")
    return found
