"""The request that resources see, when it came by HTTP/2."""

from __future__ import annotations

from duck_tx.http.headers import NO_BODY
from duck_tx.http.request import Request
from duck_tx.http.response import Block
from duck_tx.http2.encode import encoded_fields, encoded_length, encoded_status
from duck_tx.http2.stream import Stream

__all__ = ["Http2Request"]


class Http2Request(Request):
    """Answers with frames.

    :ivar keep_alive: false when the response is shorter than it said: its stream is then reset.
    """

    channel: Stream  # type: ignore[assignment]
    clientproto = b"HTTP/2"
    keep_alive = True
    upgrade = b""
    _ending = False

    def _head(self, line: bytes, block: Block, length: int | None) -> bytes:
        """The whole head as a header block; the reason phrase has no place in it."""
        if self.startedWriting:
            raise RuntimeError("the response has begun already")
        self.startedWriting = 1
        code = self.code
        own = self.site.own_fields(block.has_date, block.has_server, block.has_hsts)
        head = encoded_status(code) + encoded_fields(own) + encoded_fields(block.lines)
        self._bodyless = self.method == b"HEAD" or code in NO_BODY
        if length is not None:
            if code != 204 and (length or code != 304):
                head += encoded_length(length)
            self._declared = length
        return head

    def _put_interim(self, line: bytes, code: int, block: Block) -> None:
        self.channel.begin(encoded_status(code) + encoded_fields(block.lines))

    def _send_whole(self, head: bytes, body: bytes) -> None:
        if self.keep_alive:
            self.channel.respond(head, body)
        else:
            self.channel.begin(head)
            self.channel.write(body)

    def _put(self, data: bytes, end: bytes) -> None:
        if self._bodyless:
            data = b""
        elif data:
            data = self._within_length(data)
        head, self._unsent_head = self._unsent_head, b""
        if self._ending and not self._bodyless:
            self.channel.trailers = encoded_fields(self._trailer_lines())
        if head:
            whole = self._bodyless or self._declared in (None, self.sentLength)
            if self._ending and whole and not self.channel.trailers:
                self.channel.respond(head, data)
                return
            self.channel.begin(head)
        if data:
            self.channel.write(data)

    def finish(self) -> None:
        """Say that the response is whole."""
        self._ending = True
        super().finish()
