"""Pages over HTTPS as a browser sees them."""

from __future__ import annotations

from cryptography import x509

from tests.browser.webdriver import Browser, trusting
from tests.case import UnitTestCase
from tests.integration.https_server import HttpsServer, serve_https

_PROTOCOLS = "return performance.getEntries().filter(e => e.nextHopProtocol).map(e => [e.name, e.nextHopProtocol])"


class PageTests(UnitTestCase):
    def fine(self, server: HttpsServer, browser: Browser, *paths: str) -> None:
        """All that the page wanted was there, over HTTP/2, and the console has nothing to say."""
        # A browser asks for a favicon by itself; a site that has none says so.
        loaded = {url: status for url, status in browser.loaded().items() if not url.endswith("/favicon.ico")}
        self.assertEqual([url for url, status in loaded.items() if status != 200], [])
        self.assertEqual([each for each in browser.complaints() if "/favicon.ico " not in each], [])
        protocols = dict(browser.run(_PROTOCOLS))
        self.assertEqual(set(protocols.values()), {"h2"}, protocols)
        for path in paths:
            self.assertIn(f"{server.uri}{path}", protocols)

    def test_a_page_and_its_static_files_come_over_http2(self) -> None:
        server = serve_https(self)
        browser = trusting(server)
        browser.open(f"{server.uri}/page")
        self.assertEqual(browser.count("ol li"), 20)
        self.assertEqual(browser.find("nav").style("display"), "flex")
        self.assertEqual(browser.run("return [location.protocol, isSecureContext]"), ["https:", True])
        self.fine(server, browser, "/page", "/static/pages/site.css")

    def test_a_form_is_sent_and_the_session_counts(self) -> None:
        server = serve_https(self)
        browser = trusting(server)
        browser.open(f"{server.uri}/form")
        browser.find("input[name=text]").type("Written over TLS")
        browser.find("form button").follow()
        self.assertEqual(browser.find("li").text, "Written over TLS")
        self.assertEqual(browser.find("#visits").text, "Visits in this session: 2")
        self.fine(server, browser, "/form")

    def test_the_welcome_page_comes_with_a_development_certificate(self) -> None:
        server = serve_https(self, leaf=None, project=None)
        browser = trusting(server)
        browser.open(server.uri)
        self.assertEqual(browser.find("h1").text, "It floats.")
        self.fine(server, browser, "/")
        shown = server.shown()
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertIn("localhost", names.get_values_for_type(x509.DNSName))

    def test_plain_http_is_led_to_the_page(self) -> None:
        server = serve_https(self, "--force-https", "--redirect-port", "0")
        browser = trusting(server)
        browser.open(f"http://localhost:{server.redirect_port}/page?from=afar")
        self.assertEqual(browser.url, f"{server.uri}/page?from=afar")
        self.assertEqual(browser.count("ol li"), 20)
        self.fine(server, browser, "/page?from=afar")
