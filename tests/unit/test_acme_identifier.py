"""Names and addresses, as they stand in certificates and are asked for."""

from __future__ import annotations

import ipaddress

from cryptography import x509

from duck_tx.https.acme.identifier import alternative_names, server_name
from tests.case import UnitTestCase


class IdentifierTests(UnitTestCase):
    def test_names_and_addresses_are_told_apart(self) -> None:
        self.assertEqual(
            list(alternative_names(["example.org", "192.0.2.1", "2001:db8::1"])),
            [
                x509.DNSName("example.org"),
                x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
                x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
            ],
        )

    def test_a_name_is_asked_for_as_it_is(self) -> None:
        self.assertEqual(server_name("example.org"), "example.org")

    def test_an_address_is_asked_for_by_its_reverse_name(self) -> None:
        self.assertEqual(server_name("192.0.2.1"), "1.2.0.192.in-addr.arpa")
        self.assertTrue(server_name("2001:db8::1").endswith(".8.b.d.0.1.0.0.2.ip6.arpa"))
