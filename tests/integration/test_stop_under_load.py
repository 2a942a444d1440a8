"""The stop while clients of every kind are busy: not one answer is lost.

A connection may be refused, and a kept one may be closed after an answer that said so. Whatever else ends without a
whole answer is lost, and fails the test.
"""

from __future__ import annotations

import random
import signal
import ssl
import time
from collections import Counter
from collections.abc import Collection

from tests.authority import trusting
from tests.case import UnitTestCase
from tests.integration.clients import Client, fresh, kept, pipelined, slow, tardy, uploading
from tests.integration.https_server import serve_https
from tests.integration.load import Load
from tests.integration.server import Server, serve

_OPTIONS = ("--wsgi", "tests.integration.gated:application", "--no-access-log", "--threads", "16")
_EACH = 4
_SEED = 20_260


class LoadTests(UnitTestCase):
    def check(
        self,
        server: Server,
        kinds: Collection[Client],
        chance: random.Random,
        before: float,
        context: ssl.SSLContext | None = None,
    ) -> Counter[str]:
        """Stop it some time after ``before`` seconds of load: how many answers there were, by kind."""
        with Load(server.port, kinds, _EACH, chance, context) as load:
            # Not a wait for anything: the moment is what is tried.
            time.sleep(before + chance.random() * 0.4)
            load.stop_begins()
            server.send_signal(signal.SIGTERM)
        self.assertEqual(load.lost, [], server.log)
        self.assertEqual(server.exit(5), -signal.SIGTERM)
        self.assertEqual(load.refused, _EACH * len(kinds))
        server.close()
        return load.answered

    def test_a_stop_at_any_moment_loses_no_answer(self) -> None:
        rounds, kinds = 8, (kept, pipelined, fresh, tardy, uploading, slow)
        chance = random.Random(_SEED)
        answered: Counter[str] = Counter()
        for _ in range(rounds):
            answered += self.check(serve(self, *_OPTIONS, project=None, launch="module"), kinds, chance, 0.1)
        self.assertEqual(set(answered), {kind.__name__ for kind in kinds})
        self.assertGreater(answered.total(), 50 * rounds)

    def test_nor_does_it_over_tls(self) -> None:
        rounds, kinds = 5, (kept, pipelined, fresh, tardy, uploading, slow)
        chance = random.Random(_SEED)
        answered: Counter[str] = Counter()
        for _ in range(rounds):
            server = serve_https(self, *_OPTIONS, project=None, launch="module")
            answered += self.check(server, kinds, chance, 0.2, trusting())
        self.assertEqual(set(answered), {kind.__name__ for kind in kinds})
        self.assertGreater(answered.total(), 50 * rounds)
