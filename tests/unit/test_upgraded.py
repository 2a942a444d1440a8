"""Tunnels on connections of HTTP/1.1."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol

from duck_tx.http.channel import Phase
from tests.unit.streaming_case import UPGRADE, Streaming, TunnelRecorder, UpgradedCase
from tests.unit.wire_case import GET


class OpeningTests(UpgradedCase):
    def test_bytes_go_both_ways(self) -> None:
        end = self.open()
        self.connection.send(b"\0one", b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual(end.told, [b"\0one", b"GET / HTTP/1.1\r\n\r\n"])
        end.tunnel.write(b"\xffback")
        end.tunnel.write(b"")
        self.assertEqual(self.connection.take(), b"\xffback")
        self.assertEqual(end.tunnel.request.uri, b"/t")

    def test_what_is_sent_ahead_is_heard_after_the_tunnel_is_open(self) -> None:
        self.connection.protocol.dataReceived(UPGRADE + b"ahead")
        [end] = self.resource.ends
        self.assertEqual(end.told, [])
        self.connection.protocol.dataReceived(b" of it")
        self.assertEqual(end.told, [])
        self.clock.advance(0)
        self.assertEqual(end.told, [b"ahead of it"])

    def test_and_not_before_reading_goes_on_if_that_was_paused_at_once(self) -> None:
        self.connection.protocol.dataReceived(UPGRADE + b"ahead")
        [end] = self.resource.ends
        end.tunnel.pause()
        self.clock.advance(0)
        self.assertEqual(end.told, [])
        end.tunnel.resume()
        self.assertEqual(end.told, [b"ahead"])

    def test_requests_before_it_are_answered_first(self) -> None:
        waiting = Streaming()
        site = self.site_of(waiting)
        connection = self.connect(site)
        connection.send(GET + UPGRADE + b"ahead")
        waiting.requests[0].finish()
        end = TunnelRecorder()
        connection.take()
        tunnel = waiting.requests[1].tunnel([], end)
        connection.settle()
        self.assertEqual(end.told, [b"ahead"])
        self.assertTrue(connection.received.startswith(b"HTTP/1.1 101 "))
        tunnel.abort()

    def test_only_who_asks_gets_one_and_only_instead_of_a_response(self) -> None:
        waiting = Streaming()
        connection = self.connect(self.site_of(waiting))
        connection.send(GET + UPGRADE)
        self.assertRaises(RuntimeError, waiting.requests[0].tunnel, [], TunnelRecorder())
        waiting.requests[0].finish()
        request = waiting.requests[1]
        self.assertRaises(ValueError, request.tunnel, [(b"A", b"b\r\nc")], TunnelRecorder())
        request.write(b"x")
        self.assertRaises(RuntimeError, request.tunnel, [], TunnelRecorder())

    def test_the_request_is_over_for_whoever_could_answer_it(self) -> None:
        end = self.open()
        request: Any = end.tunnel.request
        request.finish()
        request.fail(500, "no")
        self.assertRaises(RuntimeError, request.write, b"x")
        self.assertEqual(self.connection.received, b"")

    def test_a_client_that_has_gone_already_is_lost_at_once(self) -> None:
        waiting = Streaming()
        connection = self.connect(self.site_of(waiting))
        connection.send(UPGRADE)
        connection.lose()
        end = TunnelRecorder()
        tunnel = waiting.requests[0].tunnel([], end)
        self.assertEqual(end.told, [])
        tunnel.write(b"x")
        tunnel.pause()
        tunnel.resume()
        tunnel.deadline = 0.0
        tunnel.close()
        tunnel.abort()
        self.clock.advance(0)
        self.assertEqual(end.told, ["lost"])

    def test_a_request_that_nobody_takes_is_answered_in_http(self) -> None:
        waiting = Streaming()
        connection = self.connect(self.site_of(waiting))
        connection.send(UPGRADE + GET)
        for request in waiting.requests:
            request.finish()
        self.assertEqual(len(waiting.requests), 2)
        self.assertEqual(connection.received.count(b"HTTP/1.1 200 OK"), 2)

    def test_its_parser_serves_other_connections(self) -> None:
        self.open()
        self.assertEqual(len(self.site.parsers), 1)
        self.open(self.connect())
        self.assertEqual(len(self.site.parsers), 1)


class PaceTests(UpgradedCase):
    def test_nothing_is_heard_while_it_is_paused_and_the_client_has_to_wait(self) -> None:
        end = self.open()
        end.tunnel.pause()
        self.connection.send(*[b"x" * 10_000] * 50)
        self.assertEqual(end.told, [])
        self.assertLess(500_000 - self.connection.held_back, 90_000)
        end.tunnel.resume()
        self.connection.settle()
        self.assertEqual(sum(map(len, end.told)), 500_000)

    def test_its_end_is_told_when_the_client_does_not_read_and_when_it_has(self) -> None:
        end = self.open()
        end.tunnel.write(b"x")
        self.assertFalse(end.tunnel.backlogged)
        self.block()
        self.assertTrue(end.tunnel.backlogged)
        self.unblock()
        self.assertFalse(end.tunnel.backlogged)
        self.assertEqual(end.told, ["blocked", "unblocked"])

    def test_what_the_system_holds_for_the_client_is_not_taken_yet(self) -> None:
        end = self.open()
        end.tunnel.write(b"duck")
        before = end.tunnel.taken
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        wire: Any = self.connection.wire
        wire.fileno = ours.fileno
        self.assertEqual(end.tunnel.taken, before)
        ours.send(b"duck")
        self.assertLess(end.tunnel.taken, before)
        theirs.recv(10)
        self.assertEqual(end.tunnel.taken, before)
        ours.close()
        self.assertEqual(end.tunnel.taken, before)

    def test_what_comes_is_heard_while_the_client_does_not_read(self) -> None:
        end = self.open()
        self.block()
        self.connection.send(b"hear me")
        self.assertEqual(end.told, ["blocked", b"hear me"])

    def test_a_client_that_does_not_read_is_cut(self) -> None:
        end = self.open()
        end.tunnel.write(b"x")
        self.block()
        self.wait(9)
        self.assertFalse(self.connection.wire.aborted)
        self.wait(2)
        self.assertTrue(self.connection.wire.aborted)
        self.connection.settle()
        self.assertEqual(end.told, ["blocked", "lost"])

    def test_how_slowly_it_has_read_before_is_forgotten(self) -> None:
        self.open()
        for _ in range(20):
            self.block()
            self.wait(9)
            self.unblock()
        self.assertFalse(self.connection.wire.aborted)

    def test_one_that_reads_on_slowly_has_its_time_again(self) -> None:
        self.open()
        self.block()
        self.wait(9)
        self.connection.channel.outlet.sent += 2000
        self.connection.channel.progressed()
        self.wait(9)
        self.assertFalse(self.connection.wire.aborted)
        self.wait(3)
        self.assertTrue(self.connection.wire.aborted)

    def test_one_that_fails_is_cut(self) -> None:
        end = self.open()
        end.received = lambda data: 1 / 0  # type: ignore[assignment]
        self.assertRaises(ZeroDivisionError, self.connection.send, b"x")
        # That is what a reactor does then.
        self.connection.lose()
        self.assertEqual(end.told, ["lost"])


class DeadlineTests(UpgradedCase):
    def test_an_idle_one_lives_on(self) -> None:
        self.open()
        self.wait(1000)
        self.assertFalse(self.connection.wire.closed)

    def test_its_deadline_is_told_once_and_within_a_second(self) -> None:
        end = self.open()
        end.tunnel.deadline = self.clock.seconds() + 20
        self.wait(19.5)
        self.assertEqual(end.told, [])
        self.wait(1.75)
        self.assertEqual(end.told, ["expired"])
        self.wait(50)
        self.assertEqual(end.told, ["expired"])
        self.assertEqual(end.tunnel.deadline, float("inf"))

    def test_it_can_be_moved_and_taken_away(self) -> None:
        end = self.open()
        end.tunnel.deadline = self.clock.seconds() + 5
        end.tunnel.deadline = self.clock.seconds() + 20
        self.wait(10)
        end.tunnel.deadline = float("inf")
        self.wait(50)
        self.assertEqual(end.told, [])

    def test_another_can_be_set_when_it_has_passed(self) -> None:
        end = self.open()
        told = end.expired

        def expired() -> None:
            told()
            end.tunnel.deadline = self.clock.seconds() + 5

        end.expired = expired  # type: ignore[method-assign]
        end.tunnel.deadline = self.clock.seconds() + 5
        self.wait(20)
        self.assertIn(end.told, (["expired"] * 3, ["expired"] * 4))

    def test_it_passes_while_the_client_does_not_read_and_the_patience_with_that_goes_on(self) -> None:
        end = self.open()
        end.tunnel.deadline = self.clock.seconds() + 5
        self.block()
        self.wait(7)
        self.assertEqual(end.told, ["blocked", "expired"])
        self.assertFalse(self.connection.wire.aborted)
        self.wait(4)
        self.assertTrue(self.connection.wire.aborted)

    def test_it_passes_after_the_client_has_read(self) -> None:
        end = self.open()
        end.tunnel.deadline = self.clock.seconds() + 20
        self.block()
        self.wait(5)
        self.unblock()
        self.wait(17)
        self.assertEqual(end.told, ["blocked", "unblocked", "expired"])


class EndTests(UpgradedCase):
    def over(self, end: TunnelRecorder, sent: int) -> None:
        """It was told and logged once."""
        self.connection.lose()
        self.assertEqual(end.told.count("lost"), 1)
        self.assertEqual(end.told[-1], "lost")
        [request] = self.logged
        self.assertEqual((request.code, request.sentLength), (101, sent))
        self.assertEqual((self.site.answered, self.site.channels), (1, set()))

    def test_a_client_that_leaves_ends_it(self) -> None:
        end = self.open()
        end.tunnel.write(b"x" * 10)
        finished = end.tunnel.request.notifyFinish()
        self.over(end, 10)
        self.assertIsNone(self.successResultOf(finished))
        end.tunnel.write(b"late")
        end.tunnel.close()
        end.tunnel.abort()
        self.assertEqual(self.connection.received, b"x" * 10)

    def test_our_side_closes_when_all_is_out_and_hears_on(self) -> None:
        end = self.open()
        end.tunnel.write(b"last")
        self.block()
        end.tunnel.close()
        end.tunnel.close()
        end.tunnel.write(b"late")
        self.assertFalse(self.connection.wire.disconnecting)
        self.unblock()
        self.assertTrue(self.connection.wire.disconnecting)
        self.connection.protocol.dataReceived(b"more")
        self.assertEqual(end.told, ["blocked", b"more"])
        self.over(end, 4)

    def test_the_client_s_side_closes_and_ours_goes_on(self) -> None:
        end = self.open()
        self.assertTrue(IHalfCloseableProtocol.providedBy(self.connection.protocol))
        self.connection.protocol.readConnectionLost()
        self.assertEqual(end.told, ["ended"])
        end.tunnel.write(b"more")
        self.assertFalse(self.connection.wire.closed)
        end.tunnel.close()
        self.assertIs(self.connection.channel.phase, Phase.CLOSING)
        self.connection.protocol.writeConnectionLost()
        self.over(end, 4)

    def test_what_the_client_said_last_is_heard_first(self) -> None:
        end = self.open()
        end.tunnel.pause()
        self.connection.send(b"last")
        self.connection.protocol.readConnectionLost()
        self.assertEqual(end.told, [])
        end.tunnel.resume()
        end.tunnel.resume()
        self.assertEqual(end.told, [b"last", "ended"])

    def test_what_the_client_said_last_is_heard_though_our_side_is_closed(self) -> None:
        end = self.open()
        end.tunnel.pause()
        self.connection.send(b"last")
        self.connection.protocol.readConnectionLost()
        end.tunnel.close()
        end.tunnel.resume()
        self.assertEqual(end.told, [b"last", "ended"])
        self.assertIs(self.connection.channel.phase, Phase.CLOSING)

    def test_a_deadline_does_not_keep_a_connection_that_is_closing(self) -> None:
        end = self.open()
        self.connection.protocol.readConnectionLost()
        end.tunnel.close()
        end.tunnel.deadline = float("inf")
        self.wait(12)
        self.assertTrue(self.connection.wire.aborted)
        self.assertNotIn("expired", end.told)

    def test_it_is_over_when_both_have_closed(self) -> None:
        end = self.open()
        end.tunnel.close()
        self.connection.protocol.readConnectionLost()
        self.assertIs(self.connection.channel.phase, Phase.CLOSING)
        self.over(end, 0)

    def test_a_connection_in_http_is_not_half_closed(self) -> None:
        self.assertFalse(IHalfCloseableProtocol.providedBy(self.connection.protocol))
        self.open()
        self.connection.lose()
        self.connection.protocol.readConnectionLost()
        self.assertTrue(self.connection.wire.disconnecting)

    def test_an_abort_cuts_it(self) -> None:
        end = self.open()
        end.tunnel.abort()
        self.assertTrue(self.connection.wire.aborted)
        self.over(end, 0)

    def test_an_end_that_fails_at_the_end_is_logged(self) -> None:
        end = self.open()
        end.lost = lambda: 1 / 0  # type: ignore[assignment]
        self.connection.lose()
        self.assertEqual(self.site.channels, set())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_the_connection_can_be_closed_as_that_of_a_request(self) -> None:
        end = self.open()
        end.tunnel.request.loseConnection()
        self.assertTrue(self.connection.wire.disconnecting)
        self.over(end, 0)


class StopTests(UpgradedCase):
    def test_a_stop_is_told_once_and_waits(self) -> None:
        end = self.open()
        down = self.site.drain()
        self.site.drain()
        self.wait(20)
        self.assertEqual(end.told, ["going away"])
        self.assertFalse(self.connection.wire.closed)
        self.assertNoResult(down)
        end.tunnel.write(b"bye")
        end.tunnel.close()
        self.connection.lose()
        self.successResultOf(down)

    def test_at_the_end_of_the_grace_it_is_cut(self) -> None:
        end = self.open()
        self.site.drain()
        self.assertEqual(self.site.abort(), 1)
        self.connection.settle()
        self.assertEqual(end.told, ["going away", "lost"])

    def test_one_that_is_opened_during_a_stop_is_told_too(self) -> None:
        waiting = Streaming()
        site = self.site_of(waiting)
        connection = self.connect(site)
        connection.send(UPGRADE)
        site.drain()
        end = TunnelRecorder()
        end.tunnel = waiting.requests[0].tunnel([], end)
        self.assertEqual(end.told, [])
        self.clock.advance(0)
        self.assertEqual(end.told, ["going away"])

    def test_one_that_fails_to_say_goodbye_is_cut(self) -> None:
        end = self.open()
        end.going_away = lambda: 1 / 0  # type: ignore[assignment]
        self.site.drain()
        self.assertTrue(self.connection.wire.aborted)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
