"""What one process tells others of the answers to challenges."""

from __future__ import annotations

from duck_tx.errors import SSLError
from duck_tx.https.acme.answer import TLS_ALPN_01, Answers, answering_credential
from duck_tx.https.context import challenge_context
from duck_tx.https.credential import Credential
from duck_tx.https.handover import Shown, packed, unpacked
from tests.case import UnitTestCase
from tests.unit.certificates import NOW


class ShownTests(UnitTestCase):
    def setUp(self) -> None:
        self.told: list[tuple[str, int | None]] = []
        self.shown = Shown[str, int](lambda key, value: self.told.append((key, value)))

    def test_what_comes_and_goes_is_told(self) -> None:
        self.shown["a"] = 1
        self.assertEqual((self.shown, self.told), ({"a": 1}, [("a", 1)]))
        self.assertEqual(self.shown.pop("a"), 1)
        self.assertEqual((self.shown, self.told), ({}, [("a", 1), ("a", None)]))

    def test_what_was_not_there_does_not_go(self) -> None:
        self.assertIsNone(self.shown.pop("a", None))
        self.assertEqual(self.told, [])

    def test_answers_tell_before_an_authority_is_asked_to_look(self) -> None:
        order: list[str] = []
        tls = Shown[str, Credential](lambda name, shown: order.append("shown" if shown else "gone"))
        answers = Answers(None, tls, lambda credential: credential, lambda: order.append("settled"))  # type: ignore[arg-type, return-value]
        with answers.shown(TLS_ALPN_01, "example.org", "a-token", "a-token.key"):
            order.append("asked")
        self.assertEqual(order, ["shown", "settled", "asked", "gone"])


class PackedTests(UnitTestCase):
    def test_a_credential_arrives_as_it_was_sent(self) -> None:
        credential = answering_credential("example.org", "a-token.key", NOW)
        arrived = unpacked(packed(credential))
        self.assertEqual(arrived.chain, credential.chain)
        self.assertEqual(arrived.key.public_key(), credential.key.public_key())
        challenge_context(arrived)

    def test_anything_else_is_refused(self) -> None:
        self.assertRaises(SSLError, unpacked, b"anything")
