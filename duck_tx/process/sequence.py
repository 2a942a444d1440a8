"""Services that start one after the other and stop in the opposite order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.promise import follow, settled

__all__ = ["Sequence"]

_log = Logger()


class Sequence(MultiService):
    """A ``MultiService`` with an order.

    Twisted's starts its children without waiting for them and stops them all at the same time.  Here ``startService``
    of a child may return a Deferred or a coroutine, and the next child starts when it has fired; ``stopService`` goes
    backwards, waits for each, and logs what fails without leaving the rest running.  A child that could not start is
    stopped too, so ``stopService`` of a child has to bear that.

    :param failed: called with the exception when the start has failed and everything is down again.
    """

    def __init__(self, failed: Callable[[BaseException], object] | None = None) -> None:
        super().__init__()
        self._failed = failed
        self._starting: Deferred[None] | None = None
        self._stopping: Deferred[None] | None = None
        self._privileged: BaseException | None = None
        self._has_asked = False
        self._is_hurried = False
        # Those that are up or on their way, those that have been touched since they were last stopped, those that stop.
        self._rising: dict[Any, _Way] = {}
        self._touched: set[Any] = set()
        self._falling: dict[Any, _Way] = {}
        self._ends: dict[str, Future[None]] = {}

    def ended(self, name: str) -> Future[None] | None:
        """A Future that ends when the child of this name has stopped; ``None`` where it was not started."""
        return self._ends.get(name)

    # All of them.

    def privilegedStartService(self) -> None:
        """Let every child do what needs privileges; a failure is kept for :meth:`startService`, which can wait for the
        children to stop again."""
        self._has_asked = True
        try:
            super().privilegedStartService()
        except Exception as error:
            self._privileged = error

    def startService(self) -> Deferred[None]:
        """Start the children in order; fires when all are up, or the start has failed or was stopped.  Called again, it
        waits for the same."""
        if self._stopping is not None:
            return follow(self._stopping).addCallback(lambda _: self.startService())
        if self._starting is None:
            self.running = 1
            self._is_hurried = False
            self._starting = starting = Deferred[None]()
            follower = follow(starting)
            Deferred.fromCoroutine(self._start()).addBoth(lambda _: starting.callback(None))
            return follower
        return follow(self._starting)

    async def _start(self) -> None:
        if not self._has_asked:
            # ``twist``, unlike ``twistd``, never asks.
            self.privilegedStartService()
        try:
            error, self._privileged = self._privileged, None
            if error is not None:
                raise error
            for child in list(self):
                if self.running:
                    await self._rise(child)
        except GeneratorExit:
            # Nobody waits for this any more: the whole tree was dropped on its way up.
            raise
        except BaseException as error:
            if not self.running:
                # Stopped on the way up: that is no failure.
                return
            await self.stopService()
            if self._failed is not None:
                self._failed(error)

    def stopService(self) -> Deferred[None]:
        """Stop what is up or on its way, the last one first.  Called again, it waits for the same."""
        if self._stopping is None:
            self.running = 0
            self._stopping = stopping = Deferred[None]()
            follower = follow(stopping)
            Deferred.fromCoroutine(self._stop()).addBoth(self._stopped)
            return follower
        return follow(self._stopping)

    async def _stop(self) -> None:
        for child in reversed(list(self)):
            if self._has_asked or child in self._touched:
                await self._fall(child)

    def _stopped(self, _: object) -> None:
        self._has_asked = False
        self._starting = None
        stopping, self._stopping = self._stopping, None
        assert stopping is not None
        stopping.callback(None)

    def stop_at_once(self) -> None:
        """Do not wait for anything any more: a stop under way ends now.  Children that have such a method are told."""
        self._is_hurried = True
        for child in reversed(list(self)):
            told = getattr(child, "stop_at_once", None)
            if told is not None:
                told()
        for fall in list(self._falling.values()):
            if fall.doing is not None:
                fall.doing.cancel()

    # One of them.

    def insert(self, child: Any, name: str, before: str) -> None:
        """Put one more child before another.  Where the others are up, it is not started by that.

        :raises KeyError: if there is no child of the name ``before``.
        :raises RuntimeError: if there is one of this name.
        """
        place = self.services.index(self.getServiceNamed(before))
        if name in self.namedServices:
            raise RuntimeError(f"there is a child called {name!r} already")
        child.setName(name)
        child.parent = self
        self.namedServices[name] = child
        self.services.insert(place, child)

    def start_child(self, name: str) -> Deferred[None]:
        """Start one child, if it is not up already; fires when it is up.

        :raises KeyError: if there is none of this name.
        """
        return self._rise(self.getServiceNamed(name))

    def stop_child(self, name: str) -> Deferred[None]:
        """Stop one child, if it is up or on its way; fires when it is down.

        :raises KeyError: if there is none of this name.
        """
        child = self.getServiceNamed(name)
        return self._fall(child) if child in self._touched else succeed(None)

    def _rise(self, child: Any) -> Deferred[None]:
        """Start a child, unless it is up or on its way."""
        if child in self._rising:
            return follow(self._rising[child].shared)
        self._touched.add(child)
        self._ends[str(child.name)] = Future()
        self._rising[child] = rise = _Way()
        follower = follow(rise.shared)

        def done(result: Failure | None) -> None:
            if isinstance(result, Failure) and self._rising.get(child) is rise:
                del self._rising[child]
            rise.shared.callback(result)
            # Whoever waits has been told.
            rise.shared.addErrback(lambda failure: None)

        rise.doing = Deferred.fromCoroutine(self._begin(child))
        rise.doing.addBoth(done)
        return follower

    async def _begin(self, child: Any) -> None:
        if child in self._falling:
            await follow(self._falling[child].shared)
        await settled(child.startService())

    def _fall(self, child: Any) -> Deferred[None]:
        """Stop a child, unless it is on its way down."""
        if child in self._falling:
            return follow(self._falling[child].shared)
        rise = self._rising.pop(child, None)
        self._touched.discard(child)
        self._falling[child] = fall = _Way()
        follower = follow(fall.shared)
        if rise is not None and rise.doing is not None:
            rise.doing.cancel()
        fall.doing = Deferred.fromCoroutine(self._end(child))
        if self._is_hurried:
            fall.doing.cancel()

        def done(_: object) -> None:
            del self._falling[child]
            end = self._ends.get(str(child.name))
            if end is not None and not end.done():
                end.set_result(None)
            fall.shared.callback(None)

        fall.doing.addBoth(done)
        return follower

    async def _end(self, child: Any) -> None:
        try:
            await settled(child.stopService())
        except CancelledError:
            _log.info("not waiting for {child}", child=child.name or child)
        except Exception:
            _log.failure("stopping {child} failed", child=child.name or child)


class _Way:
    """The way of a child up or down.

    :ivar doing: what its method does, to be cancelled.
    :ivar shared: fires for everybody who waits for it.
    """

    __slots__ = ("doing", "shared")

    def __init__(self) -> None:
        self.doing: Deferred[None] | None = None
        self.shared: Deferred[None] = Deferred()
