"""Views of micro apps that are coroutines: they run on the reactor thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.core.handlers.wsgi import WSGIRequest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from duck_tx.gateway.both import NotHere
from duck_tx.gateway.environ import base_environ, environ_of
from duck_tx.gateway.errors import ErrorStream
from duck_tx.gateway.filewrapper import FileWrapper, file_part
from duck_tx.gateway.view import answer_of, fields_of, refusal, trouble_page
from duck_tx.http.headers import NO_BODY
from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request
from duck_tx.http.response import serialise, status_line
from duck_tx.promise import settled

if TYPE_CHECKING:
    from duck_tx.http.site import Site

__all__ = ["CoroutineResource"]

_log = Logger()
_NO_TUNNELS = NotHere("There are no WebSockets here.")


class CoroutineResource(LeafResource):
    """Answers every path below it with one view that returns a coroutine or a Deferred.

    What it awaits are Deferreds and other such coroutines.  A client that leaves cancels it.

    :param reactor: for the time-out.
    :param view: gets a ``django.http.HttpRequest``; what it returns in the end is as in
        :func:`duck_tx.gateway.view.answer_of`.
    :param who: its name in messages.
    :param is_debug: asked when it has failed: whether whoever asked may see the traceback.
    :param most: requests that it may have at once; beyond it, 503.
    :param request_timeout: seconds until it is cancelled and answered with 504, unless its response has begun; 0 for
        never.
    """

    def __init__(
        self,
        reactor: Any,
        view: Callable[[Any], Any],
        who: str,
        is_debug: Callable[[], bool],
        *,
        most: int,
        request_timeout: float,
        multiprocess: bool = False,
    ) -> None:
        self._reactor = reactor
        self._view = view
        self._who = who
        self._is_debug = is_debug
        self._most = most
        self._timeout = request_timeout
        self._base = base_environ(
            multithread=False, multiprocess=multiprocess, errors=ErrorStream(), file_wrapper=FileWrapper
        )
        self._running: set[Deferred[None]] = set()

    def render(self, request: Request) -> int:
        """Have the view answer."""
        # Over HTTP/2 it is a CONNECT, and no field says so (RFC 8441).
        if (request.nominates or request.method == b"CONNECT") and request.upgrade == b"websocket":
            return _NO_TUNNELS.render(request)
        if len(self._running) >= self._most:
            request.fail(503, "The server is busy. Please try again.", [(b"Retry-After", b"1")])
            return NOT_DONE_YET
        answering = Deferred.fromCoroutine(self._answer(request))
        if answering.called:
            answering.addErrback(self._failed, request)
            return NOT_DONE_YET
        self._running.add(answering)
        request.when_lost(answering.cancel)
        late = self._reactor.callLater(self._timeout, self._give_up, request, answering) if self._timeout else None

        def done(result: Any) -> Any:
            self._running.discard(answering)
            if late is not None and late.active():
                late.cancel()
            return result

        answering.addBoth(done)
        answering.addErrback(self._failed, request)
        return NOT_DONE_YET

    def _give_up(self, request: Request, answering: Deferred[None]) -> None:
        if request.startedWriting:
            return
        _log.error(
            "{asked}: {who} took longer than {timeout:g} s (gateway.request_timeout) and was answered with 504",
            asked=request.asked, who=self._who, timeout=self._timeout,
        )  # fmt: skip
        request.fail(504, "The application took too long to make this page.")
        answering.cancel()

    def _failed(self, failure: Failure, request: Request) -> None:
        if failure.check(CancelledError) and (request._disconnected or request.finished):
            # Nobody waits for it any more.
            return
        _log.failure("{asked}: {who} failed", failure=failure, asked=request.asked, who=self._who)
        request.fail(500, "The application could not make this page. The server's log says why.")

    async def _answer(self, request: Request) -> None:
        # The view may still read it when the client has left, so it is not the request's to close.
        body, request._body = request._body, None
        try:
            asked = WSGIRequest(environ_of(self._base, request, body))
            response = await self._response(asked)
            try:
                await _send(self._reactor, request, response)
            finally:
                response.close()
        finally:
            if body is not None:
                body.close()

    async def _response(self, asked: Any) -> Any:
        try:
            return answer_of(await settled(self._view(asked)), self._who)
        except Exception as error:
            refused = refusal(error)
            if refused is not None:
                return refused
            if isinstance(error, CancelledError) or not self._is_debug():
                raise
            _log.failure("{method} {path}: {who} failed", method=asked.method, path=asked.path, who=self._who)
            return trouble_page(asked)


async def _send(reactor: Any, request: Request, response: Any) -> None:
    code = response.status_code
    line = status_line(code, response.reason_phrase.encode("latin-1"))
    block = serialise(fields_of(response))
    if not response.streaming:
        request.send(line, code, block, response.content)
        return
    part = file_part(getattr(response, "file_to_stream", None))
    if part is not None:
        if block.length is None:
            block = block._replace(length=part.count)
        request.send_file(line, code, block, part)
        return
    request.begin(line, code, block)
    # What streams may take long until its first piece.
    request.write(b"")
    if request.method != b"HEAD" and code not in NO_BODY:
        pumping = Deferred.fromCoroutine(_Pump(reactor, request).run(response.streaming_content))
        is_endless = response.get("Content-Type", "").startswith("text/event-stream")
        await (_until_farewell(request.site, pumping) if is_endless else pumping)
    if not request.finished:
        request.finish()


async def _until_farewell(site: Site, pumping: Deferred[None]) -> None:
    """Wait for the end of a stream of events, to which a stop of the server may put it."""
    is_over = False

    def end() -> None:
        nonlocal is_over
        is_over = True
        pumping.cancel()

    site.end_at_farewell(end)
    try:
        await pumping
    except CancelledError:
        if not is_over:
            raise
    finally:
        site.farewells.discard(end)


@implementer(IPushProducer)
class _Pump:
    """Sends the pieces of a response as fast as the client takes them."""

    def __init__(self, reactor: Any, request: Request) -> None:
        self._reactor = reactor
        self._request = request
        self._gate: Deferred[None] | None = None

    async def run(self, pieces: Any) -> None:
        self._request.registerProducer(self, True)
        try:
            if hasattr(pieces, "__aiter__"):
                try:
                    async for piece in pieces:
                        await self._put(piece)
                finally:
                    await pieces.aclose()
            else:
                for piece in pieces:
                    await self._put(piece)
                    # What has its pieces at hand would leave others no turn.
                    await deferLater(self._reactor, 0)
        finally:
            self._request.unregisterProducer()

    async def _put(self, piece: bytes) -> None:
        self._request.write(piece)
        if self._gate is not None:
            await self._gate

    def pauseProducing(self) -> None:
        """The client has to catch up."""
        if self._gate is None:
            self._gate = Deferred()

    def resumeProducing(self) -> None:
        """It has."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.callback(None)

    def stopProducing(self) -> None:
        """It has left, which cancels the view; nothing more is to be done here."""
