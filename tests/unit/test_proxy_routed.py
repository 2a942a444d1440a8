"""One route: from settings to servers, and the rules of sending again."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import MemoryReactorClock

from duck_tx.proxy.attempt import Attempt
from duck_tx.proxy.balance import Hashed
from duck_tx.proxy.routed import Routed
from duck_tx.settings.sections.routes import RouteSettings, UpstreamSettings
from tests.case import UnitTestCase
from tests.unit.upstream_case import Asked

_ONE, _TWO = "http://127.0.0.1:9000", "http://127.0.0.1:9001"


class RoutedTests(UnitTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()

    def routed(self, *urls: Any, domain: str | None = None, **settings: Any) -> Routed:
        made = RouteSettings(upstreams=urls or (_ONE, _TWO), **settings)
        return Routed(made, self.reactor, domain=domain, seconds=self.reactor.seconds)

    def attempt(self, routed: Routed, **facts: Any) -> Attempt:
        given: dict[str, Any] = {
            "why": "the connection was refused", "status": 502, "was_written": False, "was_kept": False,
            "has_answered": False, "timed_out": False, "number": 1,
        }  # fmt: skip
        return Attempt(server=routed.servers[0], **(given | facts))

    def may_retry(self, routed: Routed, method: bytes = b"GET", **facts: Any) -> bool:
        request: Any = Asked()
        request.method = method
        return routed.may_retry(request, self.attempt(routed, **facts))

    def test_settings_become_servers(self) -> None:
        routed = self.routed(
            _ONE, UpstreamSettings(url="unix:/run/x.sock", weight=3),
            prefix="/api", host="a.test", strip=True, host_header="rewrite", balance="hash-address",
            max_connections=7, max_waiting=6, kept_connections=5, kept_timeout=4.5, connect_timeout=3.5,
            first_byte_timeout=2.5, idle_timeout=1.5, tunnel_timeout=0.5,
        )  # fmt: skip
        first, second = routed.servers
        self.assertEqual((first.name, first.weight, first.max_connections, first.route), (_ONE, 1, 7, "a.test/api"))
        self.assertEqual((second.name, second.weight), ("unix:/run/x.sock", 3))
        limits = first.pool.limits
        self.assertEqual((limits.max_connections, limits.max_waiting, limits.max_kept), (7, 6, 5))
        self.assertEqual(
            (limits.kept_timeout, limits.connect_timeout, limits.first_byte_timeout, limits.idle_timeout),
            (4.5, 3.5, 2.5, 1.5),
        )
        self.assertEqual(limits.tunnel_timeout, 0.5)
        rules = routed.resource.route
        self.assertEqual((rules.prefix, rules.strip, rules.host), (b"/api/", True, "rewrite"))
        self.assertIsInstance(routed._balancer._way, Hashed)

    def test_what_is_safe_is_sent_to_another_server(self) -> None:
        routed = self.routed()
        self.assertTrue(self.may_retry(routed))
        self.assertTrue(self.may_retry(routed, b"POST"))
        self.assertTrue(self.may_retry(routed, was_written=True))
        self.assertFalse(self.may_retry(routed, has_answered=True))
        self.assertFalse(self.may_retry(routed, was_written=True, timed_out=True))
        self.assertFalse(self.may_retry(routed, b"POST", was_written=True))

    def test_each_server_is_asked_once_and_no_more_than_the_retries_allow(self) -> None:
        self.assertFalse(self.may_retry(self.routed(_ONE)))
        self.assertFalse(self.may_retry(self.routed(), number=2))
        urls = tuple(f"http://127.0.0.1:{port}" for port in range(9000, 9010))
        routed = self.routed(*urls, retries=3)
        self.assertEqual([self.may_retry(routed, number=number) for number in range(1, 6)], [True] * 3 + [False] * 2)
        self.assertFalse(self.may_retry(self.routed(retries=0)))

    def test_a_kept_connection_that_had_ended_costs_no_retry(self) -> None:
        routed = self.routed(_ONE, retries=0, retry_share=0.0)
        self.assertTrue(self.may_retry(routed, was_kept=True, was_written=True))
        self.assertFalse(self.may_retry(routed, b"POST", was_kept=True, was_written=True))
        self.assertEqual(routed.budget.spent, 0)

    def test_retries_have_a_budget_that_requests_fill(self) -> None:
        routed = self.routed(retry_share=0.5)
        while self.may_retry(routed):
            pass
        self.assertEqual(routed.budget.refused, 1)
        for _ in range(4):
            routed.choose(Asked.of(), frozenset())
            routed.choose(Asked.of(), frozenset(routed.servers[:1]))
        self.assertEqual([self.may_retry(routed) for _ in range(3)], [True, True, False])

    def test_statuses_that_count_as_failures(self) -> None:
        routed = self.routed(eject_failures=1, eject_statuses=(503,))
        first, _ = routed.servers
        first.succeeded(500)
        self.assertEqual(first.state, "up")
        first.succeeded(503)
        self.assertEqual((first.state, first.answered, first.failures), ("out", 1, 1))

    def test_health_is_asked_with_a_host_that_the_servers_know(self) -> None:
        for settings, domain, host in (
            ({"health_host": "h.test", "host": "a.test"}, "d.test", "h.test"),
            ({"host_header": "rewrite"}, "d.test", "127.0.0.1:9000"),
            ({"host_header": "fix.test"}, "d.test", "fix.test"),
            ({"host": "a.test"}, "d.test", "a.test"),
            ({"host": "*.a.test"}, "d.test", "d.test"),
            ({}, "d.test", "d.test"),
            ({}, None, "127.0.0.1:9000"),
        ):
            routed = self.routed(domain=domain, **settings)
            self.assertEqual(routed._asked_host(routed.servers[0]), host)

    def test_there_are_checks_only_where_there_is_a_path_for_them(self) -> None:
        self.assertEqual(self.routed().checks(), [])
        self.assertEqual(len(self.routed(health_path="/healthz").checks()), 2)
