"""Workers that have served long enough: each has its turn, and nobody loses a request by it."""

from __future__ import annotations

import re

from tests.integration.server import Server, wait_until
from tests.integration.workers_case import APPLICATION, WorkersTestCase

_REPLACED = re.compile(r"worker (\d) is replaced after (\S+)")

_GROWS = """
kept = []
answer = application

def application(environ, start_response):
    if len(kept) < 110:
        kept.append(b"x" * 2**20)
    return answer(environ, start_response)
"""


class RecyclingTests(WorkersTestCase):
    def replaced(self, server: Server) -> list[int]:
        """The numbers of those that have been replaced."""
        return [int(found[1]) for found in _REPLACED.finditer(server.log)]

    def each_has_its_turn(self, server: Server, *, workers: int, reason: str) -> None:
        with self.load(server) as load:
            wait_until(lambda: set(self.replaced(server)) == set(range(1, workers + 1)), 60)
            load.wait_for(50)
        self.assertEqual((load.lost, load.refused), ([], 0), server.log)
        self.assertRegex(server.log, rf"is replaced after {reason}")
        wait_until(lambda: self.are_left(server, workers), 30)
        self.stop(server)

    def test_by_requests_the_last_has_its_turn_as_well(self) -> None:
        server = self.served("--workers", "3", SERVER__MAX_REQUESTS="30")
        self.each_has_its_turn(server, workers=3, reason=r"\d+ requests")

    def test_by_age(self) -> None:
        server = self.served(SERVER__MAX_AGE="2")
        self.each_has_its_turn(server, workers=2, reason=r"\d+ s\b")

    def test_by_memory(self) -> None:
        server = self.begun("--workers", "2", application=APPLICATION + _GROWS, SERVER__MAX_MEMORY=str(120 * 2**20))
        self.each_has_its_turn(server.start(), workers=2, reason=r"\d+ MiB of memory")

    def test_less_memory_than_a_new_one_takes_is_told_once(self) -> None:
        server = self.served("--workers", "1", SERVER__MAX_MEMORY=str(10 * 2**20))
        wait_until(lambda: len(self.replaced(server)) == 3, 60)
        self.assertRegex(server.log, r"server\.max_memory is less than a new worker takes \(\d+ MiB\): raise it\.")
        self.assertEqual(len(server.lines("server.max_memory")), 1)
        self.assertEqual(server.get("/").status, 200)
        self.stop(server)
