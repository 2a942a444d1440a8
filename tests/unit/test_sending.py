"""Files and pieces at the pace of the client, through an outlet that takes as much as the test says."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from twisted.logger import capturedLogs

from duck_tx.http.filepart import FilePart
from duck_tx.http.sending import SMALL
from tests.unit.wire_case import GET, Connection, Waiting, WireCase

CONTENT = bytes(range(256)) * 4096


class Narrow:
    """In place of ``sendfile`` on a socket: reads the file, and takes no more than so many bytes at a time."""

    def __init__(self, connection: Connection, room: int) -> None:
        self.calls: list[tuple[int, int]] = []
        outlet: Any = connection.channel.outlet
        outlet.sendfile_works = True
        outlet.sendfile = self.sendfile
        self._outlet = outlet
        self._room = room

    def sendfile(self, file: BinaryIO, offset: int, count: int) -> int:
        self.calls.append((offset, count))
        data = os.pread(file.fileno(), min(count, self._room), offset)
        if not data:
            raise EOFError("a file became shorter while it was sent")
        self._outlet.send(data)
        return len(data)


class SendingTests(WireCase):
    def setUp(self) -> None:
        super().setUp()
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(CONTENT)
        self.file = open(path, "rb")  # noqa: SIM115 - closed by what is tested
        self.addCleanup(self.file.close)
        self.waiting = Waiting()
        self.connection = self.connect(self.site_of(self.waiting))
        self.connection.send(GET)
        self.request = self.waiting.requests[0]

    def send(self, *parts: bytes | FilePart, length: int) -> None:
        self.request.setHeader(b"content-length", b"%d" % length)
        self.request.send_parts(parts)
        self.connection.settle()

    @property
    def body(self) -> bytes:
        return self.connection.received.partition(b"\r\n\r\n")[2]

    def test_a_file_that_is_read_arrives_whole(self) -> None:
        self.send(FilePart(self.file, 0, len(CONTENT)), length=len(CONTENT))
        self.assertEqual(self.body, CONTENT)
        self.assertTrue(self.file.closed)

    def test_a_file_that_is_sent_without_reading_arrives_whole(self) -> None:
        narrow = Narrow(self.connection, 30_000)
        self.send(b"<", FilePart(self.file, 7, 700_000), b">", length=700_002)
        self.assertEqual(self.body, b"<" + CONTENT[7:700_007] + b">")
        self.assertEqual(self.request.sentLength, 700_002)
        self.assertGreater(len(narrow.calls), 20)

    def test_the_head_leaves_before_a_file_that_comes_first(self) -> None:
        Narrow(self.connection, 30_000)
        self.send(FilePart(self.file, 0, 100_000), length=100_000)
        self.assertTrue(self.connection.received.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertEqual(self.body, CONTENT[:100_000])

    def test_a_small_stretch_is_copied(self) -> None:
        narrow = Narrow(self.connection, 30_000)
        self.send(FilePart(self.file, 0, SMALL), length=SMALL)
        self.assertEqual(narrow.calls, [])
        self.assertEqual(self.body, CONTENT[:SMALL])

    def test_parts_beyond_the_length_are_left_out(self) -> None:
        Narrow(self.connection, 30_000)
        with capturedLogs() as logged:
            self.send(b"<", FilePart(self.file, 0, 200_000), b">", length=100_001)
        self.assertEqual(self.body, b"<" + CONTENT[:100_000])
        self.assertEqual(len(logged), 1)
        self.assertFalse(self.connection.wire.closed)

    def test_parts_short_of_the_length_end_the_connection(self) -> None:
        self.send(b"abc", length=4)
        self.assertTrue(self.connection.wire.disconnecting)

    def test_sending_waits_while_the_client_does_not_read(self) -> None:
        producer: Any = self.connection.wire.producer
        self.request.setHeader(b"content-length", b"%d" % len(CONTENT))
        self.request.send_parts([FilePart(self.file, 0, len(CONTENT))])
        producer.pauseProducing()
        sent = len(self.body)
        self.connection.settle()
        self.assertEqual(len(self.body), sent)
        self.assertLess(sent, len(CONTENT))
        producer.resumeProducing()
        self.connection.settle()
        self.assertEqual(self.body, CONTENT)

    def test_a_file_that_became_shorter_cuts_the_connection(self) -> None:
        with capturedLogs() as logged:
            self.send(FilePart(self.file, len(CONTENT) - 10, 100), length=100)
        self.assertTrue(self.connection.wire.aborted)
        self.assertTrue(self.file.closed)
        self.assertEqual(len(logged), 1)

    def test_a_client_that_leaves_closes_the_file(self) -> None:
        producer: Any = self.connection.wire.producer
        self.request.setHeader(b"content-length", b"%d" % len(CONTENT))
        self.request.send_parts([FilePart(self.file, 0, len(CONTENT))])
        producer.pauseProducing()
        self.assertFalse(self.file.closed)
        self.connection.lose()
        self.assertTrue(self.file.closed)

    def test_a_file_for_a_client_that_has_left_is_closed(self) -> None:
        self.connection.lose()
        self.request.send_parts([FilePart(self.file, 0, 10)])
        self.assertTrue(self.file.closed)

    def test_a_head_that_is_no_response_closes_the_file(self) -> None:
        self.request.setHeader(b"X", b"a\0b")
        self.send(FilePart(self.file, 0, 10), length=10)
        self.assertTrue(self.connection.received.startswith(b"HTTP/1.1 500 "))
        self.assertTrue(self.file.closed)
        self.flushLoggedErrors(ValueError)
