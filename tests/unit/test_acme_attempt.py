"""One look: when it orders, and when it leaves that be."""

from __future__ import annotations

from datetime import timedelta

from duck_tx.https.acme.failure import AcmeError, Unreachable
from duck_tx.https.acme.plan import Advice, Window
from duck_tx.https.acme.writing import folder
from duck_tx.lock import only_one
from tests.unit.acme_case import AcmeServiceCase
from tests.unit.certificates import DAY
from tests.unit.logged import logged_lines

MINUTE = timedelta(minutes=1)


class AttemptTests(AcmeServiceCase):
    def refuse(self, retry_after: float | None = None, kind: type[AcmeError] = AcmeError) -> None:
        def outcome(pause: object) -> None:
            raise kind("no luck", retry_after)

        self.outcome = outcome

    def test_what_is_ordered_is_what_the_settings_ask_for(self) -> None:
        self.start(self.service("example.org", "www.example.org"))
        [asked] = self.asked
        self.assertEqual(asked.wanted.names, ("example.org", "www.example.org"))
        self.assertEqual(asked.wanted.authority, "https://ca.example/directory")
        self.assertEqual(asked.wanted.challenges, ("tls-alpn-01", "http-01"))
        self.assertEqual(asked.answers.kinds, ("tls-alpn-01", "http-01"))
        self.assertIsNone(asked.earlier)

    def test_a_certificate_that_is_valid_still_is_not_ordered(self) -> None:
        self.have("example.org")
        self.start()
        self.assertEqual(self.asked, [])

    def test_a_certificate_for_other_names_is_no_reason_not_to_order(self) -> None:
        self.have("example.org", "old.example.org")
        self.start()
        self.assertEqual(len(self.asked), 1)
        self.assertIsNone(self.asked[0].earlier)

    def test_a_certificate_of_the_staging_server_is_no_reason_either(self) -> None:
        service = self.start(self.service(staging=True))
        service.stopService()
        self.start()
        self.assertEqual(len(self.asked), 2)
        self.assertNotEqual(self.asked[0].wanted.account, self.asked[1].wanted.account)

    def test_a_renewal_begins_with_the_kind_that_worked_and_names_the_earlier_certificate(self) -> None:
        kept = self.have("example.org")
        self.reactor.advance(61 * 86400)
        self.start()
        [asked] = self.asked
        self.assertEqual(asked.wanted.challenges, ("http-01", "tls-alpn-01"))
        self.assertEqual(asked.earlier, kept.leaf)

    def test_another_process_that_orders_is_waited_for(self) -> None:
        folder(self.directory)
        with only_one(self.directory / "lock"):
            with logged_lines() as lines:
                service = self.start()
            self.assertIn("another process is ordering", lines[-1])
            self.assertEqual((self.asked, self.next_look()), ([], 60.0))
            self.assertEqual(service.status.failures, 0)
        self.look(MINUTE)
        self.assertEqual(len(self.asked), 1)

    def test_what_another_process_has_got_is_used(self) -> None:
        folder(self.directory)
        with only_one(self.directory / "lock"):
            service = self.start()
            self.have("example.org")
        self.look(MINUTE)
        self.assertEqual((self.asked, len(self.loads)), ([], 1))
        self.assertIsNone(service.status.error)

    def test_what_another_process_got_since_the_look_is_used(self) -> None:
        self.have("example.org")
        self.start()
        self.look(MINUTE)
        others = []

        def advise(*args: object) -> Advice:
            # Here it has looked, and does not hold the lock.
            others.append(self.have("example.org"))
            return Advice(None)

        self.advised_by = advise
        self.look(70 * DAY)
        self.assertEqual((self.asked, [kept.leaf for kept in self.loads]), ([], [others[0].leaf]))

    def test_nobody_else_orders_meanwhile(self) -> None:
        held = []

        def outcome(pause: object) -> None:
            with only_one(self.directory / "lock") as is_first:
                held.append(is_first)

        self.outcome = outcome
        self.start()
        self.assertEqual(held, [False])

    def test_five_refusals_in_an_hour_are_enough_restarts_included(self) -> None:
        self.refuse()
        for _ in range(5):
            self.start().stopService()
            self.reactor.advance(60)
        with logged_lines() as lines:
            service = self.start()
        self.assertEqual(len(self.asked), 5)
        self.assertEqual(lines, ["certificate for example.org: no luck; next attempt in 55 min"])
        self.assertEqual(service.status.error, "no luck")
        self.look(55 * MINUTE)
        self.assertEqual(len(self.asked), 6)

    def test_a_limit_of_the_authority_outlives_a_restart(self) -> None:
        self.refuse(retry_after=7200.0)
        self.start().stopService()
        self.reactor.advance(600)
        self.start()
        self.assertEqual((len(self.asked), self.next_look()), (1, 6600.0))

    def test_an_authority_that_nobody_reached_has_refused_nothing(self) -> None:
        self.refuse(kind=Unreachable)
        for _ in range(9):
            self.start().stopService()
        self.assertEqual(len(self.asked), 9)

    def test_one_that_is_down_and_says_for_how_long_is_left_alone(self) -> None:
        self.refuse(retry_after=7200.0, kind=Unreachable)
        self.start().stopService()
        self.start()
        self.assertEqual((len(self.asked), self.next_look()), (1, 7200.0))

    def test_other_names_are_not_waited_for(self) -> None:
        self.refuse(retry_after=7200.0)
        self.start().stopService()
        self.start(self.service("www.example.org"))
        self.assertEqual(len(self.asked), 2)

    def test_success_wipes_the_slate(self) -> None:
        self.refuse()
        for _ in range(4):
            self.start().stopService()
        self.outcome = lambda pause: None
        self.start()
        self.assertEqual(list(self.directory.glob("accounts/*/failures.json")), [])

    def test_a_certificate_that_has_expired_when_it_comes_is_told_and_counts(self) -> None:
        self.lifetime = -DAY / 48
        with logged_lines() as lines:
            self.start()
        self.assertRegex(lines[-1], "ca.example issued a certificate that expired at .* is the clock of this machine")
        self.assertEqual(len(list(self.directory.glob("accounts/*/failures.json"))), 1)

    def test_the_authority_s_advice_can_make_a_renewal_due(self) -> None:
        self.have("example.org")
        self.start()
        self.advice = Advice(Window(self.now - DAY, self.now - DAY))
        self.look(MINUTE)
        self.assertEqual(self.asked, [])
        self.look(DAY - MINUTE)
        self.assertEqual(len(self.asked), 1)
