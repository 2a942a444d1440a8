"""The certificates of a running server: their files change, and their time runs out."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta

from duck_tx.errors import SSLError
from duck_tx.settings import CertificateSettings
from tests.unit.certificate_case import OTHER, RENEWED, SITE, CertificateCase
from tests.unit.certificates import DAY, NOW, issue, write_pair
from tests.unit.logged import logged_lines


class WatchTests(CertificateCase):
    def test_new_files_are_in_use_after_the_next_look(self) -> None:
        service = self.started()
        self.renew()
        self.assert_serves(service, SITE)
        self.assertEqual(
            self.look(),
            [f"{self.certfile}: serving the certificate for example.org, valid until 2027-04-21 09:30 UTC"],
        )
        self.assert_serves(service, RENEWED)
        self.assertEqual(self.look(), [])

    def test_what_has_not_changed_keeps_its_context(self) -> None:
        write_pair(self.live / "a", OTHER)
        service = self.started(folder=str(self.live))
        context = service.store.context_for("other.example")
        self.renew()
        self.look()
        self.assertIs(service.store.context_for("other.example"), context)

    def test_the_keys_of_session_tickets_are_changed_once_a_day(self) -> None:
        service = self.started()
        first = service.store.context_for(None)
        self.clock.pump([10.0] * 8_638)
        self.assertIs(service.store.context_for(None), first)
        self.clock.pump([10.0] * 3)
        second = service.store.context_for(None)
        self.assertIsNot(second, first)
        self.assert_serves(service, SITE)
        self.clock.pump([10.0] * 100)
        self.assertIs(service.store.context_for(None), second)

    def test_the_application_may_change_the_current_directory(self) -> None:
        relative = {"certfile": os.path.relpath(self.certfile), "private_key": os.path.relpath(self.key)}
        service = self.started(**relative)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir("/")
        self.renew()
        self.look()
        self.assert_serves(service, RENEWED)

    def test_a_bad_file_leaves_the_old_one_serving_and_is_told_once(self) -> None:
        service = self.started()
        self.certfile.write_bytes(b"garbage")
        [line] = self.look()
        self.assertTrue(line.startswith(f"change not taken over: {self.certfile}: this is not PEM"), line)
        self.assertEqual(self.look(), [])
        self.assert_serves(service, SITE)

    def test_files_written_one_after_the_other_make_no_noise(self) -> None:
        service = self.started()
        self.certfile.write_bytes(RENEWED.pem)
        self.assertEqual(self.look(), [])
        self.key.write_bytes(RENEWED.key_pem)
        self.assertIn("serving the certificate", self.look()[0])
        self.assert_serves(service, RENEWED)

    def test_the_last_certificate_is_not_given_up(self) -> None:
        write_pair(self.live / "a", OTHER)
        service = self.started(site=False, folder=str(self.live), names=())
        for path in (self.live / "a").iterdir():
            path.unlink()
        self.look()
        self.look()
        self.assert_serves(service, OTHER)

    def test_a_look_that_fails_is_logged_and_not_the_last(self) -> None:
        service = self.started()
        self.has_clock = False
        self.assertEqual(self.look(), ["looking at the certificates failed"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.has_clock = True
        self.renew()
        self.look()
        self.assert_serves(service, RENEWED)

    def test_it_looks_as_often_as_the_settings_say(self) -> None:
        self.started()
        self.assertEqual([call.getTime() for call in self.clock.calls], [10.0])
        self.clock.advance(10)
        self.assertEqual([call.getTime() for call in self.clock.calls], [20.0])

    def test_a_problem_with_what_is_made_here_is_told_once(self) -> None:
        self.is_development = True
        service = self.started(site=False)
        shutil.rmtree(self.state)
        self.state.touch()
        [line] = self.look(service.store.credentials[0].expires - self.now)
        self.assertIn(f"the development certificates cannot be kept in {self.state}", line)
        self.assertEqual(self.look(), [])


class ReloadTests(CertificateCase):
    def test_changed_files_are_in_use_at_once(self) -> None:
        service = self.started()
        self.renew()
        self.assertEqual([each.chain[0] for each in service.reload()], [RENEWED.certificate])
        self.assert_serves(service, RENEWED)
        self.assertEqual(self.look(), [])

    def test_a_fault_is_raised_and_all_else_is_new(self) -> None:
        write_pair(self.live / "a", OTHER)
        service = self.started(folder=str(self.live))
        newer = issue("other.example")
        write_pair(self.live / "a", newer)
        self.key.write_bytes(OTHER.key_pem)
        with self.assertRaisesRegex(SSLError, "does not belong to this certificate"):
            service.reload()
        self.assert_serves(service, SITE, newer)

    def test_faults_beside_the_first_are_logged(self) -> None:
        certfile, key = write_pair(self.folder / "second", OTHER)
        second = CertificateSettings(certfile=str(certfile), private_key=str(key))
        service = self.started(certificates=(second,))
        for path in (self.key, key):
            path.unlink()
        with logged_lines() as lines, self.assertRaisesRegex(SSLError, "site/privkey.pem: there is no such file"):
            service.reload()
        self.assertEqual(
            lines,
            [f"change not taken over: {key}: there is no such file for the private key. Mend the path."],
        )
        self.assert_serves(service, SITE, OTHER)

    def test_every_fault_is_told_each_time(self) -> None:
        service = self.started()
        self.certfile.write_bytes(b"garbage")
        for _ in range(2):
            with self.assertRaisesRegex(SSLError, "not PEM"):
                service.reload()


class ExpiryTests(CertificateCase):
    def expiry_lines(self, passes: timedelta) -> list[str]:
        return [line for line in self.look(passes) if "expire" in line]

    def test_it_is_told_once_a_day_from_fourteen_days_before(self) -> None:
        self.started()
        self.assertEqual(self.expiry_lines(75 * DAY), [])
        told = [self.expiry_lines(DAY / 4) for _ in range(12)]
        self.assertEqual([len(lines) for lines in told], [0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0])
        self.assertEqual(
            told[3],
            [
                f"{self.certfile}: the certificate for example.org, www.example.org expires in 14 days, on 2027-02-20"
                " 09:30 UTC; renew it"
            ],
        )

    def test_it_is_told_once_when_it_has_expired_and_goes_on_serving(self) -> None:
        service = self.started()
        [line] = self.expiry_lines(91 * DAY)
        self.assertIn("expired on 2027-02-20 09:30 UTC and is served on; renew it", line)
        for _ in range(3):
            self.assertEqual(self.expiry_lines(DAY), [])
        self.assert_serves(service, SITE)

    def test_one_that_is_near_its_end_is_told_at_the_start(self) -> None:
        self.now = NOW + 85 * DAY
        with logged_lines() as lines:
            self.started()
        self.assertIn("expires in 5 days", lines[-1])

    def test_a_renewal_ends_it(self) -> None:
        self.started()
        self.assertEqual(len(self.expiry_lines(80 * DAY)), 1)
        self.renew()
        self.assertEqual(self.expiry_lines(DAY), [])

    def test_many_names_do_not_fill_the_line(self) -> None:
        many = issue(*(f"n{number}.example" for number in range(100)), ends=NOW + DAY)
        self.renew(many)
        with logged_lines() as lines:
            self.started(names=())
        self.assertIn("n4.example and 95 more expires in 1 day,", lines[-1])
