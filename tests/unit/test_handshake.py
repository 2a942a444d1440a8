"""TLS handshakes on a real port: in pieces, given up half-way, too slow, and with the wrong people."""

from __future__ import annotations

import contextlib
import select
import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography import x509

from duck_tx.http.channel import HTTPChannel
from duck_tx.http.limits import Limits
from duck_tx.https.context import challenge_context
from duck_tx.https.credential import Credential
from tests.unit.logged import logged_lines
from tests.unit.tls_case import CLOSE, DUCK, OTHER, WILD, Client, TLSCase, client_context, in_records
from tests.unit.wire_case import GET, Waiting

_PLAIN = b"GET /secret HTTP/1.1\r\nHost: duck.example\r\n\r\n"


def _shown(client: Client) -> x509.Certificate:
    """The certificate that a client was shown."""
    der = client.tls.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


class _Case(TLSCase):
    def answered(self, answer: bytes) -> None:
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer[:200])
        self.assertTrue(answer.endswith(b"\r\n\r\nHello, world!"), answer[-200:])

    async def refused(self, client: Client) -> str:
        """What a client hears that is not let in."""
        try:
            await client.shake_hands()
        except ssl.SSLError as error:
            return str(error)
        raise AssertionError("it was let in")


class PieceTests(_Case):
    async def by_pieces(self, size: int, **how: Any) -> None:
        """A whole visit that comes in segments of ``size`` bytes."""
        client = self.client(context=client_context(**how))
        send = client.send_raw

        async def bit_by_bit(data: bytes) -> None:
            for start in range(0, len(data), size):
                await send(data[start : start + size])
                await client.turn()

        client.send_raw = bit_by_bit  # type: ignore[method-assign]
        self.answered(await client.ask_all())

    async def test_a_handshake_in_pieces_of_any_size_succeeds(self) -> None:
        self.serve()
        for version in ("TLSv1_2", "TLSv1_3"):
            for size in (1, 7, 100):
                await self.by_pieces(size, newest=version, oldest=version)
        await self.no_connection()

    async def test_a_hello_in_several_records_finds_its_certificate(self) -> None:
        self.serve(None, OTHER, DUCK)
        client = self.client()
        await client.send_raw(in_records(client.hello(), 1, 50, 60))
        await client.shake_hands()
        self.assertEqual(_shown(client), DUCK.chain[0])

    async def test_a_request_that_comes_with_the_end_of_the_handshake_is_answered(self) -> None:
        self.serve()
        client = self.client()
        await client.send_raw(client.hello())
        send, held = client.send_raw, []

        async def hold(data: bytes) -> None:
            held.append(data)

        client.send_raw = hold  # type: ignore[method-assign]
        await client.shake_hands()
        client.tls.write(CLOSE)
        client.send_raw = send  # type: ignore[method-assign]
        await client.send_raw(b"".join(held) + client.flight())
        self.answered(await client.receive_all())

    async def test_an_answer_that_the_system_does_not_take_at_once_is_sent_by_and_by(self) -> None:
        # A chain of 40 certificates, and buffers of a few thousand bytes on both sides.
        self.serve(None, replace(DUCK, chain=(DUCK.chain[0], *([DUCK.chain[1]] * 40))), send_buffer=4608)
        client = self.client(small_buffer=True)
        hello = client.hello()
        await client.send_raw(hello)
        channel = await self.one_connection()
        await self.until(lambda: _waits_for_room(channel))
        last = await client.last_flight()
        # Or it would be told of room that it has no use for, again and again.
        self.assertFalse(_waits_for_room(channel))
        await client.send_raw(last)
        self.answered(await client.ask())


def _waits_for_room(channel: Any) -> bool:
    """Whether the hub watches for room to write."""
    return bool(channel.transport.reactor._events[channel.transport.fileno()] & select.EPOLLOUT)


class LeavingTests(_Case):
    async def test_clients_that_leave_half_way_leave_nothing_behind(self) -> None:
        self.serve()
        with logged_lines() as lines:
            for leave in (Client.close, Client.reset):
                for version in ("TLSv1_2", "TLSv1_3"):
                    await self.leave_at_each_step(leave, client_context(newest=version))
        self.assertEqual(lines, [])

    def hello(self, context: ssl.SSLContext) -> bytes:
        """What such a client begins with."""
        client = self.client(context=context)
        client.close()
        return client.hello()

    async def leave_at_each_step(self, leave: Callable[[Client], None], context: ssl.SSLContext) -> None:
        hello = self.hello(context)
        for sent in (0, 1, 4, 5, 20, len(hello) // 2, len(hello) - 1, len(hello)):
            client = self.client(context=context)
            await client.send_raw(hello[:sent])
            await self.until(lambda: self.site.channels)
            if sent == len(hello):
                await client.receive_raw()
            leave(client)
            await self.no_connection()
        for left in (1, 10):
            client = self.client(context=context)
            await client.send_raw((await client.last_flight())[:-left])
            await self.one_connection()
            leave(client)
            await self.no_connection()

    async def test_clients_that_do_not_go_on_are_cut_in_time_at_each_step(self) -> None:
        self.serve(timeout=0.05)
        clients = []
        hello = self.hello(client_context())
        for sent in (0, 1, 4, 5, len(hello) - 1, len(hello)):
            clients.append(self.client())
            await clients[-1].send_raw(hello[:sent])
        await self.until(lambda: len(self.site.channels) >= len(clients))
        with logged_lines() as lines:
            await self.no_connection()
        self.assertEqual(lines, [])
        self.assertGreaterEqual(self.factory.failed["timeout"], len(clients))
        for client in clients:
            with self.assertRaises(ConnectionResetError):
                await client.all_raw()

    async def test_who_is_in_time_has_the_time_of_http_from_then_on(self) -> None:
        self.serve(timeout=2.0)
        client = self.client()
        await client.shake_hands()
        await self.until(lambda: any(isinstance(channel, HTTPChannel) for channel in self.site.channels))
        channel = await self.one_connection()
        self.assertGreater(channel.deadline, self.site.seconds() + 5)

    async def test_rubbish_in_the_middle_is_answered_with_an_alert(self) -> None:
        self.serve()
        with logged_lines() as lines:
            for version in ("TLSv1_2", "TLSv1_3"):
                client = self.client(context=client_context(newest=version))
                flight = await client.last_flight()
                await client.send_raw(flight[:-10] + bytes(10))
                with self.assertRaisesRegex(ssl.SSLError, "ALERT_BAD_RECORD_MAC"):
                    await client.receive()
                await self.no_connection()
        self.assertEqual(lines, [])
        self.assertEqual(self.factory.failed.total(), 2)


class DrainTests(_Case):
    async def test_a_handshake_under_way_when_the_site_stops_is_finished_and_answered(self) -> None:
        self.serve()
        self.site.last_word = 5.0
        client = self.client()
        hello = client.hello()
        await client.send_raw(hello[:50])
        await self.one_connection()
        stopped = self.stop()
        await client.send_raw(hello[50:])
        answer = await client.ask_all()
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.answered(answer)
        client.close()
        await stopped
        self.assertEqual(self.site.channels, set())

    async def test_a_client_that_the_system_had_accepted_is_answered(self) -> None:
        self.serve()
        self.site.last_word = 5.0
        client = self.client()
        # The reactor does not turn between here and the stop.
        stopped = self.stop()
        self.answered(await client.ask_all())
        client.close()
        await stopped

    async def test_one_that_does_not_go_on_is_given_little_time(self) -> None:
        self.serve(timeout=60.0, grace=60.0)
        clients = [self.client() for _ in range(3)]
        hello = clients[0].hello()
        await clients[0].send_raw(hello[:50])
        await clients[1].send_raw(hello)
        await self.until(lambda: len(self.site.channels) == 3)
        await self.stop()
        for client in clients:
            with self.assertRaises(ConnectionResetError):
                await client.all_raw()

    async def test_the_grace_ends_a_request_that_came_with_a_late_handshake(self) -> None:
        waiting = Waiting()
        self.serve(waiting, grace=0.3)
        self.site.last_word = 5.0
        client = self.client()
        stopped = self.stop()
        await client.shake_hands()
        await client.send(GET)
        await self.until(lambda: waiting.requests)
        await stopped
        with self.assertRaises(ConnectionResetError):
            await client.all_raw()


class NameTests(_Case):
    async def shown(self, name: str | None) -> Credential | None:
        """Which of the certificates somebody is shown who asks for ``name``; None if refused."""
        client = self.client(name, client_context(trusts=False))
        try:
            await client.shake_hands()
        except ssl.SSLError as error:
            self.assertEqual(error.reason, "TLSV1_UNRECOGNIZED_NAME")
            return None
        client.close()
        return {each.chain[0]: each for each in (DUCK, WILD, OTHER)}[_shown(client)]

    async def test_each_name_has_its_certificate_and_others_the_first(self) -> None:
        self.serve(None, DUCK, WILD, OTHER)
        for name, credential in {
            "duck.example": DUCK,
            "WWW.Duck.Example": DUCK,
            "a.pond.example": WILD,
            "other.example": OTHER,
            "a.b.pond.example": DUCK,
            "pond.example": DUCK,
            "unknown.example": DUCK,
            None: DUCK,
        }.items():
            self.assertIs(await self.shown(name), credential, name)

    async def test_strictly_unknown_names_are_refused_with_the_alert_of_that_name(self) -> None:
        self.serve(None, DUCK, WILD, strict=True)
        self.assertIs(await self.shown("duck.example"), DUCK)
        self.assertIs(await self.shown("a.pond.example"), WILD)
        with logged_lines() as lines:
            for name in ("unknown.example", "pond.example", None):
                self.assertIsNone(await self.shown(name), name)
            await self.no_connection()
        self.assertEqual(lines, [])
        self.assertEqual(self.factory.failed["unknown name"], 3)

    async def test_a_certificate_that_is_replaced_is_shown_from_the_next_handshake_on(self) -> None:
        self.serve(None, DUCK)
        kept = self.client()
        await kept.shake_hands()
        self.store.use([OTHER])
        self.assertIs(await self.shown("duck.example"), OTHER)
        self.answered(await kept.ask())


class ChallengeTests(_Case):
    async def test_a_challenge_is_shown_and_the_connection_closed(self) -> None:
        self.serve(None, DUCK, strict=True)
        self.store.challenges["new.example"] = challenge_context(OTHER)
        client = self.client("new.example", client_context("acme-tls/1", trusts=False))
        await client.shake_hands()
        self.assertEqual(client.tls.selected_alpn_protocol(), "acme-tls/1")
        self.assertEqual(_shown(client), OTHER.chain[0])
        self.assertEqual(await client.receive(), b"")
        await self.no_connection()
        self.assertEqual(self.factory.failed.total(), 0)

    async def test_without_a_challenge_it_is_refused(self) -> None:
        self.serve(None, DUCK)
        self.store.challenges["new.example"] = challenge_context(OTHER)
        for name in ("duck.example", None):
            await self.refused(self.client(name, client_context("acme-tls/1", trusts=False)))
        await self.no_connection()

    async def test_a_challenge_is_not_shown_to_visitors(self) -> None:
        self.serve(None, DUCK)
        self.store.challenges["duck.example"] = challenge_context(OTHER)
        client = self.client(context=client_context("http/1.1"))
        await client.shake_hands()
        self.assertEqual(_shown(client), DUCK.chain[0])


class StrangerTests(_Case):
    async def test_plain_http_is_told_where_it_is(self) -> None:
        self.serve()
        client = self.client()
        with logged_lines() as lines:
            await client.send_raw(_PLAIN)
            answer = await client.all_raw()
            client.close()
            await self.no_connection()
        head, _, text = answer.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 400 Bad Request\r\nServer: duck_tx\r\nDate: "), head)
        self.assertIn(b"\r\nConnection: close", head)
        self.assertIn(b"This port speaks HTTPS: use an address that begins with https://.", text)
        self.assertEqual(lines, [])
        self.assertEqual(self.factory.failed, {"plain HTTP": 1})

    async def test_it_is_told_so_however_its_request_comes(self) -> None:
        self.serve()
        slow = self.client()
        for byte in b"POST / HT":
            await slow.send_raw(bytes([byte]))
            await slow.turn()
        large = self.client()
        answers = []
        for client in (slow, large):
            await client.send_raw(b"POST / HTTP/1.1\r\nContent-Length: 500000\r\n\r\n" + bytes(500_000))
            answers.append(await client.all_raw())
            client.close()
        self.assertEqual([answer[:12] for answer in answers], [b"HTTP/1.1 400"] * 2)
        await self.no_connection()

    async def test_a_client_that_was_told_so_and_stays_is_cut(self) -> None:
        self.serve(limits=Limits(linger_timeout=0.05))
        client = self.client()
        await client.send_raw(_PLAIN)
        self.assertIn(b"HTTP/1.1 400 ", await client.all_raw())
        await self.no_connection()
        self.assertEqual(self.factory.failed.total(), 1)

    async def test_a_client_that_asks_and_leaves_at_once_does_no_harm(self) -> None:
        self.serve()
        with logged_lines() as lines:
            for leave in (Client.close, Client.reset):
                client = self.client()
                await client.send_raw(_PLAIN)
                leave(client)
            await self.until(lambda: self.factory.failed.total() or not self.site.channels)
            await self.no_connection()
        self.assertEqual(lines, [])

    async def test_what_is_neither_is_cut_without_a_word(self) -> None:
        self.serve()
        with logged_lines() as lines:
            for data in (b"\x00", b"SSH-2.0-x\r\n", b"\x16\x02\x00\x00\x05", b"\x80\x2e\x01\x00\x02", bytes(70_000)):
                client = self.client()
                await client.send_raw(data)
                with contextlib.suppress(ConnectionResetError):
                    self.assertEqual(await client.all_raw(), b"")
                await self.no_connection()
        self.assertEqual(lines, [])
        self.assertEqual(self.factory.failed, {"no TLS": 5})

    async def test_who_speaks_nothing_that_is_spoken_here_hears_why(self) -> None:
        self.serve()
        with logged_lines() as lines:
            alien = client_context("imap")
            self.assertIn("no application protocol", await self.refused(self.client(context=alien)))
            old = client_context(newest="TLSv1_2")
            old.set_ciphers("ECDHE-ECDSA-AES128-SHA")
            self.assertIn("SSLV3_ALERT_HANDSHAKE_FAILURE", await self.refused(self.client(context=old)))
            await self.no_connection()
        self.assertEqual(lines, [])
        self.assertEqual(self.factory.failed, {"no application protocol": 1, "no shared cipher": 1})

    async def test_who_does_not_trust_the_certificate_is_let_go(self) -> None:
        self.serve()
        stranger = ssl.create_default_context(cadata=None)
        with logged_lines() as lines:
            await self.refused(self.client(context=stranger))
            await self.no_connection()
        self.assertEqual(lines, [])
