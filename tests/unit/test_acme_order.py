"""The ways of an order that a real authority does not take on demand; the others are in the integration tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL import SSL

from duck_tx.https.acme.answer import Answers
from duck_tx.https.acme.errand import Abandoned
from duck_tx.https.acme.failure import AcmeError, Refused, Unreachable
from duck_tx.https.acme.order import order
from duck_tx.https.acme.wanted import Issued
from duck_tx.https.context import challenge_context
from tests.case import UnitTestCase
from tests.unit.scripted import Answer, ScriptedAuthority, problem
from tests.unit.test_acme_advice import EXAMPLE, certificate

TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
CHAIN = b"-----BEGIN CERTIFICATE-----\n"


class OrderTests(UnitTestCase):
    def setUp(self) -> None:
        self.authority = ScriptedAuthority(self)
        self.http: dict[bytes, bytes] = {}
        self.tls: dict[str, SSL.Context] = {}
        self.answers = Answers(self.http, self.tls, challenge_context)
        self.pauses: list[float] = []
        self.shown: list[tuple[list[bytes], list[str]]] = []
        self.place(self.state("ready"), self.state("valid", certificate="/certificate"))
        self.authorize(["pending"], ["valid"])
        self.authority.on("/finalize", self.state("processing"))
        self.authority.on("/certificate", Answer(CHAIN, 200, {"Content-Type": "application/pem-certificate-chain"}))

    def state(self, status: str, headers: dict[str, str] | None = None, **more: Any) -> Answer:
        """An order."""
        uri = self.authority.uri
        body = {"status": status, "finalize": f"{uri}/finalize", "authorizations": [f"{uri}/authorization"]}
        if "certificate" in more:
            more["certificate"] = uri + more["certificate"]
        return Answer(body | more, 200, headers or {})

    def place(self, *states: Answer) -> None:
        """Have the order placed; then it is in these states."""
        placed = self.state("pending")
        self.authority.on("/order", Answer(placed.body, 201, {"Location": f"{self.authority.uri}/order/1"}))
        self.authority.on("/order/1", *states)

    def authorize(self, *states: list[Any], kinds: tuple[str, ...] = ("dns-01", "http-01", "tls-alpn-01")) -> None:
        """Have the authorization in these states; a state is its name, and more of its challenges."""
        answers = []
        for status, *more in states:
            challenges = [
                {"type": kind, "url": f"{self.authority.uri}/challenge/{kind}", "token": TOKEN, "status": status}
                | (more[0] if more else {})
                for kind in kinds
            ]
            identifier = {"type": "dns", "value": "example.org"}
            answers.append(Answer({"status": status, "identifier": identifier, "challenges": challenges}))
        self.authority.on("/authorization", *answers)
        for kind in kinds:
            body = {"type": kind, "url": f"{self.authority.uri}/challenge/{kind}", "token": TOKEN, "status": "pending"}
            up = f'<{self.authority.uri}/authorization>;rel="up"'
            self.authority.on(f"/challenge/{kind}", Answer(body, 200, {"Link": up}))

    def order(self, earlier: x509.Certificate | None = None, *names: str) -> Issued:
        return order(self.authority.wanted(Path(self.mktemp()), *names), self.answers, self.pause, earlier)

    def pause(self, seconds: float) -> None:
        if seconds:
            self.pauses.append(seconds)
            self.shown.append((list(self.http), list(self.tls)))

    def fault(self, kind: type[AcmeError] = AcmeError) -> str:
        with self.assertRaises(kind) as caught:
            self.order()
        self.assertEqual((self.http, self.tls), ({}, {}))
        return str(caught.exception)

    def test_it_comes_to_a_certificate(self) -> None:
        issued = self.order()
        self.assertEqual((issued.chain_pem, issued.challenge), (CHAIN, "tls-alpn-01"))
        self.assertEqual(self.authority.payloads("/challenge/tls-alpn-01"), [{}])
        self.assertEqual(self.authority.payloads("/challenge/http-01"), [])
        self.assertEqual((self.http, self.tls), ({}, {}))

    def test_names_and_addresses_are_ordered_as_such(self) -> None:
        self.order(None, "example.org", "192.0.2.1")
        [sent] = self.authority.payloads("/order")
        self.assertEqual(
            sent, {"identifiers": [{"type": "dns", "value": "example.org"}, {"type": "ip", "value": "192.0.2.1"}]}
        )

    def test_names_that_have_been_validated_before_need_no_challenge(self) -> None:
        self.authorize(["valid"])
        self.assertEqual(self.order().chain_pem, CHAIN)
        self.assertEqual(self.authority.payloads("/challenge/tls-alpn-01"), [])

    def test_a_kind_that_is_not_offered_is_passed_over(self) -> None:
        self.authorize(["pending"], ["valid"], kinds=("dns-01", "http-01"))
        self.assertEqual(self.order().challenge, "http-01")

    def test_an_authority_that_offers_no_kind_of_ours_is_told(self) -> None:
        self.authorize(["pending"], kinds=("dns-01", "dns-account-01"))
        self.assertRegex(
            self.fault(),
            "offers dns-01 and dns-account-01 for example.org, and this server answers tls-alpn-01 and http-01$",
        )

    def test_answers_stay_as_long_as_the_authority_looks_for_them(self) -> None:
        self.authorize(["pending"], ["pending"], ["pending"], ["valid"])
        self.order()
        self.assertEqual(self.shown[:2], [([], ["example.org"])] * 2)
        self.assertEqual(self.shown[2:], [([], [])] * len(self.shown[2:]))

    def test_one_refused_challenge_is_followed_by_another_kind_and_a_new_order(self) -> None:
        refused = ["invalid", {"error": {"type": "urn:ietf:params:acme:error:connection", "detail": "Timeout"}}]
        self.authorize(["pending"], refused, ["pending"], ["valid"])
        self.assertEqual(self.order().challenge, "http-01")
        self.assertEqual(len(self.authority.payloads("/order")), 2)

    def test_the_last_refusal_is_told(self) -> None:
        refused = ["invalid", {"error": {"type": "urn:ietf:params:acme:error:connection", "detail": "Timeout"}}]
        self.authorize(["pending"], refused, ["pending"], refused)
        self.assertEqual(self.fault(Refused), "http-01 for example.org was refused: Timeout (connection)")

    def test_an_authorization_that_ends_without_a_reason_is_told(self) -> None:
        self.authorize(["pending"], ["deactivated"], ["pending"], ["revoked"])
        self.assertEqual(self.fault(Refused), "http-01 for example.org was refused: the authorization is revoked")
        self.authorize(["revoked"])
        self.assertRegex(self.fault(), "has an authorization for example.org that is revoked$")

    def test_what_is_no_message_is_told(self) -> None:
        bodies: list[Any] = [[], 5, {}, {"status": "odd"}, {"status": "valid", "identifier": None}]
        for path in ("/authorization", "/order"):
            for body in bodies:
                self.authority.on(path, Answer(body, 200, {"Location": f"{self.authority.uri}/order/1"}))
                self.assertRegex(self.fault(Unreachable), "^127.* sent what is no ACME: ")
        self.authority.on("/order", self.state("pending"))
        self.assertRegex(self.fault(Unreachable), "sent what is no ACME: .*an order without a place$")

    def test_the_authority_says_how_often_it_is_asked(self) -> None:
        slow = self.state("processing", {"Retry-After": "7"})
        slower = self.state("processing", {"Retry-After": "4000"})
        self.authorize(["valid"])
        self.place(self.state("ready"), slow, slower, self.state("valid", certificate="/certificate"))
        self.order()
        self.assertEqual(self.pauses[1:], [7.0, 60.0])

    def test_one_that_does_not_come_to_an_end_is_not_waited_for_for_ever(self) -> None:
        self.authorize(["pending"])
        self.assertRegex(self.fault(), "^127.* has not validated the names after 5 min$")
        self.assertLess(sum(self.pauses), 310.0)
        self.authorize(["valid"])
        self.place(self.state("processing"))
        self.assertRegex(self.fault(), "has not issued the certificate after 5 min$")

    def test_an_order_that_fails_is_told(self) -> None:
        self.authorize(["valid"])
        error = {"type": "urn:ietf:params:acme:error:caa", "detail": "CAA record forbids it"}
        self.place(self.state("ready"), self.state("invalid", error=error))
        self.assertRegex(self.fault(), r"does not issue the certificate: CAA record forbids it \(caa\)$")
        self.place(self.state("ready"), self.state("invalid"))
        self.assertRegex(self.fault(), "does not issue the certificate: it gives no reason$")

    def test_an_order_that_is_not_ready_though_it_said_so_is_finalized_later(self) -> None:
        self.authority.on("/finalize", problem("orderNotReady", "not yet"), self.state("processing"))
        self.authorize(["valid"])
        self.place(self.state("ready"), self.state("ready"), self.state("valid", certificate="/certificate"))
        self.order()
        self.assertEqual(len(self.authority.payloads("/finalize")), 2)

    def test_a_request_that_the_authority_does_not_take_is_told(self) -> None:
        self.authorize(["valid"])
        self.authority.on("/finalize", problem("badCSR", "no such curve"))
        self.assertRegex(self.fault(), r"says: no such curve \(badCSR\)$")

    def test_a_limit_is_told_with_its_time(self) -> None:
        self.authority.on("/order", problem("rateLimited", "too many", 429, **{"Retry-After": "3000"}))
        with self.assertRaisesRegex(AcmeError, r"says: too many \(rateLimited\)$") as caught:
            self.order()
        self.assertEqual(caught.exception.retry_after, 3000.0)

    def test_the_earlier_certificate_is_named_where_the_authority_knows_what_that_means(self) -> None:
        self.order(certificate())
        self.authority.offer(renewalInfo="/renewal")
        self.order(certificate())
        first, second = self.authority.payloads("/order")
        self.assertNotIn("replaces", first)
        self.assertEqual(second["replaces"], EXAMPLE)

    def test_an_earlier_certificate_that_is_not_accepted_is_not_named_again(self) -> None:
        self.authority.offer(renewalInfo="/renewal")
        [placed] = self.authority.answers["/order"]
        for refusal in (problem("alreadyReplaced", "replaced before", 409), problem("malformed", "unknown", 400)):
            self.authority.on("/order", refusal, placed)
            self.authority.asked.clear()
            self.order(certificate())
            first, second = self.authority.payloads("/order")
            self.assertEqual(("replaces" in first, "replaces" in second), (True, False))
            self.authorize(["pending"], ["valid"])
            self.place(self.state("ready"), self.state("valid", certificate="/certificate"))

    def test_a_limit_is_no_reason_to_ask_again_at_once(self) -> None:
        self.authority.offer(renewalInfo="/renewal")
        self.authority.on("/order", problem("rateLimited", "too many", 429))
        with self.assertRaises(AcmeError):
            self.order(certificate())
        self.assertEqual(len(self.authority.payloads("/order")), 1)

    def test_an_account_that_is_unknown_is_made_again_once(self) -> None:
        self.authority.on("/order", problem("accountDoesNotExist", "who are you", 400))
        with self.assertRaisesRegex(AcmeError, "who are you"):
            self.order()
        self.assertEqual(["jwk" in head for head in self.authority.heads["/account"]], [True, True])
        self.assertEqual(len(self.authority.payloads("/order")), 2)

    def test_what_is_given_up_leaves_no_answer(self) -> None:
        self.authorize(["pending"])

        def pause(seconds: float) -> None:
            if seconds:
                self.assertEqual(list(self.tls), ["example.org"])
                raise Abandoned

        with self.assertRaises(Abandoned):
            order(self.authority.wanted(Path(self.mktemp())), self.answers, pause, None)
        self.assertEqual((self.http, self.tls), ({}, {}))
