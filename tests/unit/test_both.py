"""Pages through one resource, and some paths through another."""

from __future__ import annotations

from twisted.internet.task import Clock

from duck_tx.gateway.both import Both, NotHere
from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request
from duck_tx.http.site import Site
from tests.case import UnitTestCase
from tests.unit.wsgi_case import Peer, parsed


class _Named(LeafResource):
    def __init__(self, name: bytes, *, streams: bool) -> None:
        self._name = name
        self._streams = streams

    def streams(self, request: Request) -> bool:
        return self._streams

    def render(self, request: Request) -> bytes:
        return self._name


class BothTests(UnitTestCase):
    def ask(self, path: str, *prefixes: str, head: bytes | None = None) -> bytes:
        both = Both(_Named(b"pages", streams=False), _Named(b"others", streams=True), prefixes)
        peer = Peer(Site(both, reactor=Clock()), None, None)
        if head is None:
            peer.ask(path)
        else:
            peer.send(head)
        return parsed(peer.raw).body

    def test_a_path_and_what_is_below_it(self) -> None:
        for path in ("/events", "/events?a", "/events/", "/events/1"):
            self.assertEqual(self.ask(path, "/events"), b"others", path)
        for path in ("/", "/events2", "/event", "/%65vents", "/a/events"):
            self.assertEqual(self.ask(path, "/events"), b"pages", path)

    def test_what_is_below_a_path_alone(self) -> None:
        self.assertEqual(
            [self.ask(path, "/a/") for path in ("/a/", "/a/b", "/a", "/a?")], [b"others"] * 2 + [b"pages"] * 2
        )

    def test_several_and_none(self) -> None:
        self.assertEqual(
            [self.ask(path, "/a", "/b/") for path in ("/a", "/b/c", "/c")], [b"others", b"others", b"pages"]
        )
        self.assertEqual(self.ask("/"), b"pages")
        self.assertEqual(self.ask("/x", "/"), b"others")

    def test_only_what_is_for_the_one_that_streams_is_handed_over_early(self) -> None:
        head = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
        self.assertEqual(self.ask("", "/a", head=head % b"/a"), b"others")
        with self.assertRaises(AssertionError):
            self.ask("", "/a", head=head % b"/b")

    def test_what_is_not_here_says_so(self) -> None:
        peer = Peer(Site(NotHere("None of this."), reactor=Clock()), None, None)
        peer.ask()
        answer = parsed(peer.raw)
        self.assertEqual((answer.code, answer.body), (501, b"501 Not Implemented\n\nNone of this.\n"))
