"""One call of a WSGI application (PEP 3333), from its environment to the last byte of its response."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, NamedTuple

from twisted.logger import Logger

from duck_tx.gateway.environ import environ_of
from duck_tx.gateway.filewrapper import FileWrapper, file_part
from duck_tx.gateway.head import response_head
from duck_tx.gateway.outbox import Postbox
from duck_tx.gateway.stream import ClientGone, ResponseStream
from duck_tx.http.filepart import FilePart
from duck_tx.http.headers import NO_BODY
from duck_tx.http.request import Request
from duck_tx.http.response import Block, ResponseError

__all__ = ["Application", "Call", "Terms"]

_log = Logger()
_WHOLE = (list, tuple)

Headers = list[tuple[str, str]]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Terms(NamedTuple):
    """What all calls of one resource share.  Sizes in bytes."""

    application: Application
    base: dict[str, Any]
    outbox: Postbox
    memory: int
    spool: int


class Call:
    """One request on its way through the application.

    It has the request's body from the beginning: the application may still read it when the client has left or has been
    answered, so it is closed when the application is done.

    :param finish: called on the reactor thread when the response begins, or nobody waits for it any more.
    :ivar thread: identifier of the thread it is on, 0 before and after.
    :ivar gone: the client left, or was answered in the application's stead.
    """

    __slots__ = (
        "_begun", "_body", "_finish", "_head", "_left", "_request", "_stream", "_terms", "deadline", "gone", "thread",
    )  # fmt: skip

    def __init__(self, terms: Terms, request: Request, finish: Callable[[Call], None], deadline: float) -> None:
        self._terms = terms
        self._request = request
        self._finish = finish
        self._head: tuple[bytes, int, Block] | None = None
        self._begun = False
        self._left: int | None = None
        self._stream: ResponseStream | None = None
        self.thread = 0
        self.gone = False
        self.deadline = deadline
        self._body = body = request._body
        if body is not None:
            request._body = None

    @property
    def request(self) -> Request:
        return self._request

    def abandon(self) -> None:
        """Nobody waits for the response any more.  On the reactor thread."""
        self.gone = True
        if self._stream is not None:
            self._stream.abandon()
        if self._body is not None and not self.thread:
            self._body.close()
        self._finish(self)

    # On the application's thread.

    def run(self) -> None:
        """Call the application and hand over what it returns."""
        self.thread = threading.get_ident()
        result: Any = None
        try:
            if self.gone:
                return
            try:
                environ = environ_of(self._terms.base, self._request, self._body)
                result = self._terms.application(environ, self.start_response)
                self._hand_over(result)
            finally:
                close = getattr(result, "close", None)
                if close is not None:
                    close()
        except ClientGone:
            pass
        except BaseException as error:
            # What an application raises ends its request, never a thread or the server: sys.exit() included.
            self._failed(error)
        finally:
            self.thread = 0
            if self._body is not None:
                self._body.close()

    def start_response(self, status: str, headers: Headers, exc_info: ExcInfo | None = None) -> Callable[[bytes], None]:
        """PEP 3333's ``start_response``."""
        if exc_info is not None:
            try:
                if self._begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._head is not None:
            raise AssertionError("start_response was called twice without exc_info")
        self._head = response_head(status, headers)
        return self.write

    def write(self, data: bytes) -> None:
        """PEP 3333's ``write``."""
        if not self._write(data) and not self._bodyless:
            raise ResponseError("the body is longer than its Content-Length")

    def _hand_over(self, result: Any) -> None:
        if isinstance(result, _WHOLE) or getattr(result, "streaming", None) is False:
            body = b"".join(result)
            if not self._begun:
                self._send(body)
                return
            result = (body,)
        elif isinstance(result, FileWrapper) and not self._begun:
            self._started()
            part = file_part(result.file)
            if part is not None:
                self._send_file(part)
                return
        if getattr(result, "is_async", False) and self._terms.base["wsgi.multithread"]:
            # Here, as most sites have none.
            from duck_tx.gateway.asyncbody import hand_over

            hand_over(result, self._request, self._take, self._is_left)
        else:
            for data in result:
                if not self._take(data):
                    break
        if self._stream is not None:
            self._stream.end()
        elif not self._begun:
            self._send(b"")

    def _take(self, data: bytes) -> bool:
        """Send the next piece that the application makes; false if no more of them are of use."""
        if data:
            if not self._write(data):
                self._leave_out_rest()
                return False
        elif self._is_left():
            raise ClientGone
        return True

    def _is_left(self) -> bool:
        """Whether nobody waits for more."""
        return self.gone or (self._stream is not None and self._stream.is_gone)

    def _started(self) -> tuple[bytes, int, Block]:
        if self._head is None:
            raise AssertionError("the application returned without calling start_response")
        return self._head

    def _send(self, body: bytes) -> None:
        head = self._started()
        self._begun = True
        self._terms.outbox.post(self._respond, *head, body)

    def _send_file(self, part: FilePart) -> None:
        line, code, block = self._started()
        if block.length is None:
            block = block._replace(length=part.count)
        elif block.length < part.count:
            part = FilePart(part.file, part.offset, block.length)
        self._begun = True
        self._terms.outbox.post(self._respond_file, line, code, block, part)

    def _write(self, data: bytes) -> bool:
        """Send a piece; false if the response needs no more than it has."""
        if not isinstance(data, bytes):
            raise TypeError(f"a WSGI application must give bytes, not {type(data).__name__}")
        if self.gone:
            raise ClientGone
        stream = self._stream
        if stream is None:
            if self._begun:
                return False
            head = self._started()
            length = self._left = head[2].length
            if self._bodyless or length == len(data):
                self._left = 0
                self._begun = True
                self._terms.outbox.now(self._respond, *head, data)
                return not self._bodyless
            stream = self._begin(head, not data)
        left = self._left
        if left is None:
            stream.put(data)
            return True
        self._left = max(0, left - len(data))
        stream.put(data[:left])
        return len(data) <= left

    def _begin(self, head: tuple[bytes, int, Block], alone: bool) -> ResponseStream:
        terms = self._terms
        self._begun = True
        self._stream = stream = ResponseStream(self._request, terms.outbox, terms.memory, terms.spool)
        terms.outbox.now(self._respond_stream, *head, alone)
        if self.gone:
            raise ClientGone
        return stream

    @property
    def _bodyless(self) -> bool:
        return self._request.method == b"HEAD" or self._started()[1] in NO_BODY

    def _leave_out_rest(self) -> None:
        request = self._request
        if not self._bodyless:
            _log.warn(
                "{asked}: the body is longer than its Content-Length; the rest is left out",
                asked=request.asked,
            )  # fmt: skip

    def _failed(self, error: BaseException) -> None:
        request = self._request
        what = "sent an invalid response" if isinstance(error, ResponseError) else "failed"
        _log.failure("{asked}: the application " + what, asked=request.asked)
        if self._stream is not None:
            self._stream.fail()
        elif not self._begun:
            self._terms.outbox.post(self._respond_error)

    # On the reactor thread.

    def _respond(self, line: bytes, code: int, block: Block, body: bytes) -> None:
        if not self.gone:
            self._finish(self)
            self._request.send(line, code, block, body)

    def _respond_file(self, line: bytes, code: int, block: Block, part: FilePart) -> None:
        if self.gone:
            part.file.close()
        else:
            self._finish(self)
            self._request.send_file(line, code, block, part)

    def _respond_stream(self, line: bytes, code: int, block: Block, alone: bool) -> None:
        if not self.gone:
            self._finish(self)
            assert self._stream is not None
            self._stream.begin(line, code, block, alone)

    def _respond_error(self) -> None:
        if not self.gone:
            self._finish(self)
            self._request.fail(500, "The application could not make this page. The server's log says why.")
