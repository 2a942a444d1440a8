"""Whatever clients and servers do, in whatever order, nothing is left behind, and nothing fails in our own code."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.proxy.limits import UpstreamLimits
from tests.unit.proxy_case import GET, OK, FarEnd, ProxyCase
from tests.unit.wire_case import Connection

POST = b"POST /x HTTP/1.1\r\nHost: duck.example\r\n"
SENT = (
    GET,
    GET + GET,
    GET.replace(b"GET", b"HEAD"),
    GET[:20],
    POST + b"Content-Length: 5\r\n\r\nhello",
    POST + b"Content-Length: 90000\r\n\r\n",
    POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"a" * 80_000,
    b"x\r\n",
    GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
)
ANSWERED = (
    OK,
    OK[:30],
    OK[30:],
    OK + b"more",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"0\r\nX: y\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + b"a" * 200_000,
    b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"garbage\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
)

BEGUN = ((GET, OK), (GET, ANSWERED[6]), (SENT[-1], ANSWERED[12]), (SENT[5], ANSWERED[11]), (SENT[6], ANSWERED[4]))
"""Requests with what often comes next."""

ACTS = st.one_of(
    st.tuples(st.just("begin"), st.sampled_from(BEGUN)),
    st.tuples(st.just("ask"), st.sampled_from(SENT)),
    st.tuples(st.just("send"), st.sampled_from(SENT)),
    st.tuples(st.just("answer"), st.sampled_from(ANSWERED)),
    st.tuples(
        st.sampled_from(
            [
                "lose",
                "close",
                "reset",
                "half_close",
                "accept",
                "refuse",
                "block",
                "unblock",
                "far_block",
                "far_unblock",
                "wait",
            ]
        ),
        st.integers(0, 3),
    ),
)


class ChanceTests(ProxyCase):
    limits = UpstreamLimits(
        connect_timeout=3, first_byte_timeout=4, idle_timeout=5, tunnel_timeout=6, max_connections=2, max_waiting=1
    )

    @given(st.lists(ACTS, max_size=25), st.booleans(), st.booleans())
    def test_nothing_is_left(self, acts: list[tuple[str, object]], is_open: bool, repeats: bool) -> None:
        self.setUp()
        self.add_server("http://app.example:9001")
        self.repeats = repeats
        for network in self.networks:
            network.is_open = is_open
        clients: list[Connection] = []
        for name, what in acts:
            self.act(name, what, clients)
            for end in self.ends():
                end.settle()
        for client in clients:
            client.lose()
            client.wire.clear()
        for server in self.servers:
            self.assertEqual(server.in_flight, 0)
        for server in self.servers:
            server.pool.stop()
        for end in self.ends():
            end.settle()
        for server in self.servers:
            self.assertEqual(server.pool.connections, set())
        self.assertEqual((self.site.channels, self.site.farewells), (set(), set()))
        self.clock.advance(20)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def ends(self) -> list[FarEnd]:
        return [end for network in self.networks for end in network.ends]

    def act(self, name: str, what: object, clients: list[Connection]) -> None:
        """Do one thing, if it can be done at present."""
        if name == "wait":
            self.wait(float(str(what)))
        elif name == "begin":
            assert isinstance(what, tuple)
            clients.append(self.ask(what[0]))
            self.act_of_server("answer", what[1])
        elif name == "ask":
            assert isinstance(what, bytes)
            clients.append(self.ask(what))
        elif name in ("send", "lose", "block", "unblock"):
            self.act_of_client(name, what, clients[-1] if clients else None)
        else:
            self.act_of_server(name, what)

    def act_of_client(self, name: str, what: object, client: Connection | None) -> None:
        if client is None or client.wire.closed:
            return
        if name == "lose":
            client.lose()
        elif name == "send":
            assert isinstance(what, bytes)
            client.send(what)
        elif client.protocol in self.site.channels:
            outlet = client.protocol.outlet
            if outlet.backlogged != (name == "block"):
                (outlet.pauseProducing if name == "block" else outlet.resumeProducing)()
                client.settle()

    def act_of_server(self, name: str, what: object) -> None:
        living = [end for end in self.ends() if not end.is_lost and not end.wire.closed]
        made = [end for end in living if end.protocol.transport is not None]
        if name in ("accept", "refuse"):
            for end in living:
                if end.protocol.transport is None and not end.was_decided:
                    getattr(end, name)()
        elif made and name == "answer":
            assert isinstance(what, bytes)
            made[-1].send(what)
        elif made and name in ("far_block", "far_unblock"):
            outlet = made[-1].protocol.outlet
            if outlet.backlogged != (name == "far_block"):
                (outlet.pauseProducing if name == "far_block" else outlet.resumeProducing)()
        elif made:
            getattr(made[-1], name)()
