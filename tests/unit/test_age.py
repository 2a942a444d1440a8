"""When this life of the process began."""

from __future__ import annotations

import time

from duck_tx.process import age
from tests.case import UnitTestCase


class AgeTests(UnitTestCase):
    def test_the_life_before_has_the_word_and_only_once(self) -> None:
        environ = {age.VARIABLE: "1700000000.5", "OTHER": "1"}
        self.assertEqual(age.handed_or_measured(environ), 1700000000.5)
        self.assertEqual(environ, {"OTHER": "1"})

    def test_without_one_the_system_knows(self) -> None:
        for environ in ({}, {age.VARIABLE: "soon"}):
            found = age.handed_or_measured(environ)
            self.assertLess(abs(time.time() - age.seconds_of_process() - found), 1.0)
            self.assertLess(found, time.time())

    def test_a_life_that_begins_now_is_told_so(self) -> None:
        before = time.time()
        found = age.handed_or_measured(age.stamped())
        self.assertTrue(before <= found <= time.time())

    def test_it_is_the_same_whenever_it_is_asked_for(self) -> None:
        self.assertEqual(age.began(), age.began())
