"""How long tunnels may take, how many there may be, and how they end when the server stops."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.unit.http2_client import Client
from tests.unit.http2_frames import LARGEST, Code, Setting, connect, data, frame, reset
from tests.unit.http2_live import End, LiveCase
from tests.unit.http2_reader import Reader


class TimeTests(LiveCase):
    limits: ClassVar[dict[str, Any]] = {"write_timeout": 30.0, "keepalive_timeout": 60.0}

    def test_silence_has_no_end_of_its_own(self) -> None:
        client = self.started()
        _, end = self.opened(client)
        client.send(frame(0, 0, 1, b"qu", length=5))
        client.wait(3600)
        client.send(b"ack")
        self.assertEqual((end.told, client.goaways), ([b"quack"], []))

    def test_a_deadline_is_told_once(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        now = self.clock.seconds()
        tunnel.deadline = now + 5
        client.wait(4)
        self.assertEqual(end.told, [])
        client.wait(2.1)
        self.assertEqual((end.told, tunnel.deadline), (["expired"], float("inf")))
        client.wait(100)
        self.assertEqual(end.told, ["expired"])
        tunnel.deadline = self.clock.seconds() + 5
        tunnel.deadline = self.clock.seconds() + 50
        client.wait(40)
        self.assertEqual(end.told, ["expired"])
        client.wait(12)
        self.assertEqual(end.told, ["expired"] * 2)
        self.proves_alive(client)

    def test_a_deadline_does_not_wait_for_a_client_that_does_not_read(self) -> None:
        client = self.started((Setting.INITIAL_WINDOW_SIZE, 10**6))
        tunnel, end = self.opened(client)
        producer: Any = client.wire.producer
        producer.pauseProducing()
        tunnel.deadline = self.clock.seconds() + 5
        client.wait(7)
        self.assertEqual(end.told, ["expired"])

    def test_a_client_that_takes_nothing_is_cut(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        tunnel.write(bytes(200_000))
        client.wait(29)
        self.assertEqual(client.resets, {})
        client.wait(3)
        self.assertEqual((client.resets, end.told), ({1: [Code.CANCEL]}, ["blocked", "lost"]))
        self.assertTrue(client.answers())

    def test_one_that_takes_all_in_the_end_has_its_time_again(self) -> None:
        client = self.started()
        tunnel, _ = self.opened(client)
        client.grant(0, 10**9)
        tunnel.write(bytes(65_535))
        for _ in range(20):
            tunnel.write(bytes(1000))
            client.wait(25)
            client.grant(1, 1000)
        self.assertEqual((client.resets, len(client.response(1).body)), ({}, 85_535))


class LeavingTests(LiveCase):
    def test_a_server_that_stops_says_goodbye_and_waits(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        gone: list[None] = []

        def note(result: None) -> None:
            gone.append(result)

        self.site.drain().addCallback(note)
        client.settle()
        self.assertEqual((end.told, [code for _, code in client.goaways][:1]), (["going away"], [Code.NO_ERROR]))
        client.wait(20)
        self.assertEqual((gone, client.wire.closed, end.told), ([], False, ["going away"]))
        client.send(data(1, b"bye", end=True))
        tunnel.write(b"bye")
        tunnel.close()
        client.settle()
        self.assertTrue(client.wire.closed)
        client.lose()
        self.assertEqual((end.told, len(gone)), (["going away", b"bye", "ended", "lost"], 1))

    def test_an_end_may_close_at_once(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        other, _ = self.opened(client, 3)
        end.then = lambda name: tunnel.abort()
        self.site.drain()
        client.settle()
        self.assertEqual((end.told, client.resets), (["going away", "lost"], {1: [Code.CANCEL]}))
        other.abort()
        client.settle()

    def test_a_tunnel_that_begins_while_the_server_stops_is_told_so(self) -> None:
        client = self.started()
        client.send(connect(1))
        self.site.drain()
        end = End()
        self.live.requests[0].tunnel([], end)
        client.settle()
        self.assertEqual(end.told, ["going away"])
        client.lose()

    def test_a_failure_at_the_goodbye_holds_up_nobody(self) -> None:
        client = self.started()
        _, first = self.opened(client)
        _, second = self.opened(client, 3)
        first.then = lambda name: 1 // 0 if name == "going away" else None
        self.site.drain()
        client.settle()
        self.assertEqual((first.told, second.told), (["going away", "lost"], ["going away"]))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        client.lose()

    def test_a_client_that_leaves_may_finish_its_tunnels(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        client.send(frame(7, 0, 0, bytes(8)), data(1, b"quack"))
        self.assertEqual((end.told, client.wire.closed), ([b"quack"], False))
        tunnel.close()
        client.send(data(1, end=True))
        self.assertTrue(client.wire.closed)
        self.assertEqual(end.told[-1], "lost")


class ManyTests(LiveCase):
    def test_as_many_tunnels_as_streams(self) -> None:
        client = self.started()
        ends = [self.opened(client, stream)[1] for stream in range(1, 257, 2)]
        client.send(connect(301))
        self.assertEqual(client.resets, {301: [Code.REFUSED_STREAM]})
        client.lose()
        self.assertEqual([end.told for end in ends], [["lost"]] * 128)

    def fill(self, client: Client, stream: int) -> int:
        sent = 0
        while (room := min(client.granted(0), client.granted(stream), LARGEST)) > 0:
            client.spend(stream, room)
            client.send(data(stream, bytes(room)))
            sent += room
        return sent

    def test_what_they_hold_is_bounded(self) -> None:
        client = self.started()
        sent = 0
        tunnels = []
        for stream in range(1, 100, 2):
            tunnel, _ = self.opened(client, stream)
            tunnel.pause()
            tunnels.append(tunnel)
            sent += self.fill(client, stream)
        self.assertEqual((client.granted(0), client.goaways), (0, []))
        self.assertLessEqual(sent, 5 * 1024 * 1024)
        for tunnel in tunnels[:40]:
            tunnel.abort()
        client.settle()
        self.assertGreater(client.granted(0), 500_000)

    def test_nothing_is_kept_of_those_that_are_over(self) -> None:
        client = self.started()
        reader: Reader = client
        for stream in range(1, 2 * 150, 2):
            tunnel, _ = self.opened(client, stream)
            tunnel.pause()
            self.fill(client, stream)
            client.send(reset(stream))
            self.assertGreaterEqual(reader.granted(0), 500_000)
        self.assertEqual(client.protocol.streams, {})
