"""Which server gets a request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import assume, given
from hypothesis import strategies as st

from duck_tx.proxy.balance import (
    Balancer,
    Hashed,
    LeastInFlight,
    RoundRobin,
    Way,
    by_address,
    by_cookie,
    way_of,
)
from duck_tx.proxy.server import Server
from tests.unit.upstream_case import Asked, UpstreamCase

_WEIGHTS = st.lists(st.integers(1, 9), min_size=2, max_size=6)
_KEYS = [b"192.0.2.%d" % number for number in range(256)]


class RoundRobinTests(UpstreamCase):
    def names(self, servers: Sequence[Server], times: int, way: Way | None = None) -> str:
        way = way or RoundRobin()
        return "".join(way.choose(servers, Asked.of(), self.now).name for _ in range(times))

    def test_one_after_the_other(self) -> None:
        self.assertEqual(self.names(self.servers(1, 1, 1), 7), "abcabca")

    def test_weights_are_spread_evenly(self) -> None:
        self.assertEqual(self.names(self.servers(5, 1, 1), 7), "aabacaa")

    @given(_WEIGHTS)
    def test_each_gets_exactly_its_weight_in_each_round(self, weights: list[int]) -> None:
        servers, way = self.servers(*weights), RoundRobin()
        for _ in range(3):
            counted = Counter(self.names(servers, sum(weights), way))
            self.assertEqual([counted[server.name] for server in servers], weights)

    def test_who_was_away_does_not_get_all_at_once(self) -> None:
        servers, way = self.servers(1, 1, 1), RoundRobin()
        self.names(servers[:2], 101, way)
        counted = Counter(self.names(servers, 30, way))
        self.assertTrue(all(9 <= counted[server.name] <= 11 for server in servers), counted)

    def test_a_slow_start_is_a_smaller_share(self) -> None:
        servers = self.servers(1, 1, slow_start=10.0)
        servers[0].went_down("it does not answer")
        servers[0].came_up()
        self.assertEqual(Counter(self.names(servers, 110))["a"], 10)


class LeastInFlightTests(UpstreamCase):
    def chosen(self, servers: Sequence[Server], way: Way) -> str:
        return way.choose(servers, Asked.of(), self.now).name

    def test_the_one_with_the_fewest_requests(self) -> None:
        servers = self.servers(1, 1, 1)
        for server, busy in zip(servers, (3, 1, 2), strict=True):
            server.in_flight = busy
        self.assertEqual(self.chosen(servers, LeastInFlight()), "b")

    def test_a_weight_of_two_has_twice_as_many(self) -> None:
        servers, way = self.servers(2, 1), LeastInFlight()
        for _ in range(30):
            way.choose(servers, Asked.of(), self.now).in_flight += 1
        self.assertEqual([server.in_flight for server in servers], [20, 10])

    def test_equals_take_turns(self) -> None:
        servers, way = self.servers(1, 1, 1), LeastInFlight()
        counted = Counter(self.chosen(servers, way) for _ in range(30))
        self.assertEqual(set(counted.values()), {10})


class HashedTests(UpstreamCase):
    def holders(self, servers: Sequence[Server]) -> dict[bytes, str]:
        way = Hashed(by_address)
        return {key: way.holder(key, servers, self.now).name for key in _KEYS}

    def test_the_same_key_has_the_same_server_in_any_order_and_process(self) -> None:
        servers = self.servers(1, 1, 1)
        self.assertEqual(self.holders(servers), self.holders(servers[::-1]))
        # Worker processes and later versions must come to the same.
        self.assertEqual("".join(self.holders(servers).values())[:12], "acacbaabaaaa")

    @given(_WEIGHTS, st.data())
    def test_only_what_a_leaving_server_had_moves(self, weights: list[int], data: st.DataObject) -> None:
        servers = self.servers(*weights)
        gone = data.draw(st.sampled_from(servers))
        assume(len(servers) > 1)
        before, after = self.holders(servers), self.holders([each for each in servers if each is not gone])
        for key, name in before.items():
            if name == gone.name:
                self.assertNotEqual(after[key], name)
            else:
                self.assertEqual(after[key], name)

    def test_servers_whose_names_begin_alike_have_different_keys(self) -> None:
        servers = [self.server("unix:/" + "x" * 60 + end) for end in ("/a", "/b")]
        self.assertEqual(len(set(self.holders(servers).values())), 2)

    def test_keys_are_spread_by_weight(self) -> None:
        counted = Counter(self.holders(self.servers(3, 1)).values())
        self.assertTrue(160 < counted["a"] < 224, counted)

    def test_a_slow_start_moves_a_key_once_at_most(self) -> None:
        servers = self.servers(1, 1, slow_start=10.0)
        servers[0].went_down("it does not answer")
        servers[0].came_up()
        earlier: set[bytes] = set()
        for _ in range(12):
            now = {key for key, name in self.holders(servers).items() if name == "a"}
            self.assertLessEqual(earlier, now)
            earlier = now
            self.now += 1
        self.assertTrue(96 < len(earlier) < 160, len(earlier))

    def test_an_address_is_the_client_s(self) -> None:
        self.assertEqual(by_address(Asked.of("2001:db8::1")), b"2001:db8::1")

    def test_a_cookie_is_found_among_others(self) -> None:
        key = by_cookie(b"sid")
        self.assertEqual(key(Asked.of("192.0.2.1", b"a=1; sid=x=y; b=2")), b"x=y")
        self.assertEqual(key(Asked.of("192.0.2.1", b"a=1", b"sid=z")), b"z")

    def test_who_has_no_such_cookie_goes_by_address(self) -> None:
        for cookie in (b"", b"side=1", b"sid", b"SID=1", b"a=sid"):
            self.assertEqual(by_cookie(b"sid")(Asked.of("192.0.2.7", cookie)), b"192.0.2.7")


class WayTests(UpstreamCase):
    def test_each_name_is_a_way(self) -> None:
        self.assertIsInstance(way_of("round-robin"), RoundRobin)
        self.assertIsInstance(way_of("least-in-flight"), LeastInFlight)
        servers = self.servers(1, 1, 1, 1)
        by_the_cookie = {
            way_of("hash-cookie:sid").choose(servers, Asked.of(str(number), b"sid=1"), self.now) for number in range(20)
        }
        self.assertEqual(len(by_the_cookie), 1)
        by_the_address = {
            way_of("hash-address").choose(servers, Asked.of(str(number), b"sid=1"), self.now) for number in range(20)
        }
        self.assertGreater(len(by_the_address), 1)


class BalancerTests(UpstreamCase):
    def balancer(self, *weights: int, **others: object) -> Balancer:
        return Balancer(self.servers(*weights, **others), RoundRobin(), self.seconds)

    def picked(self, balancer: Balancer, times: int = 4, tried: Sequence[Server] = ()) -> str:
        picks = (balancer.pick(Asked.of(), tried) for _ in range(times))
        return "".join("-" if server is None else server.name for server in picks)

    def test_all_that_are_well_take_part(self) -> None:
        self.assertEqual(self.picked(self.balancer(1, 1)), "abab")

    def test_one_alone_is_always_asked(self) -> None:
        balancer = self.balancer(1)
        self.blame(balancer.servers[0], 50)
        self.assertEqual(self.picked(balancer), "aaaa")

    def test_one_that_was_tried_is_not_asked_again(self) -> None:
        balancer = self.balancer(1, 1)
        self.assertEqual(self.picked(balancer, 2, balancer.servers[:1]), "bb")
        self.assertEqual(self.picked(balancer, 1, balancer.servers), "-")

    def test_one_that_is_left_out_is_asked_only_where_there_is_no_other(self) -> None:
        balancer = self.balancer(1, 1)
        first, second = balancer.servers
        self.blame(first)
        self.assertEqual(self.picked(balancer), "bbbb")
        self.assertEqual(self.picked(balancer, 1, [second]), "a")
        second.went_down("it does not answer")
        self.assertEqual(self.picked(balancer, 1), "a")

    def test_several_that_are_left_out_take_turns_where_there_is_no_other(self) -> None:
        for way in ("round-robin", "least-in-flight", "hash-address"):
            balancer = Balancer(self.servers(1, 1, 1), way_of(way), self.seconds)
            first, second, third = balancer.servers
            for server in (first, second):
                self.blame(server)
            self.assertIn(balancer.pick(Asked.of(), [third]), (first, second))
            third.went_down("it does not answer")
            self.assertIn(balancer.pick(Asked.of()), (first, second))

    def test_it_is_back_when_its_time_is_over(self) -> None:
        balancer = self.balancer(1, 1)
        self.blame(balancer.servers[0])
        self.now += 10
        self.assertIn("a", self.picked(balancer))

    def test_one_on_trial_has_one_request_until_that_tells_how_it_is(self) -> None:
        balancer = self.balancer(1, 1)
        first = balancer.servers[0]
        self.blame(first)
        self.now += 10
        self.assertEqual(self.picked(balancer, 20).count("a"), 1)
        self.assertEqual(first.state, "trial")
        self.now += 9
        self.assertNotIn("a", self.picked(balancer, 20))
        # Its client has left.
        first.given_up()
        self.assertEqual(self.picked(balancer, 20).count("a"), 1)
        self.now += 10
        self.assertEqual(self.picked(balancer, 20).count("a"), 1)
        first.succeeded()
        self.assertEqual(self.picked(balancer, 20).count("a"), 10)

    def test_where_the_last_one_fails_the_others_are_asked_as_well(self) -> None:
        balancer = self.balancer(1, 1, slow_start=10.0)
        first, second = balancer.servers
        self.blame(first)
        self.assertNotIn("a", self.picked(balancer, 20))
        self.blame(second)
        self.assertEqual((first.state, second.state), ("out", "failing"))
        self.assertIn("a", self.picked(balancer, 20))
        first.succeeded()
        self.blame(second, 1)
        self.assertEqual((first.state, second.state), ("up", "out"))
        self.assertEqual(self.picked(balancer), "aaaa")

    def test_one_that_is_down_is_not_asked_at_all(self) -> None:
        balancer = self.balancer(1, 1)
        first, second = balancer.servers
        first.went_down("it does not answer")
        self.assertEqual(self.picked(balancer, 1, [second]), "-")
        second.went_down("it does not answer")
        self.assertEqual(self.picked(balancer, 1), "-")

    def test_one_that_is_full_is_left_in_peace(self) -> None:
        balancer = self.balancer(1, 1, max_connections=1)
        first, second = balancer.servers
        first.in_flight = 1
        self.assertEqual(self.picked(balancer), "bbbb")
        second.in_flight = 1
        self.assertEqual(self.picked(balancer), "abab")

    @given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["fail", "ok", "later"])), max_size=80))
    def test_whatever_requests_tell_somebody_is_asked(self, events: list[tuple[int, str]]) -> None:
        balancer = self.balancer(1, 2, 3, 4)
        for number, event in events:
            server = balancer.servers[number]
            if event == "fail":
                server.failed("it closed the connection")
            elif event == "ok":
                server.succeeded()
            else:
                self.now += 7
            self.assertTrue(any(each.is_in(self.now) for each in balancer.servers))
            self.assertIsNotNone(balancer.pick(Asked.of()))
