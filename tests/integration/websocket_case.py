"""Servers of WebSockets for the tests, and the rows of the rules on them."""

from __future__ import annotations

import atexit
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

from tests.authority import issue
from tests.case import UnitTestCase
from tests.integration.server import Server
from tests.integration.websocket_clients import WebSocketClient
from tests.unit.websocket_frames import CLOSE, FIN, Frame, close
from tests.unit.websocket_rows import ROWS, Row

__all__ = ["LAUNCH", "RowCase", "rows", "shared", "shared_tls"]

LAUNCH: Sequence[str] = ("-m", "tests.integration.websocket_site")

_LEAF = issue("localhost", "127.0.0.1")


@cache
def shared() -> Server:
    """One for all tests that leave it as it is."""
    server = Server(launch=LAUNCH, project=None)
    atexit.register(server.close)
    return server.start()


@cache
def shared_tls() -> Server:
    """The same over TLS."""
    server = Server(launch=[*LAUNCH, "cert.pem", "key.pem"], project=None)
    atexit.register(server.close)
    _LEAF.write(server.directory)
    return server.start()


class RowCase(UnitTestCase):
    """What is sent on a WebSocket comes to what its row says."""

    def client(self, row: Row) -> WebSocketClient:
        raise NotImplementedError

    def has_outcome(self, row: Row) -> None:
        client = self.client(row)
        try:
            client.send(b"".join(row.sent))
            code = row.code
            if code is None:
                client.until(lambda: len(client.frames) == len(row.frames))
                code = 4321
                client.send(close(code))
        except (BrokenPipeError, ConnectionResetError):
            # What was wrong was at the beginning, and the end comes while the rest is sent.
            code = row.code
            assert code is not None
        client.until(lambda: client.close_code is not None)
        *before, last = client.frames
        self.assertEqual([Frame(each.first & 0xBF, each.payload) for each in before], list(row.frames))
        self.assertEqual((last.first, client.close_code), (FIN | CLOSE, code), client.close_reason)
        client.until(lambda: False)
        self.assertTrue(client.ended)


T = TypeVar("T", bound=type[RowCase])


def rows(every: int = 1, first: int = 0) -> Callable[[T], T]:
    """Give a test case one test for each row, or for some of them.

    :param every: of so many, one.
    :param first: the number of the first.
    """

    def add(case: T) -> T:
        for number, row in enumerate(ROWS):
            if number % every == first:
                words = re.sub("[^a-z0-9]+", "_", f"{row.section} {row.name}".lower())
                setattr(case, f"test_{number:03}_{words}", _test(row))
        return case

    return add


def _test(row: Row) -> Callable[[RowCase], None]:
    def test(case: RowCase) -> None:
        case.has_outcome(row)

    return test
