"""A stream as its request sees it: the channel that it answers through."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from zope.interface import implementer

from duck_tx.http.filepart import FilePart
from tests.unit.http2_case import Http2Case
from tests.unit.http2_client import Client
from tests.unit.http2_frames import Code, Setting, post, request, reset


@implementer(IPushProducer, IPullProducer)
class Source:
    """Writes a piece whenever it is asked, up to ``pieces``; fails at ``fails_at``."""

    def __init__(self, request: Any, pieces: int = 10, size: int = 40_000, fails_at: int = -1) -> None:
        self.request = request
        self.pieces = pieces
        self.size = size
        self.fails_at = fails_at
        self.told: list[str] = []

    def resumeProducing(self) -> None:
        self.told.append("resume")
        if self.pieces == self.fails_at:
            raise ZeroDivisionError
        if self.pieces:
            self.pieces -= 1
            self.request.write(bytes(self.size))
        else:
            self.request.unregisterProducer()
            self.request.finish()

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def stopProducing(self) -> None:
        self.told.append("stop")


class StreamCase(Http2Case):
    def asked(self, client: Client, sent: bytes = request(1, b"/wait")) -> Any:
        """The request that a resource has."""
        client.send(sent)
        return self.waiting.requests[-1]


class ChannelTests(StreamCase):
    def test_a_request_finds_what_it_knows_from_version_1(self) -> None:
        client = self.started()
        asked = self.asked(client)
        channel = asked.channel
        self.assertIs(channel.site, self.site)
        self.assertIs(channel.transport, client.wire)
        self.assertEqual((channel.getPeer().host, channel.getHost().port), ("192.0.2.1", 80))
        self.assertTrue(asked.isSecure())

    def test_hanging_up_resets_the_stream_alone(self) -> None:
        client = self.started()
        asked = self.asked(client)
        lost: list[Failure] = []
        asked.notifyFinish().addErrback(lost.append)
        asked.write(b"qu")
        asked.loseConnection()
        client.settle()
        self.assertEqual(client.response(1).resets, [Code.INTERNAL_ERROR])
        self.assertIsInstance(lost[0].value, ConnectionAborted)
        self.proves_alive(client)

    def test_what_is_sent_after_that_goes_nowhere(self) -> None:
        client = self.started()
        asked = self.asked(client)
        asked.channel.abort()
        asked.channel.abort()
        for call in (asked.channel.write, asked.channel.begin):
            call(b"a")
        asked.channel.respond(b"\x88", b"a")
        client.settle()
        self.assertEqual(client.resets, {1: [Code.INTERNAL_ERROR]})

    def test_a_client_that_resets_is_told_of(self) -> None:
        client = self.started()
        asked = self.asked(client)
        lost: list[Failure] = []
        called: list[int] = []
        asked.when_lost(lambda: called.append(1))
        asked.notifyFinish().addErrback(lost.append)
        client.send(reset(1))
        self.assertIsInstance(lost[0].value, ConnectionLost)
        self.assertEqual(called, [1])
        asked.write(b"late")
        self.assertEqual(client.response(1).fields, [])
        self.proves_alive(client)

    def test_a_request_that_failed_before_its_answer_began_gets_500(self) -> None:
        client = self.started()
        asked = self.asked(client)
        asked.processingFailed(Failure(ZeroDivisionError()))
        client.settle()
        self.assertEqual((client.response(1).status, client.response(1).complete), (500, True))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.proves_alive(client)

    def test_a_request_that_failed_later_is_reset(self) -> None:
        client = self.started()
        asked = self.asked(client)
        asked.write(b"qu")
        asked.processingFailed(Failure(ZeroDivisionError()))
        client.settle()
        self.assertEqual((client.response(1).complete, client.resets), (False, {1: [Code.INTERNAL_ERROR]}))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.proves_alive(client)


class ProducerTests(StreamCase):
    def test_a_pull_producer_is_asked_as_long_as_there_is_room(self) -> None:
        client = self.started()
        asked = self.asked(client)
        source = Source(asked)
        asked.registerProducer(source, False)
        client.settle()
        # One window, and what may wait beyond it.
        self.assertLess(len(client.response(1).body) + asked.channel.waiting, 65_535 + 65_536 + 40_000)
        self.assertEqual(source.told.count("resume"), 4)
        client.grant(0, 10**6)
        client.grant(1, 10**6)
        self.assertEqual((len(client.response(1).body), client.response(1).complete), (400_000, True))

    def test_a_push_producer_is_paused_and_resumed(self) -> None:
        client = self.started()
        asked = self.asked(client)
        source = Source(asked)
        asked.registerProducer(source, True)
        for _ in range(4):
            source.resumeProducing()
        client.settle()
        self.assertEqual(source.told[-1], "pause")
        client.grant(0, 95_000)
        client.grant(1, 95_000)
        self.assertEqual(source.told[-1], "resume")

    def test_a_producer_is_stopped_when_the_client_resets(self) -> None:
        client = self.started()
        asked = self.asked(client)
        source = Source(asked)
        asked.registerProducer(source, False)
        client.send(reset(1))
        self.assertEqual(source.told[-1], "stop")
        self.assertEqual(client.protocol.sender.waiting, 0)

    def test_a_producer_that_comes_too_late_is_stopped(self) -> None:
        client = self.started()
        asked = self.asked(client)
        client.send(reset(1))
        source = Source(asked)
        asked.registerProducer(source, False)
        self.assertEqual(source.told, ["stop"])

    def test_nothing_is_asked_of_one_that_comes_after_the_stream_was_cut(self) -> None:
        client = self.started()
        asked = self.asked(client)
        asked.channel.abort()
        source = Source(asked)
        asked.channel.outlet.registerProducer(source, False)
        self.assertEqual(source.told, [])

    def test_a_producer_that_fails_ends_its_response(self) -> None:
        client = self.started()
        asked = self.asked(client)
        asked.registerProducer(Source(asked, fails_at=9), False)
        client.settle()
        self.assertEqual(client.resets, {1: [Code.INTERNAL_ERROR]})
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.proves_alive(client)

    def test_a_producer_that_fails_when_all_is_said_is_logged(self) -> None:
        client = self.started()
        channel = self.asked(client).channel
        self.waiting.requests[-1].finish()
        with capturedLogs() as logged:
            channel.producer_failed(Failure(ZeroDivisionError()))
        self.assertEqual([event["log_format"] for event in logged], ["a producer failed when its response was over"])
        self.flushLoggedErrors(ZeroDivisionError)

    def test_files_are_sent_in_frames_and_closed(self) -> None:
        client = self.started((Setting.INITIAL_WINDOW_SIZE, 10**6))
        client.grant(0, 10**6)
        content = os.urandom(300_000)
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(content)
        opened = open(path, "rb")  # noqa: SIM115
        asked = self.asked(client)
        asked.setHeader(b"Content-Length", b"200005")
        asked.send_parts([b"quack", FilePart(opened, 100_000, 200_000)])
        client.settle()
        self.assertEqual(bytes(client.response(1).body), b"quack" + content[100_000:])
        self.assertTrue(opened.closed)

    def test_files_are_closed_when_the_client_resets(self) -> None:
        client = self.started()
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(bytes(300_000))
        opened = open(path, "rb")  # noqa: SIM115
        self.asked(client).send_parts([FilePart(opened, 0, 300_000)])
        self.assertFalse(opened.closed)
        client.send(reset(1))
        self.assertTrue(opened.closed)

    def test_a_file_that_became_shorter_resets_the_stream(self) -> None:
        client = self.started()
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(bytes(10))
        asked = self.asked(client)
        with capturedLogs() as logged:
            asked.send_parts([FilePart(open(path, "rb"), 0, 20)])  # noqa: SIM115
            client.settle()
        self.assertEqual(client.resets, {1: [Code.INTERNAL_ERROR]})
        self.assertEqual(len(logged), 1)
        self.proves_alive(client)


class TimeTests(StreamCase):
    def test_a_body_that_does_not_come_gets_408_and_the_connection_lives_on(self) -> None:
        client = self.started()
        client.send(post(1))
        client.wait(22)
        response = client.response(1)
        self.assertEqual((response.status, response.complete, response.resets), (408, True, []))
        client.wait(3)
        self.assertEqual(response.resets, [Code.NO_ERROR])
        self.assertIn(b"did not arrive in time", bytes(response.body))
        self.assertEqual(self.site.refused[408], 1)
        self.proves_alive(client)

    def test_a_client_that_gives_no_window_loses_its_stream(self) -> None:
        client = self.started((Setting.INITIAL_WINDOW_SIZE, 5))
        client.send(request(1))
        client.wait(29)
        self.assertEqual(client.resets, {})
        client.wait(3)
        self.assertEqual((bytes(client.response(1).body), client.resets), (b"Hello", {1: [Code.CANCEL]}))
        self.assertTrue(client.answers())

    def test_a_client_that_gives_the_connection_no_window_loses_all_that_wait_for_it(self) -> None:
        client = self.started((Setting.INITIAL_WINDOW_SIZE, 10**6))
        self.flow.size = 65_535
        client.send(request(1, b"/flow"), request(3), request(5), request(7, b"/wait"))
        client.wait(32)
        self.assertEqual(client.resets, {3: [Code.CANCEL], 5: [Code.CANCEL]})
        client.grant(0, 1000)
        self.waiting.requests[0].finish()
        self.proves_alive(client)

    def test_a_window_that_comes_too_slowly_is_none(self) -> None:
        client = self.started((Setting.INITIAL_WINDOW_SIZE, 0))
        self.flow.size = 100_000
        client.send(request(1, b"/flow"))
        for _ in range(40):
            client.wait(1)
            if client.resets:
                break
            client.grant(1, 10)
        self.assertEqual(client.resets, {1: [Code.CANCEL]})
        self.assertGreater(len(client.response(1).body), 250)

    def test_a_window_taken_back_is_kept_to(self) -> None:
        client = self.started()
        self.flow.size = 100_000
        client.send(request(1, b"/flow"))
        self.assertEqual(len(client.response(1).body), 65_535)
        client.tell((Setting.INITIAL_WINDOW_SIZE, 0))
        client.grant(0, 10**6)
        client.grant(1, 60_000)
        self.assertEqual(len(client.response(1).body), 65_535)
        client.grant(1, 40_000)
        self.assertTrue(client.response(1).complete)
