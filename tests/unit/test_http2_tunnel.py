"""Other protocols on streams."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from duck_tx.http.accessline import combined_line
from duck_tx.http.limits import Limits
from duck_tx.http2.limits import Http2Limits
from tests.unit.http2_case import Http2Site
from tests.unit.http2_frames import Code, connect, data, request, reset
from tests.unit.http2_live import End, LiveCase

WINDOW = Http2Limits().stream_window


class GrantingTests(LiveCase):
    def test_a_tunnel_begins_with_200(self) -> None:
        client = self.started()
        client.send(connect(1))
        self.assertEqual(client.response(1).fields, [])
        self.live.requests[0].tunnel([(b"Sec-WebSocket-Protocol", b"chat"), (b"Connection", b"Upgrade")], End())
        client.settle()
        response = client.response(1)
        self.assertEqual(
            response.fields,
            [
                (b":status", b"200"),
                (b"server", b"duck_tx"),
                (b"date", response[b"date"]),
                (b"sec-websocket-protocol", b"chat"),
            ],
        )
        self.assertFalse(response.complete)

    def test_what_came_ahead_is_heard_when_the_tunnel_is_there(self) -> None:
        client = self.started()
        client.send(connect(1), data(1, b"qu"), data(1, b"ack", end=True))
        end = End()
        tunnel = self.live.requests[0].tunnel([], end)
        self.assertEqual(end.told, [])
        client.settle()
        self.assertEqual(end.told, [b"quack", "ended"])
        tunnel.close()
        client.settle()
        self.assertEqual((end.told[-1], client.response(1).complete, client.resets), ("lost", True, {}))

    def test_a_client_may_ask_only_to_listen(self) -> None:
        client = self.started()
        client.send(connect(1, end=True))
        end = End()
        tunnel = self.live.requests[0].tunnel([], end)
        client.settle()
        tunnel.write(b"quack")
        tunnel.close()
        client.settle()
        self.assertEqual((end.told, bytes(client.response(1).body)), (["ended", "lost"], b"quack"))
        self.assertEqual((client.response(1).complete, client.resets), (True, {}))

    def test_a_client_that_is_gone_is_lost_at_once(self) -> None:
        client = self.started()
        client.send(connect(1), reset(1))
        end = End()
        tunnel = self.live.requests[0].tunnel([], end)
        self.assertEqual(end.told, [])
        client.settle()
        self.assertEqual(end.told, ["lost"])
        tunnel.write(b"late")
        tunnel.close()
        tunnel.abort()
        tunnel.pause()
        tunnel.resume()
        tunnel.deadline = 1.0
        self.assertFalse(tunnel.backlogged)
        self.proves_alive(client)
        self.leaves_nothing(client)

    def test_a_resource_may_refuse(self) -> None:
        client = self.started()
        client.send(connect(1), data(1, b"quack"))
        asked = self.live.requests[0]
        asked.setResponseCode(403)
        asked.write(b"no")
        asked.finish()
        client.settle()
        response = client.response(1)
        self.assertEqual((response.status, bytes(response.body), response.complete), (403, b"no", True))
        client.wait(3)
        self.assertEqual(response.resets, [Code.NO_ERROR])
        self.assertRaises(RuntimeError, asked.tunnel, [], End())
        self.proves_alive(client)

    def test_a_page_cannot_pass_for_a_tunnel(self) -> None:
        client = self.started()
        for stream, code in ((1, 200), (3, 204)):
            client.send(connect(stream))
            asked = self.live.requests[-1]
            asked.setResponseCode(code)
            asked.write(b"a page")
            asked.finish()
            client.settle()
            self.assertEqual((client.response(stream).status, client.response(stream).complete), (501, True))
        client.send(connect(5, b"/wait"))
        self.assertEqual((client.response(5).status, self.waiting.requests), (501, []))
        self.proves_alive(client)

    def test_one_that_fails_is_a_500(self) -> None:
        client = self.started()
        self.live.then = lambda request: 1 // 0
        client.send(connect(1))
        self.assertEqual((client.response(1).status, client.response(1).complete), (500, True))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.proves_alive(client)

    def test_whoever_waits_is_told_when_the_client_goes(self) -> None:
        client = self.started()
        client.send(connect(1))
        lost: list[Failure] = []
        self.live.requests[0].notifyFinish().addErrback(lost.append)
        client.send(reset(1))
        self.assertIsInstance(lost[0].value, ConnectionLost)


class TalkingTests(LiveCase):
    def test_what_is_said_goes_both_ways(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        client.send(data(1, b"qu"), data(1, b"ack", pad=9), data(1, b""))
        self.assertEqual(end.told, [b"quack"])
        tunnel.write(b"ha")
        tunnel.write(b"")
        tunnel.write(b"llo")
        client.settle()
        self.assertEqual((bytes(client.response(1).body), client.sizes), (b"hallo", [2, 3]))
        self.proves_alive(client)

    def test_much_goes_both_ways(self) -> None:
        client = self.started()
        client.generous = True
        tunnel, end = self.opened(client)
        sent = b"duck" * 250_000
        client.upload(1, sent, end=False)
        self.assertEqual(end.told, [sent])
        tunnel.write(sent)
        client.settle()
        self.assertEqual(bytes(client.response(1).body), sent)

    def test_tunnels_and_requests_share_a_connection(self) -> None:
        client = self.started()
        tunnels = [self.opened(client, stream) for stream in (1, 3, 5)]
        for stream, (tunnel, _) in zip((1, 3, 5), tunnels, strict=True):
            client.send(data(stream, b"%d" % stream))
            tunnel.write(b"to %d" % stream)
        client.send(request(7))
        self.assertEqual([end.told for _, end in tunnels], [[b"1"], [b"3"], [b"5"]])
        self.assertEqual([bytes(client.response(each).body) for each in (1, 3, 5)], [b"to 1", b"to 3", b"to 5"])
        self.proves_alive(client)

    def test_a_client_gets_no_window_while_reading_is_paused(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        tunnel.pause()
        client.upload(1, bytes(WINDOW), end=False)
        self.assertEqual((client.granted(1), end.told), (0, []))
        self.assertGreater(client.granted(0), 500_000)
        self.proves_alive(client, 3)
        tunnel.resume()
        client.settle()
        self.assertEqual((end.told, client.granted(1)), ([bytes(WINDOW)], WINDOW))
        client.upload(1, bytes(WINDOW), end=True)
        self.assertEqual([len(each) for each in end.told], [2 * WINDOW, len("ended")])

    def test_an_end_may_pause_whenever_it_hears_something(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        end.then = lambda name: tunnel.pause()
        client.send(data(1, b"qu"), data(1, b"ack"), data(1, end=True))
        self.assertEqual(end.told, [b"qu"])
        tunnel.resume()
        self.assertEqual(end.told, [b"quack"])
        tunnel.resume()
        self.assertEqual(end.told, [b"quack", "ended"])

    def test_it_may_pause_from_the_start(self) -> None:
        client = self.started()
        client.send(connect(1), data(1, b"quack"))
        end = End()
        tunnel = self.live.requests[0].tunnel([], end)
        tunnel.pause()
        client.settle()
        self.assertEqual(end.told, [])
        tunnel.resume()
        self.assertEqual(end.told, [b"quack"])

    def test_it_is_told_when_the_client_must_read_first(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        tunnel.write(bytes(100_000))
        client.settle()
        self.assertFalse(tunnel.backlogged)
        tunnel.write(bytes(100_000))
        self.assertEqual((tunnel.backlogged, end.told), (True, ["blocked"]))
        self.assertLess(tunnel.taken, 100_000)
        client.grant(0, 200_000)
        client.grant(1, 200_000)
        self.assertEqual((tunnel.backlogged, end.told), (False, ["blocked", "unblocked"]))
        self.assertEqual((tunnel.taken, len(client.response(1).body)), (200_000, 200_000))

    def test_more_than_the_window_ends_the_stream(self) -> None:
        self.site.http2 = Http2Limits(stream_window=70_000)
        client = self.started()
        tunnel, end = self.opened(client)
        tunnel.pause()
        client.send(*(data(1, bytes(16_000)) for _ in range(5)))
        self.assertEqual((client.resets, end.told), ({1: [Code.FLOW_CONTROL_ERROR]}, ["lost"]))
        self.proves_alive(client)

    def test_small_pieces_take_no_more_room_than_large_ones(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        tunnel.pause()
        client.send(*(b"".join(data(1, b"ab") for _ in range(1000)) for _ in range(30)))
        tunnel.resume()
        self.assertEqual(end.told, [b"ab" * 30_000])


class ClosingTests(LiveCase):
    def test_each_side_may_be_closed_alone_the_clients_first(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        client.send(data(1, b"bye", end=True))
        tunnel.write(b"good")
        tunnel.write(b"bye")
        tunnel.close()
        tunnel.write(b"late")
        client.settle()
        self.assertEqual((bytes(client.response(1).body), client.response(1).complete), (b"goodbye", True))
        self.assertEqual((end.told, client.resets), ([b"bye", "ended", "lost"], {}))
        self.leaves_nothing(client)

    def test_each_side_may_be_closed_alone_ours_first(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        tunnel.close()
        tunnel.close()
        client.settle()
        self.assertEqual((client.response(1).complete, client.resets, end.told), (True, {}, []))
        client.send(data(1, b"by"), data(1, b"e", end=True))
        self.assertEqual((end.told, client.resets), ([b"bye", "ended", "lost"], {}))
        self.proves_alive(client)

    def test_what_waits_goes_out_before_the_end(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        client.send(data(1, end=True))
        tunnel.write(bytes(100_000))
        tunnel.close()
        client.settle()
        self.assertEqual((client.response(1).complete, end.told), (False, ["ended"]))
        client.grant(0, 100_000)
        client.grant(1, 100_000)
        self.assertEqual((len(client.response(1).body), client.response(1).complete), (100_000, True))
        self.assertEqual(end.told[-1], "lost")

    def test_what_the_client_said_is_heard_although_all_is_said(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        tunnel.pause()
        client.send(data(1, b"quack", end=True))
        tunnel.close()
        client.settle()
        self.assertEqual((client.response(1).complete, end.told), (True, []))
        tunnel.resume()
        self.assertEqual(end.told, [b"quack", "ended", "lost"])
        self.leaves_nothing(client)

    def test_an_end_may_close_when_the_client_does(self) -> None:
        client = self.started()
        tunnel, end = self.opened(client)
        end.then = lambda name: tunnel.close() if name == "ended" else None
        client.send(data(1, end=True))
        self.assertEqual((end.told, client.response(1).complete, client.resets), (["ended", "lost"], True, {}))

    def test_it_may_be_cut(self) -> None:
        for name in ("abort", "hang_up"):
            client = self.started()
            tunnel, end = self.opened(client)
            cut = getattr(tunnel, name)
            cut()
            self.assertEqual(end.told, [])
            cut()
            client.settle()
            self.assertEqual((end.told, client.resets), (["lost"], {1: [Code.CANCEL]}))
            self.proves_alive(client)

    def test_a_client_that_resets_or_leaves_is_lost(self) -> None:
        client = self.started()
        _, first = self.opened(client)
        tunnel, second = self.opened(client, 3)
        tunnel.pause()
        client.send(data(3, b"quack"), data(1, b"quack"), reset(1))
        client.lose()
        self.assertEqual((first.told, second.told), ([b"quack", "lost"], ["lost"]))
        self.leaves_nothing(client)

    def test_an_end_that_fails_is_logged_and_cut(self) -> None:
        client = self.started()
        for stream, sent in ((1, data(1, b"quack")), (3, data(3, end=True))):
            _, end = self.opened(client, stream)
            end.then = lambda name: 1 // 0 if name != "lost" else None
            client.send(sent)
            self.assertEqual((end.told[-1], client.response(stream).resets), ("lost", [Code.CANCEL]))
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        _, end = self.opened(client, 5)
        end.then = lambda name: 1 // 0
        client.send(reset(5))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.proves_alive(client)

    def test_it_is_logged_when_it_is_over(self) -> None:
        lines: list[bytes] = []
        site = Http2Site(
            self.site.resource,
            reactor=self.clock,
            limits=Limits(),
            seconds=self.clock.seconds,
            log=lambda request: lines.append(combined_line(request, 0.0, 0.0)),
        )
        client = self.client(site)
        client.start()
        tunnel, _ = self.opened(client)
        tunnel.write(b"quack")
        client.settle()
        self.assertEqual(lines, [])
        client.send(reset(1))
        self.assertEqual((len(lines), site.answered), (1, 1))
        self.assertIn(b'"CONNECT /live/ HTTP/2" 200 5 ', lines[0])
