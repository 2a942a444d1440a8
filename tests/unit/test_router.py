"""Which resource answers for which path."""

from __future__ import annotations

from twisted.web.resource import IResource, Resource
from zope.interface import implementer
from zope.interface.verify import verifyObject

from duck_tx.http.nothing import NothingHere
from duck_tx.http.request import Request
from duck_tx.http.router import Router
from duck_tx.http.site import Site
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

    def test_a_prefix_has_slashes_around_it_and_is_free(self) -> None:
        for prefix in (b"static/", b"/static", b"", b"/static/"):
            self.assertRaises(ValueError, self.router.mount, prefix, _Says("x"))
        self.assertRaises(RuntimeError, self.router.putChild, b"x", _Says("x"))
        self.assertRaises(RuntimeError, self.router.getChildWithDefault, b"x", None)
        self.assertTrue(verifyObject(IResource, self.router))


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
