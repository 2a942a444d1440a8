"""Listening sockets from elsewhere: who they are for, who gets them, and that they outlive whoever has them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.process.endpoint import Endpoint
from duck_tx.process.inherited import (
    Found,
    InheritedSockets,
    Sole,
    handed_on,
    inherited,
    look_at,
    matched,
    named,
    numbers,
)
from duck_tx.process.port import bind
from tests.case import UnitTestCase
from tests.unit.child import ROOT
from tests.unit.logged import logged_lines

_PID = 4711
_WANTED = {
    "server": Endpoint(("server", "https"), "0.0.0.0", 443, False, "--port"),
    "force-https": Endpoint(("force-https", "redirect", "http"), "0.0.0.0", 80, False, "--redirect-port"),
}
_TAKE = (
    "import json, os; from duck_tx.process.inherited import inherited; "
    "found = inherited(os.environ, os.getpid()); "
    "print(json.dumps({name: [sock.getsockname()[1], sock.get_inheritable()] for name, sock in found.items()}))"
)


def _tcp(port: int) -> Found:
    return Found(socket.AF_INET, socket.SOCK_STREAM, f"0.0.0.0:{port}", port)


class _SocketCase(UnitTestCase):
    def bound(self) -> socket.socket:
        sock = bind("127.0.0.1", 0)
        self.addCleanup(sock.close)
        return sock

    def listening(self) -> socket.socket:
        sock = self.bound()
        sock.listen()
        return sock


class NumbersTests(UnitTestCase):
    def numbers(self, **environ: str) -> list[tuple[str, int]]:
        return list(numbers(environ, _PID))

    def test_none_are_there_without_the_variables(self) -> None:
        self.assertEqual(self.numbers(), [])
        self.assertEqual(self.numbers(LISTEN_FDS="0", LISTEN_PID="4711"), [])

    def test_they_begin_at_three_and_have_the_names_that_are_given(self) -> None:
        self.assertEqual(
            self.numbers(LISTEN_FDS="3", LISTEN_PID="4711", LISTEN_FDNAMES="https::http"),
            [("https", 3), ("unknown", 4), ("http", 5)],
        )
        self.assertEqual(self.numbers(LISTEN_FDS="1", LISTEN_PID="4711"), [("unknown", 3)])

    def test_those_of_another_process_are_left_alone_with_the_mend(self) -> None:
        with self.assertRaisesRegex(
            ValueError, r"^the sockets are for the process 12, and this is 4711: .* start the server by exec$"
        ):
            self.numbers(LISTEN_FDS="1", LISTEN_PID="12")
        with self.assertRaisesRegex(ValueError, r"^the sockets are for the process \(not given\)"):
            self.numbers(LISTEN_FDS="1")

    def test_those_of_an_earlier_self_have_any_number_and_need_no_pid(self) -> None:
        self.assertEqual(self.numbers(DUCK_LISTEN_FDS="server=7:force-https=9"), [("server", 7), ("force-https", 9)])

    def test_nonsense_is_named(self) -> None:
        for environ in ({"LISTEN_FDS": "many"}, {"LISTEN_FDS": "-1"}, {"DUCK_LISTEN_FDS": "server"}):
            [(name, value)] = environ.items()
            with self.assertRaisesRegex(ValueError, f"^{name}: '{value}' is no "):
                self.numbers(**environ)

    @given(st.dictionaries(st.text(st.characters(exclude_characters=":\0"), min_size=1), st.integers(0, 2**20)))
    def test_every_name_comes_back(self, handed: dict[str, int]) -> None:
        text = ":".join(f"{name}={number}" for name, number in handed.items())
        self.assertEqual(dict(self.numbers(DUCK_LISTEN_FDS=text)), handed)


class InheritedTests(_SocketCase):
    def handed(self, *names: str) -> tuple[list[int], dict[str, str]]:
        """Ports of listening sockets, and the variables that hand over descriptors of theirs."""
        socks = [self.listening() for _ in names]
        entries = [f"{name}={os.dup(sock.fileno())}" for name, sock in zip(names, socks, strict=True)]
        return [sock.getsockname()[1] for sock in socks], {"DUCK_LISTEN_FDS": ":".join(entries), "HOME": "/"}

    def taken(self, environ: dict[str, str]) -> dict[str, socket.socket]:
        sockets = inherited(environ, _PID)
        for sock in sockets.values():
            self.addCleanup(sock.close)
        return sockets

    def test_they_are_there_by_name_and_the_variables_are_gone(self) -> None:
        ports, environ = self.handed("https", "http")
        sockets = self.taken(environ)
        self.assertEqual([sock.getsockname()[1] for sock in sockets.values()], ports)
        self.assertEqual(list(sockets), ["https", "http"])
        self.assertEqual(environ, {"HOME": "/"})

    def test_they_do_not_block_and_are_not_passed_on(self) -> None:
        _, environ = self.handed("http")
        [sock] = self.taken(environ).values()
        self.assertEqual((sock.getblocking(), sock.get_inheritable()), (False, False))

    def test_one_more_of_a_name_is_numbered(self) -> None:
        ports, environ = self.handed("duck.socket", "duck.socket", "duck.socket")
        sockets = self.taken(environ)
        self.assertEqual(
            {name: sock.getsockname()[1] for name, sock in sockets.items()},
            dict(zip(("duck.socket", "duck.socket (2)", "duck.socket (3)"), ports, strict=True)),
        )

    def test_what_is_no_socket_is_said_and_left_out(self) -> None:
        _, environ = self.handed("http")
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        os.close(writing)
        environ["DUCK_LISTEN_FDS"] += f":fifo={reading}:closed={writing}"
        with logged_lines() as lines:
            self.assertEqual(list(self.taken(environ)), ["http"])
        self.assertEqual(
            lines,
            [
                f"the inherited descriptor {reading} (fifo) is no socket: Socket operation on non-socket",
                f"the inherited descriptor {writing} (closed) is no socket: Bad file descriptor",
            ],
        )

    def test_variables_for_another_process_are_said_and_removed(self) -> None:
        environ = {"LISTEN_FDS": "1", "LISTEN_PID": "12", "LISTEN_FDNAMES": "http", "LISTEN_PIDFDID": "9"}
        with logged_lines() as lines:
            self.assertEqual(self.taken(environ), {})
        self.assertRegex(lines[0], r"^no sockets are inherited: the sockets are for the process 12, and this is 4711")
        self.assertEqual(environ, {})

    def test_which_of_them_nobody_else_holds_is_known(self) -> None:
        _, environ = self.handed("server", "http")
        environ |= {"DUCK_LISTEN_SOLE": "server"}
        sockets = self.taken(environ)
        self.assertEqual([isinstance(sock, Sole) for sock in sockets.values()], [True, False])
        self.assertEqual(environ, {"HOME": "/"})
        kept = InheritedSockets(sockets, {"server": _WANTED["server"]}, keeps=True)
        kept.want("force-https", _WANTED["force-https"])
        # What queues on the first at a stop is for nobody else to answer.
        self.assertEqual(("server" in kept, "force-https" in kept), (False, True))
        with kept.binding("server", self.bound)() as bound:
            self.assertEqual(bound.getsockname(), sockets["server"].getsockname())

    def test_it_is_said_in_the_variables_of_the_next_life(self) -> None:
        self.assertEqual(named({}, ["server"]), {})
        self.assertEqual(named({"a": 7, "b": 9}), {"DUCK_LISTEN_FDS": "a=7:b=9"})
        self.assertEqual(named({"a": 7, "b": 9}, ["a", "b"])["DUCK_LISTEN_SOLE"], "a:b")

    def test_what_is_handed_on_arrives_in_a_new_process(self) -> None:
        sockets = {"server": self.listening(), "force-https": self.listening()}
        variables = handed_on(sockets)
        output = subprocess.run(
            [sys.executable, "-c", _TAKE],
            env={**os.environ, **variables, "PYTHONPATH": str(ROOT)},
            close_fds=False,
            stdout=subprocess.PIPE,
            timeout=60,
            check=True,
        ).stdout
        self.assertEqual(json.loads(output), {name: [sock.getsockname()[1], False] for name, sock in sockets.items()})


class LookTests(_SocketCase):
    def test_a_tcp_socket_has_its_address_whether_it_listens_or_not(self) -> None:
        for sock in (self.listening(), self.bound()):
            port = sock.getsockname()[1]
            self.assertEqual(look_at(sock), Found(socket.AF_INET, socket.SOCK_STREAM, f"127.0.0.1:{port}", port))
        with bind("::1", 0) as sock:
            self.assertEqual(look_at(sock).address, f"[::1]:{sock.getsockname()[1]}")

    def test_a_connection_is_known_for_one(self) -> None:
        server = self.listening()
        with socket.create_connection(server.getsockname(), 5), server.accept()[0] as accepted:
            self.assertTrue(look_at(accepted).is_connection)

    def test_a_unix_socket_has_its_path(self) -> None:
        with TemporaryDirectory(prefix="duck-") as folder, socket.socket(socket.AF_UNIX) as sock:
            sock.bind(f"{folder}/http")
            self.assertEqual(look_at(sock), Found(socket.AF_UNIX, socket.SOCK_STREAM, f"{folder}/http", 0))


class MatchTests(UnitTestCase):
    def test_names_decide_before_ports(self) -> None:
        match = matched({"http": _tcp(443), "https": _tcp(80)}, _WANTED)
        self.assertEqual(match.taken, {"server": "https", "force-https": "http"})
        self.assertEqual(match.unfit, {})

    def test_the_best_name_wins(self) -> None:
        match = matched({"https": _tcp(1), "server": _tcp(2)}, _WANTED)
        self.assertEqual(match.taken, {"server": "server"})
        self.assertEqual(list(match.unfit), ["https"])

    def test_without_a_known_name_the_port_decides(self) -> None:
        match = matched({"duck.socket": _tcp(80), "duck.socket (2)": _tcp(443)}, _WANTED)
        self.assertEqual(match.taken, {"server": "duck.socket (2)", "force-https": "duck.socket"})

    def test_a_name_is_not_taken_away_by_the_port_of_another(self) -> None:
        # The one called "https" has the port that would suit the redirect.
        match = matched({"https": _tcp(80), "unknown": _tcp(80)}, _WANTED)
        self.assertEqual(match.taken, {"server": "https", "force-https": "unknown"})

    def test_what_fits_nobody_is_told_what_would(self) -> None:
        match = matched({"unknown": _tcp(8000)}, _WANTED)
        self.assertEqual(match.taken, {})
        self.assertEqual(
            match.unfit,
            {"unknown": "nothing here is to be served on it; wanted: 'server' or port 443; 'force-https' or port 80"},
        )

    def test_what_is_no_listening_tcp_socket_is_refused_whatever_its_name(self) -> None:
        for found, reason in (
            (Found(socket.AF_INET, socket.SOCK_DGRAM, "0.0.0.0:443", 443), "it is no stream socket"),
            (Found(socket.AF_UNIX, socket.SOCK_STREAM, "/run/duck", 0), "it is no TCP socket"),
            (_tcp(443)._replace(is_connection=True), "it is a connection; a .socket unit needs Accept=no"),
            (_tcp(0), "it is not bound to a port"),
        ):
            self.assertEqual(matched({"server": found}, _WANTED), ({}, {"server": reason}))

    def test_a_unix_socket_is_for_who_wants_it_at_that_path(self) -> None:
        wanted = {"backend": Endpoint(("backend",), "/run/duck", 0, False, "gateway.addr", is_unix=True)}
        there = Found(socket.AF_UNIX, socket.SOCK_STREAM, "/run/duck", 0)
        for name in ("backend", "unknown"):
            self.assertEqual(matched({name: there}, wanted).taken, {"backend": name})
        reason = "nothing here is to be served on it; wanted: 'backend' at /run/duck"
        for other in (there._replace(address="/run/other"), _tcp(80)):
            self.assertEqual(matched({"backend": other}, wanted), ({}, {"backend": reason}))

    @given(
        st.dictionaries(
            st.sampled_from(["server", "https", "http", "redirect", "unknown", "unknown (2)"]),
            st.builds(_tcp, st.sampled_from([80, 443, 8000])),
        )
    )
    def test_each_socket_is_either_taken_once_or_unfit(self, found: dict[str, Found]) -> None:
        match = matched(found, _WANTED)
        self.assertEqual(sorted([*match.taken.values(), *match.unfit]), sorted(found))


class InheritedSocketsTests(_SocketCase):
    def test_who_binds_is_given_a_duplicate_that_may_be_closed(self) -> None:
        sock = self.listening()
        binding = InheritedSockets({"server": sock}, _WANTED).binding("server", self.bound)
        for _ in range(2):
            with binding() as bound:
                self.assertEqual(bound.getsockname(), sock.getsockname())
                self.assertFalse(bound.get_inheritable())
        socket.create_connection(sock.getsockname(), 5).close()

    def test_who_gets_none_binds_as_ever(self) -> None:
        sockets = InheritedSockets({"server": self.listening()}, _WANTED)
        bind_anew = self.bound
        self.assertIs(sockets.binding("force-https", bind_anew), bind_anew)
        self.assertEqual(("server" in sockets, "force-https" in sockets), (True, False))

    def test_what_nobody_gets_is_closed_with_a_warning(self) -> None:
        sock = self.listening()
        port = sock.getsockname()[1]
        with logged_lines() as lines:
            InheritedSockets({"unknown": sock}, {"server": _WANTED["server"]})
        self.assertEqual(
            lines,
            [
                f"the inherited socket unknown (127.0.0.1:{port}) is not used: nothing here is to be served on it; "
                "wanted: 'server' or port 443"
            ],
        )
        self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", port), 5)

    def test_who_comes_later_may_want_what_was_kept(self) -> None:
        sock, other = self.listening(), self.listening()
        with logged_lines() as lines:
            sockets = InheritedSockets({"micro": sock, "other": other}, _WANTED, keeps=True)
            sockets.want("micro", Endpoint(("micro",), "localhost", 1, False, "--port"))
        self.assertEqual(len(lines), 1)
        self.assertIn("micro", sockets)
        with logged_lines() as lines:
            sockets.settle()
            sockets.settle()
        self.assertEqual(len(lines), 1)
        self.assertIn("the inherited socket other", lines[0])
        self.assertEqual((sock.fileno() >= 0, other.fileno()), (True, -1))
