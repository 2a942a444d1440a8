"""Which resource answers for which path."""

from __future__ import annotations

from twisted.web.resource import IResource, Resource
from zope.interface import implementer
from zope.interface.verify import verifyObject

from duck_tx.http.forwarded import Trusted
from duck_tx.http.nothing import NothingHere
from duck_tx.http.request import Request
from duck_tx.http.router import Router
from duck_tx.http.site import Site
from tests.unit.streaming_case import Streaming
from tests.unit.wire_case import WireCase


@implementer(IResource)
class _Says:
    """A leaf that answers with its name and what it was told about the path."""

    isLeaf = True

    def __init__(self, name: str) -> None:
        self.name = name

    def getChildWithDefault(self, name: bytes, request: Request) -> IResource:
        raise AssertionError("a leaf is not asked for children")

    def putChild(self, path: bytes, child: IResource) -> None:
        raise AssertionError("a leaf has no children")

    def render(self, request: Request) -> bytes:
        return f"{self.name} {request.mount_path!r} {request.prepath} {request.postpath}".encode()


class _Branch(Resource):
    """Twisted's kind of resource, with children."""

    def render_GET(self, request: Request) -> bytes:
        return b"branch"


class RouterTests(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.router = Router(_Says("default"))
        for prefix in (b"/static/", b"/static/admin/", b"/m%20e/"):
            self.router.mount(prefix, _Says(prefix.decode()))

    def answer(self, target: bytes) -> str:
        connection = self.connect(Site(self.router, reactor=self.clock))
        connection.send(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
        return connection.received.partition(b"\r\n\r\n")[2].decode()

    def test_the_longest_prefix_answers(self) -> None:
        self.assertTrue(self.answer(b"/static/a.css").startswith("/static/ b'a.css'"))
        self.assertTrue(self.answer(b"/static/admin/a.css").startswith("/static/admin/ b'a.css'"))
        self.assertEqual(list(self.router.mounts), [b"/static/admin/", b"/static/", b"/m%20e/"])

    def test_what_no_mount_matches_is_the_default_s(self) -> None:
        for target in (b"/", b"/static", b"/statics/x", b"/x/static/", b"//static/x"):
            self.assertTrue(self.answer(target).startswith("default "), target)

    def test_a_mount_knows_the_rest_of_the_raw_path_and_twisted_s_two_halves(self) -> None:
        self.assertEqual(self.answer(b"/m%20e/a%2Fb/%63?d=/e"), "/m%20e/ b'a%2Fb/%63' [b'm e'] [b'a/b', b'c']")

    def test_another_spelling_of_a_prefix_is_another_path(self) -> None:
        for target in (b"/%73tatic/a.css", b"/x/../static/a.css", b"/Static/a.css"):
            self.assertTrue(self.answer(target).startswith("default "), target)

    def test_an_absolute_target_is_routed_by_its_path(self) -> None:
        self.assertTrue(self.answer(b"http://other/static/a.css?x").startswith("/static/ b'a.css'"))

    def test_a_resource_with_children_is_walked_down(self) -> None:
        tree = _Branch()
        tree.putChild(b"there", _Branch())
        self.router.mount(b"/tree/", tree)
        self.assertEqual(self.answer(b"/tree/there"), "branch")

    def test_a_mount_may_be_for_its_bare_path_as_well(self) -> None:
        self.router.mount(b"/api/", _Says("api"), bare=True)
        self.router.mount(b"/api/", _Says("host"), b"b", bare=True)
        for target in (b"/api", b"/api?x=/", b"/api/", b"/api/x"):
            self.assertTrue(self.answer(target).startswith("api "), target)
        self.assertTrue(self.answer(b"http://b/api").startswith("host "))
        for target in (b"/apix", b"/ap", b"/static", b"/api%2F"):
            self.assertTrue(self.answer(target).startswith("default "), target)
        self.assertTrue(self.answer(b"/static/a.css").startswith("/static/ b'a.css'"))

    def test_a_prefix_has_slashes_around_it_and_is_free(self) -> None:
        for prefix in (b"static/", b"/static", b"", b"/static/"):
            self.assertRaises(ValueError, self.router.mount, prefix, _Says("x"))
        self.assertRaises(RuntimeError, self.router.putChild, b"x", _Says("x"))
        self.assertRaises(RuntimeError, self.router.getChildWithDefault, b"x", None)
        self.assertTrue(verifyObject(IResource, self.router))


class HostTests(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.router = Router(_Says("default"))
        for host, prefix in (
            (None, b"/"),
            (None, b"/static/"),
            (b"api.duck.example", b"/v1/"),
            (b"API.duck.example", b"/v1/old/"),
            (b"*.duck.example", b"/"),
            (b"*.deep.duck.example", b"/v1/"),
            (b"pond.example.", b"/"),
            (b"[::1]", b"/"),
            (b"192.0.2.1", b"/"),
        ):
            self.router.mount(prefix, _Says(f"{(host or b'any').decode().lower()} {prefix.decode()}"), host)

    def answer(self, host: str, target: str) -> str:
        """Where a request goes."""
        connection = self.connect(Site(self.router, reactor=self.clock))
        connection.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return connection.received.partition(b"\r\n\r\n")[2].decode().partition(" b'")[0]

    def test_the_host_counts_before_the_path(self) -> None:
        for host, target, found in (
            ("pond.example", "/static/x", "pond.example. /"),
            ("api.duck.example", "/v1/x", "api.duck.example /v1/"),
            ("api.duck.example", "/v1/old/x", "api.duck.example /v1/old/"),
            ("api.duck.example", "/v2/", "*.duck.example /"),
            ("other.example", "/static/x", "any /static/"),
            ("other.example", "/x", "any /"),
            ("duck.example", "/x", "any /"),
        ):
            self.assertEqual(self.answer(host, target), found, (host, target))

    def test_the_name_in_full_wins_over_the_longer_pattern_and_that_over_the_shorter(self) -> None:
        self.assertEqual(self.answer("a.duck.example", "/v1/"), "*.duck.example /")
        self.assertEqual(self.answer("a.deep.duck.example", "/v1/"), "*.deep.duck.example /v1/")
        self.assertEqual(self.answer("a.deep.duck.example", "/"), "*.duck.example /")
        self.assertEqual(self.answer("deep.duck.example", "/v1/"), "*.duck.example /")

    def test_case_port_and_the_last_dot_do_not_matter(self) -> None:
        for host in ("API.Duck.Example:8000", "api.duck.example.", "api.duck.example.:80", "api.duck.example:"):
            self.assertEqual(self.answer(host, "/v1/"), "api.duck.example /v1/", host)
        for host, found in (("[::1]", "[::1] /"), ("[::1]:80", "[::1] /"), ("192.0.2.1:80", "192.0.2.1 /")):
            self.assertEqual(self.answer(host, "/"), found)

    def test_a_mount_for_a_host_knows_the_rest_of_the_path(self) -> None:
        connection = self.connect(Site(self.router, reactor=self.clock))
        connection.send(b"GET /v1/a%2Fb HTTP/1.1\r\nHost: api.duck.example\r\n\r\n")
        self.assertTrue(connection.received.endswith(b"/v1/ b'a%2Fb' [b'v1'] [b'a/b']"))

    def test_without_a_host_those_for_any_answer(self) -> None:
        connection = self.connect(Site(self.router, reactor=self.clock))
        connection.send(b"GET /x HTTP/1.0\r\n\r\n")
        self.assertIn(b"any / ", connection.received)

    def test_where_nothing_is_mounted_for_any_the_default_answers(self) -> None:
        self.router = Router(_Says("default"))
        self.router.mount(b"/", _Says("x"), b"x.example")
        self.assertTrue(self.answer("y.example", "/").startswith("default"))

    def test_a_trusted_proxy_says_the_host(self) -> None:
        site = Site(self.router, reactor=self.clock, trusted=Trusted(["192.0.2.1"]))
        connection = self.connect(site)
        connection.send(b"GET /v1/ HTTP/1.1\r\nHost: inside\r\nX-Forwarded-Host: api.duck.example\r\n\r\n")
        self.assertIn(b"api.duck.example /v1/", connection.received)

    def test_each_place_is_taken_once_and_hosts_are_names(self) -> None:
        self.assertRaises(ValueError, self.router.mount, b"/v1/", _Says("x"), b"api.DUCK.example")
        for bad in (b"", b".", b"a:80", b"a/b", b"a b", b"::1"):
            self.assertRaises(ValueError, self.router.mount, b"/x/", _Says("x"), bad)
        self.assertEqual(list(self.router.mounts), [b"/static/", b"/"])
        self.assertEqual(list(self.router.hosts[b"api.duck.example"]), [b"/v1/old/", b"/v1/"])


class StreamsTests(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.streaming = Streaming()
        self.router = Router(_Says("default"))
        self.router.mount(b"/up/", self.streaming)
        self.router.mount(b"/tree/", _Branch())
        self.site = Site(self.router, reactor=self.clock)

    def streams(self, target: bytes) -> bool:
        """Whether a request is handed over before its body has come."""
        connection = self.connect()
        before = len(self.streaming.requests)
        connection.send(b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n" % target)
        return len(self.streaming.requests) > before

    def test_who_will_answer_is_asked(self) -> None:
        self.assertTrue(self.streams(b"/up/x"))
        for target in (b"/", b"/up", b"/tree/x", b"*"):
            self.assertFalse(self.streams(target), target)
        self.assertEqual(self.streaming.asked, 1)

    def test_so_is_who_answers_behind_two_routers_and_for_a_host(self) -> None:
        outer = Router(_Says("default"))
        outer.mount(b"/", self.router, b"a")
        self.site = Site(outer, reactor=self.clock)
        self.assertTrue(self.streams(b"/up/x"))
        self.assertFalse(self.streams(b"/x"))


class NothingHereTests(WireCase):
    def test_everything_is_missing(self) -> None:
        connection = self.connect(Site(NothingHere(), reactor=self.clock))
        connection.send(b"GET /a/b HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(connection.received.startswith(b"HTTP/1.1 404 Not Found\r\n"))
        self.assertIn(b"Nothing is served here.", connection.received)

    def test_it_is_a_leaf_without_children(self) -> None:
        nothing = NothingHere()
        self.assertTrue(verifyObject(IResource, nothing))
        self.assertRaises(RuntimeError, nothing.putChild, b"x", nothing)
