"""A client of an HTTP/2 connection in memory: it sends whatever bytes it is told to."""

from __future__ import annotations

from twisted.internet.task import Clock

from duck_tx.http.site import Site
from tests.unit.http2_frames import LARGEST, PREFACE, data, ping, settings, window_update
from tests.unit.http2_reader import Reader, hold
from tests.unit.wire_case import Connection


class Client(Connection, Reader):
    """A client's end."""

    def __init__(self, site: Site, clock: Clock, client: str = "192.0.2.1") -> None:
        Reader.__init__(self)
        Connection.__init__(self, site, clock, client)
        self._time = clock

    def start(self, *values: tuple[int, int]) -> None:
        """Send the preface with these settings."""
        self.changes(*values)
        self.send(PREFACE + settings(*values))
        self.acknowledge()

    def acknowledge(self) -> None:
        """Acknowledge the server's settings, from now on."""
        self.acknowledges = True
        self.send(settings(ack=True))

    def tell(self, *values: tuple[int, int]) -> None:
        """Change settings."""
        self.changes(*values)
        self.send(settings(*values))

    def grant(self, stream: int, octets: int) -> None:
        """Let the server send more."""
        self.grants(stream, octets)
        self.send(window_update(stream, octets))

    def upload(self, stream: int, content: bytes, *, end: bool = True, pad: int | None = None, size: int = 0) -> None:
        """Send a body as flow control allows, in DATA of ``size`` bytes if that is given.

        :raises AssertionError: if the server does not give the window for it.
        """
        beside = 0 if pad is None else pad + 1
        while content:
            room = min(self.granted(0), self.granted(stream), LARGEST) - beside
            hold(room > 0, f"the window for stream {stream} is never given back")
            part = content[: min(room, size or room)]
            content = content[len(part) :]
            self.spend(stream, len(part) + beside)
            self.send(data(stream, part, pad=pad, end=end and not content))

    def answers(self, payload: bytes = b"alive?!?") -> bool:
        """Whether a PING is answered."""
        self.send(ping(payload))
        return payload in self.pongs

    def wait(self, seconds: float) -> None:
        """Let time pass, in steps small enough for every timer."""
        until = self._time.seconds() + seconds
        while (left := until - self._time.seconds()) > 1e-6:
            self._time.advance(min(0.1, left))
            self.settle()

    def settle(self) -> None:
        """Let everything happen that needs no time."""
        super().settle()
        while came := self.wire.value():
            self.wire.clear()
            self.feed(came)
            self._held += self.owed
            self.owed.clear()
            super().settle()
