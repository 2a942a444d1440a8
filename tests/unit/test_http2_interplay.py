"""Bodies and tunnels in progress, whatever client and resource do in whatever order: nothing fails, nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from duck_tx.http.response import serialise, status_line
from duck_tx.http.tunnel import Tunnel
from tests.unit.http2_client import Client
from tests.unit.http2_frames import (
    Field,
    block,
    connect,
    continuation,
    data,
    frame,
    headers,
    post,
    request,
    reset,
    window_update,
)
from tests.unit.http2_live import End, LiveCase, Taker
from tests.unit.logged import logged_lines

Action = Callable[[Any], object]

STREAMS = (1, 3)


def window(stream: int) -> bytes:
    """Let the server send more."""
    return window_update(stream, 100_000) + window_update(0, 100_000)


SENT: list[Callable[[int], bytes]] = [
    lambda stream: data(stream, b"quack"),
    lambda stream: data(stream, bytes(16_384)),
    lambda stream: data(stream, b"duck", pad=50),
    lambda stream: data(stream),
    lambda stream: data(stream, b"end", end=True),
    lambda stream: headers(stream, block((b"x-sum", b"5"))),
    reset,
    window,
]


def _begin(asked: Any) -> None:
    if not asked.startedWriting:
        asked.begin(status_line(200), 200, serialise([]))


def _write(asked: Any) -> None:
    if not asked.finished:
        _begin(asked)
        asked.write(bytes(30_000))


def _finish(asked: Any) -> None:
    if not asked.finished and not asked._disconnected:
        asked.finish()


def _send(asked: Any) -> None:
    if not asked.startedWriting and not asked._disconnected:
        asked.send(status_line(200), 200, serialise([]), b"quack")


OF_BODIES: list[Action] = [
    lambda asked: asked.body_stream().pause(),
    lambda asked: asked.body_stream().resume(),
    lambda asked: asked.body_stream().discard(),
    lambda asked: asked.fail(500, "No."),
    lambda asked: asked.cut(),
    lambda asked: asked.send_interim(103, []),
    _write,
    _finish,
    _send,
]

OF_TUNNELS: list[Callable[[Tunnel], object]] = [
    lambda tunnel: tunnel.pause(),
    lambda tunnel: tunnel.resume(),
    lambda tunnel: tunnel.close(),
    lambda tunnel: tunnel.abort(),
    lambda tunnel: tunnel.write(bytes(30_000)),
]

_STREAM = st.sampled_from(STREAMS)
_DONE = st.tuples(_STREAM, st.sampled_from(SENT))
_BODIES = st.lists(st.one_of(_DONE, st.tuples(_STREAM, st.sampled_from(OF_BODIES))), max_size=30)
_TUNNELS = st.lists(st.one_of(_DONE, st.tuples(_STREAM, st.sampled_from(OF_TUNNELS))), max_size=30)

_HEADS: list[Field] = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"duck.example")]
_FRAGMENTS = st.sampled_from([block(*_HEADS, (b":path", b"/live/")), block((b"x-sum", b"1")), b"\x82", b""])
_FRAMES = st.one_of(
    st.builds(
        frame, st.sampled_from([0, 0, 1, 3, 8, 9]), st.sampled_from([0, 1, 4, 5]), st.sampled_from([1, 3, 5]),
        st.one_of(_FRAGMENTS, st.binary(max_size=9)),
    ),
    st.sampled_from([post(1, b"/live/"), connect(3), connect(5, end=True), request(7, b"/live/"), continuation(1)]),
)  # fmt: skip


class InterplayTests(LiveCase):
    def check(self, client: Client, streams: dict[int, Any], actions: list[tuple[int, Any]]) -> None:
        with logged_lines() as lines:
            for stream, action in actions:
                if action in SENT:
                    if action is window:
                        client.grants(stream, 100_000)
                        client.grants(0, 100_000)
                    client.send(action(stream))
                else:
                    action(streams[stream])
                    client.settle()
                if client.wire.closed:
                    break
            else:
                self.assertTrue(client.answers())
            holding = client.protocol.holding
            client.lose()
            client.settle()
        self.assertEqual((lines, holding._waiting, holding._kept_back), ([], 0, 0))
        self.live.requests.clear()
        self.leaves_nothing(client)

    @settings(max_examples=150)
    @given(_BODIES)
    def test_bodies(self, actions: list[tuple[int, Any]]) -> None:
        client = self.started()
        takers: dict[int, Taker] = {}
        streams = {}
        for stream in STREAMS:
            streams[stream], _, takers[stream] = self.taking(client, stream=stream)
        self.check(client, streams, actions)
        for taker in takers.values():
            self.assertLessEqual((taker.ended is not None) + len(taker.failed), 1)

    @settings(max_examples=150)
    @given(_TUNNELS)
    def test_tunnels(self, actions: list[tuple[int, Any]]) -> None:
        client = self.started()
        ends: dict[int, End] = {}
        streams = {}
        for stream in STREAMS:
            streams[stream], ends[stream] = self.opened(client, stream)
        self.check(client, streams, actions)
        for end in ends.values():
            self.assertEqual((end.told.count("lost"), end.told[-1]), (1, "lost"))
            self.assertLessEqual(end.told.count("ended"), 1)

    @settings(max_examples=150)
    @given(st.lists(_FRAMES, max_size=20))
    def test_any_frames(self, frames: list[bytes]) -> None:
        ends: list[End] = []

        def go_along(asked: Any) -> None:
            if asked.upgrade:
                ends.append(End())
                asked.tunnel([], ends[-1])
            else:
                asked.body_stream().start(Taker())

        self.live.then = go_along
        with logged_lines() as lines:
            client = self.started()
            client.send(*frames)
            client.settle()
            self.assertTrue(client.wire.closed or client.answers() or client.wire.closed)
            client.lose()
            client.settle()
        self.assertEqual((lines, [end.told[-1:] for end in ends]), ([], [["lost"]] * len(ends)))
        self.live.requests.clear()
        self.leaves_nothing(client)
