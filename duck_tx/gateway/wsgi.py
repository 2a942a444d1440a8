"""The WSGI gateway: a resource that answers with what a Python application returns (PEP 3333)."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.web.server import NOT_DONE_YET

from duck_tx.gateway.both import NotHere
from duck_tx.gateway.call import Application, Call, Terms
from duck_tx.gateway.environ import base_environ
from duck_tx.gateway.errors import ErrorStream
from duck_tx.gateway.filewrapper import FileWrapper
from duck_tx.gateway.outbox import Outbox, Postbox
from duck_tx.gateway.threads import GatewayThreads
from duck_tx.gateway.turns import ReactorTurns
from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request

__all__ = ["WSGIResource"]

_log = Logger()
_TICK = 1.0
_WEBSOCKET = b"websocket"


class Pool(Protocol):
    """What takes calls to other threads; ``twisted.python.threadpool.ThreadPool`` does."""

    def callInThread(self, function: Callable[..., Any], /, *args: Any) -> object: ...


class WSGIResource(LeafResource):
    """Answers every path below it with a WSGI application, as ``twisted.web.wsgi.WSGIResource`` does.

    On a thread pool, a thread is held until the rest of the response fits the memory and the temporary file of
    ``response_spool`` bytes.  On the reactor thread nothing can wait: there the file takes whatever a slow client
    leaves, without a limit, nobody notices that a client has left, and there is no time-out.

    :param reactor: to come back to from other threads, and for the time-out.
    :param threadpool: where the application is called; ``None`` calls it on the reactor thread.
    :param application: the WSGI application.
    :param max_waiting: requests that may wait for a thread; beyond it, 503.
    :param request_timeout: seconds until a request whose response has not begun is answered with 504 and the stack of
        its thread logged (looked at once a second); 0 for never.
    :param response_memory: bytes of a streamed response kept in memory for a slow client.
    :param response_spool: bytes of it kept in a temporary file beyond that.
    :param multiprocess: other processes serve the same application (``wsgi.multiprocess``).
    :param sockets: answers those who ask for a WebSocket, of which WSGI knows nothing; by default with 501.
    """

    def __init__(
        self,
        reactor: Any,
        threadpool: Pool | None,
        application: Application,
        *,
        max_waiting: int = 512,
        request_timeout: float = 120.0,
        response_memory: int = 1_048_576,
        response_spool: int = 67_108_864,
        multiprocess: bool = False,
        sockets: LeafResource | None = None,
    ) -> None:
        self._clock = reactor
        self._sockets = sockets or NotHere("There are no WebSockets here.")
        base = base_environ(
            multithread=threadpool is not None,
            multiprocess=multiprocess,
            errors=ErrorStream(),
            file_wrapper=FileWrapper,
        )
        outbox: Postbox
        if threadpool is None:
            self._pool: Any = ReactorTurns(reactor)
            outbox = self._pool
            response_spool, request_timeout = sys.maxsize, 0.0
        elif isinstance(threadpool, GatewayThreads):
            self._pool = threadpool
            outbox = Outbox(reactor, lambda: threadpool.collecting)
            threadpool.collect(outbox.flush)
        else:
            self._pool = threadpool if hasattr(threadpool, "waiting") else _CountedPool(threadpool)
            outbox = Outbox(reactor)
        self._terms = Terms(application, base, outbox, response_memory, response_spool)
        self._max_waiting = max_waiting
        self._timeout = request_timeout
        self._calls: set[Call] = set()
        self._tick: IDelayedCall | None = None

    def streams(self, request: Request) -> bool:
        """Not for the application; a WebSocket over HTTP/2 is opened only where one says so beforehand."""
        return request.upgrade == _WEBSOCKET and self._sockets.streams(request)

    def render(self, request: Request) -> int:
        """Have the application answer."""
        # Over HTTP/2 it is a CONNECT, and no field says so (RFC 8441).
        if (request.nominates or request.method == b"CONNECT") and request.upgrade == _WEBSOCKET:
            self._sockets.render(request)
            return NOT_DONE_YET
        pool = self._pool
        if pool.waiting >= self._max_waiting:
            request.fail(503, "The server is busy. Please try again.", [(b"Retry-After", b"1")])
            return NOT_DONE_YET
        call = Call(self._terms, request, self._calls.discard, time.monotonic() + self._timeout)
        self._calls.add(call)
        request.when_lost(call.abandon)
        if self._tick is None and self._timeout:
            self._tick = self._clock.callLater(_TICK, self._look_for_late)
        pool.callInThread(call.run)
        return NOT_DONE_YET

    def stop(self) -> None:
        """Leave nothing on the reactor: calls that are still at work end without a time-out."""
        tick, self._tick = self._tick, None
        if tick is not None:
            tick.cancel()

    def _look_for_late(self) -> None:
        self._tick = None
        now = time.monotonic()
        for call in [call for call in self._calls if call.deadline <= now]:
            self._give_up(call)
        if self._calls:
            self._tick = self._clock.callLater(_TICK, self._look_for_late)

    def _give_up(self, call: Call) -> None:
        request = call.request
        frame = sys._current_frames().get(call.thread) if call.thread else None
        where = "".join(traceback.format_stack(frame)) if frame is not None else "It was still waiting for a thread.\n"
        _log.error(
            "{asked} took longer than {timeout:g} s (gateway.request_timeout) and was answered with 504.\n"
            "{stack}",
            asked=request.asked, timeout=self._timeout, stack=where,
        )  # fmt: skip
        call.abandon()
        request.fail(504, "The application took too long to make this page.")


class _CountedPool:
    """Counts the calls that wait for a thread, for a pool that does not tell."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._calls: set[object] = set()

    @property
    def waiting(self) -> int:
        return len(self._calls)

    def callInThread(self, function: Any) -> None:
        token = object()
        self._calls.add(token)
        self._pool.callInThread(self._run, token, function)

    def _run(self, token: object, function: Any) -> None:
        self._calls.discard(token)
        function()
