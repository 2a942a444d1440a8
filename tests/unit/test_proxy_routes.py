"""Routes: what is mounted where, what is wrong with them, and when their servers are looked after."""

from __future__ import annotations

from twisted.internet.testing import MemoryReactorClock

from duck_tx.errors import SettingsError
from duck_tx.http.nothing import NothingHere
from duck_tx.http.router import Router
from duck_tx.proxy.routes import Routes
from duck_tx.settings.sections.routes import RouteSettings
from tests.case import UnitTestCase

_ONE, _TWO = "http://127.0.0.1:9000", "http://127.0.0.1:9001"


class RoutesTests(UnitTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()

    def routes(self, *settings: RouteSettings) -> Routes:
        return Routes(settings, self.reactor)

    def test_they_are_mounted_by_host_and_prefix_but_for_the_one_for_everything(self) -> None:
        routes = self.routes(
            RouteSettings(upstreams=(_ONE,)),
            RouteSettings(prefix="/api", upstreams=(_ONE,)),
            RouteSettings(host="a.test", upstreams=(_ONE,)),
        )
        router = Router(NothingHere())
        routes.mount(router)
        everything, api, of_host = (each.resource for each in routes.routed)
        self.assertIs(routes.for_everything, everything)
        self.assertEqual(router.mounts, {b"/api/": api})
        self.assertEqual(router.hosts, {b"a.test": {b"/": of_host}})
        self.assertIsNone(self.routes().for_everything)

    def test_all_that_cannot_be_is_told_at_once(self) -> None:
        with self.assertRaises(SettingsError) as caught:
            self.routes(
                RouteSettings(upstreams=(_ONE,)),
                RouteSettings(prefix="/a", upstreams=("http://a/%zz",)),
                RouteSettings(prefix="/b", upstreams=("https://a",), ca_file="/nowhere/ca.pem"),
            )
        one, other = caught.exception.problems
        self.assertTrue(one.startswith("proxy.routes[1]: 'http://a/%zz' is no address of a server"), one)
        self.assertTrue(other.startswith("proxy.routes[2]: /nowhere/ca.pem: "), other)

    def test_checks_run_from_the_start_until_the_server_is_about_to_stop(self) -> None:
        routes = self.routes(RouteSettings(upstreams=(_ONE, _TWO), health_path="/"))
        routes.startService()
        self.assertTrue(routes.checks.are_wanted)
        routes.checks.startService()
        self.reactor.advance(1.0)
        self.assertEqual({client[:2] for client in self.reactor.tcpClients}, {("127.0.0.1", 9000), ("127.0.0.1", 9001)})
        routes.checks.hold()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        routes.checks.stopService()
        routes.stopService()
        self.reactor.advance(100.0)
        self.assertEqual(len(self.reactor.tcpClients), 2)

    def test_they_can_be_started_again(self) -> None:
        routes = self.routes(RouteSettings(upstreams=(_ONE,), health_path="/"))
        for count in (1, 2):
            routes.startService()
            routes.checks.startService()
            self.reactor.advance(1.0)
            self.assertEqual(len(self.reactor.tcpClients), count)
            routes.checks.stopService()
            routes.stopService()
