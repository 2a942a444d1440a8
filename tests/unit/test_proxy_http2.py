"""Requests that come by HTTP/2, on their way to a server."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha1
from typing import Any

from twisted.web.resource import IResource

from duck_tx.http.limits import Limits
from duck_tx.http.site import Site
from duck_tx.proxy.resource import ReverseProxy
from tests.unit.http2_case import Http2Site
from tests.unit.http2_client import Client
from tests.unit.http2_frames import block, connect, data, headers, post, request, reset
from tests.unit.proxy_case import OK, ProxyCase


class Http2Tests(ProxyCase):
    def site_of(self, resource: IResource, **limits: Any) -> Site:
        return Http2Site(
            ReverseProxy(resource),
            reactor=self.clock,
            limits=Limits(**limits),
            seconds=self.clock.seconds,
            secure=True,
        )

    def started(self, *sent: bytes) -> Client:
        client = Client(self.site, self.clock)
        client.start()
        client.send(*sent)
        return client

    def test_a_request_is_handed_on_in_http_1_1(self) -> None:
        client = self.started(request(1, b"/x?y", (b"te", b"trailers"), (b"cookie", b"a=b"), (b"cookie", b"c=d")))
        came = self.far.received
        self.assertTrue(came.startswith(b"GET /x?y HTTP/1.1\r\nHost: "), came)
        self.assertIn(b"\r\ncookie: a=b; c=d\r\n", came)
        self.assertIn(b"\r\nX-Forwarded-Proto: https\r\n", came)
        self.assertTrue(came.endswith(b"\r\nVia: 2 duck_tx\r\nConnection: TE\r\nTE: trailers\r\n\r\n"), came)
        self.answer(OK)
        client.settle()
        response = client.response(1)
        self.assertEqual((response.status, bytes(response.body), response.complete), (200, b"hello", True))
        self.assertEqual(response[b"via"], b"1.1 duck_tx")

    def test_a_body_without_a_length_goes_on_in_chunks_with_its_trailers(self) -> None:
        client = self.started(post(1, b"/x"), data(1, b"qu"))
        self.assertTrue(self.far.take().endswith(b"\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nqu\r\n"))
        client.send(data(1, b"ack"), headers(1, block((b"x-sum", b"5"))))
        self.assertEqual(self.far.take(), b"3\r\nack\r\n0\r\nx-sum: 5\r\n\r\n")

    def test_a_response_in_pieces_with_interim_ones_and_trailers_comes_back(self) -> None:
        client = self.started(request(1, b"/x"))
        self.answer(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        self.answer(b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nqu\r\n")
        self.answer(b"3\r\nack\r\n0\r\nX-Sum: 5\r\n\r\n")
        client.settle()
        response = client.response(1)
        self.assertEqual((response.status, bytes(response.body), response.complete), (200, b"quack", True))
        self.assertEqual(response.trailers, [(b"x-sum", b"5")])

    def test_a_truncated_response_is_reset(self) -> None:
        client = self.started(request(1, b"/x"))
        self.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        self.far.close()
        client.settle()
        self.assertFalse(client.response(1).complete)
        self.assertEqual(len(client.response(1).resets), 1)
        self.assertTrue(client.answers())

    def test_a_client_that_resets_its_stream_ends_the_work(self) -> None:
        client = self.started(request(1, b"/x"))
        client.send(reset(1))
        self.assertTrue(self.far.wire.aborted)
        self.assertEqual(self.server.in_flight, 0)

    def key(self) -> bytes:
        """The key that the server got."""
        found = re.search(rb"\r\nSec-WebSocket-Key: ([A-Za-z0-9+/]{22}==)\r\n", self.far.received)
        assert found is not None, self.far.received
        return found[1]

    def switch(self, key: bytes) -> bytes:
        proof = b64encode(sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False).digest())
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: %b\r\n\r\n" % proof
        )

    def test_an_extended_connect_becomes_an_upgrade(self) -> None:
        client = self.started(connect(1, b"/chat"))
        came = self.far.received
        self.assertTrue(came.startswith(b"GET /chat HTTP/1.1\r\n"), came)
        self.assertIn(b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ", came)
        self.answer(self.switch(self.key()) + b"hi")
        client.settle()
        response = client.response(1)
        self.assertEqual((response.status, bytes(response.body)), (200, b"hi"))
        self.assertEqual(response[b"sec-websocket-protocol"], b"chat")
        self.assertNotIn(b"sec-websocket-accept", dict(response.fields))
        self.far.take()
        client.send(data(1, b"\x81\x00"))
        self.assertEqual(self.far.take(), b"\x81\x00")
        client.send(data(1, b"", end=True))
        self.far.half_close()
        client.settle()
        self.assertTrue(response.complete)
        self.assertEqual(self.server.in_flight, 0)

    def test_a_stop_is_said_to_both_sides(self) -> None:
        client = self.started(connect(1, b"/chat"))
        self.answer(self.switch(self.key()))
        client.settle()
        self.far.take()
        self.site.drain()
        client.settle()
        response = client.response(1)
        self.assertEqual((bytes(response.body), response.complete), (b"\x88\x02\x03\xe9", False))
        reply = b"\x88\x82abcdb\x8b"
        client.send(data(1, reply))
        self.assertEqual(self.far.take(), reply)
        self.far.half_close()
        client.settle()
        self.assertTrue(response.complete)
        client.send(data(1, b"", end=True))
        self.assertEqual(self.server.in_flight, 0)

    def test_a_wrong_proof_is_a_fault(self) -> None:
        client = self.started(connect(1, b"/chat"))
        with self.says("its proof", "502"):
            self.answer(self.switch(b"another key"))
        client.settle()
        self.assertEqual(client.response(1).status, 502)

    def test_a_refusal_is_handed_on_but_a_page_does_not_pass_for_a_tunnel(self) -> None:
        client = self.started(connect(1, b"/chat"))
        self.answer(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        client.settle()
        self.assertEqual((client.response(1).status, bytes(client.response(1).body)), (403, b"no"))
        client.send(connect(3, b"/chat"))
        with self.says("answered 200 where a switch of protocols was asked for"):
            self.answer(OK)
        client.settle()
        self.assertEqual(client.response(3).status, 502)
