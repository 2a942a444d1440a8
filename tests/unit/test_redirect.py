"""Where plain HTTP is sent, and what is answered without being sent there."""

from __future__ import annotations

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st
from twisted.web.resource import IResource
from zope.interface.verify import verifyObject

from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request
from duck_tx.http.site import Site
from duck_tx.https.redirect import RedirectResource, host_name, redirect_code
from tests.unit.wire_case import WireCase

_OURS = frozenset({"duck.example", "www.duck.example", "192.0.2.7", "2001:db8::7"})
_TARGET_BYTES = bytes(number for number in range(0x21, 0x7F) if number != ord("#"))


class _Page(LeafResource):
    def render(self, request: Request) -> bytes:
        return b"%b %b" % (request.method, request.uri)


class _RedirectCase(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.domain, self.port = "duck.example", 443
        self.challenges: dict[bytes, bytes] = {}
        self.permanent = True
        self.asked: list[str] = []

    def keeps(self, host: str) -> bool:
        self.asked.append(host)
        return host in _OURS

    def resource(self) -> RedirectResource:
        return RedirectResource(
            domain=lambda: self.domain,
            port=lambda: self.port,
            keeps=self.keeps,
            permanent=self.permanent,
            exempt=frozenset({b"/health", b"/a%20b"}),
            pages=_Page,
            challenges=self.challenges,
        )

    def ask(self, target: bytes = b"/", host: str | None = "duck.example", method: str = "GET") -> bytes:
        """The whole answer."""
        version, field = ("1.0", "") if host is None else ("1.1", f"Host: {host}\r\n")
        connection = self.connect(Site(self.resource(), reactor=self.clock))
        connection.send(b"%b %b HTTP/%b\r\n%b\r\n" % (method.encode(), target, version.encode(), field.encode()))
        return connection.received

    def location(self, target: bytes = b"/", host: str | None = "duck.example", method: str = "GET") -> str:
        found = re.search(rb"\r\nLocation: ([^\r\n]*)\r\n", self.ask(target, host, method))
        assert found is not None
        return found[1].decode()

    def status(self, method: str, target: bytes = b"/") -> int:
        return int(self.ask(target, method=method)[9:12])


class CodeTests(_RedirectCase):
    def test_get_and_head_are_moved_in_the_way_that_everybody_knows(self) -> None:
        self.assertEqual([self.status(method) for method in ("GET", "HEAD")], [301, 301])

    def test_other_methods_are_sent_again_as_they_were(self) -> None:
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
            self.assertEqual(self.status(method), 308, method)

    def test_for_the_time_being_it_is_302_and_307(self) -> None:
        self.permanent = False
        self.assertEqual([self.status(method) for method in ("GET", "HEAD", "POST", "DELETE")], [302, 302, 307, 307])
        self.assertEqual(redirect_code(b"get", permanent=False), 307)

    def test_what_is_for_good_is_kept_an_hour_and_the_rest_not_at_all(self) -> None:
        self.assertIn(b"\r\nCache-Control: max-age=3600\r\n", self.ask())
        self.permanent = False
        self.assertIn(b"\r\nCache-Control: no-store\r\n", self.ask())

    def test_the_server_as_a_whole_is_not_redirected(self) -> None:
        answer = self.ask(b"*", method="OPTIONS")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
        self.assertNotIn(b"Location", answer)

    def test_nothing_is_tunnelled(self) -> None:
        self.assertEqual(self.status("CONNECT", b"duck.example:443"), 501)


class TargetTests(_RedirectCase):
    def test_path_and_query_stay_byte_for_byte(self) -> None:
        for target in (
            b"/",
            b"/a/../b/./c//d/",
            b"/%2e%2e/%2F%00?x=%0d%0aSet-Cookie:%20a=b",
            b"/a+b;c=d?e=f&g=h?i/j",
            b"/?",
            b"/\"<>\\^`{|}'",
            b"/?next=https://evil.example/",
        ):
            self.assertEqual(self.location(target), "https://duck.example" + target.decode())

    @given(st.lists(st.sampled_from(_TARGET_BYTES), max_size=60))
    def test_any_target_stays_byte_for_byte(self, rest: list[int]) -> None:
        target = b"/" + bytes(rest)
        if target != b"/health" and target.partition(b"?")[0] not in (b"/health", b"/a%20b"):
            self.assertEqual(self.location(target), "https://duck.example" + target.decode())

    def test_a_path_that_looks_like_a_host_is_a_path(self) -> None:
        for target in (b"//evil.example/x", b"///evil.example", b"/\\evil.example", b"/@evil.example", b"//"):
            self.assertEqual(self.location(target), "https://duck.example" + target.decode())

    def test_of_an_absolute_target_the_path_stays_and_the_host_is_judged(self) -> None:
        self.assertEqual(self.location(b"http://www.duck.example/a?b"), "https://www.duck.example/a?b")
        self.assertEqual(self.location(b"http://evil.example/a?b"), "https://duck.example/a?b")
        self.assertEqual(self.location(b"http://duck.example"), "https://duck.example/")

    def test_the_port_is_named_unless_it_is_that_of_https(self) -> None:
        self.port = 8443
        self.assertEqual(self.location(b"/a"), "https://duck.example:8443/a")
        self.assertEqual(self.location(b"/a", "[2001:db8::7]:80"), "https://[2001:db8::7]:8443/a")


class HostTests(_RedirectCase):
    def test_a_host_of_ours_is_kept_without_its_port(self) -> None:
        for host in ("www.duck.example", "WWW.Duck.Example:80", "www.duck.example:8080", "www.duck.example."):
            self.assertEqual(self.location(b"/", host), "https://www.duck.example/", host)
        self.assertEqual(self.location(b"/", "192.0.2.7:80"), "https://192.0.2.7/")

    def test_an_address_of_ipv6_keeps_its_brackets(self) -> None:
        for host in ("[2001:db8::7]", "[2001:DB8::7]:80"):
            self.assertEqual(self.location(b"/", host), "https://[2001:db8::7]/", host)

    def test_no_other_host_is_repeated(self) -> None:
        for host in ("evil.example", "duck.example.evil.example", "[::1]", "a%2Fb", "198.51.100.1", "evil", "."):
            self.assertEqual(self.location(b"/", host), "https://duck.example/", host)

    def test_without_a_host_the_domain_is_the_target(self) -> None:
        self.assertEqual(self.location(b"/a", host=None), "https://duck.example/a")
        self.assertEqual(self.asked, [])

    def test_the_domain_may_be_an_address(self) -> None:
        for domain, shown in (("::1", "[::1]"), ("[::1]", "[::1]"), ("192.0.2.9", "192.0.2.9"), ("::", "localhost")):
            self.domain = domain
            self.assertEqual(self.location(b"/a", "evil.example"), f"https://{shown}/a")

    def test_hosts_are_judged_in_the_form_in_which_names_are_compared(self) -> None:
        for field, name in (
            (b"Duck.Example:80", "duck.example"),
            (b"duck.example.:80", "duck.example"),
            (b"[::1]:80", "::1"),
            (b"[FE80::1]", "fe80::1"),
            (b"", ""),
            (b".", ""),
            (None, ""),
        ):
            self.assertEqual(host_name(field), name, field)


class PageTests(_RedirectCase):
    def test_the_page_links_to_the_target(self) -> None:
        head, _, page = self.ask(b"/a?b=1&c=\"<'>").partition(b"\r\n\r\n")
        self.assertIn(b"\r\nContent-Length: %d" % len(page), head)
        self.assertIn(b"\r\nContent-Type: text/html; charset=utf-8\r\n", head)
        links = re.findall(r'<a href="([^"<>]*)">([^"<>]*)</a>', page.decode())
        self.assertEqual(
            [[unescape(part) for part in link] for link in links], [["https://duck.example/a?b=1&c=\"<'>"] * 2]
        )

    def test_head_gets_the_head_of_that(self) -> None:
        head, _, _ = self.ask(b"/a").partition(b"\r\n\r\n")
        self.assertEqual(self.ask(b"/a", method="HEAD"), head + b"\r\n\r\n")

    def test_the_connection_stays_for_the_next_request(self) -> None:
        connection = self.connect(Site(self.resource(), reactor=self.clock))
        for _ in range(3):
            connection.send(b"POST /a HTTP/1.1\r\nHost: duck.example\r\nContent-Length: 3\r\n\r\nabc")
            self.assertTrue(connection.take().startswith(b"HTTP/1.1 308 Permanent Redirect\r\n"))
            self.assertFalse(connection.wire.closed)

    def test_over_plain_http_nothing_is_said_of_strict_transport_security(self) -> None:
        self.assertNotIn(b"strict-transport", self.ask().lower())


class ChallengeTests(_RedirectCase):
    def setUp(self) -> None:
        super().setUp()
        self.challenges[b"tok-en_1"] = b"tok-en_1.thumbprint"
        self.path = b"/.well-known/acme-challenge/tok-en_1"

    def test_a_challenge_is_answered_whatever_the_host(self) -> None:
        for host in ("duck.example", "other.example", None):
            head, _, body = self.ask(self.path, host).partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"), head)
            self.assertIn(b"\r\nContent-Type: application/octet-stream\r\n", head)
            self.assertIn(b"\r\nCache-Control: no-store\r\n", head)
            self.assertEqual(body, b"tok-en_1.thumbprint")

    def test_head_gets_its_length(self) -> None:
        answer = self.ask(self.path, method="HEAD")
        self.assertIn(b"\r\nContent-Length: 19\r\n", answer)
        self.assertTrue(answer.endswith(b"\r\n\r\n"))

    def test_a_challenge_that_is_over_is_not_answered_any_more(self) -> None:
        del self.challenges[b"tok-en_1"]
        self.assertEqual(self.location(self.path), "https://duck.example" + self.path.decode())

    def test_one_that_is_not_ours_may_be_answered_over_https(self) -> None:
        for end in (b"", b"x", b"/x", b"%2e", b".thumbprint"):
            self.assertEqual(
                self.location(self.path + b"x" + end), f"https://duck.example{self.path.decode()}x{end.decode()}"
            )
        self.assertEqual(self.location(self.path[:-9]), "https://duck.example/.well-known/acme-challenge")

    def test_nothing_is_posted_to_it(self) -> None:
        self.assertEqual(self.status("POST", self.path), 308)


class ExemptTests(_RedirectCase):
    def test_an_exempt_path_is_answered_here_with_any_query_and_method(self) -> None:
        self.assertTrue(self.ask(b"/health").endswith(b"\r\n\r\nGET /health"))
        self.assertTrue(self.ask(b"/health?deep=1").endswith(b"\r\n\r\nGET /health?deep=1"))
        self.assertTrue(self.ask(b"/health", method="POST").endswith(b"\r\n\r\nPOST /health"))
        self.assertTrue(self.ask(b"/a%20b").endswith(b"\r\n\r\nGET /a%20b"))

    def test_no_other_path_is(self) -> None:
        for target in (b"/health/", b"/healthy", b"/Health", b"/%68ealth", b"//health", b"/x/../health", b"/?/health"):
            self.assertEqual(self.location(target), "https://duck.example" + target.decode())


class InterfaceTests(_RedirectCase):
    def test_it_is_a_leaf(self) -> None:
        self.assertTrue(verifyObject(IResource, self.resource()))
        self.assertTrue(self.resource().isLeaf)
