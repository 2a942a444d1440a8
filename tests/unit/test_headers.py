"""What field names mean to the server."""

from __future__ import annotations

from duck_tx.http.headers import FIELD_NAMES, Role, allowed_trailers, end_to_end, is_token, wanted_upgrade
from tests.case import UnitTestCase


class FieldNameTests(UnitTestCase):
    def test_a_name_is_known_in_any_case(self) -> None:
        for name in (b"host", b"Host", b"HOST"):
            self.assertEqual(FIELD_NAMES[name], (b"host", "HTTP_HOST", Role.HOST))

    def test_a_plain_name_becomes_a_variable(self) -> None:
        self.assertEqual(FIELD_NAMES[b"X-Some-Thing"], (b"x-some-thing", "HTTP_X_SOME_THING", Role.PLAIN))

    def test_the_type_and_length_of_content_are_variables_of_their_own(self) -> None:
        self.assertEqual(FIELD_NAMES[b"Content-Type"].environ, "CONTENT_TYPE")
        self.assertIs(FIELD_NAMES[b"Content-Length"].environ, None)

    def test_names_that_a_gateway_could_confuse_become_no_variable(self) -> None:
        for name in (b"X_Forwarded_For", b"Content_Length", b"a-b_c", b"Proxy"):
            self.assertEqual(FIELD_NAMES[name][1:], (None, Role.UNSAFE), name)

    def test_all_that_tells_of_the_way_is_forwarding(self) -> None:
        for name in (b"X-Forwarded-For", b"X-Forwarded-Whatever", b"Forwarded", b"X-Real-IP", b"X-Request-ID"):
            self.assertIs(FIELD_NAMES[name].role, Role.FORWARDING, name)

    def test_names_from_clients_do_not_fill_the_memory(self) -> None:
        for number in range(10_000):
            FIELD_NAMES[b"X-%d" % number]
        FIELD_NAMES[b"X" * 10_000]
        self.assertLessEqual(len(FIELD_NAMES), 4096)
        self.assertNotIn(b"X" * 10_000, FIELD_NAMES)

    def test_tokens(self) -> None:
        self.assertTrue(is_token(b"X-!#$%&'*+.^_`|~9"))
        for name in (b"", b" ", b"a b", b"a:", b"a\n", b"\xe9"):
            self.assertFalse(is_token(name), name)


class EndToEndTests(UnitTestCase):
    def test_fields_about_the_connection_are_left_out(self) -> None:
        fields = [
            (name, b"x") for name in (b"Connection", b"Keep-Alive", b"TE", b"Trailer", b"Upgrade", b"Transfer-Encoding")
        ]
        self.assertEqual(end_to_end([*fields, (b"A", b"b")]), [(b"A", b"b")])

    def test_fields_named_in_connection_are_left_out(self) -> None:
        fields = [(b"X-Hop", b"1"), (b"Connection", b"close, x-hop"), (b"A", b"b")]
        self.assertEqual(end_to_end(fields), [(b"A", b"b")])

    def test_connection_cannot_name_what_the_request_needs(self) -> None:
        fields = [
            (b"Host", b"a"),
            (b"Content-Length", b"3"),
            (b"Cookie", b"c"),
            (b"Connection", b"host, content-length, cookie"),
        ]
        self.assertEqual(end_to_end(fields), fields[:3])

    def test_order_and_repetition_are_kept(self) -> None:
        fields = [(b"b", b"1"), (b"A", b"2"), (b"b", b"3")]
        self.assertEqual(end_to_end(fields), fields)


class WantedUpgradeTests(UnitTestCase):
    def wanted(self, *fields: tuple[bytes, bytes]) -> bytes:
        return wanted_upgrade(list(fields))

    def test_connection_names_it(self) -> None:
        upgrade = (b"Upgrade", b"WebSocket")
        for connection in (b"upgrade", b"Upgrade", b"keep-alive,\tUPGRADE ", b"x, upgrade, y"):
            self.assertEqual(self.wanted((b"connection", connection), upgrade), b"websocket")
        self.assertEqual(self.wanted(upgrade, (b"Connection", b"close"), (b"Connection", b"upgrade")), b"websocket")
        for connection in (b"close", b"", b"upgrades", b"up grade"):
            self.assertEqual(self.wanted((b"Connection", connection), upgrade), b"")
        self.assertEqual(self.wanted((b"Keep-Alive", b"upgrade"), upgrade), b"")
        self.assertEqual(self.wanted(upgrade), b"")
        self.assertEqual(self.wanted((b"Connection", b"upgrade")), b"")

    def test_the_first_of_several_counts(self) -> None:
        upgrades = ((b"Upgrade", b"a/1 , b"), (b"Upgrade", b"c"))
        self.assertEqual(self.wanted((b"Connection", b"upgrade"), *upgrades), b"a/1")

    def test_what_is_no_protocol_is_none(self) -> None:
        for bad in (b"", b"a b", b"a/", b"/1", b"a/1/2", b"a\xff", b"(a)"):
            self.assertEqual(self.wanted((b"Connection", b"upgrade"), (b"Upgrade", bad)), b"", bad)

    def test_a_request_with_a_body_has_none(self) -> None:
        asks = ((b"Connection", b"upgrade"), (b"Upgrade", b"a"))
        self.assertEqual(self.wanted(*asks, (b"Content-Length", b"0")), b"a")
        self.assertEqual(self.wanted(*asks, (b"Content-Length", b"1")), b"")
        self.assertEqual(self.wanted((b"Transfer-Encoding", b"chunked"), *asks), b"")


class AllowedTrailersTests(UnitTestCase):
    def test_what_frames_routes_or_controls_is_left_out(self) -> None:
        fields = [
            (b"X-Sum", b"1"),
            (b"Content-MD5", b"2"),
            (b"HOST", b"3"),
            (b"Content-Length", b"4"),
            (b"Set-Cookie", b"5"),
            (b"Authorization", b"6"),
            (b"Forwarded", b"7"),
            (b"X-Forwarded-Anything", b"8"),
            (b"x_sum", b"9"),
            (b"Server-Timing", b"10"),
            (b"Digest", b"11"),
            (b"X-Sum", b"12"),
        ]
        kept = [value for _, value in allowed_trailers(fields)]
        self.assertEqual(kept, [b"1", b"2", b"10", b"11", b"12"])
