"""A thread for what may block: calls are made one after another, and the reactor is told of the answers."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["Writer"]

_log = Logger()

T = TypeVar("T")


class Writer:
    """One daemon thread, which a process that ends does not wait for.

    :param reactor: for answers.
    :param name: of the thread.
    :param settle: called on the thread some time after calls without an answer, once for all of them.
    :param within: seconds, after the first of them.
    """

    def __init__(self, reactor: Any, name: str, settle: Callable[[], object], within: float) -> None:
        self._reactor = reactor
        self._name = name
        self._settle = settle
        self._within = within
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._wakes: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._settles: float | None = None
        self._is_settling = False
        self._has_ended = False

    def start(self) -> None:
        """Begin with the calls; those there are by now are the first."""
        threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def stop(self) -> None:
        """End after the calls there are."""
        self._wakes.put(self._end)

    def ask(self, function: Callable[[], T]) -> Deferred[T]:
        """Call ``function``; fires on the reactor thread with what it returns.

        Cancelling it undoes nothing.
        """
        answer: Deferred[T] = Deferred()

        def tell(result: T | Failure) -> None:
            if not answer.called:
                answer.callback(result)

        def call() -> None:
            result: T | Failure
            try:
                result = function()
            except BaseException:
                result = Failure()
            self._reactor.callFromThread(tell, result)

        self._calls.append((call, ()))
        self._wakes.put(self._make_calls)
        return answer

    def post(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call ``function``, together with what else is to be called by then; nobody waits for it.

        Thousands may be posted in a second: to wake the thread for each would have it take the interpreter lock from
        the reactor as often.
        """
        self._calls.append((function, arguments))
        if not self._is_settling:
            self._is_settling = True
            self._wakes.put(self._settle_soon)

    # On the thread.

    def _work(self) -> None:
        while not self._has_ended:
            left = None if self._settles is None else self._settles - time.monotonic()
            if left is not None and left <= 0:
                # In this order: what is posted from here on is settled the next time.
                self._settles, self._is_settling = None, False
                self._make_calls()
                self._try(self._settle)
                continue
            try:
                wake = self._wakes.get(timeout=left)
            except Empty:
                continue
            wake()

    def _settle_soon(self) -> None:
        if self._settles is None:
            self._settles = time.monotonic() + self._within

    def _end(self) -> None:
        self._has_ended = True
        self._make_calls()

    def _make_calls(self) -> None:
        calls = self._calls
        while calls:
            function, arguments = calls.popleft()
            self._try(function, *arguments)

    def _try(self, function: Callable[..., object], *arguments: Any) -> None:
        try:
            function(*arguments)
        except BaseException:
            _log.failure("automations: a call of the thread {name} failed", name=self._name)
