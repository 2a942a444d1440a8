"""Values that are wrong although their type is right."""

from __future__ import annotations

from typing import Any

from duck_tx.settings import rules
from duck_tx.settings.fields import FIELDS
from duck_tx.settings.rules import RULES
from duck_tx.settings.schema import (
    AcmeSettings,
    GatewaySettings,
    HttpSettings,
    HttpsSettings,
    ProxySettings,
    ServerSettings,
    Settings,
    SidecarSettings,
)
from duck_tx.settings.sections.routes import RouteSettings
from tests.case import UnitTestCase


class RuleTests(UnitTestCase):
    def reasons(self, settings: Settings) -> list[str]:
        return [reason for rule in RULES for reason in rule.reasons(settings)]

    def reasons_of_addr(self, addr: str, uses_ipv6: bool = False) -> list[str]:
        return self.reasons(Settings(server=ServerSettings(addr=addr, uses_ipv6=uses_ipv6)))

    def reasons_of_commands(self, *commands: str) -> list[str]:
        return self.reasons(Settings(gateway=GatewaySettings(commands_on_startup=commands)))

    def test_the_defaults_break_no_rule(self) -> None:
        self.assertEqual(self.reasons(Settings()), [])

    def test_rules_are_about_keys_that_exist(self) -> None:
        self.assertEqual([key for rule in RULES for key in rule.keys if key not in FIELDS], [])

    def reasons_of_sidecars(self, *sidecars: SidecarSettings) -> list[str]:
        return self.reasons(Settings(sidecars=sidecars))

    def test_sidecars_have_names_of_their_own(self) -> None:
        worker, other = SidecarSettings(command=("celery", "worker")), SidecarSettings(command=("/usr/bin/celery",))
        beat = SidecarSettings(command=("celery", "beat"), name="beat")
        self.assertEqual(self.reasons_of_sidecars(worker, beat), [])
        self.assertEqual(
            self.reasons_of_sidecars(beat, worker, other),
            ['sidecars[1] and sidecars[2] are both called "celery"; give one of them a name'],
        )

    def test_a_sidecar_has_a_program(self) -> None:
        for program in ("", "/"):
            [reason] = self.reasons_of_sidecars(SidecarSettings(command=(program, "worker")))
            self.assertIn("sidecars[0] names no program", reason)

    def test_only_worker_processes_can_be_forked(self) -> None:
        self.assertEqual(self.reasons(Settings(server=ServerSettings(preload=True, force_worker_processes=True))), [])
        [reason] = self.reasons(Settings(server=ServerSettings(preload=True)))
        self.assertIn("there are no worker processes to fork", reason)
        self.patch(rules, "os", object())
        [reason] = self.reasons(Settings(server=ServerSettings(preload=True, force_worker_processes=True)))
        self.assertIn("leave server.preload off", reason)

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

    def reasons_of_https(self, server: ServerSettings | None = None, **https: Any) -> list[str]:
        return self.reasons(Settings(server=server or ServerSettings(), https=HttpsSettings(**https)))

    def test_a_certificate_wants_https(self) -> None:
        [reason] = self.reasons_of_https(certfile="a.pem")
        self.assertIn("turn https.enabled on (--https), or say false to it", reason)
        for enabled in (True, False):
            self.assertEqual(self.reasons_of_https(certfile="a.pem", enabled=enabled), [])
        acme = AcmeSettings(email="me@example.com", names=("example.com",))
        self.assertEqual(self.reasons_of_https(certfile="a.pem", acme=acme), [])

    def test_a_key_wants_its_certificate(self) -> None:
        [reason] = self.reasons_of_https(private_key="a.key", enabled=True)
        self.assertIn("give https.certfile (--certfile)", reason)
        self.assertEqual(self.reasons_of_https(private_key="a.key", certfile="a.pem", enabled=True), [])

    def test_nothing_is_redirected_to_an_https_that_is_not_there(self) -> None:
        for enabled in (None, False):
            [reason] = self.reasons_of_https(force=True, enabled=enabled)
            self.assertIn("turn https.enabled on (--https) or leave https.force off", reason)
        self.assertEqual(self.reasons_of_https(force=True, enabled=True), [])
        acme = AcmeSettings(email="me@example.com", names=("example.com",))
        self.assertEqual(self.reasons_of_https(force=True, acme=acme), [])

    def test_redirect_site_and_server_have_ports_of_their_own(self) -> None:
        [reason] = self.reasons_of_https(ServerSettings(port=80), enabled=True, force=True)
        self.assertIn("cannot have the same port", reason)
        self.assertEqual(self.reasons_of_https(ServerSettings(port=80), enabled=True), [])
        self.assertEqual(self.reasons_of_https(ServerSettings(port=443), enabled=True, force=True), [])
        self.assertEqual(self.reasons_of_https(ServerSettings(port=0), enabled=True, force=True, redirect_port=0), [])

    def test_what_browsers_are_to_know_beforehand_is_for_all_names_and_a_year(self) -> None:
        self.assertIn("hsts_subdomains", self.reasons_of_https(hsts_preload=True)[0])
        [reason] = self.reasons_of_https(hsts_preload=True, hsts_subdomains=True, hsts=86400)
        self.assertIn("give https.hsts 31536000 at least", reason)
        for hsts in (None, 31536000):
            self.assertEqual(self.reasons_of_https(hsts_preload=True, hsts_subdomains=True, hsts=hsts), [])

    def reasons_of_acme(self, domain: str | None = None, **acme: Any) -> list[str]:
        return self.reasons_of_https(ServerSettings(domain=domain), acme=AcmeSettings(**acme))

    def test_an_account_binding_is_two_things(self) -> None:
        for half in ({"eab_key_id": "a"}, {"eab_hmac_key": "b"}):
            self.assertEqual(self.reasons_of_acme(**half), ["an external account binding needs both"])
        self.assertEqual(self.reasons_of_acme(eab_key_id="a", eab_hmac_key="b"), [])

    def test_a_certificate_is_asked_for_by_name(self) -> None:
        [reason] = self.reasons_of_acme(email="me@example.com")
        self.assertIn("give server.domain (--domain) or https.acme.names", reason)
        self.assertEqual(self.reasons_of_acme("example.com", email="me@example.com"), [])
        self.assertEqual(self.reasons_of_acme(email="me@example.com", names=("example.com",)), [])

    def test_no_wildcard_is_asked_for(self) -> None:
        [reason] = self.reasons_of_acme(names=("example.com", "*.example.com"))
        self.assertIn('"*.example.com": wildcard certificates need a DNS challenge', reason)

    def test_only_one_authority_has_the_staging_server(self) -> None:
        [reason] = self.reasons_of_acme(staging=True, directory="https://ca.example/directory")
        self.assertIn("leave one of the two out", reason)
        self.assertEqual(self.reasons_of_acme(staging=True), [])
        self.assertEqual(self.reasons_of_acme(directory="https://ca.example/directory"), [])

    def test_a_response_file_is_not_smaller_than_the_memory_before_it(self) -> None:
        def reasons(memory: int, spool: int) -> list[str]:
            return self.reasons(Settings(gateway=GatewaySettings(response_memory=memory, response_spool=spool)))

        self.assertEqual(reasons(100, 100), [])
        self.assertEqual(reasons(100, 0), [])
        self.assertEqual(len(reasons(101, 100)), 1)

    def test_an_address_of_its_own_is_one_that_an_application_can_have(self) -> None:
        def reasons(**gateway: Any) -> list[str]:
            return self.reasons(Settings(gateway=GatewaySettings(**gateway)))

        for addr in ("127.0.0.1:8001", "[::1]:1", "localhost:65535", "unix:/run/x"):
            self.assertEqual(reasons(addr=addr), [])
            self.assertEqual(reasons(addr=addr, external=True), [])
        self.assertEqual(reasons(external=True), ["there is no address of that server; give gateway.addr"])
        for addr in ("127.0.0.1:0", "127.0.0.1:65536"):
            self.assertEqual(reasons(addr=addr), ["there is no such port; give one from 1 to 65535"])
        for path, count in (("/" + "x" * 106, 0), ("/" + "x" * 107, 1), ("/run/x:y", 1), ("/run/x/", 1)):
            self.assertEqual(len(reasons(addr=f"unix:{path}")), count, path)
        [reason] = reasons(addr="127.0.0.1:8001", enabled=False)
        self.assertIn("there is no application to be at an address", reason)

    def test_that_address_is_not_the_server_s_own(self) -> None:
        def reasons(where: str, *, external: bool = False, https: HttpsSettings | None = None, **server: Any) -> int:
            gateway = GatewaySettings(addr=where, external=external)
            return len(
                self.reasons(Settings(gateway=gateway, server=ServerSettings(**server), https=https or HttpsSettings()))
            )

        taken: list[tuple[str, dict[str, Any]]] = [
            ("127.0.0.1:8000", {}),
            ("localhost:8000", {"addr": "127.0.0.1"}),
            ("[::1]:8000", {"uses_ipv6": True}),
            ("127.0.0.2:8000", {"addr": "0.0.0.0"}),
            ("[::1]:8000", {"addr": "::"}),
        ]
        for where, own in taken:
            self.assertEqual((reasons(where, **own), reasons(where, external=True, **own)), (1, 1), where)
        self.assertEqual(reasons("192.0.2.1:8000", addr="0.0.0.0"), 1)
        self.assertEqual(reasons("127.0.0.1:80", https=HttpsSettings(enabled=True, force=True, redirect_port=80)), 1)
        free: list[tuple[str, dict[str, Any]]] = [
            ("127.0.0.1:8001", {}),
            ("127.0.0.2:8000", {}),
            ("[::1]:8000", {"addr": "0.0.0.0"}),
            ("127.0.0.1:80", {}),
            ("unix:/run/x", {}),
        ]
        for where, own in free:
            self.assertEqual((reasons(where, **own), reasons(where, external=True, **own)), (0, 0), where)
        self.assertEqual(reasons("192.0.2.1:8000", external=True, addr="0.0.0.0"), 0)

    def test_asgi_alone_has_no_use_for_a_wsgi_application(self) -> None:
        [reason] = self.reasons(Settings(gateway=GatewaySettings(asgi_only=True, wsgi="site.wsgi:application")))
        self.assertIn("nothing is called through WSGI", reason)
        both = GatewaySettings(asgi_only=True, wsgi="site.wsgi:application", asgi="site.asgi:application")
        self.assertEqual(self.reasons(Settings(gateway=both)), [])
        self.assertEqual(self.reasons(Settings(gateway=GatewaySettings(asgi_only=True))), [])

    def test_a_list_may_have_several_things_wrong(self) -> None:
        route = RouteSettings(upstreams=("http://a:0", "http://a:0"))
        self.assertEqual(len(self.reasons(Settings(proxy=ProxySettings(routes=(route, route))))), 7)
