"""The service: from one certificate to the next, and from one failure to the next attempt."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

from twisted.internet.defer import Deferred

from duck_tx.errors import SSLError
from duck_tx.https.acme.errand import Pause
from duck_tx.https.acme.failure import AcmeError
from duck_tx.https.acme.plan import Advice, Window
from duck_tx.https.acme.service import AcmeService
from tests.integration.server import wait_until
from tests.unit.acme_case import AcmeServiceCase
from tests.unit.certificates import DAY
from tests.unit.logged import logged_lines

MINUTE = timedelta(minutes=1)


def fail(error: BaseException) -> object:
    raise error


class RenewalTests(AcmeServiceCase):
    def test_a_start_orders_nothing_before_the_reactor_runs(self) -> None:
        service = self.service()
        service.startService()
        self.assertEqual((self.asked, self.directory.exists(), service.status.next_attempt), ([], False, None))

    def test_what_is_issued_is_in_place_when_that_is_told(self) -> None:
        with logged_lines() as lines:
            service = self.start()
        self.assertEqual([kept.leaf for kept in self.loads], [self.found("example.org").leaf])
        due = self.now + 60 * DAY
        self.assertEqual(
            lines[:2],
            [
                "certificate for example.org: asking ca.example",
                f"certificate for example.org: issued, valid until {self.now + 90 * DAY:%Y-%m-%d %H:%M} UTC",
            ],
        )
        self.assertRegex(lines[2], f"^certificate for example.org: to be renewed at {due:%Y-%m}")
        self.assertEqual(len(lines), 3)
        status = service.status
        self.assertEqual((status.names, status.authority), (("example.org",), "https://ca.example/directory"))
        self.assertEqual((status.expires, status.error, status.failures), (self.now + 90 * DAY, None, 0))
        assert status.next_attempt is not None
        self.assertTrue(due <= status.next_attempt <= due + DAY)

    def test_one_that_is_there_is_told_and_left_alone(self) -> None:
        kept = self.have("example.org")
        with logged_lines() as lines:
            service = self.start()
        self.assertEqual(self.loads, [])
        self.assertEqual(lines[0], f"certificate for example.org: valid until {self.now + 90 * DAY:%Y-%m-%d %H:%M} UTC")
        self.assertEqual(service.status.expires, kept.ends)

    def test_it_is_renewed_when_its_time_has_come(self) -> None:
        self.start()
        for days in range(1, 62):
            self.assertEqual(len(self.asked), 1, days)
            self.look(DAY)
            if len(self.asked) > 1:
                break
        self.assertIn(days, (60, 61))
        self.assertEqual(len(self.loads), 2)
        self.assertEqual(self.asked[1].earlier, self.loads[0].leaf)

    def test_short_lived_ones_are_renewed_in_their_time(self) -> None:
        self.lifetime = 6 * DAY
        self.start()
        for _ in range(10):
            self.look(self.next_look())
            if len(self.asked) > 1:
                break
        age = self.asked[1].at - self.asked[0].at
        self.assertTrue(4 * DAY <= age <= 4.1 * DAY, age)

    def test_one_that_was_due_before_the_start_is_renewed_at_once(self) -> None:
        self.have("example.org")
        self.reactor.advance(70 * 86400)
        self.start()
        self.assertEqual((len(self.asked), len(self.loads)), (1, 1))

    def test_files_that_have_gone_are_noticed_within_a_day(self) -> None:
        self.advice = Advice(None, 10 * 86400.0)
        self.start()
        (self.directory / "live" / "example.org").unlink()
        for _ in range(3):
            self.look(min(self.next_look(), 86400.0))
        self.assertEqual(len(self.loads), 2)

    def test_what_another_process_has_renewed_is_used(self) -> None:
        self.start()
        other = self.have("example.org")
        self.look(MINUTE)
        self.assertEqual([kept.leaf for kept in self.loads][1:], [other.leaf])
        self.assertEqual(len(self.asked), 1)

    def test_whatever_goes_wrong_where_it_is_used_the_next_renewal_comes(self) -> None:
        for error, count in ((SSLError("it is odd"), 0), (KeyError("a mistake"), 1)):
            service = self.service()
            service._installed = lambda error=error: fail(error)  # type: ignore[misc]
            with logged_lines() as lines:
                self.start(service)
            self.assertEqual(len(self.flushLoggedErrors(KeyError)), count)
            self.assertTrue(any(line.startswith("certificate for example.org: not used") for line in lines), lines)
            self.assertIsNotNone(service.status.next_attempt)
            service.stopService()
            (self.directory / "live" / "example.org").unlink()


class AdviceTests(AcmeServiceCase):
    def setUp(self) -> None:
        super().setUp()
        self.have("example.org")
        self.began = self.now

    def test_it_is_asked_for_a_minute_after_the_start_and_then_as_often_as_it_says(self) -> None:
        self.start()
        self.assertEqual((self.advised, self.next_look()), ([], 60.0))
        self.advice = Advice(None, 7200.0)
        self.look(60.0)
        self.assertEqual((len(self.advised), self.next_look()), (1, 7200.0))

    def test_it_moves_the_renewal_and_says_why(self) -> None:
        service = self.start()
        moved = self.now + 30 * DAY
        self.advice = Advice(Window(moved, moved), 7200.0, "https://ca.example/why")
        with logged_lines() as lines:
            self.look(60.0)
        self.assertEqual(service.status.next_attempt, moved)
        self.assertEqual(
            lines,
            [
                f"certificate for example.org: to be renewed at {moved:%Y-%m-%d %H:%M} UTC (https://ca.example/why)",
            ],
        )
        with logged_lines() as lines:
            self.look(7200.0)
        self.assertEqual(lines, [])

    def test_without_it_two_thirds_of_the_lifetime_count(self) -> None:
        service = self.start()
        before = service.status.next_attempt
        self.advice = AcmeError("it does not say")
        with logged_lines() as lines:
            self.look(60.0)
        self.assertEqual([line for line in lines if "no advice" not in line], [])
        self.assertEqual((service.status.next_attempt, service.status.error), (before, None))
        self.assertEqual(self.next_look(), 6 * 3600.0)

    def test_what_was_said_of_one_certificate_is_not_meant_for_the_next(self) -> None:
        service = self.start()
        soon = self.now + 2 * DAY
        self.advice = Advice(Window(soon, soon))
        self.look(60.0)
        self.assertEqual(service.status.next_attempt, soon)
        for _ in range(20):
            self.look(self.next_look())
            if self.asked:
                break
        assert service.status.next_attempt is not None
        self.assertGreater(service.status.next_attempt, self.now + 59 * DAY)


class FailureTests(AcmeServiceCase):
    def refuse(self, error: BaseException) -> None:
        self.outcome = lambda pause: fail(error)

    def test_it_is_one_line_that_says_what_comes_next(self) -> None:
        self.refuse(AcmeError("ca.example says: no"))
        with logged_lines() as lines:
            service = self.start()
        self.assertEqual(lines[1:], ["certificate for example.org: ca.example says: no; next attempt in 5 min"])
        status = service.status
        self.assertEqual((status.error, status.failures), ("ca.example says: no", 1))
        self.assertEqual(status.next_attempt, self.now + 5 * MINUTE)

    def test_the_delay_grows_to_an_hour_and_success_ends_it(self) -> None:
        self.refuse(AcmeError("no"))
        service = self.start()
        delays = []
        for _ in range(6):
            delays.append(round(self.next_look() / 60))
            self.look(self.next_look())
        self.assertEqual(delays, [5, 10, 20, 40, 60, 60])
        self.outcome = lambda pause: None
        self.look(self.next_look())
        self.assertEqual((service.status.failures, service.status.error, len(self.loads)), (0, None, 1))

    def test_what_the_authority_asks_for_is_waited(self) -> None:
        self.refuse(AcmeError("slow down", 7200.0))
        self.start()
        self.assertEqual(self.next_look(), 7200.0)

    def test_the_present_certificate_is_told_as_long_as_it_lasts(self) -> None:
        self.have("example.org")
        self.reactor.advance(70 * 86400)
        self.refuse(AcmeError("no"))
        with logged_lines() as lines:
            self.start()
        self.assertRegex(lines[-1], "no; next attempt in 5 min; the present one is valid until 2027-02-20 09:30 UTC$")
        self.reactor.advance(299.0)
        self.reactor.rightNow += 20 * 86400
        with logged_lines() as lines:
            self.look(1.0)
        self.assertRegex(lines[-1], "no; next attempt in 10 min$")

    def test_files_that_cannot_be_written_are_told(self) -> None:
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        self.directory.touch()
        with logged_lines() as lines:
            self.start()
        self.assertRegex(
            lines[-1], f"^certificate for example.org: {self.directory}.*: (File exists|Not a directory); next attempt"
        )

    def test_what_was_issued_and_is_no_pair_is_told(self) -> None:
        self.refuse(SSLError("the new certificate is odd"))
        with logged_lines() as lines:
            self.start()
        self.assertRegex(lines[-1], "the new certificate is odd; next attempt in 5 min$")

    def test_what_nobody_foresaw_is_told_at_length_and_tried_again(self) -> None:
        self.refuse(KeyError("a mistake"))
        with logged_lines() as lines:
            service = self.start()
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertRegex(lines[-1], "KeyError: 'a mistake'; next attempt in 5 min$")
        self.outcome = lambda pause: None
        self.look(5 * MINUTE)
        self.assertEqual((len(self.loads), service.status.error), (1, None))

    def test_a_mistake_of_the_service_itself_is_not_its_end(self) -> None:
        service = self.service()
        service._make_answers = lambda: fail(KeyError("a mistake"))  # type: ignore[assignment,return-value]
        service.startService()
        self.reactor.advance(0)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertEqual(self.next_look(), 3600.0)


class StopTests(AcmeServiceCase):
    def stopped(self, service: AcmeService) -> list[object]:
        """Stop a service; gets an item when it is down."""
        down: list[object] = []
        stopping = service.stopService()
        self.assertIsInstance(stopping, Deferred)
        assert stopping is not None
        stopping.addCallback(down.append)
        return down

    def test_while_nothing_is_under_way_it_is_down_at_once(self) -> None:
        service = self.start()
        self.assertIsNone(service.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertIsNone(service.status.next_attempt)

    def test_before_a_start_there_is_nothing_to_stop(self) -> None:
        self.assertIsNone(self.service().stopService())

    def test_an_order_is_abandoned_with_its_answers(self) -> None:
        def outcome(pause: Pause) -> None:
            with self.asked[0].answers.shown("http-01", "example.org", "a-token", "a-token.key"):
                pause(60.0)

        self.outcome = outcome
        service = self.service()
        service.startService()
        self.reactor.advance(0)
        wait_until(lambda: self.http)
        with logged_lines() as lines:
            down = self.stopped(service)
            self.assertEqual(self.http, {})
            self.turn()
        self.assertEqual((len(down), self.loads, self.reactor.getDelayedCalls()), (1, [], []))
        self.assertEqual(lines, [])

    def test_one_that_does_not_end_is_left_to_itself(self) -> None:
        goes_on = threading.Event()
        self.addCleanup(goes_on.set)
        self.outcome = lambda pause: goes_on.wait(60.0)
        service = self.service()
        service.startService()
        self.reactor.advance(0)
        wait_until(lambda: self.asked)
        down = self.stopped(service)
        self.reactor.advance(1.9)
        self.assertEqual(down, [])
        self.reactor.advance(0.1)
        self.assertEqual(len(down), 1)
        goes_on.set()
        self.turn()
        self.assertEqual((self.loads, self.reactor.getDelayedCalls()), ([], []))

    def test_a_service_can_be_started_again(self) -> None:
        service = self.start()
        service.stopService()
        self.start(service)
        self.assertEqual((len(self.asked), len(self.loads)), (1, 1))
        self.assertIsNotNone(service.status.next_attempt)


class CheckTests(AcmeServiceCase):
    def test_settings_that_cannot_work_stop_the_start(self) -> None:
        missing = Path(self.mktemp()).absolute()
        for service, words in (
            (self.service(ca_file=str(missing)), f"https.acme.ca_file {missing} cannot be read"),
            (self.service(has_http=False, challenge="http-01"), "there is no redirect site"),
            (self.service(eab_key_id="kid", eab_hmac_key="?"), "is not base64url"),
        ):
            for step in (service.check, service.startService):
                with self.assertRaisesRegex(SSLError, words):
                    step()
            self.assertFalse(service.running)
            self.assertIsNone(service.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_settings_that_can_work_pass(self) -> None:
        self.service().check()
        self.assertFalse(self.directory.exists())
