"""The certificates of a server, from its start to its stop."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from OpenSSL import SSL

from duck_tx.errors import SSLError
from duck_tx.https.credential import Credential
from duck_tx.settings import AcmeSettings, CertificateSettings
from tests.unit.certificate_case import OTHER, RENEWED, SITE, CertificateCase
from tests.unit.certificates import DAY, NOW, issue, write_pair
from tests.unit.logged import logged_lines


class StartTests(CertificateCase):
    def test_the_files_are_in_use_when_it_has_started(self) -> None:
        with logged_lines() as lines:
            service = self.started()
        self.assert_serves(service, SITE)
        self.assertEqual(
            lines,
            [
                f"{self.certfile}: serving the certificate for example.org, www.example.org, valid until 2027-02-20"
                " 09:30 UTC"
            ],
        )

    def test_files_are_read_before_privileges_are_given_up_and_not_again(self) -> None:
        service = self.service()
        service.privilegedStartService()
        self.key.unlink()
        service.startService()
        self.assert_serves(service, SITE)

    def test_it_starts_without_ever_having_had_privileges(self) -> None:
        service = self.service()
        service.startService()
        self.assert_serves(service, SITE)

    def test_sources_come_in_order_and_the_first_is_the_default(self) -> None:
        named, key = write_pair(self.folder / "named", OTHER)
        in_folder, by_acme = issue("*.example.org"), issue("example.org")
        write_pair(self.live / "a", in_folder)
        write_pair(self.state / "acme" / "live" / "example.org", by_acme)
        service = self.started(
            certificates=(CertificateSettings(certfile=str(named), private_key=str(key)),),
            folder=str(self.live),
            acme=AcmeSettings(email="me@example.org"),
        )
        self.assert_serves(service, SITE, OTHER, in_folder, by_acme)
        self.assertEqual(self.shown(service, "unknown.example"), SITE.certificate)
        self.assertEqual(self.shown(service, "example.org"), SITE.certificate)
        self.assertEqual(self.shown(service, "mail.example.org"), in_folder.certificate)

    def test_what_acme_left_is_of_no_interest_without_acme(self) -> None:
        write_pair(self.state / "acme" / "live" / "example.org", OTHER)
        self.assert_serves(self.started(), SITE)

    def test_a_key_in_the_file_of_its_certificate_needs_no_name(self) -> None:
        self.certfile.write_bytes(SITE.key_pem + SITE.pem)
        self.assert_serves(self.started(private_key=None), SITE)

    def test_a_bad_file_stops_the_start_and_leaves_nothing_in_use(self) -> None:
        self.key.write_bytes(OTHER.key_pem)
        service = self.service()
        with self.assertRaisesRegex(SSLError, "does not belong to this certificate"):
            service.privilegedStartService()
        self.assertEqual((service.store.credentials, self.clock.calls), ((), []))

    def test_of_a_folder_one_bad_certificate_is_left_out(self) -> None:
        write_pair(self.live / "bad", issue("bad.example", ends=NOW - DAY))
        write_pair(self.live / "good", OTHER)
        with logged_lines() as lines:
            service = self.started(site=False, folder=str(self.live), names=("other.example",))
        self.assert_serves(service, OTHER)
        self.assertIn("left out: ", lines[0] + lines[1])
        self.assertEqual(len([line for line in lines if "bad.example) expired on" in line]), 1)

    def test_a_folder_without_a_good_certificate_stops_the_start(self) -> None:
        write_pair(self.live / "bad", issue("bad.example", ends=NOW - DAY))
        with self.assertRaisesRegex(SSLError, r"bad.example\) expired on"):
            self.started(site=False, folder=str(self.live))

    def test_an_empty_folder_stops_the_start_even_in_development(self) -> None:
        self.live.mkdir()
        self.is_development = True
        with self.assertRaisesRegex(SSLError, "live: there is no certificate in this folder"):
            self.started(site=False, folder=str(self.live))

    def test_an_empty_folder_is_no_matter_beside_another_certificate(self) -> None:
        self.live.mkdir()
        service = self.started(folder=str(self.live))
        self.assert_serves(service, SITE)
        write_pair(self.live / "other.example", OTHER)
        self.look()
        self.assert_serves(service, SITE, OTHER)

    def test_after_a_stop_it_can_start_again_and_reads_anew(self) -> None:
        service = self.started()
        service.stopService()
        self.assertEqual(self.clock.calls, [])
        self.renew()
        service.startService()
        self.assert_serves(service, RENEWED)

    def test_a_stop_without_a_start_is_done_at_once(self) -> None:
        self.assertIsNone(self.successResultOf(self.service().stopService()))


class NothingConfiguredTests(CertificateCase):
    def test_without_any_certificate_the_start_names_the_ways_to_one(self) -> None:
        with self.assertRaises(SSLError) as caught:
            self.started(site=False)
        said = str(caught.exception)
        for way in ("--certfile", "--private-key", "--acme", "server.debug"):
            self.assertIn(way, said)
        self.assertEqual(self.clock.calls, [])

    def test_in_development_one_is_made_and_said_to_be_of_no_other_use(self) -> None:
        self.is_development = True
        with logged_lines() as lines:
            service = self.started(site=False)
        [credential] = service.store.credentials
        self.assertTrue(credential.is_development)
        self.assertTrue(credential.covers("example.org") and credential.covers("localhost"))
        self.assertTrue(list((self.state / "development").iterdir()))
        self.assertIn("not for production", "\n".join(lines))

    def test_it_is_asked_at_the_start_whether_this_is_development(self) -> None:
        service = self.service(site=False)
        service.check()
        service.privilegedStartService()
        self.is_development = True
        service.startService()
        self.assertTrue(service.store.credentials[0].is_development)

    def test_while_acme_has_nothing_yet_another_stands_in(self) -> None:
        service = self.started(site=False, acme=AcmeSettings(email="me@example.org", names=("a.example",)))
        [credential] = service.store.credentials
        self.assertTrue(credential.is_development and credential.covers("a.example"))
        self.assertFalse(self.state.exists())

    def test_the_stand_in_goes_when_acme_has_one(self) -> None:
        service = self.started(site=False, acme=AcmeSettings(email="me@example.org"))
        write_pair(self.state / "acme" / "live" / "example.org", SITE)
        self.assertEqual(
            [each.source for each in service.reload()], [f"{self.state}/acme/live/example.org/fullchain.pem"]
        )
        self.assert_serves(service, SITE)

    def test_a_bad_one_from_acme_is_no_reason_not_to_start(self) -> None:
        write_pair(self.state / "acme" / "live" / "example.org", issue("example.org", ends=NOW - DAY))
        with logged_lines() as lines:
            service = self.started(site=False, acme=AcmeSettings(email="me@example.org"))
        self.assertTrue(service.store.credentials[0].is_development)
        self.assertIn("left out: ", lines[0])

    def test_what_stands_in_is_made_again_before_it_expires(self) -> None:
        service = self.started(site=False, acme=AcmeSettings(email="me@example.org"))
        [first] = service.store.credentials
        self.assertEqual(self.look(), [])
        self.look(first.expires - self.now - timedelta(hours=1))
        [second] = service.store.credentials
        self.assertGreater(second.expires, self.now + DAY)
        self.assertEqual(self.look(), [])


class CheckTests(CertificateCase):
    def test_good_files_pass_and_nothing_is_in_use(self) -> None:
        service = self.service()
        service.check()
        self.assertEqual((service.store.credentials, self.clock.calls), ((), []))
        self.assertFalse(self.state.exists())

    def test_the_first_fault_is_raised_and_the_others_are_logged(self) -> None:
        self.key.unlink()
        service = self.service(
            certificates=(CertificateSettings(certfile="gone.pem"), CertificateSettings(certfile="no.pem"))
        )
        with logged_lines() as lines, self.assertRaisesRegex(SSLError, "privkey.pem: there is no such file"):
            service.check()
        here = Path.cwd()
        self.assertEqual(
            [line.split(": ")[:2] for line in lines], [["duck", f"{here}/gone.pem"], ["duck", f"{here}/no.pem"]]
        )

    def test_what_openssl_does_not_take_is_found(self) -> None:
        def refuse(credential: Credential) -> SSL.Context:
            raise SSLError(f"{credential.source}: OpenSSL does not take this certificate")

        self.make_context = refuse
        with self.assertRaisesRegex(SSLError, "fullchain.pem: OpenSSL does not take this certificate"):
            self.service().check()

    def test_a_name_that_no_certificate_is_for_is_a_warning_once(self) -> None:
        service = self.service(names=("shop.example", "example.org"))
        with logged_lines() as lines:
            service.check()
            service.privilegedStartService()
            service.startService()
        self.assertEqual(len([line for line in lines if line.startswith("no certificate is for shop.example")]), 1)
        self.assertEqual(len([line for line in lines if line.startswith("no certificate")]), 1)

    def test_the_wrong_name_is_told_again_after_a_renewal_that_did_not_mend_it(self) -> None:
        service = self.started(names=("www.example.org",))
        self.assert_serves(service, SITE)
        self.renew()
        self.assertIn("no certificate is for www.example.org", "\n".join(self.look()))
        self.assert_serves(service, RENEWED)
