"""The gateway's threads: as few at work as get the work done."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from duck_tx.gateway.saturation import Saturation

__all__ = ["GatewayThreads"]

_log = Logger()
_STALLED = 0.002
"""Seconds without progress after which more threads are woken."""
_STALLED_WHEN_FULL = 0.02
"""The same while the process has no time to spare: what looks like waiting is then the reactor's own turn."""


class GatewayThreads:
    """A thread pool for applications that compute more than they wait.

    Threads that compute only hand each other the interpreter lock, which costs more than a small request.  So a call is
    given to a thread that is at work already, and others are woken only when none of those at work has begun a call for
    two milliseconds, which is what a thread waiting for a database looks like from here, or when calls wait while the
    process has time to spare.  When it has none, threads leave the work to the others, down to one.

    It has the part of ``twisted.python.threadpool.ThreadPool`` that ``WSGIResource`` uses: :meth:`callInThread`.  All
    methods are for the reactor thread, except :meth:`join`, which waits.

    :param size: threads at most.
    :param clock: for the look at a queue that may have stalled.
    :param at_exit: called on each thread before it ends, to close what belongs to the thread.
    :param saturation: says whether more threads would get more done.
    :raises ValueError: if ``size`` is less than one.
    """

    def __init__(
        self,
        size: int,
        clock: IReactorTime,
        *,
        name: str = "duck-gateway",
        at_exit: Callable[[], object] | None = None,
        saturation: Saturation | None = None,
    ) -> None:
        if size < 1:
            raise ValueError(f"a pool needs at least one thread, not {size}")
        self.size = size
        self._clock = clock
        self._name = name
        self._at_exit = at_exit
        self._queue: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._lock = threading.Lock()
        self._idle: list[tuple[int, threading.Lock]] = []
        self._places = list(range(size, 0, -1))
        self._begun = [0.0] * (size + 1)
        self._active = 0
        self._threads: set[threading.Thread] = set()
        self._look: IDelayedCall | None = None
        self._collectors: list[Callable[[], object]] = []
        self._stopping = False
        self._saturation = saturation or Saturation()
        self._leave = False

    @property
    def waiting(self) -> int:
        """Calls that no thread has taken yet."""
        return len(self._queue)

    @property
    def working(self) -> int:
        """Threads that are at work."""
        return self._active

    def collect(self, call: Callable[[], object]) -> None:
        """Have ``call`` called every two milliseconds while calls are waiting, and once more when none are."""
        self._collectors.append(call)

    @property
    def collecting(self) -> bool:
        """Calls are waiting, and what was given to :meth:`collect` is going to be called.  For any thread."""
        return bool(self._queue) and self._look is not None

    def start(self) -> None:
        """Take calls from now on; threads are made as they are needed."""
        self._stopping = False
        self._threads = {thread for thread in self._threads if thread.is_alive()}
        if self._queue:
            self._wake()
            self._look_again()

    def callInThread(self, function: Callable[..., object], *args: Any) -> None:
        """Have ``function`` called on a thread.  What comes after :meth:`stop` may have to wait for :meth:`start`."""
        self._queue.append((function, args))
        if not self._active:
            if not self._stopping:
                self._wake()
        elif not self._stopping and (self._look is None or len(self._queue) == 1):
            self._look_again()
            if self._active < self.size and self._stalled:
                self._wake()

    @property
    def _stalled(self) -> bool:
        patience = _STALLED_WHEN_FULL if self._saturation.is_full else _STALLED
        return time.monotonic() - max(self._begun) > patience

    def _look_again(self) -> None:
        if self._look is None:
            self._look = self._clock.callLater(_STALLED, self._look_at_queue)

    def _look_at_queue(self) -> None:
        # First: a thread that finds a look that is still to come relies on what it does.
        self._look = None
        waiting = len(self._queue)
        if waiting:
            self._look_again()
            self._adjust(waiting)
        for collect in self._collectors:
            collect()

    def _adjust(self, waiting: int) -> None:
        advice = self._saturation.advice()
        if self._active < self.size and self._stalled:
            # Twice as many each time: a pause of the machine looks the same at first, and soon needs none of them.
            for _ in range(min(waiting, self._active or 1, self.size - self._active)):
                self._wake()
        elif advice > 0 and self._active < self.size:
            self._wake()
        elif advice < 0 and self._active > 1:
            self._leave = True

    def _wake(self) -> None:
        with self._lock:
            if self._idle:
                place, asleep = self._idle.pop()
                self._active += 1
                self._begun[place] = time.monotonic()
                asleep.release()
            elif self._places:
                place = self._places.pop()
                thread = threading.Thread(target=self._work, args=(place,), name=f"{self._name}-{place}", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    # No room in the system for one more; those there are do the work.
                    self._places.append(place)
                    _log.failure("a gateway thread could not be started")
                    return
                self._active += 1
                self._begun[place] = time.monotonic()
                self._threads.add(thread)

    def _work(self, place: int) -> None:
        queue = self._queue
        begun = self._begun
        asleep = threading.Lock()
        asleep.acquire()
        while True:
            if self._leave and self._leaves(place, asleep):
                asleep.acquire()
            try:
                function, args = queue.popleft()
            except IndexError:
                with self._lock:
                    # In this order: whoever adds a call and still finds this thread active relies on the second look.
                    self._active -= 1
                    if queue:
                        self._active += 1
                        continue
                    begun[place] = 0.0
                    if self._stopping:
                        self._places.append(place)
                        break
                    self._idle.append((place, asleep))
                asleep.acquire()
                continue
            begun[place] = time.monotonic()
            try:
                function(*args)
            except BaseException:
                _log.failure("a call on a gateway thread failed")
            del function, args
        if self._at_exit is not None:
            try:
                self._at_exit()
            except BaseException:
                _log.failure("closing a gateway thread failed")

    def _leaves(self, place: int, asleep: threading.Lock) -> bool:
        """Whether the thread at this place is the one that leaves the work to others; it is idle then."""
        with self._lock:
            if not self._leave or self._stopping or self._active < 2:
                return False
            self._leave = False
            self._active -= 1
            self._begun[place] = 0.0
            self._idle.append((place, asleep))
            return True

    def stop(self) -> None:
        """Let every thread end when the queue is empty.  Does not wait: see :meth:`join`."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        for _ in range(min(len(self._queue), self.size - self._active)):
            self._wake()
        with self._lock:
            self._stopping = True
            idle, self._idle = self._idle, []
            self._active += len(idle)
        for _, asleep in idle:
            asleep.release()
        for collect in self._collectors:
            collect()

    def join(self, timeout: float) -> list[str]:
        """Wait for all threads to end, not on the reactor thread; the names of those still at work after ``timeout``
        seconds."""
        until = time.monotonic() + timeout
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        with self._lock:
            self._threads = {thread for thread in self._threads if thread.is_alive()}
        return sorted(thread.name for thread in threads if thread.is_alive())
