"""Values that are wrong although their type is right."""

from __future__ import annotations

from duck_tx.settings.fields import FIELDS
from duck_tx.settings.rules import RULES
from duck_tx.settings.schema import GatewaySettings, HttpSettings, ProxySettings, ServerSettings, Settings
from tests.case import UnitTestCase


class RuleTests(UnitTestCase):
    def reasons(self, settings: Settings) -> list[str]:
        return [reason for rule in RULES if (reason := rule.broken(settings))]

    def reasons_of_addr(self, addr: str, uses_ipv6: bool = False) -> list[str]:
        return self.reasons(Settings(server=ServerSettings(addr=addr, uses_ipv6=uses_ipv6)))

    def reasons_of_commands(self, *commands: str) -> list[str]:
        return self.reasons(Settings(gateway=GatewaySettings(commands_on_startup=commands)))

    def test_the_defaults_break_no_rule(self) -> None:
        self.assertEqual(self.reasons(Settings()), [])

    def test_rules_are_about_keys_that_exist(self) -> None:
        self.assertEqual([key for rule in RULES for key in rule.keys if key not in FIELDS], [])

    def test_names_and_addresses_can_be_bound(self) -> None:
        for addr in ("localhost", "web-1.internal", "127.0.0.1", "0.0.0.0", "::", "::1", "fe80::1%eth0"):
            self.assertEqual(self.reasons_of_addr(addr), [], addr)

    def test_what_only_looks_like_an_address_is_refused(self) -> None:
        for addr in ("1.2.3", "256.1.1.1", "0", "localhost:8000", "127.0.0.1:80", ":::", "1::2::3"):
            [reason] = self.reasons_of_addr(addr)
            self.assertIn("not an IPv4 or IPv6 address", reason, addr)

    def test_ipv6_cannot_bind_an_ipv4_address(self) -> None:
        self.assertIn("give an IPv6 address", self.reasons_of_addr("127.0.0.1", uses_ipv6=True)[0])
        self.assertIn("give ::", self.reasons_of_addr("0.0.0.0", uses_ipv6=True)[0])
        for addr in ("localhost", "::", "::1"):
            self.assertEqual(self.reasons_of_addr(addr, uses_ipv6=True), [], addr)

    def test_addresses_networks_and_two_words_can_be_trusted(self) -> None:
        trusted = ("127.0.0.1", "::1", "10.0.0.0/8", "fd00::/8", "unix", "*")
        self.assertEqual(self.reasons(Settings(proxy=ProxySettings(trusted=trusted))), [])

    def test_every_wrong_peer_is_named(self) -> None:
        trusted = ("10.0.0.1/8", "unix", "example.com")
        [reason] = self.reasons(Settings(proxy=ProxySettings(trusted=trusted)))
        self.assertIn('"10.0.0.1/8"', reason)
        self.assertIn("host bits", reason)
        self.assertIn('"example.com"', reason)
        self.assertIn("give addresses, networks such as 10.0.0.0/8, unix, or *", reason)

    def test_commands_are_lines_of_words(self) -> None:
        self.assertEqual(self.reasons_of_commands("migrate", "loaddata 'my data.json'"), [])
        self.assertIn("close its quotation", self.reasons_of_commands("loaddata 'x")[0])
        self.assertIn("names no command", self.reasons_of_commands("migrate", " ")[0])

    def test_a_header_line_fits_its_block(self) -> None:
        self.assertEqual(self.reasons(Settings(http=HttpSettings(max_header_line=100, max_header_block=100))), [])
        [reason] = self.reasons(Settings(http=HttpSettings(max_header_line=101, max_header_block=100)))
        self.assertIn("lower the first or raise the second", reason)

    def test_a_response_file_is_not_smaller_than_the_memory_before_it(self) -> None:
        def reasons(memory: int, spool: int) -> list[str]:
            return self.reasons(Settings(gateway=GatewaySettings(response_memory=memory, response_spool=spool)))

        self.assertEqual(reasons(100, 100), [])
        self.assertEqual(reasons(100, 0), [])
        self.assertEqual(len(reasons(101, 100)), 1)
