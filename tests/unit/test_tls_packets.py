"""What leaves together on a TLS connection: as few packets as there are things to wait for."""

from __future__ import annotations

import socket
import struct
from typing import Any

from twisted.python.runtime import platform
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from duck_tx.http.channel import HTTPChannel
from tests.unit.tls_case import CLOSE, Client, TLSCase, client_context
from tests.unit.wire_case import GET

_DATA_SEGMENTS = 152
"""Where ``struct tcp_info`` of Linux counts the segments with data that came in."""


def _packets(client: Client) -> int:
    """How many packets with data a client has received so far."""
    info = client.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    found: int = struct.unpack_from("I", info, _DATA_SEGMENTS)[0]
    return found


def _holds(transport: Any) -> bool:
    """Whether the system keeps back what does not fill a packet."""
    return bool(transport.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK))


class _Later(Resource):
    """Answers when the test says so."""

    isLeaf = True
    request: Any = None

    def render(self, request: Any) -> int:
        self.request = request
        return NOT_DONE_YET


class PacketTests(TLSCase):
    if not platform.isLinux():
        skip = "only Linux keeps packets back, and counts them"

    async def greeted(self, request: bytes = b"", **how: Any) -> Client:
        """A client that has sent the last flight of its handshake together with ``request``."""
        client = self.client(context=client_context(**how))
        await client.send_raw(client.hello())
        last = await client.last_flight()
        if request:
            client.tls.write(request)
        await client.send_raw(last + client.flight())
        return client

    async def secured(self) -> Any:
        """The transport of the one connection, once its handshake is done."""
        await self.until(lambda: any(isinstance(each, HTTPChannel) for each in self.site.channels))
        return (await self.one_connection()).transport

    async def test_a_visit_costs_two_packets(self) -> None:
        self.serve()
        client = await self.greeted(CLOSE)
        answer = await client.receive_all()
        self.assertTrue(answer.endswith(b"Hello, world!"), answer)
        self.assertEqual(await client.receive_raw(), b"")
        self.assertEqual(_packets(client), 2)

    async def test_an_answer_that_takes_its_time_costs_no_more(self) -> None:
        later = _Later()
        self.serve(later)
        client = await self.greeted(CLOSE)
        request = await self.until(lambda: later.request)
        request.fail(404, "at last")
        self.assertTrue((await client.receive_all()).endswith(b"at last\n"))
        self.assertEqual(_packets(client), 2)

    async def test_an_answer_on_a_connection_that_stays_is_not_held(self) -> None:
        self.serve()
        client = await self.greeted(GET)
        self.assertTrue((await client.receive()).endswith(b"Hello, world!"))
        self.assertEqual(_packets(client), 2)
        self.assertFalse(_holds(await self.secured()))

    async def test_a_first_piece_of_an_answer_is_not_held(self) -> None:
        later = _Later()
        self.serve(later)
        client = await self.greeted(CLOSE)
        request = await self.until(lambda: later.request)
        self.assertTrue(_holds(request.channel.transport))
        request.write(b"a first piece")
        self.assertFalse(_holds(request.channel.transport))
        self.assertIn(b"a first piece", await client.receive())
        request.finish()
        await client.receive_all()

    async def test_a_client_that_asks_nothing_yet_waits_for_nothing(self) -> None:
        # In TLS 1.2 it would not ask before it has heard the end of the handshake.
        self.serve()
        for version in ("TLSv1_2", "TLSv1_3"):
            client = await self.greeted(newest=version)
            self.assertFalse(_holds(await self.secured()))
            await client.shake_hands()
            client.close()
            await self.no_connection()
