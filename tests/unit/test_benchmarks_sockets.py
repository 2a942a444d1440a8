"""The parts of the benchmarks that measure proxies and WebSockets: frames, the clients, tables, targets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.web.http_headers import Headers

from benchmarks import cases, servers, targets, upstream
from benchmarks.agent_proxy import end_to_end
from benchmarks.certificate import Certificate
from benchmarks.client import HOST
from benchmarks.frames import PING, PONG, TEXT, FrameError, accepted, frame, frames, hello
from benchmarks.load import LoadError
from benchmarks.metric import Metric, Results, Sample
from benchmarks.project import Project
from benchmarks.server import Place
from benchmarks.sockets import SAYING, Sockets
from benchmarks.sockets_report import sections
from tests.case import UnitTestCase

# What RFC 6455 asks for the key that all of them send.
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: NenfXHscOwMArvEBa85/Q67Qghc=\r\n\r\n"
)


def results(*values: tuple[str, str, Metric, float]) -> Results:
    """Results of one round."""
    return Results([Sample(case, server, 1, metric, value) for case, server, metric, value in values])


class FrameTests(UnitTestCase):
    def test_the_example_of_the_standard_is_masked_and_not_masked(self) -> None:
        self.assertEqual(frame(b"Hello", is_masked=False), bytes.fromhex("810548656c6c6f"))
        masked = frame(b"Hello")
        self.assertEqual(masked[:2], bytes.fromhex("8185"))
        key, payload = masked[2:6], masked[6:]
        self.assertEqual(bytes(a ^ key[n % 4] for n, a in enumerate(payload)), b"Hello")

    def test_whole_frames_are_read_and_the_rest_is_left(self) -> None:
        data = frame(b"x", opcode=PING, is_masked=False) + frame(b"yz", is_masked=False)
        self.assertEqual(list(frames(data + b"\x81")), [(PING, b"x", 3), (TEXT, b"yz", 7)])
        self.assertEqual(list(frames(data[:-1])), [(PING, b"x", 3)])

    def test_long_and_masked_frames_are_not_for_this_client(self) -> None:
        self.assertRaises(FrameError, list, frames(frame(b"x")))
        self.assertRaises(FrameError, list, frames(b"\x81\x7e\x01\x00"))
        self.assertRaises(ValueError, frame, bytes(126))

    def test_an_answer_that_does_not_switch_or_brings_an_extension_is_refused(self) -> None:
        self.assertIn(b"Sec-WebSocket-Version: 13\r\n", hello(80, "/echo"))
        self.assertTrue(accepted(SWITCHED))
        self.assertFalse(accepted(SWITCHED.replace(b"Nenf", b"0000")))
        self.assertRaises(FrameError, accepted, b"HTTP/1.1 403 Forbidden\r\n\r\n")
        extended = SWITCHED.replace(b"Upgrade: w", b"Sec-WebSocket-Extensions: permessage-deflate\r\nUpgrade: w")
        self.assertRaises(FrameError, accepted, extended)


class Answering:
    """A server that switches, and then answers what it reads with what ``answer`` makes of it; the end of a connection
    is heard as no bytes."""

    def __init__(self, answer: Callable[[bytes, socket.socket], None]) -> None:
        self._answer = answer
        self._listening = socket.create_server((HOST, 0))
        self.port = int(self._listening.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(SWITCHED)
            while data := connection.recv(4096):
                self._answer(data, connection)

    def close(self) -> None:
        self._thread.join()
        self._listening.close()


class SocketTests(UnitTestCase):
    def answering(self, answer: Callable[[bytes, socket.socket], None]) -> Sockets:
        server = Answering(answer)
        self.addCleanup(server.close)
        return Sockets(server.port, "/echo", 1)

    def test_what_comes_back_is_counted(self) -> None:
        heard: list[bytes] = []

        def answer(data: bytes, connection: socket.socket) -> None:
            heard.append(data)
            connection.sendall(frame(SAYING, is_masked=False))

        with self.answering(answer) as sockets:
            load = sockets.echo(0.05)
            self.assertGreater(sockets.broadcast(), 0)
        self.assertEqual(set(heard), {frame(SAYING)})
        self.assertGreater(load.rate, 2)

    def test_pieces_are_put_together_and_pings_are_answered(self) -> None:
        heard: list[bytes] = []

        def answer(data: bytes, connection: socket.socket) -> None:
            heard.append(data)
            if data == frame(SAYING):
                whole = frame(b"?", opcode=PING, is_masked=False) + frame(SAYING, is_masked=False)
                connection.sendall(whole[:10])
            else:
                connection.sendall(frame(SAYING, is_masked=False)[7:])

        with self.answering(answer) as sockets:
            sockets.echo_once()
        self.assertEqual(heard, [frame(SAYING), frame(b"?", opcode=PONG)])

    def test_another_message_fails_the_measurement(self) -> None:
        def answer(data: bytes, connection: socket.socket) -> None:
            connection.sendall(frame(b"Quack", is_masked=False))

        with self.answering(answer) as sockets:
            self.assertIn("Quack", str(self.assertRaises(LoadError, sockets.echo_once)))

    def test_a_server_that_is_not_there_fails_the_measurement(self) -> None:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
            error = self.assertRaises(LoadError, Sockets(port, "/echo", 3).__enter__)
        self.assertIn("WebSocket 1 of 3", str(error))


class ProxyTests(UnitTestCase):
    def test_fields_of_a_connection_do_not_go_on(self) -> None:
        headers = Headers({b"connection": [b"close"], b"host": [b"pond"], b"content-length": [b"3"]})
        self.assertEqual(list(end_to_end(headers).getAllRawHeaders()), [(b"Host", [b"pond"])])

    def test_a_proxy_is_put_before_the_port_of_its_upstream(self) -> None:
        with TemporaryDirectory() as name:
            directory = Path(name)
            project = Project(directory, "example", directory)
            place = Place(8001, Certificate(directory, directory), project, directory, directory, 8002)
            (server,) = (each for each in servers.SERVERS if each.name == servers.DUCK_PROXY)
            self.assertIn(f"/=http://{HOST}:8002", server.command(place))
            upstream.upstream(place)
            self.assertEqual((place.behind / "files" / "file").read_bytes(), upstream.FILE)
            self.assertIn(f"listen {HOST}:8002 ", (place.behind / "nginx.conf").read_text())
            upstream.proxy(place)
            text = (directory / "nginx.conf").read_text()
            self.assertIn(f"listen {HOST}:8001 ", text)
            self.assertIn(f"server {HOST}:8002;", text)


class ReportTests(UnitTestCase):
    def test_without_a_measurement_there_is_no_section(self) -> None:
        self.assertEqual({body for _, body in sections(Results())}, {""})

    def test_each_case_has_a_table(self) -> None:
        duck, agent = servers.DUCK_PROXY, servers.AGENT_PROXY
        bodies = "".join(
            body
            for _, body in sections(
                results(
                    (cases.PROXY, duck, Metric.RATE, 12_000.0),
                    (cases.PROXY, duck, Metric.P99, 5.0),
                    (cases.PROXY, agent, Metric.RATE, 4_000.0),
                    (cases.SOCKETS_IDLE, servers.UVICORN_SOCKETS, Metric.HELD, 5_000.0),
                    (cases.SOCKETS_IDLE, servers.UVICORN_SOCKETS, Metric.EACH, 30_000.0),
                    (cases.BROADCAST, servers.DUCK_SOCKETS, Metric.SPREAD, 80.0),
                )
            )
        )
        dash = "\N{EN DASH}"
        for line in (
            f"| {duck} | 12,000 | 1.00 x | {dash} | 5.00 | {dash} | {dash} |",
            f"| {agent} | 4,000 | 3.00 x | {dash} | {dash} | {dash} | {dash} |",
            f"| {servers.UVICORN_SOCKETS} | 5,000 | 30,000 |",
            f"| {servers.DUCK_SOCKETS} | {dash} | 80.0 | {dash} | {dash} |",
        ):
            self.assertIn(line, bodies.splitlines())


class TargetTests(UnitTestCase):
    def met(self, title: str, found: Results) -> bool | None:
        (target,) = (each for each in targets.TARGETS if each.title == title)
        return target.met(found)

    def test_the_better_of_the_peers_counts_for_pages(self) -> None:
        title, case = "page of a project with Channels, over the better of uvicorn and daphne", cases.CHANNELS_PAGE
        peers = (
            (case, servers.UVICORN_CHANNELS, Metric.RATE, 300.0),
            (case, servers.DAPHNE_CHANNELS, Metric.RATE, 200.0),
        )
        for rate, is_met in ((2400.0, True), (2390.0, False)):
            found = results(*peers, (case, servers.DUCK_CHANNELS, Metric.RATE, rate))
            self.assertIs(self.met(title, found), is_met)

    def test_each_peer_has_its_own_bound_for_the_echo(self) -> None:
        rates = (servers.DUCK_SOCKETS, 1900.0), (servers.UVICORN_SOCKETS, 1800.0), (servers.DAPHNE_SOCKETS, 1000.0)
        found = results(*((cases.ECHO, name, Metric.RATE, rate) for name, rate in rates))
        self.assertIs(self.met("WebSocket echo, over uvicorn", found), True)
        self.assertIs(self.met("WebSocket echo, over daphne", found), False)

    def test_the_longest_broadcast_of_all_rounds_counts(self) -> None:
        times = [Sample(cases.BROADCAST, servers.DUCK_SOCKETS, n, Metric.SPREAD, 60.0 + n) for n in (39, 41, 1)]
        self.assertIs(self.met("longest broadcast to 1,000 WebSockets", Results(times)), False)
