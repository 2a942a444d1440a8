"""Which command makes the browsers of which machine trust an authority."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from duck_tx.https.trust import command, trust
from tests.case import UnitTestCase

_CA = Path("/srv/my site/.duck/development/ca.pem")
_NAME = "duck_tx development CA (my site)"


def _command(*programs: str, platform: str = "linux", profiles: Sequence[str] = ()) -> str:
    return command(_CA, _NAME, platform=platform, programs=programs, profiles=profiles)


class CommandTests(UnitTestCase):
    def test_on_linux_it_is_the_database_that_browsers_ask(self) -> None:
        for others in ((), ("apt-get", "update-ca-certificates"), ("trust",)):
            self.assertEqual(
                _command("certutil", *others),
                'mkdir -p ~/.pki/nssdb && certutil -d "sql:$HOME/.pki/nssdb" -A -t C,, '
                "-n 'duck_tx development CA (my site)' -i '/srv/my site/.duck/development/ca.pem'",
            )

    def test_browsers_that_have_databases_of_their_own_are_told_too(self) -> None:
        self.assertEqual(
            _command("certutil", profiles=[".mozilla", "snap"]).partition(" && find ")[2],
            "~/.mozilla ~/snap -name cert9.db -execdir certutil -d sql:. -A -t C,, "
            "-n 'duck_tx development CA (my site)' -i '/srv/my site/.duck/development/ca.pem' \\;",
        )

    def test_on_debian_and_ubuntu_the_program_for_that_is_installed_first(self) -> None:
        found = _command("apt-get", "trust", "update-ca-certificates")
        self.assertEqual(found, f"sudo apt-get install libnss3-tools && {_command('certutil')}")

    def test_on_fedora_it_is_trust(self) -> None:
        self.assertEqual(_command("trust"), "sudo trust anchor '/srv/my site/.duck/development/ca.pem'")

    def test_on_other_systems_it_is_where_all_programs_look(self) -> None:
        copied, _, update = _command("update-ca-certificates").partition(" && ")
        self.assertEqual(
            shlex.split(copied),
            ["sudo", "cp", str(_CA), "/usr/local/share/ca-certificates/duck_tx-development-CA--my-site.crt"],
        )
        self.assertEqual(update, "sudo update-ca-certificates")

    def test_on_macos_it_is_the_keychain(self) -> None:
        # A certutil there is not the one of NSS.
        found = shlex.split(_command("certutil", platform="darwin"))
        self.assertEqual(found[:5], ["security", "add-trusted-cert", "-r", "trustRoot", "-p"])
        self.assertEqual(found[-1], str(_CA))

    def test_where_there_is_none_it_is_said_what_to_do(self) -> None:
        self.assertTrue(_command().startswith("import '/srv/my site/.duck/development/ca.pem' into the browser"))


class TrustTests(UnitTestCase):
    def test_on_this_machine_there_is_one(self) -> None:
        found = trust(_CA, _NAME)
        self.assertIn("'/srv/my site/.duck/development/ca.pem'", found)
        self.assertEqual(len(found.splitlines()), 1)
