"""One WebSocket, on a tunnel: its messages, its end, and how long either may take (RFC 6455 5 to 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.logger import Logger

from duck_tx.websocket.deflate import Deflater
from duck_tx.websocket.frames import ABNORMAL, Code, Fault, Opcode, close_payload, closing, frame
from duck_tx.websocket.limits import WebSocketLimits
from duck_tx.websocket.messages import Control, MessageReader

if TYPE_CHECKING:
    from duck_tx.http.tunnel import Tunnel

__all__ = ["Listener", "WebSocket"]

_log = Logger()
_NEVER = float("inf")
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
_COMPRESSED = 0x40
_WORTH_COMPRESSING = 128
"""Bytes of the shortest message that is compressed: for less, it takes longer than to send what it saves."""

_AT_ONCE = 65_536
"""Bytes that are gathered for one write while messages are delivered."""

_OPEN, _CLOSING, _CLOSED = 0, 1, 2


class Listener(Protocol):
    """Who the messages of a WebSocket are for."""

    def message(self, data: str | bytes) -> None:
        """The client has sent a message: text as ``str``."""

    def writable(self) -> None:
        """The client has read what was waiting for it: no longer backlogged."""

    def closed(self, code: int, reason: str) -> None:
        """It is over.  The last call, and it always comes.

        ``code`` and ``reason`` are those of the first Close frame, whoever sent it: 1005 if that has none, 1006 if the
        connection ended without one.
        """


class WebSocket:
    """One of them, from the server's side; made by ``Offer.accept``.  The end of a tunnel.

    It sets no timers: the deadline of its tunnel is when it must do something next.

    :ivar subprotocol: the one that was agreed on.
    """

    __slots__ = (
        "_deflater",
        "_delivering",
        "_ended",
        "_heard",
        "_limits",
        "_listener",
        "_paused",
        "_pinged",
        "_queue",
        "_queued",
        "_reader",
        "_said",
        "_state",
        "_taken",
        "_told",
        "_tunnel",
        "subprotocol",
    )

    _tunnel: Tunnel

    def __init__(
        self,
        reader: MessageReader,
        deflater: Deflater | None,
        listener: Listener,
        limits: WebSocketLimits,
        subprotocol: str | None,
    ) -> None:
        self._reader = reader
        self._deflater = deflater
        self._listener = listener
        self._limits = limits
        self.subprotocol = subprotocol
        self._state = _OPEN
        self._said = (ABNORMAL, "")
        self._queue: list[bytes] = []
        self._queued = self._taken = 0
        self._heard = self._pinged = self._paused = self._delivering = self._ended = self._told = False

    def open(self, tunnel: Tunnel) -> None:
        """The handshake is answered: speak through this from now on."""
        self._tunnel = tunnel
        self._rest()

    # What its owner asks and tells.

    @property
    def is_open(self) -> bool:
        """Whether messages can still be sent; what is sent after is left out."""
        return self._state == _OPEN

    @property
    def backlogged(self) -> bool:
        """Whether messages wait for the client to read; ``Listener.writable`` is called when they do no more."""
        return self._tunnel.backlogged

    def send_text(self, text: str) -> None:
        """Send a text.

        :raises UnicodeEncodeError: if it has half of a surrogate pair in it.
        """
        self._send(_TEXT, text.encode())

    def send_bytes(self, data: bytes) -> None:
        """Send bytes."""
        self._send(_BINARY, data)

    def close(self, code: int = Code.NORMAL, reason: str = "") -> None:
        """Close, once what was sent before is out; further messages of the client's are left out.

        :param code: 1000 to 1014 without 1004 to 1006, or 3000 to 4999; 1005 to say none.
        :param reason: for people; at most 123 bytes, the rest is cut off.
        :raises ValueError: for any other code.
        """
        payload = close_payload(code, reason)
        if self._state == _OPEN:
            self._state = _CLOSING
            self._say_close(payload, code, reason)
            # The client's own Close may be behind messages that nobody has wanted to read.
            self.resume()

    def abort(self) -> None:
        """End it now, without a word."""
        if self._state != _CLOSED:
            self._state = _CLOSED
            self._reader.drop()
            self._tunnel.abort()

    def pause(self) -> None:
        """Deliver no more messages for now, and read none."""
        if self._state == _OPEN and not self._paused:
            self._paused = True
            self._tunnel.pause()

    def resume(self) -> None:
        """Deliver messages again, at once those that wait."""
        if self._paused:
            self._paused = False
            # What the client has said meanwhile is not read yet.
            self._heard = True
            if not self._delivering:
                self._deliver()
            if not self._paused:
                self._tunnel.resume()

    # What its tunnel tells.

    def received(self, data: bytes) -> None:
        """The client has sent this."""
        if self._state == _CLOSED:
            return
        self._heard = True
        self._reader.feed(data)
        if not self._paused and not self._delivering:
            self._deliver()

    def ended(self) -> None:
        """The client will say no more."""
        self._ended = True
        if not self._paused and not self._delivering:
            self._finish_ended()

    def blocked(self) -> None:
        """The client must read first."""

    def unblocked(self) -> None:
        """The client has read."""
        self._heard = True
        self._flush()
        if self._state == _OPEN and not self._tunnel.backlogged:
            try:
                self._listener.writable()
            except Exception:
                self._listener_failed()

    def expired(self) -> None:
        """The deadline has passed: ask for a sign of life, or wait no longer."""
        if self._state != _OPEN:
            self._wait_or_cut()
            return
        limits = self._limits
        if self._paused or self._tunnel.backlogged:
            # No answer could be seen, or no question sent; a client that does not read is the wire's to judge.
            self._pinged = False
        elif self._pinged and not self._heard:
            self._fail(Code.INTERNAL_ERROR, "no answer to a ping")
            return
        elif not self._heard or (self._pinged and limits.ping_interval <= limits.ping_timeout):
            self._heard, self._pinged = False, True
            self._write(frame(_PING, b""))
            self._tunnel.deadline = self._now() + limits.ping_timeout
            return
        self._rest(limits.ping_timeout if self._pinged else 0.0)
        self._heard = self._pinged = False

    def going_away(self) -> None:
        """The server stops."""
        self.close(Code.GOING_AWAY, "the server stops")

    def lost(self) -> None:
        """The tunnel is over."""
        self._state = _CLOSED
        self._let_go()
        self._tell()

    # Receiving.

    def _deliver(self) -> None:
        """Hand out what is there, until there is nothing more or nobody wants it; what is sent meanwhile leaves in
        one piece."""
        reader, listener = self._reader, self._listener
        self._delivering = True
        try:
            while not self._paused and self._state != _CLOSED:
                event = reader.read()
                if event is None:
                    break
                if isinstance(event, Control):
                    self._obey(event)
                elif self._state == _OPEN:
                    listener.message(event)
        except Fault as fault:
            self._fail(fault.code, fault.reason)
        except Exception:
            self._listener_failed()
        self._delivering = False
        if self._queue:
            self._flush()
        if self._ended and not self._paused:
            self._finish_ended()

    def _obey(self, control: Control) -> None:
        opcode, payload = control
        if opcode == Opcode.CLOSE:
            code, reason = closing(payload)
            if self._state == _OPEN:
                self._say_close(close_payload(code), code, reason)
            self._end()
        elif opcode == Opcode.PING and self._state == _OPEN:
            if self._tunnel.backlogged and self._queue and self._queue[-1][0] == _PONG:
                # The latest answer stands for those before (5.5.3).
                self._queued -= len(self._queue.pop())
            self._write(frame(_PONG, payload))

    def _finish_ended(self) -> None:
        if self._state != _CLOSED:
            self._flush()
            self._end()

    # Sending.

    def _send(self, first: int, payload: bytes) -> None:
        if self._state != _OPEN:
            return
        deflater = self._deflater
        if deflater is not None and len(payload) >= _WORTH_COMPRESSING:
            self._write(frame(first | _COMPRESSED, deflater.deflate(payload)))
        else:
            self._write(frame(first, payload))

    def _write(self, data: bytes) -> None:
        """Send a frame; while messages are delivered it waits for others, and while the client must read for it."""
        if not self._delivering and not self._queue and not self._tunnel.backlogged:
            self._tunnel.write(data)
            return
        before = self._queued
        self._queue.append(data)
        self._queued += len(data)
        if not self._tunnel.backlogged:
            if not self._delivering or self._queued > _AT_ONCE:
                self._flush()
        elif before > self._limits.max_queue:
            self._queue.clear()
            self._fail(Code.TRY_AGAIN_LATER, "too much waits to be read")

    def _flush(self) -> None:
        """Send what waits, if it can be sent now."""
        if self._queue and not self._tunnel.backlogged:
            self._push()

    def _push(self) -> None:
        data = b"".join(self._queue)
        self._queue.clear()
        self._queued = 0
        self._tunnel.write(data)

    # The end.

    def _say_close(self, payload: bytes, code: int, reason: str) -> None:
        """Send a Close frame behind all that waits: the tunnel keeps what the client does not take now."""
        self._said = (code, reason)
        self._queue.append(frame(_CLOSE, payload))
        self._push()
        self._wait()

    def _fail(self, code: int, reason: str) -> None:
        """Close, and listen no more (7.1.7)."""
        if self._state == _OPEN:
            self._say_close(close_payload(code, reason), code, reason)
        if self._state != _CLOSED:
            self._end()

    def _listener_failed(self) -> None:
        asked = self._tunnel.request.asked
        _log.failure("{asked}: what receives the messages of a WebSocket failed", asked=asked)
        self._fail(Code.INTERNAL_ERROR, "")

    def _end(self) -> None:
        """All is said: hang up, and wait for the client to do so too."""
        self._state = _CLOSED
        self._let_go()
        if self._paused:
            self._paused = False
            self._tunnel.resume()
        self._wait()
        self._tunnel.close()
        self._tell()

    def _wait(self) -> None:
        """Give the client its time."""
        self._taken = self._tunnel.taken
        self._tunnel.deadline = self._now() + self._limits.close_timeout

    def _wait_or_cut(self) -> None:
        """The client has had its time; but as long as it still takes what was sent before the close, at the rate that
        responses are to be taken at, it cannot have seen that."""
        tunnel = self._tunnel
        least = tunnel.request.site.limits.write_min_rate * self._limits.close_timeout
        if tunnel.taken - self._taken > least:
            self._wait()
        elif tunnel.backlogged:
            tunnel.abort()
        else:
            # Between a proxy and its client much may still be on the way, and would be lost with a connection that is
            # cut.
            tunnel.hang_up()

    def _let_go(self) -> None:
        """Free what only messages needed."""
        self._reader.drop()
        self._deflater = None
        self._queue.clear()

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            try:
                self._listener.closed(*self._said)
            except Exception:
                _log.failure(
                    "{asked}: what was to hear of the end of a WebSocket failed", asked=self._tunnel.request.asked
                )

    # Time.

    def _now(self) -> float:
        return self._tunnel.request.site.seconds()

    def _rest(self, elapsed: float = 0.0) -> None:
        """Look for a sign of life when the interval, of which a part may have passed, is over."""
        interval = self._limits.ping_interval
        self._tunnel.deadline = self._now() + interval - elapsed if interval else _NEVER
