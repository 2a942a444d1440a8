"""The conversation with an authority, which may be given up, and where nonces and delays are looked after."""

from __future__ import annotations

from pathlib import Path

import josepy
import requests
from acme import messages

from duck_tx.https.acme.account import account_key
from duck_tx.https.acme.authority import Network, connect, seconds_to_wait
from duck_tx.https.acme.errand import Abandoned
from duck_tx.https.acme.failure import Unreachable
from duck_tx.https.acme.problem import explained
from tests.case import UnitTestCase
from tests.unit.scripted import Answer, ScriptedAuthority, problem

NOON = "Sun, 22 Nov 2026 12:00:00 GMT"


def no_pause(seconds: float) -> None:
    pass


class AuthorityCase(UnitTestCase):
    def setUp(self) -> None:
        self.authority = ScriptedAuthority(self)
        self.wanted = self.authority.wanted(Path(self.mktemp()).absolute())
        self.network = Network(self.wanted, no_pause, account_key(self.wanted.account))
        self.addCleanup(self.network.session.close)

    def post(self) -> requests.Response:
        content: josepy.JSONDeSerializable = messages.NewRegistration.from_data(email="you@example.org")
        return self.network.post(f"{self.authority.uri}/odd", content, new_nonce_url=f"{self.authority.uri}/nonce")


class NetworkTests(AuthorityCase):
    def test_nonces_that_are_refused_are_replaced(self) -> None:
        bad = problem("badNonce", "try again", 400)
        self.authority.on("/odd", *[bad] * 7, Answer({}))
        self.assertEqual(self.post().status_code, 200)
        self.assertEqual(len(self.authority.payloads("/odd")), 8)

    def test_an_authority_that_takes_no_nonce_is_not_asked_for_ever(self) -> None:
        self.authority.on("/odd", problem("badNonce", "try again", 400))
        with self.assertRaises(messages.Error):
            self.post()
        self.assertLess(len(self.authority.payloads("/odd")), 30)

    def test_any_other_error_is_not_tried_again(self) -> None:
        self.authority.on("/odd", problem("unauthorized", "no"))
        with self.assertRaises(messages.Error):
            self.post()
        self.assertEqual(len(self.authority.payloads("/odd")), 1)

    def test_the_delay_of_the_last_response_is_kept(self) -> None:
        self.authority.on("/odd", problem("rateLimited", "slow down", 429, **{"Retry-After": "77"}), Answer({}))
        with self.assertRaises(messages.Error):
            self.post()
        self.assertEqual((self.network.retry_after, self.network.status), (77.0, 429))
        self.post()
        self.assertEqual((self.network.retry_after, self.network.status), (None, 200))

    def test_what_is_given_up_goes_no_further(self) -> None:
        def given_up(seconds: float) -> None:
            raise Abandoned

        network = Network(self.wanted, given_up)
        self.addCleanup(network.session.close)
        with self.assertRaises(Abandoned):
            network.post(f"{self.authority.uri}/odd", None)
        self.assertEqual(self.authority.asked, [])
        with self.assertRaises(Abandoned):
            network.get(f"{self.authority.uri}/directory")


class ConnectTests(AuthorityCase):
    def test_the_directory_is_read(self) -> None:
        self.assertEqual(connect(self.wanted, self.network).directory["newOrder"], f"{self.authority.uri}/order")

    def test_what_is_no_directory_is_told_with_the_mend(self) -> None:
        for answer in (
            Answer({}),
            Answer([1]),
            Answer("text"),
            Answer({"newNonce": "x", "meta": 5}),
            Answer(b"<html>"),
            Answer(b"gone", 404),
        ):
            self.authority.on("/directory", answer)
            with self.assertRaises(Unreachable) as caught, explained(self.network):
                connect(self.wanted, self.network)
            self.assertEqual(
                str(caught.exception), f"{self.wanted.authority} is no ACME directory; mend https.acme.directory"
            )

    def test_trouble_of_the_authority_is_not_blamed_on_the_settings(self) -> None:
        self.authority.on("/directory", Answer(b"<html>", 503, {"Retry-After": "30"}))
        with self.assertRaises(Unreachable) as caught, explained(self.network):
            connect(self.wanted, self.network)
        self.assertRegex(str(caught.exception), "^127.0.0.1:[0-9]+ answered 503 at http")
        self.assertEqual(caught.exception.retry_after, 30.0)


class SecondsToWaitTests(UnitTestCase):
    def wait(self, **headers: str) -> float | None:
        response = requests.Response()
        response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
        return seconds_to_wait(response)

    def test_it_is_a_number_of_seconds(self) -> None:
        self.assertEqual(self.wait(Retry_After="120"), 120.0)
        self.assertEqual(self.wait(Retry_After=" 0 "), 0.0)

    def test_it_is_a_date_by_the_clock_of_the_authority(self) -> None:
        self.assertEqual(self.wait(Retry_After="Sun, 22 Nov 2026 12:01:30 GMT", Date=NOON), 90.0)
        self.assertEqual(self.wait(Retry_After="Sun, 22 Nov 2026 11:00:00 GMT", Date=NOON), 0.0)

    def test_anything_else_is_nothing(self) -> None:
        for text in ("", "soon", "-5", "1.5", "1e9", "Sun, 99 Nov 2026 12:00:00 GMT"):
            self.assertIsNone(self.wait(Retry_After=text, Date=NOON))
        self.assertIsNone(self.wait())
        self.assertIsNone(self.wait(Retry_After=NOON))
        self.assertIsNone(self.wait(Retry_After="Sun, 22 Nov 2026 12:01:30", Date=NOON))
