"""When the authority would like a certificate to be renewed (RFC 9773)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from duck_tx.https.acme.advice import advice, certificate_id
from duck_tx.https.acme.failure import AcmeError
from duck_tx.https.acme.plan import ADVICE_LASTS, Advice, Window
from tests.case import UnitTestCase
from tests.unit.certificates import DAY, NOW, issue
from tests.unit.scripted import Answer, ScriptedAuthority, problem

EXAMPLE = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
"""The identifier of the example certificate in RFC 9773 4.1, whose parts follow."""
EXAMPLE_ISSUER = bytes.fromhex("69885b6b87464041e1b37b847ba0ae2cde01c8d4")
EXAMPLE_SERIAL = 0x87654321


def certificate(serial: int = EXAMPLE_SERIAL, issuer: bytes | None = EXAMPLE_ISSUER) -> x509.Certificate:
    """A certificate that names the key of its issuer, or does not."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.AuthorityKeyIdentifier(issuer, None, None), critical=False)
    )
    return builder.sign(key, hashes.SHA256())


class CertificateIdTests(UnitTestCase):
    def test_it_is_that_of_the_example_in_the_rfc(self) -> None:
        self.assertEqual(certificate_id(certificate()), EXAMPLE)

    def test_a_serial_number_has_a_zero_in_front_only_where_der_needs_it(self) -> None:
        self.assertEqual(str(certificate_id(certificate(0x7F))).partition(".")[2], "fw")
        self.assertEqual(str(certificate_id(certificate(0x80))).partition(".")[2], "AIA")

    def test_a_certificate_that_does_not_name_its_issuer_s_key_has_none(self) -> None:
        self.assertIsNone(certificate_id(issue("example.org").certificate))


class AdviceTests(UnitTestCase):
    def setUp(self) -> None:
        self.authority = ScriptedAuthority(self)
        self.authority.offer(renewalInfo="/renewal/")
        self.leaf = certificate()

    def ask(self) -> Advice:
        return advice(self.authority.wanted(Path(self.mktemp())), self.leaf, lambda seconds: None)

    def answer(self, start: str, end: str, headers: dict[str, str] | None = None, **more: Any) -> None:
        body = {"suggestedWindow": {"start": start, "end": end}, **more}
        self.authority.on(f"/renewal/{EXAMPLE}", Answer(body, 200, headers or {}))

    def test_the_window_is_told_with_the_page_that_explains_it(self) -> None:
        self.answer(
            "2026-12-01T04:00:00Z",
            "2026-12-03T04:00:00.123456789+01:00",
            {"Retry-After": "21600"},
            explanationURL="https://ca.example/why",
        )
        window = Window(datetime(2026, 12, 1, 4, tzinfo=UTC), datetime(2026, 12, 3, 3, tzinfo=UTC))
        told = self.ask()
        assert told.window is not None
        self.assertEqual(told.window.start, window.start)
        self.assertLess(abs((told.window.end - window.end).total_seconds()), 1)
        self.assertEqual((told.again, told.why), (21600.0, "https://ca.example/why"))

    def test_it_is_asked_again_within_reason(self) -> None:
        for said, again in (("1", 60.0), ("999999999", 86400.0), ("", ADVICE_LASTS)):
            self.answer("2026-12-01T04:00:00Z", "2026-12-03T04:00:00Z", {"Retry-After": said})
            self.assertEqual(self.ask().again, again)

    def test_an_authority_without_an_opinion_is_asked_again_after_a_day(self) -> None:
        self.authority.offer()
        self.assertEqual(self.ask(), Advice(None, 86400.0))

    def test_a_certificate_that_cannot_be_named_is_not_asked_about(self) -> None:
        self.leaf = issue("example.org").certificate
        self.assertEqual(self.ask(), Advice(None, 86400.0))

    def test_anything_else_is_an_error_that_says_so(self) -> None:
        for answer in (
            problem("serverInternal", "oh", 500),
            Answer(b"<html>"),
            Answer({}),
            Answer([]),
            Answer({"suggestedWindow": 5}),
            Answer({"suggestedWindow": {"start": "2026-12-01T04:00:00Z"}}),
            Answer({"suggestedWindow": {"start": "yesterday", "end": "tomorrow"}}),
        ):
            self.authority.on(f"/renewal/{EXAMPLE}", answer)
            with self.assertRaises(AcmeError, msg=str(answer)):
                self.ask()

    def test_a_page_that_would_leave_its_line_is_left_out(self) -> None:
        self.answer("2026-12-01T04:00:00Z", "2026-12-03T04:00:00Z", explanationURL="https://x\r\n")
        self.assertIsNone(self.ask().why)
