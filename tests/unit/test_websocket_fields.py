"""Lists in the header of a handshake."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.http.head import Rejected
from duck_tx.websocket.fields import Extension, extensions, tokens
from tests.case import UnitTestCase

_ODD = st.lists(st.text(' \t,;="\\az-()é', max_size=12).map(lambda text: text.encode("latin-1")), max_size=3)


class TokenTests(UnitTestCase):
    def test_names_come_in_their_order_whatever_lines_they_are_on(self) -> None:
        self.assertEqual(tokens([b"duck.v2,duck.v1", b" graphql-ws\t"]), [b"duck.v2", b"duck.v1", b"graphql-ws"])

    def test_empty_members_do_not_count(self) -> None:
        self.assertEqual(tokens([b"", b", a,, b ,"]), [b"a", b"b"])

    def test_what_is_no_token_is_refused(self) -> None:
        for line in (b"a b", b"a;b", b'"a"', b"a, (b)", b"caf\xe9"):
            with self.assertRaises(Rejected) as caught:
                tokens([line])
            self.assertEqual(caught.exception.status, 400, line)


class ExtensionTests(UnitTestCase):
    def test_parameters_with_and_without_values(self) -> None:
        line = b'permessage-deflate; client_max_window_bits; server_max_window_bits = "10" ;x=y, other'
        parameters = [(b"client_max_window_bits", None), (b"server_max_window_bits", b"10"), (b"x", b"y")]
        found = [Extension(b"permessage-deflate", parameters), Extension(b"other", [])]
        self.assertEqual(extensions([line]), found)

    def test_several_lines_are_one_list(self) -> None:
        self.assertEqual([each.name for each in extensions([b"a, ,b", b"", b"c"])], [b"a", b"b", b"c"])

    def test_what_is_malformed_is_refused(self) -> None:
        for line in (b";a", b"a;", b"a; b=", b"a; b=c d", b'a; b="c', b'a; b="c d"', b"a b", b"=a", b'a; b=""'):
            with self.assertRaises(Rejected) as caught:
                extensions([line])
            self.assertEqual(caught.exception.status, 400, line)

    @given(_ODD)
    def test_whatever_comes_is_read_or_refused(self, lines: list[bytes]) -> None:
        for read in (tokens, extensions):
            try:
                read(lines)
            except Rejected as rejected:
                self.assertEqual(rejected.status, 400)
