"""HTTP/2 on one server connection: its beginning, its end, and how long everything may take."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from duck_tx.http.outlet import Outlet, outlet_for
from duck_tx.http.site import Site
from duck_tx.http2.admission import Admission
from duck_tx.http2.errors import ConnectionFault, ErrorCode
from duck_tx.http2.farewell import Farewell
from duck_tx.http2.flow import Inflow, Patience
from duck_tx.http2.frames import Setting, goaway, rst_stream, settings, window_update
from duck_tx.http2.holding import Holding
from duck_tx.http2.identifiers import Identifiers
from duck_tx.http2.inlet import Inlet
from duck_tx.http2.intake import Intake
from duck_tx.http2.limits import Budget, Http2Limits
from duck_tx.http2.sender import Sender
from duck_tx.http2.stream import Stream

__all__ = ["Http2Channel", "Phase"]

_NEVER = float("inf")
_FIRST_WINDOW = 65_535
_UNSENT_AT_MOST = 131_072


class Phase:
    """What the connection is doing."""

    OPEN = 0
    LINGER = 1
    CLOSED = 2


class Http2Channel(Protocol):
    """One connection.

    The channel sets no timers of its own: at :attr:`deadline` or somewhat later :meth:`expire` is called, which finds
    out what is due.  The deadline may be earlier than the first thing that is, so that nothing need be computed for
    each frame.

    :ivar phase: what it is doing.
    :ivar deadline: clock seconds.
    :ivar streams: the open streams by their identifiers.
    :ivar identifiers: which are used up.
    :ivar budget: what the client may still do for nothing.
    :ivar admission: has requests answered.
    :ivar holding: what waits for those who take it.
    :ivar stream_window: bytes that the client may be ahead on one stream.
    :ivar now: gives clock seconds.
    """

    transport: Any
    outlet: Outlet
    sender: Sender
    budget: Budget
    admission: Admission
    holding: Holding
    phase: int = Phase.OPEN
    deadline = _NEVER
    _intake: Intake
    _inlet: Inlet
    _farewell: Farewell
    _reader: Patience
    _peer: IAddress | None = None
    _advancing = False
    _reading = True
    _client_leaves = False
    _acknowledge_by = _NEVER
    _idle_by = _NEVER
    _close_by = _NEVER

    def __init__(self, site: Site, limits: Http2Limits) -> None:
        self.site = site
        self.now = site.seconds
        self.streams: dict[int, Stream] = {}
        self.identifiers = Identifiers()
        self.stream_window = limits.stream_window
        self._http = site.limits
        self._limits = limits

    # The connection.

    def connectionMade(self) -> None:
        clock = self.site.clock
        limits = self._limits
        self.outlet = outlet_for(self, self.transport, clock)
        _keep_little_unsent(self.transport)
        self.budget = Budget(limits, self.now)
        self.sender = Sender(self, self.outlet, clock, self._http)
        self._reader = Patience(self._http)
        self.admission = Admission(self.sender, clock)
        self.holding = Holding(Inflow(limits.connection_window), self.sender, self.now)
        self._intake = Intake(self, limits)
        self._inlet = Inlet(self._intake, self.outlet, self._http, self.now)
        self._farewell = Farewell(self.sender, self.identifiers)
        self.deadline = self._inlet.deadline
        self.site.opened(self)
        said = {
            Setting.MAX_CONCURRENT_STREAMS: limits.max_streams,
            Setting.INITIAL_WINDOW_SIZE: limits.stream_window,
            Setting.MAX_HEADER_LIST_SIZE: self._http.max_header_block,
            Setting.ENABLE_CONNECT_PROTOCOL: 1,
            Setting.NO_RFC7540_PRIORITIES: 1,
        }
        first = settings(said)
        if limits.connection_window > _FIRST_WINDOW:
            first += window_update(0, limits.connection_window - _FIRST_WINDOW)
        self.sender.write(first)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.phase = Phase.CLOSED
        self._inlet.close()
        self.admission.stop()
        self.outlet.stop()
        self._lose_streams(reason)
        self.sender.stop()
        self.site.closed(self)

    def _lose_streams(self, reason: Failure) -> None:
        for stream in list(self.streams.values()):
            stream.lose(reason)

    def getPeer(self) -> IAddress:
        peer = self._peer
        if peer is None:
            peer = self._peer = self.transport.getPeer()
        return peer

    def getHost(self) -> IAddress:
        return self.transport.getHost()

    def abort(self) -> None:
        """Cut the connection now."""
        if self.phase != Phase.CLOSED:
            self.phase = Phase.CLOSED
            self.deadline = _NEVER
            self.outlet.abort()

    # Reading.

    def dataReceived(self, data: bytes) -> None:
        if self.phase == Phase.OPEN:
            self._inlet.add(data)
            if not self._advancing:
                self._advance()

    def _advance(self) -> None:
        """Take the frames that have come, and send together what they give rise to."""
        inlet, sender = self._inlet, self.sender
        self._advancing = True
        sender.gather()
        try:
            inlet.read()
        except ConnectionFault as fault:
            self._close(fault.code, fault.reason)
        finally:
            self._advancing = False
            if self.phase == Phase.OPEN:
                sender.release()
        if self.phase == Phase.OPEN:
            self.wake_at(inlet.deadline)
            self._pace()

    def _pace(self) -> None:
        """Let the client send no faster than it reads."""
        stop = bool(self._inlet.rest) and self.outlet.backlogged
        if stop and self._reading:
            self._reading = False
            self.transport.pauseProducing()
        elif not stop and not self._reading:
            self._read_on()

    def _read_on(self) -> None:
        self._reading = True
        self.transport.resumeProducing()

    # Streams.

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """Reset a stream."""
        self.identifiers.cut(stream_id)
        self.sender.write(rst_stream(stream_id, code))

    def closed(self, stream: Stream) -> None:
        """A stream is over."""
        self.streams.pop(stream.id, None)
        if self.phase != Phase.OPEN:
            return
        self.admission.stream_closed()
        if self.site.draining:
            self._announce()
        if not self.streams:
            self._rest()

    # What the client says of the connection.

    def greeted(self) -> None:
        """The client has begun."""
        self._acknowledge_by = self.now() + self._limits.settings_timeout
        self.wake_at(self._acknowledge_by)
        self._rest()

    def settings_acknowledged(self) -> None:
        """The client knows our settings."""
        self._acknowledge_by = _NEVER

    def ping_acknowledged(self, payload: bytes) -> None:
        """The client has seen all that was sent before that PING."""
        if self._farewell.heard(payload):
            self._leave()

    def client_leaves(self) -> None:
        """The client wants no more: finish what runs."""
        self._client_leaves = True
        if not self.streams:
            self._rest()

    # The end.

    def _rest(self) -> None:
        """No request is in progress."""
        if self._farewell.is_final or self._client_leaves:
            self._close()
        else:
            self._idle_by = self.now() + self._http.keepalive_timeout
            self.wake_at(self._idle_by)

    @property
    def is_lingering(self) -> bool:
        """Whether all is said, and the client has only to hang up."""
        return self.phase == Phase.LINGER and not self.outlet.backlogged

    def drain(self, deadline: float) -> None:
        """The site is stopping: a client that may be about to ask for the first time has until ``deadline``, in clock
        seconds."""
        if self.phase != Phase.OPEN or deadline == _NEVER:
            # In the second case the port still accepts; the end is announced behind the next response.
            return
        if self.identifiers.last or (self._inlet.greeted and self._acknowledge_by == _NEVER):
            self._announce()
        else:
            self._farewell.by = min(self._farewell.by, deadline)
            self.wake_at(deadline)
        for stream in list(self.streams.values()):
            stream.going_away()

    def _announce(self) -> None:
        self._farewell.announce(self.now() + self.site.last_word)
        self.wake_at(self._farewell.by)

    def _leave(self) -> None:
        """Take no more requests; close when those there are have been answered."""
        self._farewell.leave()
        if not self.streams:
            self._rest()

    def _close(self, code: ErrorCode = ErrorCode.NO_ERROR, reason: str = "") -> None:
        """Say why, close our side, and read away what the client still sends for a while.

        Closing at once would reset the connection and could destroy what was sent last (RFC 9113 6.8).
        """
        if self.phase != Phase.OPEN:
            return
        self.phase = Phase.LINGER
        self._inlet.close()
        self._lose_streams(Failure(ConnectionAborted()))
        if code or not self._farewell.is_final:
            self.sender.write(goaway(min(self.identifiers.last, self.identifiers.last_accepted), code, reason))
        self.sender.release()
        if not self._reading:
            self._read_on()
        if not self.outlet.backlogged:
            self._half_close()

    def _half_close(self) -> None:
        self._close_by = self.now() + self._http.linger_timeout
        self.wake_at(self._close_by)
        self.outlet.half_close()

    # What the sender and the outlet tell.

    def unburdened(self) -> None:
        """Less is waiting than before."""
        self.admission.unburdened()

    def blocked(self) -> None:
        """The client must read before more can be sent."""
        self._reader.wait(self.now(), self.outlet.sent)
        self.wake_at(self._reader.deadline)

    def progressed(self) -> None:
        """The client has read something."""
        now = self.now()
        self._excuse(self._reader.end(now))
        self._reader.wait(now, self.outlet.sent)

    def drained(self) -> None:
        """All is sent that was waiting."""
        self._excuse(self._reader.end(self.now()))
        if self.phase == Phase.LINGER:
            self._half_close()
        elif self.phase == Phase.OPEN:
            # What the client says comes first: what is to be sent may fill the connection again at once.
            if not self._advancing:
                self._advance()
            self.sender.pump()
            if self.phase == Phase.OPEN and not self.streams:
                self._rest()

    def _excuse(self, seconds: float) -> None:
        """Nothing was read for so long."""
        self._inlet.excuse(seconds)
        for stream in self.streams.values():
            stream.excuse(seconds)

    def producer_failed(self, reason: Failure) -> None:
        """Streams have outlets of their own for producers."""

    # Time.

    def wake_at(self, deadline: float) -> None:
        """Look at the deadlines no later than this, in clock seconds."""
        if deadline < self.deadline:
            self.deadline = deadline

    def expire(self) -> None:
        """Do what the time has come for."""
        now = self.now()
        self.deadline = _NEVER
        if self._reader.deadline <= now or self._close_by <= now:
            self.abort()
        elif self.phase == Phase.OPEN:
            kept_waiting = self.holding.excuse(now)
            if kept_waiting:
                self._excuse(kept_waiting)
            if self.outlet.backlogged:
                self._remind(now)
            else:
                self._expire(now)
        if self.phase == Phase.OPEN:
            self.deadline = min(
                self._reader.deadline, self._acknowledge_by, self._inlet.deadline, self._farewell.by,
                self.sender.patience.deadline, _NEVER if self.streams else self._idle_by,
                *(stream.deadline() for stream in self.streams.values()),
            )  # fmt: skip
        elif self.phase == Phase.LINGER:
            self.deadline = min(self._reader.deadline, self._close_by)

    def _remind(self, now: float) -> None:
        """Tunnels have deadlines that do not wait until the client has read."""
        for stream in list(self.streams.values()):
            if stream.arrival is not None and stream.arrival.is_tunnel:
                stream.arrival.remind(now)

    def _expire(self, now: float) -> None:
        if self._acknowledge_by <= now:
            self._close(ErrorCode.SETTINGS_TIMEOUT, "SETTINGS were not acknowledged in time")
        elif self._inlet.deadline <= now:
            self._close(reason="the client was too slow")
        elif self._idle_by <= now and not self.streams:
            self._close(reason="nothing was asked for a while")
        else:
            if self._farewell.by <= now:
                self._leave()
            late = [stream for stream in self.streams.values() if stream.deadline() <= now]
            for stream in late + self.sender.starved(now):
                stream.expire()


def _keep_little_unsent(transport: Any) -> None:
    """Have the system take no more than it needs to keep the network busy (tcp(7) of Linux and macOS).

    It would take megabytes of one response, and the next would wait behind them: 0.9 seconds where the client reads
    4 MB a second, and so it is 0.06.
    """
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    connected = getattr(transport, "socket", None)
    if option is not None and connected is not None:
        # A Unix socket has no such option.
        with suppress(OSError):
            connected.setsockopt(socket.IPPROTO_TCP, option, _UNSENT_AT_MOST)
