"""``openssl s_client``: a client that can be told to do what no library lets Python do."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

__all__ = ["SClient"]


class SClient(ProcessProtocol):
    """One connection.

    :param options: for the command.
    """

    transport: Any

    def __init__(self, test: TestCase, address: tuple[str, int] | None, *options: str) -> None:
        from twisted.internet import reactor

        assert address is not None
        self._reactor: Any = reactor
        self._pieces: list[bytes] = []
        self._ended: Deferred[None] = Deferred()
        self.has_ended = False
        words = ["openssl", "s_client", "-connect", f"{address[0]}:{address[1]}", "-servername", "duck.example"]
        self._reactor.spawnProcess(self, "openssl", [*words, *options], env=None)
        test.addCleanup(self._end)

    def outReceived(self, data: bytes) -> None:
        self._pieces.append(data)

    errReceived = outReceived

    @property
    def _said(self) -> str:
        return b"".join(self._pieces).decode(errors="replace")

    def processExited(self, reason: Failure) -> None:
        """Its output may still come."""

    def processEnded(self, reason: Failure) -> None:
        self.has_ended = True
        self._ended.callback(None)

    def _end(self) -> Deferred[None]:
        if not self.has_ended:
            with suppress(ProcessExitedAlready):
                self.transport.signalProcess("KILL")
        return self._ended

    async def _says(self, text: str, after: int = 0) -> None:
        while text not in self._said[after:]:
            assert not self.has_ended, self._said
            await deferLater(self._reactor, 0.002, lambda: None)

    async def up(self) -> None:
        """Wait until hands are shaken."""
        await self._says("Verify return code")

    async def command(self, letter: str, word: str) -> None:
        """Have it do something, and wait until it says so."""
        after = len(self._said)
        self.transport.write(f"{letter}\n".encode())
        await self._says(word, after)

    def say(self, text: str) -> None:
        """Send text."""
        self.transport.write(text.encode())

    def pause(self) -> None:
        """Do not take what it says; soon it does not take what the server says either."""
        self.transport.pauseProducing()

    def resume(self) -> None:
        """Take it again."""
        self.transport.resumeProducing()

    async def output(self) -> str:
        """All that it has said and received, when it has ended."""
        await self._ended
        return self._said
