"""What is due, given what has been."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.automations.agenda import Agenda, Due, Entry, Memory
from duck_tx.automations.schedule import at, at_start, cron, every
from tests.case import UnitTestCase

_NOW = 1.8e9
"""15 January 2027, 08:00:00 UTC."""

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


def _agenda(
    *entries: Entry,
    memories: dict[str, Memory] | None = None,
    now: float = _NOW,
    draw: Callable[[], float] = lambda: 0.5,
) -> Agenda:
    return Agenda(entries, memories or {}, now, draw)


def _names(dues: list[Due]) -> str:
    return " ".join(each.name for each in dues)


class DueTests(UnitTestCase):
    def test_the_first_comes_first(self) -> None:
        agenda = _agenda(Entry("a", (every(minutes=3),)), Entry("b", (every(minutes=2),)), Entry("c"))
        self.assertEqual(agenda.first(_NOW), _NOW + 2 * _MINUTE)
        self.assertEqual(agenda.due(_NOW + 119.9), [])
        self.assertEqual(agenda.due(_NOW + 120.0), [Due("b", _NOW + 120.0, _NOW + 120.0)])
        self.assertEqual(agenda.first(_NOW + 120.0), _NOW + 180.0)
        self.assertEqual(_names(agenda.due(_NOW + 300.0)), "a b")

    def test_what_nobody_asked_for_in_time_is_late_and_comes_once(self) -> None:
        agenda = _agenda(Entry("a", (every(seconds=1),)))
        self.assertEqual(agenda.first(_NOW + 5.5), _NOW + 5.5)
        self.assertEqual(agenda.due(_NOW + 5.5), [Due("a", _NOW + 1.0, _NOW + 1.0)])
        self.assertEqual(agenda.first(_NOW + 5.5), _NOW + 6.0)

    def test_there_is_nothing_to_wait_for_without_a_time(self) -> None:
        agenda = _agenda(
            Entry("a"), Entry("b", (every(minutes=1),), enabled=False), Entry("c", (at("1999-01-01T00:00Z"),))
        )
        self.assertIsNone(agenda.first(_NOW))
        self.assertEqual(agenda.due(_NOW + _DAY), [])

    def test_a_start_is_due_at_once_and_in_each_life(self) -> None:
        entry = Entry("a", (at_start(),), times=1)
        agenda = _agenda(entry)
        self.assertEqual(agenda.due(_NOW), [Due("a", _NOW, _NOW)])
        self.assertIsNone(agenda.first(_NOW))
        again = _agenda(entry, memories={"a": agenda.memory("a")}, now=_NOW + _DAY)
        self.assertEqual(_names(again.due(_NOW + _DAY)), "a")

    def test_it_ends_with_its_times(self) -> None:
        agenda = _agenda(Entry("a", (every(seconds=1),), times=3))
        dues = [each for second in range(9) for each in agenda.due(_NOW + second)]
        self.assertEqual([each.due - _NOW for each in dues], [1.0, 2.0, 3.0])
        self.assertEqual((agenda.next_of("a"), agenda.memory("a").count), (None, 3))

    def test_slices_leave_the_rest_for_later(self) -> None:
        agenda = _agenda(*(Entry(f"n{number}", (every(minutes=1 + number // 4),)) for number in range(8)))
        slices = []
        while dues := agenda.due(_NOW + 125.0, 3):
            slices.append(_names(dues))
        self.assertEqual(slices, ["n0 n1 n2", "n3 n4 n5", "n6 n7"])
        self.assertEqual(agenda.first(_NOW + 125.0), _NOW + 180.0)

    def test_an_unknown_name_is_an_error(self) -> None:
        for ask in (Agenda.pause, Agenda.memory, Agenda.next_of):
            self.assertRaises(KeyError, ask, _agenda(), "a")

    def test_thousands_at_once_take_no_time(self) -> None:
        entries = [
            Entry(f"n{number}", (every(minutes=5) if number % 2 else cron("*/5 * * * *"),)) for number in range(10000)
        ]
        agenda = _agenda(*entries)
        spent = []
        for turn in range(1, 6):
            now = _NOW + turn * 300.0
            begin = time.thread_time()
            dues = agenda.due(now)
            spent.append(time.thread_time() - begin)
            self.assertEqual(len(dues), 10000)
        # A few microseconds for each; measured at 14 ms, with room for a slow machine.
        self.assertLess(min(spent), 0.2)


class JitterTests(UnitTestCase):
    def test_runs_begin_later_by_chance_and_are_due_when_they_were(self) -> None:
        agenda = _agenda(Entry("a", (every(minutes=1),), jitter=20.0))
        self.assertEqual(agenda.first(_NOW), _NOW + 70.0)
        self.assertEqual(agenda.due(_NOW + 69.0), [])
        self.assertEqual(agenda.due(_NOW + 70.0), [Due("a", _NOW + 60.0, _NOW + 70.0)])
        self.assertEqual(agenda.next_of("a"), _NOW + 130.0)

    def test_none_is_lost_where_the_jitter_is_longer_than_the_interval(self) -> None:
        draw = random.Random(7).random
        agenda = _agenda(Entry("a", (every(seconds=10),), jitter=35.0), draw=draw)
        dues = []
        for second in range(1000):
            while found := agenda.due(_NOW + second):
                dues += found
        self.assertEqual([each.due for each in dues], [_NOW + 10.0 * (each + 1) for each in range(len(dues))])
        self.assertGreater(len(dues), 90)
        self.assertTrue(all(each.due <= each.begins < each.due + 35.0 for each in dues))


class MissedTests(UnitTestCase):
    def test_each_is_told_in_order_and_remembered(self) -> None:
        memories = {name: Memory(_NOW - _DAY, _NOW - 2.5 * _HOUR) for name in "abc"}
        agenda = _agenda(
            Entry("a", (cron("15 * * * *"),), "all"),
            Entry("b", (cron("30 * * * *"),), "once"),
            Entry("c", (cron("45 * * * *"),)),
            memories=memories,
        )
        missed = agenda.missed(_NOW)
        self.assertEqual(
            [(each.name, (_NOW - each.due) / _MINUTE) for each in missed], [("a", 105.0), ("a", 45.0), ("b", 30.0)]
        )
        self.assertTrue(all(each.missed for each in missed))
        self.assertEqual(agenda.memory("a"), Memory(_NOW - _DAY, _NOW - 45 * _MINUTE, False, 2))
        self.assertEqual(agenda.memory("c"), memories["c"])
        self.assertEqual(agenda.first(_NOW), _NOW + 15 * _MINUTE)

    def test_the_last_of_its_times_may_be_one_that_was_missed(self) -> None:
        memories = {"a": Memory(_NOW - _DAY, _NOW - 2.5 * _HOUR)}
        agenda = _agenda(Entry("a", (cron("15 * * * *"),), "once", times=1), memories=memories)
        self.assertEqual(len(agenda.missed(_NOW)), 1)
        self.assertIsNone(agenda.first(_NOW))

    @given(st.lists(st.floats(1.0, 5000.0), max_size=20), st.booleans())
    def test_through_any_restarts_nothing_comes_twice_or_is_left_out(self, gaps: list[float], is_all: bool) -> None:
        entry = Entry("a", (every(minutes=7), cron("*/10 * * * *")), "all" if is_all else "once")
        memory, now, dues = Memory(_NOW), _NOW, []
        for number, gap in enumerate(gaps):
            agenda = _agenda(entry, memories={"a": memory}, now=now)
            dues += agenda.missed(now)
            # Each other life ends at once, and one between them sees to what comes.
            until = now + gap
            while number % 2 and (following := agenda.first(now)) is not None and following <= until:
                dues += agenda.due(following)
            memory, now = agenda.memory("a"), until
        dues += _agenda(entry, memories={"a": memory}, now=now).missed(now)
        found = [each.due for each in dues]
        everything = {_NOW + 420.0 * number for number in range(1, 2000)} | {
            _NOW + 600.0 * number for number in range(1, 2000)
        }
        self.assertEqual(found, sorted(set(found)))
        if is_all:
            self.assertEqual(found, sorted(each for each in everything if each <= now))
        else:
            self.assertLessEqual(set(found), everything)


class PauseTests(UnitTestCase):
    def test_nothing_comes_until_it_is_resumed(self) -> None:
        agenda = _agenda(Entry("a", (every(minutes=1),), "all"), Entry("b", (every(minutes=2),)))
        agenda.pause("a")
        self.assertEqual((agenda.next_of("a"), agenda.memory("a").paused), (None, True))
        self.assertEqual(_names(agenda.due(_NOW + 150.0)), "b")
        agenda.resume("a", _NOW + 150.0)
        self.assertEqual(agenda.next_of("a"), _NOW + 180.0)
        self.assertEqual(_names(agenda.due(_NOW + 200.0)), "a")

    def test_paused_and_resumed_at_once_it_comes_once(self) -> None:
        agenda = _agenda(Entry("a", (every(minutes=1),)))
        for _ in range(3):
            agenda.pause("a")
            agenda.resume("a", _NOW)
        agenda.resume("a", _NOW + 30.0)
        self.assertEqual(_names(agenda.due(_NOW + 60.0)), "a")
        self.assertEqual(agenda.due(_NOW + 60.0), [])

    def test_it_stays_paused_in_the_next_life(self) -> None:
        agenda = _agenda(Entry("a", (at_start(), every(minutes=1))), memories={"a": Memory(_NOW, None, True)})
        self.assertEqual((agenda.first(_NOW), agenda.missed(_NOW)), (None, []))
        agenda.resume("a", _NOW)
        self.assertEqual(agenda.first(_NOW), _NOW + 60.0)


class JumpTests(UnitTestCase):
    def test_what_was_jumped_over_is_missed(self) -> None:
        agenda = _agenda(
            Entry("a", (cron("15 * * * *"),)),
            Entry("b", (cron("15 * * * *"),), "once"),
            Entry("c", (cron("15 * * * *"),), "all"),
            Entry("d", (cron("0 20 * * *"),), "all"),
        )
        now = _NOW + 2 * _HOUR
        owed = agenda.jumped(now, 2 * _HOUR)
        self.assertEqual(
            [(each.name, (each.due - _NOW) / _MINUTE) for each in owed], [("c", 15.0), ("b", 75.0), ("c", 75.0)]
        )
        self.assertEqual(agenda.due(now), [])
        self.assertEqual(agenda.first(now), now + 15 * _MINUTE)
        self.assertEqual(agenda.next_of("d"), _NOW + 12 * _HOUR)

    def test_what_had_come_before_the_jump_is_not_missed(self) -> None:
        agenda = _agenda(Entry("a", (every(minutes=1),)), Entry("b", (every(minutes=1),), jitter=40.0))
        # Due at a minute, asked for 5 s later; the other waits until 80 s.
        now = _NOW + 65.0 + _HOUR
        self.assertEqual(agenda.jumped(now, _HOUR), [])
        self.assertEqual([(each.name, each.due) for each in agenda.due(now)], [("a", _NOW + 60.0), ("b", _NOW + 60.0)])

    def test_a_minute_forward_makes_late_and_misses_nothing(self) -> None:
        agenda = _agenda(Entry("a", (cron("0 * * * *"),)))
        now = _NOW + _HOUR + 55.0
        self.assertEqual(agenda.jumped(now, 60.0), [])
        self.assertEqual(agenda.due(now), [Due("a", _NOW + _HOUR, _NOW + _HOUR)])

    def test_set_back_a_little_no_time_comes_twice_and_intervals_go_on(self) -> None:
        agenda = _agenda(
            Entry("daily", (cron("5 8 * * *"),)),
            Entry("hourly", (cron("5 * * * *"),)),
            Entry("interval", (every(minutes=10),)),
            Entry("day", (every(days=1),)),
        )
        self.assertEqual(_names(agenda.due(_NOW + 300.0)), "daily hourly")
        now = _NOW + 300.0 - 2 * _HOUR
        self.assertEqual(agenda.jumped(now, -2 * _HOUR), [])
        self.assertEqual(agenda.next_of("daily"), _NOW + 300.0 + _DAY)
        self.assertEqual(agenda.next_of("hourly"), now + _HOUR)
        self.assertEqual(agenda.next_of("interval"), now + 300.0)
        self.assertEqual(agenda.next_of("day"), now + _DAY - 300.0)
        until = now + 2 * _HOUR + 299.0
        counts: Counter[str] = Counter()
        while (following := agenda.first(now)) is not None and following <= until:
            counts.update(each.name for each in agenda.due(following))
        self.assertEqual(counts, {"hourly": 2, "interval": 12})

    def test_set_back_by_hours_all_is_computed_anew(self) -> None:
        agenda = _agenda(Entry("a", (cron("5 8 * * *"),)))
        self.assertEqual(_names(agenda.due(_NOW + 300.0)), "a")
        self.assertEqual(agenda.jumped(_NOW - 3 * _HOUR, -3 * _HOUR - 300.0), [])
        self.assertEqual(agenda.first(_NOW), _NOW + 300.0)

    def test_what_waits_for_its_jitter_waits_as_long_as_before(self) -> None:
        agenda = _agenda(Entry("a", (cron("1 8 * * *"),), jitter=60.0))
        self.assertEqual(agenda.first(_NOW + 65.0), _NOW + 90.0)
        now = _NOW + 65.0 - _HOUR
        agenda.jumped(now, -_HOUR)
        self.assertEqual(agenda.first(now), now + 25.0)
        self.assertEqual(_names(agenda.due(now + 25.0)), "a")
        self.assertEqual(agenda.next_of("a"), _NOW + 60.0 + 30.0 + _DAY)


class MonthTests(UnitTestCase):
    def test_a_month_with_changed_and_set_clocks_runs_each_time_as_often_as_it_should(self) -> None:
        berlin = "Europe/Berlin"
        begin = at("2026-10-10T00:00+02:00").moment
        assert begin is not None
        agenda = _agenda(
            Entry("night", (cron("30 2 * * *", berlin),)),
            Entry("noon", (cron("0 12 * * *", berlin),)),
            Entry("office", (cron("*/15 8-17 * * mon-fri", berlin),)),
            Entry("interval", (every(minutes=30),)),
            now=begin,
        )
        counts: Counter[str] = Counter()
        now, end = begin, begin + 30 * _DAY
        # After noon of the fifth day an hour back, after noon of the tenth half a minute forward, and so on.
        jumps = {5: -_HOUR, 10: 30.0, 15: -60.0, 20: -2.5 * _HOUR, 25: 59.0}
        for day in range(30):
            until = begin + day * _DAY + 12.25 * _HOUR
            while (following := agenda.first(now)) is not None and following <= until:
                now = following
                counts.update(each.name for each in agenda.due(now))
            now = until
            if day in jumps:
                now += jumps[day]
                self.assertEqual(agenda.jumped(now, jumps[day]), [])
        while (following := agenda.first(now)) is not None and following <= end:
            now = following
            counts.update(each.name for each in agenda.due(now))
        # 25 October has 25 hours; the month ends an hour early by the clock of Berlin.
        self.assertEqual((counts["night"], counts["noon"]), (30, 30))
        self.assertEqual(counts["office"], 20 * 40)
        # They go on while a clock shows the same hours again; set forward, it only makes them come sooner.
        self.assertEqual(counts["interval"], (30 * _DAY + 3.5 * _HOUR + 60.0) // 1800)
