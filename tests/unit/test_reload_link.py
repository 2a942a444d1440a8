"""The words between the monitor and the server below it."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from duck_tx import tap
from duck_tx.reload.link import VARIABLE, Link, adopt, link_of, wait_for_turn
from tests.case import AsyncTestCase, UnitTestCase
from tests.unit.spawning import until


class LinkTests(UnitTestCase):
    def setUp(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.lost: list[bool] = []
        self.link = Link(self.heard.append, lambda: self.lost.append(True))

    def test_a_message_is_a_line(self) -> None:
        transport = StringTransport()
        self.link.makeConnection(transport)
        self.link.say(watch=["/a\nb", "é"])
        other = Link(self.heard.append, lambda: None)
        other.makeConnection(StringTransport())
        other.dataReceived(transport.value())
        self.assertEqual(self.heard, [{"watch": ["/a\nb", "é"]}])

    def test_nothing_is_said_to_nobody(self) -> None:
        self.link.say(ready=True)
        self.link.connectionLost(Failure(Exception()))
        self.assertEqual(self.lost, [True])
        self.link.let_go()
        self.link.connectionLost(Failure(Exception()))
        self.assertEqual(self.lost, [True])

    def test_the_server_finds_its_end_once(self) -> None:
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        environ = {VARIABLE: str(theirs.detach())}
        found = link_of(environ)
        assert found is not None
        self.addCleanup(found.close)
        self.assertFalse(os.get_inheritable(found.fileno()))
        found.send(b"x")
        self.assertEqual(ours.recv(1), b"x")
        self.assertEqual(environ, {})

    def test_what_is_no_socket_is_no_link(self) -> None:
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        for value in ("", "x", "-1", "100000", str(reader)):
            self.assertIsNone(link_of({VARIABLE: value}))
        self.assertIsNone(link_of({}))

    def test_a_process_waits_for_its_turn_and_reads_no_further(self) -> None:
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        ours.sendall(b'{"go": true}\nrest')
        self.assertTrue(wait_for_turn(theirs))
        self.assertEqual(theirs.recv(10), b"rest")
        ours.close()
        self.assertFalse(wait_for_turn(theirs))

    def test_the_command_knows_the_variable_without_importing_this(self) -> None:
        self.assertEqual(tap._LINK, VARIABLE)


class AdoptTests(AsyncTestCase):
    async def test_two_ends_hear_each_other_and_of_the_end(self) -> None:
        from twisted.internet import reactor

        heard: list[dict[str, Any]] = []
        lost: list[str] = []
        ours, theirs = socket.socketpair()
        one, other = Link(heard.append, lambda: lost.append("one")), Link(heard.append, lambda: lost.append("other"))
        adopt(reactor, ours, one)
        adopt(reactor, theirs, other)
        one.say(a=1)
        await until(lambda: heard == [{"a": 1}])
        assert other.transport is not None
        other.transport.loseConnection()
        await until(lambda: sorted(lost) == ["one", "other"])
