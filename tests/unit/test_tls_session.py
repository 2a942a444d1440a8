"""What a client keeps for its next visit, and what it may ask of TLS while a connection lives."""

from __future__ import annotations

import ssl
from typing import Any

from twisted.web.resource import Resource

from duck_tx.http.channel import HTTPChannel
from tests.unit.logged import logged_lines
from tests.unit.s_client import SClient
from tests.unit.tls_case import DUCK, OTHER, WILD, TLSCase, client_context


class SessionTests(TLSCase):
    async def visit(
        self, context: ssl.SSLContext, session: ssl.SSLSession | None = None, name: str = "duck.example"
    ) -> tuple[ssl.SSLSession, bool]:
        """The session after one visit, and whether the one before was taken up."""
        client = self.client(name, context, session)
        answer = await client.ask_all()
        self.assertTrue(answer.endswith(b"Hello, world!"), answer)
        found = client.tls.session
        assert found is not None
        reused = client.tls.session_reused
        client.close()
        return found, bool(reused)

    async def test_a_session_is_resumed_with_a_ticket_in_both_versions(self) -> None:
        self.serve()
        for version in ("TLSv1_2", "TLSv1_3"):
            context = client_context(newest=version)
            session, reused = await self.visit(context)
            self.assertEqual((session.has_ticket, reused), (True, False))
            for _ in range(3):
                session, reused = await self.visit(context, session)
                self.assertTrue(reused, version)

    async def test_a_session_is_not_taken_up_under_another_certificate(self) -> None:
        self.serve(None, DUCK, OTHER)
        for version in ("TLSv1_2", "TLSv1_3"):
            context = client_context(newest=version)
            session, _ = await self.visit(context)
            _, reused = await self.visit(context, session, "other.example")
            self.assertFalse(reused)
            _, reused = await self.visit(context, session)
            self.assertTrue(reused)

    async def test_sessions_outlive_a_change_of_other_certificates_only(self) -> None:
        self.serve(None, DUCK, OTHER)
        context = client_context()
        mine, _ = await self.visit(context)
        others, _ = await self.visit(context, None, "other.example")
        self.store.use([DUCK, WILD])
        self.store.use([DUCK, OTHER])
        self.assertTrue((await self.visit(context, mine))[1])
        self.assertFalse((await self.visit(context, others, "other.example"))[1])


class _Large(Resource):
    """More than the system takes ahead."""

    isLeaf = True
    size = 20_000_000

    def render(self, request: Any) -> bytes:
        return b"\x01" * self.size


class ClientWishTests(TLSCase):
    """What ``openssl s_client`` can ask of TLS while a connection lives."""

    async def test_new_keys_are_taken_and_given(self) -> None:
        self.serve()
        client = SClient(self, self.service.address, "-tls1_3")
        await client.up()
        for key in ("k", "K", "K", "k"):
            await client.command(key, "KEYUPDATE")
        client.say("GET / HTTP/1.1\r\nHost: duck.example\r\nConnection: close\r\n\r\n")
        self.assertIn("Hello, world!", await client.output())

    def is_blocked(self, channel: object) -> bool:
        """Whether the server waits for this client to read."""
        return isinstance(channel, HTTPChannel) and channel.outlet.backlogged

    async def test_new_keys_in_the_middle_of_a_record_do_it_no_harm(self) -> None:
        self.serve(_Large())
        client = SClient(self, self.service.address, "-tls1_3")
        await client.up()
        client.pause()
        client.say("GET / HTTP/1.1\r\nHost: duck.example\r\nConnection: close\r\n\r\n")
        await self.until(lambda: any(self.is_blocked(channel) for channel in self.site.channels))
        client.say("K\n")
        client.resume()
        said = await client.output()
        self.assertIn("KEYUPDATE", said)
        self.assertEqual(said.count("\x01"), _Large.size)

    async def test_a_new_handshake_is_refused(self) -> None:
        self.serve()
        with logged_lines() as lines:
            client = SClient(self, self.service.address, "-tls1_2")
            await client.up()
            await client.command("R", "RENEGOTIATING")
            self.assertIn("no renegotiation", await client.output())
            await self.no_connection()
        self.assertEqual(lines, [])
