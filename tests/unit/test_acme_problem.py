"""What went wrong, in one line that a person can act on."""

from __future__ import annotations

import requests
from acme import errors, messages
from josepy.errors import DeserializationError

from duck_tx.https.acme.failure import AcmeError, Unreachable
from duck_tx.https.acme.problem import explained, problem
from tests.case import UnitTestCase


class Talk:
    """A conversation that has been had."""

    host = "ca.example"

    def __init__(self, retry_after: float | None = None) -> None:
        self.retry_after = retry_after


def said(error: BaseException, talk: Talk | None = None) -> AcmeError:
    """What becomes of ``error``."""
    try:
        with explained(talk or Talk()):
            raise error
    except AcmeError as explanation:
        return explanation


class ExplainedTests(UnitTestCase):
    def test_the_words_of_the_authority_are_repeated(self) -> None:
        explanation = said(messages.Error.with_code("rejectedIdentifier", detail="No certificates for .test."))
        self.assertEqual(str(explanation), "ca.example says: No certificates for .test (rejectedIdentifier)")
        self.assertEqual((explanation.code, explanation.retry_after), ("rejectedIdentifier", None))
        self.assertTrue(explanation.counts)

    def test_the_time_it_asks_for_is_kept(self) -> None:
        error = messages.Error.with_code("rateLimited", detail="too many")
        self.assertEqual(said(error, Talk(120.0)).retry_after, 120.0)

    def test_a_limit_without_a_time_lasts_an_hour(self) -> None:
        self.assertEqual(said(messages.Error.with_code("rateLimited", detail="too many")).retry_after, 3600.0)

    def test_what_is_expected_already_and_what_nobody_foresaw_pass(self) -> None:
        for error in (AcmeError("as it is"), KeyError("a mistake")):
            with self.assertRaises(type(error)) as caught, explained(Talk()):
                raise error
            self.assertIs(caught.exception, error)

    def test_what_it_does_can_be_said(self) -> None:
        refused = self.assertRaisesRegex(AcmeError, "^ca.example refuses the account: no ")
        with refused, explained(Talk(), "refuses the account"):
            raise messages.Error.with_code("unauthorized", detail="no")

    def test_network_trouble_does_not_count(self) -> None:
        for error, words in (
            (requests.ReadTimeout("slow"), "ca.example does not answer"),
            (requests.ConnectTimeout("slow"), "ca.example does not answer"),
            (requests.ConnectionError("gone"), "ca.example cannot be reached: gone"),
            (errors.MissingNonce(requests.Response()), "ca.example sends no nonce, as ACME wants it"),
            (errors.ClientError("odd"), "ca.example answered what is no ACME: odd"),
            (DeserializationError("odd"), "ca.example sent what is no ACME: Deserialization error: odd"),
        ):
            explanation = said(error)
            self.assertEqual(str(explanation), words)
            self.assertIsInstance(explanation, Unreachable)
            self.assertFalse(explanation.counts)

    def test_the_bottom_of_the_trouble_is_told(self) -> None:
        error = requests.ConnectionError("outside")
        error.__cause__ = OSError("middle")
        error.__cause__.__context__ = ConnectionRefusedError(111, "Connection refused")
        self.assertEqual(str(said(error)), "ca.example cannot be reached: Connection refused")


class ProblemTests(UnitTestCase):
    def test_what_it_says_of_each_name_is_told(self) -> None:
        error = messages.Error.from_json(
            {
                "type": "urn:ietf:params:acme:error:compound",
                "detail": "Some names are refused",
                "subproblems": [
                    {"type": "x:caa", "detail": "CAA", "identifier": {"type": "dns", "value": "a.example"}},
                    {"type": "urn:ietf:params:acme:error:dns"},
                ],
            }
        )
        self.assertEqual(
            problem(error), "Some names are refused; a.example: CAA; urn:ietf:params:acme:error:dns (compound)"
        )

    def test_the_mend_is_told_where_there_is_one(self) -> None:
        error = messages.Error.with_code("externalAccountRequired", detail="no binding")
        self.assertTrue(problem(error).endswith("; give https.acme.eab_key_id and https.acme.eab_hmac_key"))

    def test_it_stays_on_one_line_and_within_reason(self) -> None:
        told = problem(messages.Error(typ="x:y", detail="one\r\ntwo\x1b[31m" + "x" * 1000))
        self.assertTrue(told.startswith("one two [31mxxx"))
        self.assertTrue(told.isprintable())
        self.assertLess(len(told), 420)

    def test_without_a_reason_the_kind_is_told(self) -> None:
        self.assertEqual(problem(messages.Error(typ="x:y")), "no reason given (y)")
