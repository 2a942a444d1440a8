"""One request on its way to a server, and its response on the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.logger import Logger
from zope.interface import implementer

from duck_tx.http.head import Rejected
from duck_tx.http.headers import Fields
from duck_tx.proxy.answer import AnswerHead, BadAnswer
from duck_tx.proxy.attempt import Attempt
from duck_tx.proxy.forward import Forwarded, framing, host_of, request_line
from duck_tx.proxy.passage import Passage, Switch
from duck_tx.proxy.respond import interim_fields, is_events, response_head
from duck_tx.proxy.rewrite import View
from duck_tx.proxy.trouble import Trouble
from duck_tx.proxy.upload import Upload
from duck_tx.proxy.websocket import WebSocketPassage

if TYPE_CHECKING:
    from duck_tx.http.request import Request
    from duck_tx.proxy.connection import UpstreamConnection
    from duck_tx.proxy.remote import RemoteResource
    from duck_tx.proxy.server import Server

__all__ = ["Exchange"]

_log = Logger()
_SENTENCES = {
    502: "The server behind this one did not answer as it should.",
    503: "No server behind this one is ready to answer.",
    504: "The server behind this one did not answer in time.",
}
_RETRY_AFTER = (b"Retry-After", b"5")


@implementer(IPushProducer)
class Exchange:
    """A request that a :class:`~duck_tx.proxy.remote.RemoteResource` forwards.

    :param fields: of the request, for all servers.
    :param upgrade: the protocol to switch to, if the client asks for one that may pass.
    """

    __slots__ = (
        "_connection", "_fields", "_is_begun", "_is_endless", "_is_over", "_server", "_switch", "_timer",
        "_tried", "_upload", "_was_kept", "_wrote", "request", "resource",
    )  # fmt: skip

    def __init__(self, resource: RemoteResource, request: Request, fields: Forwarded, upgrade: bytes) -> None:
        self.resource = resource
        self.request = request
        self._fields = fields
        self._switch = Switch(request, upgrade) if upgrade else None
        self._tried: frozenset[Server] = frozenset()
        self._server: Server | None = None
        self._connection: UpstreamConnection | None = None
        self._upload: Upload | None = None
        self._timer: IDelayedCall | None = None
        self._was_kept = self._wrote = self._is_begun = self._is_endless = self._is_over = False

    # The way there.

    def begin(self) -> None:
        """Send the request to a server."""
        request = self.request
        request.when_lost(self._client_left)
        if self._switch is None and (request.arriving is not None or request.body_size):
            self._upload = Upload(self, request)
        if not self._try():
            _log.warn("no server is left to ask; {asked}: answered with 503", asked=request.asked)
            self._refuse(Trouble("no server is left to ask", 503))

    def _try(self, again: Server | None = None) -> bool:
        """Ask a server; false if there is none left.

        :param again: this one, on a new connection.
        """
        server = self.resource.choose(self.request, self._tried) if again is None else again
        self._server = server
        self._was_kept = self._wrote = False
        if server is None:
            return False
        server.in_flight += 1
        connection = None if again else server.pool.take(check=self.request.method != b"GET")
        if connection is None:
            server.pool.connect(self)
        else:
            self.connected(connection)
        return True

    def connected(self, connection: UpstreamConnection) -> None:
        """The connection is there to be asked."""
        server, request, fields, switch = self._server, self.request, self._fields, self._switch
        assert server is not None
        self._connection = connection
        self._was_kept = connection.served > 0
        self._wrote = True
        connection.ask(self, bodyless=request.method == b"HEAD")
        method = request.method if switch is None else b"GET"
        line = request_line(method, request.uri, fields, self.resource.route, server.upstream)
        upload = self._upload
        if upload is None:
            added = framing(method, fields, 0) if switch is None else switch.lines
            connection.outlet.send(line + fields.lines + added + b"\r\n")
            connection.sent()
            return
        added = framing(method, fields, upload.length)
        waits = fields.expects and not upload.is_started
        if waits:
            added += b"Expect: 100-continue\r\n"
        upload.send(connection, line + fields.lines + added + b"\r\n", waits=waits)
        if waits and self._connection is connection:
            seconds = server.pool.limits.continue_timeout
            self._timer = self.resource.clock.callLater(seconds, self._continue)

    def _continue(self) -> None:
        """The server wants the body, or does not say."""
        self._stop_timer()
        if self._upload is not None and not self._is_over:
            self._upload.go_on()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def server_blocked(self) -> None:
        """The server must read before more should be sent."""
        if self._upload is not None:
            self._upload.pause()

    def server_ready(self) -> None:
        """It has read what was waiting."""
        if self._upload is not None:
            self._upload.resume()
        elif self._connection is not None:
            self._connection.sent()

    def body_failed(self, rejected: Rejected | None) -> None:
        """The rest of the request will not come; the client has been told, or has gone."""
        self._let_go()

    # The way back.

    def interim(self, head: AnswerHead) -> None:
        """An interim response came."""
        if head.code != 100:
            self.request.send_interim(head.code, interim_fields(head))
        elif self._timer is not None:
            self._continue()

    def answered(self, head: AnswerHead, body: bytes, *, whole: bool) -> None:
        """The head came, and so much of the body."""
        server, connection, request = self._server, self._connection, self.request
        assert server is not None and connection is not None
        resource = self.resource
        code = head.code
        if self._timer is not None:
            self._stop_timer()
        try:
            if self._switch is not None and self._switch.must_not_be(code):
                raise BadAnswer(f"it answered {code} where a switch of protocols was asked for")
            moves = resource.route.moves or bool(server.upstream.base)
            line, block = response_head(head, self._view, moves=moves)
        except BadAnswer as bad:
            connection.abort()
            self.troubled(Trouble(str(bad)))
            return
        server.succeeded(code, whole=whole)
        if whole:
            self._release()
            self._is_over = True
            request.send(line, code, block, body)
            return
        self._is_begun = True
        request.begin(line, code, block)
        request.write(body)
        if not self._is_over:
            request.registerProducer(self, True)
            if head.length is None and is_events(head.fields):
                self._is_endless = True
                request.site.end_at_farewell(self._say_farewell)

    def _view(self) -> View:
        server, route = self._server, self.resource.route
        assert server is not None
        upstream = server.upstream
        return View(route, upstream, self.request.origin, host_of(self._fields.host, route, upstream))

    def received(self, data: bytes) -> None:
        """A piece of the body came."""
        self.request.write(data)

    def ended(self, trailers: Fields) -> None:
        """The response is whole."""
        request, server = self.request, self._server
        assert server is not None
        server.finished(request.code)
        self._release()
        self._is_over = True
        if trailers:
            request.trailers = trailers
        request.finish()

    def switched(self, head: AnswerHead, rest: bytes) -> None:
        """The server switches protocols."""
        server, connection, switch = self._server, self._connection, self._switch
        assert server is not None and connection is not None
        why = "it switched protocols without being asked to" if switch is None else switch.fault(head)
        if switch is None or why:
            connection.fail(Trouble(why))
            return
        server.succeeded()
        self._is_over = True
        self._server = self._connection = None
        passage = (WebSocketPassage if switch.is_websocket else Passage)(server, connection)
        passage.begin(self.request.tunnel(switch.fields(head), passage), rest)

    # Pace.

    def pauseProducing(self) -> None:
        """The client must read first."""
        if self._connection is not None:
            self._connection.pause()

    def resumeProducing(self) -> None:
        """The client has read."""
        if self._connection is not None:
            self._connection.resume()

    def stopProducing(self) -> None:
        """The client has gone; :meth:`_client_left` is called as well."""

    # The end.

    def _say_farewell(self) -> None:
        """This server stops, which alone ends a stream of events."""
        if not self._is_over:
            self._drop_upload()
            self._let_go()
            self.request.finish()

    def _expect_no_farewell(self) -> None:
        if self._is_endless:
            self.request.site.farewells.discard(self._say_farewell)

    def _release(self) -> None:
        """The response is whole: give the connection back, unless the request is not."""
        self._expect_no_farewell()
        server, self._server = self._server, None
        connection, self._connection = self._connection, None
        upload, self._upload = self._upload, None
        if connection is not None:
            connection.release(is_sent=upload is None or upload.is_sent)
        if upload is not None:
            upload.stop()
        if server is not None:
            server.in_flight -= 1

    def _client_left(self) -> None:
        self._let_go()

    def _let_go(self) -> None:
        """Nobody waits for the response any more."""
        if self._is_over:
            return
        self._is_over = True
        self._expect_no_farewell()
        self._stop_timer()
        server, self._server = self._server, None
        connection, self._connection = self._connection, None
        self._upload = None
        if connection is not None:
            connection.abort()
        elif server is not None:
            server.pool.withdraw(self)
        if server is not None:
            server.given_up()
            server.in_flight -= 1

    def troubled(self, trouble: Trouble) -> None:
        """There will be no response from this server, or no more of one."""
        server, connection = self._server, self._connection
        self._server = self._connection = None
        self._stop_timer()
        assert server is not None
        server.in_flight -= 1
        has_answered = connection is not None and connection.has_answered
        was_kept = self._was_kept and not has_answered and not trouble.timed_out
        # An application may have nothing to say for long within a response.
        is_silence = self._is_begun and trouble.timed_out
        if trouble.is_ours:
            server.given_up()
        elif not was_kept and not is_silence:
            server.failed(trouble.why)
        if self._is_begun:
            self._is_over = True
            self._expect_no_farewell()
            self._say(server, trouble, "the response was cut")
            self._drop_upload()
            self.request.cut()
            return
        upload = self._upload
        if upload is None or upload.can_repeat:
            attempt = Attempt(
                server, trouble.why, trouble.status, self._wrote, was_kept, has_answered, trouble.timed_out,
                len(self._tried) + 1,
            )  # fmt: skip
            if self.resource.may_retry(self.request, attempt):
                if upload is not None:
                    upload.rewind()
                if not was_kept:
                    self._tried |= {server}
                if self._try(server if was_kept else None):
                    return
        self._say(server, trouble, f"answered with {trouble.status}")
        self._refuse(trouble)

    def _say(self, server: Server, trouble: Trouble, outcome: str) -> None:
        _log.warn(
            "upstream {name}: {why}; {asked}: {outcome}",
            name=server.name, why=trouble.why, asked=self.request.asked, outcome=outcome,
        )  # fmt: skip

    def _refuse(self, trouble: Trouble) -> None:
        """Answer with an error page."""
        self._is_over = True
        self._drop_upload()
        status = trouble.status
        self.request.fail(status, _SENTENCES[status], [_RETRY_AFTER] if status == 503 else [])

    def _drop_upload(self) -> None:
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.stop()
