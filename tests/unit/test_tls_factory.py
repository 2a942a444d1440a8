"""What every connection to the TLS port has in common: how many there may be, and what they speak."""

from __future__ import annotations

import ssl

from twisted.internet.protocol import Protocol

from duck_tx.http.channel import HTTPChannel
from duck_tx.http.limits import Limits
from duck_tx.https.context import ACME_TLS, Policy, challenge_context
from duck_tx.https.hello import Hello
from tests.unit.logged import logged_lines
from tests.unit.tls_case import DUCK, OTHER, WILD, Client, TLSCase, client_context


class _Spoken(Protocol):
    """Says what is spoken, and closes."""

    def __init__(self, name: bytes) -> None:
        self._name = name

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._name)
        self.transport.loseConnection()


class PlaceTests(TLSCase):
    async def place(self, client: Client) -> bool:
        """Whether there was a place for a client."""
        try:
            await client.shake_hands()
        except (ConnectionError, ssl.SSLEOFError):
            return False
        return True

    async def test_one_too_many_is_closed_and_the_log_says_so_once(self) -> None:
        self.serve(limits=Limits(max_connections=2))
        clients = [self.client() for _ in range(2)]
        for client in clients:
            self.assertTrue(await self.place(client))
        with logged_lines() as lines:
            for _ in range(5):
                self.assertFalse(await self.place(self.client()))
        self.assertEqual(lines, ["connections are refused: There are too many connections. (2 open)"])
        self.assertEqual(self.site.refused[503], 5)
        clients[0].close()
        await self.until(lambda: len(self.site.channels) == 1)
        self.assertTrue(await self.place(self.client()))

    async def test_clients_in_the_middle_of_their_handshake_count(self) -> None:
        self.serve(limits=Limits(max_connections=2))
        waiting = [self.client() for _ in range(2)]
        await self.until(lambda: len(self.site.channels) == 2)
        self.assertFalse(await self.place(self.client()))
        for client in waiting:
            self.assertTrue(await self.place(client))

    async def test_an_address_has_its_share_whatever_becomes_of_its_connections(self) -> None:
        self.serve(limits=Limits(max_connections_per_address=2))
        for leave in (Client.close, Client.reset):
            for steps in ("none", "hello", "all"):
                clients = [self.client() for _ in range(2)]
                for client in clients:
                    if steps == "hello":
                        await client.send_raw(client.hello()[:50])
                    elif steps == "all":
                        await client.shake_hands()
                await self.until(lambda: len(self.site.channels) == 2)
                self.assertFalse(await self.place(self.client()))
                for client in clients:
                    leave(client)
                await self.no_connection()


class ProtocolTests(TLSCase):
    async def spoken(self, *offered: str) -> bytes:
        client = self.client(context=client_context(*offered))
        await client.shake_hands()
        return await client.receive_all()

    async def test_clients_speak_what_they_agreed_on(self) -> None:
        names = (b"h2", b"http/1.1")
        made = {name: (lambda name=name: _Spoken(name)) for name in names}
        self.serve(policy=Policy(protocols=names), protocols=made)
        self.assertEqual(await self.spoken("http/1.1", "h2"), b"h2")
        self.assertEqual(await self.spoken("http/1.1"), b"http/1.1")
        self.assertEqual(await self.spoken("http/1.0"), b"http/1.1")
        self.assertEqual(await self.spoken(), b"http/1.1")

    async def test_what_is_spoken_within_a_challenge_is_nothing(self) -> None:
        self.serve()
        self.assertIsNone(self.factory.protocol_for(ACME_TLS))
        self.assertIsInstance(self.factory.protocol_for(b""), HTTPChannel)

    async def test_the_context_is_that_of_the_name_or_of_its_challenge(self) -> None:
        self.serve(None, DUCK, WILD, strict=True)
        challenge = self.store.challenges["duck.example"] = challenge_context(OTHER)
        self.assertIs(
            self.factory.context_for(Hello("www.duck.example", (b"h2",))), self.store.context_for("duck.example")
        )
        self.assertIs(self.factory.context_for(Hello("duck.example", (ACME_TLS,))), challenge)
        for hello in (
            Hello("a.pond.example", (ACME_TLS,)),
            Hello(None, (ACME_TLS,)),
            Hello("unknown.example"),
            Hello(),
        ):
            self.assertIsNone(self.factory.context_for(hello), hello)
