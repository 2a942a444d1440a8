"""The resource that has servers elsewhere answer."""

from __future__ import annotations

from twisted.web.resource import IResource
from zope.interface.verify import verifyObject

from duck_tx.proxy.forward import Route
from tests.unit.proxy_case import GET, OK, ProxyCase


class RemoteResourceTests(ProxyCase):
    def test_it_is_a_leaf_that_takes_bodies_while_they_arrive(self) -> None:
        self.assertTrue(verifyObject(IResource, self.resource))
        self.assertTrue(self.resource.isLeaf)
        self.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
        self.assertEqual(len(self.network.ends), 1)

    def test_a_path_that_leaves_its_prefix_asks_nobody(self) -> None:
        for prefix, path in ((b"/", b"/../a"), (b"/api/", b"/api/../a"), (b"/api/", b"/api/%2e%2E/a")):
            self.site = self.proxy(Route(prefix))
            client = self.ask(GET.replace(b"/x", path))
            self.assertTrue(client.received.startswith(b"HTTP/1.1 400 "), client.received)
        self.assertEqual(self.network.ends, [])

    def test_a_path_with_dots_in_it_is_handed_on(self) -> None:
        self.ask(GET.replace(b"/x", b"/a/../b.txt"))
        self.assertTrue(self.far.received.startswith(b"GET /a/../b.txt HTTP/1.1\r\n"))

    def test_servers_are_asked_in_the_order_in_which_they_are_chosen(self) -> None:
        self.add_server("http://app.example:9001")
        self.repeats = True
        client = self.ask()
        self.far.reset()
        self.assertEqual([attempt.server for attempt in self.attempts], [self.server])
        self.networks[1].ends[0].send(OK)
        self.assertTrue(client.received.endswith(b"hello"))

    def test_when_all_have_failed_the_last_failure_is_told(self) -> None:
        self.repeats = True
        client = self.ask()
        self.far.reset()
        self.assertTrue(client.received.startswith(b"HTTP/1.1 502 "), client.received)
