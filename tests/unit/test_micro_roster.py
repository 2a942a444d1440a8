"""The micro apps of a tree: their place among its services, and what workers are told of them."""

from __future__ import annotations

from typing import Any

from duck_tx.errors import ApplicationError, PortError, SSLError
from duck_tx.micro.spec import MicroSpec
from duck_tx.process.port import bind
from duck_tx.process.program import unpacked
from duck_tx.settings import Settings, override
from duck_tx.tree import Tree
from tests.case import UnitTestCase
from tests.unit.reactor import HandedOver


def application(environ: Any, start_response: Any) -> list[bytes]:
    """Never called here."""
    raise NotImplementedError


def spec(**values: Any) -> MicroSpec:
    every: dict[str, Any] = {"name": "Hello", "kind": "wsgi", "target": application} | values
    return MicroSpec(**every)


class RosterTests(UnitTestCase):
    def tree(self, **values: object) -> Tree:
        given = {"gateway.wsgi": "some.module:application", "server.port": 0}
        given |= {"server.state_dir": self.mktemp()} | {key.replace("__", "."): each for key, each in values.items()}
        calls: Any = {"up": None, "down": None, "failed": None, "interrupt": None, "describe": dict}
        return Tree(override(Settings(), given, "a test").settings, HandedOver(), **calls)

    def names(self, tree: Tree) -> list[str]:
        return [str(child.name) for child in tree.service]

    def test_they_open_behind_the_application_and_are_the_first_to_be_told_of_the_end(self) -> None:
        tree = self.tree()
        tree.add_microapp(spec())
        tree.add_microapp(spec(prefix=b"/api/"))
        self.assertEqual(
            self.names(tree),
            [
                "checks", "signals", "access log", "django", "garbage collector", "automations",
                "micro-localhost-8080", "micro app at /api/", "server", "micro apps", "metadata", "hooks",
            ],
        )  # fmt: skip
        self.assertEqual(tree.microapps and list(tree.microapps.ports), ["micro-localhost-8080"])

    def test_certificates_are_there_before_the_first_that_needs_them(self) -> None:
        tree = self.tree()
        tree.add_microapp(spec(https=True))
        names = self.names(tree)
        self.assertLess(names.index("certificates"), names.index("micro-localhost-8080"))
        tree = self.tree(https__enabled=True)
        tree.add_microapp(spec(https=True))
        self.assertEqual(self.names(tree).count("certificates"), 1)

    def test_where_https_is_off_nobody_asks_for_certificates_but_those_that_are_named_are_looked_at(self) -> None:
        named = {"https__certfile": "/no/such.pem", "https__acme__email": "a@b.example", "server__domain": "b.example"}
        tree = self.tree(https__enabled=False, **named)
        tree.add_microapp(spec(https=True))
        self.assertNotIn("acme", self.names(tree))
        self.assertRaises(SSLError, tree.run_checks)

    def test_its_port_is_looked_at_with_the_others_unless_it_is_there(self) -> None:
        taken = bind("127.0.0.1", 0)
        self.addCleanup(taken.close)
        taken.listen()
        tree = self.tree()
        tree.add_microapp(spec(addr="127.0.0.1", port=taken.getsockname()[1]))
        with self.assertRaisesRegex(PortError, r"choose another with port= in Hello\(\)"):
            tree.run_checks()
        assert tree.microapps is not None
        for check in tree.checks(frozenset(tree.microapps.ports)):
            check()

    def test_a_socket_that_was_handed_on_is_for_the_one_of_that_address(self) -> None:
        sock = bind("127.0.0.1", 0)
        calls: Any = {"up": None, "down": None, "failed": None, "interrupt": None, "describe": dict}
        settings = override(Settings(), {"gateway.enabled": False, "server.port": 0}, "a test").settings
        tree = Tree(settings, HandedOver(), sockets={"micro-localhost-0": sock}, **calls)
        app = tree.add_microapp(spec(port=0))
        tree.add_microapp(spec(port=0))
        self.assertIn("inherited sockets", self.names(tree))
        assert tree.microapps is not None
        self.assertEqual(list(tree.microapps.ports), ["micro-localhost-0", "micro-localhost-0-2"])
        assert app.server is not None
        self.assertTrue(app.server.is_shared)
        app.privilegedStartService()
        self.assertEqual(app.port, sock.getsockname()[1])
        bound = app.server.bound
        assert bound is not None
        bound.close()
        sock.close()

    def test_workers_get_their_ports_and_what_they_are(self) -> None:
        tree = self.tree(server__force_worker_processes=True, server__workers=2)
        tree.add_microapp(spec())
        tree.add_microapp(spec(prefix=b"/api/"))
        self.assertFalse({"micro apps", "micro-localhost-8080"} & set(self.names(tree)))
        workers = tree.workers
        assert workers is not None and tree.microapps is not None
        self.assertEqual(list(workers._ports), ["server", "micro-localhost-8080"])
        self.assertEqual(
            unpacked(workers.microapps(), "them"),
            [("micro-localhost-8080", spec()), ("micro app at /api/", spec(prefix=b"/api/"))],
        )

    def test_what_cannot_go_to_workers_is_named_before_anything_opens(self) -> None:
        tree = self.tree(server__force_worker_processes=True, server__workers=2)
        tree.add_microapp(spec())
        tree.add_microapp(spec(name="Odd", target=lambda *_: [], port=9000))
        with self.assertRaisesRegex(ApplicationError, "^the micro app Odd cannot be served by worker processes"):
            tree.run_checks()

    def test_there_is_a_bound_to_the_ports_of_workers_that_are_forked(self) -> None:
        tree = self.tree(server__force_worker_processes=True, server__workers=2, server__preload=True)
        for port in range(9000, 9012):
            tree.add_microapp(spec(port=port))
        with self.assertRaisesRegex(ApplicationError, "the 13th port, too many for worker processes that are forked"):
            tree.add_microapp(spec(port=9012))
        tree.add_microapp(spec(prefix=b"/api/"))

    def test_one_that_comes_too_late_for_workers_is_refused(self) -> None:
        tree = self.tree(server__force_worker_processes=True, server__workers=2)
        tree.service.running = 1
        with self.assertRaisesRegex(ApplicationError, "^the micro app Hello comes too late"):
            tree.add_microapp(spec())

    def test_none_is_up_before_the_start(self) -> None:
        for values in ({}, {"server__force_worker_processes": True, "server__workers": 2}):
            tree = self.tree(**values)
            apps = [tree.add_microapp(spec()), tree.add_microapp(spec(prefix=b"/api/"))]
            assert tree.microapps is not None
            self.assertEqual([tree.microapps.is_up(app) for app in apps], [False, False])
            self.assertEqual(list(tree.microapps), apps)
