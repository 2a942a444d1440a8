"""One process below the monitor."""

from __future__ import annotations

import os
import signal
from typing import Any

from duck_tx.reload.child import ServerProcess, Start
from tests.case import AsyncTestCase
from tests.unit.spawning import python, until

_CODE = """
import socket
link = socket.socket(fileno=int(os.environ["DUCK_RELOAD_LINK"]))
link.sendall(b'{"here": true}\\n')
told = link.recv(100)
link.sendall(b'{"told": %s}\\n' % told.strip())
link.recv(100)
"""


class ServerTests(AsyncTestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.heard: list[dict[str, Any]] = []
        self.ended: list[tuple[int | None, int | None]] = []

    def server(self, code: str) -> ServerProcess:
        server = ServerProcess(
            Start(python(code), os.getcwd(), dict(os.environ)),
            lambda server, message: self.heard.append(message),
            lambda server, *how: self.ended.append(how),
        )
        server.spawn(self.reactor)
        self.addCleanup(until, lambda: self.ended)
        self.addCleanup(server.signal, signal.SIGKILL)
        return server

    async def test_it_waits_for_its_turn_and_speaks(self) -> None:
        server = self.server(_CODE)
        await until(lambda: self.heard == [{"here": True}])
        server.go()
        await until(lambda: self.heard[1:] == [{"told": {"go": True}}])
        os.kill(server.pid, 0)
        server.signal(signal.SIGTERM)
        await until(lambda: self.ended)
        self.assertEqual(self.ended, [(None, signal.SIGTERM)])
        server.signal(signal.SIGTERM)
        server.go()

    async def test_its_status_is_told(self) -> None:
        for code, how in (("", (0, None)), ("sys.exit(3)", (3, None))):
            self.ended.clear()
            self.server(code)
            await until(lambda: self.ended)
            self.assertEqual(self.ended, [how])

    async def test_it_begins_with_ctrl_c_held_back(self) -> None:
        # Python would show where it was interrupted, before the program can see to it.
        self.server("sys.exit(7 if signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []) else 0)")
        await until(lambda: self.ended)
        self.assertEqual(self.ended, [(7, None)])
        self.assertNotIn(signal.SIGINT, signal.pthread_sigmask(signal.SIG_BLOCK, []))

    async def test_the_monitor_s_end_is_not_inherited(self) -> None:
        # Were it, the server would never hear that the monitor is gone.
        server = self.server(_CODE + "sys.exit(5)")
        await until(lambda: self.heard == [{"here": True}])
        server.go()
        await until(lambda: len(self.heard) == 2)
        assert server._link.transport is not None
        server._link.transport.loseConnection()
        await until(lambda: self.ended)
        self.assertEqual(self.ended, [(5, None)])
