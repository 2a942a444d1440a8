"""What becomes of what follows the head of a request."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.unit.http2_frames import connect, data, post, request
from tests.unit.http2_live import LiveCase


class ReceptionTests(LiveCase):
    limits: ClassVar[dict[str, Any]] = {"body_memory": 100_000}

    def asking(self) -> list[bytes]:
        """The targets that the resource is asked about from now on."""
        about: list[bytes] = []

        def ask(asked: Any) -> bool:
            about.append(asked.uri)
            return True

        self.live.wants = ask
        return about

    def test_who_will_answer_is_asked_once_and_only_for_what_is_not_there_yet(self) -> None:
        about = self.asking()
        client = self.started()
        client.send(post(1, b"/live/a"), data(1, b"quack"), data(1, b"quack", end=True))
        client.send(request(3, b"/live/b"), connect(5, b"/live/c"), post(7, b"/e"))
        self.assertEqual(about, [b"/live/a", b"/live/c"])
        self.assertEqual([each.uri for each in self.live.requests], [b"/live/a", b"/live/b", b"/live/c"])

    def test_who_does_not_want_it_gets_the_whole(self) -> None:
        self.live.wants = lambda asked: False
        client = self.started()
        client.send(post(1, b"/live/"), data(1, b"qu"))
        self.assertEqual(self.live.requests, [])
        client.send(data(1, b"ack", end=True), connect(3))
        self.assertEqual([each.content.read() for each in self.live.requests], [b"quack"])
        self.assertEqual(client.response(3).status, 501)

    def test_who_cannot_say_gets_the_whole_too(self) -> None:
        self.live.wants = lambda asked: bool(1 // 0)
        client = self.started()
        client.send(post(1, b"/live/"), data(1, b"quack", end=True), connect(3))
        self.assertEqual([each.content.read() for each in self.live.requests], [b"quack"])
        self.assertEqual(client.response(3).status, 501)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_bodies_share_the_memory_of_the_connection(self) -> None:
        client = self.started()
        streams = range(1, 2 * 100, 2)
        client.send(*(post(stream) for stream in streams))
        memories = [client.protocol.streams[stream].upload._body._limit for stream in streams]
        self.assertEqual(memories[:3], [100_000, 50_000, 33_333])
        self.assertEqual(memories[-1], 16_384)
