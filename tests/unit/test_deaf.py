"""The last moments of a listening socket."""

from __future__ import annotations

import socket
import sys

from duck_tx.http.deaf import deafen, hear
from tests.case import UnitTestCase


class DeafTests(UnitTestCase):
    def listening(self) -> socket.socket:
        sock = socket.socket()
        self.addCleanup(sock.close)
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        sock.settimeout(5)
        return sock

    def connect(self, address: tuple[str, int]) -> socket.socket:
        client = socket.create_connection(address, 5)
        self.addCleanup(client.close)
        return client

    def test_those_who_wait_to_be_accepted_can_still_be_served(self) -> None:
        sock = self.listening()
        before = self.connect(sock.getsockname())
        deafen(sock)
        before.sendall(b"hello")
        served, _ = sock.accept()
        self.addCleanup(served.close)
        self.assertEqual(served.recv(5), b"hello")
        served.sendall(b"world")
        self.assertEqual(before.recv(5), b"world")

    def test_a_connection_that_has_begun_goes_on(self) -> None:
        sock = self.listening()
        client = self.connect(sock.getsockname())
        served, _ = sock.accept()
        self.addCleanup(served.close)
        # The filter of a listening socket sees the end of a handshake as this one sees what follows it.
        deafen(served)
        client.sendall(b"hello")
        served.settimeout(5)
        self.assertEqual(served.recv(5), b"hello")

    def test_those_who_come_later_reach_nobody(self) -> None:
        sock = self.listening()
        deafen(sock)
        if sys.platform == "linux":
            with socket.socket() as late:
                late.settimeout(0.1)
                self.assertRaises(TimeoutError, late.connect, sock.getsockname())
            sock.setblocking(False)
            self.assertRaises(BlockingIOError, sock.accept)
        else:
            self.connect(sock.getsockname())

    def test_who_was_deaf_hears_again(self) -> None:
        sock = self.listening()
        hear(sock)
        deafen(sock)
        hear(sock)
        self.connect(sock.getsockname())
        sock.accept()[0].close()

    def test_a_socket_that_cannot_be_filtered_is_left_as_it_is(self) -> None:
        sock = self.listening()
        address = sock.getsockname()
        sock.close()
        deafen(sock)
        self.assertRaises(ConnectionRefusedError, socket.create_connection, address, 5)
