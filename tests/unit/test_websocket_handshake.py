"""The opening handshake, and who may open a WebSocket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from duck_tx.http.response import ResponseError
from duck_tx.settings import WebSocketSettings
from duck_tx.websocket.handshake import Offer, Refused, examine, same_origin
from duck_tx.websocket.limits import WebSocketLimits
from tests.unit.websocket_case import FIELDS, KEY_FIELD, Echo, MemoryRequest, WebSocketCase

Field = tuple[bytes, bytes]


class HandshakeCase(WebSocketCase):
    def request(self, *fields: Field, without: Sequence[bytes] = (), **more: Any) -> Any:
        kept = [field for field in FIELDS if field[0] not in without]
        return MemoryRequest(self.clock, [*kept, *fields], **more)


class ExamineTests(HandshakeCase):
    def refused(self, request: Any) -> Refused:
        with self.assertRaises(Refused) as caught:
            examine(request)
        return caught.exception

    def test_what_a_client_offers_is_read(self) -> None:
        offer = examine(
            self.request(
                (b"sec-websocket-protocol", b"duck.v2, duck.v1"),
                (b"Sec-WebSocket-Protocol", b"graphql-ws"),
                (b"Origin", b"https://duck.example"),
            )
        )
        self.assertEqual(offer.subprotocols, ["duck.v2", "duck.v1", "graphql-ws"])
        self.assertEqual(offer.origin, "https://duck.example")

    def test_nothing_but_the_key_and_the_version_is_needed(self) -> None:
        offer = examine(self.request())
        self.assertEqual((offer.subprotocols, offer.origin), ([], None))

    def test_a_request_that_asks_for_something_else_is_told_so(self) -> None:
        for upgrade in (b"", b"h2c", b"tls/1.0"):
            refused = self.refused(self.request(upgrade=upgrade))
            self.assertEqual((refused.status, refused.fields), (426, [(b"Sec-WebSocket-Version", b"13")]))

    def test_another_version_is_told_which_there_is(self) -> None:
        name = b"Sec-WebSocket-Version"
        for fields in ([], [(name, b"8")], [(name, b"14")], [(name, b"13"), (name, b"13")]):
            refused = self.refused(self.request(*fields, without=[name]))
            self.assertEqual((refused.status, refused.fields), (426, [(name, b"13")]), fields)

    def test_a_key_is_sixteen_bytes_and_there_is_one(self) -> None:
        name = b"Sec-WebSocket-Key"
        for keys in ([], [b""], [b"ZHVjaw=="], [b"dGhlIHNhbXBsZSBub25jZQ"], [KEY_FIELD[1], KEY_FIELD[1]]):
            refused = self.refused(self.request(*((name, key) for key in keys), without=[name]))
            self.assertEqual((refused.status, refused.fields), (400, []), keys)

    def test_the_method_is_get(self) -> None:
        self.assertEqual(self.refused(self.request(method=b"POST")).status, 400)

    def test_lists_that_are_malformed_are_refused(self) -> None:
        for field in (
            (b"Sec-WebSocket-Protocol", b"duck v1"),
            (b"Sec-WebSocket-Extensions", b"permessage-deflate;"),
        ):
            self.assertEqual(self.refused(self.request(field)).status, 400)

    def test_a_page_has_one_origin(self) -> None:
        request = self.request((b"Origin", b"https://duck.example"), (b"origin", b"https://fox.example"))
        self.assertEqual(self.refused(request).status, 400)

    def test_over_http2_there_is_no_key(self) -> None:
        request = self.request(without=[b"Sec-WebSocket-Key", b"Upgrade", b"Connection"], method=b"CONNECT")
        examine(request).accept(None, [], Echo(), WebSocketLimits())
        self.assertEqual(request.answer, [])


class AcceptTests(HandshakeCase):
    def accept(self, request: Any, subprotocol: str | None = None, *fields: Field, **limits: Any) -> list[Field]:
        """The fields of the answer."""
        socket = examine(request).accept(subprotocol, list(fields), Echo(), WebSocketLimits(**limits))
        self.assertIs(request.opened.end, socket)
        self.assertEqual(socket.subprotocol, subprotocol)
        answer: list[Field] = request.answer
        return answer

    def test_the_key_is_answered_as_in_the_example_of_the_rfc(self) -> None:
        answer = self.accept(self.request())
        self.assertEqual(answer, [(b"Sec-WebSocket-Accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")])

    def test_a_subprotocol_is_one_that_is_offered(self) -> None:
        request = self.request((b"Sec-WebSocket-Protocol", b"duck.v2, duck.v1"))
        self.assertIn((b"Sec-WebSocket-Protocol", b"duck.v1"), self.accept(request, "duck.v1"))
        with self.assertRaisesRegex(ValueError, "goose"):
            self.accept(self.request((b"Sec-WebSocket-Protocol", b"duck.v2")), "goose")

    def test_compression_is_agreed_on_as_it_was_offered(self) -> None:
        field = (b"Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits")
        answer = (b"Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits=12")
        self.assertIn(answer, self.accept(self.request(field)))
        self.assertEqual(len(self.accept(self.request(field), compression=False)), 1)

    def test_further_fields_are_in_the_answer(self) -> None:
        self.assertIn((b"Set-Cookie", b"a=b"), self.accept(self.request(), None, (b"Set-Cookie", b"a=b")))

    def test_the_fields_of_the_handshake_are_nobody_elses(self) -> None:
        for name in (b"Sec-WebSocket-Accept", b"sec-websocket-protocol", b"Sec-WebSocket-Extensions"):
            with self.assertRaisesRegex(ValueError, "handshake"):
                self.accept(self.request(), None, (name, b"duck"))

    def test_a_field_that_is_none_leaves_nothing_open(self) -> None:
        request = self.request()

        def refuse(fields: object, end: object) -> None:
            raise ResponseError("no")

        request.tunnel = refuse
        with self.assertRaises(ResponseError):
            self.accept(request)


class OriginTests(HandshakeCase):
    def allows(self, origin: bytes | None, host: bytes = b"duck.example", *allowed: str) -> bool:
        fields = [] if origin is None else [(b"Origin", origin)]
        request = self.request(*fields, host=host)
        offer: Offer = examine(request)
        return same_origin(offer, request, (allowed or ("duck.example", "[::1]")).__contains__)

    def test_a_page_of_the_site_may(self) -> None:
        for origin in (b"https://duck.example", b"http://DUCK.example:8000", b"http://[::1]:8000"):
            self.assertTrue(self.allows(origin), origin)
        self.assertTrue(self.allows(b"http://[::1]:8000", b"[::1]:8000"))

    def test_what_is_no_browser_may(self) -> None:
        self.assertTrue(self.allows(None, b"fox.example"))

    def test_a_page_of_anybody_elses_may_not(self) -> None:
        for origin in (
            b"https://fox.example",
            b"https://duck.example.fox.example",
            b"https://fox.example/duck.example",
            b"https://duck.example@fox.example",
            b"null",
            b"",
            b"duck.example",
            b"file://duck.example",
            b"https://",
            b"https://[::1",
            b"https://duck.example, https://fox.example",
        ):
            self.assertFalse(self.allows(origin), origin)

    def test_a_strange_name_that_leads_here_is_not_the_site(self) -> None:
        self.assertFalse(self.allows(b"http://fox.example:8000", b"fox.example:8000"))
        self.assertFalse(self.allows(b"http://duck.example", b"fox.example"))


class LimitTests(WebSocketCase):
    def test_the_defaults_are_those_of_the_settings(self) -> None:
        self.assertEqual(WebSocketLimits.of(WebSocketSettings()), WebSocketLimits())
        self.assertEqual(WebSocketLimits.of(WebSocketSettings(max_queue=7)), WebSocketLimits(max_queue=7))
