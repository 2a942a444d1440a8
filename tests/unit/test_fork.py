"""What the main process and the nursery say to each other."""

from __future__ import annotations

import os

from duck_tx.process.fork import Fork, Gone, Load, Loaded, Made, NotMade, Order, Retire, Unfit, Wire, Word, pair
from duck_tx.settings import Settings, override
from tests.case import UnitTestCase


class WireTests(UnitTestCase):
    def setUp(self) -> None:
        ours, theirs = pair()
        self.main, self.nursery = Wire[Word](ours, Word), Wire[Order](theirs, Order)
        self.addCleanup(self.main.close)
        self.addCleanup(self.nursery.close)

    def test_orders_and_words_arrive_as_they_were_sent_one_by_one(self) -> None:
        settings = override(
            Settings(), {"server.port": 7, "gateway.commands_on_startup": ["x"] * 500}, "a test"
        ).settings
        orders: list[Order] = [Load(settings=settings, directory="/é", runs_commands=True), Fork((1, 2)), Retire()]
        words: list[Word] = [Loaded(), Unfit("one\ntwo"), Made(7), NotMade("too many"), Gone(7, 256)]
        for order in orders:
            self.main.send(order)
        for word in words:
            self.nursery.send(word)
        self.assertEqual([self.nursery.receive() for _ in orders], [(order, []) for order in orders])
        self.assertEqual([self.main.receive() for _ in words], [(word, []) for word in words])

    def test_descriptors_go_along_and_no_child_inherits_them(self) -> None:
        output, given = os.pipe()
        self.main.send(Fork((2,)), [given])
        os.close(given)
        order, [received] = self.nursery.receive()
        self.assertEqual(order, Fork((2,)))
        self.assertFalse(os.get_inheritable(received))
        os.write(received, b"here")
        self.assertEqual(os.read(output, 10), b"here")
        os.close(received)
        os.close(output)

    def test_the_main_process_waits_for_nothing(self) -> None:
        self.assertRaises(BlockingIOError, self.main.receive)

    def test_the_end_is_seen_by_either(self) -> None:
        self.nursery.close()
        self.assertEqual(self.main.receive(), (None, []))
        self.assertRaises(OSError, self.main.send, Retire())
