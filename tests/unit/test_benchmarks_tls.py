"""The parts of the benchmarks that measure TLS: the client of new connections, what h2load printed, nginx, targets."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import cases, servers, targets
from benchmarks.certificate import Certificate, make
from benchmarks.client import HOST, Origin, exchange
from benchmarks.command import secure
from benchmarks.h2load import parse
from benchmarks.handshake import HandshakeError, Share, Visit
from benchmarks.idle import IdleConnections
from benchmarks.load import Load, LoadError
from benchmarks.metric import Metric, Results, Sample
from benchmarks.newcomers import Newcomers
from benchmarks.nginx import framed, tls
from benchmarks.project import Project
from benchmarks.server import Place
from benchmarks.servers import DUCK, DUCK_HTTPS, GRANIAN_HTTPS, SYNC_HTTPS, THREADS_HTTPS
from benchmarks.tls_report import sections
from tests.case import UnitTestCase

H2LOAD = """\
starting benchmark...
spawning thread #0: 8 total client(s). 100000 total requests
TLS Protocol: TLSv1.3
Cipher: TLS_AES_256_GCM_SHA384
{protocol}
progress: 100% of clients started.

finished in 2.00s, 4213.50 req/s, 120.04KB/s
requests: 8427 total, 8555 started, 8427 done, {succeeded} succeeded, {failed} failed, 0 errored, 0 timeout
status codes: {good} 2xx, 0 3xx, 0 4xx, {bad} 5xx
traffic: 240.08KB (245844) total, 100.91KB (103336) headers (space savings 90.00%), 131.67KB (134832) data
                     min         max         mean         sd        +/- sd
time for request:     1.02ms    120.39ms     30.33ms     10.05ms    78.90%
req/s           :     520.99      529.95      526.60        2.99    62.50%
"""


def h2load(protocol: str = "h2", succeeded: int = 8427, bad: int = 0) -> str:
    """What h2load prints at the end of a run in which so many requests succeeded."""
    return H2LOAD.format(
        protocol=f"Application protocol: {protocol}",
        succeeded=succeeded,
        failed=8427 - succeeded,
        good=succeeded - bad,
        bad=bad,
    )


def results(*values: tuple[str, str, Metric, float]) -> Results:
    """Results of one round."""
    return Results([Sample(case, server, 1, metric, value) for case, server, metric, value in values])


class Served:
    """A TLS server of Python's own on a port of 127.0.0.1, each connection on a thread, for the time of a ``with``.

    :ivar resumed: for each handshake whether it resumed a session.
    """

    def __init__(self, certificate: Certificate, answer: bytes) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.file, certificate.key)
        self.answer = answer
        self.resumed: list[bool] = []
        self._listening = socket.create_server((HOST, 0), backlog=128)
        self._thread = threading.Thread(target=self._accept)

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def __enter__(self) -> Served:
        self._thread.start()
        return self

    def __exit__(self, *exit_details: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), self.context.wrap_socket(connection, server_side=True) as tls:
            self.resumed.append(bool(tls.session_reused))
            while asked := tls.recv(4096):
                tls.sendall(self.answer)
                if b"Connection: close" in asked:
                    break
            tls.unwrap().close()


class WithCertificate(UnitTestCase):
    """Has a certificate in a directory of its own."""

    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.certificate = make(self.directory)

    def served(self, answer: bytes) -> Served:
        """A server that runs until the test ends."""
        stack = ExitStack()
        self.addCleanup(stack.close)
        return stack.enter_context(Served(self.certificate, answer))


class MadeCertificate(WithCertificate):
    def test_a_client_that_trusts_it_accepts_it_and_another_does_not(self) -> None:
        served = self.served(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        self.assertEqual(exchange(Origin(served.port, self.certificate.trust()), "/").body, b"ok")
        stranger = Origin(served.port, ssl.create_default_context())
        self.assertRaises(ssl.SSLCertVerificationError, exchange, stranger, "/")

    def test_its_key_is_for_nobody_else(self) -> None:
        self.assertEqual(self.certificate.key.stat().st_mode & 0o777, 0o600)


class Handshake(WithCertificate):
    def speak(self, visit: Visit, server: ssl.SSLContext, size: int, answer: bytes = b"") -> bytes:
        """Let both talk, the server's bytes in pieces of ``size``, until nobody has anything to say; the request.

        Once it has the request, the server answers and says goodbye.
        """
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = server.wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(visit.greeting)
        request = b""
        steps = [tls.do_handshake, lambda: tls.read(4096), lambda: tls.write(answer), tls.unwrap]
        for _ in range(10):
            with contextlib.suppress(ssl.SSLWantReadError):
                if isinstance(found := steps[0](), bytes):
                    request = found
                del steps[0]
            if not steps:
                break
            said = outgoing.read()
            for at in range(0, len(said), size):
                incoming.write(visit.receive(said[at : at + size]))
        self.assertEqual(steps, [])
        self.assertFalse(tls.session_reused)
        return request

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate.file, self.certificate.key)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def test_a_server_gets_the_request_and_the_client_the_answer_however_the_bytes_are_cut(self) -> None:
        for size in (1, 7, 65_536):
            visit = Visit(Share("localhost"), b"GET / HTTP/1.1\r\n\r\n")
            request = self.speak(visit, self.context(), size, b"HTTP/1.1 200 OK\r\n\r\nok")
            self.assertEqual((request, visit.answer), (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nok"))
            self.assertTrue(visit.is_over)

    def test_a_share_serves_many_connections_and_none_is_resumed(self) -> None:
        share, context = Share("localhost"), self.context()
        for _ in range(3):
            self.speak(Visit(share, b"x"), context, 65_536, b"y")
        self.assertEqual(context.session_stats()["hits"], 0)
        self.assertNotEqual(share.hello(), share.hello())

    def test_a_server_that_wants_something_else_is_a_handshake_error(self) -> None:
        context = self.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        visit = Visit(Share("localhost"), b"x")
        incoming.write(visit.greeting)
        self.assertRaises(ssl.SSLError, tls.do_handshake)
        self.assertIn("alert", str(self.assertRaises(HandshakeError, visit.receive, outgoing.read())))

    def test_what_was_changed_on_the_way_is_noticed(self) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context().wrap_bio(incoming, outgoing, server_side=True)
        visit = Visit(Share("localhost"), b"x")
        incoming.write(visit.greeting)
        self.assertRaises(ssl.SSLWantReadError, tls.do_handshake)
        flight = bytearray(outgoing.read())
        flight[-1] ^= 1
        self.assertIn("opened", str(self.assertRaises(HandshakeError, visit.receive, bytes(flight))))


class NewConnections(WithCertificate):
    def test_each_shakes_hands_in_full_and_is_counted(self) -> None:
        served = self.served(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        seconds = 0.5
        load = Newcomers(served.port, "/", at_a_time=4).run(seconds)
        counted = load.rate * seconds
        self.assertGreaterEqual(counted, 2)
        self.assertGreaterEqual(len(served.resumed) + 1, int(counted))
        self.assertNotIn(True, served.resumed)

    def test_an_answer_that_is_no_success_fails_the_measurement(self) -> None:
        served = self.served(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n")
        error = self.assertRaises(LoadError, Newcomers(served.port, "/", at_a_time=2).run, 5)
        self.assertIn("503", str(error))

    def test_a_server_without_tls_fails_the_measurement(self) -> None:
        with socket.create_server((HOST, 0)) as listening:
            newcomers = Newcomers(int(listening.getsockname()[1]), "/", at_a_time=1)

            def answer() -> None:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(30_000))

            thread = threading.Thread(target=answer)
            thread.start()
            self.assertRaises(LoadError, newcomers.run, 5)
            thread.join()


class Idle(WithCertificate):
    def test_connections_over_tls_are_held_and_those_that_the_server_ends_are_not_counted(self) -> None:
        served = self.served(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        with IdleConnections(Origin(served.port, self.certificate.trust()), "/", 3) as idle:
            self.assertEqual(len(idle), 3)
        closing = self.served(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        with IdleConnections(Origin(closing.port, self.certificate.trust()), "/", 3) as idle:
            self.assertEqual(len(idle), 0)


class H2loadOutput(UnitTestCase):
    def test_the_rate_is_read(self) -> None:
        self.assertEqual(parse(h2load()), Load(4213.5))
        self.assertEqual([each.metric for each in parse(h2load()).readings()], [Metric.RATE])

    def test_a_request_that_did_not_succeed_fails_the_measurement(self) -> None:
        self.assertIn("1 failed", str(self.assertRaises(LoadError, parse, h2load(succeeded=8426))))
        self.assertIn("2 5xx", str(self.assertRaises(LoadError, parse, h2load(bad=2))))

    def test_a_server_that_speaks_http_1_fails_the_measurement(self) -> None:
        self.assertIn("http/1.1", str(self.assertRaises(LoadError, parse, h2load(protocol="http/1.1"))))

    def test_output_without_figures_is_shown(self) -> None:
        self.assertIn("refused", str(self.assertRaises(LoadError, parse, "connection refused\n")))


class Commands(WithCertificate):
    def test_tls_is_the_same_command_with_the_files(self) -> None:
        project = Project(self.directory, "example", self.directory)
        place = Place(8443, self.certificate, project, self.directory, self.directory)
        command = secure(lambda place: ["serve", str(place.port)], "--cert", "--key")
        files = (str(self.certificate.file), str(self.certificate.key))
        self.assertEqual(command(place), ["serve", "8443", "--cert", files[0], "--key", files[1]])

    def test_nginx_keeps_connections_only_to_a_worker_that_keeps_them(self) -> None:
        def text(keeps: bool) -> str:
            blocks = tls(8443, self.certificate, self.directory / "s", keeps)
            return framed(self.directory, blocks, None)

        self.assertIn("keepalive 64;", text(True))
        self.assertIn('proxy_set_header Connection "";', text(True))
        self.assertNotIn("keepalive 64;", text(False))
        self.assertIn('proxy_set_header Connection "close";', text(False))
        self.assertIn(f"listen {HOST}:8443 ssl", text(True))
        self.assertNotIn("user ", text(True))


class Targets(UnitTestCase):
    def measured(self, title: str, found: Results) -> tuple[float | None, bool | None]:
        (target,) = (each for each in targets.TARGETS if each.title == title)
        return target.measured(found), target.met(found)

    def test_tls_is_compared_with_plain_http_of_the_same_case(self) -> None:
        title = "HTTPS hello, over plain hello"
        plain = (cases.HTTPS_HELLO, DUCK, Metric.RATE, 8000.0)
        self.assertEqual(
            self.measured(title, results(plain, (cases.HTTPS_HELLO, DUCK_HTTPS, Metric.RATE, 6000.0))), (0.75, True)
        )
        self.assertIs(
            self.measured(title, results(plain, (cases.HTTPS_HELLO, DUCK_HTTPS, Metric.RATE, 5999.0)))[1], False
        )

    def test_nginx_and_gunicorn_are_taken_in_their_better_mode(self) -> None:
        found = results(
            (cases.HTTPS_PAGE, DUCK_HTTPS, Metric.RATE, 2000.0),
            (cases.HTTPS_PAGE, servers.NGINX_SYNC, Metric.RATE, 1000.0),
            (cases.HTTPS_PAGE, servers.NGINX_THREADS, Metric.RATE, 1600.0),
            (cases.NEWCOMERS, DUCK_HTTPS, Metric.RATE, 900.0),
            (cases.NEWCOMERS, SYNC_HTTPS, Metric.RATE, 300.0),
            (cases.NEWCOMERS, THREADS_HTTPS, Metric.RATE, 450.0),
        )
        self.assertEqual(self.measured("HTTPS page, over nginx before gunicorn's better mode", found), (1.25, False))
        self.assertEqual(self.measured("new TLS connections, over gunicorn's better mode", found), (2.0, True))

    def test_a_server_of_a_target_takes_part_in_its_case(self) -> None:
        groups = {each.name: each.groups for each in servers.SERVERS}
        of_case = {each.name: each.group for each in cases.CASES}
        for case, names in (
            (cases.HTTPS_HELLO, (DUCK, DUCK_HTTPS, GRANIAN_HTTPS, servers.NGINX_SYNC, servers.NGINX_THREADS)),
            (cases.HTTPS_PAGE, (DUCK_HTTPS, servers.NGINX_SYNC, servers.NGINX_THREADS)),
            (cases.NEWCOMERS, (DUCK_HTTPS, GRANIAN_HTTPS, SYNC_HTTPS, THREADS_HTTPS)),
            (cases.HTTP2, (servers.DUCK_HTTP2, servers.HYPERCORN_HTTP2)),
            (cases.HTTPS_IDLE, (DUCK_HTTPS,)),
        ):
            self.assertEqual([name for name in names if of_case[case] not in groups[name]], [], case)


class Sections(UnitTestCase):
    def test_each_server_has_its_rates_and_how_many_times_that_ours_is(self) -> None:
        found = results(
            (cases.HTTPS_HELLO, DUCK_HTTPS, Metric.RATE, 6000.0),
            (cases.HTTPS_HELLO, GRANIAN_HTTPS, Metric.RATE, 5000.0),
            (cases.HTTPS_PAGE, GRANIAN_HTTPS, Metric.RATE, 1500.0),
        )
        lines = dict(sections(found))["HTTPS: requests per second"].splitlines()
        self.assertEqual(lines[2], f"| {DUCK_HTTPS} | 6,000 | 1.00 x | \N{EN DASH} | \N{EN DASH} |")
        self.assertEqual(lines[3], f"| {GRANIAN_HTTPS} | 5,000 | 1.20 x | 1,500 | \N{EN DASH} |")

    def test_the_page_says_whether_the_load_was_what_limited_new_connections(self) -> None:
        found = results(
            (cases.NEWCOMERS, DUCK_HTTPS, Metric.RATE, 1500.0),
            (cases.NEWCOMERS, DUCK_HTTPS, Metric.SERVER_BUSY, 99.6),
            (cases.NEWCOMERS, DUCK_HTTPS, Metric.LOAD_BUSY, 61.2),
        )
        (body,) = (body for title, body in sections(found) if "new connections" in title)
        self.assertIn(f"| {DUCK_HTTPS} | 1,500 | 1.00 x | 100 % | 61 % |", body.splitlines())

    def test_what_nobody_measured_has_no_section(self) -> None:
        self.assertEqual({body for _, body in sections(Results())}, {""})
