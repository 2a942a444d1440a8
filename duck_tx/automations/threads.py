"""The threads that jobs run on."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

__all__ = ["Call", "Threads"]

_log = Logger()

_STALLED = 0.002
"""Seconds without a call that begins after which more threads are woken."""

_STALLED_WHEN_FULL = 0.02
"""The same while this process computes: those at work may only be waiting for the interpreter lock."""

_MANY = 100

_FULL = 1.0
"""Seconds until a thread is tried again where there was no room for one."""


class Call:
    """Something that a thread is to do."""

    __slots__ = ("function", "has_ended", "is_left")

    def __init__(self, function: Callable[[], object]) -> None:
        self.function = function
        self.has_ended = False
        self.is_left = False


def _nothing() -> None: ...


class Threads:
    """A pool of daemon threads, made when they are needed: jobs wait and compute for as long as they like, and must
    not hold up what the reactor's own pool is for.

    Threads that compute only hand each other the interpreter lock, and keep the reactor from it.  So calls go to a
    thread that is at work already, and others are woken when none has begun for two milliseconds.

    A thread whose job shall not be waited for any longer can be left to itself, and another takes its place; there are
    never more than ``size`` such threads.

    All methods are for the reactor thread.

    :param size: jobs that run at the same time.
    :param clock: for the look at calls that wait.
    :param name: what the names of the threads begin with.
    :param used: the processor time of all threads of the process, in seconds.
    """

    def __init__(
        self,
        size: int,
        clock: IReactorTime,
        name: str = "duck-automation",
        used: Callable[[], float] = time.process_time,
    ) -> None:
        self.size = size
        self._clock = clock
        self._name = name
        self._lock = threading.Lock()
        self._waiting: deque[Call] = deque()
        self._idle: list[threading.Lock] = []
        self._places: set[int] = set()
        self._active = 0
        self._left = 0
        self._begun = 0.0
        self._used = used
        self._looked_at = (0.0, 0.0)
        self._patience = _STALLED
        self._look: IDelayedCall | None = None
        self._is_stopping = False

    @property
    def is_behind(self) -> bool:
        """Whether many calls wait that will all be made soon, as those before them were."""
        return len(self._waiting) > _MANY and time.monotonic() - self._begun < _STALLED_WHEN_FULL

    def call(self, function: Callable[[], object]) -> Call:
        """Have a thread call this, as soon as one is free; it should not raise.

        :raises RuntimeError: if there is no thread, and none can be made.
        """
        self._is_stopping = False
        call = Call(function)
        self._waiting.append(call)
        if not self._active and not self._wake():
            self._waiting.remove(call)
            raise RuntimeError("no thread can be started: there are too many in this process or in the system")
        self._look_later()
        return call

    def withdraw(self, call: Call) -> bool:
        """Forget what no thread has begun: whether there was still time."""
        try:
            self._waiting.remove(call)
        except ValueError:
            return False
        return True

    def leave(self, call: Call) -> None:
        """Do not count the thread that does this any longer; it ends with what it does."""
        with self._lock:
            if call.has_ended or call.is_left or self._left >= self.size:
                return
            call.is_left = True
            self._left += 1
            self._active -= 1
        self._look_later()

    def stop(self) -> None:
        """Let idle threads end now, and others when there is nothing more to do.  A call makes new ones."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        if self._waiting:
            self._wake()
        with self._lock:
            self._is_stopping = True
            idle, self._idle = self._idle, []
            self._active += len(idle)
        for asleep in idle:
            asleep.release()

    def _look_later(self) -> None:
        # When all are at work, each takes the next by itself.
        if self._waiting and self._look is None and self._active < self.size:
            self._looked_at = time.monotonic(), self._used()
            self._look = self._clock.callLater(self._patience, self._look_at_calls)

    def _look_at_calls(self) -> None:
        self._look = None
        waiting = len(self._waiting)
        if waiting and self._has_stalled():
            # Twice as many each time: a pause of the machine looks the same at first, and soon needs none of them.
            for _ in range(min(waiting, self._active or 1)):
                self._wake()
        self._look_later()

    def _has_stalled(self) -> bool:
        now = time.monotonic()
        seconds, used = self._looked_at
        is_full = self._used() - used > (now - seconds) / 2
        return now - self._begun > (_STALLED_WHEN_FULL if is_full else _STALLED)

    def _wake(self) -> bool:
        """Put one more thread to work, if there may be one more; whether any is at work."""
        with self._lock:
            if self._active >= self.size:
                return True
            if self._idle:
                self._active += 1
                self._idle.pop().release()
                return True
            place = min(set(range(1, len(self._places) + 2)) - self._places)
            name = f"{self._name}-{place}"
            try:
                threading.Thread(target=self._work, args=(place,), name=name, daemon=True).start()
            except RuntimeError:
                # No room in the system for one more; those there are do the work.
                _log.failure("a thread for automations could not be started")
                self._patience = _FULL
                return self._active > 0
            self._patience = _STALLED
            self._places.add(place)
            self._active += 1
            return True

    def _work(self, place: int) -> None:
        asleep = threading.Lock()
        asleep.acquire()
        while True:
            try:
                call = self._waiting.popleft()
            except IndexError:
                with self._lock:
                    # In this order: who adds a call and finds all at work relies on the second look.
                    self._active -= 1
                    if self._waiting:
                        self._active += 1
                        continue
                    if self._is_stopping:
                        self._places.discard(place)
                        return
                    self._idle.append(asleep)
                asleep.acquire()
                continue
            self._begun = time.monotonic()
            try:
                call.function()
            except BaseException:
                _log.failure("a call on a thread of the automations failed")
            # It may hold what holds the call: only the garbage collector would free them.
            call.function = _nothing
            with self._lock:
                call.has_ended = True
                if call.is_left:
                    self._left -= 1
                    self._places.discard(place)
                    return
            # What it holds is not kept until the next.
            del call
