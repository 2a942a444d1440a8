"""More workers and fewer of them, and all of them replaced one after the other."""

from __future__ import annotations

import signal

from duck_tx.errors import ApplicationError
from duck_tx.process.roll import HalfRestarted
from tests.unit.worker_case import WorkersTestCase


class NumberTests(WorkersTestCase):
    def test_there_can_be_more(self) -> None:
        service = self.started(1)
        resized = service.resize(3)
        self.turn()
        self.assertEqual((len(self.living), service.count), (3, 3))
        self.assertNoResult(resized)
        self.all_ready()
        self.successResultOf(resized)
        self.assertIn("3 workers are wanted, 1 until now", self.log)

    def test_there_can_be_fewer_and_what_queues_is_for_the_others(self) -> None:
        service = self.started(3)
        self.successResultOf(service.resize(1))
        self.turn()
        self.assertEqual([child.told for child in self.children], [[], *[[("drain", "server")]] * 2])
        self.assertEqual(self.living, self.children[:1])
        self.assertIn("1 worker is wanted, 3 until now", self.log)
        self.reactor.advance(100)
        self.assertEqual(len(self.children), 3)

    def test_one_that_is_not_wanted_any_more_while_it_starts_has_not_failed(self) -> None:
        service = self.started(1)
        service.resize(2)
        self.turn()
        self.successResultOf(service.resize(1))
        self.turn()
        self.assertEqual(self.living, self.children[:1])
        self.assertEqual([line for line in self.log if line.startswith("duck: ")], [])

    def test_there_is_at_least_one(self) -> None:
        service = self.started(1)
        for count in (0, 1025):
            self.assertRaises(ApplicationError, service.resize, count)
        self.assertEqual((service.count, len(self.living)), (1, 1))

    def test_before_the_start_it_is_only_a_number(self) -> None:
        service = self.service(1)
        self.successResultOf(service.resize(2))
        self.start(service)
        self.all_ready()
        self.assertEqual(len(self.living), 2)

    def test_they_can_be_described(self) -> None:
        service = self.started(2)
        self.beats[1001] = (7, 3, 4096)
        self.pass_time(2)
        one, two = service.describe()
        self.assertEqual(
            two,
            {
                "number": 2, "pid": 1001, "state": "ready", "requests": 7, "connections": 3, "memory": 4096, "age": 2.0,
            },
        )  # fmt: skip
        self.assertEqual((one["number"], one["pid"]), (1, 1000))


class RollTests(WorkersTestCase):
    def test_each_is_replaced_when_the_one_before_has_been(self) -> None:
        service = self.started(2)
        rolled = service.roll(self.settings(process_name="new"))
        self.turn()
        one, two, new = self.children
        assert new.role is not None
        self.assertEqual((new.role.number, new.role.runs_commands), (1, True))
        self.assertEqual(new.role.settings.server.process_name, "new")
        self.assertEqual((one.told, two.told), ([], []))
        new.ready()
        self.turn()
        self.assertEqual((one.told, two.told), ([("drain", "server")], []))
        last = self.children[3]
        assert last.role is not None
        self.assertEqual((last.role.number, last.role.runs_commands), (2, False))
        self.assertNoResult(rolled)
        last.ready()
        self.turn()
        self.successResultOf(rolled)
        self.assertEqual(self.living, [new, last])

    def test_old_ones_serve_on_where_new_ones_cannot(self) -> None:
        service = self.started(2)
        rolled = service.roll(self.settings(process_name="new"))
        self.turn()
        self.children[2].fail("it is broken.")
        self.turn()
        self.assertEqual(str(self.failureResultOf(rolled, ApplicationError).value), "it is broken.")
        self.assertEqual(self.living, self.children[:2])
        self.children[0].exit(number=signal.SIGKILL)
        self.reactor.advance(1)
        self.turn()
        role = self.children[3].role
        assert role is not None
        self.assertEqual(role.settings, self.settings())

    def test_where_a_later_one_cannot_it_is_told_who_has_which_code(self) -> None:
        service = self.started(4)
        rolled = service.roll(self.settings(process_name="new"))
        self.turn()
        for child in self.children[4:5]:
            child.ready()
        self.turn()
        self.children[5].fail("it is broken.")
        self.turn()
        error = self.failureResultOf(rolled, HalfRestarted).value
        self.assertEqual(
            str(error),
            "it is broken.\nnew code: worker 1; old code: workers 2, 3 and 4. Mend what is wrong, and restart again.",
        )
        self.assertEqual(len(self.living), 4)

    def test_one_that_died_meanwhile_has_the_new_code(self) -> None:
        service = self.started(3)
        rolled = service.roll(self.settings())
        self.turn()
        self.children[3].ready()
        self.turn()
        self.children[2].exit(1)
        self.turn()
        self.children[4].fail("it is broken.")
        self.turn()
        error = self.failureResultOf(rolled, HalfRestarted).value
        self.assertIn("new code: workers 1 and 3; old code: worker 2.", str(error))

    def test_two_at_the_same_time_come_one_after_the_other(self) -> None:
        service = self.started(1)
        rolls = [service.roll(self.settings(process_name=name)) for name in ("a", "b")]
        self.all_ready()
        for roll in rolls:
            self.successResultOf(roll)
        [worker] = self.living
        assert worker.role is not None
        self.assertEqual(worker.role.settings.server.process_name, "b")

    def test_it_goes_on_where_the_one_whose_turn_it_is_is_not_wanted_any_more(self) -> None:
        service = self.started(3)
        rolled = service.roll(self.settings(process_name="new"))
        self.turn()
        for child in self.children[3:]:
            child.ready()
            self.turn()
        self.assertEqual(len(self.children), 5)
        service.resize(1)
        self.turn()
        self.successResultOf(rolled)
        [worker] = self.living
        assert worker.role is not None
        self.assertEqual(worker.role.settings.server.process_name, "new")

    def test_a_stop_meanwhile_ends_it(self) -> None:
        service = self.started(2)
        rolled = service.roll(self.settings())
        self.turn()
        self.successResultOf(self.stop(service))
        self.failureResultOf(rolled, ApplicationError)
        self.assertEqual((self.living, len(self.children)), ([], 3))

    def test_there_is_nothing_to_replace_before_the_start(self) -> None:
        self.failureResultOf(self.service(1).roll(self.settings()), ApplicationError)
