"""The garbage collector of a server that has loaded what it needs."""

from __future__ import annotations

import gc

from duck_tx.garbage import GarbageService
from tests.case import UnitTestCase


class GarbageTests(UnitTestCase):
    def test_what_is_loaded_is_spared_until_it_stops(self) -> None:
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        self.addCleanup(gc.unfreeze)
        gc.unfreeze()
        gc.set_threshold(700, 10, 10)
        earlier = gc.get_threshold()
        service = GarbageService()
        for _ in range(2):
            service.startService()
            service.startService()
            self.assertGreater(gc.get_freeze_count(), 1000)
            self.assertNotEqual(gc.get_threshold(), earlier)
            service.stopService()
            service.stopService()
            self.assertEqual((gc.get_freeze_count(), gc.get_threshold()), (0, earlier))
