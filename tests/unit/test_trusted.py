"""Which peers are trusted to speak for others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.http.trusted import Trusted
from tests.case import UnitTestCase

TRUSTED = Trusted(["10.0.0.0/8", "fd00::/8", "unix"])


class TrustedTests(UnitTestCase):
    def test_nobody_is_trusted_by_default(self) -> None:
        for address in ("127.0.0.1", "::1", ""):
            self.assertNotIn(address, Trusted([]))

    def test_an_address_means_itself_only(self) -> None:
        trusted = Trusted(["127.0.0.1", "::1"])
        self.assertIn("127.0.0.1", trusted)
        self.assertIn("0:0:0:0:0:0:0:1", trusted)
        self.assertNotIn("127.0.0.2", trusted)
        self.assertNotIn("", trusted)

    def test_a_network_means_its_addresses(self) -> None:
        self.assertIn("10.255.0.1", TRUSTED)
        self.assertIn("fd12::1", TRUSTED)
        self.assertNotIn("11.0.0.1", TRUSTED)
        self.assertNotIn("fe00::1", TRUSTED)

    def test_unix_means_peers_without_an_address(self) -> None:
        self.assertIn("", Trusted(["unix"]))
        self.assertNotIn("127.0.0.1", Trusted(["unix"]))

    def test_a_star_means_everybody(self) -> None:
        for address in ("203.0.113.9", "2001:db8::1", "", "what is this"):
            self.assertIn(address, Trusted(["*"]))

    def test_an_ipv4_peer_on_an_ipv6_socket_is_an_ipv4_peer(self) -> None:
        self.assertIn("::ffff:10.0.0.1", TRUSTED)
        self.assertIn("::ffff:a00:1", TRUSTED)
        self.assertNotIn("::ffff:11.0.0.1", TRUSTED)
        self.assertNotIn("::ffff:10.0.0.1", Trusted(["::/0"]))

    def test_a_mapped_network_means_the_ipv4_network(self) -> None:
        self.assertIn("10.1.2.3", Trusted(["::ffff:10.0.0.0/104"]))
        self.assertNotIn("11.1.2.3", Trusted(["::ffff:10.0.0.0/104"]))

    def test_a_zone_matters_only_where_the_entry_has_one(self) -> None:
        self.assertIn("fe80::1%eth0", Trusted(["fe80::/10"]))
        self.assertIn("fe80::1%eth0", Trusted(["fe80::1%eth0"]))
        self.assertNotIn("fe80::1%eth1", Trusted(["fe80::1%eth0"]))
        self.assertNotIn("fe80::1", Trusted(["fe80::1%eth0"]))

    def test_all_bad_entries_are_named_at_once(self) -> None:
        with self.assertRaises(ValueError) as caught:
            Trusted(["localhost", "127.0.0.1", "10.0.0.1/8", ""])
        text = str(caught.exception)
        self.assertIn("'localhost' does not appear to be an IPv4 or IPv6 network", text)
        self.assertIn("10.0.0.1/8 has host bits set", text)
        self.assertIn("'' does not", text)
        self.assertNotIn("127.0.0.1", text)
        self.assertIn("10.0.0.0/8, unix, or *", text)
        self.assertNotIn("\n", text)

    def test_the_answers_kept_are_bounded_and_stay_right(self) -> None:
        trusted = Trusted(["10.0.0.0/16"])
        for _ in range(2):
            for number in range(10_000):
                address = f"10.{number >> 12}.{number >> 8 & 15}.{number & 255}"
                self.assertEqual(address in trusted, number < 4096, address)
        self.assertLessEqual(len(trusted._known), 4096)

    @given(st.one_of(st.text(max_size=80), st.ip_addresses().map(str)))
    def test_any_text_is_answered(self, address: str) -> None:
        self.assertIn(address in TRUSTED, (True, False))
        self.assertIs(address in TRUSTED, address in Trusted(["10.0.0.0/8", "fd00::/8", "unix"]))
