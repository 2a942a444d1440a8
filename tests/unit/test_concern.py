"""What is told of certificates that can be used all the same."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from duck_tx.https.concern import concerns, exposed, is_for_everybody, not_covered
from duck_tx.https.credential import Credential, read_credential
from tests.case import UnitTestCase
from tests.unit.certificates import DAY, NOW, Party, authority, cert_pem, issue

ROOT = authority("root")
MIDDLE = authority("middle", ROOT, ends=NOW + 30 * DAY)


def credential(party: Party, *others: Party) -> Credential:
    return read_credential(cert_pem(*(each.certificate for each in (party, *others))), party.key_pem, "site.pem")


class ConcernTests(UnitTestCase):
    def test_a_usual_certificate_is_none(self) -> None:
        self.assertEqual(list(concerns(credential(issue("a.example", issuer=MIDDLE), MIDDLE, ROOT), NOW)), [])

    def test_a_name_in_the_old_way_only(self) -> None:
        [said] = concerns(credential(issue(subject="a.example", issuer=ROOT)), NOW)
        self.assertIn("site.pem: this certificate names its host in the old way only", said)

    def test_an_issuer_that_has_expired(self) -> None:
        [said] = concerns(credential(issue("a.example", issuer=MIDDLE), MIDDLE), NOW + 31 * DAY)
        self.assertIn("site.pem: the certificate of its issuer expired on 2026-12-22 09:30 UTC. Put the", said)

    def test_certificates_that_do_not_belong(self) -> None:
        [said] = concerns(credential(issue("a.example", issuer=MIDDLE), MIDDLE, authority("other")), NOW)
        self.assertEqual(said, "site.pem: a certificate in it (other) is no part of the chain. Remove it.")


class CoverTests(UnitTestCase):
    def setUp(self) -> None:
        self.credentials = [credential(issue("a.example", "192.0.2.1")), credential(issue("*.b.example"))]

    def uncovered(self, *names: str) -> list[str]:
        lines = not_covered(names, self.credentials)
        for line in lines:
            self.assertRegex(
                line, r"^no certificate is for \S+, as which this server is known: browsers will warn\. Have "
            )
        return [line.split()[4].rstrip(",") for line in lines]

    def test_names_that_a_certificate_is_for_are_no_concern(self) -> None:
        self.assertEqual(self.uncovered("A.example.", "www.b.example"), [])

    def test_each_name_that_none_is_for_is_told_once(self) -> None:
        self.assertEqual(self.uncovered("c.example", "a.example", "b.example", "C.example"), ["c.example", "b.example"])

    def test_beside_a_public_name_an_address_does_not_matter(self) -> None:
        self.assertEqual(self.uncovered("a.example", "127.0.0.1", "localhost", "[::1]"), [])

    def test_without_a_public_name_everything_matters(self) -> None:
        self.assertEqual(self.uncovered("localhost", "192.0.2.1", "[::1]"), ["localhost", "::1"])

    def test_nothing_is_missed_where_there_is_no_name(self) -> None:
        self.assertEqual(self.uncovered(), [])


class ExposedTests(UnitTestCase):
    def test_a_file_is_for_everybody_if_all_above_it_are(self) -> None:
        self.assertTrue(is_for_everybody([0o644, 0o755, 0o711]))
        for modes in ([0o640, 0o755, 0o755], [0o644, 0o700, 0o755], [0o644, 0o755, 0o750], [0o641, 0o755]):
            self.assertFalse(is_for_everybody(modes), modes)

    def test_a_key_that_everybody_can_read_is_told_with_the_command_that_mends_it(self) -> None:
        folder = Path(tempfile.mkdtemp(dir="/tmp"))
        self.addCleanup(shutil.rmtree, folder)
        key = folder / "my key.pem"
        key.write_bytes(b"")
        key.chmod(0o644)
        self.assertIsNone(exposed(key))
        folder.chmod(0o755)
        self.assertEqual(
            exposed(key),
            f"{key}: every user of this machine can read this private key. Allow its owner only: chmod 600 '{key}'",
        )
        key.chmod(0o640)
        self.assertIsNone(exposed(key))

    def test_a_key_that_is_not_there_is_exposed_to_nobody(self) -> None:
        self.assertIsNone(exposed(Path(self.mktemp())))
