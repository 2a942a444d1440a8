"""The first message of a TLS client: real ones, in pieces, damaged, and what is none at all."""

from __future__ import annotations

import ssl

from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL

from duck_tx.https.hello import LONGEST, Hello, NotTLS, read_hello
from tests.case import UnitTestCase
from tests.unit.tls_case import in_records

_PROTOCOLS = ("h2", "http/1.1")


def _hello(name: str | None = "duck.example", protocols: tuple[str, ...] = _PROTOCOLS, old: bool = False) -> bytes:
    """What Python's own OpenSSL begins with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if old:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    sent = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        return sent.read()
    raise AssertionError("the handshake ended without a server")


def _other_hello(name: bytes) -> bytes:
    """What the OpenSSL of cryptography begins with, which is a newer one."""
    connection = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))
    connection.set_connect_state()
    connection.set_tlsext_host_name(name)
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        return connection.bio_read(65_536)
    raise AssertionError("the handshake ended without a server")


def _needed(data: bytes) -> int:
    found = read_hello(data)
    assert isinstance(found, int), found
    return found


class HelloTests(UnitTestCase):
    def test_the_name_and_the_protocols_are_found(self) -> None:
        for old in (False, True):
            found = read_hello(_hello(old=old))
            self.assertEqual(found, Hello("duck.example", (b"h2", b"http/1.1")))

    def test_who_asks_for_nothing_gets_nothing(self) -> None:
        self.assertEqual(read_hello(_hello(None, ())), Hello(None, ()))
        self.assertEqual(read_hello(_hello(None)), Hello(None, (b"h2", b"http/1.1")))
        self.assertEqual(read_hello(_hello(protocols=())), Hello("duck.example", ()))

    def test_an_address_is_no_name(self) -> None:
        # RFC 6066 3: literal addresses are not permitted; OpenSSL leaves them out.
        self.assertEqual(read_hello(_hello("127.0.0.1", ())), Hello())

    def test_a_name_is_lower_case(self) -> None:
        self.assertEqual(read_hello(_other_hello(b"DUCK.Example")), Hello("duck.example"))

    def test_bytes_beyond_ascii_in_a_name_do_no_harm(self) -> None:
        found = read_hello(_other_hello(b"d\xc3\xbcck.example"))
        assert isinstance(found, Hello)
        self.assertEqual(found.name, "d\ufffd\ufffdck.example")

    def test_what_follows_the_hello_does_not_matter(self) -> None:
        self.assertEqual(read_hello(_hello() + b"\x14\x03\x03\x00\x01\x01"), read_hello(_hello()))


class PieceTests(UnitTestCase):
    def test_every_beginning_asks_for_more(self) -> None:
        for hello in (_hello(), _hello(None, (), old=True), in_records(_hello(), 1, 2, 3, 100)):
            for length in range(1, len(hello)):
                self.assertLess(length, _needed(hello[:length]))
                self.assertLessEqual(_needed(hello[:length]), len(hello))

    def test_it_is_worth_looking_only_a_few_times_however_it_comes(self) -> None:
        for hello in (_hello(), in_records(_hello(), 200, 200), in_records(_hello(), *(1 for _ in range(300)))):
            looks, have = 0, 1
            while have < len(hello):
                have = _needed(hello[:have])
                looks += 1
            self.assertLess(looks, 40)

    def test_a_hello_in_several_records_is_read(self) -> None:
        for sizes in ((1,), (3, 1), (4,), (5, 200), (50, 50, 50)):
            self.assertEqual(read_hello(in_records(_hello(), *sizes)), read_hello(_hello()), sizes)

    def test_an_empty_record_is_left_to_openssl(self) -> None:
        # RFC 8446 5.1 forbids it.
        self.assertEqual(read_hello(in_records(_hello(), 10, 0)), Hello())

    def test_one_that_is_too_long_is_left_to_openssl(self) -> None:
        for record in (b"\x16\x03\x01\x40\x01", b"\x16\x03\x01\xff\xff"):
            self.assertEqual(read_hello(record + b"\x01\x00\x40\x00"), Hello())
        # The message is longer than the record that it begins in, and than all that is looked at.
        self.assertEqual(read_hello(b"\x16\x03\x01\x00\x04\x01\x00\x40\x00"), Hello())
        self.assertEqual(_needed(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc"), LONGEST)

    def test_the_number_asked_for_is_never_more_than_is_looked_at(self) -> None:
        for length in range(16_390):
            found = read_hello(b"\x16\x03\x01\x00\x04\x01" + length.to_bytes(3, "big"))
            self.assertTrue(isinstance(found, Hello) or found <= LONGEST, length)


class DamageTests(UnitTestCase):
    def test_another_message_is_left_to_openssl(self) -> None:
        self.assertEqual(read_hello(b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"), Hello())

    def test_a_hello_without_anything_in_it_is_left_to_openssl(self) -> None:
        self.assertEqual(read_hello(b"\x16\x03\x03\x00\x04\x01\x00\x00\x00"), Hello())

    def test_another_record_in_the_middle_is_left_to_openssl(self) -> None:
        begin = in_records(_hello(), 10)[:15]
        self.assertEqual(read_hello(begin + b"\x15\x03\x03\x00\x02\x02\x28" + bytes(600)), Hello())

    def test_a_name_of_another_type_is_none(self) -> None:
        hello = _hello(protocols=())
        at = hello.index(b"\x00\x0cduck.example")
        self.assertEqual(read_hello(hello[: at - 1] + b"\x01" + hello[at:]), Hello())

    @given(st.data())
    def test_a_damaged_hello_raises_nothing(self, data: st.DataObject) -> None:
        hello = bytearray(_SOME)
        for _ in range(data.draw(st.integers(1, 8))):
            hello[data.draw(st.integers(5, len(hello) - 1))] = data.draw(st.integers(0, 255))
        self.assertIsInstance(read_hello(bytes(hello)), (Hello, int))


_SOME = _hello()


class StrangerTests(UnitTestCase):
    @given(st.binary(min_size=1, max_size=600))
    def test_random_bytes_raise_nothing_but_that_they_are_no_tls(self, data: bytes) -> None:
        try:
            found = read_hello(data)
        except NotTLS:
            return
        self.assertTrue(isinstance(found, Hello) or len(data) < found <= LONGEST)

    @given(st.binary(max_size=600))
    def test_random_bytes_in_a_record_raise_nothing(self, data: bytes) -> None:
        found = read_hello(b"\x16\x03\x01%b\x01%b%b" % (_size(data, 2, 4), _size(data, 3), data))
        self.assertIsInstance(found, Hello)

    def test_plain_http_is_told_from_other_strangers(self) -> None:
        for data in (
            b"GET / HTTP/1.1\r\nHost: duck.example\r\n\r\n",
            b"POST /",
            b"OPTIONS * HTTP/1.1\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET ",
            b"UNSUBSCRIBE /",
        ):
            self.assertTrue(self.stranger(data).is_http, data)
        for data in (
            b"SSH-2.0-OpenSSH_9.2p1\r\n",
            b"\x80\x2e\x01\x00\x02",  # a hello of SSL 2
            b"\x00",
            b"get / HTTP/1.1\r\n",
            b"\xffGET / ",
            b" GET /",
            b"\x16\x02\x00\x00\x10",
            b"\x16GET / HTTP/1.1",
            b"\x15\x03\x01\x00\x02\x02\x28",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZ / HTTP/1.1",
        ):
            self.assertFalse(self.stranger(data).is_http, data)

    def test_a_request_that_comes_byte_by_byte_is_waited_for(self) -> None:
        for length in range(1, 5):
            self.assertEqual(_needed(b"POST / HTTP/1.1\r\n"[:length]), length + 1)
        self.assertTrue(self.stranger(b"POST ").is_http)
        self.assertEqual(_needed(b"A" * 23), 24)
        self.assertFalse(self.stranger(b"A" * 24).is_http)

    def stranger(self, data: bytes) -> NotTLS:
        with self.assertRaises(NotTLS) as caught:
            read_hello(data)
        return caught.exception


def _size(data: bytes, count: int, more: int = 0) -> bytes:
    return (len(data) + more).to_bytes(count, "big")
